//! Round trips of every form of every key, and the keys of the RFCs.

use super::*;

#[test]
fn every_form_of_every_key_comes_out_as_the_same_key() {
    for forms in Forms::all() {
        for (form, text) in forms.texts() {
            let imported = import(&text, forms.asked()).unwrap();
            assert_eq!((imported.alg, &imported.kid), (forms.alg, &None), "{form}");
            assert_eq!(parsed(&imported).public, forms.public, "{} {form}", forms.alg);
            // A second import changes nothing.
            let again = import(&imported.pkcs8, forms.asked()).unwrap();
            assert_eq!(again.pkcs8, imported.pkcs8, "{} {form}", forms.alg);
        }
    }
}

#[test]
fn an_ed25519_key_of_version_2_comes_out_as_version_1() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let imported = import(pair.to_pkcs8().unwrap().as_ref(), None).unwrap();
    assert_eq!(imported.pkcs8.as_slice(), pair.to_pkcs8v1().unwrap().as_ref());
}

#[test]
fn the_rsa_key_of_rfc_7515_appendix_a_2_signs_its_token() {
    let imported = import(RFC_7515_RSA.as_bytes(), None).unwrap();
    assert_eq!((imported.alg, &imported.kid), (SigningAlg::Rs256, &None));
    let (message, signature) = RFC_7515_RS256.rsplit_once('.').unwrap();
    let made = parsed(&imported).sign(message.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(made), signature);
}

#[test]
fn the_key_of_rfc_7515_appendix_a_3() {
    let imported = import(RFC_7515_EC.as_bytes(), None).unwrap();
    assert_eq!(imported.alg, SigningAlg::Es256);
    let PublicJwk::Ec { x, .. } = parsed(&imported).public else { panic!("no EC key") };
    assert_eq!(x, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
}

#[test]
fn the_key_of_rfc_8037_appendix_a_1_signs_its_token() {
    let imported = import(RFC_8037_OKP.as_bytes(), None).unwrap();
    assert_eq!(imported.alg, SigningAlg::EdDsa);
    let key = parsed(&imported);
    assert_eq!(key.public, PublicJwk::Okp { crv: "Ed25519".into(), x: ED25519_X.into() });
    let (message, signature) = RFC_8037_EDDSA.rsplit_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap()), signature);
}

