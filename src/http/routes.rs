//! Every route, grouped by its users.
//!
//! Owns the table: the router, the responses to a wrong method, the metrics' labels, the description of the
//! API and the tests of all routes read the same list. A new route is one line here, one function and one
//! description.

use actix_web::middleware::from_fn;
use actix_web::web::{self, PayloadConfig, ServiceConfig};

use crate::domain::permission::Action;
use crate::metrics::RouteMetrics;

use super::accepted::{self, Actions, Operations};
pub use super::openapi::Access;
use super::openapi::operations;
pub use super::route::Route;
use super::route::{described, is_flow, method, routes};
use super::ui::console;
use super::ui::console::apis::{edit as api_form, one as api_page};
use super::ui::console::clients::{action as client_action, admin_keys, admin_scopes};
use super::ui::console::keys::{retire as retire_key, rotate as rotate_keys};
use super::ui::console::users;
use super::{api, fallback, health, oauth, ui, well_known};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

// The router tries them in this order, and a pattern with a variable costs it a regular expression: the most
// frequent routes come first.
routes! {
    // For verifiers and client libraries.
    "/v1/openapi.json" { GET Anyone well_known::openapi => metadata::OPENAPI }
    "/.well-known/jwks.json" {
        GET Anyone well_known::jwks => metadata::JWKS,
        OPTIONS Anyone well_known::preflight => metadata::JWKS_PREFLIGHT,
    }
    "/.well-known/openid-configuration" {
        GET Anyone well_known::discovery => metadata::DISCOVERY,
        OPTIONS Anyone well_known::preflight => metadata::DISCOVERY_PREFLIGHT,
    }
    "/.well-known/revocations" {
        GET Anyone well_known::revocations => metadata::REVOCATIONS,
        OPTIONS Anyone well_known::preflight => metadata::REVOCATIONS_PREFLIGHT,
    }
    "/.well-known/oauth-authorization-server" {
        GET Anyone well_known::discovery => metadata::OAUTH_METADATA,
        OPTIONS Anyone well_known::preflight => metadata::OAUTH_METADATA_PREFLIGHT,
    }

    // For clients.
    "/v1/resource-metadata" {
        GET Anyone well_known::resource_metadata => metadata::RESOURCE_METADATA,
        OPTIONS Anyone well_known::preflight => metadata::RESOURCE_METADATA_PREFLIGHT,
    }
    "/v1/forward-auth" { ANY Anyone api::forward_auth::by_query => gateways::FORWARD_AUTH }
    "/v1/ext-authz/{api_id}/{scopes}" { ANY Anyone api::forward_auth::by_path => gateways::EXT_AUTHZ }
    "/v1/ext-authz/{api_id}/{scopes}/{rest:.*}" {
        ANY Anyone api::forward_auth::by_path => gateways::EXT_AUTHZ_BELOW
    }
    "/oauth2/token" { POST Anyone oauth::token => oauth::TOKEN }
    "/oauth2/introspect" { POST Anyone oauth::introspect => oauth::INTROSPECT }
    "/oauth2/revoke" { POST Anyone oauth::revoke => oauth::REVOKE }
    "/oauth2/userinfo" {
        GET Anyone oauth::userinfo => oauth::USERINFO_GET,
        POST Anyone oauth::userinfo => oauth::USERINFO_POST,
    }
    "/oauth2/par" { POST Anyone oauth::par => oauth::PAR }
    "/oauth2/authorize-challenge" {
        POST Anyone oauth::authorize_challenge => oauth::AUTHORIZE_CHALLENGE,
    }
    "/oauth2/device_authorization" {
        POST Anyone oauth::device_authorization => oauth::DEVICE_AUTHORIZATION,
    }

    // Log in and stay logged in.
    "/v1/register" { POST Anyone api::register::post => sign_up::REGISTER }
    "/v1/register/complete" { POST Anyone api::register::complete => sign_up::COMPLETE }
    "/v1/login" { POST Anyone api::login::post => authentication::LOGIN }
    "/v1/login/passkey" { POST Anyone api::login::passkey => authentication::PASSKEY }
    "/v1/login/continue" { POST Anyone api::login::continue_ => authentication::CONTINUE }
    "/v1/login/enrol" { POST Anyone api::login::enrol => authentication::ENROL }
    "/v1/step-up" { POST Bearer api::login::step_up => authentication::STEP_UP }
    "/v1/recovery" { POST Anyone api::recovery::post => recovery::REQUEST }
    "/v1/link" { POST Anyone api::link::post => recovery::LINK }
    "/v1/refresh" { POST Anyone api::refresh::post => authentication::REFRESH }
    "/v1/logout" { POST Anyone api::logout::post => authentication::LOGOUT }

    // The endpoints that clients redirect users to.
    "/oauth2/authorize" {
        GET Anyone ui::authorize::get => flow,
        POST Anyone ui::authorize::post => flow,
    }
    "/oauth2/logout" { GET Anyone ui::logout::get => flow, POST Anyone ui::logout::post => flow }

    // For operators and load balancers.
    "/health" { GET Anyone health::health => metadata::HEALTH }
    "/ready" { GET Anyone health::ready => metadata::READY }
    "/ready/read" { GET Anyone health::ready_read => metadata::READY_READ }

    // Pages.
    "/" { GET Anyone ui::home::get => page }
    "/inspect" { GET Anyone ui::inspect::get => page }
    "/login" { GET Anyone ui::login::get => page, POST Anyone ui::login::post => flow }
    "/login/password" {
        GET Anyone ui::new_password::get => flow,
        POST Anyone ui::new_password::post => flow,
    }
    "/login/verify" { GET Anyone ui::verify::get => flow, POST Anyone ui::verify::post => flow }
    "/login/mailed-code" {
        GET Anyone ui::mailed_code::get => flow,
        POST Anyone ui::mailed_code::post => flow,
    }
    "/login/enrol" { GET Anyone ui::enrol::get => flow, POST Anyone ui::enrol::post => flow }
    "/recover" { GET Anyone ui::recovery::get => flow, POST Anyone ui::recovery::post => flow }
    "/recover/code" {
        GET Anyone ui::recovery::get_code => flow,
        POST Anyone ui::recovery::post_code => flow,
    }
    "/recover/password" {
        GET Anyone ui::recovery::get_password => flow,
        POST Anyone ui::recovery::post_password => flow,
    }
    "/signup" { GET Anyone ui::signup::get => flow, POST Anyone ui::signup::post => flow }
    "/signup/code" {
        GET Anyone ui::signup::get_code => flow,
        POST Anyone ui::signup::post_code => flow,
    }
    "/signup/account" {
        GET Anyone ui::signup::get_account => flow,
        POST Anyone ui::signup::post_account => flow,
    }
    "/link/{token}" { GET Anyone ui::link::get => page, POST Anyone ui::link::post => page }
    "/login/switch" { POST Anyone ui::login::switch => flow }
    "/language" { POST Anyone ui::language::post => flow }
    "/consent" { POST Anyone ui::consent::post => flow }
    "/device" { GET Anyone ui::device::get => flow, POST Anyone ui::device::post => flow }
    "/logout" { POST Anyone ui::logout::own => page }
    "/.well-known/webauthn" { GET Anyone well_known::webauthn => metadata::RELATED_ORIGINS }
    "/.well-known/change-password" { GET Anyone ui::account::change_password => page }
    "/account" { GET Anyone ui::account::get => page }
    "/account/profile" { POST Anyone ui::account::post_profile => page }
    "/account/password" { POST Anyone ui::account::post_password => page }
    "/account/sessions/end" { POST Anyone ui::account::post_end => page }
    "/account/sessions/end-others" { POST Anyone ui::account::post_end_others => page }
    "/account/apps/remove" { POST Anyone ui::account::post_remove => page }
    "/account/email" { GET Anyone ui::email::get => page, POST Anyone ui::email::post => page }
    "/account/email/verify" { POST Anyone ui::email::verify => page }
    "/account/email/cancel" { POST Anyone ui::email::cancel => page }
    "/account/history" { GET Anyone ui::history::get => page }
    "/account/login" {
        GET Anyone ui::own_login::get => page,
        POST Anyone ui::own_login::post => page,
    }
    "/account/export" {
        GET Anyone ui::own_data::get_export => page,
        POST Anyone ui::own_data::post_export => page,
    }
    "/account/delete" {
        GET Anyone ui::own_data::get_delete => page,
        POST Anyone ui::own_data::post_delete => page,
    }
    "/account/keys" {
        GET Anyone ui::api_keys::get => page,
        POST Anyone ui::api_keys::post => page,
    }
    "/account/keys/revoke" { POST Anyone ui::api_keys::post_revoke => page }
    "/account/security" { GET Anyone ui::security::get => page }
    "/account/security/totp" {
        GET Anyone ui::security::setup => page,
        POST Anyone ui::security::begin_totp => page,
    }
    "/account/security/totp/confirm" { POST Anyone ui::security::confirm_totp => page }
    "/account/security/passkeys" { POST Anyone ui::passkeys::add => page }
    "/account/security/rename" { POST Anyone ui::passkeys::rename => page }
    "/account/security/remove" { POST Anyone ui::security::remove => page }
    "/account/security/recovery-codes" { POST Anyone ui::security::renew_codes => page }
    "/account/security/recovery-codes/file" { POST Anyone ui::security::codes_file => page }
    "/admin" { GET Anyone console::overview::get => page }
    "/admin/search" { GET Anyone console::search::get => page }
    "/admin/users" { GET Anyone users::list::get => page }
    "/admin/users/new" { GET Anyone users::new::get => page, POST Anyone users::new::post => page }
    "/admin/users/select" { POST Anyone users::bulk::select => page }
    "/admin/users/selected" { GET Anyone users::bulk::get => page, POST Anyone users::bulk::post => page }
    "/admin/users/{id}" { GET Anyone users::one::get => page }
    "/admin/users/{id}/why" { GET Anyone users::why::of_user => page }
    "/admin/users/{id}/token" { GET Anyone users::preview::get => page }
    "/admin/users/{id}/keys/{key_id}/revoke" {
        GET Anyone users::api_keys::get_revoke => page,
        POST Anyone users::api_keys::post_revoke => page,
    }
    "/admin/users/{id}/{action}" { GET Anyone users::actions::get => page, POST Anyone users::actions::post => page }
    "/admin/why" { GET Anyone users::why::of_login => page }
    "/admin/sessions" { GET Anyone console::sessions::list => page }
    "/admin/sessions/{id}/end" {
        GET Anyone console::sessions::get_end => page,
        POST Anyone console::sessions::post_end => page,
    }
    "/admin/clients" { GET Anyone console::clients::list => page }
    "/admin/clients/new" { GET Anyone console::clients::new::get => page, POST Anyone console::clients::new::post => page }
    "/admin/clients/{client_id}" { GET Anyone console::clients::show => page }
    "/admin/clients/{client_id}/admin-scopes" {
        GET Anyone admin_scopes::get => page,
        POST Anyone admin_scopes::post => page,
    }
    "/admin/clients/{client_id}/keys/new" {
        GET Anyone admin_keys::get_new => page,
        POST Anyone admin_keys::post_new => page,
    }
    "/admin/clients/{client_id}/keys/{key_id}/revoke" {
        GET Anyone admin_keys::get_revoke => page,
        POST Anyone admin_keys::post_revoke => page,
    }
    "/admin/clients/{client_id}/{action}" {
        GET Anyone client_action::get => page,
        POST Anyone client_action::post => page,
    }
    "/admin/apis" { GET Anyone console::apis::list => page }
    "/admin/apis/new" { GET Anyone api_form::get_new => page, POST Anyone api_form::post_new => page }
    "/admin/apis/{id}" { GET Anyone api_page::get => page }
    "/admin/apis/{id}/edit" { GET Anyone api_form::get => page, POST Anyone api_form::post => page }
    "/admin/apis/{id}/delete" { GET Anyone api_page::get_delete => page, POST Anyone api_page::post_delete => page }
    "/admin/keys" { GET Anyone console::keys::list => page }
    "/admin/keys/rotate" { GET Anyone rotate_keys::get => page, POST Anyone rotate_keys::post => page }
    "/admin/keys/rotate-now" { GET Anyone rotate_keys::get_now => page, POST Anyone rotate_keys::post_now => page }
    "/admin/keys/{kid}/retire" { GET Anyone retire_key::get => page, POST Anyone retire_key::post => page }
    "/admin/keys/{kid}/retire-now" { GET Anyone retire_key::get_now => page, POST Anyone retire_key::post_now => page }
    "/admin/audit" { GET Anyone console::audit::list => page }
    "/admin/audit/export" { POST Anyone console::audit::post_export => page }
    "/admin/health" { GET Anyone console::health::get => page }
    "/admin/settings" { GET Anyone console::settings::get => page }
    "/setup/{token}" { GET Anyone ui::setup::get => page, POST Anyone ui::setup::post => page }
    "/assets/signet.css" { GET Anyone ui::assets::css => page }
    "/assets/console.css" { GET Anyone ui::assets::console_css => page }
    "/assets/brand.css" { GET Anyone ui::assets::brand_css => page }
    "/assets/logo" { GET Anyone ui::assets::logo => page }
    "/assets/logos/{hash}" { GET Anyone ui::assets::client_logo => page }
    "/favicon.ico" { GET Anyone ui::assets::favicon => page }
    "/assets/login.js" { GET Anyone ui::assets::login_js => page }
    "/assets/passkey.js" { GET Anyone ui::assets::passkey_js => page }
    "/assets/submit.js" { GET Anyone ui::assets::submit_js => page }
    "/assets/inspect.css" { GET Anyone ui::assets::inspect_css => page }
    "/assets/inspect.js" { GET Anyone ui::assets::inspect_js => page }

    // The user's account.
    "/v1/me" {
        GET Bearer api::me::get => account::SHOW,
        PATCH Bearer api::me::patch => account::UPDATE,
        DELETE Bearer api::me::delete => account::DELETE,
    }
    "/v1/me/history" { GET Bearer api::me::list_history => account::HISTORY }
    "/v1/me/export" { GET Bearer api::me::export => account::EXPORT }
    "/v1/password" { POST Bearer api::password::post => account::CHANGE_PASSWORD }
    "/v1/email" { PUT Bearer api::email::put => email::CHANGE }
    "/v1/email/verify" { POST Bearer api::email::verify => email::VERIFY }
    "/v1/email/pending" { DELETE Bearer api::email::cancel => email::CANCEL }
    "/v1/sessions" {
        GET Bearer api::sessions::list => account::LIST_SESSIONS,
        DELETE Bearer api::sessions::delete_many => account::END_SESSIONS,
    }
    "/v1/sessions/{id}" { DELETE Bearer api::sessions::delete_one => account::END_SESSION }

    "/v1/factors" { GET Bearer api::factors::list => factors::LIST }
    "/v1/factors/totp" { POST Bearer api::factors::begin_totp => factors::BEGIN_TOTP }
    "/v1/factors/totp/confirm" { POST Bearer api::factors::confirm_totp => factors::CONFIRM_TOTP }
    "/v1/factors/passkeys" { POST Bearer api::factors::add_passkey => factors::ADD_PASSKEY }
    "/v1/factors/passkeys/options" {
        POST Bearer api::factors::begin_passkey => factors::BEGIN_PASSKEY,
    }
    "/v1/factors/recovery-codes" {
        POST Bearer api::factors::renew_recovery_codes => factors::RENEW_RECOVERY_CODES,
    }
    "/v1/factors/{id}" {
        PATCH Bearer api::factors::rename => factors::RENAME,
        DELETE Bearer api::factors::remove => factors::REMOVE,
    }

    "/v1/api-keys" {
        GET Bearer api::api_keys::list => api_keys::LIST,
        POST Bearer api::api_keys::create => api_keys::CREATE,
    }
    "/v1/api-keys/{key_id}" { DELETE Bearer api::api_keys::revoke => api_keys::REVOKE }

    // Administration.
    "/v1/admin/users" {
        GET Admin(ReadUsers) api::admin_user_search::list => users::LIST,
        POST Admin(CreateUser) api::admin_users::create => users::CREATE,
    }
    "/v1/admin/users/why" {
        GET Admin(ReadUsers) api::admin_user_why::of_login => sign_in_diagnosis::OF_LOGIN,
    }
    "/v1/admin/users/{id}" {
        GET Admin(ReadUsers) api::admin_users::show => users::SHOW,
        PATCH Admin(UpdateUser) api::admin_users::update => users::UPDATE,
        DELETE Admin(DeleteUser) api::admin_users::delete => users::DELETE,
    }
    "/v1/admin/users/{id}/disable" { POST Admin(DisableUser) api::admin_users::disable => users::DISABLE }
    "/v1/admin/users/{id}/enable" { POST Admin(EnableUser) api::admin_users::enable => users::ENABLE }
    "/v1/admin/users/{id}/password" {
        POST Admin(SetPassword) api::admin_users::set_password => users::SET_PASSWORD,
    }
    "/v1/admin/users/{id}/invite" { POST Admin(InviteUser) api::admin_invitations::invite => users::INVITE }
    "/v1/admin/users/{id}/recovery" {
        POST Admin(SendRecovery) api::admin_invitations::recover => users::SEND_RECOVERY,
    }
    "/v1/admin/users/{id}/unlock" { POST Admin(UnlockUser) api::admin_invitations::unlock => users::UNLOCK }
    "/v1/admin/users/{id}/why" {
        GET Admin(ReadUsers) api::admin_user_why::get => sign_in_diagnosis::OF_USER,
    }
    "/v1/admin/users/{id}/factors" {
        GET Admin(ReadUsers) api::admin_factors::list => factors::LIST_OF_USER,
        DELETE Admin(ResetFactors) api::admin_factors::reset => factors::RESET,
    }
    "/v1/admin/users/{id}/factors/{factor_id}" {
        DELETE Admin(ResetFactors) api::admin_factors::remove => factors::REMOVE_OF_USER,
    }
    "/v1/admin/users/{id}/api-keys" {
        GET Admin(ReadUsers) api::api_keys::list_of_user => api_keys::LIST_OF_USER,
    }
    "/v1/admin/users/{id}/api-keys/{key_id}" {
        DELETE Admin(RevokeApiKey) api::api_keys::revoke_of_user => api_keys::REVOKE_OF_USER,
    }
    "/v1/admin/users/{id}/token-preview" {
        GET Admin(PreviewToken) api::admin_users::token_preview => users::PREVIEW_TOKEN,
    }
    "/v1/admin/apis" {
        GET Admin(ReadApis) api::admin_apis::list => apis::LIST,
        POST Admin(CreateApi) api::admin_apis::create => apis::CREATE,
    }
    "/v1/admin/apis/{id}" {
        GET Admin(ReadApis) api::admin_apis::show => apis::SHOW,
        PATCH Admin(UpdateApi) api::admin_apis::update => apis::UPDATE,
        DELETE Admin(DeleteApi) api::admin_apis::delete => apis::DELETE,
    }
    "/v1/admin/clients" {
        GET Admin(ReadClients) api::admin_clients::list => clients::LIST,
        POST Admin(CreateClient) api::admin_clients::create => clients::CREATE,
    }
    "/v1/admin/clients/{client_id}" {
        GET Admin(ReadClients) api::admin_clients::show => clients::SHOW,
        PATCH Admin(UpdateClient) api::admin_clients::update => clients::UPDATE,
        DELETE Admin(DeleteClient) api::admin_clients::delete => clients::DELETE,
    }
    "/v1/admin/clients/{client_id}/disable" {
        POST Admin(DisableClient) api::admin_clients::disable => clients::DISABLE,
    }
    "/v1/admin/clients/{client_id}/enable" {
        POST Admin(EnableClient) api::admin_clients::enable => clients::ENABLE,
    }
    "/v1/admin/clients/{client_id}/rotate-secret" {
        POST Admin(RotateSecret) api::admin_clients::rotate_secret => clients::ROTATE_SECRET,
    }
    "/v1/admin/clients/{client_id}/logo" {
        PUT Admin(UpdateClient) api::admin_client_logo::put => clients::SET_LOGO,
        DELETE Admin(UpdateClient) api::admin_client_logo::delete => clients::REMOVE_LOGO,
    }
    "/v1/admin/clients/{client_id}/keys" {
        GET Admin(ReadAdminKeys) api::admin_client_keys::list => admin_keys::LIST,
        POST Admin(CreateAdminKey) api::admin_client_keys::create => admin_keys::CREATE,
    }
    "/v1/admin/clients/{client_id}/keys/{key_id}" {
        DELETE Admin(RevokeAdminKey) api::admin_client_keys::revoke => admin_keys::REVOKE,
    }
    "/v1/admin/clients/{client_id}/why" {
        GET Admin(ReadClients) api::admin_client_why::get => client_report::EXPLAIN,
    }
    "/v1/admin/client-documents" { GET Admin(ReadClients) api::admin_client_documents::list => client_documents::LIST }
    "/v1/admin/client-documents/block" {
        POST Admin(DisableClient) api::admin_client_documents::block => client_documents::BLOCK,
    }
    "/v1/admin/client-documents/unblock" {
        POST Admin(EnableClient) api::admin_client_documents::unblock => client_documents::UNBLOCK,
    }
    "/v1/admin/trusted-issuers" {
        GET Admin(ReadTrustedIssuers) api::admin_trusted_issuers::list => trusted_issuers::LIST,
        POST Admin(AddTrustedIssuer) api::admin_trusted_issuers::add => trusted_issuers::ADD,
    }
    "/v1/admin/trusted-issuers/{name}" {
        GET Admin(ReadTrustedIssuers) api::admin_trusted_issuers::show => trusted_issuers::SHOW,
        DELETE Admin(RemoveTrustedIssuer) api::admin_trusted_issuers::remove => trusted_issuers::REMOVE,
    }
    "/v1/admin/keys" { GET Admin(ReadKeys) api::admin_keys::list => keys::LIST }
    "/v1/admin/keys/rotate" { POST Admin(RotateKeys) api::admin_keys::rotate => keys::ROTATE }
    "/v1/admin/keys/{kid}/retire" { POST Admin(RetireKey) api::admin_keys::retire => keys::RETIRE }
    "/v1/admin/sessions" {
        GET Admin(ReadSessions) api::admin_sessions::list => sessions::LIST,
        DELETE Admin(EndSessions) api::admin_sessions::delete_of_user => sessions::END_OF_USER,
    }
    "/v1/admin/sessions/end" { POST Admin(EndSessions) api::admin_sessions::end => sessions::END_MANY }
    "/v1/admin/sessions/{id}" { DELETE Admin(EndSessions) api::admin_sessions::delete => sessions::END }
    "/v1/admin/tokens/why" { POST Admin(ExplainToken) api::admin_token_why::post => tokens::EXPLAIN }
    "/v1/admin/audit" { GET Admin(ReadAudit) api::admin_audit::list => audit::LIST }
    "/v1/admin/audit/export" { GET Admin(ExportAudit) api::admin_audit::export => audit::EXPORT }
}

/// The limits of the body readers.
#[must_use]
pub fn limits() -> PayloadConfig {
    PayloadConfig::new(MAX_BODY)
}
