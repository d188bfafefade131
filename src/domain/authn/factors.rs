//! The factors that a user has completed, and what is computed from them: `amr`, `auth_time` and the assurance
//! level.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::Timestamp;
use crate::text_enum;

text_enum! {
    /// A way to authenticate. Stored in sessions, and the `method` of a request.
    pub enum Method {
        /// A password.
        Password = "password",
        /// A WebAuthn credential, always with user verification.
        Passkey = "passkey",
        /// A time-based one-time password (RFC 6238).
        Totp = "totp",
        /// A recovery code, which replaces a lost second factor.
        RecoveryCode = "recovery_code",
        /// A code or a link that was sent to the user's e-mail address.
        MailedCode = "mailed_code",
    }
}

/// The class of a factor. Two factors of one class count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorClass {
    /// Knowledge: a password.
    Knowledge,
    /// Something the user has.
    Possession,
    /// Access to a mailbox.
    Mailbox,
}

impl Method {
    /// The class of this factor.
    #[must_use]
    pub const fn class(self) -> FactorClass {
        match self {
            Self::Password => FactorClass::Knowledge,
            Self::Passkey | Self::Totp | Self::RecoveryCode => FactorClass::Possession,
            Self::MailedCode => FactorClass::Mailbox,
        }
    }
}

text_enum! {
    /// The assurance level: the value of the claim `acr`.
    pub enum AssuranceLevel {
        /// One factor.
        Single = "urn:signet:acr:single",
        /// Factors of two classes.
        Multi = "urn:signet:acr:mfa",
        /// A passkey with user verification (OpenID Connect Extended Authentication Profile ACR Values 1.0).
        PhishingResistant = "phr",
    }
}

impl PartialOrd for AssuranceLevel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AssuranceLevel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

/// A factor, and when the user completed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedFactor {
    /// The method with which the factor was completed.
    #[serde(rename = "m")]
    pub method: Method,
    /// When it was completed.
    pub at: Timestamp,
}

/// The factors a user has completed, each with the last time.
///
/// Stored as a JSON array of [`CompletedFactor`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Factors([Option<Timestamp>; Method::ALL.len()]);

/// When and how a user authenticated, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication {
    /// The claim `auth_time`.
    pub auth_time: Timestamp,
    /// The factors; `None` means the password alone, at `auth_time`.
    pub factors: Option<Factors>,
}

/// The methods of an authentication (RFC 8176), as the claim `amr` lists them: which of `VALUES` apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amr([bool; Amr::VALUES.len()]);

impl Authentication {
    /// The factors.
    #[must_use]
    pub fn factors(&self) -> Factors {
        self.factors.unwrap_or_else(|| Factors::password(self.auth_time))
    }
}

impl Factors {
    /// Only a password, at `at`.
    #[must_use]
    pub fn password(at: Timestamp) -> Self {
        Self::default().with(Method::Password, at)
    }

    /// The factors that a token names in `amr`, all with the time of its `auth_time`. `otp` means a code of an app,
    /// or a recovery code.
    #[must_use]
    pub fn claimed(amr: Amr, auth_time: Timestamp) -> Self {
        let methods = amr.values().filter_map(|value| match value {
            "pwd" => Some(Method::Password),
            "otp" => Some(Method::Totp),
            "pop" => Some(Method::Passkey),
            _ => None,
        });
        methods.fold(Self::default(), |all, method| all.with(method, auth_time))
    }

    /// These factors and another one, completed at `at`.
    #[must_use]
    pub const fn with(mut self, method: Method, at: Timestamp) -> Self {
        self.0[method as usize] = Some(at);
        self
    }

    /// The stored form of an authentication that is completed at `now`.
    #[must_use]
    pub fn authentication(self, now: Timestamp) -> Authentication {
        let auth_time = self.auth_time().unwrap_or(now);
        let factors = (self != Self::password(auth_time)).then_some(self);
        Authentication { auth_time, factors }
    }

    /// When `method` was completed, if it was.
    #[must_use]
    pub const fn completed(&self, method: Method) -> Option<Timestamp> {
        self.0[method as usize]
    }

