//! Reads settings one by one and collects every mistake.
//!
//! Owns secrets from files, defaults, sources and unknown names. A wrong value does not end the reading: the
//! default replaces it so that the rest can be checked, and the collected mistakes refuse the configuration at the
//! end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Shown;
use super::errors::{Mistake, Wrong, nearest, quoted};
use super::settings::{Fallback, SETTINGS, Setting};
use super::source::{Origin, Source, Typed};
use crate::base::Secret;

/// Longest secret read from a file, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// The text of masked values.
const MASK: &str = "[secret]";

pub(super) struct Reader<'a> {
    source: &'a Source,
    mistakes: Vec<Mistake>,
    wrong: BTreeSet<&'static str>,
    shown: BTreeMap<&'static str, Shown>,
}

impl<'a> Reader<'a> {
    /// Starts with the mistakes of the source and of unknown names.
    pub(super) fn new(source: &'a Source) -> Self {
        let mut mistakes = source.mistakes.clone();
        mistakes.extend(unknown(source));
        Self { source, mistakes, wrong: BTreeSet::new(), shown: BTreeMap::new() }
    }

    /// The source. Its lifetime is independent of the reader's, so that parsers can hold it while the reader is
    /// borrowed.
    pub(super) const fn source(&self) -> &'a Source {
        self.source
    }

    /// The typed value, or the default. `None` only if the list has no usable default, which is a bug and reported
    /// as one.
    pub(super) fn fixed<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        if let Some(value) = self.typed(setting, &parse) {
            return Some(value);
        }
        let default = match setting.fallback {
            Fallback::Fixed(text) => parse(text).ok(),
            Fallback::Derived { .. } => None,
        };
        if default.is_none() {
            self.complain(setting, "its default is unusable".to_owned(), "Set it yourself".into());
        }
        default
    }

    /// The typed value, if there is a valid one.
    pub(super) fn typed<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let typed = self.raw(setting);
        self.remember(setting, typed.as_ref());
        let typed = typed?;
        match parse(typed.value.expose()) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let found = describe(setting, &typed);
                let found = format!("found {found}, which {}", wrong.because);
                self.complain(setting, found, wrong.advice);
                None
            }
        }
    }

    /// Both values or neither; one alone is a mistake.
    pub(super) fn together<A, B>(
        &mut self,
        one: (&'static Setting, Option<A>),
        other: (&'static Setting, Option<B>),
    ) -> Option<(A, B)> {
        for (set, missing) in [(one.0, other.0), (other.0, one.0)] {
            if self.is_set(set) && !self.is_set(missing) {
                let found = format!("found nothing, although {} is set", set.name);
                let advice = format!("Set {} too, or neither of them", missing.name);
                self.complain(missing, found, advice);
            }
        }
        one.1.zip(other.1)
    }

    /// Whether it is set, even to an invalid value.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        let typed = &self.source.typed;
        typed.contains_key(setting.name)
            || setting.file_name().is_some_and(|name| typed.contains_key(&name))
    }

    /// Replaces the shown text with the value in force. Never call it with a secret.
    pub(super) fn show(&mut self, setting: &'static Setting, value: String) {
        if let Some(shown) = self.shown.get_mut(setting.name) {
            shown.value = value;
        }
    }

    /// Records a mistake unless `holds`. Does nothing if one of `settings` is already wrong, because the mistake
    /// would then concern its default, which the operator has not typed.
    pub(super) fn require(
        &mut self,
        settings: &[&'static Setting],
        holds: bool,
        because: &str,
        advice: String,
    ) {
        let [first, ..] = settings else { return };
        if holds || settings.iter().any(|setting| self.wrong.contains(setting.name)) {
            return;
        }
        let values: Vec<String> = settings
            .iter()
            .filter_map(|setting| self.shown.get(setting.name))
            .map(|shown| format!("{}={} ({})", shown.name, shown.value, shown.origin))
            .collect();
        self.complain(first, format!("found {}: {because}", values.join(", ")), advice);
    }

    /// The settings to show, in the order of the list, and the mistakes.
    pub(super) fn finish(mut self) -> (Vec<Shown>, Vec<Mistake>) {
        let shown = SETTINGS.iter().filter_map(|setting| self.shown.remove(setting.name)).collect();
        (shown, self.mistakes)
    }

    fn complain(&mut self, setting: &'static Setting, found: String, advice: String) {
        self.wrong.insert(setting.name);
        self.mistakes.push(Mistake { subject: setting.name.to_owned(), found, advice });
    }

    /// The value of `setting` from the environment, from `.env` or from a secret's file.
    fn raw(&mut self, setting: &'static Setting) -> Option<Typed> {
        let source = self.source;
        let direct = source.typed.get(setting.name);
        let name = setting.file_name();
        let by_file = name.as_ref().and_then(|name| source.typed.get(name));
        let Some(by_file) = by_file else { return direct.cloned() };
        if let Some(direct) = direct {
            // If two secrets are given, neither takes precedence.
            let found = format!(
                "found both {} ({}) and {0}_FILE ({})",
                setting.name, direct.origin, by_file.origin
            );
            self.complain(setting, found, "Keep one of the two".to_owned());
            return None;
        }
        let path = source.absolute(by_file.value.expose());
        match secret_file(&path) {
            Ok(value) => Some(Typed { value, origin: Origin::File(path) }),
            Err(because) => {
                let found = format!(
                    "{}_FILE ({}) names the file {}, which {because}",
                    setting.name,
                    by_file.origin,
                    path.display()
                );
                let advice =
                    "Type the path of a file that holds the value and that Signet can read";
                self.complain(setting, found, advice.to_owned());
                None
            }
        }
    }

    fn remember(&mut self, setting: &'static Setting, typed: Option<&Typed>) {
        let (value, origin) = match (typed, &setting.fallback) {
            (Some(typed), _) if setting.secret => (MASK.to_owned(), typed.origin.clone()),
            (Some(typed), _) => (typed.value.expose().clone(), typed.origin.clone()),
            (None, Fallback::Fixed(text)) => ((*text).to_owned(), Origin::Default),
            (None, Fallback::Derived { .. }) => (String::new(), Origin::Default),
        };
        self.shown.insert(setting.name, Shown { name: setting.name, value, origin });
    }
}

/// A description of the value that reveals no secret.
fn describe(setting: &Setting, typed: &Typed) -> String {
    let place = match &typed.origin {
        Origin::File(path) => format!("in the file {}", path.display()),
        Origin::DotEnv => "in .env".to_owned(),
        Origin::Environment | Origin::Default => "in the environment".to_owned(),
    };
    let value = typed.value.expose();
    if setting.secret {
        format!("a value of {} characters (not shown) {place}", value.chars().count())
    } else {
        format!("{} {place}", quoted(value))
    }
}

/// The text of a secret's file without its final line ending, or why it cannot be read.
///
/// Owner and mode are not checked here: orchestrators mount secrets in many ways (read-only, owned by root,
/// world-readable inside the container), and a user who can set the variable can choose the file.
fn secret_file(path: &Path) -> Result<Secret<String>, String> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(LONGEST_SECRET + 1).read_to_string(&mut text));
    let text = Secret::new(text);
    read.map_err(|error| format!("cannot be read ({error})"))?;
    if text.expose().len() as u64 > LONGEST_SECRET {
        return Err("is longer than 64 KiB".to_owned());
    }
    let line = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    let line = line.strip_suffix('\r').unwrap_or(line);
    // Not treated as unset: with an empty key file the server would otherwise create a new key.
    if line.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(line.to_owned()))
}

/// One mistake for each unknown name. The value is not quoted, because the name may be a misspelt one of a secret.
fn unknown(source: &Source) -> Vec<Mistake> {
    let known = |name: &str| {
        SETTINGS.iter().any(|setting| {
            setting.name == name || setting.file_name().is_some_and(|file| file == name)
        })
    };
    let mistake = |(name, typed): (&String, &Typed)| {
        let plain = name.strip_suffix("_FILE").filter(|plain| known(plain));
        let advice = if let Some(plain) = plain {
            format!("Only secrets are read from files: type {plain}=VALUE")
        } else if ["_PORT", "_SERVICE_HOST"].iter().any(|part| name.contains(part)) {
            format!(
                "If Kubernetes put it there, set enableServiceLinks: false in the pod; \
                 else the nearest name is {}",
                nearest(name)
            )
        } else {
            format!("Type {}, the nearest name, or remove it", nearest(name))
        };
        let found = format!(
            "there is no such setting (found in {})",
            match typed.origin {
                Origin::DotEnv => ".env",
                _ => "the environment",
            }
        );
        Mistake { subject: name.clone(), found, advice }
    };
    source.typed.iter().filter(|(name, _)| !known(name)).map(mistake).collect()
}
