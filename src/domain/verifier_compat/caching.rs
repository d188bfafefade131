//! How popular verifiers keep the public keys, and so what a change without notice does to them.
//!
//! Owns facts about other people's software, as of November 2026, and the sentences made of them.
//! Knows nothing of the verifiers that really come; those are counted.

use crate::base::TimeSpan;

/// How a verifier gets to know a key it has not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learns {
    /// It fetches the set again when it meets an unknown `kid`, but not within so long of the last
    /// time.
    OnSight(TimeSpan),
    /// It fetches the set when its cache is over and at no other time.
    AfterCache(TimeSpan),
    /// An administrator has to put the key there.
    ByHand,
}

/// A verifier with its habits at its defaults.
#[derive(Debug, Clone, Copy)]
pub struct Habit {
    /// What it is called.
    pub name: &'static str,
    /// How it learns of a new key.
    pub learns: Learns,
    /// How long it goes on accepting a key that has left the set.
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

/// What a key that signs without having been published before does to them, a sentence each; those
/// that lose nothing are left out.
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

/// What a key that leaves the set without notice does: how long its tokens are still accepted.
#[must_use]
pub fn of_a_missing_key() -> Vec<String> {
    let sentence = |habit: &Habit| {
        let text = if habit.keeps >= TimeSpan::from_days(365) {
            "accepts its tokens until it is restarted or told".to_owned()
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
