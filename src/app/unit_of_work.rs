//! Units of work that run to completion even if their caller disconnects.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::domain::outcome::{Failure, Fault};

use super::{App, disconnect};

impl App {
    /// Runs a unit of work to completion: neither a disconnect nor a time-out may interrupt a transaction. Only a
    /// wait that precedes all writes may end with the caller, see `disconnect`. A caller that has waited too long
    /// gets 503, and the work continues.
    ///
    /// It begins on the caller's thread, so that work that never waits needs no change of threads. At the first
    /// wait it moves to the storage runtime, before the caller can be dropped.
    ///
    /// # Errors
    /// The errors of the work; unavailable when it took too long; internal when it panicked.
    pub fn run_to_completion<T, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, Failure>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        // Boxed once, because each move would copy the thousands of bytes of a use case's state.
        let (present, presence) = disconnect::begin();
        let work = Box::pin(disconnect::scope(presence, work));
        let runtime = self.runtime.clone();
        let limit = self.config.deadlines.work();
        async move {
            // Held until there is a result; dropped with this future if the caller disconnects first.
            let _present = present;
            let task = match begin(&runtime, work) {
                Begun::Done(outcome) => return outcome,
                Begun::Waits(work) => runtime.spawn(work),
            };
            match tokio::time::timeout(limit, task).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => {
                    Err(Fault::internal("a unit of work panicked").with_source(error).into())
                }
                Err(_) => Err(Fault::unavailable("a unit of work took too long").into()),
            }
        }
    }
}

/// The state after the first poll on the caller's thread.
enum Begun<T> {
    Done(Result<T, Failure>),
    Waits(Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>),
}

/// Polls once, inside the storage runtime, so that timers and tasks belong to it.
fn begin<T: 'static>(
    runtime: &Handle,
    mut work: Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>,
) -> Begun<T> {
    let step = catch_unwind(AssertUnwindSafe(|| {
        let _inside = runtime.enter();
        // No waker is needed: pending work is polled again at once by the task it moves to.
        work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    match step {
        Ok(Poll::Ready(outcome)) => Begun::Done(outcome),
        Ok(Poll::Pending) => Begun::Waits(work),
        Err(_) => Begun::Done(Err(Fault::internal("a unit of work panicked").into())),
    }
}
