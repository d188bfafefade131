//! The first administrator, through a one-time link.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::Secret;
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::crypto::digest::token_hash;
use crate::crypto::password::Lane;
use crate::domain::api::Target;
use crate::domain::attributes::Attributes;
use crate::domain::audit::{Event, EventKind};
use crate::domain::client;
use crate::domain::grant;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::domain::user::{Role, User};
use crate::domain::validity::SETUP_LINK_LIFE;
use crate::store::Link;
use crate::store::users::{self, NewUser};
use crate::store::{sessions::open, setup_links};
use crate::tokens::issue::{self, Tokens};

use super::lockout::too_many;
use super::login::{GrantedAccess, new_session};
use super::register::{login_taken, parse_login, parse_password};

/// Creates a link, the only secret that is ever printed.
///
/// # Errors
/// `setup_closed` once an administrator has existed.
pub async fn make_link(app: &App, info: &RequestInfo) -> Result<Secret<String>, Failure> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>(&*app.entropy));
    app.transaction(info, async |tx| {
        if setup_links::is_closed(tx).await? {
            return Err(closed().into());
        }
        setup_links::insert_link(tx, &token_hash(&token), info.now + SETUP_LINK_LIFE).await?;
        Ok(())
    })
    .await?;
    Ok(Secret::new(format!("{}/setup/{token}", app.issuer())))
}

/// Whether no administrator has ever existed.
///
/// # Errors
/// Only faults.
pub async fn is_open(app: &App) -> Result<bool, Fault> {
    Ok(!setup_links::is_closed(&mut app.db.reader().await?).await?)
}

/// Whether a link would be accepted. Consumes nothing.
///
/// # Errors
/// `setup_link_invalid` when it would not. Once there has been an administrator, the refusal does not suggest a new
/// link, which would be refused as well.
pub async fn check_link(app: App, token: String, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    throttle_link(&app, &info)?;
    let mut reader = app.db.reader().await?;
    if setup_links::is_open_link(&mut reader, &token_hash(&token), now).await? {
        return Ok(());
    }
    Err(refused_link(&mut reader).await?.into())
}

/// The refusal of an invalid link.
async fn refused_link(link: &mut impl Link) -> Result<Refusal, Fault> {
    let is_closed = setup_links::is_closed(link).await?;
    Ok(if is_closed { used_link() } else { invalid_link() })
}

/// Creates the first administrator, closes set-up permanently and logs them in, in one transaction.
///
/// # Errors
/// Refused when the link is no longer valid, the login is invalid or taken, or the password is weak.
pub async fn complete(
    app: App,
    token: String,
    login: String,
    password: String,
    info: RequestInfo,
) -> Result<(User, Tokens), Failure> {
    let now = info.now;
    check_link(app.clone(), token.clone(), info.clone()).await?;
    let login = parse_login(&login)?;
    let password = parse_password(&app, "password", &password, &login)?;
    let slot = app.reserve_hash_slot(Lane::Known, info.address().into())?;
    let hash = app.hash_password(slot, password).await?;
    let id = UserId::new(now, &*app.entropy);
    let new = NewUser {
        id,
        login: &login,
        name: None,
        role: Role::Admin,
        attributes: &Attributes::default(),
        password_hash: Some(&hash),
    };
    let user = User {
        id,
        login: login.raw().to_owned(),
        name: None,
        role: Role::Admin,
        attributes: Attributes::default(),
        email: None,
        disabled_at: None,
        created_at: now,
        updated_at: now,
        session_epoch: 0,
        must_change_password: false,
    };
    let granted = grant::grant(&Target::Issuer, Scopes::default(), Role::Admin)
        .ok_or_else(|| Fault::internal("granting no scope"))?;
    let access =
        GrantedAccess { client_id: client::BUILT_IN, target: &Target::Issuer, granted: &granted };
    let session = new_session(&app, &user, access, now);

    // A taken login must neither consume the link nor close set-up.
    app.transaction_or_nothing(&info, async |tx| {
        // There may be several links, so closing set-up is the guard. A second request waits there, before it takes
        // a lock that the first may need.
        if !setup_links::is_open_link(tx, &token_hash(&token), now).await? {
            return Err(refused_link(tx).await?.into());
        }
        if !setup_links::close(tx).await? {
            return Err(closed().into());
        }
        if !users::insert(tx, &new, now).await? {
            return Err(login_taken().into());
        }
        open::insert(tx, &session, &info.device).await?;
        tx.record(&Event::new(EventKind::SetupCompleted).about(id)).await?;
        Ok(())
    })
    .await?;
    let tokens = issue::tokens(&app, &session, || Ok(user.subject()), now)?;
    app.metrics.count_issued("setup", tokens.alg());
    Ok((user, tokens))
}

fn throttle_link(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::Setup;
    app.address_limiter
        .take(Subject::new(purpose, info.address()))
        .map_err(|wait| too_many(app, wait, purpose.as_str()))
}

fn invalid_link() -> Refusal {
    Refusal::new(
        Code::SetupLinkInvalid,
        "This set-up link has expired or does not belong to this server.",
    )
}

fn used_link() -> Refusal {
    Refusal::because(Code::SetupLinkInvalid, Reason::SetupComplete)
}

fn closed() -> Refusal {
    Refusal::new(Code::SetupClosed, "Set-up is closed: there is already an administrator.")
}
