//! Parsers of values: time spans, sizes, numbers, switches, addresses.
//!
//! One pure parser per kind of value, with its error messages, independent of any setting.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;

use super::errors::{Wrong, quoted};
use super::types::ProxyHeader;
use crate::base::{Secret, TimeSpan, Timestamp};
use crate::domain::client_document::{ClientDocuments, PrefixError};
use crate::domain::sign_up::DomainList;

/// Units of time with their milliseconds, longest first.
const UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A time span such as `500ms`, `30s`, `15m`, `2h` or `30d`, within `range`.
pub(super) fn span(range: RangeInclusive<TimeSpan>) -> impl Fn(&str) -> Result<TimeSpan, Wrong> {
    move |text| {
        let (least, most) = (spell(*range.start()), spell(*range.end()));
        let wrong = |because: &str| {
            let advice = format!(
                "Type a whole number with ms, s, m, h or d, from {least} to {most}, such as {}",
                if range.contains(&TimeSpan::from_mins(10)) { "10m" } else { &most }
            );
            Wrong::new(because, advice)
        };
        let (digits, unit) = split_unit(text);
        if digits.is_empty() {
            return Err(wrong("is not a length of time"));
        }
        if unit.is_empty() {
            return Err(wrong("has no unit"));
        }
        let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(wrong("has an unknown unit"));
        };
        let length = digits.parse::<i64>().ok().and_then(|count| count.checked_mul(*millis));
        match length.map(TimeSpan::from_millis) {
            Some(span) if range.contains(&span) => Ok(span),
            Some(span) if span < *range.start() => Err(wrong("is too short")),
            _ => Err(wrong("is too long")),
        }
    }
}

/// The same, or `off`.
pub(super) fn span_or_off(
    range: RangeInclusive<TimeSpan>,
) -> impl Fn(&str) -> Result<Option<TimeSpan>, Wrong> {
    let span = span(range);
    move |text| if text == "off" { Ok(None) } else { span(text).map(Some) }
}

/// The same for the command line, with an error in one sentence.
///
/// # Errors
/// If it is not a time span, or out of range.
pub fn length_of_time(text: &str, range: RangeInclusive<TimeSpan>) -> Result<TimeSpan, String> {
    span(range)(text).map_err(|wrong| format!("{}. {}", wrong.because, wrong.advice))
}

/// `span` in the longest unit that divides it.
#[must_use]
pub fn spell(span: TimeSpan) -> String {
    let millis = span.millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let (name, each) = UNITS.iter().find(|(_, each)| millis % each == 0).unwrap_or(&("ms", 1));
    format!("{}{name}", millis / each)
}

/// A whole number within `range`.
pub(super) fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, Wrong>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    move |text| {
        let (least, most) = (range.start(), range.end());
        let wrong = |because: String| {
            Wrong::new(because, format!("Type a whole number from {least} to {most}"))
        };
        // `FromStr` accepts a leading plus sign.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong("is not a whole number".to_owned()));
        }
        let number = text.parse::<T>().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| wrong(format!("is not between {least} and {most}")))
    }
}

/// An amount of memory in KiB: a bare number of KiB, or a size such as `64MiB`.
pub(super) fn kib(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, Wrong> {
    move |text| {
        let (least, most) = (range.start(), range.end());
        let advice =
            || format!("Type a number of KiB from {least} to {most}, or a size such as 64MiB");
        let (digits, unit) = split_unit(text);
        let each: u64 = match unit {
            "" | "KiB" => 1,
            "MiB" => 1024,
            "GiB" => 1024 * 1024,
            _ => return Err(Wrong::new("is not a size in KiB, MiB or GiB", advice())),
        };
        if digits.is_empty() {
            return Err(Wrong::new("is not a size", advice()));
        }
        let amount = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(each));
        amount
            .and_then(|amount| u32::try_from(amount).ok())
            .filter(|amount| range.contains(amount))
            .ok_or_else(|| Wrong::new(format!("is not between {least} and {most} KiB"), advice()))
    }
}

/// A point in time.
pub(super) fn time(text: &str) -> Result<Timestamp, Wrong> {
    Timestamp::parse(text).ok_or_else(|| {
        Wrong::new("is not a point in time", "Type a date and time such as 2030-01-31T00:00:00Z")
    })
}

/// One of two words: `yes` is true, `no` is false.
pub(super) fn switch(yes: &'static str, no: &'static str) -> impl Fn(&str) -> Result<bool, Wrong> {
    move |text| match text {
        _ if text == yes => Ok(true),
        _ if text == no => Ok(false),
        _ => Err(Wrong::new(format!("is neither {yes} nor {no}"), format!("Type {yes} or {no}"))),
    }
}

/// One of the words in `all`.
pub(super) fn word<T: FromStr + std::fmt::Display>(
    all: &'static [T],
) -> impl Fn(&str) -> Result<T, Wrong> {
    move |text| {
        text.parse().map_err(|_| {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            Wrong::new("is not one of the known values", format!("Type {}", words.join(" or ")))
        })
    }
}

