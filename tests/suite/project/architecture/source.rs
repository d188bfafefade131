//! The sources of the crate as tokens, and the paths in them.
//!
//! Owns reading and resolving; judges nothing. Tokens, because a path in a comment or a string is no use, and
//! one inside a macro call, an attribute or a brace list is. A full parse would miss those inside macros.

#![expect(clippy::panic, reason = "a source that cannot be read must fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A source file.
pub struct File {
    /// Its path from the crate's root, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: TokenStream,
}

/// A path in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Its segments as written.
    pub segments: Vec<String>,
    /// The line it starts in.
    pub line: usize,
    /// The inline modules around it.
    inside: Vec<String>,
}

/// The meaning of a mention.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A path from the crate's root.
    Own(Vec<String>),
    /// Another crate, or something in scope.
    Other(String),
}

/// Every Rust file under `folder` of this crate, in order.
pub fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        File::read(&name, &text)
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

impl File {
    /// A file of this text.
    pub fn read(path: &str, text: &str) -> Self {
        let tokens = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    /// The module of the file: `store::db` for `src/store/db.rs`, empty for the crate's root.
    pub fn module(&self) -> Vec<String> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let mut module: Vec<String> =
            path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        let last = module.last().map(String::as_str);
        if last == Some("mod") || (module.len() == 1 && matches!(last, Some("lib" | "main"))) {
            module.pop();
        }
        module
    }

    /// Every path in the file, in order.
    pub fn mentions(&self) -> Vec<Mention> {
        let mut found = Vec::new();
        walk(&self.tokens, &[], &mut found);
        found
    }

    /// The meaning of `mention` in this file.
    pub fn resolve(&self, mention: &Mention) -> Meaning {
        let Some((first, rest)) = mention.segments.split_first() else {
            return Meaning::Other(String::new());
        };
        let mut from = self.module();
        from.extend(mention.inside.iter().cloned());
        match first.as_str() {
            // The root of the binary names the library by its name.
            "crate" | "signet" => Meaning::Own(rest.to_vec()),
            "self" => {
                from.extend(rest.iter().cloned());
                Meaning::Own(from)
            }
            "super" => {
                let ups = mention.segments.iter().take_while(|segment| *segment == "super");
                let ups = ups.count();
                from.truncate(from.len().saturating_sub(ups));
                from.extend(mention.segments.iter().skip(ups).cloned());
                Meaning::Own(from)
            }
            _ => Meaning::Other(first.clone()),
        }
    }

    /// The macros that the file exports, which are at the crate's root.
    pub fn exported_macros(&self) -> Vec<String> {
        let tokens: Vec<TokenTree> = self.tokens.clone().into_iter().collect();
        let mut names = Vec::new();
        let mut exported = false;
        for (at, token) in tokens.iter().enumerate() {
            if let TokenTree::Group(group) = token
                && group.delimiter() == Delimiter::Bracket
                && group.stream().to_string() == "macro_export"
            {
                exported = true;
            }
            if exported
                && is_ident(token, "macro_rules")
                && let Some(TokenTree::Ident(name)) = tokens.get(at + 2)
            {
                names.push(name.to_string());
                exported = false;
            }
        }
        names
    }
}

/// Keywords that can precede `::` without being part of a path.
const KEYWORDS: &[&str] =
    &["as", "break", "dyn", "else", "impl", "in", "match", "move", "mut", "return", "where"];

fn walk(tokens: &TokenStream, inside: &[String], found: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let mut inside = inside.to_vec();
                    inside.push(name.to_string());
                    walk(&body.stream(), &inside, found);
                    at += 2;
                }
                at += 1;
            }
            TokenTree::Ident(word) if word == "use" => {
                let end = (at..tokens.len()).find(|at| is_punct(tokens.get(*at), ';'));
                let end = end.unwrap_or(tokens.len());
                tree(&tokens[at + 1..end], &[], inside, found);
                at = end;
            }
            TokenTree::Ident(word) if word == "extern" => {
                if tokens.get(at + 1).is_some_and(|next| is_ident(next, "crate"))
                    && let Some(TokenTree::Ident(name)) = tokens.get(at + 2)
                {
                    found.push(mention(vec![name.to_string()], token, inside));
                    at += 2;
                }
                at += 1;
            }
            TokenTree::Ident(word) => {
                let start = at;
                let mut segments = vec![word.to_string()];
                at += 1;
                if KEYWORDS.contains(&segments[0].as_str()) || continues(&tokens[..start]) {
                    continue;
                }
                while is_colons(&tokens, at)
                    && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                {
                    segments.push(next.to_string());
                    at += 3;
                }
                if segments.len() > 1 {
                    found.push(mention(segments, &tokens[start], inside));
                }
            }
            TokenTree::Group(group) => {
                // An attribute may name a crate and no item of it: `#[sqlx(flatten)]`.
                let attribute =
                    group.delimiter() == Delimiter::Bracket && at > 0 && is_attribute(&tokens, at);
                let mut content = group.stream().into_iter();
                if let (true, Some(TokenTree::Ident(name))) = (attribute, content.next())
                    && name != "doc"
                    && !is_punct(content.next().as_ref(), ':')
                {
                    found.push(mention(vec![name.to_string()], token, inside));
                }
                walk(&group.stream(), inside, found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// The leaves of a `use` tree.
fn tree(tokens: &[TokenTree], prefix: &[String], inside: &[String], found: &mut Vec<Mention>) {
    let Some(first) = tokens.first() else { return };
    let mut segments = prefix.to_vec();
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "as" => break,
            // `{self}` is the module before the braces; elsewhere it is the current module.
            TokenTree::Ident(word) if word == "self" && !prefix.is_empty() => {}
            TokenTree::Ident(word) => segments.push(word.to_string()),
            TokenTree::Group(group) => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in branches.split(|token| is_punct(Some(token), ',')) {
                    tree(branch, &segments, inside, found);
                }
                return;
            }
            _ => {}
        }
    }
    found.push(mention(segments, first, inside));
}

