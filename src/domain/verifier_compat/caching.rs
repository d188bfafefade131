//! How popular verifiers cache the public keys, and the effect of a change without notice.
//!
//! Facts about third-party software, as of November 2026, and the messages built from them. The actual verifiers
//! are counted elsewhere.

use crate::base::TimeSpan;

/// How a verifier learns of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learns {
    /// It fetches the set again for an unknown `kid`, but not more often than this interval.
    OnSight(TimeSpan),
    /// It fetches the set only when its cache has expired.
    AfterCache(TimeSpan),
    /// An administrator must configure the key.
    ByHand,
}

/// The caching of a verifier with default settings.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// Its name.
    pub name: &'static str,
    /// How it learns of a new key.
    pub learns: Learns,
    /// How long it still accepts a key that has left the set.
    pub keeps: TimeSpan,
}

const fn habit(name: &'static str, learns: Learns, keeps: TimeSpan) -> Habit {
    Habit { name, learns, keeps }
}

/// Popular verifiers.
pub const HABITS: &[Habit] = &[
    habit("jose (Node.js)", Learns::OnSight(TimeSpan::from_secs(30)), TimeSpan::from_mins(10)),
    habit(
        "express-oauth2-jwt-bearer",
        Learns::OnSight(TimeSpan::from_secs(30)),
        TimeSpan::from_mins(10),
    ),
    habit("jwks-rsa (Node.js)", Learns::OnSight(TimeSpan::ZERO), TimeSpan::from_mins(10)),
    habit("PyJWT", Learns::OnSight(TimeSpan::ZERO), TimeSpan::from_mins(5)),
    habit("Spring Security", Learns::OnSight(TimeSpan::ZERO), TimeSpan::from_mins(5)),
    habit("go-oidc, Kubernetes", Learns::OnSight(TimeSpan::ZERO), TimeSpan::from_days(365)),
    habit("ASP.NET Core", Learns::OnSight(TimeSpan::from_mins(5)), TimeSpan::from_mins(720)),
    habit("mod_auth_openidc", Learns::OnSight(TimeSpan::ZERO), TimeSpan::from_mins(60)),
    habit("Envoy", Learns::AfterCache(TimeSpan::from_mins(10)), TimeSpan::from_mins(10)),
    habit("Istio", Learns::AfterCache(TimeSpan::from_mins(20)), TimeSpan::from_mins(20)),
    habit(
        "AWS API Gateway",
        Learns::AfterCache(TimeSpan::from_mins(120)),
        TimeSpan::from_mins(120),
    ),
    habit("Kong jwt, HAProxy, nginx with a PEM", Learns::ByHand, TimeSpan::from_days(365)),
];

/// The effect of a key that signs without having been published first, one sentence per affected verifier.
#[must_use]
pub fn of_a_sudden_key() -> Vec<String> {
    let sentence = |habit: &Habit| {
        let text = match habit.learns {
            Learns::OnSight(TimeSpan::ZERO) => return None,
            Learns::OnSight(pause) => {
                format!("refuses its tokens for up to {}", minutes(pause))
            }
            Learns::AfterCache(cache) => {
                format!("refuses its tokens for up to {}", minutes(cache))
            }
            Learns::ByHand => "refuses its tokens until it is given the new key".to_owned(),
        };
        Some(format!("{}: {text}", habit.name))
    };
    HABITS.iter().filter_map(sentence).collect()
}

/// The effect of a key that leaves the set without notice: how long its tokens are still accepted.
#[must_use]
pub fn of_a_missing_key() -> Vec<String> {
    let sentence = |habit: &Habit| {
        let text = if habit.keeps >= TimeSpan::from_days(365) {
            "accepts its tokens until it is restarted or reconfigured".to_owned()
        } else {
            format!("accepts its tokens for up to {}", minutes(habit.keeps))
        };
        format!("{}: {text}", habit.name)
    };
    HABITS.iter().map(sentence).collect()
}

fn minutes(span: TimeSpan) -> String {
    match span.secs() {
        secs if secs < 120 => format!("{secs} s"),
        secs if secs < 7200 => format!("{} min", secs / 60),
        secs => format!("{} h", secs / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_ask_at_once_lose_nothing_and_the_others_are_named() {
        let hurt = of_a_sudden_key();
        assert!(hurt.contains(&"Envoy: refuses its tokens for up to 10 min".to_owned()));
        assert!(hurt.contains(&"jose (Node.js): refuses its tokens for up to 30 s".to_owned()));
        assert!(!hurt.iter().any(|line| line.starts_with("PyJWT")));
        let keep = of_a_missing_key();
        assert_eq!(keep.len(), HABITS.len());
        assert!(keep.contains(&"AWS API Gateway: accepts its tokens for up to 2 h".to_owned()));
    }
}
