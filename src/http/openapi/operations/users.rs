//! Users, for administrators.

use serde_json::json;

use super::{AFTER, CHANGES_BY_ITSELF, FORCE, LIMIT, NEVER_CHANGES};
use crate::domain::outcome::Code;
use crate::domain::user::Role;
use crate::domain::user_filter::PasswordClass;
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, created, ok,
};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, INTEGER, Kind, Member, Named, Schema, TEXT, TEXTS, TIME, UUID, named,
    object, optional, page, required, texts_of,
};

/// A user.
pub static USER: Named = Named {
    name: "User",
    schema: object(&[
        required("id", UUID),
        required("login", TEXT),
        required("name", TEXT.nullable()),
        required("email", TEXT.nullable()),
        required(
            "email_verified",
            BOOLEAN.about("Only a verified address is sent to clients and can be used to sign in."),
        ),
        optional(
            "pending_email",
            TEXT.nullable()
                .about("The address that is waiting for confirmation. Users see only their own."),
        ),
        optional(
            "language",
            TEXT.nullable().about(
                "The language of mail to the user (BCP 47). Null: the language of the request that \
                 causes the mail. Users see only their own.",
            ),
        ),
        required("role", ROLE),
        required(
            "roles",
            TEXTS.about("Application roles, for the tokens of APIs that request them."),
        ),
        required("groups", TEXTS.about("Groups, for the tokens of APIs that request them.")),
        optional(
            "claims",
            ANY_OBJECT.about(
                "Custom claims, for the tokens of APIs that request them. Only administrators \
                 see them.",
            ),
        ),
        required(
            "must_change_password",
            BOOLEAN.about("Whether the user must choose a new password at the next sign-in."),
        ),
        required("disabled", BOOLEAN),
        required("disabled_at", TIME.nullable()),
        required("created_at", TIME),
        required("updated_at", TIME),
        optional(
            "last_login_at",
            TIME.nullable().about(
                "The day of the last sign-in, in lists; null if there was none since this is recorded.",
            ),
        ),
        optional(
            "password_class",
            texts_of!(PasswordClass).about("The kind of the stored password hash, in lists."),
        ),
        optional(
            "invitation",
            ANY_OBJECT
                .about("The invitation, where the user was created with `invite`: a `SentLink`."),
        ),
    ]),
};

pub(super) const ROLE: Schema = texts_of!(Role);

const ID: &[Parameter] = &[Parameter::path("id", TEXT, "The user's `id`.")];

/// The members that creating and changing a user share.
const ATTRIBUTES: &[Member] = &[
    optional("name", TEXT.nullable()),
    optional(
        "email",
        TEXT.nullable().about(
            "The e-mail address. A new address is unverified, unless `email_verified` \
             is true. Null removes it.",
        ),
    ),
    optional(
        "email_verified",
        BOOLEAN.nullable().about(
            "Whether the address is verified. True states that the administrator knows that the user receives mail \
             there.",
        ),
    ),
    optional("role", ROLE.nullable()),
    optional("roles", TEXTS.nullable().about("All application roles.")),
    optional("groups", TEXTS.nullable().about("All groups.")),
    optional(
        "claims",
        Schema::new(Kind::Map(&CLAIM)).nullable().about(
            "Custom claims to set, by name. A claim that is null is removed; null for the whole \
             member removes all.",
        ),
    ),
    optional(
        "must_change_password",
        BOOLEAN.nullable().about(
            "Whether the user must choose a new password at the next sign-in. Ends no session. A user who \
             changes the password sets it to false.",
        ),
    ),
];

const CLAIM: Schema =
    Schema::new(Kind::Types(&["string", "integer", "boolean", "array"], Some(&TEXT))).nullable();

/// The read-only members of a `PATCH` of a user.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new("id", UUID, NEVER_CHANGES),
    ReadOnlyMember::new(
        "login",
        TEXT,
        "No call changes a login. Create a new user instead (POST /v1/admin/users) and delete this one.",
    ),
    ReadOnlyMember::new("disabled", BOOLEAN, HOW_TO_DISABLE),
    ReadOnlyMember::new("disabled_at", TIME.nullable(), HOW_TO_DISABLE),
    ReadOnlyMember::new("created_at", TIME, NEVER_CHANGES),
    ReadOnlyMember::new("updated_at", TIME, CHANGES_BY_ITSELF),
];

