//! `signet user`: users.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::user_lookup;
use crate::admin::users::{self, Create, NewPassword, Update};
use crate::app::App;
use crate::base::Timestamp;
use crate::domain::attributes::Attributes;
use crate::domain::pagination::Page;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::domain::user_email::{EmailChange, UserEmail};
use crate::view;

use super::attributes::{Given, Removed};
use super::error::{CommandError, about};
use super::factors;
use super::force::Force;
use super::invitations;
use super::output::{Output, Row};
use super::paging::Paging;
use super::prompt::{self, PasswordArgs, PasswordSource};
use super::relative_time::ago;
use super::startup_report;
use super::with_app::with_app;

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a user
    #[command(after_help = "Examples:
  signet user create ada@example.com
  signet user create ada --role admin --name 'Ada Lovelace'
  signet user create bob --role support,billing --group emea --claim department=string:sales
  signet user create ada --password-file - < secret.txt
  signet user create bob --email bob@example.com --email-verified
  signet user create batch-import --no-password -o json | jq -r .id

A login that looks like an e-mail address is not one: the address is what --email says.
--email-verified says that you know that the user receives mail there. Only then clients are told
the address, and the user can sign in with it.

The first administrator, however it is made, closes set-up for good.")]
    Create(CreateArgs),
    /// List users, oldest first
    #[command(after_help = "Examples:
  signet user list
  signet user list --limit 20
  signet user list -o ndjson | jq -r 'select(.disabled) | .login'")]
    List(Paging),
    /// Show one user
    #[command(after_help = "Examples:
  signet user show ada@example.com
  signet user show 0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e -o json")]
    Show(Named),
    /// Change a user's name, e-mail address, roles, groups or claims
    #[command(after_help = "Examples:
  signet user update ada --name 'Ada King'
  signet user update ada --email ada@example.com --email-verified
  signet user update ada --no-email
  signet user update ada --role admin --role support
  signet user update ada --group emea --group sales --claim floor=integer:3
  signet user update ada --role user --no-name --no-groups --no-claim floor
  signet user update ada --must-change-password

Another e-mail address than before is unverified without --email-verified.

--role replaces all roles, --group all groups. Without admin among the roles an administrator becomes
an ordinary user, which ends everything the user has. Other changes show in the tokens of the next
log-in or refresh, for the APIs that ask for them.")]
    Update(UpdateArgs),
    /// Disable a user; its sessions end at once
    #[command(after_help = "Examples:
  signet user disable mallory")]
    Disable(ChangeArgs),
    /// Enable a user again
    #[command(after_help = "Examples:
  signet user enable mallory")]
    Enable(ChangeArgs),
    /// Delete a user with everything it has
    #[command(after_help = "Examples:
  signet user delete mallory
  signet user delete mallory --yes

The same login created again is another user: ids are never used twice.")]
    Delete(DeleteArgs),
    /// Set a user's password and end all its sessions
    #[command(after_help = "Examples:
  signet user set-password ada
  signet user set-password ada --password-file - < secret.txt
  signet user set-password importer --permanent --password-file secret.txt

The next sign-in asks for a new password, which only the user knows. --permanent leaves that out, for
accounts of programs.")]
    SetPassword(SetPasswordArgs),
    /// Remove a user's second factors and recovery codes, and end all its sessions
    #[command(after_help = "Examples:
  signet user reset-factors ada

For a user who has lost their authenticator app and their recovery codes. Make sure that it is the user who
asks: afterwards the password alone signs in.")]
    ResetFactors(Named),
    /// Invite a user without a password to choose one
    #[command(after_help = "Examples:
  signet user invite ada

Mails a link that is valid for 7 days; without mail or an address, prints it. An earlier one is void.")]
    Invite(Named),
    /// Send a user a link to choose a new password
    #[command(after_help = "Examples:
  signet user recover ada

Mails a link that is valid for 24 hours to the verified address; without mail or one, prints it.")]
    Recover(Named),
    /// Clear the counters of failed attempts at a user's password and second factors
    #[command(after_help = "Examples:
  signet user unlock ada")]
    Unlock(Named),
}

