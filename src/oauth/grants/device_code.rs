//! `urn:ietf:params:oauth:grant-type:device_code`: a device polls for the user's approval (RFC 8628 §3.4).

use crate::base::id::SessionId;
use crate::base::opaque_token::{self, DEVICE_CODE};
use crate::crypto::digest::token_hash;
use crate::domain::device_code::Poll;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome};
use crate::oauth::params::Params;
use crate::oauth::rate_limits;
use crate::store::device_codes;

use crate::oauth::device::is_offered;

use super::authorization_code::user_of;

/// A device code.
#[derive(Clone)]
pub struct DeviceCode {
    device_code: String,
}

impl Grant for DeviceCode {
    const INFO: GrantInfo = GrantInfo {
        name: "urn:ietf:params:oauth:grant-type:device_code",
        public_clients: true,
        redirects_user: false,
        default_for: &[],
    };

    fn parse(params: &Params) -> Result<Self, Refusal> {
        let device_code = params.required("device_code", "device_code is missing.")?.to_owned();
        Ok(Self { device_code })
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        if !opaque_token::is_well_formed(DEVICE_CODE, &self.device_code) {
            return Err(refused().into());
        }
        // Each poll is a write. A device that respects its interval is limited by its code; early polls and wrong
        // codes count against the limit of the network.
        let (app, origin) = (context.app, context.origin.clone());
        rate_limits::throttle_public(app, context.client(), RateLimit::DevicePoll, &origin)?;
        let (hash, now) = (token_hash(&self.device_code), context.now);
        let tx = context.tx().await?;
        let device = device_codes::poll(tx, &hash, |device| device.next_pause(now), now).await?;
        let client = context.client();
        let device = device.filter(|device| {
            device.client_id == client.client_id
                && client.owned_name_at(device.begun_at())
                && client.may_target(device.asked.audience.as_deref())
                && is_offered(app, device)
        });
        let device = device.ok_or_else(refused)?;
        let poll = device.poll(now);
        if poll != Poll::SlowDown {
            rate_limits::give_back(app, context.client(), RateLimit::DevicePoll, &origin);
        }
        let wait = |error, message| Failure::from(Refusal::oauth(error, message));
        match poll {
            Poll::Allowed => {}
            Poll::Pending => {
                let message = "The user has not decided yet. Poll again after the interval.";
                return Err(wait(OAuthError::AuthorizationPending, message));
            }
            Poll::SlowDown => {
                let message = "Polling too fast. Add five seconds to the interval.";
                return Err(wait(OAuthError::SlowDown, message));
            }
            Poll::Expired => {
                let message = "The device code has expired. Start again.";
                return Err(wait(OAuthError::ExpiredToken, message));
            }
            Poll::Denied => {
                return Err(wait(OAuthError::AccessDenied, "The request was denied."));
            }
        }
        context.require_same_target(device.asked.audience.as_deref())?;
        let id = SessionId::new(now, &*context.app.entropy);
        let terms = context.session_terms(id, Self::INFO.name);
        let tx = context.tx().await?;
        let authorization = device_codes::redeem(tx, &hash).await?.ok_or_else(refused)?;
        let session = authorization.session(terms, now);
        let session = context.open_session(session).await?.ok_or_else(refused)?;
        let user = user_of(context, &authorization).await?;
        Ok(GrantOutcome::Opened { session: Box::new(session), user, nonce: None })
    }
}

fn refused() -> Refusal {
    let message = "The device code is unknown, already used, or was issued to another client.";
    Refusal::oauth(OAuthError::InvalidGrant, message)
}
