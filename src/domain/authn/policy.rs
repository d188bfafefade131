//! Which users need a second factor: the requirements of the server, a client and a request.
//!
//! Owns their combination: the strictest applies. The requirements of an account itself are in
//! [`AccountState`](super::AccountState).

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::domain::user::Role;
use crate::text_enum;

use super::{AssuranceLevel, Requirements, SecondFactorPolicy};

text_enum! {
    /// The users who need a second factor.
    pub enum SecondFactor {
        /// Users cannot enrol one. Existing ones are still requested.
        Off = "off",
        /// Users may enrol one.
        Optional = "optional",
        /// Users with one of Signet's own roles need one.
        Admins = "admins",
        /// All users need one.
        Required = "required",
    }
}

/// The policy of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerPolicy {
    /// The users who need a second factor.
    pub second_factor: SecondFactor,
    /// Until when a user who needs one may postpone its enrolment.
    pub from: Option<Timestamp>,
}

/// The requirements of a request and its client. Sealed into the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Demand {
    /// The requested level (`acr_values`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wished: Option<AssuranceLevel>,
    /// The required level of the request (an essential `acr`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential: Option<AssuranceLevel>,
    /// The minimum level of the client (`min_acr`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<AssuranceLevel>,
    /// Factors that were completed before this time are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl ServerPolicy {
    /// Whether users may enrol a factor.
    #[must_use]
    pub const fn offers_enrolment(self) -> bool {
        !matches!(self.second_factor, SecondFactor::Off)
    }

    /// From when a user of this role needs a second factor, if ever.
    #[must_use]
    pub fn required_from(self, role: Role) -> Option<Timestamp> {
        let is_required = match self.second_factor {
            SecondFactor::Off | SecondFactor::Optional => false,
            SecondFactor::Admins => role.is_signets_own(),
            SecondFactor::Required => true,
        };
        is_required.then(|| self.from.unwrap_or_default())
    }

    /// Whether a user of this role needs a second factor at `now`.
    #[must_use]
    pub fn is_required(self, role: Role, now: Timestamp) -> bool {
        self.required_from(role).is_some_and(|from| now >= from)
    }

    /// The requirements on an authentication of a user with this role: the stricter of the server's policy and
    /// `demand`.
    #[must_use]
    pub fn requirements(self, role: Role, demand: &Demand) -> Requirements {
        let single = AssuranceLevel::Single;
        let client = demand.client.unwrap_or(single);
        // A client that requires a second factor makes its users enrol one, unless the server does not allow enrolment.
        let by_client = (client > single && self.offers_enrolment()).then(Timestamp::default);
        let from = self.required_from(role).into_iter().chain(by_client).min();
        Requirements {
            wished: demand.wished.unwrap_or(single),
            required: demand.essential.unwrap_or(single).max(client),
            max_age: None,
            since: demand.since,
            policy: match from {
                Some(from) => SecondFactorPolicy::Required { from },
                None => SecondFactorPolicy::IfEnrolled,
            },
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
