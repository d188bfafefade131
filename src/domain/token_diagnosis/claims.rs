//! The checks of claims: issuer, audience, times, and completeness.
//!
//! Owns these five checks. They are also run without a valid signature, because it is useful to know that a token
//! claims to be from another server.

use serde_json::Value;

use crate::base::Timestamp;

use super::code::{Check, TokenCode};
use super::evidence::{Evidence, Signed, seconds};
use super::report::{Checked, quoted};

/// The JSON type of a claim.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// A string that may be empty.
    List,
    Time,
}

/// The claims of every access token: those of RFC 9068 §2.2, `scope`, and `sid` unless the client acts for itself.
const CLAIMS: [(&str, Form); 9] = [
    ("iss", Form::Text),
    ("sub", Form::Text),
    ("aud", Form::Text),
    ("exp", Form::Time),
    ("iat", Form::Time),
    ("jti", Form::Text),
    ("client_id", Form::Text),
    ("scope", Form::List),
    ("sid", Form::Text),
];

pub(super) fn checks(facts: &Evidence, signed: &Signed, at: Timestamp) -> [Checked; 5] {
    [
        issuer(facts, signed),
        audience(facts, signed),
        issued_at(signed, at),
        expiry(signed, at),
        claims(signed),
    ]
}

fn issuer(facts: &Evidence, signed: &Signed) -> Checked {
    let Some(found) = signed.text("iss") else { return Checked::open(Check::Issuer) };
    if found == facts.issuer {
        return Checked::passed(Check::Issuer);
    }
    let detail = format!(
        "The token says it was issued by {}; this server is {} (SIGNET_ISSUER).",
        quoted(found),
        quoted(&facts.issuer)
    );
    Checked::failed(Check::Issuer, TokenCode::WrongIssuer, detail)
}

fn audience(facts: &Evidence, signed: &Signed) -> Checked {
    let Some(found) = signed.text("aud") else { return Checked::open(Check::Audience) };
    match &facts.audience {
        Some(asked) if asked == found => Checked::passed(Check::Audience),
        Some(asked) => {
            let detail = format!("The token is for {}, not for {}.", quoted(found), quoted(asked));
            Checked::failed(Check::Audience, TokenCode::WrongAudience, detail)
        }
        None if found == facts.issuer || signed.registered => Checked::passed(Check::Audience),
        None => {
            let detail = format!(
                "The token is for {}, which is not a registered API, or was registered again after the token was \
                 issued.",
                quoted(found)
            );
            Checked::failed(Check::Audience, TokenCode::UnregisteredAudience, detail)
        }
    }
}

fn issued_at(signed: &Signed, at: Timestamp) -> Checked {
    let Some(issued) = signed.time("iat") else { return Checked::open(Check::IssuedAt) };
    if issued.secs() <= at.secs() {
        return Checked::passed(Check::IssuedAt);
    }
    let detail = format!("The token was issued on {issued}, which is later than {at}.");
    Checked::failed(Check::IssuedAt, TokenCode::IssuedInFuture, detail)
}

fn expiry(signed: &Signed, at: Timestamp) -> Checked {
    let Some(expires) = signed.time("exp") else { return Checked::open(Check::Expiry) };
    if at.secs() < expires.secs() {
        return Checked::passed(Check::Expiry);
    }
    let detail = format!("The token expired on {expires}.");
    Checked::failed(Check::Expiry, TokenCode::Expired, detail)
}

fn claims(signed: &Signed) -> Checked {
    let Some(claims) = &signed.anatomy.claims else { return Checked::open(Check::Claims) };
    let fits = |form: Form, value: &Value| match form {
        Form::Text => value.as_str().is_some_and(|text| !text.is_empty()),
        Form::List => value.is_string(),
        Form::Time => seconds(value).is_some(),
    };
    let has_no_session = signed.is_of_client() || signed.is_of_key();
    let mut wrong: Vec<String> = CLAIMS
        .into_iter()
        .filter(|(name, _)| !(has_no_session && *name == "sid"))
        .filter_map(|(name, form)| match (claims.get(name), form) {
            (None, _) => Some(format!("{name} is missing")),
            (Some(value), _) if fits(form, value) => None,
            (Some(Value::Array(_)), _) => Some(format!("{name} is a list, not one text")),
            (Some(_), Form::Time) => Some(format!("{name} is not a whole number of seconds")),
            (Some(_), _) => Some(format!("{name} is no text")),
        })
        .collect();
    if claims.contains_key("nbf") {
        wrong.push("it has nbf, which Signet never sets".to_owned());
    }
    let typed = signed.fitting_type().is_some();
    let refused = signed.signature == Some(true) && signed.anatomy.plain_header && typed;
    if wrong.is_empty() && refused && !signed.accepted {
        wrong.push("one is repeated, or in a form that Signet never writes".to_owned());
    }
    if wrong.is_empty() {
        return Checked::passed(Check::Claims);
    }
    let detail = format!("The claims are not those of an access token: {}.", wrong.join("; "));
    Checked::failed(Check::Claims, TokenCode::IncompleteClaims, detail)
}
