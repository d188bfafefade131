//! Reads the files of a command.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::admin::declarative::{Choices, Expected, InputFile, MAX_FILE};
use crate::cli::error::CommandError;

/// Reads files; `-` is standard input, once.
pub fn read(paths: &[PathBuf]) -> Result<Vec<InputFile>, CommandError> {
    let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
    if paths.iter().filter(is_stdin).count() > 1 {
        return Err(CommandError::usage("standard input (-) can be read only once."));
    }
    let read = |path: &PathBuf| match is_stdin(&path) {
        true => input("standard input".to_owned(), PathBuf::from("."), io::stdin().lock()),
        false => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
            let folder = path.parent().map(Path::to_owned).unwrap_or_default();
            input(name, folder, file)
        }
    };
    paths.iter().map(read).collect()
}

fn input(name: String, folder: PathBuf, from: impl Read) -> Result<InputFile, CommandError> {
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&name, &error))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CommandError::usage(format!("{name} is not UTF-8 text.")))?;
    Ok(InputFile { name, text, folder })
}

fn unreadable(name: &str, error: &io::Error) -> CommandError {
    CommandError::usage(format!("{name} cannot be read: {error}."))
}

/// The options of a saved plan, and the hashes that it was built from.
pub fn saved_plan(path: &Path) -> Result<Choices, CommandError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    let InputFile { text, .. } = input(name.clone(), PathBuf::new(), file)?;
    let plan: Value = serde_json::from_str(&text).unwrap_or_default();
    let hash = |member: &str| plan[member].as_str().map(str::to_owned);
    let (Some(files), Some(objects), Some(prune), Some(adopt)) =
        (hash("files"), hash("objects"), plan["prune"].as_bool(), plan["adopt"].as_bool())
    else {
        return Err(CommandError::usage(format!(
            "{name} is not a plan.\n  Save one with:  signet plan FILE -o json > {name}"
        )));
    };
    let expected = Some(Expected { files, objects });
    Ok(Choices { prune, adopt, expected, ..Choices::default() })
}
