//! OAuth 2.0 and OpenID Connect, for clients. The endpoints that users see are pages.

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, Operation, Response, Security, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Member, Named, Schema, TEXT, named, object, one_of, optional, required,
};

static TOKENS: Named = Named {
    name: "OAuthTokens",
    schema: object(&[
        required("access_token", TEXT),
        required("token_type", one_of(|| vec!["Bearer", "DPoP"])),
        required("expires_in", INTEGER.about("Seconds.")),
        optional("refresh_token", TEXT),
        optional("refresh_expires_in", INTEGER.about("Seconds.")),
        required("scope", TEXT),
        optional("id_token", TEXT),
        optional("issued_token_type", TEXT),
    ]),
};

/// How a client authenticates in the body (RFC 6749 §2.3.1, RFC 7523 §2.2).
const CLIENT_AUTHENTICATION: &[Member] = &[
    optional("client_id", TEXT),
    optional("client_secret", TEXT),
    optional("client_assertion_type", TEXT),
    optional("client_assertion", TEXT),
];

/// The token of a request (RFC 7009 §2.1, RFC 7662 §2.1).
const ABOUT_TOKEN: &[Member] = &[required("token", TEXT), optional("token_type_hint", TEXT)];

/// `POST /oauth2/token`.
pub static TOKEN: Operation = Operation::new("token", Tag::OAuth, "Issue tokens (RFC 6749)")
    .security(Security::Client)
    .oauth_errors()
    .body(Body::form(&[
        &[
            required("grant_type", TEXT),
            optional("code", TEXT),
            optional("redirect_uri", TEXT),
            optional("code_verifier", TEXT),
            optional("refresh_token", TEXT),
            optional("scope", TEXT),
            optional("resource", TEXT),
            optional("audience", TEXT),
            optional("device_code", TEXT),
            optional("subject_token", TEXT),
            optional("subject_token_type", TEXT),
            optional("actor_token", TEXT),
            optional("actor_token_type", TEXT),
            optional("requested_token_type", TEXT),
        ],
        CLIENT_AUTHENTICATION,
    ]))
    .returns(&[ok(named(&TOKENS))]);

/// `POST /oauth2/introspect`.
pub static INTROSPECT: Operation =
    Operation::new("introspect", Tag::OAuth, "Introspect a token (RFC 7662)")
        .security(Security::Client)
        .oauth_errors()
        .body(Body::form(&[ABOUT_TOKEN, CLIENT_AUTHENTICATION]))
        .returns(&[ok(object(&[required("active", BOOLEAN)]))]);

/// `POST /oauth2/revoke`.
pub static REVOKE: Operation = Operation::new("revoke", Tag::OAuth, "Revoke a token (RFC 7009)")
    .security(Security::Client)
    .oauth_errors()
    .body(Body::form(&[ABOUT_TOKEN, CLIENT_AUTHENTICATION]))
    .returns(&[Response {
        status: 200,
        description: "The token is revoked, or was invalid before.",
        schema: None,
    }]);

const USERINFO: Schema = object(&[required("sub", TEXT)]);

/// `GET /oauth2/userinfo`.
pub static USERINFO_GET: Operation =
    Operation::new("userinfo", Tag::OAuth, "Claims about the user (OpenID Connect Core 5.3)")
        .security(Security::Bearer)
        .oauth_errors()
        .returns(&[ok(USERINFO)])
        .fails_with(&[Code::InsufficientScope]);

/// `POST /oauth2/userinfo`.
pub static USERINFO_POST: Operation =
    Operation::new("userinfoPost", Tag::OAuth, "The same, with the access token in a form")
        .security(Security::OptionalBearer)
        .oauth_errors()
        .body(Body::form(&[&[optional("access_token", TEXT)]]).optional())
        .returns(&[ok(USERINFO)])
        .fails_with(&[Code::InsufficientScope]);

/// `POST /oauth2/par`.
pub static PAR: Operation =
    Operation::new("par", Tag::OAuth, "Push an authorization request (RFC 9126)")
        .security(Security::Client)
        .oauth_errors()
        .body(Body::form(&[
            &[
                optional("response_type", TEXT),
                optional("redirect_uri", TEXT),
                optional("scope", TEXT),
                optional("state", TEXT),
                optional("nonce", TEXT),
                optional("code_challenge", TEXT),
                optional("code_challenge_method", TEXT),
                optional("prompt", TEXT),
                optional("max_age", TEXT),
            ],
            CLIENT_AUTHENTICATION,
        ]))
        .returns(&[Response {
            status: 201,
            description: "The request is stored under `request_uri`.",
            schema: Some(object(&[
                required("request_uri", TEXT),
                required("expires_in", INTEGER.about("Seconds.")),
            ])),
        }]);

/// `POST /oauth2/authorize-challenge`.
pub static AUTHORIZE_CHALLENGE: Operation = Operation::new(
    "authorizeChallenge",
    Tag::OAuth,
    "Sign a user in from a first-party application (OAuth 2.0 for First-Party Applications)",
)
.about(
    "A 400 of `insufficient_authorization` or `access_denied` also has `auth_session`, `expires_in` (seconds) \
     and `methods`, the factors of which one is next; with `passkey` among them `public_key`, the options for \
     `navigator.credentials.get()`.",
)
.security(Security::Client)
.oauth_errors()
.body(Body::form(&[
    &[
        optional("response_type", TEXT),
        optional("scope", TEXT),
        optional("resource", TEXT),
        optional("audience", TEXT),
        optional("code_challenge", TEXT),
        optional("code_challenge_method", TEXT),
        optional("nonce", TEXT),
        optional("redirect_uri", TEXT.about("To be repeated at the token endpoint; nothing is sent to it.")),
        optional("prompt", TEXT),
        optional("claims", TEXT),
        optional("dpop_jkt", TEXT),
        optional("login_hint", TEXT),
        optional("auth_session", TEXT.about("From an earlier response; instead of the above.")),
        optional("method", TEXT.about("`passkey`, or the kind of `code`: `totp` or `recovery_code`.")),
        optional("login", TEXT),
        optional("password", TEXT),
        optional("code", TEXT.about("A code of the second factor.")),
        optional("credential", TEXT.about("The assertion of a passkey as JSON (`AuthenticationResponseJSON`).")),
    ],
    CLIENT_AUTHENTICATION,
]))
.returns(&[ok(object(&[required("authorization_code", TEXT)]))]);

/// `POST /oauth2/device_authorization`.
pub static DEVICE_AUTHORIZATION: Operation =
    Operation::new("deviceAuthorization", Tag::OAuth, "Start the device flow (RFC 8628)")
        .security(Security::Client)
        .oauth_errors()
        .body(Body::form(&[
            &[optional("scope", TEXT), optional("resource", TEXT), optional("audience", TEXT)],
            CLIENT_AUTHENTICATION,
        ]))
        .returns(&[ok(object(&[
            required("device_code", TEXT),
            required("user_code", TEXT),
            required("verification_uri", TEXT),
            optional("verification_uri_complete", TEXT),
            required("expires_in", INTEGER.about("Seconds.")),
            optional("interval", INTEGER.about("Seconds between two polls.")),
        ]))]);
