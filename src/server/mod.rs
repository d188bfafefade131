//! Listening, serving and graceful shutdown.
//!
//! Owns sockets, workers, signals and draining. `http` configures the routes.

mod accept;
mod certificate_watch;
mod connections;
mod descriptors;
mod framing;
mod idle_order;
mod listen;
mod pieces;
mod pipelining;
mod stream;
mod tls;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_server::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as Actix, HttpResponse, web};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::http;

use accept::Acceptor;
use certificate_watch::{reload_on_hangup, watch_certificate};
use connections::Connections;
#[cfg(feature = "test-support")]
pub use descriptors::RESERVED_DESCRIPTORS;
use descriptors::{MAX_CLOSING, MAX_METRICS_CONNECTIONS, MAX_WAITING, connection_budget};
pub use descriptors::{raise_descriptor_limit, require_descriptors};
pub use listen::{BindError, bind, check_tls};

/// Listening sockets.
pub struct Bound {
    listeners: Vec<TcpListener>,
    metrics: Option<TcpListener>,
    tls: Option<tls::Tls>,
}

impl Bound {
    /// The port of the first address, which the system may have chosen.
    #[must_use]
    pub fn first_port(&self) -> Option<u16> {
        let first = self.listeners.first()?.local_addr().ok()?;
        Some(first.port())
    }

    /// The bound addresses, as URLs.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .map(|address| format!("{scheme}://{address}"))
            .collect()
    }

    /// The address of the metrics, if they are served.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        let address = self.metrics.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}/metrics"))
    }
}

/// Serves until `stop` completes, then lets requests in flight finish, unless `stop` completes a second time. Must
/// run inside an actix system.
///
/// # Errors
/// When a socket or a worker fails.
pub async fn run(app: App, bound: Bound, mut stop: impl AsyncFnMut() + 'static) -> io::Result<()> {
    let Bound { listeners, metrics, tls } = bound;
    http::begin_counting(&app);
    let served = app.clone();
    let rendered = web::Data::new(http::Rendered::default());
    let deadlines = app.config.deadlines;
    let delay = app.config.shutdown_delay.std();
    let application = move || {
        Actix::new()
            .app_data(web::Data::new(served.clone()))
            .app_data(rendered.clone())
            .app_data(http::limits())
            .wrap(from_fn(http::handle))
            .configure(http::configure)
    };
    let budget = connection_budget(app.config.machine.cores, app.config.database_connections);
    let acceptor = Acceptor {
        connections: Connections::new(app.clone(), budget),
        tls: tls.as_ref().map(|tls| TlsAcceptor::from(Arc::new(tls.config()))),
        deadlines,
    };
    // Admission bounds connections. The workers accept a few more, which wait for admission, so that new ones can
    // replace idle ones and a burst does not use up the reserved descriptors.
    let workers = app.config.machine.cores.max(1);
    let mut server = Server::build()
        .disable_signals()
        .workers(workers)
        .max_concurrent_connections((budget + MAX_CLOSING + MAX_WAITING).div_ceil(workers))
        .shutdown_timeout(deadlines.drain().as_secs());
    for listener in listeners {
        server = accept::listen(server, listener, acceptor.clone(), application.clone())?;
    }
    let metrics = metrics.map(|listener| metrics_server(app.clone(), listener)).transpose()?;
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(reload_on_hangup(app.clone(), tls.clone()));
    if let Some(tls) = tls {
        actix_web::rt::spawn(watch_certificate(app.clone(), tls));
    }
    let metrics_handle = metrics.map(|server| {
        let handle = server.handle();
        actix_web::rt::spawn(server);
        handle
    });
    let (hurry, hurried) = oneshot::channel();
    actix_web::rt::spawn(async move {
        stop().await;
        app.drain();
        if !delay.is_zero() {
            tracing::info!(?delay, "stopping: no longer ready, the sockets close after the delay");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = stop() => {}
            }
        }
        tracing::info!("stopping: no new connections, requests in flight finish");
        tokio::select! {
            () = handle.stop(true) => {}
            // A server that is stopping reacts to one more stop only: its caller then exits.
            () = stop() => drop(hurry.send(())),
        }
        if let Some(metrics) = metrics_handle {
            metrics.stop(false).await;
        }
    });
    tokio::select! {
        served = server => served,
        Ok(()) = hurried => Ok(()),
    }
}

/// Runs `work` in an actix system on this thread.
///
/// # Errors
/// The error of `work`.
pub fn in_system<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    actix_web::rt::System::new().block_on(work)
}

/// The signals that end the process: SIGTERM and SIGINT. SIGHUP has a handler because it would end the process
/// otherwise.
pub struct Interrupts {
    term: Signal,
    int: Signal,
    _hangup: Signal,
}

impl Interrupts {
    /// Installs the handlers; before, each of these signals ends the process at once. Needs a runtime.
    ///
    /// # Errors
    /// When no handler can be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Completes at the next such signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Keeps a file-size limit (`ulimit -f`) from killing the process: with a handler in place the
/// write fails instead, and is answered with a 503.
///
/// # Errors
/// When no handler can be installed.
pub fn survive_file_size_limit() -> io::Result<()> {
    const SIGXFSZ: i32 = 25;
    let mut signals = signal(SignalKind::from_raw(SIGXFSZ))?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            tracing::warn!("a file has reached its size limit (ulimit -f)");
        }
    });
    Ok(())
}

/// Serves the metrics, with the same rules as the application: clients that do not read are disconnected, and idle
/// connections make room for new ones.
fn metrics_server(app: App, listener: TcpListener) -> io::Result<Server> {
    let text = async |app: web::Data<App>| {
        HttpResponse::Ok()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(http::metrics_text(&app))
    };
    let acceptor = Acceptor {
        // Fewer than the worker accepts, so that a new one can replace an idle one.
        connections: Connections::of_metrics(app.clone(), MAX_METRICS_CONNECTIONS / 2),
        tls: None,
        deadlines: app.config.deadlines,
    };
    let application = move || {
        let page = web::resource("/metrics").get(text).head(text);
        Actix::new().app_data(web::Data::new(app.clone())).service(page)
    };
    let server = Server::build()
        .disable_signals()
        .workers(1)
        .max_concurrent_connections(MAX_METRICS_CONNECTIONS);
    Ok(accept::listen(server, listener, acceptor, application)?.run())
}
