//! QR codes as inline SVG: black on white in every colour scheme, with the quiet zone of four modules that
//! readers need (ISO/IEC 18004). Presentation attributes only: the policy of the pages allows no inline style.

use qrcodegen::{QrCode, QrCodeEcc};

/// The margin of a QR code, in modules.
const QUIET_ZONE: i32 = 4;

/// A QR code, ready for a template.
pub struct QrImage {
    /// The length of a side with its margin, in modules.
    pub side: i32,
    /// The dark modules, as the `d` of one SVG path.
    pub path: String,
}

impl QrImage {
    /// The QR code of a text; `None` if it is too long for one.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let size = code.size();
        let mut path = String::new();
        for y in 0..size {
            let mut x = 0;
            while x < size {
                let start = x;
                while x < size && code.get_module(x, y) {
                    x += 1;
                }
                if x > start {
                    let (left, top, length) = (start + QUIET_ZONE, y + QUIET_ZONE, x - start);
                    path.push_str(&format!("M{left} {top}h{length}v1h-{length}z"));
                }
                x += 1;
            }
        }
        Some(Self { side: size + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_margin_and_its_finder_patterns() {
        let image =
            QrImage::of("otpauth://totp/Signet:ada?secret=GEZDGNBVGY3TQOJQ&issuer=Signet").unwrap();
        let modules = image.side - 2 * QUIET_ZONE;
        assert!((modules - 17) % 4 == 0 && modules >= 21, "the size of a version: {modules}");
        // The upper edges of the two upper finder patterns.
        let right = QUIET_ZONE + modules - 7;
        for edge in ["M4 4h7v1h-7z".to_owned(), format!("M{right} 4h7v1h-7z")] {
            assert!(image.path.contains(&edge), "{edge}");
        }
        assert!(QrImage::of(&"x".repeat(3_000)).is_none());
    }

    /// The path draws exactly the dark modules, each once.
    #[test]
    fn the_path_draws_the_dark_modules() {
        for text in ["otpauth://totp/Signet:ada?secret=GEZDGNBVGY3TQOJQ&issuer=Signet", "x"] {
            let image = QrImage::of(text).unwrap();
            let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
            let mut drawn = Vec::new();
            for rectangle in image.path.split('M').filter(|part| !part.is_empty()) {
                let (corner, rest) = rectangle.split_once('h').unwrap();
                let (x, y) = corner.split_once(' ').unwrap();
                let (width, end) = rest.split_once('v').unwrap();
                assert_eq!(end, format!("1h-{width}z"));
                let [x, y, width] = [x, y, width].map(|number| number.parse::<i32>().unwrap());
                drawn.extend((x..x + width).map(|x| (y - QUIET_ZONE, x - QUIET_ZONE)));
            }
            let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (y, x)));
            let dark: Vec<_> = all.filter(|(y, x)| code.get_module(*x, *y)).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, dark, "{text}");
        }
    }
}
