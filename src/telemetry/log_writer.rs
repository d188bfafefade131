//! Log lines, written by a separate thread.
//!
//! A write per line would cost more than the routing of a request, and a stalled reader of a pipe would stall the
//! server. So lines are buffered for a moment and written together, and dropped and counted when the buffer is
//! full. Records that must not be lost belong in the audit trail, not in the log.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::metrics::LOST_LOG_LINES;

/// The most bytes that wait to be written.
const MAX_WAITING: usize = 1 << 20;
/// How long lines are collected before they are written.
const GATHER: Duration = Duration::from_millis(10);
/// The number of bytes at which lines are written immediately.
const ENOUGH: usize = MAX_WAITING / 4;
/// How long the shutdown waits for a reader of the remaining lines.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Buffered lines for one output.
pub(super) struct Lines(Mutex<Waiting>, Condvar);

struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    way: Way,
}

/// The route of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The thread that logs it writes it.
    Direct,
    /// A separate thread writes it.
    LogWriter,
    /// Closed: the thread is blocked by its reader, and no other thread may wait for it.
    Closed,
}

impl Lines {
    pub(super) const fn new() -> Self {
        let waiting = Waiting { bytes: Vec::new(), lost: 0, way: Way::Direct };
        Self(Mutex::new(waiting), Condvar::new())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Buffers a line; `false` if it must be written directly.
    pub(super) fn take(&self, line: &[u8]) -> bool {
        let mut waiting = self.lock();
        match waiting.way {
            Way::Direct => return false,
            Way::Closed => return true,
            Way::LogWriter => {}
        }
        let before = waiting.bytes.len();
        if before + line.len() > MAX_WAITING {
            waiting.lost += 1;
            return true;
        }
        waiting.bytes.extend_from_slice(line);
        let urgent = before < ENOUGH && before + line.len() >= ENOUGH;
        drop(waiting);
        if before == 0 || urgent {
            self.1.notify_one();
        }
        true
    }

    /// Writes lines until the buffer is closed, and then the remaining ones.
    fn pump(&self, out: &mut impl Write) {
        let mut batch = Vec::new();
        loop {
            let mut waiting = self
                .1
                .wait_while(self.lock(), |waiting| {
                    waiting.bytes.is_empty() && waiting.way == Way::LogWriter
                })
                .unwrap_or_else(PoisonError::into_inner);
            if waiting.bytes.is_empty() {
                return;
            }
            let few = |waiting: &mut Waiting| {
                waiting.bytes.len() < ENOUGH && waiting.way == Way::LogWriter
            };
            waiting = self
                .1
                .wait_timeout_while(waiting, GATHER, few)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            std::mem::swap(&mut batch, &mut waiting.bytes);
            let lost = std::mem::take(&mut waiting.lost);
            drop(waiting);
            // A failed write of the log cannot be reported.
            let _ = out.write_all(&batch);
            batch.clear();
            if lost > 0 {
                LOST_LOG_LINES.fetch_add(lost, Ordering::Relaxed);
                tracing::warn!(
                    lost,
                    "log lines were dropped: they were written faster than they were read"
                );
            }
        }
    }

    fn turn(&self, way: Way) {
        self.lock().way = way;
        self.1.notify_one();
    }
}

/// The thread that writes log lines. Dropping it waits for the remaining lines.
pub struct LogWriter {
    lines: &'static Lines,
    ended: Option<Receiver<()>>,
}

impl LogWriter {
    /// Starts the thread. Without it, lines are written by the threads that log them.
    pub(super) fn start(lines: &'static Lines, mut out: impl Write + Send + 'static) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        lines.turn(Way::LogWriter);
        let pump = move || {
            lines.pump(&mut out);
            drop(end);
        };
        let started = std::thread::Builder::new().name("log".to_owned()).spawn(pump);
        if started.is_err() {
            lines.turn(Way::Direct);
            let _ = io::stderr().write_all(&std::mem::take(&mut lines.lock().bytes));
        }
        Self { lines, ended: started.is_ok().then_some(ended) }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.lines.turn(Way::Direct);
        if let Some(ended) = &self.ended
            // Disconnected as soon as the thread has ended.
            && ended.recv_timeout(LAST_CALL) == Err(RecvTimeoutError::Timeout)
        {
            self.lines.turn(Way::Closed);
        }
    }
}

/// Buffered standard error, with each line made safe for a terminal.
pub(super) struct Stderr(pub(super) &'static Lines, pub(super) fn(&str) -> Cow<'_, str>);

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// The subscriber passes each event in one call.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let line = match std::str::from_utf8(line) {
            // The subscriber has escaped the control characters of ASCII.
            Ok(text) if !text.is_ascii() => &Cow::into_owned(self.1(text)).into_bytes(),
            _ => line,
        };
        if self.0.take(line) { Ok(()) } else { io::stderr().write_all(line) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink {
        written: Arc<Mutex<Vec<u8>>>,
        stuck: Arc<Mutex<()>>,
        entered: Arc<AtomicBool>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.entered.store(true, Ordering::SeqCst);
            let _free = self.stuck.lock().unwrap();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.written.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn lines() -> &'static Lines {
        Box::leak(Box::new(Lines::new()))
    }

    #[test]
    fn every_line_arrives_whole_and_each_thread_s_in_its_order() {
        let (lines, sink) = (lines(), Sink::default());
        let log_writer = LogWriter::start(lines, sink.clone());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for number in 0..1000 {
                        assert!(lines.take(format!("{thread} {number}\n").as_bytes()));
                    }
                });
            }
        });
        drop(log_writer);
        let written = sink.lines();
        assert_eq!(written.len(), 4000);
        for thread in 0..4 {
            let own = written.iter().filter(|line| line.starts_with(&format!("{thread} ")));
            let wanted = (0..1000).map(|number| format!("{thread} {number}"));
            assert!(own.cloned().eq(wanted), "{thread}");
        }
        assert!(!lines.take(b"late\n"), "after the end a line is written where it arises");
    }

    #[test]
    fn a_thread_with_a_line_never_waits_for_a_reader() {
        let (lines, sink) = (lines(), Sink::default());
        let stuck = sink.stuck.clone();
        let held = stuck.lock().unwrap();
        let log_writer = LogWriter::start(lines, sink.clone());
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        assert!(lines.take(&line));
        while !sink.entered.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        // The first is being written, so nothing else is removed.
        for _ in 0..5000 {
            assert!(lines.take(&line));
        }
        assert_eq!(lines.lock().lost, 5000 - 1024);
        drop(held);
        drop(log_writer);
        assert_eq!(sink.lines().len(), 1 + 1024);
    }

    #[test]
    fn a_reader_that_does_not_come_back_holds_up_no_thread_after_the_end() {
        let (lines, sink) = (lines(), Sink::default());
        let stuck = sink.stuck.clone();
        let held = stuck.lock().unwrap();
        let log_writer = LogWriter::start(lines, sink.clone());
        assert!(lines.take(b"before\n"));
        drop(log_writer);
        assert!(lines.take(b"after\n"), "written by no thread");
        drop(held);
    }
}
