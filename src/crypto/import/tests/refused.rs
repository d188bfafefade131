//! Refused keys and their messages.

use super::*;

#[test]
fn a_key_cut_anywhere_is_refused() {
    for forms in Forms::all() {
        for (form, text) in forms.texts() {
            // The last newline of a PEM file is optional.
            for length in 0..text.trim_ascii_end().len() {
                let outcome = import(&text[..length], forms.asked());
                assert!(outcome.is_err(), "{} {form}, {length} bytes", forms.alg);
            }
        }
    }
}

#[test]
fn a_key_with_something_behind_it_is_refused() {
    for forms in Forms::all() {
        let ders = [Some(&forms.pkcs8), forms.older.as_ref().map(|(_, der)| der)];
        for der in ders.into_iter().flatten() {
            let longer = [der.as_slice(), &[0]].concat();
            assert_eq!(refused(&longer), ImportError::Damaged { form: "DER" });
            assert_eq!(refused(pem("PRIVATE KEY", &longer)), ImportError::Damaged { form: "DER" });
        }
        let twice = [forms.jwk.to_string(), forms.jwk.to_string()].concat();
        assert_eq!(refused(twice), ImportError::Damaged { form: "JSON" });
    }
}

#[test]
fn a_damaged_key_is_refused_or_another_key_and_never_a_panic() {
    for forms in Forms::all() {
        for (_, text) in forms.texts() {
            // Trying every byte of a long text would take seconds.
            for at in (0..text.len()).step_by(if text.len() > 400 { 13 } else { 1 }) {
                for flip in [0x01, 0x80] {
                    let mut damaged = text.clone();
                    damaged[at] ^= flip;
                    if let Ok(imported) = import(&damaged, forms.asked()) {
                        assert!(SigningKey::parse(imported.alg, &imported.pkcs8).is_ok());
                    }
                }
            }
        }
    }
}

#[test]
fn members_that_do_not_belong_together_are_refused() {
    for forms in Forms::all() {
        let other = Forms::new(forms.alg);
        for (name, value) in other.jwk.as_object().unwrap() {
            // The two RSA keys have this one in common.
            if ["kty", "crv", "e"].contains(&name.as_str()) {
                continue;
            }
            let text = forms.jwk_with(json!({ name: value }));
            let error = import(&text, forms.asked()).unwrap_err();
            assert_eq!(error, ImportError::Inconsistent, "{} {name}", forms.alg);
        }
    }
    let rsa = Forms::new(SigningAlg::Rs256);
    for (name, value) in [("e", "Aw"), ("e", "AQ"), ("e", "Ag"), ("d", "AQ"), ("qi", "AQ")] {
        let text = rsa.jwk_with(json!({ name: value }));
        assert_eq!(refused(text), ImportError::Inconsistent, "{name} {value}");
    }
    let exchanged = json!({"p": rsa.jwk["q"], "q": rsa.jwk["p"]});
    assert_eq!(refused(rsa.jwk_with(exchanged)), ImportError::Inconsistent);
}

#[test]
fn a_public_half_in_der_that_is_not_of_the_private_one_is_refused() {
    for alg in [SigningAlg::Es256, SigningAlg::Es384] {
        let (one, two) = (Forms::new(alg), Forms::new(alg));
        let mixed = |one: &[u8], two: &[u8]| {
            // The point is at the end of either form.
            let point = if alg == SigningAlg::Es256 { 65 } else { 97 };
            [&one[..one.len() - point], &two[two.len() - point..]].concat()
        };
        assert_eq!(refused(mixed(&one.pkcs8, &two.pkcs8)), ImportError::Inconsistent, "{alg}");
        let (one, two) = (one.older.unwrap().1, two.older.unwrap().1);
        assert_eq!(refused(mixed(&one, &two)), ImportError::Inconsistent, "{alg}");
    }
    let pair = || Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap().as_ref().to_vec();
    let (one, two) = (pair(), pair());
    let mixed = [&one[..one.len() - 32], &two[two.len() - 32..]].concat();
    assert_eq!(refused(mixed), ImportError::Inconsistent);
}

