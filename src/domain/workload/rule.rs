//! The rules of a client: which programs of a trusted issuer may authenticate as the client.
//!
//! Owns their syntax, `NAME: claim=value,claim=value`, the claims that a rule must name so that it identifies the same
//! program permanently, and the comparison with the claims of a token. Values are compared whole: there are no
//! patterns and no prefixes. A claim that is named several times may have any of the values.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Preset, is_issuer_name, trust_domain_of};
use crate::domain::path_spelling::percent_decoded;

/// The most rules of one client.
pub const MAX_RULES: usize = 32;
/// The longest rule, in bytes.
const MAX_RULE: usize = 2_048;
/// GitHub events that run code which outsiders have proposed. A rule matches them only if it names the event.
const PROPOSALS: [&str; 2] = ["pull_request", "pull_request_target"];
/// The prefix of the `sub` of a service account.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkloadRule {
    /// The name of the trusted issuer.
    pub issuer: String,
    /// The accepted values of each claim.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// Why a rule is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadRuleError {
    /// The syntax is invalid.
    Malformed,
    /// No trusted issuer has this name.
    UnknownIssuer,
    /// The rule could match programs of other owners, now or later.
    TooWide(Preset),
    /// It names a claim whose format the issuer changes.
    Unstable,
}

impl WorkloadRuleError {
    /// A stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::TooWide(_) | Self::Unstable => "rule_too_wide",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => {
                "A rule is the name of a trusted issuer and claims: github: repository_id=123,ref=refs/heads/main. \
                 Values are compared whole; a comma in a value is %2C. At most 32 rules."
            }
            Self::UnknownIssuer => {
                "No trusted issuer has this name. Add it first: signet trust add NAME --issuer URL."
            }
            Self::TooWide(Preset::Github) => {
                "A rule for GitHub names repository_id or repository_owner_id: names can be reassigned."
            }
            Self::TooWide(Preset::Gitlab) => {
                "A rule for GitLab names project_id or namespace_id: paths can be given to others."
            }
            Self::TooWide(Preset::Kubernetes) => {
                "A rule for Kubernetes names sub as system:serviceaccount:NAMESPACE:NAME."
            }
            Self::TooWide(Preset::Spiffe) => {
                "A rule for SPIFFE names sub as a SPIFFE id, such as spiffe://example.org/backup."
            }
            Self::TooWide(Preset::Oidc) => "A rule for this issuer names sub.",
            Self::Unstable => {
                "Do not match sub of GitHub: it contains names, and its form changes. Name repository_id, and ref or \
                 environment."
            }
        }
    }
}

impl FromStr for WorkloadRule {
    type Err = WorkloadRuleError;

    fn from_str(text: &str) -> Result<Self, WorkloadRuleError> {
        let (issuer, claims) = text.split_once(':').ok_or(WorkloadRuleError::Malformed)?;
        let issuer = issuer.trim().to_owned();
        if text.len() > MAX_RULE || !is_issuer_name(&issuer) {
            return Err(WorkloadRuleError::Malformed);
        }
        let mut rule = Self { issuer, claims: BTreeMap::new() };
        for pair in claims.split(',') {
            let (name, value) = pair.trim().split_once('=').ok_or(WorkloadRuleError::Malformed)?;
            let value = percent_decoded(value).ok_or(WorkloadRuleError::Malformed)?;
            let is_plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
            if !is_plain(name) || !is_plain(&value) || name.contains([' ', '%']) {
                return Err(WorkloadRuleError::Malformed);
            }
            let values = rule.claims.entry(name.to_owned()).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(rule)
    }
}

impl fmt::Display for WorkloadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.issuer)?;
        let values = |(name, values): (&String, &Vec<String>)| -> Vec<String> {
            let pair = |value: &String| {
                format!("{name}={}", value.replace('%', "%25").replace(',', "%2C"))
            };
            values.iter().map(pair).collect()
        };
        let pairs: Vec<String> = self.claims.iter().flat_map(values).collect();
        f.write_str(&pairs.join(","))
    }
}

