//! Tests of permanent and temporary failures and their texts.

use super::*;

fn refused(stage: Stage, code: u16) -> SendError {
    SendError { code: Some(code), ..SendError::local(stage, "5.1.1 <ada@example.com>: no") }
}

#[test]
fn only_a_refusal_of_the_mail_itself_is_final() {
    for stage in Stage::ALL {
        let of_mail = matches!(stage, Stage::Sender | Stage::Recipient | Stage::Message);
        assert_eq!(refused(*stage, 550).is_final(), of_mail, "{stage}");
        assert!(!refused(*stage, 450).is_final(), "{stage}");
        assert!(!SendError::local(*stage, "reset").is_final(), "{stage}");
    }
}

#[test]
fn enhanced_codes_are_those_of_the_reply() {
    assert_eq!(enhanced_code(550, "5.1.1 unknown"), Some("5.1.1".to_owned()));
    for (code, text) in [
        (550, "4.1.1 x"),
        (550, "unknown"),
        (550, ""),
        (550, "5.1"),
        (550, "5.1.1234"),
        (550, "5..1"),
        (550, "5.1.1.1"),
        (451, "5.1.1"),
    ] {
        assert_eq!(enhanced_code(code, text), None, "{code} {text}");
    }
}

#[test]
fn the_summary_has_no_text_of_the_server() {
    let mut error = refused(Stage::Recipient, 550);
    error.enhanced = Some("5.1.1".to_owned());
    assert_eq!(error.summary(), "recipient 550 5.1.1");
    assert_eq!(error.to_string(), "550 5.1.1 <ada@example.com>: no");
    assert_eq!(SendError::local(Stage::Connect, "refused").summary(), "connection: refused");
}