#[test]
fn missing_and_malformed_members_are_named() {
    for forms in Forms::all() {
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"] {
            if forms.jwk.get(name).is_none() || name == "d" {
                continue;
            }
            for value in [json!(null), json!(""), json!("AA"), json!("%"), json!("AQAB=")] {
                let text = forms.jwk_with(json!({ name: value }));
                let error = import(&text, forms.asked()).unwrap_err();
                assert_eq!(error, ImportError::Member { name }, "{} {name} {value}", forms.alg);
            }
            for value in [json!(1), json!(["AQAB"]), json!({}), json!(true)] {
                let text = forms.jwk_with(json!({ name: value }));
                assert_eq!(refused(text), ImportError::Damaged { form: "JSON" });
            }
        }
        let mut narrow = forms.jwk_with(json!({"d": "AQ"}));
        let error = import(&narrow, forms.asked()).unwrap_err();
        let expected = match forms.public {
            PublicJwk::Rsa { .. } => ImportError::Inconsistent,
            _ => ImportError::Member { name: "d" },
        };
        assert_eq!(error, expected, "{}", forms.alg);
        narrow = forms.jwk_with(json!({"kty": null}));
        assert_eq!(refused(narrow), ImportError::Member { name: "kty" });
        let strange = refused(forms.jwk_with(json!({"kty": "AKP"})));
        assert!(matches!(strange, ImportError::Unsupported { .. }));
    }
    let forms = Forms::new(SigningAlg::Es256);
    assert_eq!(refused(forms.jwk_with(json!({"crv": null}))), ImportError::Member { name: "crv" });
    let doubled = forms.jwk.to_string().replacen('{', r#"{"kty":"RSA","#, 1);
    assert_eq!(refused(doubled), ImportError::Damaged { form: "JSON" });
}

