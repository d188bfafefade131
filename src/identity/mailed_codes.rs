//! Mailed codes and links: creating, checking and consuming them, and finding the recipient of each mail.
//!
//! Owns the order of a check: count, compare in constant time, consume with the effect. A code works in the flow that
//! requested it; its link works in any browser. Each purpose has its own module, such as `recovery`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::app::outbox::{self, Letter, Mail};
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::crypto::digest::{constant_time_eq, token_hash};
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::{MailContent, MailKind, MailedSecrets};
use crate::domain::mailed_code::{CodePurpose, MailedCode};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;
use crate::i18n::Locale;
use crate::store::mails::TakenMail;
use crate::store::{Tx, email_owners, mailed_codes};

pub use crate::store::mailed_codes::{CodeName, CodeOwner};

/// The length of the text of a link's token.
const TOKEN_LENGTH: usize = 43;

/// The additional data of a purpose. Stored sealed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeContent {
    /// An address: the new one, the previous one, or the one that the mail was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A code to create.
pub struct NewCode<'a> {
    /// The operation that the code confirms.
    pub purpose: CodePurpose,
    /// The subject: a new code replaces the one with the same purpose and subject.
    pub subject: Vec<u8>,
    /// The flow in which a code works; `None` for a link alone.
    pub flow: Option<TokenHash>,
    /// Its user; `None` if that is determined when its mail is sent.
    pub owner: Option<CodeOwner>,
    /// The additional data of the purpose.
    pub content: &'a CodeContent,
}

/// A new code that is not mailed yet.
pub struct MadeCode {
    /// The secrets for its mail.
    pub secrets: MailedSecrets,
    /// When it expires.
    pub expires_at: Timestamp,
    link_hash: TokenHash,
}

/// A code that can be used: the code was right, or the link is known.
pub struct UsableCode {
    /// The operation that the code confirms.
    pub purpose: CodePurpose,
    /// The hash by which it is consumed.
    pub link_hash: TokenHash,
    /// Its user, if any.
    pub owner: Option<CodeOwner>,
    /// The additional data of the purpose.
    pub content: CodeContent,
}

/// The subject of codes of a user.
#[must_use]
pub fn subject_of_user(user: UserId) -> Vec<u8> {
    user.uuid().as_bytes().to_vec()
}

/// The subject of codes that are requested by address: a pseudonym, because the address may belong to no user.
#[must_use]
pub fn subject_of_address(app: &App, address: &EmailAddress) -> Vec<u8> {
    app.pseudonyms.of("mailed-code/address", &[address.key().as_bytes()])
}

/// The flow in which a code is requested, such as a sign-in or a session, by a unique name.
#[must_use]
pub fn flow(name: &str) -> TokenHash {
    token_hash(&format!("mailed-code/flow/{name}"))
}

/// The address of the page of a link.
#[must_use]
pub fn link_address(app: &App, token: &str) -> String {
    format!("{}/link/{token}", app.issuer())
}

/// The refusal of a link that is unknown, expired, used, replaced or invalid.
#[must_use]
pub fn link_invalid() -> Refusal {
    let message = "This link has expired, was already used or replaced, or does not belong to this server. Request a \
                   new one.";
    Refusal::new(Code::LinkInvalid, message)
}

/// Refuses an operation that needs mail if mail is off.
///
/// # Errors
/// `feature_disabled`.
pub fn require_mail(app: &App) -> Result<(), Refusal> {
    if app.mailer.is_some() {
        return Ok(());
    }
    let message = "This server does not send mail: an operator can set SIGNET_SMTP_URL. Until then, ask an \
                   administrator.";
    Err(Refusal::new(Code::FeatureDisabled, message))
}

