//! Tests of readable names.

use super::*;

const SCOTLAND: &str = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";

#[test]
fn names_of_all_scripts_and_emoji_are_readable() {
    let scotland = format!("Team {SCOTLAND}");
    for name in [
        "Ada",
        "Ada Lovelace",
        "\u{e4}",
        "\u{639}\u{644}\u{64a}",
        "\u{5d0}\u{5d1}",
        "\u{6cc}\u{200c}\u{627}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{2764}\u{fe0f}",
        "\u{1f3f4}",
        "\u{1f3f4}\u{200d}\u{2620}\u{fe0f}",
        SCOTLAND,
        &scotland,
    ] {
        assert!(is_readable_name(name), "{name:?}");
    }
}

#[test]
fn invisible_text_bidi_controls_and_stray_tags_are_not_a_name() {
    for name in [
        "",
        " ",
        "\u{a0}",
        "\u{200b}",
        "\u{200d}\u{200c}",
        "\u{feff}",
        "\u{ad}",
        "\u{2060}",
        "\u{115f}",
        "\u{3164}",
        "\u{ffa0}",
        "\u{2800}",
        "\u{34f}",
        "\u{fe0f}",
        "\u{180e}",
        "\u{fff9}",
        "\u{e0001}",
        "\u{e0100}",
        "a\0",
        "a\n",
        "a\u{85}",
        "a\u{202e}b",
        "a\u{2028}b",
        "a\u{2029}b",
        "a\u{fff9}b",
        "a\u{fffa}b",
        "a\u{fffb}b",
        "a\u{2066}b",
        "a\u{61c}",
        "a\u{200e}",
        "a\u{200f}",
        "a\u{e0061}",
        "\u{1f3f4}\u{e0067}\u{e0062}",
        "\u{1f3f4}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e007f}",
        "\u{1f3f4}\u{e0041}\u{e0041}\u{e0041}\u{e007f}",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e007f}",
    ] {
        assert!(!is_readable_name(name), "{name:?}");
    }
    assert!(!is_readable_name(&format!("{SCOTLAND}\u{e0067}")));
}
