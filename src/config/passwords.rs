//! The operator's rules for new passwords.
//!
//! Owns how the list of denied passwords is read. The rules are in `domain::password_policy`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::errors::Wrong;
use super::reader::Reader;
use super::{parse, settings as s};
use crate::domain::password_policy::{
    DenyList, DenyListError, MAX_DENIED, MIN_LENGTHS, PasswordPolicy,
};

/// The largest list, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

pub(super) fn read(read: &mut Reader<'_>) -> Option<PasswordPolicy> {
    let source = read.source();
    let min_length = read.fixed(&s::PASSWORD_MIN_LENGTH, parse::whole(MIN_LENGTHS));
    let denied = read.typed(&s::PASSWORD_DENY_LIST, |text| {
        let path = source.absolute(text);
        deny_list(&path).map(|list| (path, list))
    });
    if let Some((path, list)) = &denied {
        let shown = format!("{} ({} passwords)", path.display(), list.count());
        read.show(&s::PASSWORD_DENY_LIST, shown);
    }
    let denied = denied.map(|(_, list)| list).unwrap_or_default();
    Some(PasswordPolicy { min_length: min_length?, denied })
}

fn deny_list(path: &Path) -> Result<DenyList, Wrong> {
    let wrong = |because: String| {
        let advice = format!(
            "Type the path of a text file in UTF-8 with one password on each line, at most {MAX_DENIED} of them and \
             4 MiB"
        );
        Wrong::new(because, advice)
    };
    // Checked before it is opened, because a pipe would block the start.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(wrong("is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(format!("cannot be read ({error})")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(wrong("is larger than 4 MiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not in UTF-8".to_owned()))?;
    DenyList::parse(&text).map_err(|error| {
        wrong(match error {
            DenyListError::TooMany => format!("has more than {MAX_DENIED} passwords"),
            DenyListError::LongLine(line) => format!("is too long in line {line}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_cannot_be_used_is_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = dir.path().join("list.txt");
            std::fs::write(&path, bytes).unwrap();
            path
        };
        assert_eq!(deny_list(&file(b"one-password\ntwo-passwords\n")).unwrap().count(), 2);
        let because = |path: &Path| deny_list(path).unwrap_err().because;
        assert!(because(&file(b"\xff\xfe")).contains("is not in UTF-8"));
        assert!(because(&file(&vec![b'x'; MAX_FILE as usize + 1])).contains("larger than 4 MiB"));
        assert!(because(&file("x".repeat(2000).as_bytes())).contains("too long in line 1"));
        assert!(because(dir.path()).contains("is not a file"));
        assert!(because(&dir.path().join("none")).contains("cannot be read"));
        assert!(because(Path::new("/dev/zero")).contains("is not a file"));
    }
}
