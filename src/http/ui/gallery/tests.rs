//! Tests of all pages at once: in every language, with ordinary and with hostile values.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::{Brand, Config, Source};
use crate::domain::base_path::BasePath;
use crate::http::ui::Locale;

/// Without escaping, this would run, end an attribute, or end a tag.
const HOSTILE: &str = "\"'><svg/onload=alert(1)>{{x}}&lt;";

fn brand(name: &str) -> Brand {
    let source = Source::from_pairs(
        "/srv",
        &[
            ("SIGNET_BRAND_NAME", name),
            ("SIGNET_PRIVACY_URL", "https://example.com/privacy"),
            ("SIGNET_TERMS_URL", "https://example.com/terms"),
        ],
    );
    Config::from_source(&source).unwrap().config.brand
}

/// Every page in every language, with the same text in place of every external text.
fn everything(world: &World<'_>, name: &str) -> Vec<Sample> {
    everything_below(&BasePath::default(), world, name)
}

/// The same on a server whose issuer has a path.
fn everything_below(base_path: &BasePath, world: &World<'_>, name: &str) -> Vec<Sample> {
    let brand = brand(name);
    let here = Some("/login?flow=x");
    Locale::all()
        .flat_map(|locale| {
            samples(Frame { locale, brand: &brand, base_path, here, min_password: 8 }, world)
                .unwrap()
        })
        .collect()
}

fn hostile() -> Vec<Sample> {
    let world = World {
        issuer: HOSTILE,
        client: HOSTILE,
        login: HOSTILE,
        name: HOSTILE,
        device: HOSTILE,
        typed: HOSTILE,
        callback: HOSTILE,
        host: HOSTILE,
    };
    everything(&world, HOSTILE)
}

/// The tags of a page with their attributes as written.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|part| part.split('>').next().unwrap()).collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\"")).or_else(|| tag.find(&format!("\n{name}=\"")))?;
    tag[start..].split('"').nth(1)
}

#[test]
fn foreign_values_are_escaped() {
    for (hostile, ordinary) in hostile().iter().zip(everything(&ORDINARY, "Signet")) {
        let name = hostile.name;
        // Signet's own drawings: the QR code for an authenticator app, and charts.
        let own = ["<svg class=\"qr\"", "<svg class=\"plot\"", "<svg class=\"swatch\""];
        let others = own.iter().fold(hostile.html.clone(), |html, own| html.replace(own, ""));
        assert!(!others.contains("<svg"), "{name}");
        assert!(hostile.html.contains("&#60;svg/onload=alert(1)&#62;"), "{name}");
        // The same elements in the same order: the text opened or closed none.
        let shape = |html| -> Vec<String> {
            tags(html).iter().map(|tag| tag.split([' ', '\n']).next().unwrap().to_owned()).collect()
        };
        assert_eq!(shape(&hostile.html), shape(&ordinary.html), "{name}");
        assert_eq!(hostile.policy, ordinary.policy.replace(" https://photos.example.com", ""));
    }
}