const HOW_TO_DISABLE: &str = "POST /v1/admin/users/{id}/disable disables a user, POST /v1/admin/users/{id}/enable enables one.";

/// The filters of lists of users.
const SEARCH: &[Parameter] = &[
    LIMIT,
    AFTER,
    Parameter::query(
        "q",
        TEXT,
        "Up to 8 words. Each must be the beginning of a word of the user's login, name or e-mail address, their \
         local parts and the pieces between `. _ - + @`.",
    ),
    Parameter::query("login", TEXT, "Exactly this login, in any spelling."),
    Parameter::query("role", TEXT, "A role of Signet or of an application."),
    Parameter::query("disabled", BOOLEAN, "Whether the user is disabled."),
    Parameter::query(
        "locked",
        BOOLEAN,
        "Whether failed attempts at the password lock the user for some network.",
    ),
    Parameter::query(
        "must_change_password",
        BOOLEAN,
        "Whether the user must choose a new password at the next sign-in.",
    ),
    Parameter::query(
        "password_class",
        texts_of!(PasswordClass),
        "The kind of the stored password hash.",
    ),
    Parameter::query("created_since", TIME, "Created at this time or later."),
    Parameter::query("created_until", TIME, "Created before this time."),
    Parameter::query("last_login_before", TIME, "Last signed in before this time, or never."),
];

/// `GET /v1/admin/users`.
pub static LIST: Operation = Operation::new("listUsers", Tag::Admin, "List users")
    .about(
        "Oldest first; a search by words in the order of the longest word. At most 2,000 rows are examined for one \
         page: a page may have fewer items than `limit` and still a `next`. There are no totals.",
    )
    .query(SEARCH)
    .returns(&[ok(page(&named(&USER)))]);

/// `POST /v1/admin/users`.
pub static CREATE: Operation = Operation::new("createUser", Tag::Admin, "Create a user")
    .body(
        Body::json(&[
            &[
                required("login", TEXT),
                optional(
                    "password",
                    TEXT.nullable().about("Without one, the user cannot log in yet."),
                ),
                optional(
                    "invite",
                    BOOLEAN.nullable().about(
                        "Whether the user is invited to choose the password. The response has the member \
                         `invitation`, as that of `POST /v1/admin/users/{id}/invite`.",
                    ),
                ),
            ],
            ATTRIBUTES,
        ])
        .example(|| json!({ "login": "bob", "password": "correct horse battery" })),
    )
    .returns(&[created(named(&USER))])
    .fails_with(&[Code::LoginTaken, Code::EmailTaken, Code::WeakPassword]);

static SENT_LINK: Named = Named {
    name: "SentLink",
    schema: object(&[
        required(
            "mailed_to",
            TEXT.nullable().about("The address it is mailed to; null if it is not mailed."),
        ),
        required(
            "link",
            TEXT.nullable().about(
                "If it is not mailed: the link, to be handed to the user. It works once and sets the password of the \
                 account.",
            ),
        ),
        required("expires_in", INTEGER.about("Seconds until the link expires.")),
    ]),
};

/// `POST /v1/admin/users/{id}/invite`.
pub static INVITE: Operation = Operation::new("inviteUser", Tag::Admin, "Invite a user")
    .about(
        "The user chooses the first password with a link, which is valid for 7 days. It is mailed to the address of \
         the user if mail is enabled, and accepting it then verifies the address. The link of an earlier invitation \
         becomes invalid.",
    )
    .path(ID)
    .returns(&[ok(named(&SENT_LINK))])
    .conflicts("The user has a password, or is disabled.");

/// `POST /v1/admin/users/{id}/recovery`.
pub static SEND_RECOVERY: Operation =
    Operation::new("sendRecovery", Tag::Admin, "Send a user a link to choose a new password")
        .about(
            "The link is valid for 24 hours and mailed to a verified address only. The second factors of the account \
             are required. Until the link is used, the current password stays valid.",
        )
        .path(ID)
        .returns(&[ok(named(&SENT_LINK))])
        .conflicts(
            "The user is disabled; or the helpdesk has reset the second factors in the last 24 hours, or may not see \
             the link of a user without a verified address.",
        );

