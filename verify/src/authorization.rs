//! The token in the `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1). No other place is read: tokens in
//! queries end up in logs, and tokens in bodies may come from forms of other origins.

use crate::refused::Code;

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bearer,
    Dpop,
}

/// The token of a request, from every value of its `Authorization` header.
pub(crate) fn token<'a>(values: &[&'a [u8]]) -> Result<(Scheme, &'a str), Code> {
    let value = match values {
        [] => return Err(Code::NoToken),
        [value] => *value,
        _ => return Err(Code::SeveralHeaders),
    };
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (name, rest) = value.split_at(end);
    let scheme = match name {
        _ if name.eq_ignore_ascii_case(b"Bearer") => Scheme::Bearer,
        _ if name.eq_ignore_ascii_case(b"DPoP") => Scheme::Dpop,
        _ => return Err(Code::NoToken),
    };
    // RFC 9110 §11.4: one or more spaces before the token.
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    if token.is_empty() {
        return Err(Code::NoToken);
    }
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if !token.iter().all(is_token) {
        return Err(Code::Malformed);
    }
    str::from_utf8(token).map(|token| (scheme, token)).map_err(|_| Code::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_header_with_one_token_is_read() {
        for (values, expected) in [
            (&[&b"Bearer a.b-c_d"[..]][..], Ok((Scheme::Bearer, "a.b-c_d"))),
            (&[b"bearer a"], Ok((Scheme::Bearer, "a"))),
            (&[b"Bearer   a"], Ok((Scheme::Bearer, "a"))),
            (&[b"dpop a"], Ok((Scheme::Dpop, "a"))),
            (&[], Err(Code::NoToken)),
            (&[b""], Err(Code::NoToken)),
            (&[b"Bearer"], Err(Code::NoToken)),
            (&[b"Bearer "], Err(Code::NoToken)),
            (&[b"Basic a"], Err(Code::NoToken)),
            (&[b"Bearera"], Err(Code::NoToken)),
            (&[b"Bearer\ta"], Err(Code::NoToken)),
            (&[b"Bearer a "], Err(Code::Malformed)),
            (&[b"Bearer a, Bearer b"], Err(Code::Malformed)),
            (&[b"Bearer a=="], Err(Code::Malformed)),
            (&[b"Bearer \xff"], Err(Code::Malformed)),
            (&[b"Bearer a", b"Bearer a"], Err(Code::SeveralHeaders)),
        ] {
            assert_eq!(token(values), expected, "{values:?}");
        }
    }
}
