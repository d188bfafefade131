//! Hosts on the Internet for a server under test: names, addresses and one TLS listener on loopback, which
//! responds as a test configures it and records its requests.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A public address at which the listener of every host responds. No packet is sent to it.
pub const PUBLIC: &str = "93.184.216.34";

/// A response of a host.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The number of bytes of the body after which the host stops sending; `None` for all.
    sent: Option<usize>,
}

impl Reply {
    /// A JSON document.
    pub fn json(document: &Value) -> Self {
        Self::text("application/json", document.to_string().as_bytes())
    }

    /// A response of a media type.
    pub fn text(media_type: &str, body: &[u8]) -> Self {
        let headers = vec![("Content-Type".to_owned(), media_type.to_owned())];
        Self { status: 200, headers, body: body.to_vec(), sent: None }
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same response with another body.
    pub fn mapped(mut self, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        self.body = change(&self.body);
        self
    }

    /// A host that stops sending after `bytes` bytes of the body, and keeps the connection open.
    pub fn silent_after(mut self, bytes: usize) -> Self {
        self.sent = Some(bytes);
        self
    }
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    requests: Mutex<Vec<String>>,
    connections: Mutex<usize>,
}

/// The hosts of one test.
pub struct Hosts {
    folder: TempDir,
    port: u16,
    shared: Arc<Shared>,
}

/// The names that the certificate is for.
const NAMES: &str = "DNS:client.example,DNS:*.client.example,DNS:other.example";

impl Hosts {
    /// Starts a listener for `client.example`, names below it and `other.example`. `None` without openssl.
    pub async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if !make_certificates(&folder) {
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let acceptor = acceptor(&folder);
        tokio::spawn(serve(listener, acceptor, Arc::clone(&shared)));
        let hosts = Self { folder, port, shared };
        fs::write(
            hosts.path(),
            format!(
                "authority {}\nlistener {PUBLIC} 127.0.0.1:{port}\n",
                hosts.folder.path().join("ca.pem").display()
            ),
        )
        .unwrap();
        hosts.add_name("client.example", PUBLIC);
        hosts.add_name("other.example", PUBLIC);
        Some(hosts)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hosts")
    }

    /// The value of `SIGNET_TEST_HOSTS`.
    pub fn file(&self) -> String {
        self.path().display().to_string()
    }

    /// The port on loopback at which every host answers.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Adds a name: `addresses` are separated by commas, those of the next look-up by a space.
    pub fn add_name(&self, name: &str, addresses: &str) {
        self.add_line(&format!("name {name} {addresses}"));
    }

    /// Adds a listener at an address.
    pub fn add_listener(&self, address: &str, listener: std::net::SocketAddr) {
        self.add_line(&format!("listener {address} {listener}"));
    }

    fn add_line(&self, line: &str) {
        let mut text = fs::read_to_string(self.path()).unwrap();
        writeln!(text, "{line}").unwrap();
        fs::write(self.path(), text).unwrap();
    }

    /// Sets the response at `path` of every host. Other paths are 404.
    pub fn answer(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// Removes the response at `path`.
    pub fn forget(&self, path: &str) {
        self.shared.replies.lock().unwrap().remove(path);
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The number of connections opened so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        *shared.connections.lock().unwrap() += 1;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, &shared).await;
            }
        });
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.requests.lock().unwrap().push(head);
    let reply = shared.replies.lock().unwrap().get(&path).cloned();
    let reply = reply.unwrap_or_else(|| Reply::text("text/plain", b"nothing here").status(404));
    let mut text = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if !reply.headers.iter().any(|(name, _)| name == "Transfer-Encoding") {
        write!(text, "Content-Length: {}\r\n", reply.body.len()).unwrap();
    }
    let _ = stream.write_all(format!("{text}\r\n").as_bytes()).await;
    let sent = reply.sent.unwrap_or(reply.body.len());
    let _ = stream.write_all(&reply.body[..sent]).await;
    let _ = stream.flush().await;
    if reply.sent.is_some() {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let _ = stream.shutdown().await;
}

fn acceptor(folder: &TempDir) -> TlsAcceptor {
    let file = |name: &str| folder.path().join(name);
    let chain =
        CertificateDer::pem_file_iter(file("leaf.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("leaf.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Creates an authority and a certificate for [`NAMES`]; false without openssl.
fn make_certificates(folder: &TempDir) -> bool {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let ran = Command::new("openssl").args(arguments).current_dir(folder.path()).output();
        ran.is_ok_and(|ran| ran.status.success())
    };
    let mut authority = vec!["req", "-x509", "-days", "2", "-subj", "/CN=Suite"];
    authority.extend(curve);
    authority.extend(["-keyout", "ca.key", "-out", "ca.pem"]);
    let names = format!("subjectAltName={NAMES}");
    let mut leaf = vec!["req", "-x509", "-days", "2", "-subj", "/CN=hosts", "-CA", "ca.pem"];
    leaf.extend([
        "-CAkey",
        "ca.key",
        "-addext",
        &names,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    leaf.extend(curve);
    leaf.extend(["-keyout", "leaf.key", "-out", "leaf.pem"]);
    openssl(&authority) && openssl(&leaf)
}