fn mention(segments: Vec<String>, at: &TokenTree, inside: &[String]) -> Mention {
    Mention { segments, line: at.span().start().line, inside: inside.to_vec() }
}

/// Whether the tokens after `before` continue the path: a method, or a path after generics.
fn continues(before: &[TokenTree]) -> bool {
    let mut back = before.iter().rev();
    match (back.next(), back.next(), back.next()) {
        (Some(TokenTree::Punct(last)), _, _) if last.as_char() == '.' => true,
        (Some(TokenTree::Punct(a)), Some(TokenTree::Punct(b)), Some(TokenTree::Punct(c))) => {
            a.as_char() == ':' && b.as_char() == ':' && c.as_char() == '>'
        }
        _ => false,
    }
}

fn is_attribute(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at - 1), '#')
        || (at > 1 && is_punct(tokens.get(at - 1), '!') && is_punct(tokens.get(at - 2), '#'))
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

fn is_ident(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

#[test]
fn paths_are_found_in_groups_macros_and_attributes() {
    let file = File::read(
        "src/app/keys.rs",
        "//! crate::comment::is_no_use\n\
         use crate::{a::{self, B as C}, d::*};\n\
         use ::sqlx::Row;\n\
         #[derive(sqlx::FromRow)]\n\
         struct S { #[sqlx(flatten)] x: super::mod_y::Y }\n\
         mod tests { use super::*; fn f() { self::g(); super::super::h::i(); } }\n\
         fn g() { m!(crate::j::k \"crate::string\"); x.y::<z::Z>(); Vec::<u8>::new(); <A as B>::c() }",
    );
    let found: Vec<(usize, String)> =
        file.mentions().iter().map(|m| (m.line, m.segments.join("::"))).collect();
    let found: Vec<(usize, &str)> = found.iter().map(|(line, path)| (*line, &**path)).collect();
    assert_eq!(
        found,
        [
            (2, "crate::a"),
            (2, "crate::a::B"),
            (2, "crate::d"),
            (3, "sqlx::Row"),
            (4, "derive"),
            (4, "sqlx::FromRow"),
            (5, "sqlx"),
            (5, "super::mod_y::Y"),
            (6, "super"),
            (6, "self::g"),
            (6, "super::super::h::i"),
            (7, "crate::j::k"),
            (7, "z::Z"),
        ]
    );
    let meanings: Vec<Meaning> = file.mentions().iter().map(|m| file.resolve(m)).collect();
    let own = |path: &str| Meaning::Own(path.split("::").map(str::to_owned).collect());
    assert_eq!(meanings[0], own("a"));
    assert_eq!(meanings[3], Meaning::Other("sqlx".to_owned()));
    assert_eq!(meanings[7], own("app::mod_y::Y"));
    assert_eq!(meanings[8], own("app::keys"));
    assert_eq!(meanings[9], own("app::keys::tests::g"));
    assert_eq!(meanings[10], own("app::h::i"));
}

#[test]
fn files_are_the_modules_they_are() {
    let module = |path: &str| File::read(path, "").module().join("::");
    assert_eq!(module("src/store/db.rs"), "store::db");
    assert_eq!(module("src/store/mod.rs"), "store");
    assert_eq!(module("src/jobs.rs"), "jobs");
    assert_eq!(module("src/lib.rs"), "");
    assert_eq!(module("src/main.rs"), "");
    let exported = File::read(
        "src/x.rs",
        "#[macro_export] macro_rules! a { () => {} } macro_rules! b { () => {} }",
    );
    assert_eq!(exported.exported_macros(), ["a"]);
}
