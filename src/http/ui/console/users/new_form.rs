//! The form of a new user, with what was typed and what is wrong with it.

use actix_web::HttpResponse;

use crate::domain::permission::TargetKind;
use crate::domain::user::Role;
use crate::http::error::Problem;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content};
use crate::http::ui::pages::{Block, Choice, Field, Form, Section};
use crate::http::ui::said;

use super::new::PATH;
use super::typed_user::Typed;

impl Console {
    pub(super) fn new_user_form(&self, typed: &Typed, refused: Option<&Problem>) -> HttpResponse {
        let locale = self.locale();
        let wrong = |field: &str| {
            let of = refused?.fields().iter().find(|error| error.field == field)?;
            Some(locale.field(of).to_owned())
        };
        let text = |name: &'static str, label: &str, hint: &str, value: &String| Field {
            name,
            label: locale.t(label),
            hint: Some(locale.t(hint).to_owned()),
            value: value.clone(),
            error: wrong(name),
            ..Field::default()
        };
        let roles = Role::ALL
            .iter()
            .filter(|role| self.may_to(Action::CreateUser, TargetKind::of_user(**role)));
        let fields = vec![
            text("login", "console.login", "console.user.login_hint", &typed.login),
            text("name", "console.name", "console.user.name_hint", &typed.name),
            text("email", "console.email", self.email_hint(), &typed.email),
            Field {
                name: "role",
                label: locale.t("console.role"),
                hint: Some(locale.t("console.user.role_hint").to_owned()),
                value: typed.own_role().to_string(),
                options: roles.map(|role| (role.to_string(), role.to_string())).collect(),
                ..Field::default()
            },
            text("roles", "console.roles", "console.user.roles_hint", &typed.roles),
        ];
        let is_shown = fields.iter().any(|field| field.error.is_some());
        let form = if typed.form.is_empty() { self.form_id() } else { typed.form.clone() };
        let mut blocks = vec![Block::Text(locale.t("console.user.new_intro").to_owned())];
        if let Some(problem) = refused.filter(|_| !is_shown) {
            blocks.push(Block::Alert(said(locale, problem).into_owned()));
        }
        blocks.push(Block::Links(vec![Choice::link(
            locale.t("console.confirm.cancel"),
            self.link("/admin/users"),
        )]));
        blocks.push(Block::Form(Form {
            is_post: true,
            action: self.link(PATH).to_string(),
            hidden: vec![("csrf", self.csrf.clone()), ("form", form)],
            fields,
            submit: locale.t("console.user.create").to_owned(),
        }));
        self.show_as(
            refused.map_or_else(HttpResponse::Ok, Problem::head),
            Content {
                menu: "/admin/users",
                title: locale.t("console.user.new").to_owned(),
                notice: None,
                search: String::new(),
                same_as: typed.command(),
                sections: vec![Section { blocks, ..Section::default() }],
            },
        )
    }

    /// What becomes of an address: where mail is on, the link is sent there.
    fn email_hint(&self) -> &'static str {
        match self.context().app.config.mail.is_some() {
            true => "console.user.email_hint",
            false => "console.user.email_hint_off",
        }
    }
}
