//! The step before a client gets its code: a sign-in, consent, or none.
//!
//! Owns the decision as a pure function of the request, the current sign-in and the stored consent.

use serde::{Deserialize, Serialize};

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::authn::{AssuranceLevel, Demand};
use super::oauth_error::OAuthError;

text_enum! {
    /// The `prompt` parameter (OpenID Connect Core §3.1.2.1).
    pub enum Prompt {
        /// The user must not be asked anything.
        None = "none",
        /// The user authenticates again.
        Login = "login",
        /// The user consents again.
        Consent = "consent",
        /// The user chooses an account.
        SelectAccount = "select_account",
        /// The user creates an account (Initiating User Registration via OpenID Connect 1.0).
        Create = "create",
    }
}

text_enum! {
    /// How an authorization response is sent to the client.
    pub enum ResponseMode {
        /// In the query.
        Query = "query",
        /// In the fragment.
        Fragment = "fragment",
        /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
        FormPost = "form_post",
    }
}

/// The client's requirements on the user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuthnRequest {
    /// The requested prompts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<Prompt>,
    /// The maximum age of the authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<TimeSpan>,
    /// The user who must sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The requested assurance level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<RequestedAcr>,
}

/// The assurance level that a client requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedAcr {
    /// The lowest level that satisfies the request.
    pub level: AssuranceLevel,
    /// Whether the request fails without it (OpenID Connect Core §5.5.1.1). Otherwise it is voluntary.
    pub is_essential: bool,
}

/// The sign-in in this browser, compared with the request.
#[derive(Debug, Clone)]
pub struct CheckedLogin {
    /// The id of the user.
    pub sub: String,
    /// When the user authenticated.
    pub auth_time: Timestamp,
    /// Whether the factors of the sign-in are enough for the request, its client and the server's policy.
    pub is_enough: bool,
    /// Whether everything requested was consented to before.
    pub consented: bool,
}

/// Whether the users of a client are asked for consent.
#[derive(Debug, Clone, Copy)]
pub struct ConsentPolicy {
    /// Users are not asked, because the client is the operator's own.
    pub skip_consent: bool,
    /// Users are asked every time, because the client can be impersonated.
    pub always_ask: bool,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The user authenticates.
    Login,
    /// The user completes missing factors.
    StepUp,
    /// The user is asked for consent.
    Consent,
    /// The client gets its code.
    Issue,
    /// The client gets an error.
    Refuse(OAuthError),
}

