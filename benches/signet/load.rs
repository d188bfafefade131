//! The load driver: as many connections as asked, each with one request under way.
//!
//! Owns HTTP/1.1 as far as a benchmark needs it: keep-alive, one answer with a length for each
//! request. One thread and no allocation for each request, so that the server is what is measured;
//! what it costs all the same is in the result.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::cpu;

/// What one connection says and what it makes of the answers.
pub trait Talk {
    /// Writes the next request, whole. False when there is nothing more to say.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;
    /// Takes the answer. False when it is not the one that was expected.
    fn hear(&mut self, status: u16, head: &str, body: &[u8]) -> bool;
    /// The time from one request to the next; none for as fast as answers come.
    fn every(&self) -> Option<Duration> {
        None
    }
}

/// How long and how hard.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Before anything is counted.
    pub warm: Duration,
    /// What is counted.
    pub measure: Duration,
}

/// What came of it.
#[derive(Default, Clone)]
pub struct Measured {
    /// Answers within the time that counts.
    pub answers: usize,
    /// How many of them were not as expected.
    pub wrong: usize,
    /// How many said 503.
    pub turned_away: usize,
    /// The time that counts, in seconds.
    pub seconds: f64,
    /// The first answer that was not as expected.
    pub first_wrong: Option<String>,
    /// Latencies in microseconds, sorted.
    pub latencies: Vec<u32>,
    /// CPU time of the driver, in seconds.
    pub driver_cpu: f64,
    /// CPU time of the server, in seconds.
    pub server_cpu: f64,
}

impl Measured {
    /// Good answers a second.
    pub fn rate(&self) -> f64 {
        let good = self.answers - self.wrong - self.turned_away;
        good as f64 / self.seconds.max(1e-9)
    }

    /// CPU time of the server for each answer, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.server_cpu * 1e6 / self.answers.max(1) as f64
    }

    /// The latency below which `share` of the answers came, in milliseconds.
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

/// A server: where it listens, and its process.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// Drives the servers with one connection for each of `talks`, dealt out in turn, and watches them.
///
/// # Errors
/// When a connection cannot be made or breaks.
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
        // A work that has an end is over before its time.
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
        // Not all in step.
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
            // What a client is asked to do; at once would be an attack.
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

/// Reads one answer into `buffer`.
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
