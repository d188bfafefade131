//! From descriptions to the OpenAPI 3.1 document.
//!
//! Owns the layout of the document. Parts that several operations share are added to `components` when they first
//! occur, and are referred to by name.

use serde_json::{Map, Value, json};

use crate::domain::attributes::Role;
use crate::domain::client_logo::ImageType;
use crate::domain::permission::{Action, AdminScope};
use crate::http::routes::{Route, TABLE};

use super::errors::{self, ErrorResponse, OAUTH_ERROR, PROBLEM};
use super::operation::{
    Access, Body, ErrorFormat, Media, Operation, Parameter, Response, Security, Tag,
};
use super::schema::{Keyword, Kind, Member, Named, Schema, TEXT, list};

type Object = Map<String, Value>;

/// The components met so far.
#[derive(Default)]
struct Components {
    schemas: Object,
    parameters: Object,
    responses: Object,
}

/// The description of the API at `issuer`.
#[must_use]
pub fn document(issuer: &str) -> Value {
    let mut components = Components::default();
    let mut paths = Object::new();
    for route in TABLE {
        let Some(described) = route.operation else { continue };
        let operation = components.operation(route, described);
        let (method, path) = route.described();
        paths.entry(path).or_insert_with(|| json!({}))[method.to_ascii_lowercase()] = operation;
    }
    let tags: Vec<Value> =
        Tag::ALL.iter().map(|tag| json!({ "name": tag, "description": about_tag(*tag) })).collect();
    let Components { mut schemas, mut parameters, mut responses } = components;
    schemas.sort_keys();
    parameters.sort_keys();
    responses.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Signet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A token server: log-in, refresh, sessions, administration, OAuth 2.0 \
                            and OpenID Connect. `docs/errors.md` explains the errors.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of a log-in (RFC 6750).",
                },
                "client": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The client's id and secret (`client_secret_basic`). Other \
                                    methods put them, or an assertion, into the body.",
                },
            },
            "headers": {
                "RetryAfter": {
                    "description": "When to try again, in seconds.",
                    "schema": { "type": "integer", "minimum": 1 },
                },
                "WWWAuthenticate": {
                    "description": "The challenge (RFC 9110, section 11.6.1).",
                    "schema": { "type": "string" },
                },
            },
            "parameters": parameters,
            "responses": responses,
            "schemas": schemas,
        },
    })
}

const fn about_tag(tag: Tag) -> &'static str {
    match tag {
        Tag::LogIn => "Register, log in, refresh tokens and log out, without OAuth.",
        Tag::Account => "The account of the user to whom the access token belongs.",
        Tag::Admin => {
            "Administration, for users with one of Signet's own roles and for service clients with administration scopes. Each operation names the roles and scopes that allow it."
        }
        Tag::Metadata => "Public keys and metadata, for verifiers and client libraries.",
        Tag::Gateways => "Decisions for gateways about requests of their clients.",
        Tag::OAuth => "OAuth 2.0 and OpenID Connect, for registered clients.",
        Tag::Operation => "Probes for operators and load balancers.",
    }
}

impl Components {
    fn operation(&mut self, route: &Route, described: &Operation) -> Value {
        let mut operation = Object::new();
        operation.insert("operationId".to_owned(), json!(described.id));
        operation.insert("summary".to_owned(), json!(described.summary));
        let needs = match route.access {
            Access::Admin(action) => Some(needs(action)),
            Access::Anyone | Access::Bearer => None,
        };
        let about: Vec<String> =
            described.description.map(str::to_owned).into_iter().chain(needs).collect();
        if !about.is_empty() {
            operation.insert("description".to_owned(), json!(about.join(" ")));
        }
        operation.insert("tags".to_owned(), json!([described.tag]));
        operation.insert("security".to_owned(), security(described.security, route.access));
        let mut parameters = Vec::new();
        for (place, list) in [("path", described.path), ("query", described.query)] {
            parameters.extend(list.iter().map(|parameter| self.parameter(parameter, place)));
        }
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some(body) = &described.body {
            operation.insert("requestBody".to_owned(), self.body(body));
        }
        operation.insert("responses".to_owned(), self.responses(route, described));
        Value::Object(operation)
    }

