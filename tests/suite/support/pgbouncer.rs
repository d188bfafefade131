//! A PgBouncer in front of a PostgreSQL server, of the installed version or of a newer one.
//!
//! The newer one is the package of Debian 13 with its dependencies, unpacked below `target/` and started by
//! its own loader, because the machine's C library may be older.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use url::Url;

use super::packages::{once, run};
use super::process::until;

/// The user id under which it runs: PgBouncer refuses to run as root.
const NOBODY: u32 = 65_534;

/// The packages that the newer version needs, by prefixes of their names.
const NEEDED: [&str; 13] = [
    "pgbouncer_",
    "libc6_",
    "libevent-2",
    "libcares2",
    "libssl3",
    "libsystemd0",
    "libpam0g_",
    "libaudit1_",
    "libcap2_",
    "libcap-ng0_",
    "zlib1g_",
    "libzstd1_",
    "libgcc-s1_",
];

/// How PgBouncer is started.
pub struct Program {
    words: Vec<String>,
    _copy: Option<TempDir>,
}

impl Program {
    /// The installed one; `None` if there is none.
    pub fn installed() -> Option<Self> {
        let path = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
        let found = path.into_iter().find(|path| Path::new(path).exists())?;
        Some(Self { words: vec![found.to_owned()], _copy: None })
    }

    /// Debian 13's, fetched once; `None` if it cannot be fetched.
    pub fn of_debian_13() -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pgbouncer");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("wanted"), "trixie 2\n").unwrap();
        if !once(&folder, "wanted", || fetch(&folder)) {
            return None;
        }
        // Copied to a directory that the other user can read.
        let copy = tempfile::tempdir().unwrap();
        std::fs::set_permissions(copy.path(), Permissions::from_mode(0o755)).unwrap();
        let from = folder.join("root/usr");
        run(Command::new("cp").args(["-a", from.to_str().unwrap()]).arg(copy.path()));
        let libraries = copy.path().join("usr/lib/x86_64-linux-gnu");
        let words = [
            libraries.join("ld-linux-x86-64.so.2"),
            PathBuf::from("--library-path"),
            libraries.clone(),
            copy.path().join("usr/sbin/pgbouncer"),
        ];
        let words = words.iter().map(|word| word.to_str().unwrap().to_owned()).collect();
        Some(Self { words, _copy: Some(copy) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The mirror in the machine's package sources, from the entry of the release without a suffix.
fn mirror() -> Option<String> {
    let format = ["indextargets", "--format", "$(REPO_URI) $(CODENAME)"];
    let output = Command::new("apt-get").args(format).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut releases = text.lines().filter_map(|line| line.split_once(' '));
    releases.find(|(_, release)| !release.contains('-')).map(|(mirror, _)| mirror.to_owned())
}

/// Downloads and unpacks the packages. Without a status file apt treats no package as installed, so that
/// every library is included.
fn fetch(folder: &Path) -> bool {
    let Some(mirror) = mirror() else { return false };
    for sub in ["lists/partial", "archives/partial", "root"] {
        std::fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [signed-by={key}] {mirror} trixie main\n");
    std::fs::write(folder.join("sources.list"), source).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::Etc::sourcelist={}", at("sources.list")),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={}", at("lists")),
            format!("Dir::Cache={}", folder.display()),
            "Dir::State::status=/dev/null".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=true".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        run(command.args(arguments).stdout(Stdio::null()))
    };
    let install =
        ["-y", "-q", "--download-only", "--no-install-recommends", "install", "pgbouncer"];
    if !apt(&["update", "-q"]) || !apt(&install) {
        return false;
    }
    let packages = std::fs::read_dir(folder.join("archives")).unwrap();
    packages.map(|entry| entry.unwrap().path()).all(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let needed = NEEDED.iter().any(|needed| name.starts_with(needed));
        !needed || run(Command::new("dpkg").arg("-x").arg(&path).arg(folder.join("root")))
    })
}

/// A running PgBouncer; it is stopped when dropped.
pub struct Bouncer {
    child: Child,
    dir: TempDir,
    /// The URL of the database through it.
    pub url: String,
    _program: Program,
}

impl Bouncer {
    /// Starts one in front of the server of the database at `url`, with default settings except for `mode`.
    pub async fn start(program: Program, mode: &str, url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = {
            let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        let server = Url::parse(url).unwrap();
        let settings = format!(
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n\
             unix_socket_dir =\nlogfile = {}\n",
            server.host_str().unwrap(),
            server.port().unwrap(),
            server.username(),
            dir.path().join("log").display()
        );
        let file = dir.path().join("ini");
        std::fs::write(&file, settings).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut command = program.command();
        let child = command.arg("-q").arg(&file).stderr(Stdio::null()).spawn().unwrap();
        until("PgBouncer listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let mut through = server.clone();
        through.set_port(Some(port)).unwrap();
        Self { child, dir, url: through.into(), _program: program }
    }

    /// The URL of another database of the same server through it.
    pub fn to(&self, database_url: &str) -> String {
        let mut through = Url::parse(&self.url).unwrap();
        through.set_path(Url::parse(database_url).unwrap().path());
        through.into()
    }

    /// Its complete log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
