//! Tests of sealing and opening files in the age format.

use std::io;

use super::*;

/// The identity whose private key is this byte 32 times.
fn identity(byte: u8) -> Identity {
    let prefix = bech32::Hrp::parse("AGE-SECRET-KEY-").unwrap();
    bech32::encode_upper::<bech32::Bech32>(prefix, &[byte; 32]).unwrap().parse().unwrap()
}

fn sealed(plain: &[u8], recipients: &[Recipient]) -> Vec<u8> {
    let mut sealed = Vec::new();
    seal(recipients, plain, &mut sealed).unwrap();
    sealed
}

fn opened(sealed: &[u8], identity: &Identity) -> Result<Vec<u8>, OpenError> {
    let mut plain = Vec::new();
    open(identity, sealed, &mut plain).map(|()| plain)
}

#[test]
fn every_recipient_opens_every_length() {
    let (ada, bob, eve) = (identity(0x42), identity(0x43), identity(0x44));
    let recipients = [ada.recipient(), bob.recipient()];
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let plain: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[1]).collect();
        let sealed = sealed(&plain, &recipients);
        assert_eq!(opened(&sealed, &ada).unwrap(), plain, "{length}");
        assert_eq!(opened(&sealed, &bob).unwrap(), plain, "{length}");
        assert!(matches!(opened(&sealed, &eve), Err(OpenError::OtherRecipients)), "{length}");
    }
}

#[test]
fn a_changed_or_cut_file_is_refused() {
    let ada = identity(0x42);
    let whole = sealed(&[7; 70_000], &[ada.recipient()]);
    let header = whole.iter().position(|byte| *byte == b'-').unwrap();
    for at in (0..250).chain((250..whole.len()).step_by(3_001)) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(opened(&changed, &ada).is_err(), "byte {at}");
    }
    for length in [0, 1, header, 100, 200, 250, 65_800, whole.len() - 1] {
        assert!(opened(&whole[..length], &ada).is_err(), "{length} bytes");
    }
    // A whole chunk is missing at the end.
    let first = whole.len() - (70_000 - 65_536) - 16;
    assert!(matches!(opened(&whole[..first], &ada), Err(OpenError::Damaged("content"))));
    let mut longer = whole;
    longer.push(0);
    assert!(opened(&longer, &ada).is_err());
}

#[test]
fn other_kinds_of_recipients_are_skipped() {
    let ada = identity(0x42);
    let key = FileKey::default();
    let text = header::write(&[ada.recipient()], &key).unwrap();
    let (intro, rest) = text.split_once('\n').unwrap();
    let foreign = format!("-> grease a b\n{}\n\n-> X25519 too many\nAAAA\n", "A".repeat(64));
    // The MAC covers the other stanza too, so it no longer matches, although the file key was unwrapped.
    let text = format!("{intro}\n{foreign}{rest}");
    let read = header::read(&ada, &mut text.as_bytes());
    assert!(matches!(read, Err(OpenError::Damaged("header"))));
    for text in ["", "age", "age-encryption.org/v2\n", "\u{e9}\n", "x\n"] {
        assert!(
            matches!(header::read(&ada, &mut text.as_bytes()), Err(OpenError::NotAge)),
            "{text}"
        );
    }
}

#[test]
fn keys_are_read_in_one_spelling_of_their_kind() {
    let ada = identity(0x42);
    let public = ada.recipient().to_string();
    assert!(public.starts_with("age1") && public.len() == 62, "{public}");
    assert_eq!(public.parse::<Recipient>(), Ok(ada.recipient()));
    for wrong in ["", "age1", &public[..61], &public.replace("age1", "bge1"), &format!("{public}q")]
    {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
    let prefix = bech32::Hrp::parse("age").unwrap();
    let other_checksum = bech32::encode::<bech32::Bech32m>(prefix, &[1; 32]).unwrap();
    assert!(other_checksum.parse::<Recipient>().is_err());
    let secret = bech32::Hrp::parse("AGE-SECRET-KEY-").unwrap();
    let secret = bech32::encode_upper::<bech32::Bech32>(secret, &[0x42; 32]).unwrap();
    let file = format!("# created: 2026-01-01\n# public key: {public}\n\n{secret}\n");
    assert_eq!(Identity::from_file(&file).unwrap().recipient(), ada.recipient());
    for wrong in [String::new(), "# nothing\n".to_owned(), format!("{file}{secret}\n"), public] {
        assert!(Identity::from_file(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_reader_that_fails_is_an_error() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    assert!(seal(&[identity(1).recipient()], Broken, io::sink()).is_err());
}
