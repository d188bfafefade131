//! The set of revocations. It only grows, and entries are only removed by time.
//!
//! Feeds may arrive in any order, from any cache: their union is the same. An entry that is missing in a feed is not
//! removed.

use std::collections::{HashMap, HashSet};

/// The members of a token that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Its key.
    pub kid: &'a str,
    /// Its id.
    pub jti: &'a str,
    /// Its session.
    pub sid: Option<&'a str>,
    /// Its client.
    pub client_id: &'a str,
    /// Its subject.
    pub sub: &'a str,
    /// Its audiences.
    pub aud: &'a [String],
    /// When it was issued.
    pub iat: i64,
}

/// Refuses the tokens that match every member and were issued at `iat` or earlier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Only tokens of this client.
    pub client_id: Option<String>,
    /// Only tokens for this API.
    pub aud: Option<String>,
    /// Only tokens of this subject.
    pub sub: Option<String>,
    /// The latest `iat` of refused tokens.
    pub iat: i64,
}

impl Cut {
    fn matches(&self, token: &Token<'_>) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        token.iat <= self.iat
            && is(&self.client_id, token.client_id)
            && is(&self.sub, token.sub)
            && self.aud.as_ref().is_none_or(|aud| token.aud.contains(aud))
    }
}

/// The set.
#[derive(Debug, Clone, Default)]
pub struct RevokedSet {
    sid: HashMap<String, i64>,
    jti: HashMap<String, i64>,
    cuts: HashMap<Cut, i64>,
    kid: HashSet<String>,
}

impl RevokedSet {
    /// Whether a token is refused.
    #[must_use]
    pub fn has(&self, token: &Token<'_>) -> bool {
        let listed = token.sid.is_some_and(|sid| self.sid.contains_key(sid))
            || self.has_id(token.jti)
            || self.has_key(token.kid);
        listed || self.cuts.keys().any(|cut| cut.matches(token))
    }

    /// Whether a key was withdrawn. Such an entry is never removed.
    #[must_use]
    pub fn has_key(&self, kid: &str) -> bool {
        self.kid.contains(kid)
    }