/// Socket addresses, comma separated, at least one and without duplicates.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, Wrong> {
    const ADVICE: &str =
        "Type IP addresses with ports, comma separated, such as 0.0.0.0:8484,[::]:8484";
    let mut all: Vec<SocketAddr> = Vec::new();
    for part in items(text) {
        let address = part.parse().map_err(|_| {
            Wrong::new(
                format!("contains {}, which is not an IP address with a port", quoted(part)),
                ADVICE,
            )
        })?;
        // Port 0 twice means two free ports; any other duplicate cannot be bound.
        if all.contains(&address) && address.port() != 0 {
            return Err(Wrong::new(format!("holds {address} twice"), ADVICE));
        }
        all.push(address);
    }
    Ok(all)
}

/// A socket address, or `None` for `off`.
pub(super) fn address_or_off(text: &str) -> Result<Option<SocketAddr>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Wrong::new(
            "is not an IP address with a port",
            "Type an address such as 127.0.0.1:9484, or off",
        )
    })
}

/// Networks (`10.0.0.0/8`) or single addresses, comma separated.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Wrong> {
    let network = |part: &str| {
        let single = || part.parse::<IpAddr>().ok().map(IpNet::from);
        part.parse::<IpNet>().ok().or_else(single).map(|network| network.trunc()).ok_or_else(|| {
            Wrong::new(
                format!("holds {}, not a network", quoted(part)),
                "Type networks or IP addresses, comma separated, such as 10.0.0.0/8,192.0.2.7",
            )
        })
    };
    items(text).map(network).collect()
}

/// Domains of e-mail addresses, comma separated.
pub(super) fn domains(text: &str) -> Result<DomainList, Wrong> {
    DomainList::parse(text).map_err(|part| {
        Wrong::new(
            format!("holds {}, not a domain", quoted(part)),
            "Type domains, comma separated, such as example.com, or *.example.com for all below it",
        )
    })
}

/// Which clients may describe themselves.
pub(super) fn client_documents(text: &str) -> Result<ClientDocuments, Wrong> {
    ClientDocuments::parse(text).map_err(|PrefixError(entry)| {
        Wrong::new(
            format!("holds {}, not an https URL that ends with a slash", quoted(&entry)),
            "Type off, any, or URLs such as https://apps.example.com/ separated by commas; +cross behind one lets \
             its applications be answered at other hosts",
        )
    })
}

/// Whether a text can be the name of a header (`token`, RFC 9110 §5.6.2).
pub(super) fn is_header_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// The name of the header in which trusted proxies send the client's address (RFC 9110 §5.1).
pub(super) fn proxy_header(text: &str) -> Result<ProxyHeader, Wrong> {
    const ADVICE: &str = "Type x-forwarded-for, forwarded, or the name of a header that your proxy sets to \
                          one address, such as x-real-ip";
    let name = text.to_ascii_lowercase();
    if !is_header_name(&name) {
        return Err(Wrong::new("is not the name of a header", ADVICE));
    }
    Ok(match name.as_str() {
        "x-forwarded-for" => ProxyHeader::XForwardedFor,
        "forwarded" => ProxyHeader::Forwarded,
        "host" | "authorization" | "cookie" | "connection" | "user-agent" | "via"
        | "x-forwarded-host" | "x-forwarded-proto" | "x-forwarded-port" => {
            return Err(Wrong::new("never contains the address of a client", ADVICE));
        }
        _ => ProxyHeader::Single(name),
    })
}

/// 32 bytes in base64url without padding (RFC 4648 §5).
pub(super) fn master_key(text: &str) -> Result<Secret<[u8; 32]>, Wrong> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map(Secret::new);
    let key = bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes.expose().as_slice()).ok());
    key.map(Secret::new).ok_or_else(|| {
        Wrong::new(
            "is not 32 bytes in base64url without padding (43 characters)",
            "Type the key from your backup; create a new one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d \
             '='",
        )
    })
}

/// Log directives: a level, or `target=level`, comma separated.
///
/// The subscriber's own parser treats a misspelt level as the name of a target and then logs almost nothing, so a
/// bare word must be a level here. Directives with spans and fields (in brackets) are left to the subscriber.
pub(super) fn log(text: &str) -> Result<String, Wrong> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    if text.contains('[') {
        return Ok(text.to_owned());
    }
    for part in items(text) {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(Wrong::new(
                format!("contains {}, which is not a level", quoted(part)),
                "Type off, error, warn, info, debug or trace, or directives such as info,sqlx=warn",
            ));
        }
    }
    Ok(text.to_owned())
}

/// Any text, for settings that are checked elsewhere.
pub(super) fn text(text: &str) -> Result<String, Wrong> {
    Ok(text.to_owned())
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Leading digits and the rest.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
