//! Workloads: programs that authenticate with tokens of another issuer, such as jobs of a CI service.
//!
//! Owns what a trusted issuer is and which of its tokens are accepted. `rule` owns the rules of clients, `token` the
//! claims that every such token must have. Reads nothing and verifies no signature.

pub mod keys;
pub mod rule;
pub mod token;

use ipnet::IpNet;
use serde_json::Value;
use url::Url;

use super::outcome::FieldError;
use super::signing_key::SigningAlg;
use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

/// The maximum number of trusted issuers.
pub const MAX_ISSUERS: i64 = 64;
/// The maximum lifetime of an issuer's tokens by default.
pub const DEFAULT_MAX_LIFE: TimeSpan = TimeSpan::from_mins(60);
/// The highest value of [`TrustedIssuer::max_life`].
pub const LONGEST_MAX_LIFE: TimeSpan = TimeSpan::from_days(1);
/// The lowest value of [`TrustedIssuer::max_life`].
pub const SHORTEST_MAX_LIFE: TimeSpan = TimeSpan::from_mins(1);
/// The most keys of an issuer.
const MAX_KEYS: usize = 64;
/// The most networks of an issuer.
const MAX_NETWORKS: usize = 16;
/// The longest name of an issuer.
const MAX_NAME: usize = 32;
/// The longest identifier of an issuer, in bytes.
const MAX_ISSUER: usize = 256;
/// The scheme of SPIFFE IDs, and of the identifiers of SPIFFE trust domains.
const SPIFFE: &str = "spiffe://";

text_enum! {
    /// The kind of issuer. It decides which claims identify a program permanently, and whether tokens are single-use.
    pub enum Preset {
        /// GitHub Actions.
        Github = "github",
        /// GitLab CI.
        Gitlab = "gitlab",
        /// Service accounts of a Kubernetes cluster.
        Kubernetes = "kubernetes",
        /// A SPIFFE trust domain.
        Spiffe = "spiffe",
        /// Any other OpenID Connect issuer.
        Oidc = "oidc",
    }
}

impl Preset {
    /// Whether tokens are single-use. Kubernetes and SPIFFE give the same token to a program repeatedly.
    #[must_use]
    pub const fn counts_once(self) -> bool {
        match self {
            Self::Github | Self::Gitlab | Self::Oidc => true,
            Self::Kubernetes | Self::Spiffe => false,
        }
    }

    /// The issuer for which the preset is made, if there is only one.
    #[must_use]
    pub const fn usual_issuer(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("https://token.actions.githubusercontent.com"),
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Kubernetes | Self::Spiffe | Self::Oidc => None,
        }
    }
}

/// An issuer whose tokens are accepted from workloads.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustedIssuer {
    /// Its name in the rules of clients.
    pub name: String,
    /// `iss` of its tokens, compared byte for byte. For a trust domain: `spiffe://` and the name of the domain.
    pub issuer: String,
    /// The kind of issuer.
    pub preset: Preset,
    /// Its public keys (JWK); `None` if they are fetched by discovery.
    pub jwks: Option<Vec<Value>>,
    /// The algorithms that it may sign with. If empty, all that this server verifies.
    pub algs: Vec<SigningAlg>,
    /// The maximum lifetime of its tokens.
    pub max_life: TimeSpan,
    /// Networks besides the public ones in which its host may be, for fetches.
    pub networks: Vec<IpNet>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl TrustedIssuer {
    /// Whether it may sign with `alg`.
    #[must_use]
    pub fn may_sign_with(&self, alg: SigningAlg) -> bool {
        self.algs.is_empty() || self.algs.contains(&alg)
    }

    /// All invalid fields. The keys are checked elsewhere.
    #[must_use]
    pub fn problems(&self) -> Vec<FieldError> {
        let mut wrong = Vec::new();
        let mut note = |field, code, message| wrong.push(FieldError { field, code, message });
        if !is_issuer_name(&self.name) {
            note("name", "malformed", NAME_RULE);
        }
        if !self.is_identifier() {
            note("issuer", "malformed", ISSUER_RULE);
        }
        if self.max_life < SHORTEST_MAX_LIFE || self.max_life > LONGEST_MAX_LIFE {
            note(
                "max_life",
                "out_of_range",
                "The maximum lifetime of its tokens must be 1 minute to 24 hours.",
            );
        }
        if self.networks.len() > MAX_NETWORKS {
            note("networks", "too_many", "At most 16.");
        }
        match &self.jwks {
            None if self.preset == Preset::Spiffe => {
                let message = "A trust domain of SPIFFE has no discovery: give the keys of its bundle (jwks).";
                note("jwks", "missing", message);
            }
            Some(keys) if keys.is_empty() || keys.len() > MAX_KEYS => {
                note("jwks", "malformed", "A set of public keys has 1 to 64 keys.");
            }
            _ => {}
        }
        wrong
    }

    fn is_identifier(&self) -> bool {
        let text = &self.issuer;
        if text.len() > MAX_ISSUER || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        if self.preset == Preset::Spiffe {
            return text.strip_prefix(SPIFFE).is_some_and(is_trust_domain);
        }
        Url::parse(text).is_ok_and(|url| {
            url.scheme() == "https"
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        })
    }
}

