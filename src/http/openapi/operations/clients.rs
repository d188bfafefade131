//! Clients, for administrators.

use serde_json::json;

use super::admin_keys::ADMIN_SCOPES;
use super::{CHANGES_BY_ITSELF, FORCE, NEVER_CHANGES, PAGINATION};
use crate::domain::authn::AssuranceLevel;
use crate::domain::client::{
    AssertionAudience, AuthMethod, ClientType, IdTokenClaims, PkcePolicy, SecurityProfile,
};
use crate::domain::outcome::Code;
use crate::domain::signing_key::SigningAlg;
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, created, ok,
};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, INTEGER, Keyword, Kind, Member, Named, Schema, TEXT, TEXTS, TIME, all_of,
    list, named, object, optional, page, required, texts_of,
};

pub(super) static CLIENT: Named = Named {
    name: "Client",
    schema: object(&[
        required("client_id", TEXT),
        required("name", TEXT),
        required("type", TYPE.about("spa and native cannot keep a secret; service has no user.")),
        required("token_endpoint_auth_method", texts_of!(AuthMethod)),
        required("token_endpoint_auth_method_pinned", BOOLEAN),
        required("assertion_audience", texts_of!(AssertionAudience)),
        required("pkce", texts_of!(PkcePolicy)),
        required("security_profile", texts_of!(SecurityProfile).nullable()),
        required("client_uri", TEXT.nullable()),
        required("policy_uri", TEXT.nullable()),
        required("tos_uri", TEXT.nullable()),
        required("logo", LOGO),
        required("redirect_uris", TEXTS),
        required("post_logout_redirect_uris", TEXTS),
        required("backchannel_logout_uri", TEXT.nullable()),
        required("web_origins", TEXTS),
        required("grant_types", TEXTS),
        required("scopes", TEXTS.nullable().about("Null: all that its audiences offer.")),
        required("audiences", TEXTS),
        required("serves", TEXTS),
        required("access_token_ttl", INTEGER.nullable().about("Seconds.")),
        required("refresh_idle_ttl", INTEGER.nullable().about("Seconds.")),
        required("refresh_max_ttl", INTEGER.nullable().about("Seconds.")),
        required("id_token_signed_response_alg", texts_of!(SigningAlg)),
        required("id_token_claims", texts_of!(IdTokenClaims)),
        required("min_acr", texts_of!(AssuranceLevel).nullable()),
        required("skip_consent", BOOLEAN),
        required("first_party", BOOLEAN),
        required("jwks", object(&[required("keys", list(&ANY_OBJECT))]).nullable()),
        required("admin_scopes", ADMIN_SCOPES),
        required("workloads", WORKLOADS),
        required(
            "secrets",
            SECRETS.about("When each of its live secrets was created, newest first."),
        ),
        required("disabled", BOOLEAN),
        required("disabled_at", TIME.nullable()),
        required("created_at", TIME),
        required("updated_at", TIME),
    ]),
};

static CHANGED_CLIENT: Named = Named {
    name: "ChangedClient",
    schema: all_of(&[
        named(&CLIENT),
        object(&[
            optional("client_secret", SECRET),
            required("warnings", TEXTS.about("Warnings about the chosen settings.")),
        ]),
    ]),
};

static CLIENT_WITH_SECRET: Named = Named {
    name: "ClientWithSecret",
    schema: all_of(&[named(&CLIENT), object(&[required("client_secret", SECRET)])]),
};

const SECRET: Schema =
    TEXT.about("scs_ and 48 characters. Only in the response to the request that created it.");

const TYPE: Schema = texts_of!(ClientType);

/// Limits of the life of a session, in seconds.
const SESSION_TTL: Schema =
    INTEGER.nullable().with(&[Keyword::Minimum(60), Keyword::Maximum(315_360_000)]);

pub(super) const ID: &[Parameter] =
    &[Parameter::path("client_id", TEXT, "The client's `client_id`, percent-encoded.")];

