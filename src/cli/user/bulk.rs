//! `signet user disable`, `enable`, `delete`, `unlock` and `set-roles`, for one user or for each line of a file.
//!
//! A dry run changes nothing, and predicts the refusals of a run.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;

use crate::admin::user_roles::{self, RoleChange};
use crate::admin::{unlocking, users};
use crate::app::App;
use crate::base::id::UserId;
use crate::cli::attributes::RoleArgs;
use crate::cli::error::{CommandError, about};
use crate::cli::force::Force;
use crate::cli::from_file::each_line;
use crate::cli::output::Output;
use crate::cli::with_app::with_app;
use crate::cli::{prompt, startup_report};
use crate::domain::outcome::Failure;
use crate::domain::user::{Role, User};

use super::find;

/// The user of a command, or a file with users.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// The user's login, verified e-mail address, or id
    #[arg(value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    /// A file with one user per line; - is standard input. Lines that begin with # are skipped
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// A command for one user or a file of users.
#[derive(Debug, Args)]
pub struct BulkArgs {
    #[command(flatten)]
    target: Target,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    force: Force,
}

impl BulkArgs {
    /// Refuses a dry run for one user, because the command asks for confirmation or can be undone.
    fn check(&self) -> Result<(), CommandError> {
        if self.dry_run && self.target.from.is_none() {
            return Err(CommandError::usage("--dry-run goes with --from FILE."));
        }
        Ok(())
    }
}

/// `signet user delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    bulk: BulkArgs,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// `signet user unlock`.
#[derive(Debug, Args)]
pub struct UnlockArgs {
    #[command(flatten)]
    bulk: BulkArgs,
    /// Only the attempts from the network of this address
    #[arg(long, value_name = "ADDRESS")]
    network: Option<String>,
}

/// `signet user set-roles`.
#[derive(Debug, Args)]
pub struct SetRolesArgs {
    #[command(flatten)]
    bulk: BulkArgs,
    #[command(flatten)]
    roles: RoleArgs,
}

/// The action on each user.
#[derive(Debug, Clone)]
enum Work {
    Disable,
    Enable,
    Delete,
    Unlock(Option<std::net::IpAddr>),
    SetRoles,
}

impl Work {
    /// The verb in "would disable user ada".
    const fn verb(&self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Delete => "delete",
            Self::Unlock(_) => "unlock",
            Self::SetRoles => "set the roles of",
        }
    }

    /// The participle in "Disabled user ada".
    const fn done(&self) -> &'static str {
        match self {
            Self::Disable => "Disabled",
            Self::Enable => "Enabled",
            Self::Delete => "Deleted",
            Self::Unlock(_) => "Unlocked",
            Self::SetRoles => "Set the roles of",
        }
    }
}

/// Disables users.
pub fn disable(args: &BulkArgs, output: Output) -> Result<(), CommandError> {
    run(args, &Work::Disable, None, output)
}

/// Enables users.
pub fn enable(args: &BulkArgs, output: Output) -> Result<(), CommandError> {
    run(args, &Work::Enable, None, output)
}

/// Deletes users, after a confirmation.
pub fn delete(args: &DeleteArgs, output: Output) -> Result<(), CommandError> {
    let DeleteArgs { bulk, yes } = args;
    bulk.check()?;
    if !bulk.dry_run {
        prompt::needs_terminal_or_yes(*yes)?;
    }
    match &bulk.target.from {
        Some(path) if !bulk.dry_run => {
            prompt::confirm(
                &format!("Permanently delete every user in {}?", path.display()),
                *yes,
            )?;
            run(bulk, &Work::Delete, None, output)
        }
        Some(_) => run(bulk, &Work::Delete, None, output),
        None => with_app(async |app| {
            let named = bulk.target.user.as_deref().unwrap_or_default();
            let user = find(&app, named).await?;
            let question = format!("Permanently delete user {} ({})?", user.login, user.id);
            prompt::confirm(&question, *yes)?;
            one(&app, &user, &Work::Delete, None, bulk.force).await?;
            done(&Work::Delete, &user);
            Ok(())
        }),
    }
}

/// Unlocks users.
pub fn unlock(args: &UnlockArgs, output: Output) -> Result<(), CommandError> {
    let network = args.network.as_deref().map(unlocking::parse_network).transpose();
    run(&args.bulk, &Work::Unlock(network.map_err(Failure::from)?), None, output)
}

/// Replaces the roles of users.
pub fn set_roles(args: &SetRolesArgs, output: Output) -> Result<(), CommandError> {
    let roles = args.roles.roles()?.map(|(role, roles)| RoleChange { role, roles });
    if roles.is_none() && args.bulk.target.from.is_none() {
        return Err(CommandError::usage("no roles.\n  Say which:  --role ROLE"));
    }
    run(&args.bulk, &Work::SetRoles, roles.as_ref(), output)
}

