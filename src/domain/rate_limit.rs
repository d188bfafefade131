//! Rate limits: how often an account, a network or a client may fail or write.
//!
//! Owns the numbers; the arithmetic is in `token_bucket`. Networks are counted in the memory of each process by a
//! monotonic clock, accounts in the database.

use crate::base::TimeSpan;
use crate::text_enum;

use super::token_bucket::Bucket;

/// A number of attempts in a window of time.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Attempts in one window.
    pub tries: i64,
    /// The window, from the first attempt on.
    pub window: TimeSpan,
}

/// Failed log-ins of one account from one network.
///
/// Strict, because the account is locked only for the attacker's own network.
pub const ACCOUNT_FROM_NETWORK: Limit = Limit { tries: 20, window: TimeSpan::from_mins(15) };

/// Failed log-ins of one account from all networks that it has not logged in from.
///
/// Known networks neither count nor wait, so that attackers elsewhere cannot lock the owner out.
pub const ACCOUNT_FROM_STRANGERS: Limit = Limit { tries: 100, window: TimeSpan::from_mins(60) };

/// Wrong TOTP codes of one account from one network.
pub const TOTP_FROM_NETWORK: Limit = Limit { tries: 5, window: TimeSpan::from_mins(15) };

/// Wrong TOTP codes of one account from one network in a day. Three of a million codes are valid at a time: an
/// attacker with the password, in a network that is known to the account, guesses one with a probability of 6 in
/// 100,000 a day. By network, so that the attacker blocks the owner's codes in that network only.
pub const TOTP_FROM_NETWORK_A_DAY: Limit = Limit { tries: 20, window: TimeSpan::from_days(1) };

/// Wrong TOTP codes of one account from all networks that it has not logged in from: the same probability, for an
/// attacker in all of these networks together.
pub const TOTP_FROM_STRANGERS: Limit = Limit { tries: 20, window: TimeSpan::from_days(1) };

/// Wrong recovery codes of one account from one network. A separate counter, so that neither kind of code blocks the
/// other.
pub const RECOVERY_CODES: Limit = Limit { tries: 10, window: TimeSpan::from_mins(60) };

/// Requests of a new password for one address from one network, whether or not the address belongs to a user.
pub const RECOVERY_FROM_NETWORK: Limit = Limit { tries: 3, window: TimeSpan::from_mins(15) };

/// Requests of a new password for one address from one network in an hour, also if its user has logged in from there:
/// the same number as for all other networks together, so that a network cannot learn from its own requests whether
/// it is one of the user's.
pub const RECOVERY_FROM_NETWORK_AN_HOUR: Limit = RECOVERY_FROM_STRANGERS;

/// Requests of a new password for one address from all networks that its user has not logged in from. Attackers can
/// neither fill a mailbox nor keep invalidating the code of a user in a known network.
pub const RECOVERY_FROM_STRANGERS: Limit = Limit { tries: 10, window: TimeSpan::from_mins(60) };

/// Confirmation codes that one user has mailed.
pub const CONFIRMATIONS_OF_USER: Limit = Limit { tries: 10, window: TimeSpan::from_mins(60) };

/// Right passwords of one account that no second factor followed, until the owner is notified. Nothing is refused.
pub const WITHOUT_SECOND_FACTOR: Limit = Limit { tries: 10, window: TimeSpan::from_days(1) };

/// The longest window of any limit in the database.
pub const LONGEST_WINDOW: TimeSpan = TOTP_FROM_STRANGERS.window;

/// How long a network stays known to an account after its last log-in.
pub const KNOWN_NETWORK: TimeSpan = TimeSpan::from_days(90);