/// Creates and stores a code; an earlier one with the same purpose and subject becomes invalid.
///
/// # Errors
/// When the database cannot be written; on the command line, before a server has created the key for codes.
pub async fn make(tx: &mut AuditedTx, new: NewCode<'_>) -> Result<MadeCode, Fault> {
    let NewCode { purpose, subject, flow, owner, content } = new;
    let (app, now) = (tx.app(), tx.info().now);
    let link = URL_SAFE_NO_PAD.encode(random::<32>(&*app.entropy));
    let link_hash = token_hash(&link);
    let code = flow.is_some().then(|| MailedCode::generate(&*app.entropy));
    let mac = match &code {
        Some(code) => Some(app.mailed_code_mac(purpose, &link_hash, code)?),
        None => None,
    };
    let plain = serde_json::to_vec(content)
        .map_err(|error| Fault::internal("writing a mailed code").with_source(error))?;
    let sealed = app.seal_mailed_code(tx, purpose, &link_hash, &plain).await?;
    let expires_at = now + purpose.life();
    let row = mailed_codes::NewCode {
        purpose,
        subject: &subject,
        link_hash: &link_hash,
        code: mac.as_deref().zip(flow.as_ref()),
        sealed: &sealed,
        owner,
        expires_at,
    };
    mailed_codes::put(tx, &row, now).await?;
    let secrets = MailedSecrets { link, code: code.map(|code| code.text()) };
    Ok(MadeCode { secrets, expires_at, link_hash })
}

/// Mails a code that was created in this transaction. `user` is the user it concerns, if known.
///
/// # Errors
/// When the database cannot be written.
pub async fn mail(
    tx: &mut AuditedTx,
    made: MadeCode,
    (user, to): (Option<UserId>, &EmailAddress),
    content: impl FnOnce(MailedSecrets) -> MailContent + Send,
) -> Result<(), Fault> {
    let language = tx.info().language;
    let mail = Mail {
        user,
        to,
        locale: Locale::choose(Some(language), None, None),
        link_hash: Some(*made.link_hash.digest()),
        expires_at: made.expires_at,
        content: content(made.secrets),
    };
    outbox::post(tx, mail).await
}

/// Checks a code that was typed in the flow of `name`. `None` when it is wrong, expired, used, replaced, not sent, or
/// was tried too often. Run it in a transaction that commits a refusal, because the attempt counts. A right code is
/// not consumed.
///
/// # Errors
/// When the database cannot be written.
pub async fn check(
    tx: &mut AuditedTx,
    name: CodeName<'_>,
    typed: &str,
) -> Result<Option<UsableCode>, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let Some(code) = MailedCode::parse(typed) else { return Ok(None) };
    let Some((stored, mac)) = mailed_codes::count_try(tx, name, now).await? else {
        return Ok(None);
    };
    let typed = app.mailed_code_mac(name.purpose, &stored.link_hash, &code)?;
    if !constant_time_eq(&typed, &mac) {
        return Ok(None);
    }
    let sent = mailed_codes::by_link(tx, &stored.link_hash).await?;
    sent.map(|code| usable(&app, code)).transpose()
}

/// The code of a link. Changes nothing, because mail scanners open links too.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_link(
    app: &App,
    token: &str,
    info: &RequestInfo,
) -> Result<Option<UsableCode>, Fault> {
    if token.len() != TOKEN_LENGTH {
        return Ok(None);
    }
    let mut reader = app.db.reader().await?;
    let Some(found) = mailed_codes::by_link(&mut reader, &token_hash(token)).await? else {
        return Ok(None);
    };
    if has_expired(found.expires_at, found.purpose.life(), info.now) {
        return Ok(None);
    }
    usable(app, found).map(Some)
}

/// The purpose of a link that can no longer be used, while it is still stored.
///
/// # Errors
/// When the database cannot be read.
pub async fn purpose(app: &App, token: &str) -> Result<Option<CodePurpose>, Fault> {
    if token.len() != TOKEN_LENGTH {
        return Ok(None);
    }
    let found = mailed_codes::by_link(&mut app.db.reader().await?, &token_hash(token)).await?;
    Ok(found.map(|code| code.purpose))
}

/// The pending code of `purpose` for `subject`.
///
/// # Errors
/// When the database cannot be read.
pub async fn pending(
    app: &App,
    purpose: CodePurpose,
    subject: &[u8],
    now: Timestamp,
) -> Result<Option<UsableCode>, Fault> {
    let mut reader = app.db.reader().await?;
    let found = mailed_codes::of_subject(&mut reader, purpose, subject).await?;
    let live = found.filter(|code| !has_expired(code.expires_at, purpose.life(), now));
    live.map(|code| usable(app, code)).transpose()
}

