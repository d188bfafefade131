//! `/inspect`: a page that decodes and checks a token in the reader's browser.
//!
//! Owns the page, its policy and the settings of its script: addresses, codes and texts, so that the script repeats no
//! list of the server's. The token is never sent to the server; checks that need the server are made by `signet token
//! why`.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use askama::Template;
use serde::Serialize;

use crate::base::opaque_token;
use crate::crypto::jwt::MAX_TOKEN;
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::Refusal;
use crate::domain::token_diagnosis::{OpaqueKind, TokenCode};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::i18n::Locale;

use super::page_error::{OrErrorPage, PageResult};
use super::{Frame, page_with};

/// The name under which the page fetches the public keys. It is not counted as a resource server.
pub const FETCHER: &str = "signet-inspector";

/// Stricter than the policy of other pages: no images, no forms, nothing that can become markup or script.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                 form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
                                 require-trusted-types-for 'script'";

/// The prefix of the keys of this page's texts.
const TEXTS: &str = "inspect.";

#[derive(Template)]
#[template(path = "inspect.html")]
pub(super) struct InspectPage<'a> {
    pub(super) frame: Frame<'a>,
    /// [`ScriptSettings`] as JSON.
    pub(super) settings: String,
    /// The address of the public keys, for a reader who pastes them.
    pub(super) jwks_uri: String,
}

/// The settings of the page's script.
#[derive(Serialize)]
struct ScriptSettings<'a> {
    issuer: &'a str,
    /// The address of the public keys.
    jwks: String,
    /// The address of the revocation feed, if there is one.
    feed: Option<String>,
    /// The longest token that is read, in bytes.
    max_bytes: usize,
    /// Every code with the address of its documentation page.
    codes: BTreeMap<&'static str, String>,
    secrets: Vec<SecretPrefix>,
    /// The values of `acr`.
    assurance_levels: Vec<&'static str>,
    texts: BTreeMap<&'static str, &'static str>,
}

/// The prefix of a kind of opaque secret, and its code in `signet token why`.
#[derive(Serialize)]
struct SecretPrefix {
    prefix: &'static str,
    kind: &'static str,
    code: &'static str,
}

impl<'a> InspectPage<'a> {
    pub(super) fn new(frame: Frame<'a>, issuer: &str, has_feed: bool) -> Self {
        let address = |path| frame.link(path).to_string();
        let secret = |(prefix, kind): &(&'static str, &'static str)| {
            let code = OpaqueKind::of(prefix).map_or(TokenCode::Malformed, OpaqueKind::code);
            SecretPrefix { prefix, kind, code: code.as_str() }
        };
        let settings = ScriptSettings {
            issuer,
            jwks: format!("{}?rs={FETCHER}", address("/.well-known/jwks.json")),
            feed: has_feed.then(|| address("/.well-known/revocations")),
            max_bytes: MAX_TOKEN,
            codes: TokenCode::ALL.iter().map(|code| (code.as_str(), code.page())).collect(),
            secrets: opaque_token::KINDS.iter().map(secret).collect(),
            assurance_levels: AssuranceLevel::ALL.iter().map(|level| level.as_str()).collect(),
            texts: frame.locale.texts_of(TEXTS),
        };
        // Texts and numbers can always be serialised.
        let settings = serde_json::to_string(&settings).unwrap_or_default();
        Self { frame, settings, jwks_uri: format!("{issuer}/.well-known/jwks.json") }
    }
}

