//! Values on their way in: from a file, standard input or a hidden double prompt, never from an argument.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;
use super::{prompt, shell};
use crate::model::MAX_VALUE_BYTES;
use crate::secret::Plaintext;

/// Which file stands for standard input.
const STDIN: &str = "-";

/// Where a value comes from, for the texts about it.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    File(&'a Path),
    Stdin,
    Prompt,
    /// A line of an import.
    Line,
}

/// Reads a value: from `file`, from standard input if that is `-`, else by a hidden double prompt.
/// `flag` is the option to type where nobody can be asked.
pub fn read(file: Option<&Path>, what: &str, flag: &str, exact: bool) -> Result<Plaintext, Failure> {
    read_fit(file, what, flag, exact, |_| Ok(()))
}

/// The same of a value that `fits` has to take, too. What it refuses is told before it is typed again.
pub fn read_fit(
    file: Option<&Path>,
    what: &str,
    flag: &str,
    exact: bool,
    fits: impl Fn(&Plaintext) -> Result<(), Failure>,
) -> Result<Plaintext, Failure> {
    let (value, origin) = match file {
        Some(path) if is_stdin(path) => (from_stdin(what, MAX_VALUE_BYTES)?, Origin::Stdin),
        Some(path) => (from_file(path, MAX_VALUE_BYTES)?, Origin::File(path)),
        None if prompt::can_ask() => {
            return prompt::twice(what, flag, |typed| {
                check_typed(typed, what, exact)?;
                fits(typed)
            });
        }
        None => {
            return Err(Failure::usage(format!(
                "{what} is missing: give {flag} FILE (- for standard input), or run this on a terminal to be asked"
            )));
        }
    };
    value.lend(|bytes| check(bytes, origin, what, exact)).map_err(Failure::usage)?;
    fits(&value)?;
    Ok(value)
}

fn check_typed(typed: &Plaintext, what: &str, exact: bool) -> Result<(), Failure> {
    typed.lend(|bytes| check(bytes, Origin::Prompt, what, exact)).map_err(Failure::usage)
}

/// A value by a hidden double prompt; `flag` is the option that names a file in its place. None if an empty line comes first.
pub fn asked_unless_empty(what: &str, flag: &str, exact: bool) -> Result<Option<Plaintext>, Failure> {
    prompt::twice_unless_empty(what, flag, |typed| check_typed(typed, what, exact))
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Reads a file of at most `most` bytes. It need not be private: its owner decides that.
pub fn from_file(path: &Path, most: usize) -> Result<Plaintext, Failure> {
    let opened = File::open(path).map_err(|error| unreadable(path, &error))?;
    from_opened(opened, path, most)
}

/// The same of one that is open already.
pub fn from_opened(file: File, path: &Path, most: usize) -> Result<Plaintext, Failure> {
    let read = read_all(file, most).map_err(|error| unreadable(path, &error))?;
    read.ok_or_else(|| too_large(&path.display().to_string(), most))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("can't read {}: {error}", path.display()))
}

/// Reads standard input, unless it is a terminal, which would show what is typed.
pub fn from_stdin(what: &str, most: usize) -> Result<Plaintext, Failure> {
    from_stdin_or(what, most, "leave the option out to be asked unseen")
}

/// The same, where something else than a question stands in for it: `instead` says what.
pub fn from_stdin_or(what: &str, most: usize, instead: &str) -> Result<Plaintext, Failure> {
    if prompt::can_ask() {
        let text = format!("standard input is a terminal, which would show {what}; {instead}");
        return Err(Failure::usage(text));
    }
    let read = read_all(io::stdin().lock(), most);
    let read = read.map_err(|error| Failure::usage(format!("can't read standard input: {error}")))?;
    read.ok_or_else(|| too_large("standard input", most))
}

fn too_large(origin: &str, most: usize) -> Failure {
    Failure::usage(format!("{origin} has more than {most} bytes"))
}

