//! Units of work: where they run, and that a caller who disconnects cannot interrupt one.

use std::pin::pin;
use std::thread;

use futures_util::FutureExt as _;
use signet::domain::outcome::{Failure, FaultKind};
use tokio::sync::oneshot;

use crate::support::Backend;
use crate::support::server::Server;

#[tokio::test]
async fn work_without_waiting_runs_on_the_calling_thread() {
    let server = Server::start(Backend::Sqlite).await;
    let here = thread::current().id();
    let there = server.app.run_to_completion(async { Ok(thread::current().id()) }).await.unwrap();
    assert_eq!(there, here);
    let moved = server.app.run_to_completion(async {
        tokio::task::yield_now().await;
        Ok(thread::current().id())
    });
    assert_ne!(moved.await.unwrap(), here);
}

#[tokio::test]
async fn started_work_completes_after_a_disconnect() {
    let server = Server::start(Backend::Sqlite).await;
    let (go, wait) = oneshot::channel::<()>();
    let (done, ended) = oneshot::channel();
    {
        let work = server.app.run_to_completion(async move {
            wait.await.unwrap();
            // It has the runtime that it needs.
            tokio::time::timeout(std::time::Duration::from_secs(5), tokio::task::yield_now())
                .await
                .unwrap();
            done.send(()).unwrap();
            Ok(())
        });
        let mut work = pin!(work);
        assert!(work.as_mut().now_or_never().is_none(), "it waits");
    }
    go.send(()).unwrap();
    ended.await.unwrap();
    // Work whose future is never polled does not begin.
    let (done, ended) = oneshot::channel();
    drop(server.app.run_to_completion(async move {
        done.send(()).unwrap();
        Ok(())
    }));
    assert!(ended.await.is_err());
}

#[tokio::test]
async fn a_panic_is_the_fault_of_its_own_work_only() {
    let server = Server::start(Backend::Sqlite).await;
    for waits in [false, true] {
        let work = server.app.run_to_completion::<(), _>(async move {
            if waits {
                tokio::task::yield_now().await;
            }
            panic!("on purpose");
        });
        let Err(Failure::Failed(fault)) = work.await else { panic!("no fault") };
        assert_eq!(fault.kind, FaultKind::Internal);
    }
    server.app.run_to_completion(async { Ok(()) }).await.unwrap();
}
