//! Characters that nobody sees. With them two names look the same and aren't, or a text reads otherwise than it is.

use icu_properties::props::{BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory};

/// Whether a character is a control, orders or joins text (Unicode's general category Cf), breaks lines (Zl, Zp), or is
/// nothing at all where a font doesn't know it (Default_Ignorable_Code_Point: zero-width and filler characters, tags,
/// variation selectors).
pub fn is_unseen(each: char) -> bool {
    if each.is_ascii() {
        return each.is_ascii_control();
    }
    each.is_control()
        || DefaultIgnorableCodePoint::for_char(each)
        || matches!(
            GeneralCategory::for_char(each),
            GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_and_what_isnt() {
        for unseen in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e01ef}',
        ] {
            assert!(is_unseen(unseen), "{}", unseen.escape_unicode());
        }
        for seen in
            ['a', ' ', '~', '\u{a0}', 'ü', 'ß', '\u{300}', 'ж', 'ا', '漢', '\u{3000}', 'ᄀ', '🔑', '\u{fffd}']
        {
            assert!(!is_unseen(seen), "{}", seen.escape_unicode());
        }
    }
}
