//! `/admin/clients/new`: registering an application in two steps, its type and its names.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::admin::clients::{self, Change, New};
use crate::app::FormResult;
use crate::domain::client::ClientType;
use crate::domain::outcome::Failure;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::pages::{Block, Choice, Field, Form, Section};
use crate::http::ui::said;

use super::access::Action;
use super::{Console, Content, client_path, enter, submitted};

/// What was typed.
#[derive(Default)]
struct Typed {
    name: String,
    uris: String,
    form: String,
}

/// The types to choose from, or the form of one of them.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let console = match enter(context, Action::CreateClient).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let chosen = params.as_ref().ok().and_then(|params| params.get("type")?.parse().ok());
    match chosen {
        Some(kind) => console.new_client_form(kind, &Typed::default(), None),
        None => console.client_types(),
    }
}

/// Registers the application. The secret, where it has one, is in this answer alone.
pub async fn post(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let (console, mut form) = match submitted(context, &request, form, Action::CreateClient).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    let Ok(kind) = form.take("type").parse::<ClientType>() else { return console.client_types() };
    if let Err(answer) = console.require_fresh(&format!("/admin/clients/new?type={kind}")).await {
        return answer;
    }
    let typed = Typed { name: form.take("name"), uris: form.take("uris"), form: form.take("form") };
    let uris: Vec<String> = typed.uris.split_whitespace().map(str::to_owned).collect();
    let change = Change {
        redirect_uris: (kind != ClientType::Service).then_some(uris),
        ..Change::default()
    };
    let new = New { client_id: None, name: typed.name.trim().to_owned(), client_type: kind };
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        let made = clients::create(app, new, change, info).await?;
        let client_id = made.stored.client.client_id;
        Ok::<_, Failure>(match made.client_secret {
            Some(secret) => FormResult::Secret { client_id, secret: Arc::new(secret) },
            None => FormResult::Done { path: client_path(&client_id), what: "created" },
        })
    };
    match console.once(typed.form.clone(), work).await {
        Ok(result) => console.answer(result),
        Err(problem) => console.new_client_form(kind, &typed, Some(&problem)),
    }
}

impl Console {
    fn client_types(&self) -> HttpResponse {
        let locale = self.locale();
        let choice = |kind: &ClientType| {
            let about = locale.t(match kind {
                ClientType::Spa => "console.client.spa",
                ClientType::Web => "console.client.web",
                ClientType::Native => "console.client.native",
                ClientType::Service => "console.client.service",
            });
            let to = self.link("/admin/clients/new").with_query(&format!("type={kind}"));
            Choice::action(about, to)
        };
        let blocks = vec![
            Block::Text(locale.t("console.client.choose").to_owned()),
            Block::Links(ClientType::ALL.iter().map(choice).collect()),
        ];
        let command = "signet client create --name NAME --type TYPE".to_owned();
        self.wizard(HttpResponse::Ok(), blocks, command)
    }

    fn new_client_form(
        &self,
        kind: ClientType,
        typed: &Typed,
        refused: Option<&Problem>,
    ) -> HttpResponse {
        let locale = self.locale();
        let wrong = |field: &str| {
            let of = refused?.fields().iter().find(|error| error.field == field)?;
            Some(locale.field(of).to_owned())
        };
        let mut fields = vec![Field {
            name: "name",
            label: locale.t("console.name"),
            hint: Some(locale.t("console.client.name_hint").to_owned()),
            value: typed.name.clone(),
            error: wrong("name"),
            ..Field::default()
        }];
        if kind != ClientType::Service {
            fields.push(Field {
                name: "uris",
                label: locale.t("console.redirect_uris"),
                hint: Some(locale.t("console.client.uris_hint").to_owned()),
                value: typed.uris.clone(),
                is_long: true,
                error: wrong("redirect_uris"),
                ..Field::default()
            });
        }
        let is_shown = fields.iter().any(|field| field.error.is_some());
        let form = match typed.form.is_empty() {
            true => self.form_id(),
            false => typed.form.clone(),
        };
        let mut blocks = Vec::new();
        if let Some(problem) = refused.filter(|_| !is_shown) {
            blocks.push(Block::Alert(said(locale, problem).into_owned()));
        }
        blocks.push(Block::Form(Form {
            is_post: true,
            action: self.link("/admin/clients/new").to_string(),
            hidden: vec![("csrf", self.csrf.clone()), ("form", form), ("type", kind.to_string())],
            fields,
            submit: locale.t("console.client.create").to_owned(),
        }));
        blocks.push(Block::Links(vec![Choice::link(
            locale.t("console.confirm.cancel"),
            self.link("/admin/clients"),
        )]));
        let head = refused.map_or_else(HttpResponse::Ok, Problem::head);
        self.wizard(head, blocks, format!("signet client create --name NAME --type {kind}"))
    }

    fn wizard(
        &self,
        head: HttpResponseBuilder,
        blocks: Vec<Block>,
        same_as: String,
    ) -> HttpResponse {
        self.show_as(
            head,
            Content {
                menu: "/admin/clients",
                title: self.locale().t("console.client.new").to_owned(),
                notice: None,
                search: String::new(),
                same_as,
                sections: vec![Section { blocks, ..Section::default() }],
            },
        )
    }
}
