//! The `claims` parameter: individually requested claims (OpenID Connect Core §5.5).
//!
//! Unknown claims are left out, even if they are essential (§5.5.1). An essential `acr` with a value is the
//! standard's exception (§5.5.1.1): if it cannot be met, the client gets an error.

use serde_json::{Map, Value};

use super::oidc::{self, RequestedClaims};

/// The longest accepted text, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// A parsed `claims` parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimsRequest {
    /// The known claims, by destination.
    pub asked: RequestedClaims,
    /// The only user who may sign in, by the requested `sub`.
    pub sub: Option<String>,
    /// The requested `acr` of the ID token, if any.
    pub acr: Option<AcrRequest>,
}

/// A request for certain values of `acr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcrRequest {
    /// Whether the request fails without one of them.
    pub is_essential: bool,
    /// The values, including unknown ones.
    pub values: Vec<String>,
}

/// The text is not a JSON object of the expected structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl ClaimsRequest {
    /// Reads the parameter.
    ///
    /// # Errors
    /// When it is not a JSON object of objects, or longer than 8 KiB. Nesting is bounded by the parser.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_TEXT {
            return Err(Malformed);
        }
        let all: Map<String, Value> = serde_json::from_str(text).map_err(|_| Malformed)?;
        let mut request = Self::default();
        for (place, asked) in &all {
            match place.as_str() {
                "userinfo" => request.asked.userinfo = request.read(asked)?,
                "id_token" => {
                    request.asked.id_token = request.read(asked)?;
                    request.acr = acr(&asked["acr"])?;
                }
                _ => {}
            }
        }
        Ok(request)
    }

    /// The known claims for one destination.
    fn read(&mut self, place: &Value) -> Result<Vec<String>, Malformed> {
        let asked = match place {
            Value::Null => return Ok(Vec::new()),
            Value::Object(asked) => asked,
            _ => return Err(Malformed),
        };
        let mut names = Vec::new();
        for (name, how) in asked {
            if !(how.is_null() || how.is_object()) {
                return Err(Malformed);
            }
            match name.as_str() {
                "sub" => self.sub = how["value"].as_str().map(str::to_owned).or(self.sub.take()),
                name if oidc::scope_of(name).is_some() => names.push(name.to_owned()),
                _ => {}
            }
        }
        Ok(names)
    }
}

/// The requested values of `acr`. Without values, any is accepted.
fn acr(how: &Value) -> Result<Option<AcrRequest>, Malformed> {
    let value = match &how["value"] {
        Value::Null => None,
        Value::String(value) => Some(value.clone()),
        _ => return Err(Malformed),
    };
    let values = match &how["values"] {
        Value::Null => Vec::new(),
        Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().ok_or(Malformed)?
        }
        _ => return Err(Malformed),
    };
    let values: Vec<String> = value.into_iter().chain(values).collect();
    let is_essential = how["essential"] == Value::Bool(true);
    Ok((!values.is_empty()).then_some(AcrRequest { is_essential, values }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_claims_are_kept_and_others_ignored() {
        let text = r#"{"userinfo":{"name":{"essential":true},"phone_number":null},
            "id_token":{"auth_time":{"essential":true},"sub":{"value":"x"},"roles":null},"z":1}"#;
        let request = ClaimsRequest::parse(text).unwrap();
        assert_eq!(request.asked.userinfo, ["name"]);
        assert_eq!(request.asked.id_token, ["roles"]);
        assert_eq!((request.sub.as_deref(), request.acr), (Some("x"), None));
        assert_eq!(ClaimsRequest::parse("{}"), Ok(ClaimsRequest::default()));
        assert!(ClaimsRequest::parse(r#"{"userinfo":null}"#).is_ok());
    }

    #[test]
    fn an_acr_is_requested_only_with_a_value() {
        for (acr, wanted) in [
            (r#"{"essential":true,"value":"a"}"#, Some((true, vec!["a"]))),
            (r#"{"essential":true,"values":["a","b"]}"#, Some((true, vec!["a", "b"]))),
            (r#"{"essential":true,"value":"a","values":[]}"#, Some((true, vec!["a"]))),
            (r#"{"essential":true}"#, None),
            (r#"{"essential":true,"values":[]}"#, None),
            (r#"{"essential":true,"value":null,"values":null}"#, None),
            (r#"{"essential":false,"values":["a"]}"#, Some((false, vec!["a"]))),
            (r#"{"value":"a"}"#, Some((false, vec!["a"]))),
            ("null", None),
            ("{}", None),
        ] {
            let wanted = wanted.map(|(is_essential, values)| AcrRequest {
                is_essential,
                values: values.into_iter().map(str::to_owned).collect(),
            });
            let request = |place: &str| {
                ClaimsRequest::parse(&format!(r#"{{"{place}":{{"acr":{acr}}}}}"#)).unwrap()
            };
            assert_eq!(request("id_token").acr, wanted, "{acr}");
            // Userinfo contains no `acr` (OpenID Connect Core §5.5.1.1 is about the ID token).
            assert_eq!(request("userinfo").acr, None, "{acr}");
        }
        for bad in [r#"{"values":"a"}"#, r#"{"values":[1]}"#, r#"{"value":1}"#, r#"{"value":[]}"#] {
            let text = format!(r#"{{"id_token":{{"acr":{bad}}}}}"#);
            assert_eq!(ClaimsRequest::parse(&text), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn a_claims_request_must_be_an_object_of_objects() {
        let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT));
        for bad in
            ["", "[]", "1", "{", "{\"userinfo\":1}", "{\"userinfo\":{\"name\":1}}", &deep, &long]
        {
            assert_eq!(ClaimsRequest::parse(bad), Err(Malformed), "{bad:.40}");
        }
    }
}
