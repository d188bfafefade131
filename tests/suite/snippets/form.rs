//! The form of snippets that cannot run here, and the code that snippets of one language share.

use std::path::Path;

use signet::view::snippet::{SNIPPETS, Tested};

fn source(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/resource-servers");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The text between two lines.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to:?}")).0
}

/// Snippets that verify in the same way have the same code.
#[test]
fn snippets_of_one_language_verify_alike() {
    let node = source("node/node.mjs");
    let verification =
        |text: &str| between(text, "\n// ---- Verification:", "\n// ----").to_owned();
    for other in ["express", "fastify", "hono", "node-revocations"] {
        assert_eq!(
            verification(&source(&format!("node/{other}.mjs"))),
            verification(&node),
            "{other}"
        );
    }
    let python = source("python/pyjwt_server.py");
    let verification =
        |text: &str| between(text, "\n# ---- Verification:", "\n\n\n# ----").to_owned();
    for other in [
        "python/revocations",
        "python-frameworks/fastapi",
        "python-frameworks/flask",
        "python-frameworks/django",
        "python-frameworks/fastmcp",
    ] {
        assert_eq!(
            verification(&source(&format!("{other}_server.py"))),
            verification(&python),
            "{other}"
        );
    }
}

/// Files of languages that do not run here are marked as such, and their quotes and brackets match.
#[test]
fn untested_languages_are_well_formed_and_marked() {
    let mut seen = 0;
    for snippet in SNIPPETS.iter().filter(|snippet| snippet.tested == Tested::FormOnly) {
        seen += 1;
        assert!(snippet.source.contains("Not run by Signet's tests"), "{}", snippet.name);
        assert_eq!(open_brackets(snippet.source), Vec::<char>::new(), "{}", snippet.name);
    }
    assert_eq!(seen, 3);
    let (unclosed, twice) = ("f(\"a\\\")\", '(') { // )\n", "f(\"a)");
    assert_eq!(open_brackets(unclosed), ['{']);
    assert_eq!(open_brackets(twice), ['(', '"']);
}

/// The brackets and quotes that are open at the end of a text in Java, C# or PHP.
fn open_brackets(text: &str) -> Vec<char> {
    let mut open: Vec<char> = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match open.last().copied() {
            Some(quote @ ('"' | '\'')) => match character {
                '\\' => drop(characters.next()),
                _ if character == quote => drop(open.pop()),
                _ => {}
            },
            last => match character {
                '/' if characters.peek() == Some(&'/') => {
                    characters.by_ref().find(|next| *next == '\n');
                }
                '/' if characters.peek() == Some(&'*') => {
                    let mut last = ' ';
                    for next in characters.by_ref() {
                        if (last, next) == ('*', '/') {
                            break;
                        }
                        last = next;
                    }
                }
                '(' | '{' | '[' | '"' | '\'' => open.push(character),
                ')' | '}' | ']' => {
                    let pairs = [('(', ')'), ('{', '}'), ('[', ']')];
                    let opened = pairs.iter().find(|(_, closing)| *closing == character).unwrap().0;
                    assert_eq!(last, Some(opened), "{character} closes nothing");
                    open.pop();
                }
                _ => {}
            },
        }
    }
    open
}