text_enum! {
    /// A limit in the memory of a process, by network unless noted otherwise. The texts are labels of
    /// `signet_rate_limited_total`.
    pub enum RateLimit {
        /// Failed log-ins, whatever the account.
        Login = "login_address",
        /// Registrations, the only answer that reveals whether a login name exists.
        Registration = "register_address",
        /// Views of and attempts at set-up links.
        Setup = "setup_address",
        /// Failed authentications of one registered client, or of all names that no client has.
        ClientAuth = "client_address",
        /// API keys that do not exist or are not active.
        ApiKey = "api_key",
        /// Requests of a new password for any address, because each is stored for a while.
        Recovery = "recovery_address",
        /// Requests with mailed links.
        Link = "link_address",
        /// User codes of devices, which have few enough letters to be guessed otherwise.
        UserCode = "user_code",
        /// DPoP proofs of public clients for requests that were refused, because each proof is stored.
        Proof = "proof",
        /// Authorization requests that public clients push.
        PushedRequest = "pushed_request",
        /// Device codes for public clients.
        DeviceRequest = "device_request",
        /// Polls of public clients that came too early or with a wrong device code.
        DevicePoll = "device_poll",
        /// Tokens that public clients revoke.
        Revocation = "revocation",
        /// Writes of signed-in users; by user.
        AuthenticatedWrite = "authenticated_write",
        /// Lookups of why a login name cannot sign in, which reveal typed texts; by caller.
        LoginLookup = "login_lookup",
        /// Authorization codes that are issued without asking the signed-in user; by user.
        UnattendedCode = "unattended_code",
        /// Authorization requests of clients that describe themselves and whose document is not cached: each
        /// causes a request to a host that the caller has named.
        ClientDocument = "client_document",
    }
}

impl RateLimit {
    /// The capacity and refill rate for one network or one user.
    #[must_use]
    pub const fn bucket(self) -> Bucket {
        match self {
            Self::Login | Self::ClientAuth | Self::ApiKey => {
                Bucket::new(60, TimeSpan::from_secs(2))
            }
            Self::Recovery | Self::Registration | Self::LoginLookup => {
                Bucket::new(30, TimeSpan::from_secs(10))
            }
            // Wide, because mail scanners open links repeatedly, and share the address of their users.
            Self::Link => Bucket::new(200, TimeSpan::from_secs(1)),
            Self::Setup => Bucket::new(20, TimeSpan::from_secs(5)),
            Self::UserCode => Bucket::new(20, TimeSpan::from_secs(15)),
            // Wide, because a whole organisation may share one address.
            Self::Proof | Self::DevicePoll | Self::Revocation => {
                Bucket::new(1_000, TimeSpan::from_millis(100))
            }
            Self::PushedRequest | Self::DeviceRequest => Bucket::new(100, TimeSpan::from_secs(1)),
            Self::ClientDocument => Bucket::new(60, TimeSpan::from_secs(1)),
            Self::AuthenticatedWrite => Bucket::new(60, TimeSpan::from_secs(1)),
            // Wide, because every tab of every application renews its tokens this way.
            Self::UnattendedCode => Bucket::new(1_000, TimeSpan::from_secs(10)),
        }
    }

    /// Whether this also limits callers with unknown addresses, who share one larger bucket. It does for limits on
    /// stored rows, and for guesses that no other limit bounds: a user code belongs to no account.
    #[must_use]
    pub const fn bounds_unknown_addresses(self) -> bool {
        match self {
            Self::Login | Self::Setup | Self::ClientAuth | Self::Link => false,
            // Each failure is recorded in the audit trail.
            Self::ApiKey => true,

            Self::Registration
            | Self::Recovery
            | Self::ClientDocument
            | Self::UserCode
            | Self::Proof
            | Self::PushedRequest
            | Self::DeviceRequest
            | Self::DevicePoll
            | Self::Revocation
            | Self::AuthenticatedWrite
            | Self::LoginLookup
            | Self::UnattendedCode => true,
        }
    }
}

/// How many networks get standing from an account: those from which it last logged in. Prevents an attacker with
/// one account from giving standing to many networks.
pub const STANDING_NETWORKS: i64 = 8;

/// Failures of a network, for each account that gives it standing, until it loses its standing.
pub const STANDING: Bucket = Bucket::new(5, TimeSpan::from_mins(1));

/// The most accounts from which one network gets standing.
pub const MAX_STANDING: u32 = 12;

/// The factor of the bucket that requests with unknown addresses share.
pub const UNKNOWN_ADDRESSES: u32 = 20;
