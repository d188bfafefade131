//! `signet user`: users.

mod bulk;
mod find;
mod keys;
mod rows;
mod why;

use clap::{Args, Subcommand};

use crate::admin::user_lookup;
use crate::admin::user_password::{NewPassword, set_password as set_users_password};
use crate::admin::users::{self, Create, Update};
use crate::app::App;
use crate::domain::attributes::Attributes;
use crate::domain::pagination::Page;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::domain::user_email::EmailChange;

use crate::cli::attributes::{Given, Removed};
use crate::cli::error::{CommandError, about};
use crate::cli::factors;
use crate::cli::force::Force;
use crate::cli::invitations;
use crate::cli::output::Output;
use crate::cli::paging::Paging;
use crate::cli::prompt::{PasswordArgs, PasswordSource};
use crate::cli::startup_report;
use crate::cli::with_app::with_app;

/// The subcommands for users.
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
--email-verified states that you know that the user receives mail there. Only then do clients receive
the address, and the user can sign in with it.

Creating the first administrator, in any way, closes set-up permanently.")]
    Create(CreateArgs),
    /// List users, oldest first
    #[command(after_help = "Examples:
  signet user list
  signet user list --limit 20
  signet user list -o ndjson | jq -r 'select(.disabled) | .login'")]
    List(Paging),
    /// Find users by words of the login, name or e-mail address, and by state
    #[command(after_help = "Examples:
  signet user find ada
  signet user find love ada
  signet user find --locked
  signet user find --role support --disabled=false --limit 200
  signet user find --last-login-before 180d -o ndjson | jq -r .login

Each word has to be the beginning of a word of the user: of login, name or e-mail address, their local
parts and the pieces between . _ - + @. With words, users come in the order of the longest word.")]
    Find(find::FindArgs),
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

A new e-mail address is unverified without --email-verified.

--role replaces all roles, --group all groups. Without admin among the roles an administrator becomes
an ordinary user, which ends everything the user has. Other changes show in the tokens of the next
log-in or refresh, for the APIs that ask for them.")]
    Update(UpdateArgs),
    /// Disable a user; its sessions end at once
    #[command(after_help = "Examples:
  signet user disable mallory
  signet user disable --from users.txt --dry-run
  signet user disable --from users.txt

--from handles the user on each line of a file. A line that fails does not stop the others;
the exit code is 6 then.")]
    Disable(bulk::BulkArgs),
    /// Enable a user again
    #[command(after_help = "Examples:
  signet user enable mallory
  signet user enable --from users.txt

The counters of failed attempts are cleared.")]
    Enable(bulk::BulkArgs),
    /// Replace all roles of a user
    #[command(after_help = "Examples:
  signet user set-roles ada --role support --role billing
  signet user set-roles --from users.txt --role support --dry-run
  signet user set-roles --from users.txt

On a line of the file, roles may follow the user, with commas between them: ada support,billing")]
    SetRoles(bulk::SetRolesArgs),
    /// Delete a user and all their data
    #[command(after_help = "Examples:
  signet user delete mallory
  signet user delete mallory --yes
  signet user delete --from users.txt --dry-run

A user created with the same login later is a different user: ids are never reused.")]
    Delete(bulk::DeleteArgs),
    /// Set a user's password and end all its sessions
    #[command(after_help = "Examples:
  signet user set-password ada
  signet user set-password ada --password-file - < secret.txt
  signet user set-password importer --permanent --password-file secret.txt

The user must choose a new password at the next sign-in. --permanent leaves that out, for
accounts of programs.")]
    SetPassword(SetPasswordArgs),
    /// Remove a user's second factors and recovery codes, and end all its sessions
    #[command(after_help = "Examples:
  signet user reset-factors ada

For a user who has lost the authenticator app and the recovery codes. First verify that the request comes from
the user: afterwards the password alone is enough to sign in.")]
    ResetFactors(Named),
    /// Invite a user without a password to choose one
    #[command(after_help = "Examples:
  signet user invite ada

Mails a link that is valid for 7 days; without mail or an address, prints it. Earlier links become invalid.")]
    Invite(Named),
    /// Send a user a link to choose a new password
    #[command(after_help = "Examples:
  signet user recover ada

