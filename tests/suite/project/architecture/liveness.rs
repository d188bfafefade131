//! One file decides whether a user, a session and a client are active.
//!
//! Owns the list of the other files that name the inputs of the decision, each with its reason. A second
//! place that compares these values would eventually compare fewer of them.

use proc_macro2::{TokenStream, TokenTree};

use super::source::File;

/// The inputs by which a session, a user or a client is judged.
const NAMES: &[&str] = &["session_epoch", "disabled_at", "owned_name_at", "name_since"];

/// The rule, and the code that stores its inputs.
const HOME: &[&str] = &["src/domain/liveness.rs", "src/store/"];

/// Every other file that may name an input, with the reason.
const ALLOWED: &[(&str, &[&str], &str)] = &[
    ("src/domain/user.rs", &["disabled_at", "session_epoch"], "defines them"),
    ("src/identity/email_undo.rs", &["disabled_at"], "a mailed link, which outlives the epoch"),
    ("src/domain/client.rs", &["disabled_at", "name_since", "owned_name_at"], "defines them"),
    (
        "src/app/cache/mod.rs",
        &["disabled_at", "owned_name_at"],
        "hands out clients that are enabled, and the API that something was given for",
    ),
    ("src/app/cache/audiences.rs", &["name_since", "owned_name_at"], "defines those of APIs"),
    ("src/admin/apis.rs", &["name_since"], "makes an API; the store settles it"),
    ("src/app/cache/clients.rs", &["disabled_at"], "counts origins and notices of enabled clients"),
    ("src/view/mod.rs", &["disabled_at"], "shows it"),
    ("src/view/users.rs", &["disabled_at"], "shows it"),
    ("src/cli/user/rows.rs", &["disabled_at"], "shows it"),
    ("src/cli/user/why.rs", &["disabled_at"], "shows it"),
    ("src/cli/user/bulk.rs", &["disabled_at"], "a dry run counts enabled administrators"),
    ("src/admin/user_why.rs", &["disabled_at"], "reports that a user is disabled"),
    ("src/domain/sign_in_diagnosis.rs", &["disabled_at"], "says that it keeps the user out"),
    ("src/domain/user_filter.rs", &["disabled_at"], "lists the disabled users"),
    ("src/http/ui/console/clients/action.rs", &["disabled_at"], "says which button fits"),
    ("src/http/ui/console/clients/list.rs", &["disabled_at"], "shows it"),
    ("src/http/ui/console/users/actions.rs", &["disabled_at"], "says which button fits"),
    ("src/http/ui/console/users/mod.rs", &["disabled_at"], "shows it"),
    ("src/cli/client/rows.rs", &["disabled_at"], "shows it"),
    ("src/cli/client/why.rs", &["disabled_at"], "shows it"),
    ("src/admin/client_why.rs", &["disabled_at"], "reports that a client is disabled"),
    ("src/admin/clients.rs", &["disabled_at"], "disables and enables clients"),
    ("src/admin/users.rs", &["disabled_at"], "disables and enables users"),
    ("src/admin/user_writes.rs", &["session_epoch"], "ends sessions"),
    ("src/admin/declarative/kinds/api.rs", &["name_since"], "makes an API; the store settles it"),
    ("src/admin/declarative/kinds/client.rs", &["disabled_at"], "disables and enables clients"),
    ("src/admin/declarative/kinds/user.rs", &["disabled_at"], "disables and enables users"),
    ("src/identity/last_administrator.rs", &["disabled_at"], "keeps an enabled administrator"),
    ("src/admin/tokens.rs", &["disabled_at"], "a preview is refused as the log-in would be"),
    (
        "src/admin/token_diagnosis.rs",
        &["owned_name_at", "session_epoch"],
        "says whether an API is the one the token was made for; looks for what raised the epoch",
    ),
    ("src/identity/authenticate.rs", &["disabled_at"], "a disabled user cannot log in"),
    (
        "src/identity/authentication/mod.rs",
        &["session_epoch"],
        "says with which epoch the password was checked",
    ),
    (
        "src/identity/authentication/progress.rs",
        &["session_epoch"],
        "says with which epoch the passkey was checked",
    ),
    (
        "src/identity/authentication/enrolment.rs",
        &["session_epoch"],
        "stores a factor only for the account that was read",
    ),
    (
        "src/identity/browser_step_up.rs",
        &["session_epoch"],
        "raises a sign-in only of the account that was read",
    ),
    (
        "src/identity/step_up.rs",
        &["session_epoch"],
        "raises a session only of the account that was read",
    ),
    (
        "src/identity/authentication/completed.rs",
        &["session_epoch"],
        "writes a password only over the one it was compared with",
    ),
    ("src/oauth/auth_session.rs", &["owned_name_at"], "whose request it was"),
    (
        "src/oauth/authorize_challenge.rs",
        &["session_epoch"],
        "holds the user in the epoch that was read with the password",
    ),
    (
        "src/identity/browser_limit.rs",
        &["session_epoch"],
        "holds the user in the epoch that was read with the password",
    ),
    (
        "src/identity/login.rs",
        &["name_since", "owned_name_at", "session_epoch"],
        "the built-in client always had its name; a log-in in several steps ends with its client and opens \
         its session in the epoch of the new password",
    ),
    ("src/identity/open_session.rs", &["name_since"], "a branch joins a session of this client"),
    (
        "src/oauth/restart.rs",
        &["owned_name_at"],
        "offers to repeat a request, which is checked like any other",
    ),
    ("src/oauth/grant.rs", &["name_since"], "a branch joins a session of this client"),
    ("src/identity/sign_up/account.rs", &["disabled_at", "session_epoch"], "makes a user"),
    ("src/identity/setup.rs", &["disabled_at", "session_epoch"], "makes a user"),
    (
        "src/identity/password.rs",
        &["session_epoch"],
        "writes a password only over the one it checked",
    ),
    ("src/identity/account.rs", &["owned_name_at"], "shows consents given to this client"),
    (
        "src/oauth/authorize/mod.rs",
        &["owned_name_at"],
        "a consent counts for the client it was given to",
    ),
    ("src/oauth/authorize/request.rs", &["owned_name_at"], "a pushed request is its client's"),
    (
        "src/oauth/end_session.rs",
        &["owned_name_at"],
        "a user returns to the client that sent them to log out",
    ),
    ("src/tokens/validate.rs", &["owned_name_at"], "a token is for the API it was made for"),
    ("src/tokens/refresh.rs", &["owned_name_at"], "a session is for the API it was opened for"),
    ("src/oauth/device.rs", &["owned_name_at"], "a device code is its client's"),
    ("src/oauth/revoke.rs", &["owned_name_at"], "a client ends its own sessions only"),
    ("src/oauth/grants/authorization_code.rs", &["owned_name_at"], "a code is its client's"),
    ("src/oauth/grants/device_code.rs", &["owned_name_at"], "a device code is its client's"),
];

