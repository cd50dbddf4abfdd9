//! Commands to be typed as they stand.

use std::borrow::Cow;
use std::ffi::OsStr;

/// One word of a shell command.
pub fn word<S: AsRef<OsStr> + ?Sized>(text: &S) -> String {
    let text: Cow<str> = text.as_ref().to_string_lossy();
    let plain =
        |each: char| each.is_ascii_alphanumeric() || matches!(each, '/' | '.' | '-' | '_' | ':' | '=' | '@');
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", crate::client::printable(&text).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_see_more() {
        for (text, typed) in [
            ("/srv/vault", "/srv/vault"),
            ("unix:/run/vault.sock", "unix:/run/vault.sock"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(word(text), typed);
        }
    }
}
