//! The SMTP dialogue: one connection for one mail.
//!
//! Owns the order of its stages and their deadline. Commands are sent individually, because the library's transport
//! sends QUIT and waits for its reply within the same call: a server that goes silent after it accepted a mail
//! would look like a time-out, and the mail would be sent again.

use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::message::Message;
use super::outcome::{SendError, Stage};
use crate::base::Deadlines;
use crate::config::{SmtpServer, SmtpTls};

/// The timeout of the reply to QUIT. The mail has been accepted or refused by then.
const QUIT: Duration = Duration::from_secs(2);

/// The server that mail is delivered to.
pub(super) struct Relay<'a> {
    pub(super) server: &'a SmtpServer,
    /// The name in EHLO.
    pub(super) hello: &'a ClientId,
    pub(super) tls: &'a OnceLock<TlsParameters>,
}

/// The stage of a delivery, which can be read even after it was cancelled.
struct Progress<'a> {
    at: Mutex<Stage>,
    reached: &'a (dyn Fn(Stage) + Send + Sync),
}

impl Progress<'_> {
    fn enter(&self, stage: Stage) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Completes the current stage.
    fn done(&self) {
        (self.reached)(self.at());
    }

    fn at(&self) -> Stage {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay<'_> {
    /// Delivers a message within the deadline.
    pub(super) async fn deliver(
        &self,
        message: &Message,
        deadlines: Deadlines,
        reached: &(dyn Fn(Stage) + Send + Sync),
    ) -> Result<(), SendError> {
        let progress = Progress { at: Mutex::new(Stage::Resolve), reached };
        let dialogue = async {
            let mut connection = self.connect(deadlines, &progress).await?;
            // Later events on the connection do not change the outcome.
            let outcome = self.transfer(&mut connection, message, &progress).await;
            Ok((connection, outcome))
        };
        match timeout(deadlines.mail(), dialogue).await {
            Ok(Ok((mut connection, outcome))) => {
                let _ = timeout(QUIT, connection.quit()).await;
                outcome
            }
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let text = format!("no answer within {} s", deadlines.mail().as_secs());
                Err(SendError::local(progress.at(), text))
            }
        }
    }

    /// A connection that is encrypted and authenticated as configured.
    async fn connect(
        &self,
        deadlines: Deadlines,
        progress: &Progress<'_>,
    ) -> Result<AsyncSmtpConnection, SendError> {
        let addresses = self.resolve().await?;
        progress.done();
        progress.enter(Stage::Connect);
        let wait = deadlines.mail_connection();
        let failed = |stage| move |error: SmtpError| SendError::of(stage, &error);
        let mut connection = if self.server.tls == SmtpTls::Implicit {
            let tls = Some(self.tls_parameters()?);
            // The library connects, encrypts and greets in one call.
            let opened =
                AsyncSmtpConnection::connect_tokio1(&*addresses, Some(wait), self.hello, tls, None);
            let connection = opened.await.map_err(failed(Stage::Connect))?;
            progress.done();
            progress.enter(Stage::Tls);
            progress.done();
            progress.enter(Stage::Greeting);
            connection
        } else {
            let stream = reach(&addresses, wait).await?;
            progress.done();
            progress.enter(Stage::Greeting);
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), self.hello);
            greeted.await.map_err(failed(Stage::Greeting))?
        };
        progress.done();
        if self.server.tls == SmtpTls::StartTls {
            progress.enter(Stage::Tls);
            if !connection.can_starttls() {
                let text = "the server does not offer STARTTLS, which is required";
                return Err(SendError::local(Stage::Tls, text).needs_operator());
            }
            let upgraded = connection.starttls(self.tls_parameters()?, self.hello);
            upgraded.await.map_err(failed(Stage::Tls))?;
            progress.done();
        }
        if let Some((user, password)) = &self.server.login {
            progress.enter(Stage::Authenticate);
            let credentials = Credentials::new(user.clone(), password.expose().clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let authenticated = connection.auth(&mechanisms, &credentials);
            authenticated.await.map_err(failed(Stage::Authenticate))?;
            progress.done();
        }
        Ok(connection)
    }

    /// Sends the mail on a ready connection. QUIT follows separately.
    async fn transfer(
        &self,
        connection: &mut AsyncSmtpConnection,
        message: &Message,
        progress: &Progress<'_>,
    ) -> Result<(), SendError> {
        let failed = |stage| move |error: SmtpError| SendError::of(stage, &error);
        progress.enter(Stage::Sender);
        let sender = Mail::new(Some(message.from.clone()), Vec::new());
        connection.command(sender).await.map_err(failed(Stage::Sender))?;
        progress.done();
        progress.enter(Stage::Recipient);
        let recipient = Rcpt::new(message.to.clone(), Vec::new());
        connection.command(recipient).await.map_err(failed(Stage::Recipient))?;
        progress.done();
        progress.enter(Stage::Message);
        connection.command(Data).await.map_err(failed(Stage::Message))?;
        connection.message(&message.bytes).await.map_err(failed(Stage::Message))?;
        progress.done();
        Ok(())
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, SendError> {
        let found = tokio::net::lookup_host((self.server.host.as_str(), self.server.port)).await;
        let found = found.map_err(|error| SendError::local(Stage::Resolve, error.to_string()))?;
        let addresses: Vec<SocketAddr> = found.collect();
        if addresses.is_empty() {
            return Err(SendError::local(Stage::Resolve, "the name has no address"));
        }
        Ok(addresses)
    }

    fn tls_parameters(&self) -> Result<TlsParameters, SendError> {
        if let Some(known) = self.tls.get() {
            return Ok(known.clone());
        }
        let made = TlsParameters::new(self.server.host.clone())
            .map_err(|error| SendError::of(Stage::Tls, &error).needs_operator())?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

/// A connection to the first address that accepts one.
async fn reach(addresses: &[SocketAddr], wait: Duration) -> Result<TcpStream, SendError> {
    let mut text = String::new();
    for address in addresses {
        match timeout(wait, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => text = format!("{address}: {error}"),
            Err(_) => text = format!("{address}: no answer within {} s", wait.as_secs()),
        }
    }
    Err(SendError::local(Stage::Connect, text))
}