#[test]
fn the_keys_of_rfc_7517_appendix_a_2() {
    let rsa = import(RFC_7517_RSA.as_bytes(), None).unwrap();
    assert_eq!((rsa.alg, rsa.kid.as_deref()), (SigningAlg::Rs256, Some("2011-04-29")));
    assert_eq!(parsed(&rsa).kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");

    assert_eq!(refused(RFC_7517_EC), ImportError::NotForSigning);
    let ec = import(RFC_7517_EC.replace("enc", "sig").as_bytes(), None).unwrap();
    assert_eq!((ec.alg, ec.kid.as_deref()), (SigningAlg::Es256, Some("1")));

    let both = format!(r#"{{"keys":[{RFC_7517_EC},{RFC_7517_RSA}]}}"#);
    assert_eq!(refused(both), ImportError::Several { found: 2 });
}

#[test]
fn an_rsa_key_is_for_what_was_asked_or_what_its_jwk_says() {
    let forms = Forms::new(SigningAlg::Rs256);
    let (rs256, ps256) = (SigningAlg::Rs256, SigningAlg::Ps256);
    for (said, asked, expected) in [
        (json!(null), None, Some(rs256)),
        (json!(null), Some(rs256), Some(rs256)),
        (json!(null), Some(ps256), Some(ps256)),
        (json!("RS256"), None, Some(rs256)),
        (json!("PS256"), None, Some(ps256)),
        (json!("PS256"), Some(ps256), Some(ps256)),
        (json!("PS256"), Some(rs256), None),
        (json!("RS256"), Some(ps256), None),
        (json!("RS512"), None, None),
        (json!("RS512"), Some(rs256), None),
        (json!("ES256"), None, None),
        (json!(null), Some(SigningAlg::Es256), None),
        (json!(null), Some(SigningAlg::EdDsa), None),
    ] {
        let outcome = import(&forms.jwk_with(json!({ "alg": said })), asked);
        match expected {
            Some(alg) => assert_eq!(outcome.unwrap().alg, alg),
            None => assert!(
                matches!(outcome, Err(ImportError::Algorithm { .. })),
                "{said} {asked:?} {outcome:?}"
            ),
        }
    }
}

#[test]
fn of_other_keys_the_curve_decides() {
    for forms in Forms::all() {
        if matches!(forms.public, PublicJwk::Rsa { .. }) {
            continue;
        }
        for (form, text) in forms.texts() {
            for asked in SigningAlg::ALL.iter().copied() {
                let outcome = import(&text, Some(asked));
                if asked == forms.alg {
                    assert_eq!(outcome.unwrap().alg, forms.alg, "{form}");
                } else {
                    let error = outcome.unwrap_err();
                    assert!(matches!(error, ImportError::Algorithm { .. }), "{form} {error:?}");
                }
            }
        }
        let says = |alg: &str| import(&forms.jwk_with(json!({ "alg": alg })), None);
        assert_eq!(says(forms.alg.as_str()).unwrap().alg, forms.alg);
        for other in ["RS256", "ES512", "ECDH-ES", ""] {
            assert!(matches!(says(other), Err(ImportError::Algorithm { .. })), "{other}");
        }
    }
    let says =
        |alg: &str| import(&Forms::new(SigningAlg::EdDsa).jwk_with(json!({"alg": alg})), None);
    assert_eq!(says("Ed25519").unwrap().alg, SigningAlg::EdDsa);
}

#[test]
fn a_zero_in_front_of_an_rsa_number_is_no_other_number() {
    let forms = Forms::new(SigningAlg::Rs256);
    let longer = |name: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(forms.jwk[name].as_str().unwrap()).unwrap();
        json!(URL_SAFE_NO_PAD.encode([&[0][..], &bytes].concat()))
    };
    let changes = json!({"n": longer("n"), "e": longer("e"), "d": longer("d"), "p": longer("p")});
    let imported = import(&forms.jwk_with(changes), None).unwrap();
    assert_eq!(parsed(&imported).public, forms.public);
}

#[test]
fn one_private_key_among_others_is_found_and_two_are_too_many() {
    let (one, two) = (Forms::new(SigningAlg::Es256), Forms::new(SigningAlg::EdDsa));
    let private = pem("PRIVATE KEY", &one.pkcs8);
    let crowd = format!(
        "Bag Attributes: \u{fc}\n{}{}{private}{}\n",
        pem("EC PARAMETERS", &[6, 1, 1]),
        spki::pem(&one.public).unwrap(),
        pem("CERTIFICATE", b"x")
    );
    for text in [crowd.clone(), crowd.replace('\n', "\r\n"), format!("\u{feff}\n{crowd}")] {
        assert_eq!(parsed(&import(text.as_bytes(), None).unwrap()).public, one.public);
    }
    let both = format!("{private}{}", pem("PRIVATE KEY", &two.pkcs8));
    assert_eq!(refused(both), ImportError::Several { found: 2 });
    let with_encrypted = format!("{private}{}", pem("ENCRYPTED PRIVATE KEY", b"x"));
    assert_eq!(refused(with_encrypted), ImportError::Several { found: 2 });

    let set = json!({"keys": [two.public, one.jwk, {"kty": "oct", "k": "AA"}, {"kty": "new"}]});
    let imported = import(set.to_string().as_bytes(), None).unwrap();
    assert_eq!(parsed(&imported).public, one.public);
    let set = json!({"keys": [two.jwk, one.jwk]});
    assert_eq!(refused(set.to_string()), ImportError::Several { found: 2 });
}
