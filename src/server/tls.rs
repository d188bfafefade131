//! The certificate and the key, which can be reloaded without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::base::Timestamp;
use crate::config::TlsFiles;
use crate::crypto::certificate;

/// A TLS configuration whose certificate can be replaced.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the files.
    pub fn load(files: &TlsFiles) -> Result<Self, String> {
        let current = Arc::new(Current(ArcSwap::from_pointee(read(files)?)));
        Ok(Self { files: files.clone(), current })
    }

    /// Reloads them; the previous ones stay in use if the new ones are invalid.
    pub fn reload(&self) -> Result<(), String> {
        self.current.0.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// The period in which every certificate of the chain is valid; `None` if one cannot be read.
    pub fn validity(&self) -> Option<(Timestamp, Timestamp)> {
        let current = self.current.0.load();
        let mut all = current.cert.iter().map(|der| certificate::validity(der));
        let first = all.next()??;
        all.try_fold(first, |(begins, ends), next| {
            let (from, until) = next?;
            Some((begins.max(from), ends.min(until)))
        })
    }

    /// The configuration of a listener.
    pub fn config(&self) -> ServerConfig {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.current) as _;
        let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, String> {
    let (cert, key) = (files.cert.display(), files.key.display());
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("the certificate {cert} cannot be read: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{cert} does not contain a PEM certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| format!("the key {key} cannot be read: {error}"))?;
    let signing = any_supported_type(&private)
        .map_err(|error| format!("the key {key} cannot be used: {error}"))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            // Built once, because this checks the provider: a missing one would panic at the first handshake.
            drop(default_provider().install_default());
            Ok(certified)
        }
        Err(_) => Err(format!("{key} does not belong to the certificate in {cert}")),
    }
}