/// The members that registering and changing a client share.
const METADATA: &[Member] = &[
    optional(
        "token_endpoint_auth_method",
        texts_of!(AuthMethod).nullable().about(
            "Null: none for spa and native; client_secret_basic, not pinned, for web and \
                 service.",
        ),
    ),
    optional(
        "token_endpoint_auth_method_pinned",
        BOOLEAN.nullable().about(
            "Whether a client with a secret may use only its method; false: it may use \
             client_secret_basic and client_secret_post. A method that is sent without this member \
             is pinned.",
        ),
    ),
    optional(
        "assertion_audience",
        texts_of!(AssertionAudience).nullable().about(
            "The accepted aud of a client assertion. issuer, the default: the issuer as a \
             string. endpoint: also the token endpoint and the called endpoint, as a string or a \
             list of one.",
        ),
    ),
    optional(
        "pkce",
        texts_of!(PkcePolicy).nullable().about(
            "Whether an authorization request of a client that authenticates needs a PKCE \
             challenge. nonce, the default: a challenge, or openid with a nonce. Public clients: \
             always required.",
        ),
    ),
    optional(
        "security_profile",
        texts_of!(SecurityProfile).nullable().about(
            "fapi2: must follow the FAPI 2.0 Security Profile. Its requests are pushed and have a PKCE \
             challenge, it authenticates with private_key_jwt and proves a key (DPoP), signs with \
             PS256, ES256 or EdDSA, and its refresh tokens do not rotate.",
        ),
    ),
    optional("client_uri", TEXT.nullable().about("The home page of the application.")),
    optional("policy_uri", TEXT.nullable().about("The privacy policy of the application.")),
    optional("tos_uri", TEXT.nullable().about("The terms of service of the application.")),
    optional("redirect_uris", TEXTS.nullable()),
    optional("post_logout_redirect_uris", TEXTS.nullable()),
    optional("backchannel_logout_uri", TEXT.nullable()),
    optional(
        "web_origins",
        TEXTS
            .nullable()
            .about("Origins whose scripts may call, besides those of the redirect URIs."),
    ),
    optional(
        "grant_types",
        TEXTS.nullable().about(
            "The grants it may use, of those that discovery lists as grant_types_supported; null \
             for those of its type.",
        ),
    ),
    optional(
        "scopes",
        TEXTS.nullable().about("What it may request; null for all that its audiences offer."),
    ),
    optional("audiences", TEXTS.nullable().about("The APIs its access tokens may be for.")),
    optional(
        "serves",
        TEXTS.nullable().about(
            "The APIs it is the resource server of: it may introspect and exchange their tokens.",
        ),
    ),
    optional(
        "access_token_ttl",
        INTEGER.nullable().with(&[Keyword::Minimum(1), Keyword::Maximum(86400)]).about(
            "Seconds, at least twice the refresh retry window; null for the server's setting.",
        ),
    ),
    optional(
        "refresh_idle_ttl",
        SESSION_TTL
            .about("Seconds until a session ends unless refreshed; null for the server's setting."),
    ),
    optional(
        "refresh_max_ttl",
        SESSION_TTL
            .about("Seconds until a session ends in any case; null for the server's setting."),
    ),
    optional(
        "id_token_signed_response_alg",
        texts_of!(SigningAlg).nullable().about("Null: RS256."),
    ),
    optional(
        "skip_consent",
        BOOLEAN.nullable().about("Do not ask users for consent: the client is the operator's own."),
    ),
    optional(
        "first_party",
        BOOLEAN.nullable().about(
            "Users may give it their passwords: it may log users in at /v1/login. Never for spa \
             and service; implies skip_consent.",
        ),
    ),
    optional(
        "id_token_claims",
        texts_of!(IdTokenClaims).nullable().about(
            "The claims of its ID tokens. minimal, the default: those requested by name. \
             scopes: also those of the granted scopes, up to 8 KiB.",
        ),
    ),
    optional(
        "min_acr",
        texts_of!(AssuranceLevel).nullable().about(
            "The minimum assurance level of its users' sign-ins. Users without a second factor enrol one.",
        ),
    ),
    optional(
        "jwks",
        Schema::new(Kind::Types(&["object", "array"], None))
            .nullable()
            .about("Its public keys: a JWK set or a list of JWKs."),
    ),
    optional("admin_scopes", ADMIN_SCOPES.nullable()),
    optional("workloads", WORKLOADS.nullable()),
];

/// The read-only members of a `PATCH` of a client.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new(
        "client_id",
        TEXT,
        "No call changes a client_id. Register a new client instead: POST /v1/admin/clients.",
    ),
    ReadOnlyMember::new(
        "secrets",
        SECRETS,
        "POST /v1/admin/clients/{client_id}/rotate-secret creates a secret.",
    ),
    ReadOnlyMember::new(
        "logo",
        LOGO,
        "PUT /v1/admin/clients/{client_id}/logo stores a logo, DELETE removes it.",
    ),
    ReadOnlyMember::new("disabled", BOOLEAN, HOW_TO_DISABLE),
    ReadOnlyMember::new("disabled_at", TIME.nullable(), HOW_TO_DISABLE),
    ReadOnlyMember::new("created_at", TIME, NEVER_CHANGES),
    ReadOnlyMember::new("updated_at", TIME, CHANGES_BY_ITSELF),
];

/// The workloads that may authenticate as the client.
const WORKLOADS: Schema = TEXTS.about(
    "Rules by which programs of trusted issuers authenticate as the client, each `NAME: claim=value,claim=value`. Values are \
     compared whole; a claim that is named several times may have any of the values.",
);