fn run(
    args: &BulkArgs,
    work: &Work,
    roles: Option<&RoleChange>,
    output: Output,
) -> Result<(), CommandError> {
    args.check()?;
    with_app(async |app| match (&args.target.user, &args.target.from) {
        (Some(named), _) => {
            let user = find(&app, named).await?;
            one(&app, &user, work, roles, args.force).await?;
            done(work, &user);
            match work {
                Work::Unlock(_) | Work::Delete => Ok(()),
                Work::Disable | Work::Enable | Work::SetRoles => {
                    Ok(output.one(&find(&app, &user.id.to_string()).await?)?)
                }
            }
        }
        (None, Some(path)) if args.dry_run => {
            let plan = Plan::default();
            let summary =
                |lines| format!("Would {} {}; nothing was changed", work.verb(), counted(lines));
            each_line(path, summary, async |line| plan.line(&app, line, work, roles).await).await
        }
        (None, Some(path)) => {
            let summary = |lines| format!("{} {}", work.done(), counted(lines));
            each_line(path, summary, async |line| {
                let (named, own) = split(line, work)?;
                let user = find(&app, named).await?;
                one(&app, &user, work, own.as_ref().or(roles), args.force).await
            })
            .await
        }
        (None, None) => Ok(()),
    })
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 user".to_owned() } else { format!("{lines} users") }
}

fn done(work: &Work, user: &User) {
    startup_report::say(&format!("{} user {} ({})\n", work.done(), user.login, user.id));
}

/// The user of a line, and the roles that follow.
fn split<'a>(line: &'a str, work: &Work) -> Result<(&'a str, Option<RoleChange>), CommandError> {
    let (named, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match (work, rest.trim()) {
        (_, "") => Ok((named, None)),
        (Work::SetRoles, roles) => {
            let (role, roles) = RoleArgs::parse(roles)?;
            Ok((named, Some(RoleChange { role, roles })))
        }
        _ => Err(CommandError::usage(format!("{line:?} contains more than a user."))),
    }
}

async fn one(
    app: &App,
    user: &User,
    work: &Work,
    roles: Option<&RoleChange>,
    force: Force,
) -> Result<(), CommandError> {
    let (app, id, info) = (app.clone(), user.id, force.info(app));
    let named = about("user", &user.login);
    let handle = app.clone();
    match work {
        Work::Disable => {
            handle.run_to_completion(users::disable(app, id, info)).await.map(drop).map_err(named)
        }
        Work::Enable => {
            handle.run_to_completion(users::enable(app, id, info)).await.map(drop).map_err(named)
        }
        Work::Delete => handle.run_to_completion(users::delete(app, id, info)).await.map_err(named),
        Work::Unlock(network) => {
            let work = unlocking::unlock(app, id, *network, info);
            handle.run_to_completion(work).await.map_err(named)
        }
        Work::SetRoles => {
            let roles = roles.cloned().ok_or_else(no_roles)?;
            let work = user_roles::set(app, id, roles, info);
            handle.run_to_completion(work).await.map(drop).map_err(named)
        }
    }
}

fn no_roles() -> CommandError {
    CommandError::usage("no roles: name them after the user, or with --role.")
}

/// The actions of a dry run so far.
#[derive(Default)]
struct Plan {
    /// Administrators that a run would remove.
    gone: RefCell<HashSet<UserId>>,
    deleted: RefCell<HashSet<UserId>>,
    others: Cell<i64>,
}

impl Plan {
    async fn line(
        &self,
        app: &App,
        line: &str,
        work: &Work,
        roles: Option<&RoleChange>,
    ) -> Result<(), CommandError> {
        let (named, own) = split(line, work)?;
        let user = find(app, named).await?;
        if self.deleted.borrow().contains(&user.id) {
            let text = format!("{named} would be deleted by an earlier line.");
            return Err(CommandError::new(crate::cli::exit::Exit::NotFound, text));
        }
        let roles = own.as_ref().or(roles);
        let removes = match work {
            Work::Disable | Work::Delete => true,
            Work::SetRoles => {
                let change = roles.ok_or_else(no_roles)?;
                user_roles::check(change).map_err(Failure::from)?;
                change.role != Role::Admin
            }
            Work::Enable | Work::Unlock(_) => false,
        };
        if removes && user.role == Role::Admin && user.disabled_at.is_none() {
            self.remove_administrator(app, &user).await?;
        }
        if matches!(work, Work::Delete) {
            self.deleted.borrow_mut().insert(user.id);
        }
        startup_report::say(&format!("would {} user {} ({})\n", work.verb(), user.login, user.id));
        Ok(())
    }

    async fn remove_administrator(&self, app: &App, user: &User) -> Result<(), CommandError> {
        let work = user_roles::other_administrators(app.clone(), user.id);
        self.others.set(app.run_to_completion(work).await?);
        let mut gone = self.gone.borrow_mut();
        let before = i64::try_from(gone.iter().filter(|id| **id != user.id).count()).unwrap_or(0);
        if self.others.get() - before < 1 {
            let refusal = crate::identity::last_administrator::refusal();
            return Err(about("user", &user.login)(Failure::from(refusal)));
        }
        gone.insert(user.id);
        Ok(())
    }
}