/// The page. `lang` is the language chosen at its foot, by a link, because the page sends no form.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.or_error_page(&context)?;
    let mut frame = context.frame(None).shown_once();
    if let Some(lang) = params.get("lang") {
        let unknown = || {
            let message = "The pages do not exist in this language.";
            Refusal::field("lang", "unknown", message)
        };
        frame.locale =
            context.check(Locale::of_tag(lang).ok_or_else(unknown)).or_error_page(&context)?;
    }
    let app = &context.app;
    let page = InspectPage::new(frame, app.issuer(), app.config.revocation_feed);
    Ok(page_with(HttpResponse::Ok(), &page, POLICY))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::config::{Config, Source};
    use crate::domain::base_path::BasePath;
    use crate::domain::token_diagnosis::Check;

    const CHECKS: &str = include_str!("../../../assets/inspect/checks.js");

    fn settings(locale: Locale) -> Value {
        let brand = &Config::from_source(&Source::from_pairs("/srv", &[])).unwrap().config.brand;
        let base_path = &BasePath::default();
        let frame = Frame { locale, brand, base_path, here: None, min_password: 8 };
        let page = InspectPage::new(frame, "https://id.example.com", true);
        serde_json::from_str(&page.settings).unwrap()
    }

    /// The quoted words in the script that are names of this list.
    fn named<T: std::str::FromStr>() -> BTreeSet<&'static str> {
        CHECKS.split('"').skip(1).step_by(2).filter(|word| word.parse::<T>().is_ok()).collect()
    }

    #[test]
    fn the_script_is_told_every_code_with_its_page() {
        let settings = settings(Locale::english());
        let codes = settings["codes"].as_object().unwrap();
        let all: BTreeSet<&str> = TokenCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.keys().map(String::as_str).collect::<BTreeSet<_>>(), all);
        for page in codes.values().map(|page| page.as_str().unwrap()) {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            assert!(root.join(page).is_file(), "{page}");
        }
    }

    /// A word that is neither a code nor a check would go unnoticed until a token produces it.
    #[test]
    fn every_answer_of_the_script_is_a_check_or_a_code_of_the_diagnosis_with_a_text() {
        let answers = ["passed(\"", "failed(\"", "unknown(\"", "checkTime(\""];
        let mut checks = BTreeSet::new();
        for part in answers.iter().flat_map(|call| CHECKS.split(call).skip(1)) {
            let mut words = part.split('"').step_by(2);
            let check = words.next().unwrap();
            assert!(check.parse::<Check>().is_ok(), "{check}");
            checks.insert(check);
        }
        let known = Check::ALL.iter().map(|check| check.as_str()).take_while(|it| *it != "user");
        assert_eq!(checks, known.collect());
        for part in CHECKS.split("failed(\"").skip(1) {
            let code = part.split('"').nth(2).unwrap();
            let is_null = part.split_once("\", ").is_some_and(|(_, rest)| rest.starts_with("null"));
            assert!(is_null || code.parse::<TokenCode>().is_ok(), "{code}");
        }
        let codes = named::<TokenCode>();
        assert!(codes.len() > 12, "{codes:?}");
        for locale in Locale::all() {
            let settings = settings(locale);
            let has = |key: String| settings["texts"].get(&key).is_some();
            assert!(codes.iter().all(|code| has(format!("inspect.code.{code}"))), "{codes:?}");
            assert!(checks.iter().all(|check| has(format!("inspect.check.{check}"))));
        }
    }

    /// A secret with an unlisted prefix would be treated as a signed token.
    #[test]
    fn every_kind_of_secret_is_named() {
        let settings = settings(Locale::english());
        let secrets = settings["secrets"].as_array().unwrap();
        let source = include_str!("../../base/opaque_token.rs");
        let declared = source.split("pub const ").filter_map(|part| {
            let (_, value) = part.lines().next()?.split_once(": &str = \"")?;
            value.strip_suffix("\";")
        });
        let declared: BTreeSet<&str> = declared.collect();
        assert!(declared.len() >= 9, "{declared:?}");
        for secret in secrets {
            let key = format!("inspect.secret.{}", secret["kind"].as_str().unwrap());
            assert!(settings["texts"].get(&key).is_some(), "{key}");
        }
        let prefixes: BTreeSet<&str> =
            secrets.iter().map(|secret| secret["prefix"].as_str().unwrap()).collect();
        assert!(declared.is_subset(&prefixes), "{declared:?} {prefixes:?}");
        let code = |prefix: &str| {
            secrets.iter().find(|secret| secret["prefix"] == prefix).unwrap()["code"].clone()
        };
        assert_eq!(code("srt_"), TokenCode::RefreshToken.as_str());
        assert_eq!(code("sdc_"), TokenCode::Malformed.as_str());
    }
}