/// The path of a logo.
const LOGO: Schema = TEXT.nullable().about("The path of its logo, below that of the issuer.");

const HOW_TO_DISABLE: &str = "POST /v1/admin/clients/{client_id}/disable disables a client, POST \
                              /v1/admin/clients/{client_id}/enable enables one.";

const SECRETS: Schema =
    list(&object(&[required("created_at", TIME)])).with(&[Keyword::MaxItems(2)]);

/// `GET /v1/admin/clients`.
pub static LIST: Operation = Operation::new("listClients", Tag::Admin, "List clients")
    .about("Oldest first.")
    .query(PAGINATION)
    .returns(&[ok(page(&named(&CLIENT)))]);

/// `POST /v1/admin/clients`.
pub static CREATE: Operation = Operation::new("createClient", Tag::Admin, "Register a client")
    .about("Only this response contains its secret.")
    .body(
        Body::json(&[
            &[
                optional(
                    "client_id",
                    TEXT.nullable().about(
                        "1 to 128 letters, digits or - . _ ~ /; null for a new UUID. Must not \
                         be the identifier of an API.",
                    ),
                ),
                required("name", TEXT),
                required("type", TYPE),
            ],
            METADATA,
        ])
        .example(|| {
            json!({
                "name": "Shop",
                "type": "web",
                "redirect_uris": ["https://shop.example.com/callback"],
            })
        }),
    )
    .returns(&[created(named(&CHANGED_CLIENT))])
    .fails_with(&[Code::ReauthenticationRequired])
    .conflicts("A client or an API has this name already.");

/// `GET /v1/admin/clients/{client_id}`.
pub static SHOW: Operation = Operation::new("showClient", Tag::Admin, "Show a client")
    .path(ID)
    .returns(&[ok(named(&CLIENT))]);

/// `PATCH /v1/admin/clients/{client_id}`.
pub static UPDATE: Operation = Operation::new("updateClient", Tag::Admin, "Change a client")
    .about("A JSON merge patch (RFC 7396). Null restores the default.")
    .path(ID)
    .query(&[FORCE])
    .body(
        Body::json(&[&[optional("name", TEXT), optional("type", TYPE)], METADATA])
            .read_only(READ_ONLY)
            .example(|| json!({ "redirect_uris": ["https://shop.example.com/callback"] })),
    )
    .returns(&[ok(named(&CHANGED_CLIENT))])
    .fails_with(&[Code::ReauthenticationRequired]);

/// `PUT /v1/admin/clients/{client_id}/logo`.
pub static SET_LOGO: Operation = Operation::new("setClientLogo", Tag::Admin, "Store the logo of a client")
    .about(
        "A PNG, JPEG or WebP file of up to 64 KiB and 1024 pixels a side; the type is detected from the content. \
         Pages of sign-ins, consent and accounts show it.",
    )
    .path(ID)
    .body(Body::image())
    .returns(&[ok(named(&CLIENT))])
    .fails_with(&[Code::ValidationFailed]);

/// `DELETE /v1/admin/clients/{client_id}/logo`.
pub static REMOVE_LOGO: Operation =
    Operation::new("removeClientLogo", Tag::Admin, "Remove the logo of a client")
        .path(ID)
        .returns(&[ok(named(&CLIENT))]);

/// `DELETE /v1/admin/clients/{client_id}`.
pub static DELETE: Operation = Operation::new("deleteClient", Tag::Admin, "Delete a client")
    .about("Also deletes the consents of users to it.")
    .path(ID)
    .query(&[FORCE])
    .returns(&[NO_CONTENT]);

/// `POST /v1/admin/clients/{client_id}/disable`.
pub static DISABLE: Operation = Operation::new("disableClient", Tag::Admin, "Disable a client")
    .about("It gets no tokens until it is enabled again.")
    .path(ID)
    .query(&[FORCE])
    .returns(&[ok(named(&CLIENT))]);

/// `POST /v1/admin/clients/{client_id}/enable`.
pub static ENABLE: Operation = Operation::new("enableClient", Tag::Admin, "Enable a client again")
    .path(ID)
    .query(&[FORCE])
    .returns(&[ok(named(&CLIENT))]);

/// `POST /v1/admin/clients/{client_id}/rotate-secret`.
pub static ROTATE_SECRET: Operation =
    Operation::new("rotateClientSecret", Tag::Admin, "Create a new client secret")
        .about("The previous secret stays valid until the next rotation.")
        .path(ID)
        .query(&[FORCE])
        .body(
            Body::json(&[&[optional(
                "revoke_old",
                BOOLEAN.nullable().about("Revoke every other secret at once."),
            )]])
            .optional()
            .example(|| json!({ "revoke_old": true })),
        )
        .returns(&[ok(named(&CLIENT_WITH_SECRET))])
        .conflicts("The client authenticates without a secret.");
