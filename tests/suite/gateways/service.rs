//! A service behind a gateway, which records its requests and returns its name.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A received request: its lines, without the body.
pub type Arrived = Vec<String>;

pub struct Service {
    pub port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Service {
    pub async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let kept = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut byte = [0; 1024];
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        match stream.read(&mut byte).await {
                            Ok(count) if count > 0 => head.extend_from_slice(&byte[..count]),
                            // A connection that a gateway opened in advance.
                            _ => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    kept.lock().unwrap().push(head.lines().map(str::to_owned).collect());
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}",
                        name.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, arrived }
    }

    /// Takes the requests that were received since the last call.
    pub fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.arrived.lock().unwrap())
    }
}

/// The values of a header in the lines of a request; the name is case-insensitive.
pub fn values<'a>(arrived: &'a Arrived, name: &str) -> Vec<&'a str> {
    let fields = arrived.iter().skip(1).filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim()).collect()
}