    fn parameter(&mut self, parameter: &Parameter, place: &str) -> Value {
        let mut rendered = json!({
            "name": parameter.name,
            "in": place,
            "description": parameter.description,
            "schema": self.schema(&parameter.schema),
        });
        if parameter.required {
            rendered["required"] = json!(true);
        }
        let Some(name) = parameter.component else { return rendered };
        self.parameters.insert(name.to_owned(), rendered);
        json!({ "$ref": format!("#/components/parameters/{name}") })
    }

    fn body(&mut self, body: &Body) -> Value {
        if body.media == Media::Image {
            let content = ImageType::ALL.iter().map(|kind| (kind.to_string(), json!({})));
            return json!({ "required": body.required, "content": content.collect::<Object>() });
        }
        let mut schema = Object::new();
        schema.insert("type".to_owned(), json!("object"));
        let settable = body.members.iter().copied().flatten();
        self.members(&mut schema, settable.chain(body.read_only.iter().map(|known| &known.member)));
        for known in body.read_only {
            let rendered = &mut schema["properties"][known.name()];
            rendered["readOnly"] = json!(true);
            rendered["description"] =
                json!(format!("Accepted if it equals the current value. {}", known.changed_by));
        }
        if body.media == Media::Json {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
        let mut content = json!({ "schema": schema });
        if let Some(example) = body.example {
            content["example"] = example();
        }
        let media = match body.media {
            Media::Json => "application/json",
            Media::Form | Media::Image => "application/x-www-form-urlencoded",
        };
        json!({ "required": body.required, "content": { media: content } })
    }

    fn responses(&mut self, route: &Route, described: &Operation) -> Value {
        let mut responses = Object::new();
        for response in described.responses {
            responses.insert(response.status.to_string(), self.response(response));
        }
        for error in errors::of(described, route) {
            let status = error.status.to_string();
            if !responses.contains_key(&status) {
                let rendered = self.error(&error, described.error_format);
                responses.insert(status, rendered);
            }
        }
        Value::Object(responses)
    }

    fn response(&mut self, response: &Response) -> Value {
        let mut rendered = json!({ "description": response.description });
        if response.status == 503 {
            rendered["headers"] = headers(503);
        }
        if let Some(schema) = &response.schema {
            rendered["content"] = json!({ "application/json": { "schema": self.schema(schema) } });
        }
        rendered
    }

    fn error(&mut self, error: &ErrorResponse, format: ErrorFormat) -> Value {
        let known = error.component.as_ref().filter(|name| self.responses.contains_key(*name));
        if known.is_none() {
            let rendered = self.error_in_full(error, format);
            let Some(name) = &error.component else { return rendered };
            self.responses.insert(name.clone(), rendered);
        }
        let name = error.component.as_deref().unwrap_or_default();
        json!({ "$ref": format!("#/components/responses/{name}") })
    }

    fn error_in_full(&mut self, error: &ErrorResponse, format: ErrorFormat) -> Value {
        let (media, schema) = match format {
            ErrorFormat::OAuth => ("application/json", self.reference(&OAUTH_ERROR)),
            ErrorFormat::Problem => {
                let problem = self.reference(&PROBLEM);
                let codes = json!({ "properties": { "code": { "enum": error.codes } } });
                ("application/problem+json", json!({ "allOf": [problem, codes] }))
            }
        };
        let mut rendered = json!({ "description": error.description });
        let headers = headers(error.status);
        if !headers.is_null() {
            rendered["headers"] = headers;
        }
        rendered["content"] = json!({ media: { "schema": schema } });
        rendered
    }

    fn reference(&mut self, target: &'static Named) -> Value {
        if !self.schemas.contains_key(target.name) {
            // Taken first, so that a schema may contain itself.
            self.schemas.insert(target.name.to_owned(), Value::Null);
            let rendered = self.schema(&target.schema);
            self.schemas.insert(target.name.to_owned(), rendered);
        }
        json!({ "$ref": format!("#/components/schemas/{}", target.name) })
    }

    fn schema(&mut self, schema: &Schema) -> Value {
        let mut rendered = match schema.kind {
            Kind::Text => typed(&["string"], schema.nullable),
            Kind::Integer => typed(&["integer"], schema.nullable),
            Kind::Boolean => typed(&["boolean"], schema.nullable),
            Kind::OneOf(values) => {
                let mut rendered = typed(&["string"], schema.nullable);
                let mut values: Vec<Value> = values().into_iter().map(Value::from).collect();
                if schema.nullable {
                    values.push(Value::Null);
                }
                rendered.insert("enum".to_owned(), json!(values));
                rendered
            }
            Kind::List(item) => {
                let mut rendered = typed(&["array"], schema.nullable);
                rendered.insert("items".to_owned(), self.schema(item));
                rendered
            }
            Kind::Object(members) => {
                let mut rendered = typed(&["object"], schema.nullable);
                self.members(&mut rendered, members);
                rendered
            }
            Kind::Map(value) => {
                let mut rendered = typed(&["object"], schema.nullable);
                rendered.insert("additionalProperties".to_owned(), self.schema(value));
                rendered
            }
            Kind::Types(types, item) => {
                let mut rendered = typed(types, schema.nullable);
                if let Some(item) = item {
                    rendered.insert("items".to_owned(), self.schema(item));
                }
                rendered
            }
            Kind::Page(item) => {
                let mut rendered = typed(&["object"], false);
                let data = self.schema(&list(item));
                let next = self.schema(&TEXT.nullable().about(NEXT));
                rendered.insert("required".to_owned(), json!(["data", "next"]));
                rendered.insert("properties".to_owned(), json!({ "data": data, "next": next }));
                rendered
            }
            Kind::AllOf(parts) => {
                let parts: Vec<Value> = parts.iter().map(|part| self.schema(part)).collect();
                Object::from_iter([("allOf".to_owned(), json!(parts))])
            }
            Kind::Named(target) => match self.reference(target) {
                Value::Object(reference) => reference,
                _ => Object::new(),
            },
        };
        rendered.extend(schema.keywords.iter().map(keyword));
        if let Some(description) = schema.description {
            rendered.insert("description".to_owned(), json!(description));
        }
        Value::Object(rendered)
    }

    /// `required` and `properties`.
    fn members<'a>(
        &mut self,
        schema: &mut Object,
        members: impl IntoIterator<Item = &'a Member> + Clone,
    ) {
        let required: Vec<&str> = members
            .clone()
            .into_iter()
            .filter(|member| member.required)
            .map(|member| member.name)
            .collect();
        let properties: Object = members
            .into_iter()
            .map(|member| (member.name.to_owned(), self.schema(&member.schema)))
            .collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), Value::Object(properties));
        }
    }
}

