//! `refresh_token`: continues a session (RFC 6749 §6), by the same rules as at `/v1`.

use crate::domain::client::ClientType;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::refresh::Holder;
use crate::domain::scope::RequestedScopes;
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome};
use crate::oauth::params::Params;
use crate::oauth::scope_narrowing;
use crate::store::users;
use crate::tokens::refresh::{self, Presented};

/// A refresh token, and the requested scopes if they are fewer than the granted ones.
#[derive(Clone)]
pub struct RefreshToken {
    refresh_token: String,
    requested: Option<RequestedScopes>,
}

impl Grant for RefreshToken {
    const INFO: GrantInfo = GrantInfo {
        name: "refresh_token",
        public_clients: true,
        redirects_user: false,
        default_for: &[ClientType::Spa, ClientType::Web, ClientType::Native],
    };

    fn parse(params: &Params) -> Result<Self, Refusal> {
        let refresh_token =
            params.required(Self::INFO.name, "refresh_token is missing.")?.to_owned();
        let requested = params.get("scope").map(scope_narrowing::requested_scopes).transpose()?;
        Ok(Self { refresh_token, requested })
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        let client = context.client();
        let presented = Presented {
            refresh_token: &self.refresh_token,
            holder: Holder::Client {
                client_id: client.client_id.clone(),
                registered: client.into(),
                jkt: context.jkt(),
                rotates: !client.metadata.is_fapi2(),
                audiences: client.metadata.audiences.clone(),
            },
            idle: context.lifetimes().idle,
            requested: self.requested.clone(),
        };
        let origin = context.origin.clone();
        let continued = refresh::present(context.app, presented, origin, context.now)
            .await
            .map_err(in_our_words)?;
        let session = continued.session;
        // The session was opened for one API, which cannot change.
        context.require_same_target(session.audience.as_deref())?;
        let metadata = &context.client().metadata;
        let user = if !metadata.id_token_has_claims(&session.scopes, &session.asked_claims) {
            None
        } else {
            let mut reader = context.app.db.reader().await?;
            users::find(&mut reader, session.user_id).await?.map(Box::new)
        };
        let subject = continued.subject.read()?;
        // Scopes that were originally requested but not granted are left out again.
        let narrowed = self.requested.map(|requested| requested.among(&session.scopes));
        Ok(GrantOutcome::Continued { session, subject, user, narrowed })
    }
}

/// Converts errors: three codes of `/v1` are one here (RFC 6749 §5.2).
fn in_our_words(stop: Failure) -> Failure {
    match stop {
        Failure::Refused(refusal) => {
            let ours = matches!(
                refusal.code,
                Code::RefreshTokenInvalid | Code::RefreshTokenReused | Code::SessionExpired
            );
            let oauth = if ours { Some(OAuthError::InvalidGrant) } else { refusal.oauth };
            Refusal { oauth, ..refusal }.into()
        }
        failed => failed,
    }
}