/// The error message for an invalid name of an issuer.
pub const NAME_RULE: &str =
    "A name has 1 to 32 small letters, digits and hyphens, and begins with a letter.";

const ISSUER_RULE: &str = "An issuer is an https URL without query and fragment, exactly as in iss of its tokens; a trust domain \
                           of SPIFFE is spiffe:// and its name.";

/// Whether `text` may name a trusted issuer.
#[must_use]
pub fn is_issuer_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(is_plain)
        && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

/// Whether `text` is the name of a trust domain (SPIFFE-ID §2.1).
fn is_trust_domain(text: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
    };
    !text.is_empty() && text.bytes().all(is_plain)
}

/// The trust domain of a SPIFFE ID, as the identifier of an issuer; `None` if `text` is not a SPIFFE ID.
#[must_use]
pub fn trust_domain_of(text: &str) -> Option<String> {
    let (domain, path) = text.strip_prefix(SPIFFE)?.split_once('/')?;
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    let is_id = is_trust_domain(domain) && path.split('/').all(is_segment);
    is_id.then(|| format!("{SPIFFE}{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(preset: Preset, issuer: &str) -> TrustedIssuer {
        TrustedIssuer {
            name: "ci".to_owned(),
            issuer: issuer.to_owned(),
            preset,
            jwks: Some(vec![Value::Null]),
            algs: Vec::new(),
            max_life: DEFAULT_MAX_LIFE,
            networks: Vec::new(),
            created_at: Timestamp::from_secs(0),
        }
    }

    #[test]
    fn an_issuer_is_an_https_address_or_a_trust_domain() {
        for (preset, text, is_good) in [
            (Preset::Github, "https://token.actions.githubusercontent.com", true),
            (Preset::Oidc, "https://login.example.com/tenant/v2.0", true),
            (Preset::Oidc, "http://login.example.com", false),
            (Preset::Oidc, "https://user@login.example.com", false),
            (Preset::Oidc, "https://login.example.com?x=1", false),
            (Preset::Oidc, "https://login.example.com#x", false),
            (Preset::Oidc, "login.example.com", false),
            (Preset::Spiffe, "spiffe://example.org", true),
            (Preset::Spiffe, "spiffe://example.org/", false),
            (Preset::Spiffe, "spiffe://Example.org", false),
            (Preset::Spiffe, "https://example.org", false),
        ] {
            let fields: Vec<&str> =
                issuer(preset, text).problems().iter().map(|error| error.field).collect();
            let expected: &[&str] = if is_good { &[] } else { &["issuer"] };
            assert_eq!(fields, expected, "{text}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        let wrong = TrustedIssuer {
            name: "Ci".to_owned(),
            jwks: None,
            max_life: TimeSpan::from_days(2),
            ..issuer(Preset::Spiffe, "spiffe://a/b")
        };
        let problems = wrong.problems();
        let fields: Vec<&str> = problems.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "issuer", "max_life", "jwks"]);
    }

    #[test]
    fn a_spiffe_id_names_its_trust_domain() {
        assert_eq!(trust_domain_of("spiffe://a.org/x").as_deref(), Some("spiffe://a.org"));
        for none in
            ["spiffe://a.org", "spiffe://a.org/", "spiffe://a.org/x/../y", "spiffe:///x", "a"]
        {
            assert_eq!(trust_domain_of(none), None, "{none}");
        }
    }
}