/// None if there is more than `most`. Every buffer that is outgrown is wiped.
fn read_all(mut source: impl Read, most: usize) -> io::Result<Option<Plaintext>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    let mut piece = Zeroizing::new([0; 8 * 1024]);
    loop {
        match source.read(piece.as_mut()) {
            Ok(0) => return Ok(Some(bytes.into())),
            Ok(length) if bytes.len() + length > most => return Ok(None),
            Ok(length) => {
                if bytes.capacity() < bytes.len() + length {
                    let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity() * 2));
                    larger.extend_from_slice(&bytes);
                    bytes = larger;
                }
                bytes.extend_from_slice(&piece[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is no value, or not meant as one. The texts never show it.
pub fn check(value: &[u8], origin: Origin<'_>, what: &str, exact: bool) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{what} is empty"));
    }
    let bare = trim(value);
    if exact || bare == value {
        return Ok(());
    }
    let mends = match origin {
        Origin::Line => "write it without, or give --exact if it belongs to the value".to_owned(),
        Origin::Prompt => "type it without, or give --exact if it belongs to the value".to_owned(),
        Origin::Stdin => {
            "send it without (printf %s, not echo), or give --exact if it belongs to the value".to_owned()
        }
        Origin::File(path) => {
            let path = shell::word(path);
            format!(
                "write the file anew with: printf %s \"$(cat {path})\" > FILE; or give --exact if it belongs to the value"
            )
        }
    };
    let trouble = match origin {
        _ if bare.is_empty() => format!("{what} is nothing but white space"),
        Origin::File(path) if value.strip_suffix(b"\n") == Some(bare) => {
            format!("{what}: the file {} ends with a newline", path.display())
        }
        Origin::Stdin if value.strip_suffix(b"\n") == Some(bare) => {
            format!("{what}: standard input ends with a newline")
        }
        _ => format!("{what} begins or ends with white space"),
    };
    Err(format!("{trouble}; {mends}"))
}

/// Without white space at either end: Unicode's if it is text, ASCII's if not.
fn trim(value: &[u8]) -> &[u8] {
    match std::str::from_utf8(value) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => value.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_near_misses() {
        let origin = Origin::File(Path::new("/x/id"));
        for right in [&b"a"[..], b"a b", b"a\nb", b"\xff", "\u{200b}a".as_bytes()] {
            assert_eq!(check(right, origin, "value", false), Ok(()), "{right:?}");
        }
        for wrong in [
            &b" a"[..],
            b"a ",
            b"a\n",
            b"a\r\n",
            b"\ta",
            b"\na",
            b"a\x0b",
            b"\xff ",
            b" ",
            "\u{a0}a".as_bytes(),
            "a\u{3000}".as_bytes(),
        ] {
            for origin in [origin, Origin::Stdin, Origin::Prompt] {
                let told = check(wrong, origin, "value", false).unwrap_err();
                assert!(told.contains("--exact"), "{wrong:?}: {told}");
                assert_eq!(check(wrong, origin, "value", true), Ok(()), "{wrong:?}");
            }
        }
        assert!(check(b"", origin, "value", true).is_err());
        assert!(
            check(b"hush\n", origin, "value", false)
                .unwrap_err()
                .contains("ends with a newline; write the file")
        );
        for value in [&b"hush\n"[..], b" hush", b"hush \n"] {
            assert!(!check(value, origin, "value", false).unwrap_err().contains("hush"));
        }
    }

    #[test]
    fn what_is_read_is_bounded() {
        let read = |length: usize, most| {
            let read = read_all(&vec![b'x'; length][..], most).unwrap();
            read.map(|bytes| bytes.lend(<[u8]>::len))
        };
        for length in [0, 1, 8191, 8192, 8193, 100_000] {
            assert_eq!(read(length, length), Some(length));
            assert_eq!(read(length + 1, length), None);
        }
    }
}
