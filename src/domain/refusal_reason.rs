//! Reasons of refusals, where the error code is not specific enough.
//!
//! Owns the English text of each reason. Its translations have the key `refusal.REASON`.

use crate::text_enum;

text_enum! {
    /// A reason with a text in every language.
    pub enum Reason {
        /// The target is a client with administration scopes.
        AdminClient = "admin_client",
        /// A request is answered a second time.
        AlreadyAnswered = "already_answered",
        /// A device was allowed or denied before.
        AlreadyDecided = "already_decided",
        /// The identifier that an administrator typed is not that of the API.
        ApiTypedWrong = "api_typed_wrong",
        /// An authenticator app is enrolled a second time.
        AppEnrolled = "app_enrolled",
        /// The client was deleted, or lost the redirect URI, after its request began.
        ClientGone = "client_gone",
        /// A request names its client or its redirect URI twice.
        ClientTwice = "client_twice",
        /// No client is registered under the `client_id`.
        ClientUnknown = "client_unknown",
        /// The `client_id` that an administrator typed is not that of the client.
        ClientTypedWrong = "client_typed_wrong",
        /// The user or the client of a request was deleted meanwhile.
        Deleted = "deleted",
        /// The target is a first-party client.
        FirstPartyClient = "first_party_client",
        /// The target is for callers with the full right.
        ForAdministrators = "for_administrators",
        /// The factor is the last one of an account that needs one.
        LastFactor = "last_factor",
        /// The login name that an administrator typed is not that of the user.
        LoginTypedWrong = "login_typed_wrong",
        /// An account without second factors asks for recovery codes.
        NoRecoveryCodes = "no_recovery_codes",
        /// A request names no redirect URI.
        NoRedirect = "no_redirect",
        /// A form belongs to another request.
        OtherRequest = "other_request",
        /// A recovery needs a code, and the account has a passkey alone.
        PasskeyOnly = "passkey_only",
        /// A passkey is stored already, or the account has the maximum number.
        PasskeysFull = "passkeys_full",
        /// The target is a user with one of Signet's own roles.
        ProtectedUser = "protected_user",
        /// A pushed authorization request is unknown or has expired.
        PushedRequestOver = "pushed_request_over",
        /// A parameter is repeated in a request.
        RepeatedParameter = "repeated_parameter",
        /// The first administrator exists.
        SetupComplete = "setup_complete",
        /// A form was not issued to this browser for this sign-in.
        StaleForm = "stale_form",
        /// A pending request has expired, or belongs to another browser.
        StaleRequest = "stale_request",
        /// The account has the maximum number of authenticator apps.
        TotpFull = "totp_full",
        /// A request has more parameters than are read.
        TooManyParameters = "too_many_parameters",
        /// The account has no factor of the level that is required.
        UnmetRequirements = "unmet_requirements",
        /// Only a user can do it, not a client.
        UserRequired = "user_required",
        /// The redirect URI is not registered.
        WrongRedirect = "wrong_redirect",
    }
}

impl Reason {
    /// What is wrong and what to do, in English, for the answer to an API request.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::AdminClient => {
                "This client has administration scopes. Only a user with the role admin and the scope \
                 signet:admin, a client with that scope, or the command line may change it."
            }
            Self::AlreadyAnswered => {
                "This request was answered already. Go back to the application."
            }
            Self::AlreadyDecided => "This was decided already. Look at the device.",
            Self::ApiTypedWrong => "The identifier that was typed is another one.",
            Self::AppEnrolled => {
                "This app is enrolled already. If you did not save your recovery codes, make new ones."
            }
            Self::ClientGone => {
                "The application that sent you here is not registered any more. Go back to it and begin \
                 again; if that does not help, report this to the people who run it."
            }
            Self::ClientTwice => {
                "The application sent client_id or redirect_uri twice. Report this to the people who run it."
            }
            Self::ClientUnknown => {
                "The application that sent you here is not registered here. Report this to the people who run \
                 it."
            }
            Self::ClientTypedWrong => "The client_id that was typed is another one.",
            Self::Deleted => {
                "The account or the application has been deleted meanwhile. Begin again."
            }
            Self::FirstPartyClient => {
                "This is a first-party client. Only a user with the role admin and the scope \
                 signet:admin, a client with that scope, or the command line may change it."
            }
            Self::ForAdministrators => {
                "Only a user with the role admin and the scope signet:admin, a client with that \
                 scope, or the command line may change it."
            }
            Self::LastFactor => {
                "A second factor is required of this account, so the last one cannot be removed. Add another \
                 one first."
            }
            Self::LoginTypedWrong => "The login name that was typed is another one.",
            Self::NoRecoveryCodes => {
                "Recovery codes replace a second factor, and this account has none. Enrol one first."
            }
            Self::NoRedirect => {
                "The application did not say where to send you back to (redirect_uri). Report this to the \
                 people who run it."
            }
            Self::OtherRequest => "This form belongs to a different sign-in. Start again.",
            Self::PasskeyOnly => {
                "The second factor of this account is a passkey, and a recovery needs a code. Sign in with \
                 the passkey. If you have lost it, ask an administrator to remove it, then begin again."
            }
            Self::PasskeysFull => {
                "This passkey is stored already, or the account has 10 passkeys, which is the most. Remove \
                 one first."
            }
            Self::ProtectedUser => {
                "This user has one of Signet's own roles (admin, signet:auditor, signet:helpdesk). \
                 Only a user with the role admin and the scope signet:admin, a client with that \
                 scope, or the command line may change it."
            }
            Self::PushedRequestOver => {
                "The request the application had announced is unknown or over. Go back to it and begin again."
            }
            Self::RepeatedParameter => "A parameter was sent twice.",
            Self::SetupComplete => {
                "Set-up is complete: this server has an administrator. Sign in with that account. If the \
                 password is lost, an operator sets a new one on the server: signet user set-password LOGIN"
            }
            Self::StaleForm => "This page is too old. Go back and try again.",
            Self::StaleRequest => {
                "This page is too old, or was opened in another browser. Go back to where you came from and \
                 begin again."
            }
            Self::TotpFull => {
                "The account has 3 authenticator apps, which is the most. Remove one first."
            }
            Self::TooManyParameters => "There are too many parameters.",
            Self::UnmetRequirements => {
                "This needs a stronger sign-in than the account has factors for. Enrol a second factor, then \
                 sign in again, or ask an administrator."
            }
            Self::UserRequired => {
                "A client cannot do this. It requires a user with the role admin who has just signed \
                 in, or the command line."
            }
            Self::WrongRedirect => {
                "The application asked to send you to an address it has not registered (redirect_uri). \
                 Nothing was sent there. Report this to the people who run it."
            }
        }
    }
}
