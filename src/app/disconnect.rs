//! Whether the caller of a unit of work has disconnected.
//!
//! Work continues without its caller (see `App::run_to_completion`). Only a wait that precedes all writes checks
//! this, and may end with the caller.

use std::future::Future;

use tokio::sync::watch;

tokio::task_local! {
    static CALLER: CallerPresence;
}

/// Changes when the sender of [`begin`] is dropped.
type CallerPresence = watch::Receiver<()>;

/// The sender, which is held while the caller is connected, and the receiver for the work.
pub(super) fn begin() -> (watch::Sender<()>, CallerPresence) {
    watch::channel(())
}

/// Runs `work` for this caller.
pub(super) fn scope<F: Future>(
    presence: CallerPresence,
    work: F,
) -> impl Future<Output = F::Output> {
    CALLER.scope(presence, work)
}

/// Completes when the caller of the current work has disconnected; never if there is none.
pub(super) async fn gone() {
    match CALLER.try_with(Clone::clone) {
        Ok(mut caller) => while caller.changed().await.is_ok() {},
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_learns_that_its_caller_has_gone() {
        let (here, presence) = begin();
        let work = tokio::spawn(scope(presence, gone()));
        tokio::task::yield_now().await;
        assert!(!work.is_finished());
        drop(here);
        work.await.unwrap();
    }

    #[tokio::test]
    async fn work_continues_without_its_caller() {
        use futures_util::FutureExt as _;
        assert!(gone().now_or_never().is_none());
    }
}
