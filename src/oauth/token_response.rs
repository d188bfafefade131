//! The response of the token endpoint for the outcome of a grant.
//!
//! Owns which tokens are issued (RFC 6749 §5.1), and that a client gets no withdrawn scope. `tokens::issue` issues
//! each of them.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::attributes::Subject;
use crate::domain::claims::AccessTokenGrant;
use crate::domain::client::IdTokenClaims;
use crate::domain::oidc::{self, OPENID};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::scope::Scopes;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::tokens::issue::{self, IdTokenContext, Tokens};

use super::grant::{Delegation, GrantContext, GrantOutcome};
use super::grants;
use super::scope_narrowing::Narrowed;

/// The tokens for `outcome`.
///
/// # Errors
/// `invalid_target` when the API no longer exists; otherwise only faults.
pub(super) fn issue(context: &GrantContext<'_>, outcome: GrantOutcome) -> Result<Tokens, Failure> {
    let (app, client, now) = (context.app, context.client(), context.now);
    let (jkt, life) = (context.jkt(), client.metadata.access_token_ttl);
    match outcome {
        GrantOutcome::Opened { session, user, nonce } => {
            let scopes = session.scopes.only(|scope| client.may_request_scope(scope));
            let entitled = AccessTokenGrant { jkt, life, scopes, ..AccessTokenGrant::of(&session) };
            let subject = || user.as_deref().map(User::subject).ok_or_else(unknown_user);
            let tokens = issue::access_token(app, &entitled, subject, now)?;
            for_session(context, tokens, &session, user.as_deref(), nonce.as_deref())
        }
        GrantOutcome::Continued { session, subject, user, narrowed } => {
            // A refresh does not renew scopes that an administrator has withdrawn.
            let scopes = narrowed.as_ref().unwrap_or(&session.scopes);
            let scopes = scopes.only(|scope| client.may_request_scope(scope));
            let entitled = AccessTokenGrant { jkt, life, scopes, ..AccessTokenGrant::of(&session) };
            let tokens = issue::access_token(app, &entitled, || Ok(subject), now)?;
            for_session(context, tokens, &session, user.as_deref(), None)
        }
        GrantOutcome::Client(Narrowed { audience, scopes }) => {
            let entitled = AccessTokenGrant {
                sub: client.client_id.clone(),
                client_id: &client.client_id,
                audience: audience.as_deref(),
                scopes: scopes.scopes().clone(),
                session: None,
                life,
                api_key: None,
                not_after: until(context, now + TimeSpan::from_days(1)),
                act: None,
                jkt,
                parent: None,
            };
            issue::access_token(app, &entitled, || Ok(Subject::without_user()), now)
        }
        GrantOutcome::Delegated(delegation) => delegated(context, *delegation),
    }
}

/// The latest expiry of a token: that of the credential with which the client authenticated, if it has one. It may
/// have passed by as much as clocks may differ; the token is then valid for a second.
fn until(context: &GrantContext<'_>, not_after: Timestamp) -> Timestamp {
    let soon = context.app.claim_time(context.now) + TimeSpan::from_secs(1);
    context.not_after().map_or(not_after, |until| until.max(soon).min(not_after))
}

fn unknown_user() -> Fault {
    Fault::internal("a grant opened a session without looking at its user")
}

/// The other tokens of a session.
fn for_session(
    context: &GrantContext<'_>,
    mut tokens: Tokens,
    session: &Session,
    user: Option<&User>,
    nonce: Option<&str>,
) -> Result<Tokens, Failure> {
    let (app, client, now) = (context.app, context.client(), context.now);
    if client.may_use(grants::REFRESH_TOKEN) {
        tokens = tokens.with_refresh_token(app, session, now)?;
    }
    if session.scopes.contains(OPENID) && client.may_request_scope(OPENID) {
        let asked = session.asked_claims.only(|scope| client.may_request_scope(scope));
        let scopes = match client.metadata.id_token_claims {
            IdTokenClaims::Minimal => Scopes::default(),
            IdTokenClaims::Scopes => session.scopes.only(|scope| client.may_request_scope(scope)),
        };
        let asked = user.map(|user| oidc::id_token(user, &scopes, &asked)).unwrap_or_default();
        let about = IdTokenContext { client, session, nonce, asked };
        tokens = tokens.with_id_token(app, about, now)?;
    }
    Ok(tokens)
}

fn delegated(context: &GrantContext<'_>, delegation: Delegation) -> Result<Tokens, Failure> {
    let (app, client, now) = (context.app, context.client(), context.now);
    let Delegation { session_claims, sub, subject, narrowed, act, parent, issued, api_key, .. } =
        delegation;
    let not_after = until(context, delegation.not_after);
    let entitled = AccessTokenGrant {
        sub,
        client_id: &client.client_id,
        audience: narrowed.audience.as_deref(),
        scopes: narrowed.scopes.scopes().clone(),
        session: session_claims,
        api_key,
        life: client.metadata.access_token_ttl,
        not_after,
        act,
        jkt: context.jkt(),
        parent: Some(parent),
    };
    let subject = || Ok(subject.unwrap_or_else(Subject::without_user));
    Ok(issue::access_token(app, &entitled, subject, now)?.of_type(issued))
}
