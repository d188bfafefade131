//! `signet serve`: the server.
//!
//! Owns the order of a start and the exit code of every refusal. The messages are in `startup_report`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::{Builder, Runtime};

use crate::admin::users::{self, Create};
use crate::app::App;
use crate::app::startup::{self, OpenError, OpenPurpose, Opened, Startup};
use crate::base::SystemClock;
use crate::config::{Config, ConfigErrors, Machine, default_issuer};
use crate::crypto::random::SystemEntropy;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::{Failure, FaultKind};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::server::{self, BindError, Bound, Interrupts};
#[cfg(feature = "otlp")]
use crate::spans::Spans;
use crate::telemetry::{self, Voice};
use crate::{identity, jobs};

use super::declarative::at_start;
use super::startup_report;

/// `signet serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Start with a new, empty database although a master key of an earlier start exists
    #[arg(long)]
    new_database: bool,
}

/// Why the server did not start, with its exit code.
pub(super) struct Refused {
    code: u8,
    text: String,
}

impl Refused {
    pub(super) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(super) fn say(self) -> ExitCode {
        startup_report::refusal(&self.text, self.code, Config::logs_json());
        ExitCode::from(self.code)
    }
}

impl From<ConfigErrors> for Refused {
    fn from(mistakes: ConfigErrors) -> Self {
        Self::new(78, mistakes.to_string())
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Configuration(_) => 78,
            OpenError::TryAgain(_) => 75,
            OpenError::Conflict(_) => 5,
            OpenError::Failed(fault) if fault.kind == FaultKind::Unavailable => 75,
            OpenError::Failed(_) => 1,
        };
        Self::new(code, error.to_string())
    }
}

impl From<BindError> for Refused {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Busy(setting, mut address) => {
                let (ip, port) = (address.ip(), address.port());
                address.set_port(port.wrapping_add(1).max(1024));
                Self::new(
                    69,
                    format!(
                        "port {port} is already in use ({ip}).\n  Stop the program that listens there, or choose \
                         another port: {setting}={address}"
                    ),
                )
            }
            BindError::Refused(setting, address, error) => Self::new(
                78,
                format!(
                    "cannot listen on {address}: {error}.\n  Name an address of this machine \
                     in {setting}; ports below 1024 need the privilege to bind them."
                ),
            ),
            BindError::Tls(text) => {
                Self::new(78, format!("{text}.\n  Check SIGNET_TLS_CERT and SIGNET_TLS_KEY."))
            }
        }
    }
}

/// Serves until it receives a signal.
pub fn run(args: &ServeArgs) -> ExitCode {
    let purpose =
        if args.new_database { OpenPurpose::ServeNewDatabase } else { OpenPurpose::Serve };
    match Config::load().map_err(Refused::from).and_then(|loaded| serve(loaded.config, purpose)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => refused.say(),
    }
}

fn serve(mut config: Config, purpose: OpenPurpose) -> Result<(), Refused> {
    let voice = start_logging(&config)?;
    let (runtime, mut interrupts) = storage_runtime(config.machine)?;
    let bound = bind(&mut config)?;
    let waited = runtime.block_on(async {
        tokio::select! {
            reached = startup::wait_for_database(&config) => reached.map(|()| true),
            () = interrupts.next() => Ok(false),
        }
    });
    if !waited? {
        return Ok(());
    }
    let opened = open(&runtime, config, purpose)?;
    warn(&opened.app);
    let files = opened.app.config.apply_files.clone();
    runtime.block_on(at_start::apply(&opened.app, &files, "SIGNET_APPLY_FILES"))?;
    let setup_url = runtime.block_on(first_administrator(&opened.app))?;
    startup_report::started(voice, &opened, &bound, setup_url.as_ref());
    serve_until_stopped(runtime, interrupts, opened, bound)
}

/// Binds the sockets. An issuer that is not set follows the port, even one that the system has chosen.
pub(super) fn bind(config: &mut Config) -> Result<Bound, Refused> {
    let bound = server::bind(config)?;
    let chosen = config.listen.first().is_some_and(|address| address.port() == 0);
    if let (true, true, Some(port)) = (config.issuer_is_default, chosen, bound.first_port()) {
        config.issuer = default_issuer(port, config.tls.is_some());
        tracing::warn!(
            issuer = config.issuer,
            "the system chose the port, which is part of the issuer: the next start will have another issuer and \
             refuse these tokens. Set SIGNET_ISSUER"
        );
    }
    Ok(bound)
}

pub(super) fn start_logging(config: &Config) -> Result<Voice, Refused> {
    telemetry::init(&config.log, config.log_format).map_err(|text| Refused::new(78, text))
}