/// Consumes a code, in the transaction of its effect; `false` if another request has consumed it, or it is invalid.
///
/// # Errors
/// When the database cannot be written.
pub async fn consume(tx: &mut Tx, code: &TokenHash) -> Result<bool, Fault> {
    mailed_codes::consume(tx, code).await
}

/// The recipient and the content of a mail.
pub struct Delivery {
    /// The address of the recipient, as stored.
    pub to: EmailAddress,
    /// The user that the address belongs to, whose language the mail is in.
    pub user: Option<UserId>,
    /// The content of the mail, with its secrets.
    pub content: MailContent,
}

/// The recipient of a mail in the outbox, decided when it is sent; `None` if it must not be sent any more. For mails
/// that were requested by address it depends on the owner, which the requester cannot observe.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn delivery(
    app: &App,
    mail: &TakenMail,
    letter: Letter,
    now: Timestamp,
) -> Result<Option<Delivery>, Fault> {
    let Letter { to, content, .. } = letter;
    let user = mail.user_id;
    let Some(link_hash) = &mail.link_hash else {
        return Ok(Some(Delivery { to, user, content }));
    };
    let info = RequestInfo::system(now);
    let decided = match content.kind() {
        MailKind::Recovery => {
            let work = async |tx: &mut AuditedTx| Ok(owner(tx, (link_hash, to.key()), now).await?);
            let owner = app.transaction_or_nothing(&info, work).await;
            owner.map(|owner| owner.map(|(user, to)| Delivery { to, user: Some(user), content }))
        }
        MailKind::Signup => {
            let work = async |tx: &mut AuditedTx| {
                Ok(to_new_user(tx, link_hash, (&to, &content), now).await?)
            };
            app.transaction_or_nothing(&info, work).await
        }
        _ => {
            let live = mailed_codes::is_live(&mut app.db.reader().await?, link_hash).await?;
            return Ok(live.then_some(Delivery { to, user, content }));
        }
    };
    decided.map_err(|failure| match failure {
        Failure::Failed(fault) => fault,
        Failure::Refused(_) => Fault::internal("finding the recipient of a mail"),
    })
}

/// The enabled user who owns the address, to whom the code belongs from now on.
async fn owner(
    tx: &mut Tx,
    (link_hash, key): (&[u8], &str),
    now: Timestamp,
) -> Result<Option<(UserId, EmailAddress)>, Fault> {
    let Some(owner) = email_owners::enabled_owner(tx, key).await? else {
        // The code stays until it expires, and attempts are counted as for any other.
        return Ok(None);
    };
    if !mailed_codes::send_to(tx, link_hash, (owner.user, owner.epoch), now).await? {
        return Ok(None);
    }
    Ok(Some((owner.user, EmailAddress::stored(&owner.address)?)))
}

/// The code of a sign-up or, if a user owns the address, a notice that there is an account. In that case the code
/// stays unsent and cannot be redeemed.
async fn to_new_user(
    tx: &mut Tx,
    link_hash: &[u8],
    (to, content): (&EmailAddress, &MailContent),
    now: Timestamp,
) -> Result<Option<Delivery>, Fault> {
    if let Some(address) = email_owners::stored_address(tx, to.key()).await? {
        // Of several requests only the last is answered, as with mailed codes.
        if !mailed_codes::is_live(tx, link_hash).await? {
            return Ok(None);
        }
        let (to, content) = (EmailAddress::stored(&address)?, MailContent::AccountExists);
        return Ok(Some(Delivery { to, user: None, content }));
    }
    let is_sent = mailed_codes::send(tx, link_hash, now).await?;
    Ok(is_sent.then(|| Delivery { to: to.clone(), user: None, content: content.clone() }))
}

fn usable(app: &App, code: mailed_codes::SentCode) -> Result<UsableCode, Fault> {
    let mailed_codes::SentCode { purpose, link_hash, sealed, owner, .. } = code;
    let plain = app.unseal_mailed_code(purpose, &link_hash, &sealed)?;
    let content = serde_json::from_slice(&plain)
        .map_err(|_| Fault::internal("what belongs to a mailed code cannot be read"))?;
    Ok(UsableCode { purpose, link_hash, owner, content })
}
