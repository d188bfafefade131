//! `/language`: a user chooses the language of the pages, which a cookie keeps, and returns to the page. Where a user
//! is signed in, mail to them is in it too.

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

/// Keeps the choice.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_error_page(&context)?;
    let (lang, back) = (form.take("lang"), form.take("back"));
    let locale = Locale::of_tag(&lang).ok_or_else(|| {
        let message = "The pages do not exist in this language.";
        Refusal::field("lang", "unknown", message)
    });
    let locale = context.check(locale).or_error_page(&context)?;
    // Mail to a user who is signed in here follows the choice. The page does in any case.
    let (app, visitor, info) =
        (context.app.clone(), Visit::of(&context).visitor, context.request_info());
    let stored = profile::choose_language(app, visitor, locale, info);
    if let Err(problem) = context.run(stored).await {
        tracing::debug!(code = %problem.code(), "the language of mail was not stored");
    }
    let back = if is_own_page(&back) { &*back } else { "/" };
    let mut answer = HttpResponse::SeeOther();
    cookie::choose_language(&context.app, &mut answer, locale);
    Ok(go_here(answer, &context.link(back)))
}

/// Whether this is a path of this server. `//host` and `/\host` are addresses of other servers to a browser.
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
