//! The table of actions in `docs/permissions.md` is the permission table.

use signet::domain::permission::{Action, AdminScope, TargetKind};
use signet::domain::user::Role;

const DOCUMENT: &str = include_str!("../../../docs/permissions.md");

fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" ")
}

fn table() -> String {
    let mut table = "| action | roles | scopes | protected |\n|---|---|---|---|\n".to_owned();
    for action in Action::ALL {
        let permission = action.permission();
        let kinds = TargetKind::of_object(permission.object).iter();
        let protected =
            kinds.filter(|kind| **kind != TargetKind::Ordinary).map(|kind| kind.as_str());
        let line = format!(
            "| `{action}` | {} | {} | {} |\n",
            quoted(permission.all_roles().map(Role::as_str)),
            quoted(permission.all_scopes().map(AdminScope::as_str)),
            quoted(protected)
        );
        table.push_str(&line.replace("|  |", "| |"));
    }
    table
}

#[test]
fn the_documented_actions_are_those_of_the_permission_table() {
    let table = table();
    assert!(DOCUMENT.contains(&table), "docs/permissions.md needs this table:\n\n{table}");
}
