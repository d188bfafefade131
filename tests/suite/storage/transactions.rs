//! The two forms of transaction of use cases, on SQLite and on PostgreSQL.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use signet::app::{App, AuditedTx};
use signet::base::id::UserId;
use signet::domain::audit::{Event, EventKind};
use signet::domain::outcome::{Code, Failure, Fault, FaultKind, Refusal};
use signet::domain::request_info::RequestInfo;
use signet::domain::scope::Scopes;
use signet::store::Link;
use signet::store::consents::{self, ConsentKey};
use sqlx::error::{DatabaseError, ErrorKind};

use crate::support::server::{Server, on_both};

/// Both forms, with their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    CommitsRefusals,
    OrNothing,
}

const FORMS: [Form; 2] = [Form::CommitsRefusals, Form::OrNothing];

impl Form {
    async fn run<T>(
        self,
        app: &App,
        work: impl AsyncFnOnce(&mut AuditedTx) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        let info = RequestInfo::cli(app.now());
        match self {
            Self::CommitsRefusals => app.transaction(&info, work).await,
            Self::OrNothing => app.transaction_or_nothing(&info, work).await,
        }
    }
}

/// Writes a row that can be looked up, and an audit event.
async fn write(tx: &mut AuditedTx, name: &str) -> Result<(), Fault> {
    signet::execute!(tx, "INSERT INTO meta VALUES ($1, $2)", name, &b"x"[..])?;
    tx.record(&Event::new(EventKind::MasterKeyReplaced).detail(name)).await
}

/// Whether the row, and with it the audit event, is stored. Never one without the other.
async fn is_there(link: &mut impl Link, name: &str) -> bool {
    let row: Option<(i64,)> =
        signet::fetch_optional!(link, (i64,), "SELECT COUNT(*) FROM meta WHERE name = $1", name)
            .unwrap();
    let event: Option<(i64,)> = signet::fetch_optional!(
        link,
        (i64,),
        "SELECT COUNT(*) FROM audit_events WHERE kind = 'master_key.replaced' AND via = 'cli' \
         AND detail = $1",
        name
    )
    .unwrap();
    assert_eq!(row, event, "{name}: the row and its audit event");
    row.unwrap().0 == 1
}

async fn remains(app: &App, name: &str) -> bool {
    is_there(&mut app.db.reader().await.unwrap(), name).await
}

/// The error of a database that aborted one transaction in favour of another.
#[derive(Debug)]
struct Conflict(&'static str);

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.0)
    }
}

impl std::error::Error for Conflict {}

impl DatabaseError for Conflict {
    fn message(&self) -> &str {
        "the transaction was given up"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.0))
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }
}

/// Serialization failure and deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

