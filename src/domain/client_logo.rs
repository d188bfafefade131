//! Logos of clients.
//!
//! Owns the accepted image types, recognised by content, and the limits. Raster images only, because an SVG
//! is a document that can contain scripts. Width and height are read from the file, so that a small file
//! cannot become a huge image in a browser.

use serde::{Deserialize, Serialize};

use crate::text_enum;

/// The largest file, in bytes: as much as a request's body.
pub const MAX_BYTES: usize = 64 * 1024;
/// The maximum width and height in pixels.
pub const MAX_SIDE: u32 = 1_024;
/// The path that logos are served below.
pub const PATH: &str = "/assets/logos";

text_enum! {
    /// The accepted image types.
    pub enum ImageType {
        /// Portable Network Graphics.
        Png = "image/png",
        /// JPEG.
        Jpeg = "image/jpeg",
        /// WebP.
        Webp = "image/webp",
    }
}

/// The logo of a client. The file is stored separately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLogo {
    /// The hash of the file, in base64url. It is part of the URL, so that another image has another URL.
    pub hash: String,
    /// Its media type.
    pub media_type: ImageType,
}

impl ClientLogo {
    /// The path it is served at, below that of the issuer.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PATH}/{}", self.hash)
    }
}

/// Why a file is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoError {
    /// More than [`MAX_BYTES`].
    TooLarge,
    /// Not an accepted type, or a truncated header.
    NotAnImage,
    /// The width or the height is 0, or more than [`MAX_SIDE`].
    Dimensions,
}

impl LogoError {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotAnImage => "not_an_image",
            Self::Dimensions => "dimensions",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "A logo is a file of at most 64 KiB.",
            Self::NotAnImage => {
                "A logo is a PNG, JPEG or WebP file. The type is detected from its content, not its name."
            }
            Self::Dimensions => "A logo is 1 to 1024 pixels wide and high.",
        }
    }
}

/// The kind of a file, if it is accepted as a logo.
///
/// # Errors
/// [`LogoError`].
pub fn check(bytes: &[u8]) -> Result<ImageType, LogoError> {
    if bytes.len() > MAX_BYTES {
        return Err(LogoError::TooLarge);
    }
    let (kind, size) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (ImageType::Png, png_size(bytes))
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (ImageType::Jpeg, jpeg_size(bytes))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        (ImageType::Webp, webp_size(bytes))
    } else {
        return Err(LogoError::NotAnImage);
    };
    let (width, height) = size.ok_or(LogoError::NotAnImage)?;
    let fits = |side: u32| (1..=MAX_SIDE).contains(&side);
    if fits(width) && fits(height) { Ok(kind) } else { Err(LogoError::Dimensions) }
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_be_bytes(pair.try_into().ok()?)))
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    be16(bytes, at).map(|pair| (pair >> 8) | ((pair & 0xff) << 8))
}

/// Of the chunk `IHDR`, which is the first (PNG §11.2.1).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let side = |at: usize| Some(be16(bytes, at)? << 16 | be16(bytes, at + 2)?);
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some((side(16)?, side(20)?))
}

/// Of the frame header (ITU T.81 §B.2.2), behind any segments.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        (*bytes.get(at)? == 0xff).then_some(())?;
        match *bytes.get(at + 1)? {
            // Fill bytes, and markers without a segment.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((be16(bytes, at + 7)?, be16(bytes, at + 5)?));
            }
            // The picture ends, or its data begin, without a frame.
            0xd9 | 0xda => return None,
            _ => {
                let length = be16(bytes, at + 2)?;
                at += 2 + usize::try_from(length).ok().filter(|length| *length >= 2)?;
            }
        }
    }
}

/// Of the first chunk: lossy, lossless or extended (RFC 9649 §2.5 to §2.7).
fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => {
            (bytes.get(23..26)? == [0x9d, 0x01, 0x2a]).then_some(())?;
            Some((le16(bytes, 26)? & 0x3fff, le16(bytes, 28)? & 0x3fff))
        }
        b"VP8L" => {
            (*bytes.get(20)? == 0x2f).then_some(())?;
            let bits = le16(bytes, 21)? | le16(bytes, 23)? << 16;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let side =
                |at: usize| Some((le16(bytes, at)? | u32::from(*bytes.get(at + 2)?) << 16) + 1);
            Some((side(24)?, side(27)?))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "client_logo_tests.rs"]
mod tests;
