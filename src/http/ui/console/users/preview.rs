//! `/admin/users/{id}/token`: a preview of a user's access token.

use actix_web::HttpResponse;
use actix_web::web::Path;
use serde_json::Value;

use crate::admin::tokens;
use crate::domain::shell_word::{command, option};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, enter_with};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Field, Form, Section, Table};
use crate::identity::login::RequestedAccess;

/// The preview, for the API and the scopes that the address names.
pub async fn get(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> PageResult {
    let (console, params) = enter_with(context, Action::PreviewToken, params).await?;
    console.preview(&id, &params).await.or_page_of(&console)
}

impl Console {
    async fn preview(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let user = self.named_user(id).await?;
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let (audience, scope) = (text("audience"), text("scope"));
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let asked =
            RequestedAccess { audience: some(&audience), scope: some(&scope), client_id: None };
        let field = |name, label: &str, hint: &str, value: &String| Field {
            name,
            label: locale.t(label),
            hint: Some(locale.t(hint).to_owned()),
            value: value.clone(),
            ..Field::default()
        };
        let form = Form {
            action: self.link(&format!("/admin/users/{}/token", user.id)).to_string(),
            fields: vec![
                field("audience", "console.api", "console.preview.api_hint", &audience),
                field("scope", "console.scopes", "console.preview.scope_hint", &scope),
            ],
            submit: locale.t("console.preview.submit").to_owned(),
            ..Form::default()
        };
        let mut blocks =
            vec![Block::Text(locale.t("console.preview.intro").to_owned()), Block::Form(form)];
        let work = tokens::preview(context.app.clone(), user.id, asked, context.now());
        let head = match context.run(work).await {
            Ok(found) => {
                for (part, title) in
                    [("header", "console.preview.header"), ("claims", "console.preview.claims")]
                {
                    blocks.push(Block::table(self.members(&found[part], title)));
                }
                HttpResponse::Ok()
            }
            Err(problem) => {
                blocks
                    .push(Block::Alert(self.context().frame(None).refusal(&problem).into_owned()));
                problem.head()
            }
        };
        blocks.push(Block::Links(vec![Choice::link(&user.login, self.user_link(user.id))]));
        let mut options = String::new();
        for (name, value) in [("--audience", &audience), ("--scope", &scope)] {
            if !value.is_empty() {
                options.push_str(&option(name, value));
            }
        }
        Ok(self.show_as(
            head,
            Content {
                menu: "/admin/users",
                title: locale.with("console.preview.title", &[("login", &user.login)]),
                notice: None,
                search: String::new(),
                same_as: command("signet token preview", &user.login, &options),
                sections: vec![Section { blocks, ..Section::default() }],
            },
        ))
    }

    /// The members of an object.
    fn members(&self, object: &Value, title: &str) -> Table {
        let locale = self.locale();
        let members = object.as_object().into_iter().flatten();
        let row = |(name, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            vec![Cell::code(name), Cell::code(text)]
        };
        Table {
            caption: locale.t(title).to_owned(),
            columns: ["console.name", "console.value"].map(|key| locale.t(key)).to_vec(),
            rows: members.map(row).collect(),
            ..Table::default()
        }
    }
}
