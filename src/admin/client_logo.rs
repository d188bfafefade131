//! The logo of a client: uploaded by an administrator, never fetched from an address.
//!
//! The picture and the settings are written in one transaction, which locks the client.

use crate::app::{App, AuditedTx};
use crate::crypto::digest::sha256_base64url;
use crate::domain::audit::EventKind;
use crate::domain::client_logo::{self, ClientLogo, ImageType};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::store::client_logos;
use crate::store::clients::StoredClient;

use super::clients::changed;

/// Stores an image as the logo of a client.
///
/// # Errors
/// `not_found`; `validation_failed` when the file is not accepted.
pub async fn set(
    app: App,
    client_id: String,
    file: Vec<u8>,
    info: RequestInfo,
) -> Result<StoredClient, Failure> {
    let media_type = client_logo::check(&file)
        .map_err(|error| Refusal::field("logo", error.code(), error.message()))?;
    let logo = ClientLogo { hash: sha256_base64url(&file), media_type };
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        if stored.client.metadata.logo.as_ref() == Some(&logo) {
            return Ok((Vec::new(), ()));
        }
        client_logos::put(tx, &stored.client.client_id, (&logo, &file), info.now).await?;
        stored.client.metadata.logo = Some(logo.clone());
        Ok((vec![EventKind::ClientUpdated], ()))
    };
    Ok(changed(&app, Action::UpdateClient, &client_id, &info, work).await?.0)
}

/// Removes the logo of a client, if it has one.
///
/// # Errors
/// `not_found`.
pub async fn remove(
    app: App,
    client_id: String,
    info: RequestInfo,
) -> Result<StoredClient, Failure> {
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        if stored.client.metadata.logo.take().is_none() {
            return Ok((Vec::new(), ()));
        }
        client_logos::remove(tx, &stored.client.client_id).await?;
        Ok((vec![EventKind::ClientUpdated], ()))
    };
    Ok(changed(&app, Action::UpdateClient, &client_id, &info, work).await?.0)
}

/// The image with this hash, if it is the logo of a client. Unknown hashes cost no statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn picture(app: App, hash: String) -> Result<Option<(ImageType, Vec<u8>)>, Failure> {
    let Some(media_type) = app.logo_type(&hash) else { return Ok(None) };
    let found = client_logos::bytes(&mut app.db.reader().await?, &hash).await?;
    Ok(found.map(|bytes| (media_type, bytes)))
}
