//! Colours, and their contrast.
//!
//! Owns the parsing of colours and the contrast of WCAG 2.2 (§1.4.3).

use std::fmt;

/// The minimum contrast of text (WCAG 2.2 §1.4.3, level AA).
pub const READABLE: f64 = 4.5;

/// A colour in sRGB, eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

impl Color {
    /// White.
    pub const WHITE: Self = Self::rgb(0xff, 0xff, 0xff);
    /// Black.
    pub const BLACK: Self = Self::rgb(0, 0, 0);

    /// A colour by its channels.
    #[must_use]
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Reads `#rrggbb`, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        // `from_str_radix` accepts a sign.
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self { red, green, blue })
    }

    /// The contrast of two colours: 1 for the same one, 21 for black and white.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Black or white, whichever has more contrast on it. One of the two always has at least [`READABLE`].
    #[must_use]
    pub fn ink(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// The nearest shade or tint of it that is readable on `paper`; the colour itself if it is.
    #[must_use]
    pub fn readable_on(self, paper: Self) -> Self {
        const STEPS: u16 = 256;
        let target = paper.ink();
        (0..=STEPS)
            .map(|step| self.mixed(target, step, STEPS))
            .find(|color| color.contrast(paper) >= READABLE)
            .unwrap_or(target)
    }

    /// Mixes the two colours: `part` of `whole` is the other one.
    fn mixed(self, other: Self, part: u16, whole: u16) -> Self {
        let mix = |a: u8, b: u8| {
            let sum = u32::from(a) * u32::from(whole - part) + u32::from(b) * u32::from(part);
            u8::try_from(sum / u32::from(whole)).unwrap_or(u8::MAX)
        };
        Self {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
        }
    }

    /// The relative luminance: 0 for black, 1 for white.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn color(text: &str) -> Color {
        Color::parse(text).unwrap()
    }

    #[test]
    fn only_six_hexadecimal_digits_are_a_colour() {
        assert_eq!(color("#1d4ED8").to_string(), "#1d4ed8");
        for text in ["", "#", "1d4ed8", "#1d4", "#1d4ed8ff", "#1d4eg8", "#+d4ed8", "red", "#1d4edé"]
        {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }

    /// Known values: black and white by definition, and greys from published contrast checkers.
    #[test]
    fn contrast_is_the_one_of_wcag() {
        for (a, b, expected) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#767676", "#ffffff", 4.54),
            ("#777777", "#ffffff", 4.48),
            ("#0000ff", "#ffffff", 8.59),
            ("#ff0000", "#ffffff", 3.998),
        ] {
            for ratio in [color(a).contrast(color(b)), color(b).contrast(color(a))] {
                assert!((ratio - expected).abs() < 0.005, "{a} {b}: {ratio}");
            }
        }
    }

    #[test]
    fn a_readable_colour_stays_as_it_is() {
        assert_eq!(color("#1d4ed8").readable_on(Color::WHITE), color("#1d4ed8"));
        let darker = color("#ffcc00").readable_on(Color::WHITE);
        assert_ne!(darker, Color::BLACK);
        assert!(darker.contrast(Color::WHITE) < 4.8, "{darker} is darker than need be");
    }

    proptest! {
        #[test]
        fn ink_is_readable_and_so_is_what_is_made_readable(rgb: [u8; 3], paper: [u8; 3]) {
            let of = |[red, green, blue]: [u8; 3]| Color::rgb(red, green, blue);
            let (color, paper) = (of(rgb), of(paper));
            prop_assert!(color.ink().contrast(color) >= READABLE);
            prop_assert!(color.readable_on(paper).contrast(paper) >= READABLE);
        }
    }
}