/// A user that is named.
#[derive(Debug, Args)]
pub struct Named {
    /// The user's login, verified e-mail address, or id
    #[arg(value_name = "LOGIN|EMAIL|ID")]
    user: String,
}

/// `signet user create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What the user types to log in: a name or an e-mail address
    login: String,
    #[command(flatten)]
    given: Given,
    /// The name to show
    #[arg(long)]
    name: Option<String>,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// You know that the user receives mail at the address
    #[arg(long, requires = "email")]
    email_verified: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Create it without a password: the user cannot log in until one is set
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Create it without a password, and send a link with which the user chooses one
    #[arg(long, conflicts_with_all = ["password_file", "no_password", "must_change_password"])]
    invite: bool,
    /// The first sign-in asks for a new password
    #[arg(long, conflicts_with = "no_password")]
    must_change_password: bool,
}

/// `signet user update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    named: Named,
    /// The name to show
    #[arg(long, conflicts_with = "no_name")]
    name: Option<String>,
    /// Remove the name
    #[arg(long)]
    no_name: bool,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    email: Option<String>,
    /// You know that the user receives mail at the address; =false says that you do not
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    email_verified: Option<bool>,
    /// Remove the e-mail address
    #[arg(long)]
    no_email: bool,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    removed: Removed,
    /// Whether the next sign-in asks for a new password
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    must_change_password: Option<bool>,
    #[command(flatten)]
    force: Force,
}

/// `signet user disable` and `enable`.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    force: Force,
}

/// `signet user delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    force: Force,
}

/// `signet user set-password`.
#[derive(Debug, Args)]
pub struct SetPasswordArgs {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    password: PasswordArgs,
    /// The user may keep this password: the next sign-in does not ask for another one
    #[arg(long)]
    permanent: bool,
}

impl Row for User {
    const HEAD: &'static [&'static str] =
        &["login", "role", "status", "name", "email", "created", "id"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let status = match self.disabled_at {
            Some(at) => format!("disabled {}", ago(at, now)),
            None if self.must_change_password => "must change password".to_owned(),
            None => "active".to_owned(),
        };
        vec![
            self.login.clone(),
            [&[self.role.to_string()], &*self.attributes.roles].concat().join(","),
            status,
            self.name.clone().unwrap_or_default(),
            match &self.email {
                None => String::new(),
                Some(UserEmail { address, verified_at: Some(_) }) => address.clone(),
                Some(UserEmail { address, verified_at: None }) => format!("{address} (unverified)"),
            },
            ago(self.created_at, now),
            self.id.to_string(),
        ]
    }

    fn json(&self) -> Value {
        view::user(self)
    }
}

impl Named {
    /// The user, as it is now.
    pub async fn find(&self, app: &App) -> Result<User, CommandError> {
        find(app, &self.user).await
    }
}

/// The user with this login, verified e-mail address or id, as it is now.
pub async fn find(app: &App, name: &str) -> Result<User, CommandError> {
    app.run_to_completion(user_lookup::resolve(app.clone(), name.to_owned()))
        .await
        .map_err(about("user", name))
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Create(args) => create(args, output),
        Command::List(paging) => with_app(async |app| {
            paging
                .write(output.list(), async |request| -> Result<Page<User>, CommandError> {
                    Ok(app.run_to_completion(users::list(app.clone(), request)).await?)
                })
                .await
        }),
        Command::Show(named) => with_app(async |app| factors::show(app, named, output).await),
        Command::Update(args) => update(args, output),
        Command::Disable(ChangeArgs { named, force }) => with_app(async |app| {
            let user = named.find(&app).await?;
            let work = users::disable(app.clone(), user.id, force.info(&app));
            let user = app.run_to_completion(work).await.map_err(about("user", &user.login))?;
            done("Disabled", &user, output)
        }),
        Command::Enable(ChangeArgs { named, force }) => with_app(async |app| {
            let user = named.find(&app).await?;
            let work = users::enable(app.clone(), user.id, force.info(&app));
            let user = app.run_to_completion(work).await.map_err(about("user", &user.login))?;
            done("Enabled", &user, output)
        }),
        Command::Delete(args) => delete(args),
        Command::SetPassword(args) => set_password(args),
        Command::ResetFactors(named) => factors::reset(named),
        Command::Invite(named) => invitations::invite(named, output),
        Command::Recover(named) => invitations::recover(named, output),
        Command::Unlock(named) => invitations::unlock(named),
    }
}

