//! The `claims` parameter: single claims a client asks for (OpenID Connect Core §5.5).
//!
//! Owns its reading. A claim that does not exist here is left out, also where it is essential (§5.5.1).
//! An essential `acr` with a value is the exception the standard makes (§5.5.1.1): that login cannot be
//! had, and the client is told.

use serde_json::{Map, Value};

use super::oidc::{self, RequestedClaims};

/// The longest text that is looked at, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// What a client asks for in detail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimsRequest {
    /// The claims that are known, by where they are asked for.
    pub asked: RequestedClaims,
    /// The only user that will do.
    pub sub: Option<String>,
    /// The ID token has to say a certain `acr`; Signet has none.
    pub needs_acr: bool,
}

/// The text is not the JSON object it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl ClaimsRequest {
    /// Reads the parameter.
    ///
    /// # Errors
    /// When it is no JSON object of objects, or longer than 8 KiB. Nesting is bounded by the parser.
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
                    request.needs_acr = needs_acr(&asked["acr"])?;
                }
                _ => {}
            }
        }
        Ok(request)
    }

    /// The known names of one place.
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

/// Whether a request for `acr` is essential and names the values that will do. Without values any
/// would do, and so does none.
fn needs_acr(how: &Value) -> Result<bool, Malformed> {
    let names_value = match &how["value"] {
        Value::Null => false,
        Value::String(_) => true,
        _ => return Err(Malformed),
    };
    let names_values = match &how["values"] {
        Value::Null => false,
        Value::Array(values) if values.iter().all(Value::is_string) => !values.is_empty(),
        _ => return Err(Malformed),
    };
    Ok(how["essential"] == Value::Bool(true) && (names_value || names_values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_kept_and_the_rest_left_out() {
        let text = r#"{"userinfo":{"name":{"essential":true},"phone_number":null},
            "id_token":{"auth_time":{"essential":true},"sub":{"value":"x"},"roles":null},"z":1}"#;
        let request = ClaimsRequest::parse(text).unwrap();
        assert_eq!(request.asked.userinfo, ["name"]);
        assert_eq!(request.asked.id_token, ["roles"]);
        assert_eq!((request.sub.as_deref(), request.needs_acr), (Some("x"), false));
        assert_eq!(ClaimsRequest::parse("{}"), Ok(ClaimsRequest::default()));
        assert!(ClaimsRequest::parse(r#"{"userinfo":null}"#).is_ok());
    }

    #[test]
    fn an_acr_is_needed_only_where_it_is_essential_and_has_a_value() {
        for (acr, needed) in [
            (r#"{"essential":true,"value":"a"}"#, true),
            (r#"{"essential":true,"values":["a","b"]}"#, true),
            (r#"{"essential":true,"value":"a","values":[]}"#, true),
            (r#"{"essential":true}"#, false),
            (r#"{"essential":true,"values":[]}"#, false),
            (r#"{"essential":true,"value":null,"values":null}"#, false),
            (r#"{"essential":false,"values":["a"]}"#, false),
            (r#"{"value":"a"}"#, false),
            ("null", false),
            ("{}", false),
        ] {
            let request = |place: &str| {
                ClaimsRequest::parse(&format!(r#"{{"{place}":{{"acr":{acr}}}}}"#)).unwrap()
            };
            assert_eq!(request("id_token").needs_acr, needed, "{acr}");
            // Userinfo says no acr (OpenID Connect Core §5.5.1.1 is about the ID token).
            assert!(!request("userinfo").needs_acr, "{acr}");
        }
        for bad in [r#"{"values":"a"}"#, r#"{"values":[1]}"#, r#"{"value":1}"#, r#"{"value":[]}"#] {
            let text = format!(r#"{{"id_token":{{"acr":{bad}}}}}"#);
            assert_eq!(ClaimsRequest::parse(&text), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn what_is_no_object_of_objects_is_refused() {
        let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_TEXT));
        for bad in
            ["", "[]", "1", "{", "{\"userinfo\":1}", "{\"userinfo\":{\"name\":1}}", &deep, &long]
        {
            assert_eq!(ClaimsRequest::parse(bad), Err(Malformed), "{bad:.40}");
        }
    }
}
