//! `urn:ietf:params:oauth:grant-type:token-exchange`: exchanges a token for another (RFC 8693).
//!
//! There are two uses: a client narrows its own token, or an API that was called requests a token for calling the
//! next one. In the second case the new token names the actor (`act`). No token outlives the subject token or its
//! session. The exchange of an API key is in `key_exchange`.

use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::domain::audit::{Event, EventKind};
use crate::domain::grant;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::oauth::client_auth::names_no_client;
use crate::oauth::grant::{Delegation, Grant, GrantContext, GrantOutcome, Identification};
use crate::oauth::key_exchange;
use crate::oauth::params::{Params, invalid};
use crate::oauth::scope_narrowing::{self, Narrowed};
use crate::oauth::target;
use crate::store::audit;
use crate::tokens::lineage;
use crate::tokens::validate::{self, ActiveToken, Source};

/// The only type of token that is issued.
pub(in crate::oauth) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// The longest chain of actors.
const MAX_ACTORS: usize = 8;

/// A subject token, and possibly an actor token.
#[derive(Clone)]
pub struct TokenExchange {
    subject_token: String,
    is_key: bool,
    actor_token: Option<String>,
}

impl Grant for TokenExchange {
    const INFO: GrantInfo = GrantInfo {
        name: "urn:ietf:params:oauth:grant-type:token-exchange",
        public_clients: false,
        redirects_user: false,
        default_for: &[],
    };

    fn parse(params: &Params) -> Result<Self, Refusal> {
        let is_access = |name: &str| matches!(params.get(name), Some(ACCESS_TOKEN | JWT));
        let subject_token =
            params.required("subject_token", "subject_token is missing.")?.to_owned();
        let is_key = params.get("subject_token_type") == Some(key_exchange::API_KEY);
        if !is_key && !is_access("subject_token_type") {
            return Err(invalid(
                "subject_token_type is neither that of an access token nor that of an API key.",
            ));
        }
        let actor_token = params.text("actor_token");
        if actor_token.is_some() != params.get("actor_token_type").is_some() {
            return Err(invalid("actor_token and actor_token_type must be sent together."));
        }
        if actor_token.is_some() && !is_access("actor_token_type") {
            return Err(invalid("actor_token_type is not that of an access token."));
        }
        if is_key && actor_token.is_some() {
            return Err(invalid("An API key is exchanged without an actor token."));
        }
        let wanted = params.get("requested_token_type");
        if wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN && wanted != JWT) {
            return Err(invalid("Only an access token can be requested."));
        }
        Ok(Self { subject_token, is_key, actor_token })
    }

    fn identification(&self, params: &Params, authorization: Option<&str>) -> Identification {
        if self.is_key && names_no_client(authorization, params) {
            Identification::UserKey
        } else {
            Identification::Authentication
        }
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        if self.is_key {
            let delegation = key_exchange::exchange(context, &self.subject_token).await?;
            return Ok(GrantOutcome::Delegated(Box::new(delegation)));
        }
        let (app, now) = (context.app, context.now);
        let subject = validate::require_active(app, &self.subject_token, now).await?;
        let subject = subject.ok_or_else(|| refused("The subject token is not valid."))?;
        let client = context.client();
        let own = subject.claims().client_id == client.client_id;
        if !own && !client.is_api(&subject.claims().aud) {
            return Err(refused(
                "The subject token was neither issued to this client nor for its API.",
            )
            .into());
        }
        // A token that is bound to a key can only be exchanged by the holder of the key.
        let bound = subject.claims().cnf.as_ref().map(|cnf| cnf.jkt.clone());
        if own && bound.is_some() && bound != context.jkt() {
            return Err(refused("The subject token is bound to another key.").into());
        }
        let actor = match &self.actor_token {
            None => None,
            Some(token) => {
                let actor = validate::require_active(app, token, now).await?;
                let actor = actor.and_then(Source::issued);
                let actor = actor.filter(|actor| actor.claims().client_id == client.client_id);
                let actor = actor.ok_or_else(|| refused("The actor token is not valid."))?;
                Some(actor.claims().sub.clone())
            }
        };
        if lineage::generations(&subject.claims().jti) >= lineage::MAX_LINE {
            return Err(refused("The subject token was exchanged too often.").into());
        }
        let narrowed = narrowed(context, &subject).await?;
        let act = act(&subject, actor, &client.client_id)?;
        let delegation = delegation(subject.into_inner(), narrowed, act);
        if delegation.act.is_some() {
            record(context, &delegation).await?;
        }
        Ok(GrantOutcome::Delegated(Box::new(delegation)))
    }
}