fn create(args: &CreateArgs, output: Output) -> Result<(), CommandError> {
    let (role, roles) = args.given.roles()?.unwrap_or((Role::User, Vec::new()));
    let (groups, claims) = (args.given.groups(), args.given.claims());
    let attributes = Attributes { roles, groups, claims };
    let none = args.no_password || args.invite;
    let source = if none { None } else { Some(args.password.source()?) };
    with_app(async |app| {
        let read = |source: PasswordSource| source.read(&args.login);
        let create = Create {
            login: args.login.clone(),
            password: source.map(read).transpose()?,
            name: args.name.clone(),
            email: EmailChange {
                address: args.email.clone().map(Some),
                verified: args.email_verified.then_some(true),
            },
            role,
            attributes,
            must_change_password: args.must_change_password,
        };
        let work = users::create(app.clone(), create, RequestInfo::cli(app.now()));
        let user = app.run_to_completion(work).await.map_err(about("user", &args.login))?;
        if args.invite {
            return invitations::invite_new(&app, user.id, &user.login, output).await;
        }
        done("Created", &user, output)
    })
}

fn update(args: &UpdateArgs, output: Output) -> Result<(), CommandError> {
    let name = if args.no_name { Some(None) } else { args.name.clone().map(Some) };
    let (role, roles) = args.given.roles()?.unzip();
    let update = Update {
        name,
        email: EmailChange {
            address: if args.no_email { Some(None) } else { args.email.clone().map(Some) },
            verified: args.email_verified,
        },
        role,
        roles: args.removed.roles(roles),
        groups: args.removed.groups(args.given.groups()),
        claims: args.removed.claims(args.given.claims()),
        must_change_password: args.must_change_password,
    };
    if update.is_empty() {
        return Err(CommandError::usage(
            "nothing to change.\n  Say what:  --name  --email  --email-verified  --role  --group  \
             --claim  --no-name  --no-email  --no-roles  --no-groups  --no-claim  \
             --must-change-password",
        ));
    }
    with_app(async |app| {
        let before = args.named.find(&app).await?;
        let work = users::update(app.clone(), before.id, update, args.force.info(&app));
        let user = app.run_to_completion(work).await.map_err(about("user", &before.login))?;
        if before.role.loses_rights(user.role) {
            startup_report::say("No longer an administrator: all sessions were ended.\n");
        }
        done("Updated", &user, output)
    })
}

fn delete(args: &DeleteArgs) -> Result<(), CommandError> {
    prompt::needs_terminal_or_yes(args.yes)?;
    with_app(async |app| {
        let user = args.named.find(&app).await?;
        prompt::confirm(&format!("Delete user {} ({}) for good?", user.login, user.id), args.yes)?;
        let work = users::delete(app.clone(), user.id, args.force.info(&app));
        app.run_to_completion(work).await.map_err(about("user", &user.login))?;
        startup_report::say(&format!("Deleted user {} ({})\n", user.login, user.id));
        Ok(())
    })
}

fn set_password(args: &SetPasswordArgs) -> Result<(), CommandError> {
    let source = args.password.source()?;
    with_app(async |app| {
        let user = args.named.find(&app).await?;
        let password = source.read(&user.login)?;
        let new = NewPassword { password, permanent: args.permanent };
        let work = users::set_password(app.clone(), user.id, new, RequestInfo::cli(app.now()));
        app.run_to_completion(work).await.map_err(about("user", &user.login))?;
        startup_report::say(&format!(
            "Set the password of user {} ({}) and ended its sessions\n{}",
            user.login,
            user.id,
            if args.permanent { "" } else { "The next sign-in asks for a new password.\n" }
        ));
        Ok(())
    })
}

fn done(verb: &str, user: &User, output: Output) -> Result<(), CommandError> {
    startup_report::say(&format!("{verb} user {} ({})\n", user.login, user.id));
    Ok(output.one(user)?)
}
