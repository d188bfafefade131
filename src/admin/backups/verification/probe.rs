//! A user who is added to the copy, signs in, refreshes, and whose token is verified.

use serde_json::Value;

use crate::admin::tokens;
use crate::admin::users::{self, Create};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::crypto::random::SystemEntropy;
use crate::domain::attributes::Attributes;
use crate::domain::audit::Origin;
use crate::domain::outcome::Failure;
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::identity::login::{self, LoginOutcome, LoginRequest, RequestedAccess};
use crate::identity::refresh;

use super::error::{VerifyError, is_of_the_environment};
use super::text_of;

/// Goes the way of a user through the copy.
pub(super) async fn sign_in(app: &App, now: Timestamp) -> Result<(), VerifyError> {
    let failed = |step: &'static str| {
        move |failure| match failure {
            Failure::Failed(fault) if is_of_the_environment(&fault) => {
                VerifyError::Environment(fault)
            }
            failure => VerifyError::Unusable(format!(
                "a user who was added to the copy cannot {step} ({})",
                text_of(failure)
            )),
        }
    };
    let words: [u8; 16] = random(&SystemEntropy);
    let name: String = words.iter().map(|byte| format!("{byte:02x}")).collect();
    let (login, password) = (format!("probe-{}", name.get(..12).unwrap_or_default()), name);
    let create = Create {
        login: login.clone(),
        password: Some(password.clone()),
        name: None,
        email: EmailChange::default(),
        role: Role::User,
        attributes: Attributes::default(),
        must_change_password: false,
    };
    let info = RequestInfo::system(now);
    users::create(app.clone(), create, info.clone()).await.map_err(failed("be created"))?;
    let password = Password::for_verification(&password)
        .map_err(|_| "the password of the probe is too long".to_owned())?;
    let request = LoginRequest { login, password, code: None, asked: RequestedAccess::default() };
    let outcome = login::login(app.clone(), request, info).await.map_err(failed("sign in"))?;
    let LoginOutcome::Tokens(tokens) = outcome else {
        return Err("a user who was added to the copy is asked for a second factor"
            .to_owned()
            .into());
    };
    let tokens = serde_json::to_value(&tokens).map_err(|error| error.to_string())?;
    let token = |tokens: &Value, name: &str| {
        tokens.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let refresh_token = token(&tokens, "refresh_token");
    let refreshed = refresh::refresh(app, &refresh_token, Origin::system(), now).await;
    let refreshed = refreshed.map_err(failed("refresh"))?;
    let refreshed = serde_json::to_value(&refreshed).map_err(|error| error.to_string())?;
    let verified = tokens::verify(app.clone(), token(&refreshed, "access_token"), None, now).await;
    match verified.map_err(failed("have a token verified"))? {
        Ok(_) => Ok(()),
        Err(problem) => {
            Err(format!("a token that the copy issued does not verify ({problem:?})").into())
        }
    }
}
