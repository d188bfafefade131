//! A mail server for tests: it stores the received mails, and fails as configured.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How the server treats one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behavior {
    /// Accepts the mail.
    Accept,
    /// Sends no greeting.
    SilentAtGreeting,
    /// Stores the message and does not reply to it.
    SilentAfterData,
    /// Accepts the message and does not reply to QUIT.
    SilentAfterAccept,
    /// Closes the connection after the message.
    DropAfterData,
    /// Stores the message, and replies that the client has to try again later.
    DeferAfterData,
    /// Replies to a command with a line.
    Reply(&'static str, &'static str),
}

/// The encryption of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    None,
    StartTls,
    Implicit,
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub hello: String,
    pub from: String,
    pub to: String,
    pub data: String,
    pub encrypted: bool,
    /// Whether the client authenticated with the right password.
    pub authenticated: bool,
}

impl Received {
    /// The value of a header field, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let prefix = format!("{}:", name.to_ascii_lowercase());
        let line = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with(&prefix));
        line.map(|line| line[prefix.len()..].trim().to_owned()).unwrap_or_default()
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    behaviors: Mutex<VecDeque<Behavior>>,
    connections: Mutex<usize>,
    commands: Mutex<Vec<String>>,
    /// The user and the password that it requires.
    login: Option<(String, String)>,
    tls: Option<TlsAcceptor>,
}

/// A running mail server.
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<State>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Sink {
    /// Without encryption and authentication.
    pub async fn start() -> Self {
        Self::with(Encryption::None, None, None).await
    }

    /// With a certificate (`live.pem` and `live.key` in a folder) and authentication.
    pub async fn with(
        encryption: Encryption,
        folder: Option<&Path>,
        login: Option<(&str, &str)>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let state = Arc::new(State { login, tls: folder.map(acceptor), ..State::default() });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(Arc::clone(&shared), stream, encryption));
            }
        });
        Self { address, state }
    }

    /// Its value for `SIGNET_SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.address.port())
    }

    /// How the next connections are treated, in this order; later ones are accepted.
    pub fn behave(&self, behaviors: impl IntoIterator<Item = Behavior>) {
        self.state.behaviors.lock().unwrap().extend(behaviors);
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// The received commands, without their arguments.
    pub fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }
}

/// Creates a certificate for `localhost`; false without openssl.
pub fn certificate(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "live.key", "-out", "live.pem", "-days", "30"])
        .current_dir(folder)
        .output();
    made.is_ok_and(|output| output.status.success())
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("live.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("live.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn connection(state: Arc<State>, stream: TcpStream, encryption: Encryption) {
    *state.connections.lock().unwrap() += 1;
    let behavior = state.behaviors.lock().unwrap().pop_front().unwrap_or(Behavior::Accept);
    // A client that disconnects ends its own connection only.
    let _ = converse(&state, stream, encryption, &behavior).await;
}

async fn converse(
    state: &State,
    stream: TcpStream,
    encryption: Encryption,
    behavior: &Behavior,
) -> io::Result<()> {
    if *behavior == Behavior::SilentAtGreeting {
        std::future::pending::<()>().await;
    }
    let mut encrypted = encryption == Encryption::Implicit;
    let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(if encrypted {
        Box::new(state.tls.as_ref().unwrap().accept(stream).await?)
    } else {
        Box::new(stream)
    });
    let mut mail = Received {
        hello: String::new(),
        from: String::new(),
        to: String::new(),
        data: String::new(),
        encrypted,
        authenticated: false,
    };
    stream.write_all(b"220 sink\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let text = line.trim_end().to_owned();
        let verb = text.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        state.commands.lock().unwrap().push(verb.clone());
        if let Behavior::Reply(command, reply) = behavior
            && *command == verb
        {
            stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
            continue;
        }
        let argument = text.split_once(':').map_or("", |(_, argument)| argument);
        let reply = match &*verb {
            "EHLO" => {
                mail.hello = text[4..].trim().to_owned();
                let offered = encryption == Encryption::StartTls && !encrypted;
                let starttls = if offered { "250-STARTTLS\r\n" } else { "" };
                let auth = if state.login.is_some() { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
                format!("250-sink\r\n{starttls}{auth}250 8BITMIME")
            }
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await?;
                let tls = state.tls.as_ref().unwrap().accept(stream.into_inner()).await?;
                stream = BufReader::new(Box::new(tls));
                (encrypted, mail.encrypted) = (true, true);
                continue;
            }
            "AUTH" => {
                let given = text.rsplit(' ').next().unwrap();
                let (user, password) = state.login.as_ref().unwrap();
                let right = STANDARD.encode(format!("\0{user}\0{password}"));
                mail.authenticated = given == right;
                let refused = "535 5.7.8 wrong password".to_owned();
                if mail.authenticated { "235 2.7.0 welcome".to_owned() } else { refused }
            }
            "MAIL" | "RCPT" if state.login.is_some() && !mail.authenticated => {
                "530 5.7.0 authentication required".to_owned()
            }
            "MAIL" => {
                mail.from = argument.trim().to_owned();
                "250 2.1.0 ok".to_owned()
            }
            "RCPT" => {
                mail.to = argument.trim().to_owned();
                "250 2.1.5 ok".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                mail.data = message(&mut stream).await?;
                if *behavior == Behavior::DropAfterData {
                    return Ok(());
                }
                state.received.lock().unwrap().push(mail.clone());
                if *behavior == Behavior::SilentAfterData {
                    std::future::pending::<()>().await;
                }
                match *behavior {
                    Behavior::DeferAfterData => "451 4.3.0 later".to_owned(),
                    _ => "250 2.0.0 kept".to_owned(),
                }
            }
            "QUIT" if *behavior == Behavior::SilentAfterAccept => std::future::pending().await,
            "QUIT" => "221 bye".to_owned(),
            _ => "500 unknown".to_owned(),
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

/// The message up to the line with a dot, with dot-stuffing removed (RFC 5321 §4.5.2).
async fn message(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