/// The runtime for all storage work, separate from the HTTP threads, so that a cancelled request does not cancel
/// its transaction. Signal handlers are installed here, before anything is printed, because a script may stop the
/// server as soon as it reports that it listens.
///
/// Two threads, or one on up to two cores: they mostly wait for the database, and two storage threads that share
/// two cores with the HTTP threads would wake each other for every batch.
pub(super) fn storage_runtime(machine: Machine) -> Result<(Runtime, Interrupts), Refused> {
    let failed = |error| Refused::new(1, format!("threads cannot be started: {error}"));
    server::raise_descriptor_limit();
    server::require_descriptors(machine.cores).map_err(|text| Refused::new(78, text))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads((machine.cores / 2).clamp(1, 2))
        .thread_name("storage")
        .enable_all()
        .build()
        .map_err(failed)?;
    let interrupts = {
        let _inside = runtime.enter();
        server::survive_file_size_limit().and_then(|()| Interrupts::listen())
    };
    Ok((runtime, interrupts.map_err(failed)?))
}

pub(super) fn open(
    runtime: &Runtime,
    config: Config,
    purpose: OpenPurpose,
) -> Result<Opened, Refused> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Ok(runtime.block_on(Startup { config, clock, entropy, purpose }.open())?)
}

/// Runs the server and the jobs, then closes the database and releases the lock.
pub(super) fn serve_until_stopped(
    runtime: Runtime,
    mut interrupts: Interrupts,
    opened: Opened,
    bound: Bound,
) -> Result<(), Refused> {
    let Opened { app, lock, .. } = opened;
    {
        let _inside = runtime.enter();
        jobs::start(&app);
        #[cfg(feature = "otlp")]
        start_spans(&app);
    }
    let stop = async move || interrupts.next().await;
    let log_writer = telemetry::start_log_writer();
    let served = server::in_system(server::run(app.clone(), bound, stop));
    #[cfg(feature = "otlp")]
    if let Some(spans) = app.spans.get() {
        spans.finish();
    }
    // If the database cannot be reached any more, other processes remove the row.
    let _ = runtime.block_on(jobs::leave(&app));
    runtime.block_on(app.db.close());
    drop(app);
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(lock);
    drop(log_writer);
    served.map_err(|error| Refused::new(1, format!("the server failed: {error}")))
}

/// A failure to start the exporter does not stop the server.
#[cfg(feature = "otlp")]
fn start_spans(app: &App) {
    let Some(settings) = &app.config.spans else { return };
    match Spans::start(settings) {
        Ok(spans) => drop(app.spans.set(spans)),
        Err(why) => tracing::error!(why, "no spans are sent"),
    }
}

/// Creates the administrator that the environment names, or a set-up link, unless there has been an administrator.
async fn first_administrator(app: &App) -> Result<Option<crate::base::Secret<String>>, Refused> {
    let failed = |stop: Failure| match stop {
        Failure::Refused(refusal) => {
            let mut text = refusal.message.to_string();
            for field in &refusal.fields {
                text.push_str(&format!("\n  {}: {}", field.field, field.message));
            }
            let what = "SIGNET_BOOTSTRAP_ADMIN_LOGIN and SIGNET_BOOTSTRAP_ADMIN_PASSWORD";
            Refused::new(78, format!("{what} cannot create an administrator: {text}"))
        }
        Failure::Failed(fault) => Refused::new(1, fault.to_string()),
    };
    let now = app.now();
    let is_open =
        async || identity::setup::is_open(app).await.map_err(|fault| failed(fault.into()));
    if !is_open().await? {
        return Ok(None);
    }
    if let Some(bootstrap) = &app.config.bootstrap_admin {
        let create = Create {
            login: bootstrap.login.clone(),
            password: Some(bootstrap.password.expose().clone()),
            name: None,
            email: EmailChange::default(),
            role: Role::Admin,
            attributes: Attributes::default(),
            must_change_password: false,
        };
        return match users::create(app.clone(), create, RequestInfo::system(now)).await {
            Ok(_) => Ok(None),
            // Another process that started at the same moment has created one, so the variables no longer apply.
            Err(Failure::Refused(_)) if !is_open().await? => Ok(None),
            Err(stop) => Err(failed(stop)),
        };
    }
    match identity::setup::make_link(app, &RequestInfo::system(now)).await {
        Ok(url) => Ok(Some(url)),
        // Another process has created one.
        Err(Failure::Refused(_)) => Ok(None),
        Err(stop) => Err(failed(stop)),
    }
}

fn warn(app: &App) {
    if app.config.master_key_old.is_some() {
        tracing::warn!(
            "SIGNET_MASTER_KEY_OLD is set: signet key rewrap seals everything under the new master key; then remove \
             the setting"
        );
    }
    if !app.config.rate_limits {
        tracing::warn!("SIGNET_RATE_LIMITS=off: passwords can be guessed without limit");
    }
    if app.config.insecure_http && app.config.issuer.starts_with("http://") {
        tracing::warn!("SIGNET_INSECURE_HTTP=true: passwords and tokens travel unencrypted");
    }
}
