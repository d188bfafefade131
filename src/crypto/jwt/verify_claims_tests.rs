//! Forged payloads: encodings, times, names, truncated tokens.

use super::*;

#[test]
fn base64_has_one_spelling() {
    for forger in Forger::all() {
        let good = forger.good();
        let parts: Vec<&str> = good.split('.').collect();
        for at in 0..3 {
            // Signed again if the change is within the signed part.
            let with = |part: String| {
                let mut parts = parts.clone();
                parts[at] = &part;
                if at == 2 { parts.join(".") } else { forger.sign_message(&parts[..2].join(".")) }
            };
            let part = parts[at];
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            forger.refuses("padding", &with(format!("{part}=")));
            forger.refuses("padding", &with(format!("{part}==")));
            for space in [" ", "\n", "\t", "\r\n", "\0", "\u{a0}"] {
                forger.refuses("white space behind", &with(format!("{part}{space}")));
                forger.refuses("white space in front", &with(format!("{space}{part}")));
                forger
                    .refuses("white space", &with(format!("{}{space}{}", &part[..4], &part[4..])));
            }
            forger.refuses("the other alphabet", &with(format!("+/{}", &part[2..])));
            forger.refuses("not base64", &with(format!("%{}", &part[1..])));
            forger.refuses("empty", &with(String::new()));
            if !bytes.len().is_multiple_of(3) {
                // The last character has unused bits: only one encoding of the same bytes is valid (RFC 4648 §3.5).
                let last = part.as_bytes()[part.len() - 1];
                let value = ALPHABET.iter().position(|c| *c == last).unwrap();
                let other = char::from(ALPHABET[value ^ 1]);
                let spelt = format!("{}{other}", &part[..part.len() - 1]);
                forger.refuses("bits that belong to no byte", &with(spelt));
            }
        }
        forger.refuses("a fourth part", &format!("{good}."));
        forger.refuses("a fourth part", &format!("{good}.e30"));
        forger.refuses("a part in front", &format!(".{good}"));
        forger.refuses("a scheme", &format!("Bearer {good}"));
        forger.refuses("nothing", "");
    }
    let forger = Forger::new(SigningAlg::EdDsa);
    let long = forger.sign(&forger.header(), &changed("x", &json!("x".repeat(16_000)).to_string()));
    forger.refuses("more than we look at", &long);
    let short =
        forger.sign(&forger.header(), &changed("x", &json!("x".repeat(11_000)).to_string()));
    assert!(forger.accepts(&short));
}

#[test]
fn times_are_whole_seconds() {
    for forger in Forger::all() {
        for claim in ["exp", "iat"] {
            for value in [
                "\"1784247000\"",
                "1784247000.0",
                "1784247000.5",
                "1.784247e9",
                "-1",
                "-0.0",
                "253402300800",
                "9223372036854775807",
                "9223372036854775808",
                "18446744073709551615",
                "18446744073709551616",
                "1e400",
                "null",
                "true",
                "[1784247000]",
                "{}",
            ] {
                let token = forger.sign(&forger.header(), &changed(claim, value));
                forger.refuses(&format!("{claim} {value}"), &token);
            }
        }
        for value in ["0", "1784246400", "\"1784246400\"", "1.5", "-1", "1e400", "null", "{}"] {
            let token = forger.sign(&forger.header(), &changed("nbf", value));
            forger.refuses(&format!("nbf {value}"), &token);
        }
    }
}

#[test]
fn issuer_audience_and_subject_are_one_text_each() {
    for forger in Forger::all() {
        for (claim, ours) in [("aud", AUDIENCE), ("iss", ISSUER)] {
            let (ours, evil) = (json!(ours), json!("https://evil.example"));
            for value in [
                evil.clone(),
                json!(1),
                json!(null),
                json!(true),
                json!({}),
                json!({"0": ours}),
                json!([]),
                json!([ours]),
                json!([ours, evil]),
                json!([evil, ours]),
                json!([[ours]]),
                json!(""),
                json!(format!("{}/", ours.as_str().unwrap())),
                json!(ours.as_str().unwrap().to_uppercase()),
            ] {
                let token = forger.sign(&forger.header(), &changed(claim, &value.to_string()));
                forger.refuses(&format!("{claim} {value}"), &token);
            }
        }
        for value in ["1", "null", "true", "{}", "[\"ada\"]", "1.5"] {
            let token = forger.sign(&forger.header(), &changed("sub", value));
            forger.refuses(&format!("sub {value}"), &token);
        }
    }
}

#[test]
fn a_payload_without_or_with_doubled_claims_is_refused() {
    for forger in Forger::all() {
        for claim in ["iss", "sub", "aud", "exp", "iat"] {
            let mut less = claims();
            less.as_object_mut().unwrap().remove(claim);
            forger
                .refuses(&format!("no {claim}"), &forger.sign(&forger.header(), &less.to_string()));
            let good = claims();
            let doubled = format!(
                "{},{}:{}}}",
                good.to_string().trim_end_matches('}'),
                json!(claim),
                good[claim]
            );
            forger.refuses(&format!("{claim} twice"), &forger.sign(&forger.header(), &doubled));
        }
        let good = claims().to_string();
        for payload in
            ["", "{}", "[]", "null", "\"\"", &format!("[{good}]"), &format!("{good}{good}")]
        {
            forger.refuses("a payload of another form", &forger.sign(&forger.header(), payload));
        }
        let not_utf8 = [good.as_bytes(), &[0xff]].concat();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(forger.header()),
            URL_SAFE_NO_PAD.encode(not_utf8)
        );
        forger.refuses("no UTF-8", &forger.sign_message(&message));
    }
}

#[test]
fn a_token_cut_anywhere_is_refused() {
    for forger in Forger::all() {
        let good = forger.good();
        for length in 0..good.len() {
            forger.refuses("cut", &good[..length]);
        }
    }
}
