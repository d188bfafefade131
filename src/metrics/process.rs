//! Metrics of this process from the kernel.

use rustix::process::{Resource, getrlimit};

use super::readings::Reading;
use crate::base::Timestamp;

/// The unit of processor time in Linux, per second (`USER_HZ`): the same for every program, whatever the tick of
/// the kernel.
const TICKS: f64 = 100.0;

/// The kernel's data about this process, under the metric names of the Prometheus client libraries. Unreadable
/// values are left out.
pub(super) fn of_process(started_at: Timestamp) -> Vec<Reading> {
    let mut shown = vec![Reading::gauge(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970",
        started_at.secs(),
    )];
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
    if let Some(ticks) = read("stat").as_deref().and_then(cpu_ticks) {
        let help = "Processor time used, of the user and of the system";
        shown.push(Reading::counter("process_cpu_seconds", help, ticks as f64 / TICKS));
    }
    if let Some(status) = read("status") {
        for (name, help, field) in [
            ("process_resident_memory_bytes", "Resident memory", "VmRSS:"),
            ("process_virtual_memory_bytes", "Virtual memory", "VmSize:"),
        ] {
            let kib = number_after(&status, field);
            shown.extend(kib.map(|kib| Reading::gauge(name, help, kib * 1024)));
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the directory itself.
        let open = open.count().saturating_sub(1);
        shown.push(Reading::gauge("process_open_fds", "Open file descriptors", open));
    }
    let most = getrlimit(Resource::Nofile).current;
    if let Some(most) = most {
        let help = "File descriptors that the process may open";
        shown.push(Reading::gauge("process_max_fds", help, most));
    }
    shown
}

/// Fields 14 and 15 of `stat`. The name before them may contain anything, and ends with the last bracket.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn number_after(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 0 0 20 0 5 0 100 1 2";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(number_after("VmPeak:\t 9 kB\nVmRSS:\t  123 kB\n", "VmRSS:"), Some(123));
    }
}
