//! Refuses members and query parameters that a `/v1` endpoint does not have.
//!
//! Runs around every route, so that no handler can leave it out, and reads the descriptions from which the
//! OpenAPI document is rendered. Unknown names are refused rather than ignored: a misspelt filter would
//! otherwise be answered as if it had been applied (decision 35).

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, ResponseError as _};

use crate::base::nearest_name::nearest_name;
use crate::domain::outcome::{FieldError, NameError, Refusal, quotable};
use crate::domain::permission::Action;
use crate::domain::text::is_storable;

use super::body;
use super::context::Context;
use super::error::Problem;
use super::extract::JsonFields;
use super::openapi::{Access, FORCE, Operation};

/// The most names that one response lists.
const MAX_NAMED: usize = 8;
/// The longest name that is compared with the known ones, in bytes.
const MAX_COMPARED: usize = 64;
/// The code of a name that does not exist.
const UNKNOWN: &str = "unknown_name";
/// The code of a duplicate name.
const REPEATED: &str = "repeated_name";
/// The code of a text with U+0000.
pub const NUL: &str = "null_character";
/// The message of that code.
pub const NO_NUL: &str = "A text cannot contain U+0000.";

/// The operations of one `/v1` path, by method. Other paths have no operations: OAuth ignores unknown parameters
/// (RFC 6749 §3.1), and pages are for browsers.
pub struct Operations(Vec<(&'static str, &'static Operation)>);

impl Operations {
    /// The operations of a path.
    pub fn new(
        path: &str,
        methods: impl IntoIterator<Item = (&'static str, Option<&'static Operation>)>,
    ) -> Self {
        let described = methods.into_iter().filter_map(|(method, found)| Some((method, found?)));
        let strict =
            |(_, operation): &(_, &Operation)| is_strict(path) && !operation.reads_own_query;
        Self(described.filter(strict).collect())
    }

    fn of(&self, method: &Method) -> Option<&'static Operation> {
        // HEAD is handled like GET.
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.0.iter().find(|(known, _)| *known == method).map(|(_, operation)| *operation)
    }
}

