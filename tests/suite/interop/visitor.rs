//! A user with a browser that runs no script: keeps cookies, follows redirects and fills in the forms of
//! the issuer and of the application.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN};
use serde_json::Value;
use url::Url;

use super::application::Application;
use crate::support::relying_party::form;
use crate::support::server::{Answer, Server};

/// The maximum number of redirects and forms of one visit.
const STEPS: usize = 30;

pub struct Visitor<'s> {
    server: &'s Server,
    home: String,
    login: &'s str,
    password: &'s str,
    application: &'s Application,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// By host and name: cookies are not separated by port.
    cookies: BTreeMap<(String, String), String>,
    passwords: usize,
    asked: BTreeMap<String, String>,
}

/// A form of a page, with its current values.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    action: String,
    posts: bool,
    fields: Vec<(String, String)>,
    decides: bool,
}

impl<'s> Visitor<'s> {
    pub fn new(
        server: &'s Server,
        home: &str,
        login: &'s str,
        password: &'s str,
        application: &'s Application,
    ) -> Self {
        let home = home.to_owned();
        Self { server, home, login, password, application, seen: Mutex::default() }
    }

    /// How often the password was entered.
    pub fn passwords(&self) -> usize {
        self.seen.lock().unwrap().passwords
    }

    /// The parameters of the latest authorization request.
    pub fn asked(&self) -> BTreeMap<String, String> {
        self.seen.lock().unwrap().asked.clone()
    }

    /// The application's data about its user.
    pub async fn user(&self) -> Value {
        let url = Url::parse(&format!("{}/user", self.home)).unwrap();
        let answer = self.send(&url, None).await;
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, self.application.errors());
        answer.json()
    }

    /// Opens a page of the application and follows redirects and forms until a page of the application has no
    /// form. Returns its address.
    pub async fn opens(&self, path: &str) -> String {
        let mut url = Url::parse(&format!("{}{path}", self.home)).unwrap();
        let mut way = vec![url.to_string()];
        let mut answer = self.send(&url, None).await;
        for _ in 0..STEPS {
            if let Some(next) = Some(answer.header("location")).filter(|next| !next.is_empty()) {
                url = url.join(next).unwrap();
                answer = self.send(&url, None).await;
            } else if let Some(form) = self.form(&url, &answer) {
                url = url.join(&form.action).unwrap();
                answer = self.send(&url, Some(form.fields)).await;
            } else {
                let ends_well = answer.status == 200 && url.as_str().starts_with(&self.home);
                assert!(
                    ends_well,
                    "{} at {way:#?}\n{}\n{}",
                    answer.status,
                    answer.text,
                    self.application.errors()
                );
                return url.into();
            }
            way.push(url.to_string());
        }
        panic!("no end: {way:#?}\n{}", self.application.errors());
    }

    /// The form to send, if the page has one: at the issuer the one for the password or the decision, or one
    /// that leads to the application; at the application the first that posts.
    fn form(&self, url: &Url, answer: &Answer) -> Option<Form> {
        if answer.status != 200 || !answer.header("content-type").starts_with("text/html") {
            return None;
        }
        let mut forms = forms(&answer.text).into_iter().filter(|form| form.posts);
        if url.as_str().starts_with(&self.home) {
            return forms.next();
        }
        let mut form = forms.find(|form| {
            let asks = form.fields.iter().any(|(name, _)| name == "password");
            asks || form.decides || form.action.starts_with(&self.home)
        })?;
        if form.decides {
            form.fields.push(("decision".into(), "allow".into()));
        }
        for (name, value) in &mut form.fields {
            match &**name {
                "login" => self.login.clone_into(value),
                "password" => {
                    self.password.clone_into(value);
                    self.seen.lock().unwrap().passwords += 1;
                }
                _ => {}
            }
        }
        Some(form)
    }

    async fn send(&self, url: &Url, fields: Option<Vec<(String, String)>>) -> Answer {
        let host = url.host_str().unwrap().to_owned();
        let method = if fields.is_some() { Method::POST } else { Method::GET };
        let cookies: Vec<String> = {
            let mut seen = self.seen.lock().unwrap();
            if url.query_pairs().any(|(name, _)| name == "client_id")
                && url.path() == "/oauth2/authorize"
            {
                seen.asked = url.query_pairs().into_owned().collect();
            }
            let own = seen.cookies.iter().filter(|((known, _), _)| *known == host);
            own.map(|((_, name), value)| format!("{name}={value}")).collect()
        };
        let mut request =
            self.server.request_to(method, url.as_str()).header(COOKIE, cookies.join("; "));
        if let Some(fields) = fields {
            let body = form(fields.iter().map(|(name, value)| (&**name, &**value)));
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request = request.header(ORIGIN, url.origin().ascii_serialization()).body(body);
        }
        let answer = self.server.send(request).await;
        let mut seen = self.seen.lock().unwrap();
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            let attributes = attributes.to_ascii_lowercase();
            if value.is_empty() || attributes.contains("max-age=0") || attributes.contains("1970") {
                seen.cookies.remove(&key);
            } else {
                seen.cookies.insert(key, value.to_owned());
            }
        }
        drop(seen);
        answer
    }
}

/// The forms of a page, for the markup of the issuer and of these libraries.
fn forms(html: &str) -> Vec<Form> {
    let parts = html.split("<form").skip(1);
    parts.map(|part| parse(part.split_once("</form>").map_or(part, |(form, _)| form))).collect()
}

fn parse(text: &str) -> Form {
    let (head, body) = text.split_once('>').unwrap();
    let tags = |name: &'static str| {
        body.split('<').filter_map(move |tag| tag.strip_prefix(name)?.split('>').next())
    };
    let fields = tags("input ").filter_map(|tag| {
        let unused = matches!(attribute(tag, "type").as_deref(), Some("checkbox" | "submit"));
        let name = attribute(tag, "name").filter(|_| !unused)?;
        Some((name, attribute(tag, "value").unwrap_or_default()))
    });
    Form {
        action: attribute(head, "action").unwrap_or_default(),
        posts: attribute(head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        fields: fields.collect(),
        decides: tags("button ").any(|tag| attribute(tag, "name").as_deref() == Some("decision")),
    }
}

/// The value of an attribute with quotes of either kind, with HTML escapes decoded.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mark = format!("{name}=");
    let (before, rest) = tag.split_once(&mark)?;
    if !before.is_empty() && !before.ends_with(char::is_whitespace) {
        return attribute(rest, name);
    }
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let value = rest[1..].split(quote).next()?;
    let escapes = [
        ("&#38;", "&"),
        ("&#34;", "\""),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    Some(escapes.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)))
}

#[test]
fn forms_of_both_quotes_are_read_with_their_values() {
    let html = r#"<p>a</p><form method=POST><form data-action="no" action='/a?b&amp;c' method="post">
        <input type="hidden" name="flow" value="x&#38;y"><input name='login'>
        <input type="submit" name="go" value="Go"><button name="decision" value="allow"></button></form>"#;
    let found = forms(html);
    assert_eq!(
        found[1],
        Form {
            action: "/a?b&c".into(),
            posts: true,
            fields: vec![("flow".into(), "x&y".into()), ("login".into(), String::new())],
            decides: true,
        }
    );
}
