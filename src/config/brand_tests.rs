//! Tests of the brand: every limit, the wording of its mistakes, and the logo's file.

use super::*;
use crate::config::{Config, ConfigErrors, Loaded, Source};

fn load(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    Config::from_source(&Source::from_pairs("/srv", pairs))
}

fn brand(pairs: &[(&str, &str)]) -> Brand {
    load(pairs).unwrap().config.brand
}

#[track_caller]
fn refused(name: &str, value: &str, parts: &[&str]) {
    let text = load(&[(name, value)]).unwrap_err().to_string();
    assert!(text.starts_with(&format!("{name}: found ")), "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_brand_is_a_name_and_two_accents() {
    let brand = brand(&[
        ("SIGNET_BRAND_NAME", "Käsekrainer & Söhne"),
        ("SIGNET_BRAND_COLOR", "#8A1C4A"),
        ("SIGNET_BRAND_COLOR_DARK", "#ffb3d1"),
    ]);
    assert_eq!(brand.name, "Käsekrainer & Söhne");
    assert_eq!(brand.light.color.to_string(), "#8a1c4a");
    assert_eq!(brand.light.ink, Color::WHITE);
    assert_eq!(brand.dark.color.to_string(), "#ffb3d1");
    assert_eq!(brand.dark.ink, Color::BLACK);
}

#[test]
fn a_name_is_short_and_printable() {
    assert_eq!(brand(&[("SIGNET_BRAND_NAME", &"ö".repeat(64))]).name.chars().count(), 64);
    for bad in [&*"ö".repeat(65), "  ", "a\nb", "a\u{202e}b"] {
        refused("SIGNET_BRAND_NAME", bad, &["1 to 64 printable characters"]);
    }
}

#[test]
fn pages_link_to_documents_over_https_only() {
    let brand = brand(&[
        ("SIGNET_PRIVACY_URL", "https://example.com/privacy?lang=de"),
        ("SIGNET_TERMS_URL", "HTTPS://example.com"),
    ]);
    assert_eq!(brand.privacy_url.as_deref(), Some("https://example.com/privacy?lang=de"));
    assert_eq!(brand.terms_url.as_deref(), Some("https://example.com/"));
    for bad in ["http://example.com", "javascript:alert(1)", "/privacy", "https://a:b@example.com"]
    {
        refused("SIGNET_PRIVACY_URL", bad, &["https URL"]);
        refused("SIGNET_TERMS_URL", bad, &["https URL"]);
    }
}

#[test]
fn a_colour_without_contrast_is_refused_with_one_that_has_it() {
    refused("SIGNET_BRAND_COLOR", "#ffcc00", &["1.51:1 on the white page", "the nearest is #"]);
    refused("SIGNET_BRAND_COLOR", "#777777", &["4.47:1", "the nearest is #767676"]);
    refused("SIGNET_BRAND_COLOR_DARK", "#1d4ed8", &["on the dark page", "the nearest is #"]);
    for bad in ["blue", "#12345", "#1234567", "1d4ed8", "rgb(1,2,3)"] {
        refused("SIGNET_BRAND_COLOR", bad, &["is not a colour", "#1d4ed8"]);
    }
}

#[test]
fn the_dark_accent_follows_the_light_one_unless_it_is_chosen() {
    let derived = brand(&[("SIGNET_BRAND_COLOR", "#7a0000")]).dark;
    assert_ne!(derived.color, DARK_ACCENT);
    assert!(derived.color.contrast(DARK_PAPER) >= READABLE);
    assert!(derived.ink.contrast(derived.color) >= READABLE);
    assert_eq!(brand(&[("SIGNET_BRAND_COLOR_DARK", "#ffffff")]).dark.color, Color::WHITE);
    let loaded = load(&[("SIGNET_BRAND_COLOR", "#7a0000")]).unwrap();
    let shown = loaded.shown.iter().find(|shown| shown.name == "SIGNET_BRAND_COLOR_DARK");
    assert_eq!(shown.unwrap().value, derived.color.to_string());
}

#[test]
fn the_stylesheet_has_the_same_papers_and_accents() {
    let css = include_str!("../../assets/signet.css");
    let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
    let defaults = brand(&[]);
    for (part, paper, accent) in
        [(light, LIGHT_PAPER, defaults.light), (dark, DARK_PAPER, defaults.dark)]
    {
        assert!(part.contains(&format!("--paper: {paper};")));
        assert!(part.contains(&format!("--accent: {};", accent.color)));
        assert!(part.contains(&format!("--on-accent: {};", accent.ink)));
    }
}

/// Every pair of colours that the stylesheet combines has enough contrast: 4.5:1 for text, 3:1 for lines and outlines.
#[test]
fn everything_on_a_page_can_be_read() {
    let css = include_str!("../../assets/signet.css");
    let (light, dark) = css.split_once("prefers-color-scheme: dark").unwrap();
    for part in [light, dark] {
        let color = |name: &str| {
            let (_, rest) = part.split_once(&format!("--{name}: ")).unwrap();
            Color::parse(&rest[..7]).unwrap()
        };
        for (front, back, least) in [
            ("ink", "paper", READABLE),
            ("ink", "shade", READABLE),
            ("quiet", "paper", READABLE),
            ("quiet", "shade", READABLE),
            ("alarm", "paper", READABLE),
            ("good", "paper", READABLE),
            ("accent", "paper", READABLE),
            ("on-accent", "accent", READABLE),
            ("line", "paper", 3.0),
            ("line", "shade", 3.0),
            ("accent", "shade", 3.0),
        ] {
            let contrast = color(front).contrast(color(back));
            assert!(contrast >= least, "{front} on {back}: {contrast:.2}");
        }
    }
}

#[test]
fn pictures_are_known_by_their_content() {
    for (bytes, kind) in [
        (&b"\x89PNG\r\n\x1a\n\0\0"[..], Some(LogoType::Png)),
        (b"RIFF\x10\0\0\0WEBPVP8 ", Some(LogoType::Webp)),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some(LogoType::Svg)),
        (b"\xef\xbb\xbf\n<?xml version=\"1.0\"?>\n<svg/>", Some(LogoType::Svg)),
        (b"<!-- drawn by hand --><svg/>", Some(LogoType::Svg)),
        (b"", None),
        (b"GIF89a", None),
        (b"\xff\xd8\xff", None),
        (b"RIFF\x10\0\0\0WAVE", None),
        (b"<?xml version=\"1.0\"?><html/>", None),
        (b"<html><svg/></html>", None),
        (b"<svg>\xff</svg>", None),
    ] {
        assert_eq!(LogoType::of(bytes), kind, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn the_logo_is_read_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        std::fs::write(dir.path().join(name), content).unwrap();
        dir.path().join(name).display().to_string()
    };
    let good = file("logo", b"<svg/>");
    let loaded = load(&[("SIGNET_BRAND_LOGO", &good)]).unwrap();
    let logo = loaded.config.brand.logo.unwrap();
    assert_eq!((logo.kind, &*logo.bytes), (LogoType::Svg, &b"<svg/>"[..]));
    assert_eq!(format!("{logo:?}"), "Logo(Svg, 6 bytes)");
    assert!(loaded.shown.iter().any(|shown| shown.value == good));

    let mut largest = b"\x89PNG\r\n\x1a\n".to_vec();
    largest.resize(256 * 1024, 0);
    assert!(load(&[("SIGNET_BRAND_LOGO", &file("largest.png", &largest))]).is_ok());
    largest.push(0);
    refused("SIGNET_BRAND_LOGO", &file("large.png", &largest), &["larger than 256 KiB"]);
    refused("SIGNET_BRAND_LOGO", &file("a.png", b"GIF89a"), &["not an image of these types"]);
    refused("SIGNET_BRAND_LOGO", dir.path().to_str().unwrap(), &["is not a file"]);
    refused("SIGNET_BRAND_LOGO", "no/such.svg", &["cannot be read", "SVG, PNG or WebP"]);
    refused("SIGNET_BRAND_LOGO", "/dev/zero", &["is not a file"]);
}
