//! Fills a template with the values of an API.

use crate::base::build_info;
use crate::domain::token_rules::TokenType;

use super::catalog::{Kind, Snippet};
use super::syntax::{Constant, Syntax, in_comment, in_query};

/// The API in the templates.
const TEMPLATE_AUDIENCE: &str = "https://api.example.com";
/// The scope in the decision request of the templates.
const TEMPLATE_SCOPE: &str = "&scope=orders:read";

/// The values for a template.
#[derive(Debug)]
pub struct Values<'a> {
    /// The issuer URL.
    pub issuer: &'a str,
    /// The identifier of the API.
    pub audience: &'a str,
    /// The scopes that a token must have, separated by spaces; may be empty.
    pub scope: &'a str,
    /// The `typ` of its tokens.
    pub token_type: TokenType,
    /// The algorithms of its tokens.
    pub algorithms: &'a [&'a str],
    /// `open` or `closed`, for a snippet that reads the revocation feed.
    pub when_stale: Option<&'a str>,
}

impl Snippet {
    /// The whole file.
    pub fn rendered(&self, values: &Values<'_>) -> String {
        match self.kind {
            Kind::Program(syntax) | Kind::ProgramWithFeed(syntax) => self.program(syntax, values),
            Kind::Gateway(comment) => self.gateway(comment, values, |url| url),
            Kind::GatewayWithFormats(comment) => {
                self.gateway(comment, values, |url| url.replace('%', "%%"))
            }
        }
    }

    fn program(&self, syntax: Syntax, values: &Values<'_>) -> String {
        let text = |constant, value: &str| (constant, syntax.quoted(value));
        let mut constants = vec![
            text(Constant::Issuer, values.issuer),
            text(Constant::Audience, values.audience),
            text(Constant::Scope, values.scope),
            text(Constant::Type, values.token_type.as_str()),
            (Constant::Algorithms, syntax.list(values.algorithms.iter().copied())),
        ];
        constants.extend(values.when_stale.map(|choice| text(Constant::WhenStale, choice)));
        let mut lines: Vec<String> = self.source.lines().map(str::to_owned).collect();
        for (constant, value) in constants {
            let declaration = syntax.declaration(constant);
            let found = lines.iter_mut().find(|line| line.trim_start().starts_with(&*declaration));
            if let Some(line) = found {
                let indent = line.len() - line.trim_start().len();
                *line = format!("{}{declaration}{value}{}", " ".repeat(indent), syntax.end());
            }
        }
        let comment = self.comment(syntax.comment(), values);
        let at = syntax.lines_before_comment();
        lines.splice(at..at, comment);
        lines.join("\n") + "\n"
    }

    fn gateway(
        &self,
        comment: &str,
        values: &Values<'_>,
        escaped: impl Fn(String) -> String,
    ) -> String {
        let scope = match values.scope {
            "" => String::new(),
            scope => format!("&scope={}", in_query(scope)),
        };
        let text = self.source.replace(TEMPLATE_SCOPE, &escaped(scope));
        let text = text.replace(TEMPLATE_AUDIENCE, &escaped(in_query(values.audience)));
        self.comment(comment, values).join("\n") + "\n" + &text
    }

    /// The lines above the template.
    fn comment(&self, mark: &str, values: &Values<'_>) -> Vec<String> {
        let version = build_info::VERSION;
        let scope = match values.scope {
            "" => "none is required".to_owned(),
            scope => scope.split(' ').map(in_comment).collect::<Vec<_>>().join(" "),
        };
        let mut texts = vec![format!(
            "{}, printed by `signet snippet {}` of Signet {version}.",
            self.file, self.name
        )];
        if self.syntax().is_some() {
            texts.push(format!("Issuer: {}", in_comment(values.issuer)));
        }
        texts.push(format!("Audience: {}", in_comment(values.audience)));
        texts.push(format!("Scope: {scope}"));
        if self.syntax().is_some() {
            texts.push(format!("Algorithms: {}", values.algorithms.join(", ")));
            texts.push(format!("Install: {}", self.install));
        } else {
            let note = "Change the addresses of Signet (127.0.0.1:8484) and of the services (127.0.0.1:9001, 9002).";
            texts.push(note.to_owned());
        }
        texts.push(format!("Run: {}", self.run));
        let lines = texts.into_iter().map(|text| format!("{mark} {text}"));
        lines.chain([String::new()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::SNIPPETS;
    use super::*;

    const HOSTILE: &str = "urn:a'b\"c$d${e}#{f}\\u0022\n//?>%{+Q}g";

    fn values() -> Values<'static> {
        Values {
            issuer: "https://id.example.com",
            audience: HOSTILE,
            scope: "one two",
            token_type: TokenType::Jwt,
            algorithms: &["PS256"],
            when_stale: Some("closed"),
        }
    }

    /// Every template declares each constant on one line, in which only the literal is replaced.
    #[test]
    fn every_constant_is_replaced_once() {
        for snippet in SNIPPETS {
            let Some(syntax) = snippet.syntax() else { continue };
            let printed = snippet.rendered(&values());
            let mut constants = vec![
                (Constant::Issuer, syntax.quoted("https://id.example.com")),
                (Constant::Audience, syntax.quoted(HOSTILE)),
                (Constant::Scope, syntax.quoted("one two")),
                (Constant::Type, syntax.quoted("JWT")),
                (Constant::Algorithms, syntax.list(["PS256"])),
            ];
            if snippet.has_feed() {
                constants.push((Constant::WhenStale, syntax.quoted("closed")));
            }
            for (constant, value) in constants {
                let declaration = syntax.declaration(constant);
                let declared = |line: &&str| line.trim_start().starts_with(&*declaration);
                let count = snippet.source.lines().filter(declared).count();
                assert_eq!(count, 1, "{}: {declaration}", snippet.name);
                let line = format!("{declaration}{value}{}\n", syntax.end());
                assert!(printed.contains(&line), "{}: {line}", snippet.name);
            }
            for rest in ["localhost:8484", TEMPLATE_AUDIENCE] {
                assert!(!printed.contains(rest), "{} has {rest} elsewhere", snippet.name);
            }
        }
    }

    /// No character of an audience has a special meaning in the file of a gateway.
    #[test]
    fn gateways_have_the_audience_and_the_scope_of_the_api() {
        for snippet in SNIPPETS.iter().filter(|snippet| snippet.syntax().is_none()) {
            let printed = snippet.rendered(&values());
            assert!(!printed.contains("api.example.com") && !printed.contains("orders:read"));
            let code: Vec<&str> = printed
                .split_once("\n\n")
                .unwrap()
                .1
                .lines()
                .filter(|line| line.contains("urn:a"))
                .collect();
            for line in code {
                let (_, url) = line.split_once("urn:a").unwrap();
                assert!(
                    url.replace("%%", "%").starts_with(
                        "%27b%22c%24d%24%7Be%7D%23%7Bf%7D%5Cu0022%0A//%3F%3E%25%7B%2BQ%7Dg"
                    ),
                    "{}: {line}",
                    snippet.name
                );
            }
        }
        let nginx = Snippet::named("nginx").unwrap().rendered(&values());
        assert!(nginx.contains("&scope=one%20two\""), "{nginx}");
        let none = Snippet::named("nginx").unwrap().rendered(&Values { scope: "", ..values() });
        assert!(!none.contains("&scope"), "{none}");
    }
}
