//! Response bodies in pieces.
//!
//! Each piece is copied into the write buffer of the connection. A constant body is shared by all responses;
//! without pieces, a client that does not read would hold a full copy of it.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use pin_project_lite::pin_project;

/// The largest piece, in bytes.
const PIECE: usize = 4 * 1024;

pin_project! {
    /// A body that is passed on in pieces.
    pub(super) struct InPieces<B> {
        #[pin]
        body: B,
        rest: Bytes,
    }
}

impl<B> InPieces<B> {
    /// The same body in pieces.
    pub(super) const fn new(body: B) -> Self {
        Self { body, rest: Bytes::new() }
    }
}

impl<B: MessageBody> MessageBody for InPieces<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        let this = self.project();
        if this.rest.is_empty() {
            match this.body.poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) if bytes.len() > PIECE => *this.rest = bytes,
                other => return other,
            }
        }
        let piece = this.rest.split_to(PIECE.min(this.rest.len()));
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_body_is_the_same_in_pieces() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let whole: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut body = InPieces::new(Bytes::from(whole.clone()));
            assert_eq!(body.size(), BodySize::Sized(length as u64));
            let (mut got, mut cx) = (Vec::new(), Context::from_waker(Waker::noop()));
            while let Poll::Ready(Some(Ok(piece))) = Pin::new(&mut body).poll_next(&mut cx) {
                assert!(piece.len() <= PIECE);
                got.extend_from_slice(&piece);
            }
            assert_eq!(got, whole);
        }
    }
}
