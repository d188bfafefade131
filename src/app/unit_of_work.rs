//! Units of work that run to completion although their caller disconnects.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::domain::outcome::{Failure, Fault};

use super::{App, disconnect};

impl App {
    /// Runs a unit of work to its end, whatever becomes of the caller: a client that hangs up, or a
    /// time-out, must not leave a transaction half way. Only a wait that comes before every write may
    /// end with the caller, see `disconnect`. A caller who has waited too long is told to try again; the
    /// work itself goes on: it is never cut off in the middle.
    ///
    /// It begins on the caller's thread: what needs no other thread is done without a hop to another. As
    /// soon as it has to wait it moves to the storage runtime, before the caller can be cut off.
    ///
    /// # Errors
    /// What the work stopped with; unavailable when it took too long; internal when it panicked.
    pub fn run_to_completion<T, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, Failure>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        // Boxed here, once: the states of a use case are thousands of bytes, and each move would copy
        // them.
        let (present, presence) = disconnect::begin();
        let work = Box::pin(disconnect::scope(presence, work));
        let runtime = self.runtime.clone();
        let limit = self.config.deadlines.work();
        async move {
            // Held until there is an answer; gone with this future when the caller goes first.
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

/// How far a unit of work came on the caller's thread.
enum Begun<T> {
    Done(Result<T, Failure>),
    Waits(Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>),
}

/// Takes the first step. Inside the runtime, so that timers and tasks it makes are that one's.
fn begin<T: 'static>(
    runtime: &Handle,
    mut work: Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>,
) -> Begun<T> {
    let step = catch_unwind(AssertUnwindSafe(|| {
        let _inside = runtime.enter();
        // No task has to be woken: the one that waits is polled again at once, by the task it moves to.
        work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    match step {
        Ok(Poll::Ready(outcome)) => Begun::Done(outcome),
        Ok(Poll::Pending) => Begun::Waits(work),
        Err(_) => Begun::Done(Err(Fault::internal("a unit of work panicked").into())),
    }
}
