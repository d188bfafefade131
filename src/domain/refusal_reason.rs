//! Reasons of refusals, where the error code is not specific enough.
//!
//! Owns the English text of each reason. Its translations have the key `refusal.REASON`.

use crate::text_enum;

text_enum! {
    /// A reason with a text in every language.
    pub enum Reason {
        /// The target is a client with administration scopes.
        AdminClient = "admin_client",
        /// The request was already answered.
        AlreadyAnswered = "already_answered",
        /// The device was already allowed or denied.
        AlreadyDecided = "already_decided",
        /// The identifier that an administrator typed is not that of the API.
        ApiTypedWrong = "api_typed_wrong",
        /// An authenticator app that is already enrolled.
        AppEnrolled = "app_enrolled",
        /// The client was deleted, or lost the redirect URI, after its request began.
        ClientGone = "client_gone",
        /// A request names its client or its redirect URI twice.
        ClientTwice = "client_twice",
        /// No client is registered under the `client_id`.
        ClientUnknown = "client_unknown",
        /// The `client_id` that an administrator typed is not that of the client.
        ClientTypedWrong = "client_typed_wrong",
        /// The document of a client that describes itself cannot be loaded at this moment.
        DocumentBusy = "document_busy",
        /// The document of a client that describes itself could not be loaded, or describes no client.
        DocumentRefused = "document_refused",
        /// The user or the client of the request was deleted in the meantime.
        Deleted = "deleted",
        /// A change of factors with a sign-in that lacks one of them, or is too old.
        FactorNeeded = "factor_needed",
        /// The target is a first-party client.
        FirstPartyClient = "first_party_client",
        /// The target requires the full right of an administrator.
        ForAdministrators = "for_administrators",
        /// The form of a mailed link was sent from another browser than the one it was issued to, or from an
        /// outdated page.
        ForeignForm = "foreign_form",
        /// The invitation has expired or was withdrawn.
        InvitationOver = "invitation_over",
        /// The factor is the last one of an account that needs one.
        LastFactor = "last_factor",
        /// The user has the maximum number of API keys.
        ApiKeysFull = "api_keys_full",
        /// The login name that an administrator typed is not that of the user.
        LoginTypedWrong = "login_typed_wrong",
        /// Recovery codes were requested for an account without second factors.
        NoRecoveryCodes = "no_recovery_codes",
        /// A request names no redirect URI.
        NoRedirect = "no_redirect",
        /// The form belongs to another request.
        OtherRequest = "other_request",
        /// A recovery code is required, and the account has only a passkey.
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
        /// The request has too many parameters.
        TooManyParameters = "too_many_parameters",
        /// The change of address can no longer be undone.
        UndoOver = "undo_over",
        /// The account has no factor of the level that is required.
        UnmetRequirements = "unmet_requirements",
        /// The action is only for users, not for clients.
        UserRequired = "user_required",
        /// The redirect URI is not registered.
        WrongRedirect = "wrong_redirect",
    }
}

