//! `signet admin`: the set-up link and the permission table.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::domain::permission::{Action, AdminScope, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::Role;
use crate::domain::validity::SETUP_LINK_LIFE;
use crate::identity::setup;

use super::error::CommandError;
use super::output::{Output, Row};
use super::startup_report;
use super::with_app::with_app;

/// The subcommands for administrators.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a new one-time link for the first administrator
    #[command(after_help = "Examples:
  signet admin setup-link
  xdg-open \"$(signet admin setup-link)\"

The link works once, for 30 minutes, and only until there has been an administrator. On a machine
without a browser:  signet user create LOGIN --role admin")]
    SetupLink,
    /// Show which roles and scopes allow which action
    #[command(after_help = "Examples:
  signet admin permissions
  signet admin permissions -o ndjson | jq -r 'select(.roles | index(\"signet:helpdesk\")) | .action'

A user needs one of the roles and a token with one of the scopes, a service client one of the scopes. What an action
does to a protected target needs the scope signet:admin and, of a user, the role admin.")]
    Permissions,
}

/// A row of the permission table.
struct Line(Action);

impl Row for Line {
    const HEAD: &'static [&'static str] = &["action", "roles", "scopes", "protected targets"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let permission = self.0.permission();
        let roles: Vec<&str> = permission.all_roles().map(Role::as_str).collect();
        let scopes: Vec<&str> = permission.all_scopes().map(AdminScope::as_str).collect();
        let protected: Vec<&str> = self.protected().collect();
        vec![self.0.to_string(), roles.join(" "), scopes.join(" "), protected.join(" ")]
    }

    fn json(&self) -> Value {
        let permission = self.0.permission();
        json!({
            "action": self.0,
            "roles": permission.all_roles().collect::<Vec<_>>(),
            "scopes": permission.all_scopes().collect::<Vec<_>>(),
            "protected_targets": self.protected().collect::<Vec<_>>(),
            "needs_fresh_user": permission.needs_fresh_user,
        })
    }
}

impl Line {
    fn protected(&self) -> impl Iterator<Item = &'static str> {
        let kinds = TargetKind::of_object(self.0.permission().object).iter();
        kinds.filter(|kind| **kind != TargetKind::Ordinary).map(|kind| kind.as_str())
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::SetupLink => with_app(async |app| {
            let url = setup::make_link(&app, &RequestInfo::cli(app.now())).await?;
            let url = url.expose();
            output.text_or(&format!("{url}\n"), &json!({ "setup_url": url }))?;
            let minutes = SETUP_LINK_LIFE.secs() / 60;
            startup_report::say(&format!(
                "Open it to create the administrator; good for {minutes} min.\n"
            ));
            Ok(())
        }),
        Command::Permissions => {
            let lines: Vec<Line> = Action::ALL.iter().copied().map(Line).collect();
            let mut list = output.list();
            list.rows(&lines)?;
            Ok(list.end()?)
        }
    }
}
