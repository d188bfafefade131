//! `/language`: a user chooses the language of the pages, which is stored in a cookie, and returns to the page. For a
//! signed-in user it is also the language of mail.

use actix_web::HttpResponse;
use actix_web::http::Uri;

use crate::domain::outcome::Refusal;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::i18n::Locale;
use crate::identity::profile;

use super::page_error::{OrErrorPage, PageResult};
use super::render::go_here;

/// Stores the choice.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_error_page(&context)?;
    let (lang, back) = (form.take("lang"), form.take("back"));
    let locale = Locale::of_tag(&lang).ok_or_else(|| {
        let message = "The pages do not exist in this language.";
        Refusal::field("lang", "unknown", message)
    });
    let locale = context.check(locale).or_error_page(&context)?;
    // The choice is also stored for mail, if a user is signed in. The page uses it in any case.
    let (app, cookies, info) =
        (context.app.clone(), Visit::of(&context).cookies, context.request_info());
    let stored = profile::choose_language(app, cookies, locale, info);
    if let Err(problem) = context.run(stored).await {
        tracing::debug!(code = %problem.code(), "the language of mail was not stored");
    }
    let back = if is_own_page(&back) { &*back } else { "/" };
    let mut answer = HttpResponse::SeeOther();
    cookie::choose_language(&context.app, &mut answer, locale);
    Ok(go_here(answer, &context.link(back)))
}

/// Whether this is a path of this server. Browsers treat `//host` and `/\host` as addresses of other servers.
fn is_own_page(back: &str) -> bool {
    back.starts_with('/')
        && !back[1..].starts_with(['/', '\\'])
        && back.bytes().all(|byte| byte.is_ascii_graphic())
        && back.parse::<Uri>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_own_page;

    #[test]
    fn another_server_is_no_page_to_return_to() {
        for own in ["/", "/login", "/oauth2/authorize?client_id=a&redirect_uri=https://b.example"] {
            assert!(is_own_page(own), "{own}");
        }
        for other in
            ["", "login", "//b.example", "/\\b.example", "https://b.example", "/a\nb", "/ü"]
        {
            assert!(!is_own_page(other), "{other:?}");
        }
    }
}