    /// Whether the id of a token, or that of a token it was exchanged for, is listed: the `jti` of an exchanged token
    /// begins with its parent's and a point.
    fn has_id(&self, jti: &str) -> bool {
        let points = jti.match_indices('.').map(|(at, _)| &jti[..at]);
        points.chain([jti]).any(|id| self.jti.contains_key(id))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sid.len() + self.jti.len() + self.cuts.len() + self.kid.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the id of a session until a time.
    pub fn add_session(&mut self, sid: String, until: i64) {
        later(&mut self.sid, sid, until);
    }

    /// Adds the id of a token until a time.
    pub fn add_token(&mut self, jti: String, until: i64) {
        later(&mut self.jti, jti, until);
    }

    /// Adds a cut until a time.
    pub fn add_cut(&mut self, cut: Cut, until: i64) {
        later(&mut self.cuts, cut, until);
    }

    /// Adds a withdrawn key.
    pub fn add_key(&mut self, kid: String) {
        self.kid.insert(kid);
    }

    /// The entries of `self` that are not in `known`, or have a later time.
    #[must_use]
    pub fn news(self, known: &Self) -> Self {
        let keep = |known: &HashMap<String, i64>, ids: HashMap<String, i64>| {
            ids.into_iter().filter(|(id, until)| known.get(id).is_none_or(|k| k < until)).collect()
        };
        Self {
            sid: keep(&known.sid, self.sid),
            jti: keep(&known.jti, self.jti),
            cuts: self
                .cuts
                .into_iter()
                .filter(|(cut, until)| known.cuts.get(cut).is_none_or(|known| known < until))
                .collect(),
            kid: self.kid.difference(&known.kid).cloned().collect(),
        }
    }

    /// Adds all entries of another set.
    pub fn unite(&mut self, other: Self) {
        other.sid.into_iter().for_each(|(id, until)| later(&mut self.sid, id, until));
        other.jti.into_iter().for_each(|(id, until)| later(&mut self.jti, id, until));
        other.cuts.into_iter().for_each(|(cut, until)| later(&mut self.cuts, cut, until));
        self.kid.extend(other.kid);
    }

    /// Removes expired entries: all tokens that they concern have expired.
    pub fn forget(&mut self, now: i64) {
        self.sid.retain(|_, until| *until > now);
        self.jti.retain(|_, until| *until > now);
        self.cuts.retain(|_, until| *until > now);
    }
}

/// Keeps the later of two times.
fn later<K: Eq + std::hash::Hash>(entries: &mut HashMap<K, i64>, key: K, until: i64) {
    entries.entry(key).and_modify(|known| *known = until.max(*known)).or_insert(until);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token<'a>(jti: &'a str, sid: Option<&'a str>, aud: &'a [String]) -> Token<'a> {
        Token { kid: "k", jti, sid, client_id: "shop", sub: "ada", aud, iat: 100 }
    }

    #[test]
    fn sessions_tokens_and_those_exchanged_for_them_are_refused() {
        let mut set = RevokedSet::default();
        set.add_session("s".into(), 1_000);
        set.add_token("a".into(), 1_000);
        set.add_token("b.c".into(), 1_000);
        for (jti, sid, refused) in [
            ("x", Some("s"), true),
            ("x", Some("t"), false),
            ("x", None, false),
            ("a", None, true),
            ("a.1", None, true),
            ("a.1.2", None, true),
            ("ab", None, false),
            ("b", None, false),
            ("b.c", None, true),
            ("b.c.d", None, true),
            ("b.cd", None, false),
        ] {
            assert_eq!(set.has(&token(jti, sid, &[])), refused, "{jti} {sid:?}");
        }
    }

    #[test]
    fn a_cut_needs_every_member_and_the_time() {
        let aud = ["api".to_owned()];
        let cut = |client_id: Option<&str>, aud: Option<&str>, sub: Option<&str>, iat| Cut {
            client_id: client_id.map(str::to_owned),
            aud: aud.map(str::to_owned),
            sub: sub.map(str::to_owned),
            iat,
        };
        for (cut, refused) in [
            (cut(None, None, None, 100), true),
            (cut(None, None, None, 99), false),
            (cut(Some("shop"), None, None, 100), true),
            (cut(Some("other"), None, None, 100), false),
            (cut(None, Some("api"), None, 100), true),
            (cut(None, Some("apis"), None, 100), false),
            (cut(None, None, Some("ada"), 100), true),
            (cut(Some("shop"), Some("api"), Some("bob"), 100), false),
        ] {
            let mut set = RevokedSet::default();
            set.add_cut(cut.clone(), 1_000);
            assert_eq!(set.has(&token("x", None, &aud)), refused, "{cut:?}");
        }
    }

    #[test]
    fn uniting_is_the_same_in_every_order_and_never_takes_back() {
        let of = |entries: &[(&str, i64)]| {
            let mut set = RevokedSet::default();
            entries.iter().for_each(|(id, until)| set.add_session((*id).to_owned(), *until));
            set
        };
        let (old, new) = (of(&[("a", 10)]), of(&[("a", 5), ("b", 20)]));
        for (one, two) in [(&old, &new), (&new, &old)] {
            let mut set = one.clone();
            let news = two.clone().news(&set);
            set.unite(news);
            assert_eq!((set.sid["a"], set.sid["b"]), (10, 20));
            set.unite(RevokedSet::default());
            assert_eq!(set.len(), 2);
            set.forget(10);
            assert!(!set.has(&token("x", Some("a"), &[])) && set.has(&token("x", Some("b"), &[])));
        }
        assert!(old.clone().news(&old).is_empty());
    }

    #[test]
    fn a_withdrawn_key_is_never_forgotten() {
        let mut set = RevokedSet::default();
        set.add_key("k".into());
        set.forget(i64::MAX);
        assert!(set.has_key("k") && set.has(&token("x", None, &[])));
    }
}
