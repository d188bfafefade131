//! The checks before any claim is trusted: form, header, type, key, signature.
//!
//! Owns these six checks. `crypto` has verified the signature.

use crate::base::Timestamp;
use crate::domain::signing_key::KeyState;
use crate::domain::token_rules::TokenAlg;

use super::code::{Check, TokenCode};
use super::evidence::{Flaw, NamedKey, Signed};
use super::report::{Checked, quoted};

/// The members of a header.
const HEADER: [&str; 3] = ["alg", "kid", "typ"];
/// The most unexpected names that are listed.
const NAMED: usize = 5;

pub(super) fn checks(signed: &Signed, at: Timestamp) -> [Checked; 6] {
    [
        form(signed),
        header(signed),
        kind(signed),
        key(signed, at),
        algorithm(signed),
        signature(signed),
    ]
}

fn form(signed: &Signed) -> Checked {
    let Some(flaw) = signed.anatomy.flaw else { return Checked::passed(Check::Form) };
    let why = match flaw {
        Flaw::TooLarge(limit) => {
            let detail =
                format!("It is longer than {limit} bytes; Signet's tokens have a few hundred.");
            return Checked::failed(Check::Form, TokenCode::TooLarge, detail);
        }
        Flaw::Parts(5) => "it has five parts, so it is an encrypted token".to_owned(),
        Flaw::Parts(1) => {
            "it has no dots, but a signed token has three parts separated by dots".into()
        }
        Flaw::Parts(parts) => format!("it has {parts} parts between dots instead of three"),
        Flaw::Empty(part) => format!("its {part} is empty"),
        Flaw::NotBase64(part) => format!("its {part} is not base64url without padding"),
        Flaw::NotAnObject(part) => format!("its {part} is not a JSON object"),
    };
    Checked::failed(
        Check::Form,
        TokenCode::Malformed,
        format!("This is not a signed token: {why}."),
    )
}

fn header(signed: &Signed) -> Checked {
    let Some(header) = &signed.anatomy.header else { return Checked::open(Check::Header) };
    if signed.anatomy.plain_header {
        return Checked::passed(Check::Header);
    }
    let failed = |detail: String| {
        let detail = format!("The header is not exactly alg, kid and typ: {detail}.");
        Checked::failed(Check::Header, TokenCode::UnexpectedHeader, detail)
    };
    let missing: Vec<&str> =
        HEADER.into_iter().filter(|name| !header.contains_key(*name)).collect();
    if !missing.is_empty() {
        return failed(format!("it lacks {}", missing.join(" and ")));
    }
    let more = |name: &&String| !HEADER.contains(&name.as_str());
    let more: Vec<String> =
        header.keys().filter(more).take(NAMED).map(|name| quoted(name)).collect();
    if !more.is_empty() {
        return failed(format!("it also has {}", more.join(", ")));
    }
    match HEADER.into_iter().find(|name| signed.header(name).is_none()) {
        Some(name) => failed(format!("{name} is no text")),
        None => failed("a name is there twice".to_owned()),
    }
}

fn kind(signed: &Signed) -> Checked {
    let Some(found) = signed.header("typ") else { return Checked::open(Check::Type) };
    let expected = signed.expected_type;
    match signed.fitting_type() {
        Some(typ) if typ == expected => return Checked::passed(Check::Type),
        Some(_) => {
            let note = format!(
                "New tokens for this audience have typ \"{expected}\"; this one was issued before that was \
                 configured."
            );
            return Checked::noted(Check::Type, &[note]);
        }
        None => {}
    }
    let detail = format!(
        "This is another kind of token: its typ is {}, that of an access token is \"{expected}\".",
        quoted(found)
    );
    Checked::failed(Check::Type, TokenCode::WrongType, detail)
}

fn key(signed: &Signed, at: Timestamp) -> Checked {
    let Some(kid) = signed.header("kid") else { return Checked::open(Check::Key) };
    let name = quoted(kid);
    let key = match &signed.key {
        Some(NamedKey::Signing(key)) => key,
        Some(NamedKey::SharedSecret) => {
            let note = "It is the secret the API shares with this server.".to_owned();
            return Checked::noted(Check::Key, &[note]);
        }
        None if signed.header("alg") == Some(TokenAlg::SharedSecret.as_str()) => {
            let detail = format!(
                "The API in the token shares no secret named {name} with this server (any more): it was replaced, or \
                 another server issued the token."
            );
            return Checked::failed(Check::Key, TokenCode::UnknownKey, detail);
        }
        None => {
            let detail = format!(
                "This server never had a key named {name}: the token comes from another server or another database."
            );
            return Checked::failed(Check::Key, TokenCode::UnknownKey, detail);
        }
    };
    let since = key.since;
    match key.state {
        KeyState::Active => Checked::passed(Check::Key),
        KeyState::Retiring => {
            let note = format!(
                "The key has not signed since {since}; it stays published until the tokens it signed have expired."
            );
            Checked::noted(Check::Key, &[note])
        }
        KeyState::Published => {
            let detail = format!(
                "The key {name} has been published since {} but does not sign yet, so this server has issued no \
                 token with it.",
                key.published_at
            );
            Checked::failed(Check::Key, TokenCode::KeyNotSigning, detail)
        }
        KeyState::Retired if at < since => {
            let note = format!("The key was published then; it was retired on {since}.");
            Checked::noted(Check::Key, &[note])
        }
        KeyState::Retired => {
            let detail = format!(
                "The key {name} was retired on {since}: its tokens are no longer accepted."
            );
            Checked::failed(Check::Key, TokenCode::KeyRetired, detail)
        }
    }
}

fn algorithm(signed: &Signed) -> Checked {
    let (Some(found), Some(key)) = (signed.header("alg"), &signed.key) else {
        return Checked::open(Check::Algorithm);
    };
    if found == key.alg().as_str() {
        return Checked::passed(Check::Algorithm);
    }
    let detail = format!(
        "The alg of the header is {}, but the key it names is only for {}.",
        quoted(found),
        key.alg()
    );
    Checked::failed(Check::Algorithm, TokenCode::WrongAlgorithm, detail)
}

fn signature(signed: &Signed) -> Checked {
    match signed.signature {
        Some(true) => Checked::passed(Check::Signature),
        Some(false) => Checked::failed(
            Check::Signature,
            TokenCode::BadSignature,
            "The signature is invalid: the token was changed or truncated, or was not signed with this key.",
        ),
        None => Checked::open(Check::Signature),
    }
}