/// The remarks about a second rule.
pub fn remarks(files: &[File]) -> Vec<String> {
    let mut remarks = Vec::new();
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        if HOME.iter().any(|home| file.path.starts_with(home)) {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(path, ..)| *path == file.path);
        let allowed = allowed.map_or(&[][..], |(_, names, _)| names);
        for (name, line) in named(file) {
            if !allowed.contains(&&*name) {
                remarks.push(format!(
                    "{}:{line}: names `{name}`. Whether a user, a session or a client still counts is \
                     decided by domain::liveness alone: ask `active_session` or one of its parts. If \
                     this is no such decision, list the file in ALLOWED with the reason.",
                    file.path
                ));
            }
        }
        for stale in allowed.iter().filter(|name| !named(file).any(|(found, _)| found == **name)) {
            remarks.push(format!("{}:1: does not name `{stale}`. Take it off ALLOWED.", file.path));
        }
    }
    remarks
}

fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// The mentions of the names before the file's own tests. Copying the epoch of a user into a new session is
/// no comparison.
fn named(file: &File) -> impl Iterator<Item = (String, usize)> {
    let lines: Vec<&str> = file.text.lines().collect();
    let tests = lines.iter().position(|line| *line == "mod tests {").unwrap_or(lines.len());
    let mut found = Vec::new();
    idents(&file.tokens, &mut found);
    found.retain(|(name, line)| {
        let text = lines.get(line - 1).map_or("", |line| line.trim());
        NAMES.contains(&name.as_str()) && *line <= tests && !text.starts_with("user_epoch:")
    });
    found.into_iter()
}

fn idents(tokens: &TokenStream, found: &mut Vec<(String, usize)>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => idents(&group.stream(), found),
            TokenTree::Ident(ident) => found.push((ident.to_string(), ident.span().start().line)),
            _ => {}
        }
    }
}

/// A file of the list that no longer exists.
pub fn gone(files: &[File]) -> Option<&'static str> {
    let mut listed = ALLOWED.iter().map(|(path, ..)| *path);
    listed.find(|path| !files.iter().any(|file| file.path == *path))
}

#[cfg(test)]
mod tests {
    use super::{File, remarks};

    fn judge(path: &str, text: &str) -> Vec<String> {
        remarks(&[File::read(path, text)])
    }

    #[test]
    fn a_second_rule_is_named() {
        for text in [
            "fn f() { user.disabled_at.is_none() }",
            "fn f() { session.user_epoch == user.session_epoch }",
            "fn f() { let User { session_epoch, .. } = user; }",
            "fn f() { m!(client.owned_name_at(x)) }",
            "fn f() { client\n.name_since <= session.created_at }",
        ] {
            let said = judge("src/oauth/userinfo.rs", text);
            assert!(said.len() == 1 && said[0].contains("domain::liveness"), "{text}: {said:#?}");
        }
    }

    #[test]
    fn the_rule_storage_copies_and_tests_are_no_second_rule() {
        for (path, text) in [
            ("src/domain/liveness.rs", "fn f() { user.disabled_at }"),
            ("src/store/users.rs", "struct R { disabled_at: X }"),
            ("src/oauth/userinfo.rs", "fn f() { B {\nuser_epoch: user.session_epoch,\n} }"),
            ("src/oauth/userinfo.rs", "mod tests {\nfn f() { user.session_epoch }\n}"),
            ("src/oauth/userinfo.rs", "/// disabled_at\nconst X: &str = \"session_epoch\";"),
            ("src/domain/refresh_tests.rs", "fn f() { user.session_epoch }"),
        ] {
            assert_eq!(judge(path, text), [""; 0], "{path}: {text}");
        }
        let stale = judge("src/view/users.rs", "fn f() {}");
        assert!(stale.len() == 1 && stale[0].contains("Take it off"), "{stale:#?}");
    }
}
