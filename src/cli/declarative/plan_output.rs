//! Plans and drift as output.

use serde_json::{Value, json};

use crate::admin::declarative::{
    Action, Change, Choices, Drift, Impact, Plan, SampleToken, SecretChange,
};
use crate::base::Timestamp;
use crate::cli::output::Row;
use crate::cli::relative_time::ago;
use crate::domain::managed::{Difference, State, differences};

/// Claims that differ in every token.
const MOMENTARY: [&str; 6] = ["iat", "nbf", "exp", "auth_time", "jti", "sid"];
/// The longest value in a table, in characters; JSON has all of it.
const MAX_SHOWN: usize = 100;

/// A plan, with its options.
pub struct PlanOutput<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The options of the run.
    pub choices: &'a Choices,
}

impl PlanOutput<'_> {
    /// The plan for programs, which `apply --plan` accepts.
    pub fn json(&self) -> Value {
        let Plan { changes, files, objects, sample } = self.plan;
        let shown = changes.iter().filter(|change| change.action != Action::Unchanged);
        let mut plan = json!({
            "files": files,
            "objects": objects,
            "prune": self.choices.prune,
            "adopt": self.choices.adopt,
            "changes": shown.map(change).collect::<Vec<_>>(),
            "unchanged": count(self.plan, Action::Unchanged),
        });
        if let Some(sample) = sample {
            plan["sample"] = json!({
                "user": self.choices.sample_user,
                "tokens": sample.iter().map(token).collect::<Vec<_>>(),
            });
        }
        plan
    }

    /// The plan for people.
    pub fn text(&self) -> String {
        let shown = self.plan.changes.iter().filter(|change| change.action != Action::Unchanged);
        let changes: String = shown.map(lines).collect();
        let user = self.choices.sample_user.as_deref().unwrap_or_default();
        let sample = self.plan.sample.as_deref().map_or_else(String::new, |sample| {
            if sample.is_empty() {
                return format!("tokens    of {user} stay as they are\n");
            }
            sample.iter().map(|sample| token_lines(user, sample)).collect()
        });
        changes + &sample
    }
}

/// One line about a plan.
pub fn summary(word: &str, plan: &Plan) -> String {
    let left = match count(plan, Action::LeftOut) {
        0 => String::new(),
        left => format!(" {left} left out of the files: --prune deletes them."),
    };
    if !plan.has_changes() {
        return format!("No changes.{left}\n");
    }
    let counted = [
        (Action::Create, "created"),
        (Action::Update, "changed"),
        (Action::Adopt, "taken over"),
        (Action::Delete, "deleted"),
    ];
    let counted = counted.into_iter().filter_map(|(action, word)| match count(plan, action) {
        0 => None,
        number => Some(format!("{number} {word}")),
    });
    let counted = counted.collect::<Vec<_>>().join(", ");
    format!("{word}: {counted}, {} unchanged.{left}\n", count(plan, Action::Unchanged))
}

fn count(plan: &Plan, action: Action) -> usize {
    plan.changes.iter().filter(|change| change.action == action).count()
}

fn change(change: &Change) -> Value {
    let Change { action, kind, name, source, fields, secret, taken_from, impact } = change;
    json!({
        "action": action,
        "kind": kind,
        "name": name,
        "source": source,
        "fields": fields.iter().map(difference).collect::<Vec<_>>(),
        "secret": secret,
        "adopted": taken_from.is_some(),
        "adopted_from": taken_from.as_ref().and_then(Option::as_ref),
        "ends": impact.map(|Impact { sessions, consents }| json!({ "sessions": sessions, "consents": consents })),
    })
}

fn token(sample: &SampleToken) -> Value {
    let SampleToken { audience, before, after } = sample;
    json!({ "audience": audience, "before": before, "after": after })
}

/// The differences between two tokens.
fn token_lines(user: &str, sample: &SampleToken) -> String {
    let SampleToken { audience, before, after } = sample;
    let audience = audience.as_deref().unwrap_or("Signet itself");
    let mut text = format!("token     of {user} for {audience}\n");
    let (Some(before), Some(after)) = (before, after) else {
        let (word, token) = match after {
            Some(after) => ("new", members(after)),
            None => ("none any more", State::new()),
        };
        text.push_str(&format!("          {word}\n"));
        for (name, value) in &token {
            text.push_str(&format!("          {name} = {}\n", shown(Some(value))));
        }
        return text;
    };
    for found in differences(&members(before), &members(after)) {
        let value =
            |value: Option<&Value>| value.map_or("(none)".to_owned(), |value| shown(Some(value)));
        let (before, after) = (value(found.before.as_ref()), value(found.after.as_ref()));
        text.push_str(&format!("          {}: {before} -> {after}\n", found.field));
    }
    text
}

/// The members of a token that are compared: a lifetime instead of times, and no ids.
fn members(token: &Value) -> State {
    let seconds = |name: &str| token["claims"][name].as_i64().unwrap_or_default();
    let lifetime = json!(seconds("exp") - seconds("iat"));
    let parts = [token["header"].as_object(), token["claims"].as_object()];
    let mut members: State = parts
        .into_iter()
        .flatten()
        .flatten()
        .filter(|(name, _)| !MOMENTARY.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    members.insert("lifetime".to_owned(), lifetime);
    members
}

fn difference(found: &Difference) -> Value {
    json!({ "field": found.field, "before": found.before, "after": found.after })
}

fn lines(change: &Change) -> String {
    let word = match change.action {
        Action::Create => "create",
        Action::Update => "change",
        Action::Adopt => "adopt",
        Action::Delete => "delete",
        Action::LeftOut => "left out",
        Action::Unchanged => "unchanged",
    };
    let mut text = format!("{word:<9} {} {}  ({})\n", change.kind, change.name, change.source);
    if let Some(from) = &change.taken_from {
        let from = from.as_ref().map_or("no source", String::as_str);
        text.push_str(&format!("          taken over from {from}\n"));
    }
    for found in &change.fields {
        let after = shown(found.after.as_ref());
        let line = match change.action {
            Action::Create => format!("          {} = {after}\n", found.field),
            _ => {
                format!("          {}: {} -> {after}\n", found.field, shown(found.before.as_ref()))
            }
        };
        text.push_str(&line);
    }
    match change.secret {
        None | Some(SecretChange::Same) => {}
        Some(secret) => text.push_str(&format!("          secret: {secret}\n")),
    }
    if let Some(Impact { sessions, consents }) = change.impact
        && sessions + consents > 0
    {
        text.push_str(&format!("          ends {sessions} sessions and {consents} consents\n"));
    }
    text
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(default)".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(MAX_SHOWN) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// An object that differs from its applied state.
pub struct DriftRow(pub Drift);

impl Row for DriftRow {
    const HEAD: &'static [&'static str] =
        &["kind", "name", "source", "drift", "differs", "applied"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let Drift { kind, name, source, drift, fields, secret, applied_at } = &self.0;
        let mut differs: Vec<&str> = fields.iter().map(|found| &*found.field).collect();
        if *secret {
            differs.push("secret");
        }
        let (kind, drift) = (kind.to_string(), drift.to_string());
        vec![kind, name.clone(), source.clone(), drift, differs.join(" "), ago(*applied_at, now)]
    }

    fn json(&self) -> Value {
        let Drift { kind, name, source, drift, fields, secret, applied_at } = &self.0;
        json!({
            "kind": kind,
            "name": name,
            "source": source,
            "drift": drift,
            "fields": fields.iter().map(difference).collect::<Vec<_>>(),
            "secret_changed": secret,
            "applied_at": applied_at.rfc3339(),
        })
    }
}
