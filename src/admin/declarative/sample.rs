//! The effect of a plan on the access tokens of a sample user.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::admin::{tokens, user_lookup};
use crate::app::AuditedTx;
use crate::domain::outcome::{Code, Failure, Refusal, quotable};

/// The token of a user for an audience, if a plan changes it: header and claims as in a preview.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleToken {
    /// The identifier of the API; `None` is the issuer.
    pub audience: Option<String>,
    /// The current token; `None` if the user gets none.
    pub before: Option<Value>,
    /// The token after the plan; `None` if the user gets none.
    pub after: Option<Value>,
}

/// The tokens of a user, by audience.
pub type Tokens = BTreeMap<Option<String>, Value>;

/// The tokens that a user would get, with the data that `tx` reads. `None` if the user does not exist.
///
/// # Errors
/// `conflict` if the name matches two users.
pub async fn read(tx: &mut AuditedTx, name: &str) -> Result<Option<Tokens>, Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    let user = match user_lookup::resolve_in(&mut **tx, name).await {
        Ok(user) => user,
        Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => return Ok(None),
        Err(stop) => return Err(stop),
    };
    let mut found = Tokens::new();
    for audience in app.stored_audiences(&mut **tx).await? {
        if let Some(token) = tokens::sample(&app, &user, &audience, now)? {
            found.insert(audience.target.audience().map(str::to_owned), token);
        }
    }
    Ok(Some(found))
}

/// The tokens that differ.
///
/// # Errors
/// `not_found` if the user exists neither before nor after.
pub fn compare(
    name: &str,
    before: Option<Tokens>,
    after: Option<Tokens>,
) -> Result<Vec<SampleToken>, Refusal> {
    if before.is_none() && after.is_none() {
        let message = format!("There is no user {}, and no file declares one.", quotable(name));
        return Err(Refusal::new(Code::NotFound, "").with_message(message));
    }
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let mut audiences: Vec<&Option<String>> = before.keys().chain(after.keys()).collect();
    audiences.sort_unstable();
    audiences.dedup();
    let changed =
        audiences.into_iter().filter(|audience| before.get(*audience) != after.get(*audience));
    let sample = changed.map(|audience| SampleToken {
        audience: audience.clone(),
        before: before.get(audience).cloned(),
        after: after.get(audience).cloned(),
    });
    Ok(sample.collect())
}