impl TryFrom<String> for WorkloadRule {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map_err(WorkloadRuleError::message)
    }
}

impl From<WorkloadRule> for String {
    fn from(rule: WorkloadRule) -> Self {
        rule.to_string()
    }
}

/// The first claim of a token that does not match a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The claim.
    pub claim: String,
    /// Its value; `None` if the token lacks it.
    pub found: Option<String>,
}

impl WorkloadRule {
    /// Whether the rule identifies the same program permanently, for an issuer of this kind.
    ///
    /// # Errors
    /// If it lacks a claim, or names one that cannot be used.
    pub fn check(&self, preset: Preset) -> Result<(), WorkloadRuleError> {
        let names = |claim: &str| self.claims.contains_key(claim);
        let all_subjects = |is_good: &dyn Fn(&str) -> bool| {
            self.claims.get("sub").is_some_and(|all| all.iter().all(|sub| is_good(sub)))
        };
        let is_narrow = match preset {
            Preset::Github if names("sub") => return Err(WorkloadRuleError::Unstable),
            Preset::Github => names("repository_id") || names("repository_owner_id"),
            Preset::Gitlab => names("project_id") || names("namespace_id"),
            Preset::Kubernetes => all_subjects(&is_service_account),
            Preset::Spiffe => all_subjects(&|sub| trust_domain_of(sub).is_some()),
            Preset::Oidc => names("sub"),
        };
        if is_narrow { Ok(()) } else { Err(WorkloadRuleError::TooWide(preset)) }
    }

    /// Whether the claims of a token match the rule.
    ///
    /// # Errors
    /// The first claim that differs.
    pub fn compare(&self, preset: Preset, claims: &Map<String, Value>) -> Result<(), Mismatch> {
        for (claim, accepted) in &self.claims {
            let found = text_of(claims, claim);
            if !found.as_ref().is_some_and(|found| accepted.contains(found)) {
                return Err(Mismatch { claim: claim.clone(), found });
            }
        }
        let event = "event_name";
        if preset == Preset::Github && !self.claims.contains_key(event) {
            let found = text_of(claims, event);
            let is_proposal =
                found.as_ref().is_none_or(|found| PROPOSALS.contains(&found.as_str()));
            if is_proposal {
                return Err(Mismatch { claim: event.to_owned(), found });
            }
        }
        Ok(())
    }
}

fn is_service_account(sub: &str) -> bool {
    let Some((namespace, name)) =
        sub.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    !namespace.is_empty() && !name.is_empty() && !name.contains(':')
}