/// `POST /v1/admin/users/{id}/unlock`.
pub static UNLOCK: Operation = Operation::new("unlockUser", Tag::Admin, "Unlock a user")
    .about(
        "Clears the counters of failed attempts at the password and the second factors: from every network, or from \
         one. For one network, also lifts its refusal for all accounts, if it was refused with this user, or the caller has the full right.",
    )
    .path(ID)
    .body(
        Body::json(&[&[optional(
            "network",
            TEXT.nullable().about("An IP address of the network; without it, every network."),
        )]])
        .optional(),
    )
    .returns(&[NO_CONTENT])
    .conflicts(
        "Nothing is counted for the user from the network, and the caller does not have the full right.",
    );

/// `GET /v1/admin/users/{id}`.
pub static SHOW: Operation =
    Operation::new("showUser", Tag::Admin, "Show a user").path(ID).returns(&[ok(named(&USER))]);

/// `PATCH /v1/admin/users/{id}`.
pub static UPDATE: Operation = Operation::new("updateUser", Tag::Admin, "Change a user")
    .about(
        "A JSON merge patch (RFC 7396) of name, email, email_verified, role, roles, groups, claims and \
            must_change_password.",
    )
    .path(ID)
    .query(&[FORCE])
    .body(Body::json(&[ATTRIBUTES]).read_only(READ_ONLY).example(|| json!({ "role": "admin" })))
    .returns(&[ok(named(&USER))])
    .fails_with(&[Code::EmailTaken, Code::LastAdministrator]);

/// `DELETE /v1/admin/users/{id}`.
pub static DELETE: Operation = Operation::new("deleteUser", Tag::Admin, "Delete a user")
    .about("Also deletes their sessions and grants.")
    .path(ID)
    .query(&[FORCE])
    .returns(&[NO_CONTENT])
    .fails_with(&[Code::LastAdministrator]);

/// `POST /v1/admin/users/{id}/disable`.
pub static DISABLE: Operation = Operation::new("disableUser", Tag::Admin, "Disable a user")
    .about("All their sessions end.")
    .path(ID)
    .query(&[FORCE])
    .returns(&[ok(named(&USER))])
    .fails_with(&[Code::LastAdministrator]);

/// `POST /v1/admin/users/{id}/enable`.
pub static ENABLE: Operation = Operation::new("enableUser", Tag::Admin, "Enable a user again")
    .path(ID)
    .query(&[FORCE])
    .returns(&[ok(named(&USER))]);

/// `POST /v1/admin/users/{id}/password`.
pub static SET_PASSWORD: Operation = Operation::new(
    "setPassword",
    Tag::Admin,
    "Set a user's password",
)
.about(
    "All their sessions end. The user must choose a new password at the next sign-in, unless `permanent` is true.",
)
.path(ID)
.body(
    Body::json(&[&[
        required("password", TEXT),
        optional("permanent", BOOLEAN.nullable().about("Whether the user may keep this password.")),
    ]])
    .example(|| json!({ "password": "another good one" })),
)
.returns(&[NO_CONTENT])
.fails_with(&[Code::WeakPassword]);

/// `GET /v1/admin/users/{id}/token-preview`.
pub static PREVIEW_TOKEN: Operation = Operation::new(
    "previewToken",
    Tag::Admin,
    "Preview a user's access token",
)
.about("Header and claims of the token that a log-in of this user would return. It is not signed.")
.path(ID)
.query(&[
    Parameter::query(
        "audience",
        TEXT,
        "The API the token would be for; without it, Signet itself.",
    ),
    Parameter::query("scope", TEXT, "The scopes the log-in would request, separated by spaces."),
])
.returns(&[ok(object(&[
    required(
        "header",
        object(&[required("alg", TEXT), required("kid", TEXT), required("typ", TEXT)]),
    ),
    required(
        "claims",
        ANY_OBJECT.about("With placeholders for `jti` and `sid`, which differ each time."),
    ),
]))])
.fails_with(&[Code::InvalidTarget, Code::InvalidScope])
.conflicts("The user is disabled and cannot log in.");
