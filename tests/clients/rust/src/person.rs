//! A user with a browser without scripts: it keeps cookies, follows redirects, and fills in forms by the
//! names of their fields. It knows the origin of the issuer and none of its paths.

use std::collections::BTreeMap;

use openidconnect::reqwest::blocking::{Client, Response};
use openidconnect::reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use url::{Origin, Url};

use crate::Failure;

/// A browser and its user.
pub struct Person {
    http: Client,
    origin: Origin,
    login: String,
    password: String,
    cookies: BTreeMap<String, String>,
}

/// One form of a page.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
    decides: bool,
}

impl Person {
    /// A user with an account at `issuer`.
    pub fn new(http: Client, issuer: &Url, login: &str, password: &str) -> Self {
        Self {
            http,
            origin: issuer.origin(),
            login: login.to_owned(),
            password: password.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    /// Follows redirects and forms from `url` to an address outside of the issuer, which is not opened.
    /// Returns that address.
    pub fn visit(&mut self, mut url: Url) -> Result<Url, Failure> {
        let mut response = self.send(&url, None)?;
        for _ in 0..20 {
            if let Some(location) = response.headers().get(LOCATION) {
                url = url.join(location.to_str()?)?;
                if url.origin() != self.origin {
                    return Ok(url);
                }
                response = self.send(&url, None)?;
                continue;
            }
            let html = response.text()?;
            let form = self.fill(&html).ok_or_else(|| format!("the way ends at a page: {html}"))?;
            url = url.join(&form.action)?;
            response = self.send(&url, Some(&form.fields))?;
        }
        Err(format!("no end of pages at {url}").into())
    }

    fn send(&mut self, url: &Url, form: Option<&[(String, String)]>) -> Result<Response, Failure> {
        let request = match form {
            None => self.http.get(url.clone()),
            Some(fields) => {
                let origin = self.origin.ascii_serialization();
                self.http.post(url.clone()).header(ORIGIN, origin).form(fields)
            }
        };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send()?;
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str()?;
            let pair = cookie.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.ok_or("a cookie without a name")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(response)
    }

    /// What the user does on a page: signs in, or allows the request.
    fn fill(&self, html: &str) -> Option<Form> {
        let mut form = forms(html)
            .into_iter()
            .find(|form| form.decides || form.fields.iter().any(|(name, _)| name == "password"))?;
        for (name, value) in &mut form.fields {
            match name.as_str() {
                "login" => value.clone_from(&self.login),
                "password" => value.clone_from(&self.password),
                _ => {}
            }
        }
        if form.decides {
            form.fields.push(("decision".to_owned(), "allow".to_owned()));
        }
        Some(form)
    }
}

/// The forms of a page whose tags are written in a simple form.
fn forms(html: &str) -> Vec<Form> {
    let mut all: Vec<Form> = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        if tag.starts_with("form ") {
            let action = attribute(tag, "action").unwrap_or_default();
            all.push(Form { action, fields: Vec::new(), decides: false });
        } else if let Some(form) = all.last_mut() {
            match attribute(tag, "name") {
                Some(name) if tag.starts_with("input ") => {
                    form.fields.push((name, attribute(tag, "value").unwrap_or_default()));
                }
                Some(name) if tag.starts_with("button ") => form.decides |= name == "decision",
                _ => {}
            }
        }
    }
    all
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&#38;", "&").replace("&amp;", "&"))
}
