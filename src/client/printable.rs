//! Text from elsewhere on a terminal: what would steer it, or wouldn't be seen, becomes an escape that can be read.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::is_unseen;

/// The text with every character that nobody sees as `\u{…}`, line ends too: none steers a terminal, and no name looks
/// like another by them.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for each in text.chars() {
        if is_unseen(each) {
            out.extend(each.escape_unicode());
        } else {
            out.push(each);
        }
    }
    Cow::Owned(out)
}

/// A JSON text with every such character as `\uXXXX`. It stays the same document: outside of strings a JSON
/// text has none but white space, which becomes a space.
pub fn printable_json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for each in text.chars() {
        match each {
            '\n' | '\r' | '\t' => out.push(' '),
            each if is_unseen(each) => {
                for unit in each.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes all");
                }
            }
            each => out.push(each),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\n"), r"a\u{1b}[31mb\u{a}");
        assert_eq!(printable("\u{9b}2J\u{7f}\u{202e}"), r"\u{9b}2J\u{7f}\u{202e}");
        assert!(matches!(printable("Grüße 🔑"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_that_differ_by_what_nobody_sees_look_different() {
        let unseen = [
            "",
            "\u{200b}",
            "\u{feff}",
            "\u{115f}",
            "\u{3164}",
            "\u{e0041}",
            "\u{ad}",
            "\u{2060}",
            "\u{fe0f}",
        ];
        let shown: std::collections::BTreeSet<_> =
            unseen.iter().map(|each| printable(&format!("ann{each}")).into_owned()).collect();
        assert_eq!(shown.len(), unseen.len());
        assert!(shown.iter().all(|each| each.is_ascii()), "{shown:?}");
        assert!(shown.contains(r"ann\u{e0041}") && shown.contains(r"ann\u{200b}"), "{shown:?}");
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "{\n\"a\":\t\"\u{9b}2J\u{202e}\u{7f}\u{e4}\u{200b}\u{e0041}\"}";
        let shown = printable_json(text);
        assert_eq!(shown, "{ \"a\": \"\\u009b2J\\u202e\\u007f\u{e4}\\u200b\\udb40\\udc41\"}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
    }
}
