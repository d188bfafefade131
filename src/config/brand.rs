//! The brand of the pages: a name, two accents, a logo.
//!
//! Owns the limits of each and reads the logo's file. The stylesheet has the same two backgrounds, which a test
//! compares.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::errors::Wrong;
use super::reader::Reader;
use super::settings as s;
use crate::domain::color::{Color, READABLE};
use crate::domain::user::is_display_name;

/// The background of a page in the light scheme.
pub(super) const LIGHT_PAPER: Color = Color::WHITE;
/// The same in the dark scheme.
pub(super) const DARK_PAPER: Color = Color::rgb(0x16, 0x18, 0x1c);
/// The default dark accent.
const DARK_ACCENT: Color = Color::rgb(0x8a, 0xb4, 0xf8);
/// The default name, as in the list of settings.
const DEFAULT_NAME: &str = "Signet";
/// The longest name, in characters.
const MAX_NAME: usize = 64;
/// The largest logo, in bytes.
const MAX_LOGO: u64 = 256 * 1024;

/// The brand.
#[derive(Debug, Clone)]
pub struct Brand {
    /// The name on every page: 1 to 64 printable characters.
    pub name: String,
    /// The accent in the light scheme.
    pub light: Accent,
    /// The accent in the dark scheme.
    pub dark: Accent,
    /// The image in place of the name, if any.
    pub logo: Option<Logo>,
    /// The operator's privacy policy: an https URL.
    pub privacy_url: Option<String>,
    /// The operator's terms of service: an https URL.
    pub terms_url: Option<String>,
}

/// A colour of buttons and links, readable on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    /// The colour itself.
    pub color: Color,
    /// The colour of text on it.
    pub ink: Color,
}

/// An image that was read at the start.
#[derive(Clone)]
pub struct Logo {
    /// Its type.
    pub kind: LogoType,
    /// The file's content, at most 256 KiB.
    pub bytes: Arc<[u8]>,
}

/// The image types that every browser supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoType {
    /// SVG, which could run scripts if it were opened as a document.
    Svg,
    /// Portable Network Graphics.
    Png,
    /// WebP.
    Webp,
}

impl Brand {
    /// Whether the operator chose a name or a logo.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.logo.is_some() || self.name != DEFAULT_NAME
    }
}

impl Accent {
    /// A colour with the most readable text colour.
    #[must_use]
    pub fn new(color: Color) -> Self {
        Self { color, ink: color.ink() }
    }
}

impl LogoType {
    /// Recognises a file by its content, not its name.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Some(Self::Webp);
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let markup = ["<svg", "<?xml", "<!--", "<!DOCTYPE svg"];
        (markup.iter().any(|start| text.starts_with(start)) && text.contains("<svg"))
            .then_some(Self::Svg)
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// The brand in force. The reader records mistakes.
pub(super) fn read(read: &mut Reader<'_>) -> Option<Brand> {
    let source = read.source();
    let name = read.fixed(&s::BRAND_NAME, name);
    let light = read.fixed(&s::BRAND_COLOR, |text| accent(text, LIGHT_PAPER, "white"));
    let dark = read.typed(&s::BRAND_COLOR_DARK, |text| accent(text, DARK_PAPER, "dark"));
    let dark = match dark {
        Some(dark) => dark,
        None if read.is_set(&s::BRAND_COLOR) => light?.readable_on(DARK_PAPER),
        None => DARK_ACCENT,
    };
    read.show(&s::BRAND_COLOR_DARK, dark.to_string());
    let logo = read.typed(&s::BRAND_LOGO, |text| {
        let path = source.absolute(text);
        logo(&path).map(|logo| (path, logo))
    });
    if let Some((path, _)) = &logo {
        read.show(&s::BRAND_LOGO, path.display().to_string());
    }
    let logo = logo.map(|(_, logo)| logo);
    let privacy_url = read.typed(&s::PRIVACY_URL, document_url);
    let terms_url = read.typed(&s::TERMS_URL, document_url);
    let (light, dark) = (Accent::new(light?), Accent::new(dark));
    Some(Brand { name: name?, light, dark, logo, privacy_url, terms_url })
}

/// The address of a document that pages link to.
fn document_url(text: &str) -> Result<String, Wrong> {
    let wrong = |because: &str| {
        Wrong::new(because, "Type an https URL such as https://example.com/privacy")
    };
    let url = url::Url::parse(text).map_err(|_| wrong("is not a URL"))?;
    if url.scheme() != "https" {
        return Err(wrong("does not begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("contains a user name or a password"));
    }
    Ok(url.into())
}

fn name(text: &str) -> Result<String, Wrong> {
    if is_display_name(text) && text.chars().count() <= MAX_NAME {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        "is blank, too long or not printable",
        format!("Type a name of 1 to {MAX_NAME} printable characters"),
    ))
}

/// A colour that is readable on `paper`; messages name it `called`.
fn accent(text: &str, paper: Color, called: &str) -> Result<Color, Wrong> {
    let Some(color) = Color::parse(text) else {
        return Err(Wrong::new(
            "is not a colour",
            "Type # and six hexadecimal digits such as #1d4ed8, in single quotes where it is a \
             line of .env",
        ));
    };
    let contrast = color.contrast(paper);
    if contrast >= READABLE {
        return Ok(color);
    }
    // Truncated, because 4.499 must not be reported as 4.50.
    let contrast = (contrast * 100.0).floor() / 100.0;
    Err(Wrong::new(
        format!("has a contrast of {contrast:.2}:1 on the {called} page"),
        format!(
            "Type a colour with at least {READABLE}:1, to be readable; the nearest is {}",
            color.readable_on(paper)
        ),
    ))
}

/// Reads the logo's file.
fn logo(path: &Path) -> Result<Logo, Wrong> {
    let advice = "Type the path of an SVG, PNG or WebP file of up to 256 KiB that Signet can read";
    let wrong = |because: String| Wrong::new(because, advice);
    // Checked before it is opened, because a pipe would block the start.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(wrong("is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LOGO + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(format!("cannot be read ({error})")))?;
    if bytes.len() as u64 > MAX_LOGO {
        return Err(wrong("is larger than 256 KiB".to_owned()));
    }
    let kind = LogoType::of(&bytes);
    let kind = kind.ok_or_else(|| wrong("is not an image of these types".to_owned()))?;
    Ok(Logo { kind, bytes: bytes.into() })
}

#[cfg(test)]
#[path = "brand_tests.rs"]
mod tests;