impl Reason {
    /// The problem and the remedy, in English, for the response to an API request.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::AdminClient => {
                "This client has administration scopes. Only a user with the role admin and the scope \
                 signet:admin, a client with that scope, or the command line may change it."
            }
            Self::AlreadyAnswered => {
                "This request was already answered. Go back to the application."
            }
            Self::AlreadyDecided => "This request was already decided. Continue on the device.",
            Self::ApiTypedWrong => "The typed identifier is not that of this API.",
            Self::AppEnrolled => {
                "This app is already enrolled. If you did not save your recovery codes, create new ones."
            }
            Self::ClientGone => {
                "The application that sent you here is no longer registered. Go back to it and start again; if that \
                 does not help, tell its operators."
            }
            Self::ClientTwice => {
                "The application sent client_id or redirect_uri twice. Tell its operators."
            }
            Self::ClientUnknown => {
                "The application that sent you here is not registered. Tell its operators."
            }
            Self::ClientTypedWrong => "The typed client_id is not that of this application.",
            Self::DocumentBusy => {
                "The description of the application cannot be loaded at this moment. Wait a few seconds, then try again."
            }
            Self::DocumentRefused => {
                "The application describes itself at its own address (client_id), and that description could not be \
                 loaded or is not acceptable. Tell its operators; the log of this server says what is \
                 wrong."
            }
            Self::Deleted => {
                "The account or the application was deleted in the meantime. Start again."
            }
            Self::FactorNeeded => {
                "Changing how you sign in needs a sign-in of the last 5 minutes with one of your passkeys, a code of \
                 your authenticator app or a recovery code. Sign in again, then repeat the change."
            }
            Self::FirstPartyClient => {
                "This is a first-party client. Only a user with the role admin and the scope \
                 signet:admin, a client with that scope, or the command line may change it."
            }
            Self::ForAdministrators => {
                "Only a user with the role admin and the scope signet:admin, a client with that \
                 scope, or the command line may change it."
            }
            Self::ForeignForm => {
                "This form was made for another browser, or is too old. Nothing was changed. Send it once more."
            }
            Self::InvitationOver => {
                "This invitation has expired or was replaced. Ask the administrator who invited you for another one. If \
                 you have chosen a password already, sign in."
            }
            Self::LastFactor => {
                "This account needs a second factor, so the last one cannot be removed. Add another one first."
            }
            Self::LoginTypedWrong => "The typed login name is not that of this user.",
            Self::NoRecoveryCodes => {
                "Recovery codes replace a second factor, but this account has none. Enrol one first."
            }
            Self::NoRedirect => {
                "The application did not specify the address to return to (redirect_uri). Tell its operators."
            }
            Self::OtherRequest => "This form belongs to a different sign-in. Start again.",
            Self::PasskeyOnly => {
                "The second factor of this account is a passkey, but a password reset needs a code. Sign in with the \
                 passkey. If you have lost it, ask an administrator to remove it, then start again."
            }
            Self::ApiKeysFull => {
                "The account has 20 API keys, which is the most. Revoke one first."
            }
            Self::PasskeysFull => {
                "This passkey is already stored, or the account has the maximum of 10 passkeys. Remove one first."
            }
            Self::ProtectedUser => {
                "This user has one of Signet's own roles (admin, signet:auditor, signet:helpdesk). \
                 Only a user with the role admin and the scope signet:admin, a client with that \
                 scope, or the command line may change it."
            }
            Self::PushedRequestOver => {
                "The pushed request of the application is unknown or has expired. Go back to the application and \
                 start again."
            }
            Self::RepeatedParameter => "A parameter was sent twice.",
            Self::SetupComplete => {
                "Set-up is complete: this server has an administrator. Sign in with that account. If the \
                 password is lost, an operator sets a new one on the server: signet user set-password LOGIN"
            }
            Self::StaleForm => "This page is too old. Go back and try again.",
            Self::StaleRequest => {
                "This page is too old, or was opened in another browser. Go back to the application and start again."
            }
            Self::TotpFull => {
                "The account has the maximum of 3 authenticator apps. Remove one first."
            }
            Self::TooManyParameters => "There are too many parameters.",
            Self::UndoOver => {
                "The change of address cannot be taken back with this link any more. If you did not make the change, sign \
                 in, then change the address and the password. If you cannot sign in, ask an administrator."
            }
            Self::UnmetRequirements => {
                "This requires a stronger sign-in than the factors of the account allow. Enrol a second factor, then \
                 sign in again, or ask an administrator."
            }
            Self::UserRequired => {
                "A client cannot do this. It requires a user with the role admin who has just signed \
                 in, or the command line."
            }
            Self::WrongRedirect => {
                "The application requested a return to an address that is not registered (redirect_uri). Nothing was \
                 sent there. Tell its operators."
            }
        }
    }
}
