//! The declarations of one run: parsed, and checked as far as no stored object is needed.
//!
//! Owns `[source]`, the tables that a file can have, and that each object is declared once. The mistakes of all files
//! are reported together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::document::{self, Entry, Mistake, Tree};
use super::fields::{Field, Fields, Shape};
use super::kinds::{self, Reading, Wanted};
use crate::app::App;
use crate::base::nearest_name::nearest_name;
use crate::domain::managed::{ManagedKind, SOURCE_RULE, is_source};
use crate::domain::outcome::quotable;

/// The most objects per run: more would hold SQLite's only writer for too long.
const MAX_OBJECTS: usize = 500;
/// The most mistakes that are reported.
pub(super) const MAX_TOLD: usize = 50;

/// Whether an object is to exist.
const STATE: Field =
    Field { name: "state", shape: Shape::Word(states), meaning: "absent: the object is deleted." };

fn states() -> Vec<&'static str> {
    vec!["present", "absent"]
}

/// A file to be read.
pub struct InputFile {
    /// Its name in error messages.
    pub name: String,
    /// Its content.
    pub text: String,
    /// The base of relative paths in it.
    pub folder: PathBuf,
}

/// An object that a file declares.
pub struct Declaration {
    /// Its kind.
    pub kind: ManagedKind,
    /// Its identifier.
    pub name: String,
    /// The source of its file.
    pub source: String,
    /// Its desired state; `None` if it is to be absent.
    pub wanted: Option<Wanted>,
    place: Place,
}

/// Where an object is declared.
struct Place {
    file: String,
    line: usize,
    lines: BTreeMap<String, usize>,
}

/// Everything that the files declare.
#[derive(Default)]
pub struct Declarations {
    /// The objects, in the order of the kinds and of the files.
    pub objects: Vec<Declaration>,
    /// The sources of the files.
    pub sources: Vec<String>,
}

