//! An audience stays inside its quotes, whatever characters it has.

use std::process::Command;

use signet::domain::token_rules::TokenType;
use signet::view::snippet::{Constant, SNIPPETS, Snippet, Syntax, Values};

use super::language::go;
use crate::cli::Place;
use crate::support::packages::{copy_of, have};
use crate::support::ports::free_port;
use crate::support::require;

/// With characters that no registered identifier can have.
const HOSTILE: &str = "urn:a'b\"c$d${e}#{f}`g`\\u0022\\\n//?>*/%{+Q}h\u{2028}";

fn rendered(snippet: &Snippet, audience: &str) -> String {
    snippet.rendered(&Values {
        issuer: "https://id.example.com",
        audience,
        scope: "orders:read",
        token_type: TokenType::AtJwt,
        algorithms: &["ES256", "RS256"],
        when_stale: snippet.has_feed().then_some("closed"),
    })
}

/// The line of the constant.
fn constant(syntax: Syntax) -> String {
    format!("{}{}", syntax.declaration(Constant::Audience), syntax.quoted(HOSTILE))
}

fn printed_by(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every file compiles with a hostile audience.
#[test]
fn files_compile() {
    for snippet in SNIPPETS {
        let text = rendered(snippet, HOSTILE);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(snippet.file);
        std::fs::write(&file, &text).unwrap();
        let mut command = match snippet.syntax() {
            Some(Syntax::JavaScript) if have("node", "node").is_some() => {
                let mut command = Command::new("node");
                command.arg("--check");
                command
            }
            Some(Syntax::Python) if have("python3", "python").is_some() => {
                let mut command = Command::new("python3");
                command.args(["-m", "py_compile"]);
                command
            }
            Some(Syntax::Ruby) if have("ruby", "ruby").is_some() => {
                let mut command = Command::new("ruby");
                command.arg("-c");
                command
            }
            Some(Syntax::Go) if Command::new("gofmt").arg("-h").output().is_ok() => {
                let mut command = Command::new("gofmt");
                command.arg("-e");
                command
            }
            _ => continue,
        };
        printed_by(command.arg(&file));
    }
}

/// The literal is the audience.
#[test]
fn literals_are_the_audience() {
    if have("node", "node").is_some() {
        let script = format!("{}\nprocess.stdout.write(AUDIENCE)", constant(Syntax::JavaScript));
        assert_eq!(printed_by(Command::new("node").args(["-e", &script])), HOSTILE);
    }
    if have("python3", "python").is_some() {
        let script = format!(
            "{}\nimport sys; sys.stdout.buffer.write(AUDIENCE.encode())",
            constant(Syntax::Python)
        );
        assert_eq!(printed_by(Command::new("python3").args(["-c", &script])), HOSTILE);
    }
    if have("ruby", "ruby").is_some() {
        let script = format!("{}\nprint AUDIENCE", constant(Syntax::Ruby));
        let mut command = Command::new("ruby");
        command.args(["-Ku", "-e", &script]).env("LC_ALL", "C.UTF-8");
        assert_eq!(printed_by(&mut command), HOSTILE);
    }
    if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        return require::missing("go", "there is no Go");
    }
    let folder = copy_of("examples/resource-servers/go");
    let file = folder.join(format!("literal-{}.go", std::process::id()));
    let text = format!(
        "package main\n\nimport \"os\"\n\n{}\n\nfunc main() {{ os.Stdout.WriteString(Audience) }}\n",
        constant(Syntax::Go)
    );
    std::fs::write(&file, text).unwrap();
    let printed = printed_by(go(&folder).arg("run").arg(&file));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(printed, HOSTILE);
}

/// The most hostile identifier that can be registered, in the files of gateways, which their programs accept.
#[test]
fn gateways_accept_their_files() {
    const REGISTERED: &str = "urn:a'b$c${d}`e`;*/%{+Q}f?&g=h";
    let place = Place::empty();
    let print = |name: &str| {
        let arguments = ["snippet", name, "--audience", REGISTERED, "--scope", "orders:read"];
        let text = place.run(&arguments).ok().out;
        assert!(!text.contains("api.example.com"), "{text}");
        text.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", free_port()))
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    write("nginx.conf", print("nginx"));
    write("haproxy.cfg", print("haproxy"));
    write("signet.lua", print("haproxy-lua"));
    write("Caddyfile", print("caddy"));
    let checks: [(&str, &[&str]); 3] = [
        ("nginx", &["-t", "-q", "-p", ".", "-c", "nginx.conf", "-e", "stderr"]),
        ("haproxy", &["-c", "-f", "haproxy.cfg"]),
        ("caddy", &["validate", "--config", "Caddyfile"]),
    ];
    for (program, arguments) in checks {
        let version = if program == "caddy" { "version" } else { "-v" };
        if !Command::new(program).arg(version).output().is_ok_and(|output| output.status.success())
        {
            require::missing(program, &format!("{program} is not here"));
            continue;
        }
        printed_by(Command::new(program).args(arguments).current_dir(folder.path()));
    }
}

/// An identifier that cannot be registered is not printed.
#[test]
fn identifiers_that_cannot_be_registered_are_refused() {
    for audience in ["urn:a\"b", "urn:a\\b", "urn:a\nb", "orders", "https://api.example.com/#x"] {
        let arguments = ["snippet", "node", "--audience", audience];
        Place::empty().run(&arguments).refused(2, &["absolute URI"]);
    }
}
