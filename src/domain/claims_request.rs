//! The `claims` parameter: single claims a client asks for (OpenID Connect Core §5.5).
//!
//! Owns its reading. Claims nobody knows are left out, as the standard wants; what cannot be met and
//! was called essential is said, not passed over.

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
    /// A level of authentication was called essential; Signet knows none.
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
                "id_token" => request.asked.id_token = request.read(asked)?,
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
                "acr" => self.needs_acr |= how["essential"] == Value::Bool(true),
                name if oidc::scope_of(name).is_some() => names.push(name.to_owned()),
                _ => {}
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_kept_and_the_rest_left_out() {
        let text = r#"{"userinfo":{"name":{"essential":true},"email":null},
            "id_token":{"auth_time":{"essential":true},"sub":{"value":"x"},"roles":null},"z":1}"#;
        let request = ClaimsRequest::parse(text).unwrap();
        assert_eq!(request.asked.userinfo, ["name"]);
        assert_eq!(request.asked.id_token, ["roles"]);
        assert_eq!((request.sub.as_deref(), request.needs_acr), (Some("x"), false));
        let acr = r#"{"id_token":{"acr":{"essential":true,"values":["a"]}}}"#;
        assert!(ClaimsRequest::parse(acr).unwrap().needs_acr);
        assert!(!ClaimsRequest::parse(r#"{"id_token":{"acr":{"value":"a"}}}"#).unwrap().needs_acr);
        assert_eq!(ClaimsRequest::parse("{}"), Ok(ClaimsRequest::default()));
        assert!(ClaimsRequest::parse(r#"{"userinfo":null}"#).is_ok());
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
