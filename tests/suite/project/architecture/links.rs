//! Addresses of the server are built in one place, which knows the path of the issuer.
//!
//! Owns the remarks about addresses in literals, which work only until the issuer has a path and then lead to
//! another application.

use std::fs;
use std::path::Path;

use super::source::File;

/// The redirects of pages: `go` to a registered address, `go_here` to a `Link`.
const RENDER: &str = "src/http/ui/render.rs";

/// Files that may set the header `Location`, with the reason.
const LOCATIONS: &[(&str, &str)] = &[
    (RENDER, "sends browsers on, to what cannot be written by hand"),
    ("src/http/api/admin_apis.rs", "names a new resource by the issuer"),
    ("src/http/api/admin_clients.rs", "names a new resource by the issuer"),
    ("src/http/api/admin_users.rs", "names a new resource by the issuer"),
];

/// The one file that sets cookies, whose `Path` and name depend on the path of the issuer.
const COOKIES: &str = "src/http/cookie.rs";

/// The one file that constructs a `Link`.
const LINKS: &str = "src/domain/base_path.rs";

/// A template in the folder.
pub struct Template {
    pub path: String,
    pub text: String,
}

pub fn templates() -> Vec<Template> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut found = Vec::new();
    collect(&folder, "templates", &mut found);
    found
}

fn collect(folder: &Path, shown: &str, found: &mut Vec<Template>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let shown = format!("{shown}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            collect(&path, &shown, found);
        } else {
            found.push(Template { text: fs::read_to_string(&path).unwrap(), path: shown });
        }
    }
}

/// The remarks about templates.
pub fn in_templates(templates: &[Template]) -> Vec<String> {
    let mut remarks = Vec::new();
    for Template { path, text } in templates {
        for (number, line) in text.lines().enumerate() {
            for name in ["href", "src", "action", "formaction", "poster", "srcset"] {
                for quote in ['"', '\''] {
                    let attribute = format!(" {name}={quote}");
                    for rest in format!(" {line}").split(&attribute).skip(1) {
                        // A value of the page's own type, or a part of the page itself.
                        if !rest.starts_with("{{ ") && !rest.starts_with('#') {
                            remarks.push(format!(
                                "{path}:{}: {name} is written by hand. Say \
                                 {{{{ frame.link(\"/path\") }}}}, which knows the path of the issuer.",
                                number + 1
                            ));
                        }
                    }
                }
            }
        }
    }
    remarks
}

/// The remarks about the sources of the server.
pub fn in_sources(files: &[File]) -> Vec<String> {
    let mut remarks = Vec::new();
    for file in files {
        let mut say = |line: usize, what: &str| {
            remarks.push(format!("{}:{}: {what}", file.path, line + 1));
        };
        let handled = file.path.starts_with("src/http/");
        for (number, line) in file.text.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            let names = |header: &str| line.contains(header);
            let may_locate = LOCATIONS.iter().any(|(path, _)| *path == file.path);
            if handled && names("LOCATION") && !may_locate {
                say(number, "sends a browser on. Use ui::render, which takes a Link.");
            }
            if handled && names("SET_COOKIE") && file.path != COOKIES {
                say(number, "sets a cookie. Use http::cookie, which knows the path of the issuer.");
            }
            if names("Link(format!") && file.path != LINKS {
                say(number, "makes a Link. Use BasePath::link.");
            }
        }
    }
    remarks
}

#[test]
fn the_checker_sees_an_address_written_by_hand() {
    let template =
        |text: &str| Template { path: "templates/x.html".to_owned(), text: text.to_owned() };
    for bad in [
        r#"<a href="/account">"#,
        r#"<form method="post" action="login">"#,
        "<img src='/assets/logo'>",
        r#"<button formaction="/x{{ y }}">"#,
    ] {
        assert_eq!(in_templates(&[template(bad)]).len(), 1, "{bad}");
    }
    for good in [r#"<a href="{{ frame.link("/account") }}">"#, r#"<a href="{{ back.location }}">"#]
    {
        assert!(in_templates(&[template(good)]).is_empty(), "{good}");
    }
    let file = |path: &str, text: &str| File::read(path, text);
    let located = "fn f() { answer.insert_header((header::LOCATION, \"/login\")); }";
    assert_eq!(in_sources(&[file("src/http/ui/new.rs", located)]).len(), 1);
    assert!(in_sources(&[file(RENDER, located)]).is_empty());
    let set = "fn f() { answer.append_header((header::SET_COOKIE, text)); }";
    assert_eq!(in_sources(&[file("src/http/ui/new.rs", set)]).len(), 1);
}
