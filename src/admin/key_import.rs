//! Import of private keys from another issuer.
//!
//! Owns the use case and its audit event. The accepted key formats are in `crypto::import`.

use crate::app::{App, MadeKey};
use crate::base::TimeSpan;
use crate::crypto::import::Imported;
use crate::crypto::jwt::{GeneratedKey, SigningKey};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::store::keys::{self, StoredKey};

/// The purpose of an imported key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Verifying only: tokens that another issuer signed with it stay valid for this time.
    Verify(TimeSpan),
    /// Signing: new tokens are signed with it immediately, because verifiers already have it.
    Sign,
}

/// An imported key.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its `kid` in the key set.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// Its state.
    pub state: KeyState,
}

/// Imports a private key, so that tokens signed with it stay valid after a migration.
///
/// # Errors
/// `conflict` when a key with this `kid` exists, the same key exists for another algorithm, or it is to sign with
/// an algorithm that no API and no client uses.
pub async fn import(
    app: App,
    imported: Imported,
    wanted: Use,
    info: RequestInfo,
) -> Result<Taken, Failure> {
    let now = info.now;
    let Imported { alg, kid, pkcs8 } = imported;
    if wanted == Use::Sign && !app.key_policy().wanted.contains(&alg) {
        let message = "This algorithm is not in use: choose it for an API or a client first, or import \
                    the key for verification only.";
        return Err(Refusal::new(Code::Conflict, message).into());
    }
    let parsed = SigningKey::parse(alg, &pkcs8)?;
    let key = match kid {
        Some(kid) => parsed.named(kid),
        None => parsed,
    };
    let (state, longest_ttl) = match wanted {
        Use::Verify(span) => (KeyState::Retiring, span),
        Use::Sign => (KeyState::Active, app.longest_access_ttl()),
    };
    let taken = Taken { kid: key.kid.clone(), alg, state };
    let made = MadeKey { generated: GeneratedKey { key, pkcs8 }, state, at: now };
    app.transaction_or_nothing(&info, async |tx| {
        let mut stored = app.seal_key(tx, &made).await?;
        stored.facts.longest_ttl = longest_ttl;
        let present = keys::signing_keys(tx).await?;
        // One algorithm per key (RFC 8725 §3.1), whatever its `kid`.
        let same = |key: &StoredKey| key.public_jwk == stored.public_jwk && key.facts.alg != alg;
        if present.iter().any(same) {
            let message = "This key already exists for another algorithm, and a key signs with one algorithm only: \
                           create a separate key.";
            return Err(Refusal::new(Code::Conflict, message).into());
        }
        if wanted == Use::Sign {
            for key in present {
                if key.facts.alg == alg && key.facts.state == KeyState::Active {
                    let (from, to) = (KeyState::Active, KeyState::Retiring);
                    keys::advance(tx, &key.facts.kid, from, to, now).await?;
                }
            }
        }
        if !keys::insert_signing_key(tx, &stored).await? {
            return Err(Refusal::new(Code::Conflict, "A key with this name already exists.").into());
        }
        tx.record(&Event::new(EventKind::KeyImported).detail(&*stored.facts.kid)).await?;
        Ok(())
    })
    .await?;
    app.reload_if_changed().await?;
    Ok(taken)
}
