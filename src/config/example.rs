//! The text of `.env.example`, generated so that it cannot drift from the setting list.
//!
//! Owns the introduction; names, defaults and meanings come from the list.

use super::settings::{Fallback, SETTINGS, Setting};

const HEAD: &str = "\
# Settings of Signet. All are optional: without any, it starts on http://localhost:8484 with SQLite.
#
# To use this file:   install -m 600 .env.example .env
# It is read from the working directory and refused when another user owns it or when group or
# others can write it. A variable in the real environment wins over a line here. An empty value
# counts as not set; an unknown SIGNET_ name is an error. See what is in force: signet config show
#
# Durations: 500ms 30s 15m 2h 30d. Sizes: 64MiB. Lists: comma-separated.
# Put values with blanks, double quotes, # or \\ into 'single quotes', and always those with $:
# outside them $NAME is replaced by a variable, and by nothing where there is none. Values with an
# apostrophe go into \"double quotes\", with a \\ before each $, \" and \\ in them.
#
# Secrets are marked. Instead of writing one here, use a file that only Signet can read: set
# NAME_FILE to its path instead of NAME (a line ending at its end is dropped). Setting both is an
# error. Never commit a .env that holds secrets.
";

/// The text of `.env.example`: every setting commented out, with its meaning and default.
#[must_use]
pub fn example() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            page.push_str(&format!("\n\n# ---- {section} ----\n"));
        }
        page.push('\n');
        page.push_str(&entry(setting));
    }
    page
}

fn entry(setting: &Setting) -> String {
    let Setting { name, meaning, .. } = setting;
    let mut text = format!("# {meaning}\n");
    if let Some(file) = setting.file_name() {
        text.push_str(&format!("# Secret; or set {file}.\n"));
    }
    let value = match setting.fallback {
        Fallback::Fixed(value) => value,
        Fallback::Derived { says, sample } => {
            text.push_str(&format!("# Default: {says}.\n"));
            sample
        }
    };
    // Outside of quotes, # begins a comment and a blank ends the value.
    let quote = if value.contains(['#', ' ']) { "'" } else { "" };
    text.push_str(&format!("#{name}={quote}{value}{quote}\n"));
    text
}