/// The names of all types below `folder` that are rendered from a template.
fn templates(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("gallery") {
            continue;
        }
        if path.is_dir() {
            found.extend(templates(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("#[template(path").skip(1) {
            let (_, declared) = part.split_once("struct ").unwrap();
            let end = declared.find(|c: char| !c.is_alphanumeric()).unwrap();
            found.insert(declared[..end].to_owned());
        }
    }
    found
}

/// The tests of markup and accessibility check only the samples.
#[test]
fn every_page_has_a_sample() {
    let shown: BTreeSet<String> = everything(&ORDINARY, "Signet")
        .iter()
        .map(|sample| sample.template.split('<').next().unwrap())
        .map(|path| path.rsplit("::").next().unwrap().to_owned())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/ui");
    assert_eq!(templates(&folder), shown);
}

#[test]
fn every_address_of_a_page_lies_below_the_path_of_the_issuer() {
    let base_path = BasePath::of("https://id.example.com/auth/x", false);
    let mut seen = 0;
    for Sample { name, html, .. } in everything_below(&base_path, &ORDINARY, "Signet") {
        for tag in tags(&html) {
            for address in ["href", "src", "action", "formaction"]
                .iter()
                .filter_map(|name| attribute(tag, name))
            {
                let own = address.starts_with("/auth/x/");
                let elsewhere = address.starts_with("https://photos.example.com/")
                    || ["https://example.com/privacy", "https://example.com/terms"]
                        .contains(&address)
                    || address.starts_with("com.example.photos:")
                    || address.starts_with("otpauth://totp/")
                    || address.starts_with('#');
                assert!(own || elsewhere, "{name}: {tag}");
                seen += usize::from(own);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_page_that_can_be_finished_offers_one_way_to_begin_again() {
    let all = everything(&ORDINARY, "Signet");
    for (page, forms, links) in [
        ("login", 1, 0),
        ("login-refused", 0, 1),
        ("consent", 1, 0),
        ("consent-device", 1, 0),
        ("logout", 1, 0),
        ("stale", 1, 1),
        ("stale-pushed", 0, 1),
        ("stale-unknown", 0, 0),
    ] {
        let html = &all.iter().find(|sample| sample.name == page).unwrap().html;
        assert_eq!(html.matches("class=\"again\" method=\"get\"").count(), forms, "{page}: {html}");
        assert_eq!(html.matches("<p class=\"again\"><a").count(), links, "{page}: {html}");
        assert_eq!(html.contains("href=\"/account\""), page == "stale-unknown", "{page}: {html}");
    }
}

/// Pages contain nothing that a strict policy blocks, and everything that accessibility requires.
#[test]
fn pages_are_plain_and_complete() {
    for Sample { name, html, policy, .. } in everything(&ORDINARY, "Käse & Co") {
        assert!(html.starts_with("<!doctype html>\n<html lang=\""), "{name}");
        assert!(html.contains(" – Käse &#38; Co</title>"), "{name}: {html}");
        assert!(!html.contains("<title> –"), "{name}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        let tags = tags(&html);
        let scripts = tags.iter().filter(|tag| tag.starts_with("script"));
        let scripts: Vec<_> = scripts.map(|tag| attribute(tag, "src").unwrap()).collect();
        assert_eq!(scripts.is_empty(), !policy.contains("script-src 'self'"), "{name}");
        for tag in &tags {
            assert!(!tag.starts_with("style"), "{name}: {tag}");
            for forbidden in [" style=", " onclick=", " onload=", "javascript:", "http://"] {
                assert!(!tag.contains(forbidden), "{name}: {tag}");
            }
        }
    }
}

#[test]
fn every_input_has_a_label_and_every_reference_an_end() {
    let mut inputs = 0;
    for Sample { name, html, .. } in everything(&ORDINARY, "Signet") {
        let tags = tags(&html);
        let ids: Vec<_> = tags.iter().filter_map(|tag| attribute(tag, "id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: {ids:?}");
        for tag in &tags {
            for reference in ["for", "aria-describedby", "aria-labelledby"] {
                for id in attribute(tag, reference).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(&id), "{name}: {tag}");
                }
            }
            if tag.starts_with("input") && attribute(tag, "type") != Some("hidden") {
                let id = attribute(tag, "id").unwrap();
                assert!(tags.iter().any(|tag| attribute(tag, "for") == Some(id)), "{name}: {tag}");
                assert!(attribute(tag, "autocomplete").is_some(), "{name}: {tag}");
                inputs += 1;
            }
            if tag.contains("aria-invalid") {
                assert!(attribute(tag, "aria-describedby").is_some(), "{name}: {tag}");
            }
            if tag.starts_with("form") {
                // Restarting a request and searching change nothing; every other form may.
                let reads = ["again", "search", "fields filter"];
                let reads = attribute(tag, "class").is_some_and(|class| reads.contains(&class));
                let method = if reads { "get" } else { "post" };
                assert_eq!(attribute(tag, "method"), Some(method), "{name}: {tag}");
            }
        }
    }
    assert!(inputs > 30, "{inputs}");
}

/// Every page has a link or a form to continue with.
#[test]
fn every_page_has_a_link_or_a_form_to_go_on() {
    for Sample { name, html, .. } in everything(&ORDINARY, "Signet") {
        let main = html.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
        let goes_on = |tag: &&str| {
            attribute(tag, "href")
                .or_else(|| attribute(tag, "action"))
                .is_some_and(|to| !to.is_empty())
        };
        let tags = tags(main);
        let leads_on = |tag: &&str| tag.starts_with("a ") || tag.starts_with("form ");
        assert!(tags.iter().copied().filter(leads_on).any(|tag| goes_on(&tag)), "{name}: {main}");
    }
}

/// Every page but those of the console names its operator and links to the operator's policies.
#[test]
fn every_page_names_its_operator_at_its_foot() {
    let mut seen = 0;
    for Sample { name, html, .. } in everything(&ORDINARY, "Käse & Co") {
        if html.contains("<body class=\"console\">") {
            continue;
        }
        let foot = html.split_once("<footer>").unwrap().1.split_once("</footer>").unwrap().0;
        assert!(foot.contains("<p>Käse &#38; Co</p>"), "{name}: {foot}");
        for address in ["https://example.com/privacy", "https://example.com/terms"] {
            let link = tags(foot).into_iter().find(|tag| attribute(tag, "href") == Some(address));
            assert!(link.is_some_and(|tag| tag.starts_with("a ")), "{name}: {foot}");
        }
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

/// A script adds a button that shows the password to each password field; the field works without the script.
#[test]
fn every_password_can_be_shown() {
    let mut seen = 0;
    for Sample { name, html, .. } in everything(&ORDINARY, "Signet") {
        for (at, _) in html.match_indices("type=\"password\"") {
            let around = html[..at].rsplit('<').nth(1).unwrap();
            assert!(around.starts_with("div class=\"secret\" data-show=\""), "{name}: {around}");
            assert!(html.contains("/assets/login.js\" defer"), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The names and values that handlers and password managers rely on.
#[test]
fn forms_have_the_fields_they_promise() {
    let all = everything(&ORDINARY, "Signet");
    let html = |name: &str| &all.iter().find(|sample| sample.name == name).unwrap().html;
    for (page, parts) in [
        (
            "login",
            &[
                "<form method=\"post\" action=\"/login\">",
                "name=\"flow\" value=\"WDJB-MJHT\"",
                "name=\"login\" value=\"\"",
                "autocomplete=\"username\"",
                "name=\"password\" type=\"password\"",
                "autocomplete=\"current-password\"",
                "to continue to Photo Album",
            ][..],
        ),
        ("login-refused", &["value=\"ada@example.com\"", "role=\"alert\" id=\"error\""]),
        (
            "consent",
            &[
                "action=\"/consent\"",
                "action=\"/login/switch\"",
                "name=\"decision\" value=\"allow\"",
                "name=\"decision\" value=\"deny\"",
                "<strong>photos.example.com</strong>",
            ],
        ),
        ("consent-device", &["<code>WDJB-MJHT</code>"]),
        (
            "account",
            &[
                "action=\"/account/profile\"",
                "action=\"/account/password\"",
                "action=\"/account/sessions/end\"",
                "action=\"/account/sessions/end-others\"",
                "action=\"/account/apps/remove\"",
                "action=\"/logout\"",
                "name=\"id\" value=\"2\"",
                "name=\"client_id\" value=\"WDJB-MJHT\"",
                "name=\"csrf\" value=\"WDJB-MJHT\"",
                "autocomplete=\"new-password\"",
            ],
        ),
        ("account-name-refused", &["id=\"name-error\"", "No application has access"]),
        ("account-password-wrong", &["id=\"current-error\"", "not the current password"]),
        ("account-password-refused", &["id=\"new-error\"", "at least 8 characters"]),
        ("device", &["action=\"/device\"", "name=\"user_code\"", "autocapitalize=\"characters\""]),
        ("logout", &["action=\"/oauth2/logout\"", "value=\"allow\"", "value=\"deny\""]),
        ("logged-out", &["href=\"https://photos.example.com/callback\""]),
        ("form-post", &["action=\"https://photos.example.com/callback\"", "name=\"state\""]),
        ("continue", &["content=\"0;url=com.example.photos:/callback?code=x\""]),
        ("error", &["4be1f9d2c07d4a6f8f5e0d3b2a190817", "This address does not exist."]),
    ] {
        for part in parts {
            assert!(html(page).contains(part), "{page} has no {part}: {}", html(page));
        }
    }
    // The current session is ended by signing out, and no button is shown that would have no effect.
    assert!(!html("account").contains("name=\"id\" value=\"1\""));
    assert!(!html("account-name-refused").contains("/account/sessions/"));
    assert!(!html("consent-device").contains("class=\"destination\""));
}
