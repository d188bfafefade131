//! Samples of the pages of the web console.

use super::{Sample, World, sample};
use crate::domain::shell_word::command;
use crate::http::ui::pages::{
    Bar, Block, Cell, Chart, Choice, ConfirmPage, ConsoleFrame, ConsolePage, Fact, Field, Form,
    NavItem, SecretPage, Section, State, Table,
};
use crate::http::ui::{Frame, policy};

/// Lists, facts, charts, forms and confirmations.
pub(super) fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let shown = |title: &str, notice, blocks| ConsolePage {
        console: around(frame, world),
        title: title.to_owned(),
        notice,
        sections: vec![Section { id: "part", heading: Some(world.name.to_owned()), blocks }],
    };
    let done = Some(frame.t("console.done.disabled"));
    let list = vec![
        Block::Form(filter(frame, world)),
        Block::Links(vec![Choice::link(world.typed, frame.link("/admin/users"))]),
        Block::table(table(frame, world)),
    ];
    let empty = vec![
        Block::Alert(world.typed.to_owned()),
        Block::table(Table { empty: frame.t("console.users.none").to_owned(), ..Table::default() }),
        Block::Links(vec![Choice::link(frame.t("console.users"), frame.link("/admin/users"))]),
    ];
    let fact = |key: &str, value| Fact { name: frame.t(key), value };
    let facts = vec![
        Block::Facts(vec![
            fact("console.state", Cell::state(State::Good, frame.t("console.active"))),
            fact("console.id", Cell::code(world.typed)),
            fact("console.email", Cell::text(world.login).noting(frame.t("console.verified"))),
        ]),
        Block::Links(vec![
            Choice::action(frame.t("console.user.end_sessions"), frame.link("/admin")),
            Choice::danger(frame.t("console.user.delete"), frame.link("/admin")),
        ]),
    ];
    let range = Choice {
        is_current: true,
        ..Choice::link(frame.t("console.range.24h"), frame.link("/admin"))
    };
    let overview = vec![
        Block::Links(vec![range, Choice::link(frame.t("console.range.30d"), frame.link("/admin"))]),
        Block::Charts(vec![chart(frame, world, "logins"), chart(frame, world, "refreshes")]),
        Block::Text(frame.t("console.chart.delay").to_owned()),
    ];
    let policy = || policy(false);
    let mut all = vec![
        sample("console-list", &shown(frame.t("console.users"), done, list), policy())?,
        sample("console-empty", &shown(frame.t("console.users"), None, empty), policy())?,
        sample("console-facts", &shown(world.login, None, facts), policy())?,
        sample("console-overview", &shown(frame.t("console.overview"), None, overview), policy())?,
    ];
    let wizard = vec![Block::Form(wizard(frame, world))];
    all.push(sample(
        "console-form",
        &shown(frame.t("console.client.new"), None, wizard),
        policy(),
    )?);
    let secret = SecretPage {
        console: around(frame.shown_once(), world),
        title: frame.t("console.secret.title").to_owned(),
        facts: &[("client_id", world.client.to_owned())],
        name: "client_secret",
        secret: world.typed,
        onwards: frame.link("/admin/clients/x"),
    };
    all.push(sample("console-secret", &secret, policy())?);
    all.push(sample("console-confirm", &question(frame, world, false), policy())?);
    all.push(sample("console-confirm-stale", &question(frame, world, true), policy())?);
    Ok(all)
}

pub(super) fn around<'a>(frame: Frame<'a>, world: &World<'a>) -> ConsoleFrame<'a> {
    let menu = ["console.overview", "console.users", "console.sessions", "console.clients"];
    ConsoleFrame {
        frame,
        csrf: world.typed,
        who: world.login,
        role: "admin",
        environment: world.host.to_owned(),
        search: world.typed.to_owned(),
        nav: menu
            .map(|key| NavItem {
                href: frame.link("/admin"),
                label: frame.t(key),
                is_current: key == "console.users",
            })
            .into(),
        ignored: None,
        same_as: command("signet user show", world.login, ""),
        request_id: "4be1f9d2c07d4a6f8f5e0d3b2a190817",
    }
}

fn filter(frame: Frame<'_>, world: &World<'_>) -> Form {
    let field = Field {
        name: "q",
        label: frame.t("console.users.find"),
        value: world.typed.to_owned(),
        ..Field::default()
    };
    Form {
        action: frame.link("/admin/users").to_string(),
        fields: vec![field],
        submit: frame.t("console.filter").to_owned(),
        ..Form::default()
    }
}