Mails a link that is valid for 24 hours to the verified address; without mail or one, prints it.")]
    Recover(Named),
    /// List and revoke API keys of a user
    #[command(subcommand)]
    Key(keys::Command),
    /// Explain why a user cannot sign in
    #[command(after_help = "Examples:
  signet user why ada
  signet user why ada@example.com -o json

Shows the state of the account, the counters of failed attempts, the last failures, and the commands to run. Also for a
login that no account has.

Exit codes: 0 no cause found, 3 no such user, 7 a cause was found.")]
    Why(why::WhyArgs),
    /// Clear the counters of failed attempts at a user's password and second factors
    #[command(after_help = "Examples:
  signet user unlock ada
  signet user unlock ada --network 192.0.2.7
  signet user unlock --from users.txt

`signet user why` shows the networks. Without --network, the counters of all networks are cleared.")]
    Unlock(bulk::UnlockArgs),
}

/// A user as an argument.
#[derive(Debug, Args)]
pub struct Named {
    /// The user's login, verified e-mail address, or id
    #[arg(value_name = "LOGIN|EMAIL|ID")]
    user: String,
}

/// `signet user create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The login of the user: a name or an e-mail address
    login: String,
    #[command(flatten)]
    given: Given,
    /// The display name
    #[arg(long)]
    name: Option<String>,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Mark the address as verified, because you know that the user receives mail there
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
    /// Require a new password at the first sign-in
    #[arg(long, conflicts_with = "no_password")]
    must_change_password: bool,
}

/// `signet user update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    named: Named,
    /// The display name
    #[arg(long, conflicts_with = "no_name")]
    name: Option<String>,
    /// Remove the name
    #[arg(long)]
    no_name: bool,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    email: Option<String>,
    /// Mark the address as verified, because you know that the user receives mail there; =false marks it as
    /// unverified
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    email_verified: Option<bool>,
    /// Remove the e-mail address
    #[arg(long)]
    no_email: bool,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    removed: Removed,
    /// Whether the next sign-in requires a new password
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    must_change_password: Option<bool>,
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
    /// Do not require a new password at the next sign-in
    #[arg(long)]
    permanent: bool,
}

impl Named {
    /// The user as it is stored.
    pub async fn find(&self, app: &App) -> Result<User, CommandError> {
        find(app, &self.user).await
    }
}

/// The user with this login, verified e-mail address or id.
pub async fn find(app: &App, name: &str) -> Result<User, CommandError> {
    app.run_to_completion(user_lookup::resolve(app.clone(), name.to_owned()))
        .await
        .map_err(about("user", name))
}

/// Runs a command.
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
        Command::Find(args) => find::run(args, output),
        Command::Show(named) => with_app(async |app| factors::show(app, named, output).await),
        Command::Update(args) => update(args, output),
        Command::Disable(args) => bulk::disable(args, output),
        Command::Enable(args) => bulk::enable(args, output),
        Command::SetRoles(args) => bulk::set_roles(args, output),
        Command::Delete(args) => bulk::delete(args, output),
        Command::SetPassword(args) => set_password(args),
        Command::ResetFactors(named) => factors::reset(named),
        Command::Invite(named) => invitations::invite(named, output),
        Command::Recover(named) => invitations::recover(named, output),
        Command::Key(command) => keys::run(command, output),
        Command::Why(args) => why::run(args, output),
        Command::Unlock(args) => bulk::unlock(args, output),
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
            "nothing to change.\n  Options:  --name  --email  --email-verified  --role  --group  \
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

fn set_password(args: &SetPasswordArgs) -> Result<(), CommandError> {
    let source = args.password.source()?;
    with_app(async |app| {
        let user = args.named.find(&app).await?;
        let password = source.read(&user.login)?;
        let new = NewPassword { password, permanent: args.permanent };
        let work = set_users_password(app.clone(), user.id, new, RequestInfo::cli(app.now()));
        app.run_to_completion(work).await.map_err(about("user", &user.login))?;
        startup_report::say(&format!(
            "Set the password of user {} ({}) and ended its sessions\n{}",
            user.login,
            user.id,
            if args.permanent {
                ""
            } else {
                "The user must choose a new password at the next sign-in.\n"
            }
        ));
        Ok(())
    })
}

fn done(verb: &str, user: &User, output: Output) -> Result<(), CommandError> {
    startup_report::say(&format!("{verb} user {} ({})\n", user.login, user.id));
    Ok(output.one(user)?)
}