/// The actions of one administrative path, by method.
pub struct Actions(Vec<(&'static str, Action)>);

impl Actions {
    /// The actions of a path. Methods that do not administer have no action.
    pub fn new(methods: impl IntoIterator<Item = (&'static str, Access)>) -> Self {
        let actions = methods.into_iter().filter_map(|(method, access)| match access {
            Access::Admin(action) => Some((method, action)),
            Access::Anyone | Access::Bearer => None,
        });
        Self(actions.collect())
    }
}

/// The action of the request's route.
pub fn action(request: &HttpRequest) -> Option<Action> {
    let actions = request.app_data::<Actions>()?;
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    actions.0.iter().find(|(known, _)| *known == method).map(|(_, action)| *action)
}

/// Whether the path refuses unknown members and parameters.
pub fn is_strict(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// The description that the request must follow.
pub fn operation(request: &HttpRequest) -> Option<&'static Operation> {
    request.app_data::<Operations>()?.of(request.method())
}

/// Refuses a request with query parameters that its operation does not have or that are repeated, and one with a
/// body where none is read. Members of bodies that are read are checked by [`JsonFields`], so that they are
/// reported together with the other errors of the body.
///
/// # Errors
/// Only errors of inner services, passed on unchanged.
pub async fn check(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(operation) = operation(request.request()) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let checked = match check_query(request.query_string(), operation) {
        Ok(()) if operation.body.is_none() && has_body(request.request()) => {
            let (head, payload) = request.parts_mut();
            let is_json = JsonFields::is_json(head);
            body::read(head, payload)
                .await
                .and_then(|body| JsonFields::none_expected(&body, is_json, operation))
        }
        done => done,
    };
    let Err(refusal) = checked else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let answer = match Context::of(request.request()) {
        Some(context) => context.problem(refusal.into()).error_response(),
        None => Problem::misrouted().error_response(),
    };
    Ok(request.into_response(answer).map_into_right_body())
}

fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

fn check_query(query: &str, operation: &Operation) -> Result<(), Refusal> {
    if query.is_empty() {
        return Ok(());
    }
    let (mut fields, mut names) = (Vec::new(), Names::new("query parameter"));
    let mut seen = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let known = || operation.query.iter().map(|parameter| parameter.name);
        match known().find(|known| *known == name) {
            None => names.unknown(&name, known()),
            Some(field) if seen.contains(&field) => {
                // The intended value is unknown, so no value is checked.
                fields.retain(|error: &FieldError| error.field != field);
                names.repeated(&name);
            }
            Some(field) => {
                seen.push(field);
                if !is_storable(&value) {
                    fields.push(FieldError { field, code: NUL, message: NO_NUL });
                } else if field == FORCE.name && !matches!(&*value, "true" | "false") {
                    let message = "force is true or false.";
                    fields.push(FieldError { field, code: "wrong_type", message });
                }
            }
        }
    }
    let names = names.into_errors();
    if fields.is_empty() && names.is_empty() {
        return Ok(());
    }
    Err(Refusal::fields_and_names(fields, names))
}

/// The invalid names of a request, in the order they are found.
pub struct Names {
    /// The kind of name, such as `query parameter`.
    noun: &'static str,
    errors: Vec<NameError>,
}

impl Names {
    /// An empty list; `noun` is the kind of name.
    pub const fn new(noun: &'static str) -> Self {
        Self { noun, errors: Vec::new() }
    }

    /// Records an unknown name, with the most similar known name.
    pub fn unknown(&mut self, name: &str, known: impl Iterator<Item = &'static str> + Clone) {
        let (quoted, noun) = (quotable(name), self.noun);
        // Each comparison takes time, and a body can contain thousands of names.
        if self.is_noted(&quoted, UNKNOWN) {
            return;
        }
        let nearest = match name.len() {
            ..=MAX_COMPARED => nearest_name(name, known.clone()),
            _ => None,
        };
        let likely = name.chars().count().div_ceil(3);
        let message = match nearest {
            Some((nearest, errors)) if errors <= likely => {
                format!("Unknown {noun} \"{quoted}\". Did you mean \"{nearest}\"?")
            }
            _ => {
                let known: Vec<&str> = known.collect();
                match known.is_empty() {
                    true => format!("Unknown {noun} \"{quoted}\": none is accepted."),
                    false => {
                        format!("Unknown {noun} \"{quoted}\". Accepted are: {}.", known.join(", "))
                    }
                }
            }
        };
        self.errors.push(NameError { name: quoted, code: UNKNOWN, message });
    }

    /// Records a duplicate name.
    pub fn repeated(&mut self, name: &str) {
        let quoted = quotable(name);
        if !self.is_noted(&quoted, REPEATED) {
            let message =
                format!("The {} \"{quoted}\" was sent more than once. Send it once.", self.noun);
            self.errors.push(NameError { name: quoted, code: REPEATED, message });
        }
    }

    /// Whether this error is listed already, or the list is full.
    fn is_noted(&self, name: &str, code: &str) -> bool {
        let noted = |error: &NameError| error.name == name && error.code == code;
        self.errors.len() == MAX_NAMED || self.errors.iter().any(noted)
    }

    /// All invalid names.
    pub fn into_errors(self) -> Vec<NameError> {
        self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, known: &[&'static str]) -> NameError {
        let mut names = Names::new("member");
        names.unknown(name, known.iter().copied());
        names.into_errors().remove(0)
    }

    #[test]
    fn nearest_name_is_in_the_message_and_input_only_as_far_as_it_may_be_quoted() {
        let users = ["name", "role", "roles"];
        assert!(of("rol", &users).message.contains("Did you mean \"role\"?"));
        assert!(of("rolles", &users).message.contains("Did you mean \"roles\"?"));
        assert!(of("colour", &users).message.ends_with("Accepted are: name, role, roles."));
        assert!(of("x", &[]).message.ends_with("none is accepted."));
        let long = of(&"\u{202e}".repeat(60_000), &users);
        assert!(long.name.len() < 200 && long.name.is_ascii(), "{}", long.name);
    }

    #[test]
    fn number_of_names_in_an_answer_is_bounded() {
        let mut names = Names::new("member");
        for number in 0..10_000 {
            names.unknown(&format!("m{number}"), ["name"].into_iter());
        }
        assert_eq!(names.into_errors().len(), MAX_NAMED);
    }
}
