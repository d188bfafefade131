//! A request's body as bytes: whole, small enough, and in time.
//!
//! The server itself only waits for heads; without a limit here a client could hold a connection for
//! ever with one byte now and then.

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
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

use crate::app::App;
use crate::base::Deadlines;
use crate::domain::outcome::{Code, Refusal};

/// How long after its answer a body in chunks is kept; the answer is sent at once.
const ANSWERED: Duration = Duration::from_secs(1);

/// A body in chunks that somebody else reads. Were it dropped half read before its answer is sent, the
/// server would wait for the rest of it, without end; while it is there, the connection is closed.
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

    /// Lets go of it when the answer has been sent.
    pub fn answered(self) {
        actix_web::rt::spawn(async move {
            tokio::time::sleep(ANSWERED).await;
            drop(self);
        });
    }
}

impl Stream for Kept {
    type Item = Result<Bytes, PayloadError>;
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// Reads it. What is too large, broken or slow is a refusal, and the connection is closed.
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

/// The body for handlers that answer for themselves when it is not good.
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