/// The value of a claim as text. A name with slashes leads into nested objects: `kubernetes.io/pod/uid`.
fn text_of(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let direct = claims.get(name);
    let value = direct.or_else(|| {
        let mut steps = name.split('/');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(text: &str) -> WorkloadRule {
        text.parse().unwrap()
    }

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_rule_is_read_and_spelt() {
        let read = rule("github: repository_id=123, ref=refs/heads/main,ref=refs/heads/a%2Cb");
        assert_eq!(read.issuer, "github");
        assert_eq!(read.claims["ref"], ["refs/heads/main", "refs/heads/a,b"]);
        let spelt = "github: ref=refs/heads/main,ref=refs/heads/a%2Cb,repository_id=123";
        assert_eq!(read.to_string(), spelt);
        assert_eq!(rule(spelt), read);
        for bad in [
            "",
            "github",
            "github:",
            "github: ref",
            "github: =x",
            "github: ref=",
            "github: ref=%zz",
            "GitHub: ref=x",
            ": ref=x",
            "github: re f=x",
            "github: ref=a\u{7}",
        ] {
            assert_eq!(bad.parse::<WorkloadRule>(), Err(WorkloadRuleError::Malformed), "{bad}");
        }
        assert!(format!("a: b={}", "x".repeat(3_000)).parse::<WorkloadRule>().is_err());
    }

    #[test]
    fn a_rule_names_an_id_that_is_never_given_to_others() {
        for (preset, text, is_good) in [
            (Preset::Github, "a: repository_id=1", true),
            (Preset::Github, "a: repository_owner_id=1,ref=x", true),
            (Preset::Github, "a: repository=o/r,ref=x", false),
            (Preset::Github, "a: repository_id=1,sub=repo:o/r", false),
            (Preset::Gitlab, "a: project_id=1", true),
            (Preset::Gitlab, "a: namespace_id=1", true),
            (Preset::Gitlab, "a: project_path=g/p", false),
            (Preset::Kubernetes, "a: sub=system:serviceaccount:ns:name", true),
            (Preset::Kubernetes, "a: sub=system:serviceaccount:ns:", false),
            (Preset::Kubernetes, "a: sub=system:serviceaccount:ns:a:b", false),
            (Preset::Kubernetes, "a: sub=system:serviceaccount:ns:a,sub=ns", false),
            (Preset::Kubernetes, "a: kubernetes.io/namespace=ns", false),
            (Preset::Spiffe, "a: sub=spiffe://example.org/backup", true),
            (Preset::Spiffe, "a: sub=spiffe://example.org", false),
            (Preset::Oidc, "a: sub=x", true),
            (Preset::Oidc, "a: email=x", false),
        ] {
            let checked = rule(text).check(preset);
            assert_eq!(checked.is_ok(), is_good, "{preset} {text}");
            if let Err(error) = checked {
                assert_eq!(error.code(), "rule_too_wide");
            }
        }
    }

    #[test]
    fn values_are_compared_whole_and_all_of_them() {
        let of = claims(&json!({
            "repository_id": "123", "ref": "refs/heads/main", "run_number": 7, "ref_protected": true,
            "event_name": "push", "aud": ["x"]
        }));
        for (text, claim) in [
            ("a: repository_id=123", None),
            ("a: repository_id=123,ref=refs/heads/x,ref=refs/heads/main", None),
            ("a: repository_id=123,run_number=7,ref_protected=true", None),
            ("a: repository_id=12", Some("repository_id")),
            ("a: repository_id=1234", Some("repository_id")),
            ("a: repository_id=*", Some("repository_id")),
            ("a: repository_id=123,ref=refs/heads/", Some("ref")),
            ("a: repository_id=123,aud=x", Some("aud")),
            ("a: repository_id=123,environment=prod", Some("environment")),
        ] {
            let differs = rule(text).compare(Preset::Github, &of).err();
            assert_eq!(differs.as_ref().map(|found| &*found.claim), claim, "{text}");
        }
    }

    #[test]
    fn proposals_of_others_count_only_where_they_are_named() {
        let plain = rule("a: repository_id=1");
        let named = rule("a: repository_id=1,event_name=pull_request");
        for (event, by_plain, by_named) in [
            (json!("push"), true, false),
            (json!("pull_request"), false, true),
            (json!("pull_request_target"), false, false),
            (json!(null), false, false),
        ] {
            let of = claims(&json!({ "repository_id": "1", "event_name": event }));
            assert_eq!(plain.compare(Preset::Github, &of).is_ok(), by_plain, "{event}");
            assert_eq!(named.compare(Preset::Github, &of).is_ok(), by_named, "{event}");
        }
    }

    #[test]
    fn slashes_lead_into_objects() {
        let of = claims(&json!({
            "sub": "system:serviceaccount:ns:a", "kubernetes.io": { "pod": { "uid": "u-1" } }, "a/b": "direct"
        }));
        let sub = "k: sub=system:serviceaccount:ns:a";
        for (text, is_good) in [
            (format!("{sub},kubernetes.io/pod/uid=u-1"), true),
            (format!("{sub},kubernetes.io/pod/uid=u-2"), false),
            (format!("{sub},kubernetes.io/pod=u-1"), false),
            (format!("{sub},a/b=direct"), true),
        ] {
            assert_eq!(rule(&text).compare(Preset::Kubernetes, &of).is_ok(), is_good, "{text}");
        }
    }
}
