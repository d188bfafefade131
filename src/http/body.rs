//! A request's body as bytes: complete, within the size limit, and in time.
//!
//! The server library limits only the time for the head. Without a limit here a client could occupy a
//! connection indefinitely by sending one byte at a time.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::web::{self, Bytes};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::{Stream, StreamExt as _};

use crate::app::App;
use crate::base::Deadlines;
use crate::domain::outcome::{Code, Refusal};

/// How long the unread rest of a chunked body is accepted and discarded after the response, which is sent immediately.
const ANSWERED: Duration = Duration::from_secs(1);

/// A chunked body that another reader takes. If it were dropped half read before its answer is sent, the server
/// would wait for the rest indefinitely; as long as it exists, the connection is closed instead.
pub struct Kept(Rc<RefCell<Payload>>);

impl Kept {
    /// Keeps the body of a request, if it is one in chunks.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let kept = Rc::new(RefCell::new(request.take_payload()));
        let payload: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Self(Rc::clone(&kept)));
        request.set_payload(payload.into());
        Some(Self(kept))
    }

    /// Releases the body when the response has been sent or the body has ended. Data that arrives before that
    /// is discarded: storing it would let a client fill the memory.
    pub fn answered(mut self) {
        actix_web::rt::spawn(async move {
            let rest = async { while let Some(Ok(_)) = self.next().await {} };
            // Dropped in any case.
            let _ = tokio::time::timeout(ANSWERED, rest).await;
        });
    }
}

impl Stream for Kept {
    type Item = Result<Bytes, PayloadError>;
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// Reads the body. A body that is too large, malformed or slow is refused, and the connection is closed.
pub fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Bytes, Refusal>> + 'static {
    let body = Bytes::from_request(request, payload);
    let app = request.app_data::<web::Data<App>>();
    let deadlines = app.map_or(Deadlines::IN_SERVICE, |app| app.config.deadlines);
    async move {
        match tokio::time::timeout(deadlines.request_body(), body).await {
            Ok(body) => body.map_err(unreadable),
            Err(_) => {
                let message = "The body did not arrive within 15 seconds.";
                Err(Refusal::new(Code::MalformedRequest, message))
            }
        }
    }
}

/// The body for handlers that render its errors themselves.
pub struct Body(pub Result<Bytes, Refusal>);

impl FromRequest for Body {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read(request, payload);
        Box::pin(async move { Ok(Self(body.await)) })
    }
}

fn unreadable(error: Error) -> Refusal {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => {
            Refusal::new(Code::PayloadTooLarge, "The body is larger than 64 KiB.")
        }
        _ => Refusal::new(Code::MalformedRequest, "The body could not be read."),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::test::TestRequest;
    use futures_util::stream;

    use super::*;

    /// Bytes with a shared owner.
    struct Owned(Arc<[u8]>);

    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    #[actix_web::test]
    async fn the_received_part_of_a_body_is_dropped_after_its_response() {
        let text: Arc<[u8]> = Arc::from([0; 8].as_slice());
        let piece = Bytes::from_owner(Owned(Arc::clone(&text)));
        let request = TestRequest::default().insert_header((TRANSFER_ENCODING, "chunked"));
        let mut request = request.to_srv_request();
        // The body never ends.
        let body = stream::iter([Ok(piece)]).chain(stream::pending());
        let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(body);
        request.set_payload(body.into());
        let kept = Kept::of(&mut request).unwrap();
        drop(request);
        assert_eq!(Arc::strong_count(&text), 2);
        kept.answered();
        // Long before the deadline.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(Arc::strong_count(&text), 1);
    }
}