    /// Every completed factor, in the order of [`Method::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = CompletedFactor> {
        let all = Method::ALL.iter().copied().zip(self.0);
        all.filter_map(|(method, at)| Some(CompletedFactor { method, at: at? }))
    }

    /// The factors that pass.
    #[must_use]
    pub fn only(&self, passes: impl Fn(CompletedFactor) -> bool) -> Self {
        let kept = self.iter().filter(|factor| passes(*factor));
        kept.fold(Self::default(), |all, factor| all.with(factor.method, factor.at))
    }

    /// The last time a factor of `class` was completed.
    #[must_use]
    pub fn last_of(&self, class: FactorClass) -> Option<Timestamp> {
        self.iter().filter(|factor| factor.method.class() == class).map(|factor| factor.at).max()
    }

    /// The assurance level of these factors; `None` if no factor was completed. A mailbox raises the level of a
    /// possession factor, for account recovery, but not that of a password: an attacker who reads the user's mail
    /// can reset the password.
    #[must_use]
    pub fn level(&self) -> Option<AssuranceLevel> {
        let [knowledge, possession, mailbox] =
            [FactorClass::Knowledge, FactorClass::Possession, FactorClass::Mailbox]
                .map(|class| self.last_of(class).is_some());
        if self.completed(Method::Passkey).is_some() {
            return Some(AssuranceLevel::PhishingResistant);
        }
        if possession && (knowledge || mailbox) {
            return Some(AssuranceLevel::Multi);
        }
        (knowledge || possession || mailbox).then_some(AssuranceLevel::Single)
    }

    /// When the user authenticated: the time of the oldest factor that the level depends on, so that a new
    /// second factor does not refresh an old password. `None` if no factor was completed.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        let last_of = |class| self.last_of(class);
        match self.level()? {
            AssuranceLevel::PhishingResistant => self.completed(Method::Passkey),
            AssuranceLevel::Multi => {
                let first = last_of(FactorClass::Knowledge).or(last_of(FactorClass::Mailbox));
                first.min(last_of(FactorClass::Possession))
            }
            AssuranceLevel::Single => self
                .completed(Method::Password)
                .or(last_of(FactorClass::Possession))
                .or(last_of(FactorClass::Mailbox)),
        }
    }

    /// The claim `acr`.
    #[must_use]
    pub fn acr(&self) -> AssuranceLevel {
        self.level().unwrap_or(AssuranceLevel::Single)
    }

    /// The claim `amr`.
    #[must_use]
    pub fn amr(&self) -> Amr {
        let multi = self.level().is_some_and(|level| level >= AssuranceLevel::Multi);
        // A mailbox does not raise the level of a password, so it is not listed together with one.
        let counts = |factor: CompletedFactor| {
            factor.method != Method::MailedCode || self.completed(Method::Password).is_none()
        };
        let counted = self.only(counts);
        let has =
            |methods: &[Method]| methods.iter().any(|method| counted.completed(*method).is_some());
        let otp = [Method::Totp, Method::RecoveryCode, Method::MailedCode];
        let passkey = has(&[Method::Passkey]);
        Amr([has(&[Method::Password]), has(&otp), passkey, passkey, multi])
    }
}

impl Amr {
    /// All values, in the order of the claim. `pop` and `user`: possession of a key was proved and its owner was
    /// verified. Without attestation it is unknown whether the key is in hardware (`hwk`).
    const VALUES: [&'static str; 5] = ["pwd", "otp", "pop", "user", "mfa"];

    /// The values that apply.
    pub fn values(self) -> impl Iterator<Item = &'static str> {
        let all = Self::VALUES.into_iter().zip(self.0);
        all.filter_map(|(value, applies)| applies.then_some(value))
    }
}

impl Serialize for Amr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values())
    }
}

impl<'de> Deserialize<'de> for Amr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Vec::<String>::deserialize(deserializer)?;
        Ok(Self(Self::VALUES.map(|value| given.iter().any(|given| given == value))))
    }
}

impl Serialize for Factors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Factors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<CompletedFactor>::deserialize(deserializer)?;
        Ok(all.iter().fold(Self::default(), |all, factor| all.with(factor.method, factor.at)))
    }
}
