//! `signet plan`, `apply`, `export` and `drift`: configuration as code.
//!
//! Owns the arguments, the output of a plan, and the file for generated secrets. Reading and applying files is in
//! `admin::declarative`.

pub mod at_start;
mod files;
mod plan_output;
mod secrets_out;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use crate::admin::declarative::{self, Choices, Declarations, Expected, Plan};
use crate::app::App;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;

use super::error::CommandError;
use super::exit::Exit;
use super::output::{self, Output};
use super::startup_report;
use super::with_app::with_app;
use plan_output::{DriftRow, PlanOutput};
use secrets_out::SecretsFile;

/// The files of a run.
#[derive(Debug, Args)]
pub struct Files {
    /// Configuration files in TOML or JSON; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// `signet plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    allowed: Allowed,
    /// Show how the access tokens of this user change, for log-ins with every scope of an API
    #[arg(long, value_name = "USER")]
    sample_user: Option<String>,
    /// Exit with 7 if there are changes
    #[arg(long)]
    exit_code: bool,
}

/// `signet apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    allowed: Allowed,
    /// A plan that was saved with -o json: exit with 5 if files or objects have changed since
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["prune", "adopt"])]
    plan: Option<PathBuf>,
    /// A new file (mode 0600) for secrets with generate = true, one JSON object per line
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
}

/// The options of a run.
#[derive(Debug, Args)]
pub struct Allowed {
    /// Delete objects that the source manages and its files no longer declare
    #[arg(long)]
    prune: bool,
    /// Take over existing objects that another source, or none, manages
    #[arg(long)]
    adopt: bool,
}

/// `signet export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only objects that this source manages (default: all APIs and clients, and the users that files declared)
    #[arg(long, value_name = "NAME", conflicts_with = "schema")]
    source: Option<String>,
    /// Print the JSON Schema of configuration files
    #[arg(long)]
    schema: bool,
}

/// `signet drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Only objects that this source manages
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

/// Shows what applying files would change.
pub fn plan(args: &PlanArgs, output: Output) -> Result<(), CommandError> {
    let inputs = files::read(&args.files.files)?;
    with_app(async |app| {
        let mut declarations = declarative::read(&app, &inputs).map_err(mistakes)?;
        declarations.generate(&app);
        let choices = Choices { sample_user: args.sample_user.clone(), ..args.allowed.choices() };
        let plan = planned(&app, &Arc::new(declarations), &choices).await?;
        PlanOutput { plan: &plan, choices: &choices }.write(output)?;
        startup_report::say(&plan_output::summary("Plan", &plan));
        match args.exit_code && plan.has_changes() {
            true => Err(CommandError::told(Exit::CheckFailed)),
            false => Ok(()),
        }
    })
}

/// Applies files.
pub fn apply(args: &ApplyArgs, output: Output) -> Result<(), CommandError> {
    let inputs = files::read(&args.files.files)?;
    let saved = args.plan.as_ref().map(|path| files::saved_plan(path)).transpose()?;
    with_app(async |app| {
        let mut declarations = declarative::read(&app, &inputs).map_err(mistakes)?;
        let mut choices = saved.unwrap_or_else(|| args.allowed.choices());
        let mut written = None;
        if let Some(path) = &args.secrets_out {
            declarations.generate(&app);
            // Generated secrets are written first: a secret that is stored but not written would be lost.
            let shared = Arc::new(declarations);
            let plan = planned(&app, &shared, &choices).await?;
            written = SecretsFile::write(path, &shared.generated(&plan))?;
            choices.expected = Some(Expected { files: plan.files, objects: plan.objects });
            declarations = Arc::into_inner(shared).unwrap_or_default();
        }
        let applied = applied(&app, declarations, &choices).await;
        let plan = match (applied, written) {
            (Ok(plan), Some(file)) => {
                file.keep();
                plan
            }
            (outcome, _) => outcome?,
        };
        PlanOutput { plan: &plan, choices: &choices }.write(output)?;
        startup_report::say(&plan_output::summary("Applied", &plan));
        Ok(())
    })
}

/// Prints the stored objects as a file.
pub fn export(args: &ExportArgs, output: Output) -> Result<(), CommandError> {
    if args.schema {
        return Ok(output.object(&declarative::schema())?);
    }
    with_app(async |app| {
        let source = args.source.clone();
        let found = {
            let app = app.clone();
            async move { Ok(declarative::export(&app, source.as_deref()).await?) }
        };
        let file: Value = app.run_to_completion(found).await?;
        Ok(output.text_or(&declarative::toml(&file), &file)?)
    })
}

/// Lists what was changed elsewhere since files were applied.
pub fn drift(args: &DriftArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let found = {
            let app = app.clone();
            async move { Ok(declarative::drift(&app).await?) }
        };
        let found = app.run_to_completion(found).await?;
        let is_named = |source: &String| args.source.as_ref().is_none_or(|named| named == source);
        if let Some(named) = &args.source
            && !found.by_source.contains_key(named)
        {
            return Err(CommandError::new(
                Exit::NotFound,
                format!("source {named:?}: it manages no object."),
            ));
        }
        let rows: Vec<DriftRow> = found
            .objects
            .into_iter()
            .filter(|object| is_named(&object.source))
            .map(DriftRow)
            .collect();
        let mut list = output.list();
        list.rows(&rows)?;
        list.end()?;
        if rows.is_empty() {
            startup_report::say("No drift.\n");
            return Ok(());
        }
        Err(CommandError::told(Exit::CheckFailed))
    })
}

impl Allowed {
    fn choices(&self) -> Choices {
        Choices { prune: self.prune, adopt: self.adopt, ..Choices::default() }
    }
}

async fn planned(
    app: &App,
    declarations: &Arc<Declarations>,
    choices: &Choices,
) -> Result<Plan, CommandError> {
    let (own, declarations, choices) = (app.clone(), Arc::clone(declarations), choices.clone());
    let info = RequestInfo::cli(app.now());
    let work = async move { declarative::plan(&own, &declarations, &choices, &info).await };
    app.run_to_completion(work).await.map_err(refused)
}

async fn applied(
    app: &App,
    declarations: Declarations,
    choices: &Choices,
) -> Result<Plan, CommandError> {
    let (own, choices, info) = (app.clone(), choices.clone(), RequestInfo::cli(app.now()));
    let work = async move { declarative::apply(&own, &declarations, &choices, &info).await };
    app.run_to_completion(work).await.map_err(refused)
}

/// A refused run. Its message already contains the places.
fn refused(stop: Failure) -> CommandError {
    match stop {
        Failure::Refused(refusal) => {
            CommandError::new(Exit::of(refusal.code), refusal.message.into_owned())
        }
        Failure::Failed(fault) => fault.into(),
    }
}

fn mistakes(mistakes: declarative::Mistakes) -> CommandError {
    CommandError::usage(mistakes.to_string())
}

/// Writes a plan in the chosen format.
impl PlanOutput<'_> {
    fn write(&self, output: Output) -> std::io::Result<()> {
        match output.format() {
            output::Format::Table => output::write(&self.text()),
            _ => output.object(&self.json()),
        }
    }
}
