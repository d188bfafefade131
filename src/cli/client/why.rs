//! `signet client why`: findings about requests of a client, one per paragraph.

use crate::admin::client_why::{self, ClientReport};
use crate::base::Timestamp;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{self, Format, Output};
use crate::cli::relative_time::ago;
use crate::cli::with_app::with_app;
use crate::domain::client_finding::Finding;
use crate::domain::finding_explanation::Explanation;
use crate::domain::shell_word::command;
use crate::view;

use super::Named;
use super::rows::setting;

/// Prints why requests of the client were refused or narrowed.
pub fn run(named: &Named, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let now = app.now();
        let work = client_why::why(app.clone(), named.client_id.clone(), now);
        let report = app.run_to_completion(work).await.map_err(named.about())?;
        match output.format() {
            Format::Table => output::write(&text(&report, now))?,
            _ => output.object(&view::client_report(&report))?,
        }
        if report.is_good() { Ok(()) } else { Err(CommandError::told(Exit::CheckFailed)) }
    })
}

fn text(report: &ClientReport, now: Timestamp) -> String {
    let client = &report.stored.client;
    let id = &client.client_id;
    let mut text = format!("Client {} ({id})\n", client.metadata.name);
    let shape = view::client(&report.stored);
    for name in ["grant_types", "audiences", "scopes", "token_endpoint_auth_method"] {
        text.push_str(&format!("  {name}: {}\n", setting(name, &shape[name])));
    }
    if let Some(at) = client.disabled_at {
        text.push_str(&format!(
            "\nThe client was disabled {}; every request of it is refused.\n  {}\n",
            ago(at, now),
            command("signet client enable", id, "")
        ));
    }
    let updated_at = report.stored.updated_at;
    let is_before = |(finding, _): &&(Finding, Explanation)| finding.is_before_change(updated_at);
    let (before, since): (Vec<_>, Vec<_>) = report.findings.iter().partition(is_before);
    for (finding, explanation) in since {
        text.push_str(&paragraph(finding, explanation, now));
    }
    if report.findings.is_empty() && report.is_good() {
        text.push_str("\nNo request was refused or narrowed in the last 30 days.\n");
    } else if report.is_good() {
        text.push_str(&format!(
            "\nNo request was refused or narrowed since the client was changed ({}).\n",
            ago(updated_at, now)
        ));
    }
    if !before.is_empty() {
        text.push_str("\nSeen before the last change of the client, which may have fixed it:\n");
    }
    for (finding, explanation) in before {
        text.push_str(&paragraph(finding, explanation, now));
    }
    text
}

fn paragraph(finding: &Finding, explanation: &Explanation, now: Timestamp) -> String {
    let Finding { key, times, first_at, last_at } = finding;
    let mut text = format!("\n{}\n", explanation.message);
    text.push_str(&format!(
        "  {}: {}, first {}, last {}\n",
        key.endpoint,
        if *times == 1 { "once".to_owned() } else { format!("{times} times") },
        ago(*first_at, now),
        ago(*last_at, now)
    ));
    if let Some(fix) = &explanation.fix {
        text.push_str(&format!("  {fix}\n"));
    }
    text
}
