//! The request and the responses of one route, as a constant beside the route table.
//!
//! Owns the shape of a description. It contains only what is specific to the route: the errors that follow from its
//! access, its body and its parameters are added by `errors`. Names are slices of `&'static str`, so that a parser
//! can check whether a member or a parameter exists.

use serde_json::Value;

use crate::text_enum;

use super::schema::{Member, Schema};
use crate::domain::outcome::Code;
use crate::domain::permission::Action;

text_enum! {
    /// The groups of operations.
    pub enum Tag {
        /// Registration, log-in, refresh, log-out.
        LogIn = "log in",
        /// The caller's own account.
        Account = "account",
        /// Administration.
        Admin = "admin",
        /// Keys and metadata for verifiers and client libraries.
        Metadata = "metadata",
        /// Decisions for gateways.
        Gateways = "gateways",
        /// OAuth 2.0 and OpenID Connect.
        OAuth = "oauth",
        /// Probes.
        Operation = "operation",
    }
}

/// The access that an operation requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any caller.
    Anyone,
    /// A caller with an access token for the issuer.
    Bearer,
    /// A caller who may perform this action: a user by role and scope, a service client by scope.
    Admin(Action),
}

/// How a caller authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// According to the access of the route.
    OfRoute,
    /// With an access token, although the handler of the route reads it itself.
    Bearer,
    /// With an access token, or with a token in the body.
    OptionalBearer,
    /// As a client: in the `Authorization` header, or in the body.
    Client,
}

/// The format of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFormat {
    /// `application/problem+json` (RFC 9457).
    Problem,
    /// `error` and `error_description` (RFC 6749 §5.2).
    OAuth,
}

/// The description of one route.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// Its `operationId`, unique in the document.
    pub id: &'static str,
    /// The tag under which the document lists it.
    pub tag: Tag,
    /// The summary, in one line.
    pub summary: &'static str,
    /// Further information for callers.
    pub description: Option<&'static str>,
    /// How a caller authenticates.
    pub security: Security,
    /// The format of errors.
    pub error_format: ErrorFormat,
    /// The variables of the path.
    pub path: &'static [Parameter],
    /// The parameters of the query.
    pub query: &'static [Parameter],
    /// The body, if one is read.
    pub body: Option<Body>,
    /// The responses that are not errors.
    pub responses: &'static [Response],
    /// The errors that do not follow from the rest.
    pub errors: &'static [Code],
    /// When `conflict` is the response.
    pub conflict: Option<&'static str>,
    /// Whether the handler checks the query itself and ignores the body: the query was written by the operator of a
    /// gateway, and the body is not for this server.
    pub reads_own_query: bool,
}

/// A variable of the path or a parameter of the query.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name, as in the request.
    pub name: &'static str,
    /// Whether it must be present.
    pub required: bool,
    /// The schema of its value.
    pub schema: Schema,
    /// The meaning, in a sentence.
    pub description: &'static str,
    /// The name under `components`, for one that several operations share.
    pub component: Option<&'static str>,
}

/// The media types of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// A JSON object.
    Json,
    /// An HTML form.
    Form,
    /// An image.
    Image,
}

/// A request's body.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// Its media type.
    pub media: Media,
    /// Whether it is required.
    pub required: bool,
    /// Its members, in groups that operations share.
    pub members: &'static [&'static [Member]],
    /// The members of the resource that a `PATCH` cannot change.
    pub read_only: &'static [ReadOnlyMember],
    /// An example of an accepted body.
    pub example: Option<fn() -> Value>,
}

/// A member that a `PATCH` accepts when it equals the stored value.
#[derive(Debug, Clone, Copy)]
pub struct ReadOnlyMember {
    /// Its name and its value.
    pub member: Member,
    /// A sentence that names the call that changes it.
    pub changed_by: &'static str,
}

/// A response that is not an error.
#[derive(Debug, Clone, Copy)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// When it is sent.
    pub description: &'static str,
    /// Its JSON body, if it has one.
    pub schema: Option<Schema>,
}

