//! Samples of the pages of the web console about users.

use super::console::{around, question, table};
use super::{Sample, World, sample};
use crate::http::ui::pages::{
    Block, Cell, Choice, ConfirmPage, ConsolePage, Field, Form, OneTimeLinkPage, RowSelection,
    Section, State, Table,
};
use crate::http::ui::{Frame, policy};

/// Samples of the list with check boxes, the diagnosis of a user, bulk actions, and a new user.
pub(super) fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let policy = || policy(false);
    let page = |title: String, sections| ConsolePage {
        console: around(frame, world),
        title,
        notice: None,
        sections,
    };
    let part = |blocks| vec![Section { blocks, ..Section::default() }];
    let mut list = page(frame.t("console.users").to_owned(), part(list(frame, world)));
    list.console.ignored = Some(frame.with("console.ignored", "names", world.typed));
    let new = page(frame.t("console.user.new").to_owned(), part(new_user(frame, world)));
    let outcome = part(vec![Block::table(outcome(frame, world))]);
    let mut bulk: ConfirmPage<'_> = question(frame, world, false);
    bulk.whom = vec![world.login.to_owned(), frame.with("console.bulk.more", "n", "41")];
    bulk.hidden = vec![("users", world.typed.to_owned())];
    bulk.typed = None;
    bulk.options = Vec::new();
    let link = OneTimeLinkPage {
        console: around(frame.shown_once(), world),
        title: frame.with("console.link.title", "login", world.login),
        login: world.login,
        link: world.typed,
        about: frame.with("console.link.invitation", "when", world.name),
        onwards: frame.link("/admin/users/x"),
    };
    Ok(vec![
        sample("console-users", &list, policy())?,
        sample("console-why", &page(world.login.to_owned(), why(frame, world)), policy())?,
        sample("console-bulk", &bulk, policy())?,
        sample("console-outcome", &page(world.name.to_owned(), outcome), policy())?,
        sample("console-new-user", &new, policy())?,
        sample("console-link", &link, policy())?,
    ])
}

fn list(frame: Frame<'_>, world: &World<'_>) -> Vec<Block> {
    let mut table = table(frame, world);
    let locked = frame.with("console.until", "when", world.name);
    table.rows.push(vec![
        Cell::link(world.login, frame.link("/admin/users/x")).noting(world.typed),
        Cell { is_badge: true, ..Cell::text("signet:helpdesk") },
        Cell::state(State::Alarm, frame.t("console.locked")).noting(locked),
        Cell::text(world.device),
    ]);
    table.previous = Some((frame.link("/admin/users"), frame.t("console.previous_page")));
    let label = frame.with("console.users.tick", "login", world.login);
    table.selection = Some(RowSelection {
        action: frame.link("/admin/users/select").to_string(),
        csrf: world.typed.to_owned(),
        heading: frame.t("console.users.select"),
        boxes: (0..table.rows.len()).map(|row| (format!("user.{row}"), label.clone())).collect(),
        label: frame.t("console.users.with_selected"),
        buttons: vec![
            ("disable", frame.t("console.bulk.disable")),
            ("unlock", frame.t("console.bulk.unlock")),
            ("end-sessions", frame.t("console.bulk.end_sessions")),
        ],
    });
    let remove = frame.with("console.filter.remove", "filter", frame.t("console.locked"));
    vec![
        Block::Links(vec![Choice::action(frame.t("console.user.new"), frame.link("/admin"))]),
        Block::Links(vec![Choice::link(remove, frame.link("/admin/users"))]),
        Block::table(table),
    ]
}

fn why(frame: Frame<'_>, world: &World<'_>) -> Vec<Section> {
    let causes = Table {
        caption: frame.t("console.why.causes").to_owned(),
        columns: ["console.why.cause", "console.detail_alone", "console.why.command"]
            .map(|key| frame.t(key))
            .to_vec(),
        rows: vec![vec![
            Cell::text(frame.t("console.why.locked_from_network")),
            Cell::text(world.typed),
            Cell::code(format!("signet user unlock {}", world.login)),
        ]],
        ..Table::default()
    };
    vec![
        Section {
            id: "why",
            heading: Some(frame.t("console.why.heading").to_owned()),
            blocks: vec![
                Block::Alert(format!("{}: {}", frame.t("console.why.wrong_password"), world.typed)),
                Block::Links(vec![
                    Choice::action(frame.t("console.user.unlock"), frame.link("/admin")),
                    Choice::link(frame.t("console.why.explain"), frame.link("/admin")),
                ]),
            ],
        },
        Section {
            id: "causes",
            heading: Some(frame.t("console.why.explain").to_owned()),
            blocks: vec![
                Block::table(causes),
                Block::table(Table {
                    empty: frame.t("console.why.no_counters").to_owned(),
                    ..Table::default()
                }),
            ],
        },
    ]
}

fn outcome(frame: Frame<'_>, world: &World<'_>) -> Table {
    let row = |state, key: &str, why: &str| {
        vec![
            Cell::link(world.login, frame.link("/admin/users/x")),
            Cell::state(state, frame.t(key)),
            Cell::text(why),
        ]
    };
    Table {
        caption: frame.locale.with("console.bulk.outcome", &[("n", "1"), ("refused", "1")]),
        columns: ["console.login", "console.state", "console.why.reason"]
            .map(|key| frame.t(key))
            .to_vec(),
        rows: vec![
            row(State::Alarm, "console.bulk.refused", world.typed),
            row(State::Good, "console.bulk.done", ""),
        ],
        ..Table::default()
    }
}

fn new_user(frame: Frame<'_>, world: &World<'_>) -> Vec<Block> {
    let field = |name, label: &str, hint: &str| Field {
        name,
        label: frame.t(label),
        hint: Some(frame.t(hint).to_owned()),
        value: world.login.to_owned(),
        ..Field::default()
    };
    vec![
        Block::Text(frame.t("console.user.new_intro").to_owned()),
        Block::Form(Form {
            is_post: true,
            action: frame.link("/admin/users/new").to_string(),
            hidden: vec![("csrf", world.typed.to_owned())],
            fields: vec![
                Field {
                    error: Some(frame.t("error.login.taken").to_owned()),
                    ..field("login", "console.login", "console.user.login_hint")
                },
                field("email", "console.email", "console.user.email_hint"),
                field("roles", "console.roles", "console.user.roles_hint"),
            ],
            submit: frame.t("console.user.create").to_owned(),
        }),
    ]
}
