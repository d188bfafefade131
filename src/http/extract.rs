//! Parsing of requests: JSON objects, HTML forms and the query, field by field.
//!
//! Owns every refusal of a body that is too large, of the wrong type, malformed, lacks a field or has one that the
//! operation does not describe. Hand-written instead of derived, because it reports all invalid fields together,
//! each with a stable code.

use std::collections::HashMap;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use crate::domain::outcome::{Code, FieldError, NameError, Refusal, quotable};
use crate::domain::text::is_storable;

use super::accepted::{self, NO_NUL, NUL, Names};
use super::body;
use super::context::Context;
use super::error::Problem;
use super::json_members::{Members, holds_nul};
use super::openapi::Operation;
pub use super::params::Params;
use super::read_only::ReadOnly;

/// A JSON object, and the errors found in its fields so far.
pub struct JsonFields {
    map: Map<String, Value>,
    /// The members that the operation describes but cannot change.
    read_only: ReadOnly,
    wrong: Vec<FieldError>,
    names: Vec<NameError>,
}

/// Fields that are hashed or only compared, so they may contain any character.
const HASHED: &[&str] = &["password", "current_password", "new_password", "refresh_token", "token"];

/// The fields of an HTML form.
pub struct FormFields {
    map: HashMap<String, String>,
}

const MISSING: &str = "This field is required.";
const WRONG_TYPE: &str = "This field has the wrong type.";

