//! Idempotency of the console's forms: a form that is sent twice has one effect and gets the same response.
//!
//! Bounded, in the memory of this process, and forgotten after minutes. Effects that must never happen twice are
//! guarded separately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::id::UserId;
use crate::base::{Secret, TimeSpan, Timestamp};
use crate::domain::outcome::{Failure, Refusal};

/// How long a result is kept.
const KEPT_FOR: TimeSpan = TimeSpan::from_mins(10);
/// The most results that are kept, and how many of them of one user.
const MAX_KEPT: usize = 512;
const MAX_OF_USER: usize = 32;

/// The result of a form.
#[derive(Clone)]
pub enum FormResult {
    /// The page at this path shows the result.
    Done {
        /// The path of that page, relative to the base path.
        path: String,
        /// The key of the message about the effect.
        what: &'static str,
    },
    /// It created a secret, which is shown once.
    Secret {
        /// Names and values that are shown with it.
        facts: Vec<(&'static str, String)>,
        /// The name of the secret on the page, such as `client_secret`.
        name: &'static str,
        /// The secret value, which is stored nowhere else in the clear.
        secret: Arc<Secret<String>>,
        /// The path of the next page.
        path: String,
    },
    /// It created a link for a user, which is shown once.
    UserLink(Arc<UserLink>),
    /// It changed several users.
    Bulk(Arc<BulkResult>),
}

/// A link that is handed to a user.
pub struct UserLink {
    /// The id of that user.
    pub user: UserId,
    /// The login of the user.
    pub login: String,
    /// The complete URL, which contains a secret.
    pub link: Secret<String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether it is for the first password.
    pub is_invitation: bool,
}

/// The result of an action on several users.
pub struct BulkResult {
    /// The name of the action.
    pub action: &'static str,
    /// The users, and why one was refused.
    pub outcomes: Vec<(UserId, String, Option<Refusal>)>,
}

type Slot = Arc<tokio::sync::Mutex<Option<FormResult>>>;

/// The results that are kept.
#[derive(Default)]
pub struct IdempotentForms {
    kept: Mutex<HashMap<(UserId, String), (Timestamp, Slot)>>,
}

impl IdempotentForms {
    /// The result of the form with this id for this user: from `work`, or from an earlier submission. A concurrent
    /// one waits for the first. A failure may be retried.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn once(
        &self,
        (user, form): (UserId, String),
        now: Timestamp,
        work: impl Future<Output = Result<FormResult, Failure>>,
    ) -> Result<FormResult, Failure> {
        let slot = self.slot((user, form), now);
        let mut result = slot.lock().await;
        if let Some(result) = &*result {
            return Ok(result.clone());
        }
        let made = work.await?;
        *result = Some(made.clone());
        Ok(made)
    }

    fn slot(&self, key: (UserId, String), now: Timestamp) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _)| now < *at + KEPT_FOR);
        let own = kept.keys().filter(|(user, _)| *user == key.0).count();
        if (own >= MAX_OF_USER || kept.len() >= MAX_KEPT) && !kept.contains_key(&key) {
            // Many forms of one user must not displace the results of others.
            let may_go = |user: &UserId| own < MAX_OF_USER || *user == key.0;
            let oldest = kept.iter().filter(|((user, _), _)| may_go(user));
            let oldest = oldest.min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        Arc::clone(&kept.entry(key).or_insert_with(|| (now, Slot::default())).1)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    /// Whether the form is new, so that its work runs.
    async fn acts(forms: &IdempotentForms, user: UserId, form: usize, secs: i64) -> bool {
        let mut is_done = false;
        let work = async {
            is_done = true;
            Ok(FormResult::Done { path: String::new(), what: "done" })
        };
        let key = (user, form.to_string());
        assert!(forms.once(key, Timestamp::from_secs(secs), work).await.is_ok());
        is_done
    }

    #[tokio::test]
    async fn a_user_with_many_forms_displaces_only_their_own() {
        let forms = IdempotentForms::default();
        let (ada, eve) = (user(1), user(2));
        assert!(acts(&forms, ada, 0, 1).await);
        for (form, secs) in (0..100).zip(2..) {
            assert!(acts(&forms, eve, form, secs).await);
        }
        assert!(!acts(&forms, ada, 0, 102).await, "it is still known");
        assert!(!acts(&forms, eve, 99, 102).await);
        assert!(acts(&forms, eve, 0, 102).await, "the oldest was displaced");
        for number in 3..3 + MAX_KEPT as u128 {
            assert!(acts(&forms, user(number), 0, 103).await);
        }
        assert_eq!(forms.kept.lock().unwrap().len(), MAX_KEPT);
        assert!(acts(&forms, ada, 0, 104).await, "the oldest of all was displaced");
    }

    #[tokio::test]
    async fn a_form_is_forgotten_after_minutes_and_may_be_tried_again_when_it_failed() {
        let forms = IdempotentForms::default();
        let key = || (user(1), "form".to_owned());
        let fails = async { Err(Refusal::new(crate::domain::outcome::Code::NotFound, "").into()) };
        assert!(forms.once(key(), Timestamp::from_secs(1), fails).await.is_err());
        assert!(acts(&forms, user(1), 0, 1).await);
        assert!(!acts(&forms, user(1), 0, 600).await);
        assert!(acts(&forms, user(1), 0, 601).await);
    }
}
