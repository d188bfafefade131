//! The load driver: a number of connections, each with one request in flight.
//!
//! Owns the part of HTTP/1.1 that a benchmark needs: keep-alive, and one response with a length for each
//! request. One thread and no allocation per request, so that the server is measured; the CPU time of the
//! driver is part of the result.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::cpu;

/// The requests of one connection, and the handling of its responses.
pub trait Talk {
    /// Writes the next complete request; `false` if there are no more.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;
    /// Handles the response; `false` if it is not the expected one.
    fn hear(&mut self, status: u16, head: &str, body: &[u8]) -> bool;
    /// The time from one request to the next; `None` for the maximum rate.
    fn every(&self) -> Option<Duration> {
        None
    }
}

/// The duration of a measurement.
#[derive(Clone, Copy)]
pub struct Plan {
    /// The time before the measurement, which is not counted.
    pub warm: Duration,
    /// The time that is counted.
    pub measure: Duration,
}

/// The result of a measurement.
#[derive(Default, Clone)]
pub struct Measured {
    /// The number of responses within the measured time.
    pub answers: usize,
    /// The number of unexpected responses among them.
    pub wrong: usize,
    /// The number of responses with status 503.
    pub turned_away: usize,
    /// The measured time, in seconds.
    pub seconds: f64,
    /// The first unexpected response.
    pub first_wrong: Option<String>,
    /// Latencies in microseconds, sorted.
    pub latencies: Vec<u32>,
    /// CPU time of the driver, in seconds.
    pub driver_cpu: f64,
    /// CPU time of the server, in seconds.
    pub server_cpu: f64,
}

impl Measured {
    /// Expected responses per second.
    pub fn rate(&self) -> f64 {
        let good = self.answers - self.wrong - self.turned_away;
        good as f64 / self.seconds.max(1e-9)
    }

    /// The CPU time of the server per response, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.server_cpu * 1e6 / self.answers.max(1) as f64
    }

    /// The latency of this quantile, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() as f64 * share) as usize;
        f64::from(self.latencies.get(at.min(last)).copied().unwrap_or_default()) / 1000.0
    }
}

struct Shared {
    counting: Cell<bool>,
    over: Cell<bool>,
    sum: RefCell<Measured>,
}

/// A server: its address and its process.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// Drives the servers with one connection for each of `talks`, distributed in turn, and measures them.
///
/// # Errors
/// If a connection cannot be opened or breaks.
pub fn drive(servers: &[Target], plan: Plan, talks: Vec<Box<dyn Talk>>) -> io::Result<Measured> {
    let cpu_of_servers = || servers.iter().map(|server| cpu::of_process(server.pid)).sum::<f64>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Rc::new(Shared {
        counting: Cell::new(false),
        over: Cell::new(false),
        sum: RefCell::default(),
    });
    let local = LocalSet::new();
    let (cpu, seconds) = local.block_on(&runtime, async {
        let mut connections = Vec::with_capacity(talks.len());
        for (talk, server) in talks.into_iter().zip(servers.iter().cycle()) {
            let stream = TcpStream::connect(server.address).await?;
            stream.set_nodelay(true)?;
            connections.push(tokio::task::spawn_local(converse(stream, talk, shared.clone())));
        }
        tokio::time::sleep(plan.warm).await;
        let (server_before, driver_before) = (cpu_of_servers(), cpu::of_this_thread());
        let started = Instant::now();
        shared.counting.set(true);
        // A measurement with a fixed number of requests may end early.
        while started.elapsed() < plan.measure && connections.iter().any(|c| !c.is_finished()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shared.counting.set(false);
        let seconds = started.elapsed().as_secs_f64();
        let server_cpu = cpu_of_servers() - server_before;
        let driver_cpu = cpu::of_this_thread() - driver_before;
        shared.over.set(true);
        for connection in connections {
            connection.await.map_err(io::Error::other)??;
        }
        io::Result::Ok(((server_cpu, driver_cpu), seconds))
    })?;
    let mut measured = shared.sum.take();
    measured.latencies.sort_unstable();
    Ok(Measured { seconds, server_cpu: cpu.0, driver_cpu: cpu.1, ..measured })
}

async fn converse(
    mut stream: TcpStream,
    mut talk: Box<dyn Talk>,
    shared: Rc<Shared>,
) -> io::Result<()> {
    let (mut request, mut buffer) = (Vec::with_capacity(4096), vec![0; 64 * 1024]);
    let mut beat = talk.every().map(|every| {
        // Staggered, so that the connections do not send in step.
        let first =
            every.mul_f64(f64::from(stream.local_addr().map_or(0, |a| a.port()) % 97) / 97.0);
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + first, every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        beat
    });
    while !shared.over.get() {
        if let Some(beat) = &mut beat {
            beat.tick().await;
        }
        request.clear();
        if !talk.ask(&mut request) {
            return Ok(());
        }
        let asked = Instant::now();
        stream.write_all(&request).await?;
        let answer = answer(&mut stream, &mut buffer).await?;
        let took = asked.elapsed();
        let head = std::str::from_utf8(&buffer[..answer.head]).unwrap_or_default();
        let right = talk.hear(answer.status, head, &buffer[answer.head..answer.end]);
        if shared.counting.get() {
            let mut sum = shared.sum.borrow_mut();
            sum.answers += 1;
            if answer.status == 503 {
                sum.turned_away += 1;
            } else {
                if !right {
                    sum.wrong += 1;
                    let body = String::from_utf8_lossy(&buffer[answer.head..answer.end]);
                    sum.first_wrong.get_or_insert_with(|| format!("{} {body}", answer.status));
                }
                sum.latencies.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
            }
        }
        if answer.status == 503 && beat.is_none() {
            // Clients are told to wait before a retry; an immediate one would be an attack.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

struct Answer {
    status: u16,
    head: usize,
    end: usize,
}

/// Reads one response into `buffer`.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Answer> {
    let odd = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut filled = 0;
    let (head, length) = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(odd("the server closed the connection"));
        }
        let searched = filled.saturating_sub(3);
        filled += read;
        if let Some(at) = buffer[searched..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            let head = searched + at + 4;
            break (head, content_length(&buffer[..head]));
        }
    };
    let end = head + length;
    if end > buffer.len() {
        return Err(odd("the answer is too long"));
    }
    while filled < end {
        let read = stream.read(&mut buffer[filled..end]).await?;
        if read == 0 {
            return Err(odd("the server closed the connection"));
        }
        filled += read;
    }
    let status = buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok());
    Ok(Answer { status: status.ok_or_else(|| odd("no status"))?, head, end })
}

fn content_length(head: &[u8]) -> usize {
    head.split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            let length = name.eq_ignore_ascii_case(b"content-length:");
            length.then(|| std::str::from_utf8(value).ok()?.trim().parse().ok()).flatten()
        })
        .unwrap_or(0)
}
