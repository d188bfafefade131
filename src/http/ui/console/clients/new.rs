//! `/admin/clients/new`: registering an application in two steps, its type and its names.

use actix_web::{HttpRequest, HttpResponse};

use crate::admin::clients::{self, Change, New};
use crate::app::FormResult;
use crate::domain::client::ClientType;
use crate::domain::outcome::Failure;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Field, Section};

use crate::http::ui::console::access::Action;
use crate::http::ui::console::edit::EditForm;
use crate::http::ui::console::{Console, Content, client_path, enter, secret, submitted};

/// The entries of the form.
#[derive(Default)]
struct Typed {
    name: String,
    uris: String,
    form: String,
}

/// The types to choose from, or the form of one of them.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let console = enter(context, Action::CreateClient).await?;
    let chosen = params.as_ref().ok().and_then(|params| params.get("type")?.parse().ok());
    match chosen {
        Some(kind) => console.edit(console.client_form(kind, Typed::default()), None).await,
        None => Ok(console.client_types()),
    }
}

/// Registers the application. Only this response contains its secret, if it has one.
pub async fn post(
    context: Context,
    request: HttpRequest,
    params: Result<Params, Problem>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::CreateClient).await?;
    let chosen = params.as_ref().ok().and_then(|params| params.get("type")?.parse().ok());
    let Some(kind) = chosen else { return Ok(console.client_types()) };
    console.require_fresh(&form_path(kind)).await?;
    let typed = Typed {
        name: form.take("name"),
        uris: form.take("redirect_uris"),
        form: form.take("form"),
    };
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
            Some(secret) => secret::of_client(client_id, secret),
            None => FormResult::Done { path: client_path(&client_id), what: "created" },
        })
    };
    match console.once(typed.form.clone(), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.edit(console.client_form(kind, typed), Some(&problem)).await,
    }
}

/// The address of the form of a type.
fn form_path(kind: ClientType) -> String {
    format!("/admin/clients/new?type={kind}")
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
            Choice::action(about, self.link(&form_path(*kind)))
        };
        let blocks = vec![
            Block::Text(locale.t("console.client.choose").to_owned()),
            Block::Links(ClientType::ALL.iter().map(choice).collect()),
        ];
        self.show(Content {
            menu: "/admin/clients",
            title: locale.t("console.client.new").to_owned(),
            notice: None,
            search: String::new(),
            same_as: "signet client create --name NAME --type TYPE".to_owned(),
            sections: vec![Section { blocks, ..Section::default() }],
        })
    }

    fn client_form(&self, kind: ClientType, typed: Typed) -> EditForm {
        let locale = self.locale();
        let mut fields = vec![Field {
            name: "name",
            label: locale.t("console.name"),
            hint: Some(
                locale
                    .t(match kind {
                        ClientType::Service => "console.client.name_hint_service",
                        _ => "console.client.name_hint",
                    })
                    .to_owned(),
            ),
            value: typed.name,
            ..Field::default()
        }];
        let uris = if kind == ClientType::Service { "" } else { " --redirect-uri URI" };
        if kind != ClientType::Service {
            fields.push(Field {
                name: "redirect_uris",
                label: locale.t("console.redirect_uris"),
                hint: Some(locale.t("console.client.uris_hint").to_owned()),
                value: typed.uris,
                is_long: true,
                ..Field::default()
            });
        }
        EditForm {
            menu: "/admin/clients",
            title: locale.t("console.client.new").to_owned(),
            lead: None,
            path: form_path(kind),
            cancel: "/admin/clients".to_owned(),
            form: typed.form,
            fields,
            submit: locale.t("console.client.create").to_owned(),
            same_as: format!("signet client create --name NAME --type {kind}{uris}"),
        }
    }
}