fn refused(message: &'static str) -> Refusal {
    Refusal::oauth(OAuthError::InvalidGrant, message)
}

/// For the same API: at most its scopes. For the next API that an API calls: the scopes that an administrator has
/// allowed it there. An application cannot get from one API to another this way, because its user did not consent
/// to that.
async fn narrowed(
    context: &GrantContext<'_>,
    subject: &Source<ActiveToken>,
) -> Result<Narrowed, Failure> {
    let (app, client, params) = (context.app, context.client(), context.params);
    let had = Scopes::parse(&subject.claims().scope).unwrap_or_default();
    let same_target = target::names_only(app, params, subject.audience().target.audience());
    if same_target {
        let asked = match params.get("scope") {
            Some(scope) => scope_narrowing::scopes(Some(scope))?,
            None => had.clone(),
        };
        if !asked.is_within(&had) {
            let more = asked.only(|scope| !had.contains(scope));
            return Err(scope_narrowing::beyond(&more, "the subject token").into());
        }
        let audience = (subject.claims().aud != app.issuer()).then(|| subject.claims().aud.clone());
        let target = &subject.audience().target;
        return Ok(Narrowed { audience, scopes: grant::subset(target, asked) });
    }
    if matches!(subject, Source::SharedSecret(_)) {
        let message = "A token signed with a shared secret is valid only at its own API: a party that can verify it \
                       can forge it.";
        return Err(refused(message).into());
    }
    let own = subject.claims().client_id == client.client_id;
    if own && subject.user().is_some() && !client.is_api(&subject.claims().aud) {
        // The user consented to the API of the token. Another one needs a new request.
        let message = "The token is for another API. Request the user's authorization at the authorization endpoint.";
        return Err(Refusal::oauth(OAuthError::InvalidTarget, message).into());
    }
    let narrowed = scope_narrowing::narrow_for_client(app, client, params).await?;
    if narrowed.audience.is_none() {
        let message = "A token cannot be exchanged for one with administration scopes. Use the client_credentials \
                       grant.";
        return Err(Refusal::oauth(OAuthError::InvalidTarget, message).into());
    }
    Ok(narrowed)
}

/// The actor: the named one, or the client if it is not its own token. Previous actors are nested (RFC 8693 §4.1).
fn act(
    subject: &ActiveToken,
    actor: Option<String>,
    client_id: &str,
) -> Result<Option<Value>, Refusal> {
    let before = subject.claims().act.clone();
    let own = subject.claims().client_id == client_id;
    let who = match actor {
        Some(actor) => actor,
        None if own => return Ok(before),
        None => client_id.to_owned(),
    };
    let mut depth = 0;
    let mut inner = before.as_ref();
    while let Some(act) = inner {
        depth += 1;
        inner = act.get("act");
    }
    if depth >= MAX_ACTORS {
        return Err(refused("The chain of actors (act) of the token is too long."));
    }
    let mut act = json!({ "sub": who, "client_id": client_id });
    if let Some(before) = before {
        act["act"] = before;
    }
    Ok(Some(act))
}

fn delegation(subject: ActiveToken, narrowed: Narrowed, act: Option<Value>) -> Delegation {
    let not_after = Timestamp::from_secs(subject.claims().exp);
    let (sub, parent) = (subject.claims().sub.clone(), subject.claims().jti.clone());
    let session_claims = subject.session_claims();
    let api_key = subject.api_key().map(|active| active.key().id);
    let about = subject.user().map(User::subject);
    let session = subject.into_session().map(|(session, _)| session);
    let (subject, issued) = (about, ACCESS_TOKEN);
    Delegation {
        session,
        session_claims,
        sub,
        subject,
        narrowed,
        not_after,
        act,
        parent,
        issued,
        api_key,
    }
}

async fn record(context: &mut GrantContext<'_>, delegation: &Delegation) -> Result<(), Failure> {
    let (app, now, origin) = (context.app, context.now, context.origin.clone());
    let mut event = Event::new(EventKind::TokenExchanged).detail(&*context.client().client_id);
    if let Some(session) = &delegation.session {
        event = event.about(session.user_id).in_session(session.id);
    }
    let tx = context.tx().await?;
    Ok(audit::record(tx, &event, &origin, now, &*app.entropy).await?)
}