#[test]
fn the_use_and_the_kid_of_a_jwk_are_respected() {
    let forms = Forms::new(SigningAlg::EdDsa);
    let with = |changes: Value| import(&forms.jwk_with(changes), None);
    for good in [
        json!({"use": "sig"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": ["verify", "sign"], "use": "sig"}),
    ] {
        assert!(with(good.clone()).is_ok(), "{good}");
    }
    for bad in [
        json!({"use": "enc"}),
        json!({"use": ""}),
        json!({"key_ops": []}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign"], "use": "enc"}),
    ] {
        assert_eq!(with(bad.clone()).unwrap_err(), ImportError::NotForSigning, "{bad}");
    }
    for kid in ["1", "2011-04-29", "a key/with=signs+\"", &"k".repeat(255)] {
        assert_eq!(with(json!({ "kid": kid })).unwrap().kid.as_deref(), Some(kid));
    }
    for kid in ["", "a\nb", "\u{7f}", "ключ", "a\u{202e}b", &"k".repeat(256)] {
        assert_eq!(with(json!({ "kid": kid })).unwrap_err(), ImportError::Name, "{kid:?}");
    }
}

/// Every form of an RSA key that is given as PKCS#8 in base64.
fn forms_of_rsa(pkcs8: &str) -> Vec<Vec<u8>> {
    let pkcs8 = STANDARD.decode(pkcs8).unwrap();
    let pkcs1 = inside(&pkcs8, &[0, 2]).to_vec();
    let member = |index: usize| URL_SAFE_NO_PAD.encode(der::trimmed(inside(&pkcs1, &[0, index])));
    let jwk = json!({
        "kty": "RSA", "n": member(1), "e": member(2), "d": member(3), "p": member(4),
        "q": member(5), "dp": member(6), "dq": member(7), "qi": member(8),
    });
    vec![
        pem("PRIVATE KEY", &pkcs8).into_bytes(),
        pem("RSA PRIVATE KEY", &pkcs1).into_bytes(),
        pkcs8.clone(),
        pkcs1,
        jwk.to_string().into_bytes(),
    ]
}

/// CVE-2017-15361.
#[test]
fn rsa_keys_that_can_be_factored_are_refused_in_every_form() {
    for text in forms_of_rsa(ROCA_PKCS8) {
        assert_eq!(refused(text), ImportError::Roca);
    }
}

#[test]
fn short_rsa_keys_are_refused_with_their_size() {
    for text in forms_of_rsa(SHORT_RSA) {
        assert_eq!(refused(text), ImportError::SmallRsa { bits: 1024 });
    }
    let large = RsaKeyPair::generate(KeySize::Rsa3072).unwrap();
    assert!(import(large.as_der().unwrap().as_ref(), None).is_ok());
}

#[test]
fn an_rsa_key_stripped_of_its_primes_is_refused() {
    // SEQUENCE { 0, n, 0, d, 0, 0, 0, 0, 0 }, which the library would take.
    let forms = Forms::new(SigningAlg::Rs256);
    let pkcs1 = &forms.older.unwrap().1;
    let number = |index: usize| {
        let content = inside(pkcs1, &[0, index]);
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x02, 0x82, length[0], length[1]], content].concat()
    };
    let zero = [0x02, 0x01, 0x00];
    let body =
        [&zero[..], &number(1), &zero, &number(3), &zero, &zero, &zero, &zero, &zero].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let stripped = [&[0x30, 0x82, length[0], length[1]][..], &body].concat();
    assert_eq!(refused(stripped), ImportError::Damaged { form: "DER" });
}

#[test]
fn other_curves_and_algorithms_are_named() {
    let found = |bytes: &[u8]| match refused(bytes) {
        ImportError::Unsupported { found } => found,
        other => panic!("{other:?}"),
    };
    let p521 = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let on_p521 = "a key on the curve P-521";
    assert_eq!(found(p521.to_pkcs8v1().unwrap().as_ref()), on_p521);
    let sec1 = p521.private_key().as_der().unwrap().as_ref().to_vec();
    assert_eq!(found(&sec1), on_p521);
    assert_eq!(found(pem("EC PRIVATE KEY", &sec1).as_bytes()), on_p521);
    let es256 = Forms::new(SigningAlg::Es256);
    let ed25519 = Forms::new(SigningAlg::EdDsa);
    assert_eq!(found(&es256.jwk_with(json!({"crv": "P-521"}))), on_p521);
    assert_eq!(
        found(&es256.jwk_with(json!({"crv": "\u{1b}[31mred\n"}))),
        "a key on the curve \"\\u{1b}[31mred\\n\""
    );
    assert_eq!(found(&ed25519.jwk_with(json!({"crv": "Ed448"}))), "a key on the curve Ed448");
    assert_eq!(found(br#"{"kty":"oct","k":"AAAA"}"#), "a shared secret (kty oct)");

    // Another object identifier of the same length.
    let relabelled = |from: &[u8], to: &[u8], der: &[u8]| {
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        [&der[..at], to, &der[at + to.len()..]].concat()
    };
    for (last, name) in [(0x6e, "an X25519 key"), (0x6f, "an X448 key"), (0x71, "an Ed448 key")] {
        let der = relabelled(&[0x2b, 0x65, 0x70], &[0x2b, 0x65, last], &ed25519.pkcs8);
        assert_eq!(found(&der), name);
    }
    let rsa = Forms::new(SigningAlg::Rs256);
    let oid = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let pss = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    assert_eq!(found(&relabelled(&oid, &pss, &rsa.pkcs8)), "an RSA key that is restricted to PSS");
    let multi = [0x02, 0x01, 0x01, 0x02, 0x82];
    let two = [0x02, 0x01, 0x00, 0x02, 0x82];
    let more_primes = "an RSA key of more than two primes";
    assert_eq!(found(&relabelled(&two, &multi, &rsa.older.as_ref().unwrap().1)), more_primes);
    assert_eq!(found(&rsa.jwk_with(json!({"oth": []}))), more_primes);
    let long = URL_SAFE_NO_PAD.encode([&[1][..], &[0xff; 1024]].concat());
    assert_eq!(found(&rsa.jwk_with(json!({ "n": long }))), "an RSA key of 8193 bits");
    assert_eq!(found(&[0x30, 0x05, 0x02, 0x01, 0x03, 0x30, 0x00]), "a PKCS#12 store");
    assert_eq!(
        found(pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0").as_bytes()),
        "a key in the form of OpenSSH"
    );
    assert_eq!(
        found(pem("DSA PRIVATE KEY", b"x").as_bytes()),
        "a block called \"DSA PRIVATE KEY\""
    );

    // RFC 5915 without its optional parameters: SEQUENCE { 1, OCTET STRING }.
    let nameless = [&[0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20][..], &[7; 32]].concat();
    assert_eq!(found(&nameless), "a key that does not name its curve");
    let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let explicit = relabelled(&p256, &[&[0x30], &p256[1..]].concat(), &es256.pkcs8);
    assert_eq!(found(&explicit), "a key whose curve is spelt out instead of named");
    let strange = relabelled(&p256, &[&p256[..9], &[0x7f]].concat(), &es256.pkcs8);
    assert_eq!(found(&strange), "a key on an unknown curve");
    let strange = relabelled(&[0x2b, 0x65, 0x70], &[0x2b, 0x65, 0x7f], &ed25519.pkcs8);
    assert_eq!(found(&strange), "a key of an unknown algorithm");
}

#[test]
fn encrypted_keys_are_told_apart() {
    let forms = Forms::new(SigningAlg::Rs256);
    assert_eq!(refused(pem("ENCRYPTED PRIVATE KEY", &forms.pkcs8)), ImportError::Encrypted);
    // EncryptedPrivateKeyInfo: SEQUENCE { SEQUENCE { }, OCTET STRING }.
    assert_eq!(refused([0x30, 0x05, 0x30, 0x00, 0x04, 0x01, 0x00]), ImportError::Encrypted);
    let old = pem("RSA PRIVATE KEY", &forms.older.unwrap().1).replacen(
        '\n',
        "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n",
        1,
    );
    assert_eq!(refused(old), ImportError::Encrypted);
}

#[test]
fn public_keys_are_told_apart() {
    let is_public = |bytes: &[u8]| matches!(refused(bytes), ImportError::Public { .. });
    for forms in Forms::all() {
        let text = spki::pem(&forms.public).unwrap();
        assert!(is_public(text.as_bytes()), "{}", forms.alg);
        assert!(is_public(text.replace("PUBLIC", "PRIVATE").as_bytes()), "{}", forms.alg);
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        assert!(is_public(&STANDARD.decode(body).unwrap()), "{}", forms.alg);
        let jwk = json!(forms.public);
        assert!(is_public(jwk.to_string().as_bytes()), "{}", forms.alg);
        assert!(is_public(json!({"keys": [jwk, jwk]}).to_string().as_bytes()), "{}", forms.alg);
    }
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    assert!(is_public(rsa.public_key().as_ref()));
    assert!(is_public(pem("RSA PUBLIC KEY", rsa.public_key().as_ref()).as_bytes()));
    assert!(is_public(pem("CERTIFICATE", b"x").as_bytes()));
    // A certificate: SEQUENCE { SEQUENCE { }, SEQUENCE { }, BIT STRING }.
    assert!(is_public(&[0x30, 0x07, 0x30, 0x00, 0x30, 0x00, 0x03, 0x01, 0x00]));
}

#[test]
fn a_broken_frame_is_refused() {
    let key = pem("PRIVATE KEY", &Forms::new(SigningAlg::Es256).pkcs8);
    for broken in [
        key.replace("-----END PRIVATE KEY-----\n", ""),
        key.replace("END PRIVATE", "END PUBLIC"),
        key.replace("END PRIVATE KEY-----", "END PRIVATE KEY----"),
        key.replacen('\n', "\n%", 1),
        key.replacen('\n', "\nComment: x\n\n", 1),
        key.replacen("MI", "M I", 1),
        pem("PRIVATE KEY", &[]),
    ] {
        assert!(matches!(refused(&broken), ImportError::Damaged { .. }), "{broken}");
    }
    for nothing in [
        &b""[..],
        b" ",
        b"hello",
        b"{}",
        br#"{"keys":[]}"#,
        b"\x00\x01",
        b"-----BEGIN PRIVATE KEY----",
        b"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49",
    ] {
        assert_eq!(refused(nothing), ImportError::NotAKey, "{nothing:?}");
    }
}

#[test]
fn messages_contain_no_secret() {
    for forms in Forms::all() {
        let imported = import(&forms.jwk_with(json!({"kid": "name"})), forms.asked()).unwrap();
        let said = format!("{imported:?}");
        assert!(said.contains("name") && said.len() < 60, "{said}");
        let d = forms.jwk["d"].as_str().unwrap();
        // The secret where something else belongs.
        for member in ["keys", "use", "key_ops", "kid", "n", "x", "kty", "oth"] {
            for value in [json!(d), json!([d]), json!({ "d": d })] {
                let text = forms.jwk_with(json!({ member: value }));
                if let Err(error) = import(&text, forms.asked()) {
                    assert!(!error.to_string().contains(&d[..16]), "{member} {error}");
                }
            }
        }
    }
}

#[test]
fn every_mistake_has_its_own_advice() {
    let found = || "a thing".to_owned();
    let errors = [
        ImportError::NotAKey,
        ImportError::Damaged { form: "PEM" },
        ImportError::Member { name: "dq" },
        ImportError::Encrypted,
        ImportError::Public { found: found() },
        ImportError::Several { found: 2 },
        ImportError::Unsupported { found: found() },
        ImportError::SmallRsa { bits: 1024 },
        ImportError::Roca,
        ImportError::Algorithm { asked: "ES256".to_owned(), found: found() },
        ImportError::NotForSigning,
        ImportError::Name,
        ImportError::Inconsistent,
    ];
    let hints: std::collections::HashSet<String> =
        errors.iter().map(ImportError::message).collect();
    assert_eq!(hints.len(), errors.len());
    for (error, message) in errors.iter().map(|error| (error, error.message())) {
        assert_eq!(error.to_string(), message);
        assert!(!message.contains("  ") && message.len() < 250, "{message}");
        for detail in ["a thing", "ES256", "1024", "dq"] {
            if format!("{error:?}").contains(detail) {
                assert!(message.contains(detail), "{message}");
            }
        }
    }
}
