//! Tests of the claims of tokens: those that an API requests, and the absence of duplicates.

use serde_json::json;

use super::*;
use crate::domain::attributes::Attributes;
use crate::domain::user::Role;

#[test]
fn an_api_sees_what_it_asks_for_and_nothing_else() {
    let Value::Object(claims) = json!({"department": "sales", "floor": 3}) else { panic!() };
    let attributes = Attributes { roles: vec!["support".to_owned()], groups: vec![], claims };
    let subject = Subject { role: Role::Admin, attributes, email: None };
    let asked = |names: &[&str]| {
        let claims = names.iter().map(|name| (*name).to_owned()).collect();
        Value::Object(asked_by(&TokenRules { claims, ..TokenRules::DEFAULT }, &subject))
    };
    assert_eq!(asked(&[]), json!({}));
    assert_eq!(asked(&["roles", "groups"]), json!({"roles": ["support", "admin"], "groups": []}));
    assert_eq!(asked(&["floor", "no_such"]), json!({"floor": 3}));
}

/// Every member of a token is a reserved name, so that no custom claim can have it.
#[test]
fn the_members_of_tokens_are_reserved_names() {
    let access = AccessClaims {
        iss: "",
        sub: String::new(),
        aud: "",
        exp: 0,
        iat: 0,
        jti: "",
        client_id: "",
        azp: Some(""),
        scope: String::new(),
        sid: Some(String::new()),
        api_key_id: Some(String::new()),
        auth_time: Some(0),
        acr: Some(Factors::password(Timestamp::from_secs(0)).acr()),
        amr: Some(Factors::password(Timestamp::from_secs(0)).amr()),
        act: Some(Value::Null),
        cnf: Some(Confirmation { jkt: String::new() }),
        asked: Map::new(),
    };
    let id = IdClaims {
        iss: "",
        sub: String::new(),
        aud: "",
        exp: 0,
        iat: 0,
        auth_time: 0,
        acr: Factors::password(Timestamp::from_secs(0)).acr(),
        amr: Factors::password(Timestamp::from_secs(0)).amr(),
        sid: String::new(),
        nonce: Some(""),
        at_hash: String::new(),
        asked: Map::new(),
    };
    let logout = LogoutClaims {
        iss: "",
        sub: String::new(),
        aud: "",
        iat: 0,
        exp: 0,
        jti: String::new(),
        sid: String::new(),
        events: Value::Null,
    };
    for token in [json!(access), json!(id), json!(logout)] {
        for name in token.as_object().unwrap().keys() {
            assert!(is_reserved_claim(name), "{name}");
        }
    }
    let listed = json!(id);
    let members: Vec<&String> = listed.as_object().unwrap().keys().collect();
    assert_eq!(members, ID_TOKEN_CLAIMS);
}

#[test]
fn a_custom_claim_never_doubles_a_claim_of_the_token() {
    let Value::Object(claims) = json!({"sub": "eve", "exp": 1, "floor": 3}) else { panic!() };
    let attributes = Attributes { roles: vec![], groups: vec![], claims };
    let subject = Subject { role: Role::User, attributes, email: None };
    let claims = ["sub", "exp", "floor"].map(str::to_owned).to_vec();
    let asked = asked_by(&TokenRules { claims, ..TokenRules::DEFAULT }, &subject);
    assert_eq!(Value::Object(asked), json!({"floor": 3}));
}
