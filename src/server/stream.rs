//! The byte stream of one client.
//!
//! Bounds the resources of a misbehaving client: one that does not read its response is disconnected after a while
//! without progress, nothing more is read from it in the meantime, and little is read ahead of the requests in
//! progress.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connections::Seat;

/// How many bytes are read before the requests among them are processed.
const MAX_READ_AHEAD: usize = 16 * 1024;

/// A connection that may be evicted.
pub(super) trait Evicted {
    /// Whether it must end. The task is woken when it must.
    fn must_close(&self, cx: &Context<'_>) -> bool;
}

/// A connection that was admitted.
pub(super) struct ClientStream {
    io: TcpStream,
    seat: Seat,
    /// How long a write may wait for the client to read.
    patience: Duration,
    /// The end of that time, while a write waits.
    blocked: Option<Pin<Box<Sleep>>>,
    /// Whether a read was postponed in the meantime.
    put_off: bool,
    ahead: usize,
}

impl ClientStream {
    /// The stream of a client that has a seat.
    pub(super) fn new(io: TcpStream, seat: Seat, patience: Duration) -> Self {
        Self { io, seat, patience, blocked: None, put_off: false, ahead: 0 }
    }

    /// Handles the result of a write that began at this time.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        began: u64,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = result {
            self.seat.sent(began);
            self.blocked = None;
            if std::mem::take(&mut self.put_off) {
                cx.waker().wake_by_ref();
            }
            return Poll::Ready(result);
        }
        let patience = self.patience;
        let end = self.blocked.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !self.seat.must_close(cx) {
            ready!(end.as_mut().poll(cx));
            self.seat.was_not_read();
        }
        // Data in the kernel's buffer is dropped with the connection.
        if let Err(error) = self.io.set_zero_linger() {
            tracing::debug!(%error, "a connection cannot be reset");
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl Evicted for ClientStream {
    fn must_close(&self, cx: &Context<'_>) -> bool {
        self.seat.must_close(cx)
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.seat.must_close(cx) {
            // End of stream: handled as if the client had disconnected.
            return Poll::Ready(Ok(()));
        }
        if this.blocked.is_some() {
            this.put_off = true;
            return Poll::Pending;
        }
        if this.ahead >= MAX_READ_AHEAD {
            this.ahead = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buffer);
        match &result {
            Poll::Pending => this.ahead = 0,
            Poll::Ready(_) => {
                let count = buffer.filled().len() - before;
                this.ahead += count;
                if count > 0 {
                    this.seat.received();
                }
            }
        }
        result
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // The time before the write, because the client may have received its response before this thread continues.
        let began = this.seat.now();
        let result = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.written(cx, began, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let began = this.seat.now();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.written(cx, began, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
