//! A secret that is shown once, with its owner.

use std::sync::Arc;

use actix_web::HttpResponse;

use crate::app::FormResult;
use crate::base::Secret;
use crate::http::ui::page;
use crate::http::ui::pages::SecretPage;

use super::Console;

/// The result of a form that created the secret of a client.
pub(super) fn of_client(client_id: String, secret: Secret<String>) -> FormResult {
    FormResult::Secret {
        path: super::client_path(&client_id),
        facts: vec![("client_id", client_id)],
        name: "client_secret",
        secret: Arc::new(secret),
    }
}

impl Console {
    /// The response to a form that succeeded.
    pub(super) fn answer(&self, result: FormResult) -> HttpResponse {
        match result {
            FormResult::Done { path, what } => self.go(&path, what),
            FormResult::Secret { facts, name, secret, path } => {
                let mut menus = super::MENU.iter().rev().map(|(menu, ..)| *menu);
                let menu = menus.find(|menu| path.starts_with(*menu)).unwrap_or_default();
                let mut console = self.frame(menu, String::new(), String::new());
                console.frame = console.frame.shown_once();
                let template = SecretPage {
                    console,
                    title: self.locale().t("console.secret.title").to_owned(),
                    facts: &facts,
                    name,
                    secret: secret.expose(),
                    onwards: self.link(&path),
                };
                self.used(page(HttpResponse::Ok(), &template))
            }
            FormResult::UserLink(made) => self.one_time_link(&made),
            FormResult::Bulk(done) => self.bulk_outcomes(&done),
        }
    }
}