impl Operation {
    /// An operation without a body, parameters and responses.
    pub const fn new(id: &'static str, tag: Tag, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: None,
            security: Security::OfRoute,
            error_format: ErrorFormat::Problem,
            path: &[],
            query: &[],
            body: None,
            responses: &[],
            errors: &[],
            conflict: None,
            reads_own_query: false,
        }
    }

    /// The handler checks the query itself and ignores the body.
    pub const fn reads_own_query(mut self) -> Self {
        self.reads_own_query = true;
        self
    }

    /// Further information for callers.
    pub const fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// How a caller authenticates.
    pub const fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Errors have the form of OAuth.
    pub const fn oauth_errors(mut self) -> Self {
        self.error_format = ErrorFormat::OAuth;
        self
    }

    /// The variables of the path.
    pub const fn path(mut self, parameters: &'static [Parameter]) -> Self {
        self.path = parameters;
        self
    }

    /// The parameters of the query.
    pub const fn query(mut self, parameters: &'static [Parameter]) -> Self {
        self.query = parameters;
        self
    }

    /// The body.
    pub const fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// The responses that are not errors.
    pub const fn returns(mut self, responses: &'static [Response]) -> Self {
        self.responses = responses;
        self
    }

    /// The errors that do not follow from access, body and parameters.
    pub const fn fails_with(mut self, errors: &'static [Code]) -> Self {
        self.errors = errors;
        self
    }

    /// The names that its body may set.
    pub fn settable(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let groups = self.body.map_or(&[][..], |body| body.members);
        groups.iter().copied().flatten().map(|member| member.name)
    }

    /// The member of this name that its body may set.
    pub fn member(&self, name: &str) -> Option<&'static str> {
        self.settable().find(|known| *known == name)
    }

    /// The member of this name that its body may contain but not change.
    pub fn read_only_member(&self, name: &str) -> Option<&'static ReadOnlyMember> {
        self.body?.read_only.iter().find(|known| known.name() == name)
    }

    /// When `conflict` is the response.
    pub const fn conflicts(mut self, when: &'static str) -> Self {
        self.conflict = Some(when);
        self
    }
}

impl Parameter {
    /// A variable of the path.
    pub const fn path(name: &'static str, schema: Schema, description: &'static str) -> Self {
        Self { name, required: true, schema, description, component: None }
    }

    /// A parameter of the query that may be absent.
    pub const fn query(name: &'static str, schema: Schema, description: &'static str) -> Self {
        Self { name, required: false, schema, description, component: None }
    }

    /// The same, which must be present.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same, listed under `components`.
    pub const fn shared(mut self, component: &'static str) -> Self {
        self.component = Some(component);
        self
    }
}

impl Body {
    /// A required JSON object.
    pub const fn json(members: &'static [&'static [Member]]) -> Self {
        Self { media: Media::Json, required: true, members, read_only: &[], example: None }
    }

    /// A required form.
    pub const fn form(members: &'static [&'static [Member]]) -> Self {
        Self { media: Media::Form, required: true, members, read_only: &[], example: None }
    }

    /// A required image.
    pub const fn image() -> Self {
        Self { media: Media::Image, required: true, members: &[], read_only: &[], example: None }
    }

    /// The same, which may be absent.
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// With members that cannot be changed.
    pub const fn read_only(mut self, members: &'static [ReadOnlyMember]) -> Self {
        self.read_only = members;
        self
    }

    /// An example of an accepted body.
    pub const fn example(mut self, example: fn() -> Value) -> Self {
        self.example = Some(example);
        self
    }
}

impl ReadOnlyMember {
    /// A read-only member; `changed_by` tells how to change it.
    pub const fn new(name: &'static str, schema: Schema, changed_by: &'static str) -> Self {
        let member = Member { name, required: false, schema };
        Self { member, changed_by }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.member.name
    }
}

/// 200 with a body.
pub const fn ok(schema: Schema) -> Response {
    Response { status: 200, description: "The request succeeded.", schema: Some(schema) }
}

/// 202 with a body.
pub const fn accepted(schema: Schema) -> Response {
    Response { status: 202, description: "Accepted.", schema: Some(schema) }
}

/// 201 with the created object.
pub const fn created(schema: Schema) -> Response {
    Response { status: 201, description: "Created.", schema: Some(schema) }
}

/// 202 with the pending operation.
pub const fn accepted_with(schema: Schema) -> Response {
    Response { status: 202, description: "Accepted.", schema: Some(schema) }
}

/// 204.
pub const NO_CONTENT: Response =
    Response { status: 204, description: "The request succeeded; no body.", schema: None };

/// 304, for documents with an entity tag.
pub const NOT_MODIFIED: Response = Response {
    status: 304,
    description: "The entity tag in `If-None-Match` is the current one.",
    schema: None,
};
