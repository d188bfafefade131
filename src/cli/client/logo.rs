//! `signet client update --logo`: reads a picture and stores it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::admin::client_logo;
use crate::app::App;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::domain::client_logo::{MAX_BYTES, check};
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::store::clients::StoredClient;

/// The options for the logo of a client.
#[derive(Debug, Args)]
pub struct LogoArgs {
    /// The logo: a PNG, JPEG or WebP file of up to 64 KiB and 1024 pixels per side
    #[arg(long, value_name = "FILE")]
    logo: Option<PathBuf>,
    /// Remove the logo
    #[arg(long, conflicts_with = "logo")]
    no_logo: bool,
}

/// A change of the logo.
pub enum LogoChange {
    /// It is replaced.
    Set(Vec<u8>),
    /// It is removed.
    Remove,
}

impl LogoArgs {
    /// The change. Reads and checks the file, if one is named.
    pub fn change(&self) -> Result<Option<LogoChange>, CommandError> {
        match &self.logo {
            Some(path) => read(path).map(|file| Some(LogoChange::Set(file))),
            None => Ok(self.no_logo.then_some(LogoChange::Remove)),
        }
    }
}

impl LogoChange {
    /// Applies the change.
    pub async fn apply(self, app: &App, client_id: String) -> Result<StoredClient, Failure> {
        let info = RequestInfo::cli(app.now());
        match self {
            Self::Set(file) => {
                app.run_to_completion(client_logo::set(app.clone(), client_id, file, info)).await
            }
            Self::Remove => {
                app.run_to_completion(client_logo::remove(app.clone(), client_id, info)).await
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let name = path.display();
    let mut file = Vec::new();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    File::open(path).and_then(|opened| opened.take(most + 1).read_to_end(&mut file)).map_err(
        |error| {
            CommandError::new(
                Exit::Failed,
                format!("the logo cannot be read from {name}: {error}."),
            )
        },
    )?;
    check(&file).map_err(|error| CommandError::usage(format!("{name}: {}", error.message())))?;
    Ok(file)
}