fn conflict(code: &'static str) -> Failure {
    let error = sqlx::Error::Database(Box::new(Conflict(code)));
    Fault::unavailable("writing").with_source(error).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_commits_in_both_forms_on_both_databases() {
    on_both("transactions: success", async |backend| {
        let server = Server::start(backend).await;
        for form in FORMS {
            let name = format!("{form:?}");
            let done = form.run(&server.app, async |tx| {
                write(tx, &name).await?;
                Ok(7)
            });
            assert_eq!(done.await.unwrap(), 7);
            assert!(remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_commits_in_one_form_and_leaves_no_trace_in_the_other_on_both_databases() {
    on_both("transactions: refusal", async |backend| {
        let server = Server::start(backend).await;
        for form in FORMS {
            let (name, runs) = (format!("{form:?}"), AtomicU32::new(0));
            let refused: Result<(), Failure> = form
                .run(&server.app, async |tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    write(tx, &name).await?;
                    Err(Refusal::new(Code::Conflict, "No.").into())
                })
                .await;
            assert!(
                matches!(&refused, Err(Failure::Refused(refusal)) if refusal.code == Code::Conflict)
            );
            assert_eq!(runs.into_inner(), 1, "a refusal is an answer");
            assert_eq!(remains(&server.app, &name).await, form == Form::CommitsRefusals, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_rolls_back_in_both_forms_on_both_databases() {
    on_both("transactions: fault", async |backend| {
        let server = Server::start(backend).await;
        for form in FORMS {
            let (name, runs) = (format!("{form:?}"), AtomicU32::new(0));
            let failed: Result<(), Failure> = form
                .run(&server.app, async |tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    write(tx, &name).await?;
                    Err(Fault::internal("made to fail").into())
                })
                .await;
            let Err(Failure::Failed(fault)) = failed else { panic!("{name} did not fail") };
            assert_eq!((fault.kind, fault.doing), (FaultKind::Internal, "made to fail"));
            assert_eq!(runs.into_inner(), 1, "only a conflict runs again");
            assert!(!remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_runs_again_twice_and_is_then_reported_on_both_databases() {
    on_both("transactions: conflict", async |backend| {
        let server = Server::start(backend).await;
        for (form, code) in FORMS.into_iter().flat_map(|form| CONFLICTS.map(|code| (form, code))) {
            let (name, runs) = (format!("{form:?} {code}"), AtomicU32::new(0));
            let failed: Result<(), Failure> = form
                .run(&server.app, async |tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    write(tx, &name).await?;
                    Err(conflict(code))
                })
                .await;
            let Err(Failure::Failed(fault)) = failed else { panic!("{name} did not fail") };
            assert_eq!(fault.kind, FaultKind::Unavailable);
            assert_eq!(runs.into_inner(), 3, "{name}: {fault}");
            assert!(!remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_run_begins_in_a_clean_transaction_on_both_databases() {
    on_both("transactions: second run", async |backend| {
        let server = Server::start(backend).await;
        for form in FORMS {
            let (name, runs) = (format!("{form:?}"), AtomicU32::new(0));
            let done = form.run(&server.app, async |tx| {
                assert!(!is_there(tx, &name).await, "{name}: the first run was taken back");
                write(tx, &name).await?;
                match runs.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(conflict("40001")),
                    _ => Ok(()),
                }
            });
            done.await.unwrap();
            assert_eq!(runs.into_inner(), 2);
            assert!(remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}

/// Raised by the server itself: the transaction of the connection is aborted, and the next run still works.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_postgresql_raises_runs_again() {
    on_both("transactions: raised by PostgreSQL", async |backend| {
        let server = Server::start(backend).await;
        if server.app.db.is_sqlite() {
            return;
        }
        for form in FORMS {
            let (name, runs) = (format!("{form:?}"), AtomicU32::new(0));
            let done = form.run(&server.app, async |tx| {
                write(tx, &name).await?;
                match runs.fetch_add(1, Ordering::Relaxed) {
                    0 => signet::execute!(
                        tx,
                        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"
                    )?,
                    1 => signet::execute!(
                        tx,
                        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"
                    )?,
                    _ => 0,
                };
                Ok(())
            });
            done.await.unwrap();
            assert_eq!(runs.into_inner(), 3);
            assert!(remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}

/// As when a user deletes the account while a page of theirs stores a consent.
#[tokio::test(flavor = "multi_thread")]
async fn writes_for_a_deleted_user_are_refused_and_leave_no_trace_on_both_databases() {
    on_both("transactions: deleted user", async |backend| {
        let server = Server::start(backend).await;
        let nobody = UserId::new(server.now(), &*server.app.entropy);
        let key = ConsentKey { user: nobody, client_id: "app", audience: None };
        for form in FORMS {
            let name = format!("{form:?}");
            let refused: Result<(), Failure> = form
                .run(&server.app, async |tx| {
                    write(tx, &name).await?;
                    let now = tx.info().now;
                    Ok(consents::remember(tx, key, &Scopes::default(), now).await?)
                })
                .await;
            assert!(
                matches!(&refused, Err(Failure::Refused(refusal)) if refusal.code == Code::Conflict),
                "{refused:?}"
            );
            assert!(!remains(&server.app, &name).await, "{name}");
        }
    })
    .await;
}
