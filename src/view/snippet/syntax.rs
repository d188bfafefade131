//! How constants and comments are written in the languages of the snippets.
//!
//! Owns quoting: a value is one literal of its language, whatever characters it contains.

use std::fmt::Write as _;

/// A programming language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JavaScript of Node.js.
    JavaScript,
    /// Python 3.
    Python,
    /// Go.
    Go,
    /// Ruby.
    Ruby,
    /// Java.
    Java,
    /// C#.
    CSharp,
    /// PHP 8.
    Php,
}

/// A constant at the top of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// The issuer.
    Issuer,
    /// The identifier of the API.
    Audience,
    /// The scopes that a token must have.
    Scope,
    /// The `typ` of its tokens.
    Type,
    /// The algorithms of its tokens.
    Algorithms,
    /// The behaviour while the revocation feed is stale.
    WhenStale,
}

impl Constant {
    const fn upper(self) -> &'static str {
        match self {
            Self::Issuer => "ISSUER",
            Self::Audience => "AUDIENCE",
            Self::Scope => "SCOPE",
            Self::Type => "TYPE",
            Self::Algorithms => "ALGORITHMS",
            Self::WhenStale => "WHEN_STALE",
        }
    }

    const fn camel(self) -> &'static str {
        match self {
            Self::Issuer => "Issuer",
            Self::Audience => "Audience",
            Self::Scope => "Scope",
            Self::Type => "Type",
            Self::Algorithms => "Algorithms",
            Self::WhenStale => "WhenStale",
        }
    }
}

impl Syntax {
    /// The prefix of a comment.
    pub const fn comment(self) -> &'static str {
        match self {
            Self::Python | Self::Ruby => "#",
            _ => "//",
        }
    }

    /// The number of lines that must be at the top of a template: `<?php`, and the comments that Ruby only reads there.
    pub const fn lines_before_comment(self) -> usize {
        match self {
            Self::Php | Self::Ruby => 1,
            _ => 0,
        }
    }

    /// The text before the value of a constant, without indentation.
    pub fn declaration(self, constant: Constant) -> String {
        let is_list = constant == Constant::Algorithms;
        match (self, is_list) {
            (Self::JavaScript | Self::Php, _) => format!("const {} = ", constant.upper()),
            (Self::Python | Self::Ruby, _) => format!("{} = ", constant.upper()),
            (Self::Go, false) => format!("const {} = ", constant.camel()),
            (Self::Go, true) => format!("var {} = ", constant.camel()),
            (Self::Java, false) => format!("static final String {} = ", constant.upper()),
            (Self::Java, true) => format!("static final List<String> {} = ", constant.upper()),
            (Self::CSharp, false) => format!("const string {} = ", constant.camel()),
            (Self::CSharp, true) => format!("string[] {} = ", constant.camel()),
        }
    }

    /// The end of the line of a constant.
    pub const fn end(self) -> &'static str {
        match self {
            Self::Python | Self::Go | Self::Ruby => "",
            _ => ";",
        }
    }

    /// A list of texts.
    pub fn list<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> String {
        let texts: Vec<String> = texts.into_iter().map(|text| self.quoted(text)).collect();
        let texts = texts.join(", ");
        match self {
            Self::Go => format!("[]string{{{texts}}}"),
            Self::Java => format!("List.of({texts})"),
            Self::Ruby => format!("[{texts}].freeze"),
            _ => format!("[{texts}]"),
        }
    }

    /// A text as one literal.
    pub fn quoted(self, text: &str) -> String {
        let quote = match self {
            Self::JavaScript | Self::Ruby | Self::Php => '\'',
            _ => '"',
        };
        let mut literal = String::from(quote);
        for character in text.chars() {
            match character {
                '\\' => literal.push_str("\\\\"),
                _ if character == quote => {
                    literal.push('\\');
                    literal.push(quote);
                }
                // In single quotes these languages have no other escape; every other character is literal.
                _ if matches!(self, Self::Ruby | Self::Php) => literal.push(character),
                ' '..='~' => literal.push(character),
                _ => self.push_escaped(&mut literal, character),
            }
        }
        literal.push(quote);
        literal
    }

    fn push_escaped(self, literal: &mut String, character: char) {
        let number = u32::from(character);
        let _ = match self {
            // Java reads \u escapes before it looks for the end of a literal; octal ones are part of the literal.
            Self::Java if number < 0x100 => write!(literal, "\\{number:03o}"),
            Self::Java => {
                literal.push(character);
                Ok(())
            }
            Self::JavaScript => write!(literal, "\\u{{{number:x}}}"),
            _ => write!(literal, "\\U{number:08x}"),
        };
    }
}

/// A text in a comment of any language, on one line: no character of it ends the comment or begins an escape.
pub fn in_comment(text: &str) -> String {
    percent_encoded(text, "-._~:/?#[]@!$&()+,;=%*")
}

/// A text in the query of a URL, encoded so that no character has a special meaning in any file.
pub fn in_query(text: &str) -> String {
    percent_encoded(text, "-._~:/")
}

fn percent_encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_keep_their_quotes() {
        for (syntax, literal) in [
            (Syntax::JavaScript, r#"'a\'b"$\\c\u{a}'"#),
            (Syntax::Python, r#""a'b\"$\\c\U0000000a""#),
            (Syntax::Go, r#""a'b\"$\\c\U0000000a""#),
            (Syntax::CSharp, r#""a'b\"$\\c\U0000000a""#),
            (Syntax::Java, r#""a'b\"$\\c\012""#),
            (Syntax::Ruby, "'a\\'b\"$\\\\c\n'"),
            (Syntax::Php, "'a\\'b\"$\\\\c\n'"),
        ] {
            assert_eq!(syntax.quoted("a'b\"$\\c\n"), literal, "{syntax:?}");
        }
    }

    #[test]
    fn comments_have_one_line_and_no_escapes() {
        assert_eq!(in_comment("urn:a\n\\u000a?>\u{2028}b"), "urn:a%0A%5Cu000a?%3E%E2%80%A8b");
        assert_eq!(in_query("urn:a b&c=%"), "urn:a%20b%26c%3D%25");
    }
}