/// Mistakes in files, each with its place.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.0.iter().take(MAX_TOLD).map(String::as_str).collect::<Vec<_>>().join("\n");
        f.write_str(&told)?;
        match self.0.len().saturating_sub(MAX_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl Declaration {
    /// The place of a key, or of the object, for mistakes: `FILE:LINE`.
    pub fn place(&self, key: &str) -> String {
        let Place { file, line, lines } = &self.place;
        format!("{file}:{}", lines.get(key).unwrap_or(line))
    }
}

/// Reads files.
///
/// # Errors
/// All mistakes.
pub fn read(app: &App, files: &[InputFile]) -> Result<Declarations, Mistakes> {
    let (mut found, mut mistakes) = (Declarations::default(), Mistakes::default());
    for file in files {
        let mut wrong = Vec::new();
        match document::read(&file.text) {
            Ok(entries) => read_file(app, file, entries, (&mut found, &mut wrong)),
            Err(mistake) => wrong.push(mistake),
        }
        wrong.sort_by_key(|mistake| mistake.line);
        let told =
            wrong.iter().map(|Mistake { line, text }| format!("{}:{line}: {text}", file.name));
        mistakes.0.extend(told);
    }
    refuse_repeated(&found, &mut mistakes);
    if found.objects.len() > MAX_OBJECTS {
        mistakes.0.push(format!(
            "{} objects are declared, and at most {MAX_OBJECTS} can be applied at once: apply the files in several runs, \
             each with a source of its own",
            found.objects.len()
        ));
    }
    found
        .objects
        .sort_by_key(|declared| ManagedKind::ALL.iter().position(|kind| *kind == declared.kind));
    if mistakes.0.is_empty() { Ok(found) } else { Err(mistakes) }
}

fn read_file(
    app: &App,
    file: &InputFile,
    entries: Vec<Entry>,
    (found, wrong): (&mut Declarations, &mut Vec<Mistake>),
) {
    let mut source = None;
    let mut tables = Vec::new();
    for Entry { key, line, node } in entries {
        match (key.as_str(), node.tree) {
            ("source", Tree::Table(entries)) => source = source_of(entries, line, wrong),
            ("source", _) => wrong.push(Mistake::new(line, "source must be a table: [source]")),
            (key, tree) => match (key.parse::<ManagedKind>(), tree) {
                (Ok(kind), Tree::List(items)) => tables.push((kind, items)),
                (Ok(kind), Tree::Table(_)) => {
                    wrong.push(Mistake::new(
                        line,
                        format!("each {kind} has double brackets: [[{kind}]]"),
                    ));
                }
                (Ok(kind), _) => wrong
                    .push(Mistake::new(line, format!("{kind} is a list of tables: [[{kind}]]"))),
                (Err(_), tree) => wrong.push(Mistake::new(line, unknown_table(key, &tree))),
            },
        }
    }
    if source.is_none() && wrong.is_empty() {
        let text = "the file names no source: [source] and name = \"...\", such as infra/prod. Objects belong to the \
                    source that declares them";
        wrong.push(Mistake::new(1, text));
    }
    // Further mistakes are reported as well.
    let source = source.unwrap_or_default();
    if !found.sources.contains(&source) {
        found.sources.push(source.clone());
    }
    let reading = Reading { app, folder: &file.folder };
    for (kind, items) in tables {
        for item in items {
            let line = item.line;
            let Tree::Table(entries) = item.tree else {
                wrong.push(Mistake::new(line, format!("a {kind} is a table: [[{kind}]]")));
                continue;
            };
            let object = read_object(kind, (line, entries), &reading, wrong);
            let Some((name, wanted, lines)) = object else { continue };
            let place = Place { file: file.name.clone(), line, lines };
            found.objects.push(Declaration { kind, name, source: source.clone(), wanted, place });
        }
    }
}

/// The name of an object, its desired state, and the lines of its keys.
type Read = (String, Option<Wanted>, BTreeMap<String, usize>);

fn read_object(
    kind: ManagedKind,
    (line, entries): (usize, Vec<Entry>),
    reading: &Reading<'_>,
    wrong: &mut Vec<Mistake>,
) -> Option<Read> {
    let before = wrong.len();
    let known: Vec<&Field> = kinds::fields(kind).iter().chain([&STATE]).collect();
    let mut fields = Fields::new((&format!("[[{kind}]]"), line), entries, &known, wrong);
    let name = kinds::name(kind, &mut fields, reading.app)?;
    fields.call(format!("{kind} {}", quotable(&name)));
    let lines = fields.lines();
    let state: Option<String> = fields.word("state", states);
    if state.as_deref() == Some("absent") {
        let allowed = [kinds::fields(kind)[0].name, STATE.name];
        for key in lines.keys().filter(|key| !allowed.contains(&key.as_str())) {
            fields.note(key, "an object with absent = true cannot have other keys");
        }
        return (wrong.len() == before).then_some((name, None, lines));
    }
    let wanted = kinds::read(kind, &name, &mut fields, reading)?;
    (wrong.len() == before).then_some((name, Some(wanted), lines))
}

fn source_of(entries: Vec<Entry>, line: usize, wrong: &mut Vec<Mistake>) -> Option<String> {
    const NAME: Field =
        Field { name: "name", shape: Shape::Text, meaning: "The name of the source." };
    let mut fields = Fields::new(("[source]", line), entries, &[&NAME], wrong);
    let name = fields.required("name")?;
    if !is_source(&name) {
        fields.note("name", SOURCE_RULE);
        return None;
    }
    Some(name)
}

/// Why a file cannot have this table, and what to do.
fn unknown_table(key: &str, tree: &Tree) -> String {
    match key {
        "settings" => {
            let named = match tree {
                Tree::Table(entries) if !entries.is_empty() => {
                    let names = entries.iter().map(|entry| quotable(&entry.key));
                    format!(" ({})", names.collect::<Vec<_>>().join(", "))
                }
                _ => String::new(),
            };
            format!(
                "settings{named} are environment variables, which a server reads at its start: set SIGNET_... where \
                 the server is started. See: signet config example"
            )
        }
        "role" => "roles are not registered: list them in the roles of a [[user]], and add roles to the claims of an \
         [[api]] whose tokens carry them"
            .to_owned(),
        "template" | "mail_template" => {
            "the texts of mail are part of Signet and cannot be replaced by a file".to_owned()
        }
        _ => {
            let known = ManagedKind::ALL.iter().map(|kind| kind.as_str()).chain(["source"]);
            let near = nearest_name(key, known.clone()).filter(|(_, errors)| *errors <= 2);
            let advice = near.map_or_else(
                || format!("there are {}", known.collect::<Vec<_>>().join(", ")),
                |(name, _)| format!("did you mean {name}?"),
            );
            format!("a file has no table {}; {advice}", quotable(key))
        }
    }
}

fn refuse_repeated(found: &Declarations, mistakes: &mut Mistakes) {
    let mut seen: BTreeMap<(&str, &str), &Declaration> = BTreeMap::new();
    for declared in &found.objects {
        let (kind, name) = (declared.kind.as_str(), declared.name.as_str());
        match seen.get(&(kind, name)) {
            Some(first) => mistakes.0.push(format!(
                "{}: {kind} {} is already declared in {}",
                declared.place(""),
                quotable(name),
                first.place("")
            )),
            None => drop(seen.insert((kind, name), declared)),
        }
    }
}
