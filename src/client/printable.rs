//! Text from elsewhere on a terminal: what would steer it becomes an escape that can be read.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Controls, and the marks that reorder text (Unicode, UAX #9), which can make one name look like another.
fn steers(each: char) -> bool {
    each.is_control()
        || matches!(each, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every such character as `\u{…}`, line ends too.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for each in text.chars() {
        if steers(each) {
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
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for each in text.chars() {
        match each {
            '\n' | '\r' | '\t' => out.push(' '),
            // All of them are in the basic plane.
            each if steers(each) => write!(out, "\\u{:04x}", u32::from(each)).expect("a string takes all"),
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
    fn json_stays_the_same_document() {
        let text = "{\n\"a\":\t\"\u{9b}2J\u{202e}\u{7f}\u{e4}\"}";
        let shown = printable_json(text);
        assert_eq!(shown, "{ \"a\": \"\\u009b2J\\u202e\\u007f\u{e4}\"}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
    }
}
