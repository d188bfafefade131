//! Every command in a text exists, with its options.

use std::path::Path;

use clap::CommandFactory as _;

use super::Cli;

/// The texts people read: pages, messages, documentation, manifests.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    let mut folders = ["src", "locales", "templates", "docs", "deploy", "examples"]
        .map(|name| root.join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "node_modules" {
                    folders.push(path);
                }
            } else if !name.ends_with("tests.rs")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                texts.push((path.display().to_string(), text));
            }
        }
    }
    texts.push(("README.md".to_owned(), std::fs::read_to_string(root.join("README.md")).unwrap()));
    texts
}

/// The text after each `signet `, up to the end of the command.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let is_start = |(at, _): &(usize, &str)| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"/-_.".contains(before))
    };
    text.match_indices("signet ").filter(is_start).filter_map(|(at, name)| {
        let rest = text.get(at + name.len()..)?;
        rest.split(['`', '"', '\n', ';', '|', '<', '>', ')', '\\', '&', '\'', '*']).next()
    })
}

/// The error in a command, if any.
fn mistake(words: &str) -> Option<String> {
    let root = Cli::command();
    let mut words = words.split_whitespace().peekable();
    // "signet" may be a name in a sentence.
    let mut command = root.find_subcommand(words.next()?)?;
    while command.has_subcommands() {
        // A sentence may name the group: "signet token", "signet key …".
        let Some(word) = words.next().map(|word| word.trim_end_matches(['.', ',', ':'])) else {
            break;
        };
        if !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') || word.is_empty() {
            break;
        }
        let Some(verb) = command.find_subcommand(word) else {
            return Some(format!("there is no `signet {} {word}`", command.get_name()));
        };
        command = verb;
    }
    let known = |option: &str| {
        let options =
            command.get_arguments().chain(root.get_arguments().filter(|arg| arg.is_global_set()));
        options.filter_map(clap::Arg::get_long).any(|long| long == option)
    };
    words
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| option.split(['=', '.', ',', ':', ']']).next().unwrap_or_default())
        .find(|option| !option.is_empty() && *option != "help" && !known(option))
        .map(|option| format!("`signet {}` has no --{option}", command.get_name()))
}

#[test]
fn every_recommended_command_exists() {
    let mut checked = 0;
    for (path, text) in texts() {
        for command in commands(&text) {
            checked += 1;
            if let Some(mistake) = mistake(command) {
                panic!("{path}: {mistake}: {command}");
            }
        }
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    for wrong in
        ["admin setup-lnk", "user update LOGIN --rle admin", "key rotate --at-once", "client set x"]
    {
        assert!(mistake(wrong).is_some(), "{wrong}");
    }
    for right in
        ["admin setup-link", "user update LOGIN --role admin", "is a server", "key list -o ndjson"]
    {
        assert_eq!(mistake(right), None, "{right}");
    }
}
