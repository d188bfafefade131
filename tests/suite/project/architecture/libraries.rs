//! Libraries that only certain folders may use.
//!
//! Owns the list. A library that is used in one folder can be replaced, mocked and audited there; used in
//! thirty files, it determines the architecture.

use super::source::{File, Meaning, Mention};

/// A library and the places that may name it.
struct Room {
    /// The name of the crate; with a trailing `*`, a prefix.
    library: &'static str,
    /// Path prefixes: folders end with a slash.
    places: &'static [&'static str],
    why: &'static str,
}

const ROOMS: &[Room] = &[
    Room {
        library: "sqlx",
        places: &["src/store/"],
        why: "everything above storage works on both databases because it knows neither",
    },
    Room {
        library: "actix_*",
        places: &["src/http/", "src/server.rs", "src/server/"],
        why: "a use case is called by the command line too, where there is no request",
    },
    Room {
        library: "jsonwebtoken",
        places: &["src/crypto/"],
        why: "it accepts more than we may; only the wrapper closes the gaps",
    },
    Room {
        library: "aws_lc_rs",
        places: &["src/crypto/"],
        why: "primitives are chosen and combined in one place",
    },
    Room {
        library: "argon2",
        places: &["src/crypto/password.rs", "src/crypto/password/"],
        why: "a hash outside the bounded pool can take the whole memory",
    },
    Room {
        library: "askama",
        places: &["src/http/ui/", "src/mail/"],
        why: "HTML is made where it is served or mailed, and nowhere else",
    },
    Room {
        library: "lettre",
        places: &["src/mail/"],
        why: "every delivery has a deadline, which the library does not set",
    },
    Room { library: "qrcodegen", places: &["src/http/ui/"], why: "QR codes are pictures in pages" },
    Room {
        library: "reqwest",
        places: &["src/http_client/"],
        why: "every request that leaves the server is bounded and goes to a registered or a public address",
    },
    Room {
        library: "clap",
        places: &["src/cli/", "src/cli.rs"],
        why: "arguments are read once and become values",
    },
    Room {
        library: "dotenvy",
        places: &["src/config/"],
        why: "settings come from one reader, which knows where each came from",
    },
];

/// The file that may read the environment of the process.
const ENVIRONMENT: &str = "src/config/source.rs";

/// The functions of `std::env` that do not concern the environment.
const HARMLESS: &[&str] = &["args", "args_os", "consts", "current_dir", "current_exe", "temp_dir"];

/// The remarks about uses elsewhere.
pub fn remarks(files: &[File]) -> Vec<String> {
    let mut remarks = Vec::new();
    for file in files {
        for mention in file.mentions() {
            let place = format!("{}:{}", file.path, mention.line);
            if let Meaning::Other(library) = file.resolve(&mention)
                && let Some(room) = ROOMS.iter().find(|room| room.is_of(&library))
                && !room.places.iter().any(|prefix| file.path.starts_with(prefix))
            {
                remarks.push(format!(
                    "{place}: names `{}` outside {}. It has one room because {}. Ask the module \
                     that lives there instead.",
                    mention.segments.join("::"),
                    room.places.join(" and "),
                    room.why
                ));
            }
            if file.path != ENVIRONMENT && reads_environment(&mention) {
                remarks.push(format!(
                    "{place}: names `{}` outside {ENVIRONMENT}. A setting read elsewhere is on no \
                     list, has no file form, and cannot be shown or checked. Add it to the \
                     settings and pass it in.",
                    mention.segments.join("::")
                ));
            }
        }
    }
    remarks
}

impl Room {
    fn is_of(&self, library: &str) -> bool {
        match self.library.strip_suffix('*') {
            Some(prefix) => library.starts_with(prefix),
            None => library == self.library,
        }
    }
}

/// The bare module is forbidden too: `use std::env;` would hide every use.
fn reads_environment(mention: &Mention) -> bool {
    let mut segments = mention.segments.iter().map(String::as_str);
    segments.next() == Some("std")
        && segments.next() == Some("env")
        && segments.next().is_none_or(|what| !HARMLESS.contains(&what))
}

#[cfg(test)]
mod tests {
    use super::{File, ROOMS, remarks};

    fn judge(path: &str, text: &str) -> Vec<String> {
        remarks(&[File::read(path, text)])
    }

    #[test]
    fn a_library_is_accepted_in_its_own_folder() {
        for (path, text) in [
            ("src/store/users.rs", "#[derive(sqlx::FromRow)] struct R;"),
            ("src/http/api/me.rs", "use actix_web::{web, HttpResponse};"),
            ("src/server/mod.rs", "fn f() { actix_web::rt::spawn(x) }"),
            ("src/server/tls.rs", "use rustls::crypto::aws_lc_rs::default_provider;"),
            ("src/crypto/password.rs", "use argon2::Argon2;"),
            ("src/cli/mod.rs", "fn f() { std::env::args() } #[derive(clap::Parser)] struct A;"),
            ("src/config/source.rs", "fn f() { std::env::vars_os() }"),
            ("src/app/startup/mod.rs", "fn f(config: C) { config.argon2.x; let argon2 = 1; }"),
            ("src/app/startup/mod.rs", "/// Uses sqlx::query.\nconst Q: &str = \"sqlx::query\";"),
        ] {
            assert_eq!(judge(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn every_room_is_guarded() {
        for room in ROOMS {
            let library = room.library.replace('*', "http");
            for text in [
                format!("use {library}::X;"),
                format!("use ::{library}::{{self, X}};"),
                format!("use {library};"),
                format!("extern crate {library} as other;"),
                format!("fn f() {{ m!(a, {library}::x()) }}"),
                format!("#[{library}(x)] struct S;"),
                format!("#[derive(Debug, {library}::X)] struct S;"),
                format!("mod tests {{ use {library}::X; }}"),
            ] {
                let said = judge("src/identity/login.rs", &text);
                let named = |said: &String| said.starts_with("src/identity/login.rs:1: names");
                assert!(!said.is_empty() && said.iter().all(named), "{text}: {said:#?}");
            }
        }
        assert_eq!(judge("src/crypto/jwt.rs", "use argon2::Argon2;").len(), 1);
        assert_eq!(judge("src/http/context.rs", "use askama::Template;").len(), 1);
    }

    #[test]
    fn the_environment_is_read_in_one_file() {
        for text in [
            "fn f() { std::env::var(x) }",
            "use std::{env, fs};",
            "use std::env::{args, vars_os};",
            "fn f() { std::env::set_var(x, y) }",
        ] {
            assert_eq!(judge("src/config/machine.rs", text).len(), 1, "{text}");
        }
        assert_eq!(judge("src/cli/mod.rs", "use std::env::{args, temp_dir};"), [""; 0]);
    }
}
