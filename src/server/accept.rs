//! From an accepted connection to HTTP: admission, TLS, the protocol.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::base::Deadlines;

use super::connections::Connections;
use super::pieces::InPieces;
use super::pipelining::PipelineLimit;
use super::stream::{ClientStream, Evicted};

/// How long a connection may take to close.
const DISCONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How many bytes of responses are buffered before a write; also for TLS. With one more piece of a body it fits
/// into 16 KiB.
const WRITE_BUFFER: usize = 12 * 1024 - 512;

/// How connections are served.
#[derive(Clone)]
pub(super) struct Acceptor {
    /// The admission of connections.
    pub connections: Arc<Connections>,
    /// TLS, if it is configured.
    pub tls: Option<TlsAcceptor>,
    /// The deadlines for clients.
    pub deadlines: Deadlines,
}

/// A connection for HTTP.
enum Transport {
    Plain(ClientStream),
    Tls(Box<TlsStream<ClientStream>>),
}

impl Acceptor {
    /// Admits a connection and performs its TLS handshake.
    async fn open(
        self,
        io: TcpStream,
    ) -> Result<(PipelineLimit<Transport>, Option<SocketAddr>), DispatchError> {
        let peer = io.peer_addr()?;
        let refused = || io::Error::other("the limit of connections is reached");
        let seat = self.connections.admit(peer).ok_or_else(refused)?;
        // A response is written in pieces. With Nagle's algorithm the last one would wait for the acknowledgement
        // of the others, which clients delay by 40 ms.
        io.set_nodelay(true)?;
        let stream = ClientStream::new(io, seat, self.deadlines.unread());
        let limited =
            |transport| PipelineLimit::new(transport, WRITE_BUFFER, self.deadlines.request_head());
        let Some(tls) = self.tls else {
            return Ok((limited(Transport::Plain(stream)), Some(peer)));
        };
        let bounded = |tls: &mut rustls::ServerConnection| tls.set_buffer_limit(Some(WRITE_BUFFER));
        let handshake = tls.accept_with(stream, bounded);
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout(self.deadlines.request_head(), handshake).await.map_err(late)??;
        Ok((limited(Transport::Tls(Box::new(stream))), Some(peer)))
    }
}

/// Serves the application on a socket.
///
/// # Errors
/// When the socket cannot be used.
pub(super) fn listen<F, I, S, B>(
    builder: ServerBuilder,
    listener: TcpListener,
    acceptor: Acceptor,
    application: F,
) -> io::Result<ServerBuilder>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let stopping = builder.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    builder.listen(address.to_string(), listener, move || {
        let (acceptor, stopping) = (acceptor.clone(), stopping.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(acceptor.deadlines.request_head())
            .client_disconnect_timeout(DISCONNECT)
            // A client that closes its sending side is treated as disconnected. A client that has merely finished
            // sending cannot be distinguished, but is rare.
            .h1_allow_half_closed(false)
            .h1_write_buffer_size(WRITE_BUFFER)
            .local_addr(address);
        let application = application()
            .into_factory()
            .map(|response| response.into().map_body(|_, body| InPieces::new(body)))
            .map_err(|error| error.into().error_response());
        // The host and the scheme in this configuration are not used.
        let application = map_config(application, |()| AppConfig::default());
        fn_service(move |io: TcpStream| acceptor.clone().open(io)).and_then(http.h1(application))
    })
}

impl Evicted for Transport {
    fn must_close(&self, cx: &Context<'_>) -> bool {
        match self {
            Self::Plain(stream) => stream.must_close(cx),
            Self::Tls(stream) => stream.get_ref().0.must_close(cx),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
