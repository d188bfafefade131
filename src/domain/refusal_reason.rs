//! Why a request is refused, where the code of the error does not say it.
//!
//! Owns what each reason says in English. The translations are texts of the key `refusal.` and the name of the reason.

use crate::text_enum;

text_enum! {
    /// A reason that pages say in the language of the user.
    pub enum Reason {
        /// A request has its answer, and another one is asked for.
        AlreadyAnswered = "already_answered",
        /// A device was allowed or denied before.
        AlreadyDecided = "already_decided",
        /// The identifier that an administrator typed is not that of the API.
        ApiTypedWrong = "api_typed_wrong",
        /// An authenticator app is enrolled a second time.
        AppEnrolled = "app_enrolled",
        /// The client was deleted, or does not have the redirect URI any more, since its request began.
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
        /// The user or the client of a request was deleted meanwhile.
        Deleted = "deleted",
        /// The factor is the last one of an account that needs one.
        LastFactor = "last_factor",
        /// The login name that an administrator typed is not that of the user.
        LoginTypedWrong = "login_typed_wrong",
        /// An account without second factors asks for recovery codes.
        NoRecoveryCodes = "no_recovery_codes",
        /// A request names no redirect URI.
        NoRedirect = "no_redirect",
        /// A form comes with a request that it cannot answer.
        OtherRequest = "other_request",
        /// A recovery needs a code, and the account has a passkey alone.
        PasskeyOnly = "passkey_only",
        /// A passkey is stored already, or there is no room for another one.
        PasskeysFull = "passkeys_full",
        /// A pushed authorization request is unknown or has expired.
        PushedRequestOver = "pushed_request_over",
        /// A parameter stands twice in a request.
        RepeatedParameter = "repeated_parameter",
        /// The first administrator exists.
        SetupComplete = "setup_complete",
        /// A form is not one that this browser was given for this sign-in.
        StaleForm = "stale_form",
        /// A request under way has expired, or is of another browser.
        StaleRequest = "stale_request",
        /// There is no room for another authenticator app.
        TotpFull = "totp_full",
        /// A request has more parameters than are read.
        TooManyParameters = "too_many_parameters",
        /// The account has no factor of the level that is required.
        UnmetRequirements = "unmet_requirements",
        /// The redirect URI is not registered.
        WrongRedirect = "wrong_redirect",
    }
}

impl Reason {
    /// What is wrong and what to do, in English: the answer to an API request.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
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
            Self::DocumentBusy => {
                "The description of the application cannot be loaded at this moment. Wait a few seconds, then try again."
            }
            Self::DocumentRefused => {
                "The application describes itself at its own address (client_id), and that description could not be \
                 loaded or is not acceptable. Report this to the people who run it; the log of this server says what is \
                 wrong."
            }
            Self::Deleted => {
                "The account or the application has been deleted meanwhile. Begin again."
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
            Self::WrongRedirect => {
                "The application asked to send you to an address it has not registered (redirect_uri). \
                 Nothing was sent there. Report this to the people who run it."
            }
        }
    }
}