fn wizard(frame: Frame<'_>, world: &World<'_>) -> Form {
    let option = |key: &str| (key.to_owned(), frame.t(key).to_owned());
    Form {
        is_post: true,
        action: frame.link("/admin/clients/new").to_string(),
        hidden: vec![("csrf", world.typed.to_owned())],
        fields: vec![
            Field {
                name: "name",
                label: frame.t("console.name"),
                hint: Some(frame.t("console.client.name_hint").to_owned()),
                value: world.client.to_owned(),
                ..Field::default()
            },
            Field {
                name: "uris",
                label: frame.t("console.redirect_uris"),
                value: world.typed.to_owned(),
                is_long: true,
                error: Some(world.typed.to_owned()),
                ..Field::default()
            },
            Field {
                name: "state",
                label: frame.t("console.state"),
                value: "console.active".to_owned(),
                options: vec![option("console.active"), option("console.disabled")],
                ..Field::default()
            },
        ],
        submit: frame.t("console.client.create").to_owned(),
    }
}

pub(super) fn table(frame: Frame<'_>, world: &World<'_>) -> Table {
    let row = |state, key: &str| {
        vec![
            Cell::link(world.login, frame.link("/admin/users/x")).noting(world.typed),
            Cell::text(world.name),
            Cell::state(state, frame.t(key)),
            Cell {
                more: vec![(world.name.to_owned(), frame.link("/admin/audit"))],
                ..Cell::text(world.device)
            },
        ]
    };
    Table {
        caption: frame.with("console.users.caption", "n", "51+"),
        columns: ["console.login", "console.name", "console.state", "console.device"]
            .map(|key| frame.t(key))
            .to_vec(),
        rows: vec![
            row(State::Good, "console.active"),
            row(State::Alarm, "console.disabled"),
            row(State::Plain, "console.must_change"),
        ],
        newest: Some((frame.link("/admin/users"), frame.t("console.first_page"))),
        older: Some((
            frame.link("/admin/users").with_query("after=x"),
            frame.t("console.next_page"),
        )),
        ..Table::default()
    }
}

fn chart(frame: Frame<'_>, world: &World<'_>, id: &'static str) -> Chart {
    let bar = |series, x, y, height| Bar { series, x, y, width: 27, height };
    let values = [("all", "12"), ("most", "7")];
    Chart {
        id,
        title: frame.t("console.chart.logins").to_owned(),
        summary: frame.locale.with("console.chart.summary", &values),
        width: 720,
        height: 140,
        bars: vec![bar(0, 0, 40, 100), bar(1, 0, 20, 20), bar(0, 60, 100, 40)],
        from: world.name.to_owned(),
        until: world.name.to_owned(),
        legend: vec![(0, world.client.to_owned()), (1, frame.t("console.chart.others").to_owned())],
        details: frame.t("console.chart.details"),
        table: Table {
            caption: frame.t("console.chart.logins").to_owned(),
            columns: vec![frame.t("console.chart.time")],
            headings: vec![world.client.to_owned()],
            rows: vec![vec![Cell::text(world.name), Cell::text("5")]],
            ..Table::default()
        },
    }
}

pub(super) fn question<'a>(frame: Frame<'a>, world: &World<'a>, is_stale: bool) -> ConfirmPage<'a> {
    let to = |path: &str| frame.link(path);
    ConfirmPage {
        console: around(frame, world),
        title: frame.t("console.user.delete").to_owned(),
        target: world.login.to_owned(),
        whom: Vec::new(),
        facts: Vec::new(),
        effects: vec![
            frame.t("console.effect.delete_user").to_owned(),
            frame.t("console.effect.not_undone").to_owned(),
        ],
        action: to("/admin/users/x/delete"),
        hidden: Vec::new(),
        form: world.typed.to_owned(),
        typed: Some(frame.with("console.confirm.type_login", "login", world.login)),
        options: vec![("now", frame.t("console.client.revoke_old").to_owned())],
        cancel: to("/admin/users/x"),
        sign_in: is_stale.then(|| to("/login").with_query("to=console")),
        error: (!is_stale).then(|| world.typed.to_owned()),
    }
}
