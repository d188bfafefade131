//! Pipelined requests: a limit on the heads that wait for a response.
//!
//! The HTTP layer decodes all requests that it has read, and each costs some 6 KiB until its response is written.
//! A client that pipelines (RFC 9112 §9.3.2) can send hundreds in a few KiB. So the HTTP layer gets one head at a
//! time, and only a few before a response ends. `framing` finds the ends of heads.
//!
//! Also owns the timeout for the heads of further requests, because the HTTP layer limits only the first one of a
//! connection.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::framing::Framing;
use super::stream::Evicted;

/// How many heads are passed on before a response ends.
const MAX_HEADS: usize = 4;
/// One more head is released after this time, in case the framing was misread. Each costs some 6 KiB, and a
/// client that does not read is disconnected after three of them.
const RELEASE: Duration = Duration::from_secs(10);

/// The interim response to a client that waits before it sends its body (RFC 9110 §10.1.1). It does not end a response.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A stream that limits pipelined requests.
pub(super) struct PipelineLimit<T> {
    io: T,
    /// A write of fewer bytes is the end of a response.
    write_buffer: usize,
    /// How long a head may take.
    head_time: Duration,
    /// How long heads are held back.
    release_time: Duration,
    /// Bytes that were read; those from `next` on have not been passed on yet.
    held: Vec<u8>,
    next: usize,
    framing: Framing,
    /// Whether an end of a head was passed on since the last read by the HTTP layer.
    one: bool,
    /// How many ends of heads were passed on since the last end of a response.
    heads: usize,
    /// The timeout of a head of which a part was passed on.
    head_end: Option<Pin<Box<Sleep>>>,
    /// When one more head is released.
    release: Option<Pin<Box<Sleep>>>,
}

impl<T> PipelineLimit<T> {
    /// Passes on what `io` reads.
    pub(super) fn new(io: T, write_buffer: usize, head_time: Duration) -> Self {
        Self {
            io,
            write_buffer,
            head_time,
            release_time: RELEASE,
            held: Vec::new(),
            next: 0,
            framing: Framing::new(),
            one: false,
            heads: 0,
            head_end: None,
            release: None,
        }
    }

    /// How many of these bytes are passed on now: those before the end of a second head.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if let Some(count) = self.framing.within_body(rest) {
                self.framing.pass_body(count);
                at += count;
                continue;
            }
            let Some(length) = memchr(b'\n', rest) else {
                self.framing.pass(rest);
                break;
            };
            if self.framing.would_end_head(&rest[..length]) {
                if self.one {
                    self.framing.pass(&rest[..length]);
                    return at + length;
                }
                self.one = true;
                self.heads += 1;
            }
            self.framing.pass(&rest[..length]);
            self.framing.end_line();
            at += length + 1;
        }
        bytes.len()
    }

    /// The result of a read that passed on `count` bytes. With none, the HTTP layer first processes what it has.
    fn handed_on(&mut self, cx: &mut Context<'_>, count: usize) -> Poll<io::Result<()>> {
        if count == 0 {
            return self.pause(cx);
        }
        if self.heads > 0 {
            self.head_end = None;
        } else if self.head_end.is_none() {
            self.head_end = Some(Box::pin(sleep(self.head_time)));
        }
        Poll::Ready(Ok(()))
    }

    /// Lets the HTTP layer process the bytes it has.
    fn pause(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.one = false;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether heads are held back until a response ends.
    fn is_held_back(&mut self, cx: &mut Context<'_>) -> bool {
        if self.heads < MAX_HEADS {
            return false;
        }
        let time = self.release_time;
        let release = self.release.get_or_insert_with(|| Box::pin(sleep(time)));
        if release.as_mut().poll(cx).is_pending() {
            self.one = false;
            return true;
        }
        self.release = None;
        self.heads = MAX_HEADS - 1;
        false
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.head_end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready())
    }

    /// Records that `count` of these bytes of responses were written.
    fn wrote(&mut self, cx: &mut Context<'_>, bytes: &[u8], count: usize) {
        if bytes == CONTINUE {
            return;
        }
        if count == bytes.len() && count < self.write_buffer {
            self.heads = 0;
        } else if bytes.starts_with(b"HTTP/1.") {
            // The previous response has ended.
            self.heads = self.heads.saturating_sub(1);
        } else {
            return;
        }
        if self.release.take().is_some() {
            cx.waker().wake_by_ref();
        }
    }
}

impl<T: AsyncRead + Evicted + Unpin> AsyncRead for PipelineLimit<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_held_back(cx) {
            // No read would reveal it. It occupies one of a few slots until it is dropped.
            let is_over = this.io.must_close(cx);
            return if is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        if this.is_late(cx) {
            // The end of the stream.
            return Poll::Ready(Ok(()));
        }
        if this.next < this.held.len() {
            let held = std::mem::take(&mut this.held);
            let bytes = &held[this.next..];
            let count = this.count(&bytes[..bytes.len().min(buffer.remaining())]);
            buffer.put_slice(&bytes[..count]);
            this.next += count;
            if this.next < held.len() {
                this.held = held;
            }
            return this.handed_on(cx, count);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {}
            other => {
                this.one = false;
                return other;
            }
        }
        let bytes = &buffer.filled()[before..];
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let count = this.count(bytes);
        if count < bytes.len() {
            this.held = bytes[count..].to_vec();
            this.next = 0;
            buffer.set_filled(before + count);
        }
        this.handed_on(cx, count)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PipelineLimit<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &result {
            this.wrote(cx, bytes, *count);
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "pipelining_tests.rs"]
mod tests;