/// The description of a page's `next`.
const NEXT: &str = "The value of `after` for the next page; null on the last page.";

fn typed(types: &[&str], nullable: bool) -> Object {
    let value = match types {
        [only] if !nullable => json!(only),
        _ => types.iter().copied().chain(nullable.then_some("null")).collect(),
    };
    Object::from_iter([("type".to_owned(), value)])
}

fn keyword(keyword: &Keyword) -> (String, Value) {
    let (name, value) = match keyword {
        Keyword::Format(format) => ("format", json!(format)),
        Keyword::Pattern(pattern) => ("pattern", json!(pattern)),
        Keyword::MaxLength(limit) => ("maxLength", json!(limit)),
        Keyword::MaxItems(limit) => ("maxItems", json!(limit)),
        Keyword::Minimum(limit) => ("minimum", json!(limit)),
        Keyword::Maximum(limit) => ("maximum", json!(limit)),
        Keyword::Default(value) => ("default", json!(value)),
    };
    (name.to_owned(), value)
}

/// The scopes and roles that an action requires, as text.
fn needs(action: Action) -> String {
    let quoted = |texts: Vec<&'static str>| {
        texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
    };
    let permission = action.permission();
    format!(
        "Action `{action}`: a user needs one of the roles {} and, like a client, one of the scopes {}.",
        quoted(permission.all_roles().map(Role::as_str).collect()),
        quoted(permission.all_scopes().map(AdminScope::as_str).collect())
    )
}

/// The headers of every response with this status.
fn headers(status: u16) -> Value {
    match status {
        401 => json!({ "WWW-Authenticate": { "$ref": "#/components/headers/WWWAuthenticate" } }),
        429 | 503 => json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } }),
        _ => Value::Null,
    }
}

/// An empty object stands for "without authentication".
fn security(security: Security, access: Access) -> Value {
    match (security, access) {
        (Security::OptionalBearer, _) => json!([{}, { "bearer": [] }]),
        (Security::Client, _) => json!([{}, { "client": [] }]),
        (Security::OfRoute, Access::Anyone) => json!([]),
        (Security::Bearer, _) | (Security::OfRoute, Access::Bearer | Access::Admin(_)) => {
            json!([{ "bearer": [] }])
        }
    }
}
