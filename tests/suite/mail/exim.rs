//! Mail through a real mail server: Exim, which delivers it into a local mailbox.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{ADA, FROM, all_delivered, queue_in};
use crate::support::Backend;
use crate::support::ports::free_port;
use crate::support::process::until;
use crate::support::require;
use crate::support::server::Options;

const EXIM: &str = "/usr/sbin/exim4";
/// The user of Debian's package, as whom alone Exim starts.
const USER: &str = "Debian-exim";

/// A running Exim; ended when dropped.
struct Exim {
    child: Child,
    mailbox: PathBuf,
    log: PathBuf,
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A numeric id of the user: `-u` or `-g`.
fn number(option: &str) -> Option<u32> {
    let output = Command::new("id").args([option, USER]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn settings(folder: &Path) -> String {
    let at = folder.display();
    format!(
        "primary_hostname = mail.example.org\n\
         spool_directory = {at}/spool\n\
         log_file_path = {at}/log-%s\n\
         pid_file_path = {at}/exim.pid\n\
         domainlist local_domains = example.org\n\
         acl_smtp_rcpt = acl_rcpt\n\
         tls_advertise_hosts =\n\
         deliver_drop_privilege = true\n\
         host_lookup =\n\
         keep_environment =\n\
         begin acl\n\
         acl_rcpt:\n\
         \x20 accept domains = +local_domains\n\
         \x20 deny message = relay not permitted\n\
         begin routers\n\
         all:\n\
         \x20 driver = accept\n\
         \x20 domains = +local_domains\n\
         \x20 transport = maildir\n\
         begin transports\n\
         maildir:\n\
         \x20 driver = appendfile\n\
         \x20 maildir_format\n\
         \x20 directory = {at}/mail\n\
         \x20 create_directory\n\
         \x20 user = {USER}\n"
    )
}

/// Starts Exim on a local port. `None` if it is not installed or this user may not start it.
fn start(folder: &Path, port: u16) -> Option<Exim> {
    let (user, group) = (number("-u")?, number("-g")?);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(folder.join("spool")).unwrap();
    let file = folder.join("exim.conf");
    std::fs::write(&file, settings(folder)).unwrap();
    for path in [folder, &folder.join("spool"), &file] {
        chown(path, Some(user), Some(group)).ok()?;
    }
    let child = Command::new(EXIM)
        .arg("-C")
        .arg(&file)
        .args(["-bdf", "-oX", &format!("127.0.0.1:{port}")])
        .uid(user)
        .gid(group)
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some(Exim { child, mailbox: folder.join("mail/new"), log: folder.join("log-main") })
}

fn messages(mailbox: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(mailbox).into_iter().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn exim_delivers_a_mail_that_is_read_back_from_the_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let Some(exim) = start(folder.path(), port) else {
        return require::missing("exim", "mail through a real mail server");
    };
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_SMTP_URL", &format!("smtp://127.0.0.1:{port}?tls=none"))
        .with("SIGNET_MAIL_FROM", FROM)
        .with("SIGNET_BRAND_NAME", "Bücher & Söhne")
        .with("SIGNET_ISSUER", "https://id.example.com")
        .start()
        .await;
    let listens = async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    until("exim listens", listens).await;
    queue_in(&server.app, ADA, "de").await.unwrap();
    // Exim refuses to relay, and the mail is abandoned.
    queue_in(&server.app, "eve@elsewhere.example", "en").await.unwrap();
    all_delivered(&server).await;
    until("it is in the mailbox", async || !messages(&exim.mailbox).is_empty()).await;
    let all = messages(&exim.mailbox);
    assert_eq!(all.len(), 1);
    let mail = &all[0];
    for line in [
        "(envelope-from <signet@example.com>)",
        "From: Example <signet@example.com>",
        "To: ada@example.org",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        "Auto-Submitted: auto-generated",
        "Content-Language: de",
        "(helo=id.example.com)",
    ] {
        assert!(mail.contains(line), "{line}: {mail}");
    }
    let log = std::fs::read_to_string(&exim.log).unwrap();
    assert!(log.contains("rejected RCPT <eve@elsewhere.example>"), "{log}");
    let root = server.administrator("root").await;
    let refused = server.events(&root, "mail.refused").await;
    assert_eq!(refused[0]["detail"], "test: recipient 550");
}