impl JsonFields {
    /// A required string.
    pub fn string(&mut self, field: &'static str) -> String {
        match self.map.remove(field) {
            Some(Value::String(text)) => text,
            None | Some(Value::Null) => self.note(field, "missing", MISSING),
            Some(_) => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A string that may be absent or null.
    pub fn optional_string(&mut self, field: &'static str) -> Option<String> {
        match self.map.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A string, null, or `None` if absent: JSON merge patch (RFC 7396).
    pub fn patch_string(&mut self, field: &'static str) -> Option<Option<String>> {
        match self.map.remove(field) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(Value::String(text)) => Some(Some(text)),
            Some(_) => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A boolean that may be absent or null.
    pub fn optional_bool(&mut self, field: &'static str) -> Option<bool> {
        match self.map.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(value)) => Some(value),
            Some(_) => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A list of strings that may be absent.
    pub fn strings(&mut self, field: &'static str) -> Vec<String> {
        let items = match self.map.remove(field) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => return self.note(field, "wrong_type", WRONG_TYPE),
        };
        let text = |item: Value| if let Value::String(text) = item { Some(text) } else { None };
        match items.into_iter().map(text).collect() {
            Some(texts) => texts,
            None => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A list of strings, or `None` if absent; null is the empty list (RFC 7396).
    pub fn patch_strings(&mut self, field: &'static str) -> Option<Vec<String>> {
        self.has(field).then(|| self.strings(field))
    }

    /// A list of strings, null, or `None` if absent.
    pub fn patch_list(&mut self, field: &'static str) -> Option<Option<Vec<String>>> {
        let null = self.map.get(field)?.is_null();
        let items = self.strings(field);
        Some((!null).then_some(items))
    }

    /// Any value including null, or `None` if absent; the handler interprets it.
    pub fn patch_value(&mut self, field: &'static str) -> Option<Value> {
        self.map.remove(field)
    }

    /// One of a few words, null, or `None` if absent. `message` lists the words.
    pub fn patch_word<T: FromStr>(
        &mut self,
        field: &'static str,
        message: &'static str,
    ) -> Option<Option<T>> {
        let Some(text) = self.patch_string(field)? else { return Some(None) };
        match text.parse() {
            Ok(word) => Some(Some(word)),
            Err(_) => self.note(field, "unknown", message),
        }
    }

    /// A whole number, null, or `None` if absent.
    pub fn patch_integer(&mut self, field: &'static str) -> Option<Option<i64>> {
        match self.map.remove(field)? {
            Value::Null => Some(None),
            value => match value.as_i64() {
                Some(number) => Some(Some(number)),
                None => self.note(field, "wrong_type", WRONG_TYPE),
            },
        }
    }

    /// An object, null, or `None` if absent.
    pub fn patch_object(&mut self, field: &'static str) -> Option<Option<Map<String, Value>>> {
        match self.map.remove(field)? {
            Value::Null => Some(None),
            Value::Object(object) => Some(Some(object)),
            _ => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// A boolean; false when absent or null.
    pub fn flag(&mut self, field: &'static str) -> bool {
        match self.map.remove(field) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(set)) => set,
            Some(_) => self.note(field, "wrong_type", WRONG_TYPE),
        }
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// Records an invalid value of a field.
    pub fn note<T: Default>(
        &mut self,
        field: &'static str,
        code: &'static str,
        message: &'static str,
    ) -> T {
        self.wrong.push(FieldError { field, code, message });
        T::default()
    }

    /// Ends reading.
    ///
    /// # Errors
    /// `validation_failed` with every invalid field and every name that the operation does not describe.
    pub fn finish(self) -> Result<(), Refusal> {
        // Only a `PATCH` has read-only members, and it ends with `finish_patch`.
        self.finish_patch()?.compare(&Value::Null)
    }

    /// Ends reading a `PATCH`, and returns the read-only members for comparison with the resource.
    ///
    /// # Errors
    /// As [`JsonFields::finish`].
    pub fn finish_patch(mut self) -> Result<ReadOnly, Refusal> {
        if self.wrong.is_empty() && self.names.is_empty() {
            return Ok(self.read_only);
        }
        self.wrong.extend(self.read_only.mistyped());
        Err(Refusal::fields_and_names(self.wrong, self.names))
    }

    /// Whether the content type is JSON's.
    pub(super) fn is_json(request: &HttpRequest) -> bool {
        has_type(request, |essence| essence == "application/json" || essence.ends_with("+json"))
    }

    /// Checks the body of an operation that reads none: it may be empty, or an object without members.
    ///
    /// # Errors
    /// For any other body.
    pub(super) fn none_expected(
        body: &[u8],
        is_json: bool,
        operation: &'static Operation,
    ) -> Result<(), Refusal> {
        if body.is_empty() || body == b"null" {
            return Ok(());
        }
        if !is_json {
            return Err(unsupported("application/json"));
        }
        Self::parse(body, Some(operation))?.finish()
    }

    /// Parses an object and checks it against the description of its operation, if there is one.
    fn parse(body: &[u8], operation: Option<&'static Operation>) -> Result<Self, Refusal> {
        let malformed =
            || Refusal::new(Code::MalformedRequest, "The body is not a JSON object in UTF-8.");
        // serde_json refuses a depth above 128, so deep nesting cannot exhaust the stack.
        let Members(members) = serde_json::from_slice(body).map_err(|_| malformed())?;
        let mut fields = Self {
            map: Map::new(),
            read_only: ReadOnly::default(),
            wrong: Vec::new(),
            names: Vec::new(),
        };
        let mut names = Names::new("member");
        for (name, value) in members {
            if fields.map.contains_key(&name) || fields.read_only.has(&name) {
                names.repeated(&name);
                continue;
            }
            let Some(operation) = operation else {
                fields.map.insert(name, value);
                continue;
            };
            if let Some(member) = operation.member(&name) {
                if !HASHED.contains(&member) && holds_nul(&value) {
                    fields.wrong.push(FieldError { field: member, code: NUL, message: NO_NUL });
                }
                fields.map.insert(name, value);
            } else if let Some(member) = operation.read_only_member(&name) {
                if holds_nul(&value) {
                    let field = member.name();
                    fields.wrong.push(FieldError { field, code: NUL, message: NO_NUL });
                }
                fields.read_only.add(member, value);
            } else {
                names.unknown(&name, operation.settable());
            }
        }
        fields.names = names.into_errors();
        Ok(fields)
    }
}

impl FromRequest for JsonFields {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let context = Context::extract(request);
        let (is_json, operation) = (Self::is_json(request), accepted::operation(request));
        let body = body::read(request, payload);
        Box::pin(async move {
            let context = context.await?;
            if !is_json {
                return Err(context.problem(unsupported("application/json").into()));
            }
            let body = context.check(body.await)?;
            context.check(Self::parse(&body, operation))
        })
    }
}

/// The media type of HTML forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// Whether the body is a form.
#[must_use]
pub fn is_form(request: &HttpRequest) -> bool {
    has_type(request, |essence| essence == FORM)
}

impl FormFields {
    /// A field, empty when absent.
    #[must_use]
    pub fn take(&mut self, field: &str) -> String {
        self.map.remove(field).unwrap_or_default()
    }

    /// Its fields as parameters.
    #[must_use]
    pub fn into_params(self) -> Params {
        Params::of(self.map)
    }

    /// The rest of each field name that begins with `prefix`, in no particular order.
    pub fn names_after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.map.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        Ok(Self { map: pairs(body)? })
    }
}

impl FromRequest for FormFields {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let context = Context::extract(request);
        let is_form = is_form(request);
        let body = body::read(request, payload);
        Box::pin(async move {
            let context = context.await?;
            if !is_form {
                return Err(context.problem(unsupported(FORM).into()));
            }
            let body = context.check(body.await)?;
            context.check(Self::parse(&body))
        })
    }
}

/// Names and values in the form encoding. A repeated name is refused, because other software might use the other
/// value.
pub(super) fn pairs(encoded: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let mut map = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        if !is_storable(&name) || (!is_storable(&value) && !HASHED.contains(&&*name)) {
            let message = format!("The field \"{}\" contains U+0000.", quotable(&name));
            return Err(Refusal::new(Code::MalformedRequest, "").with_message(message));
        }
        if map.insert(name.into_owned(), value.into_owned()).is_some() {
            let message = "A name was sent twice.";
            return Err(Refusal::new(Code::MalformedRequest, message));
        }
    }
    Ok(map)
}

/// Reads a JSON object if there is a body.
pub struct OptionalJson(pub Option<JsonFields>);

impl FromRequest for OptionalJson {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let context = Context::extract(request);
        let (is_json, operation) = (JsonFields::is_json(request), accepted::operation(request));
        let body = body::read(request, payload);
        Box::pin(async move {
            let context = context.await?;
            let body = context.check(body.await)?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            if !is_json {
                return Err(context.problem(unsupported("application/json").into()));
            }
            Ok(Self(Some(context.check(JsonFields::parse(&body, operation))?)))
        })
    }
}

/// Whether the content type without its parameters passes `test`.
fn has_type(request: &HttpRequest, test: impl Fn(&str) -> bool) -> bool {
    let mut values = request.headers().get_all(header::CONTENT_TYPE);
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(text) = value.to_str() else { return false };
    test(&text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn unsupported(wanted: &'static str) -> Refusal {
    let message = match wanted {
        "application/json" => "Send the body as application/json.",
        _ => "Send the body as application/x-www-form-urlencoded.",
    };
    Refusal::new(Code::UnsupportedMediaType, message)
}