impl AuthnRequest {
    /// Whether the client sent this value of `prompt`.
    #[must_use]
    pub fn has(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// The requirements on the authentication, combined with the minimum level of the client.
    #[must_use]
    pub fn demand(&self, client: Option<AssuranceLevel>) -> Demand {
        let (wished, essential) = match self.acr {
            Some(RequestedAcr { level, is_essential: true }) => (None, Some(level)),
            Some(RequestedAcr { level, is_essential: false }) => (Some(level), None),
            None => (None, None),
        };
        Demand { wished, essential, client, since: None }
    }
}

/// The accepted difference between the clocks of two processes.
const SKEW: TimeSpan = TimeSpan::from_secs(10);

/// The next step for a request that began at `begun`, given the current sign-in, if any.
///
/// An authentication after the beginning of the request was made for it. So `prompt=login` and `max_age=0` do
/// not loop, and an earlier sign-in does not satisfy them.
#[must_use]
pub fn next_step(
    request: &AuthnRequest,
    current: Option<&CheckedLogin>,
    policy: ConsentPolicy,
    begun: Timestamp,
    now: Timestamp,
) -> NextStep {
    let silent = request.has(Prompt::None);
    let login = |request: &AuthnRequest, current: &CheckedLogin| {
        let since = current.auth_time >= begun;
        let again = [Prompt::Login, Prompt::SelectAccount, Prompt::Create]
            .into_iter()
            .any(|prompt| request.has(prompt));
        let age = now.secs() - current.auth_time.secs();
        // `max_age=0` equals `prompt=login`, even within the second of the sign-in. A sign-in in the future is
        // from before the clock was set back, so its age is unknown.
        let stale = request.max_age.is_some_and(|max_age| {
            max_age.secs() == 0 || age > max_age.secs() || age < -SKEW.secs()
        });
        let other = request.sub.as_ref().is_some_and(|sub| *sub != current.sub);
        other || ((again || stale) && !since)
    };
    let Some(current) = current.filter(|current| !login(request, current)) else {
        return if silent { NextStep::Refuse(OAuthError::LoginRequired) } else { NextStep::Login };
    };
    if !current.is_enough {
        let refused = NextStep::Refuse(OAuthError::LoginRequired);
        return if silent { refused } else { NextStep::StepUp };
    }
    let needs = !policy.skip_consent && (policy.always_ask || !current.consented);
    if !needs && !request.has(Prompt::Consent) {
        return NextStep::Issue;
    }
    if silent { NextStep::Refuse(OAuthError::ConsentRequired) } else { NextStep::Consent }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ConsentPolicy = ConsentPolicy { skip_consent: false, always_ask: false };

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn request(prompt: &[Prompt], max_age: Option<i64>) -> AuthnRequest {
        let max_age = max_age.map(TimeSpan::from_secs);
        AuthnRequest { prompt: prompt.to_vec(), max_age, ..AuthnRequest::default() }
    }

    fn current(auth_time: i64, consented: bool) -> CheckedLogin {
        let sub = "ada".to_owned();
        CheckedLogin { sub, auth_time: at(auth_time), is_enough: true, consented }
    }

    #[test]
    fn each_state_has_its_next_step() {
        use OAuthError::{ConsentRequired, LoginRequired};
        let always = ConsentPolicy { always_ask: true, ..PLAIN };
        let ours = ConsentPolicy { skip_consent: true, ..PLAIN };
        let ours_native = ConsentPolicy { skip_consent: true, always_ask: true };
        for (what, prompt, max_age, auth_time, consented, policy, wanted) in [
            ("no user", &[][..], None, None, false, PLAIN, NextStep::Login),
            (
                "no user, silently",
                &[Prompt::None],
                None,
                None,
                false,
                PLAIN,
                NextStep::Refuse(LoginRequired),
            ),
            ("new", &[], None, Some(50), false, PLAIN, NextStep::Consent),
            (
                "new, silently",
                &[Prompt::None],
                None,
                Some(50),
                false,
                PLAIN,
                NextStep::Refuse(ConsentRequired),
            ),
            ("known", &[], None, Some(50), true, PLAIN, NextStep::Issue),
            ("known, silently", &[Prompt::None], None, Some(50), true, PLAIN, NextStep::Issue),
            ("asked again", &[Prompt::Consent], None, Some(50), true, PLAIN, NextStep::Consent),
            ("login again", &[Prompt::Login], None, Some(50), true, PLAIN, NextStep::Login),
            ("logged in for it", &[Prompt::Login], None, Some(100), true, PLAIN, NextStep::Issue),
            ("choose", &[Prompt::SelectAccount], None, Some(50), true, PLAIN, NextStep::Login),
            ("fresh", &[], Some(60), Some(50), true, PLAIN, NextStep::Issue),
            ("stale", &[], Some(59), Some(50), true, PLAIN, NextStep::Login),
            (
                "stale, silently",
                &[Prompt::None],
                Some(1),
                Some(50),
                true,
                PLAIN,
                NextStep::Refuse(LoginRequired),
            ),
            ("max_age, another clock", &[], Some(5), Some(119), true, PLAIN, NextStep::Issue),
            ("max_age 0, before", &[], Some(0), Some(99), true, PLAIN, NextStep::Login),
            ("max_age 0, for it", &[], Some(0), Some(100), true, PLAIN, NextStep::Issue),
            ("unprovable", &[], None, Some(50), true, always, NextStep::Consent),
            (
                "unprovable, silently",
                &[Prompt::None],
                None,
                Some(50),
                true,
                always,
                NextStep::Refuse(ConsentRequired),
            ),
            ("ours", &[], None, Some(50), false, ours, NextStep::Issue),
            ("ours, native", &[], None, Some(50), false, ours_native, NextStep::Issue),
            ("ours, asked", &[Prompt::Consent], None, Some(50), false, ours, NextStep::Consent),
        ] {
            let current = auth_time.map(|auth_time| current(auth_time, consented));
            let step =
                next_step(&request(prompt, max_age), current.as_ref(), policy, at(100), at(110));
            assert_eq!(step, wanted, "{what}");
        }
    }

    #[test]
    fn a_maximum_age_of_zero_excludes_every_earlier_sign_in() {
        let request = request(&[], Some(0));
        let [before, begun, after, now] =
            [100_100, 100_500, 100_600, 100_900].map(Timestamp::from_millis);
        for (auth_time, wanted) in [(before, NextStep::Login), (after, NextStep::Issue)] {
            let current = CheckedLogin { auth_time, ..current(100, true) };
            assert_eq!(next_step(&request, Some(&current), PLAIN, begun, now), wanted);
        }
    }

    #[test]
    fn a_sign_in_that_is_not_enough_is_stepped_up() {
        let weak = CheckedLogin { is_enough: false, ..current(50, true) };
        let step = |prompt: &[Prompt], max_age| {
            next_step(&request(prompt, max_age), Some(&weak), PLAIN, at(100), at(110))
        };
        assert_eq!(step(&[], None), NextStep::StepUp);
        assert_eq!(step(&[Prompt::None], None), NextStep::Refuse(OAuthError::LoginRequired));
        // The sign-in is also too old: the user starts again.
        assert_eq!(step(&[Prompt::Login], None), NextStep::Login);
        assert_eq!(step(&[], Some(5)), NextStep::Login);
    }

    #[test]
    fn another_user_does_not_satisfy_the_request() {
        let request = AuthnRequest { sub: Some("bob".to_owned()), ..AuthnRequest::default() };
        let step = |request: &AuthnRequest| {
            next_step(request, Some(&current(105, true)), PLAIN, at(100), at(110))
        };
        assert_eq!(step(&request), NextStep::Login);
        let silent = AuthnRequest { prompt: vec![Prompt::None], ..request };
        assert_eq!(step(&silent), NextStep::Refuse(OAuthError::LoginRequired));
    }
}
