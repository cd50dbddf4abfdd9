//! What is printed: on standard output a result, as text or as exactly one JSON document; all else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use crate::client::{Answer, printable, printable_json};
use crate::secret::Plaintext;
use crate::telemetry;

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    Text,
    Json,
}

impl Form {
    /// Prints what this program knows itself.
    pub fn show(self, document: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self {
            Self::Text => print(text().as_bytes()),
            Self::Json => print_json(&crate::wire::write(document)),
        }
    }

    /// Prints the daemon's document as it came, or `text` made of it.
    pub fn answer(self, answer: &Answer, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self {
            Self::Text => print(text().as_bytes()),
            Self::Json => answer.body.lend(print_json),
        }
    }
}

/// Whether standard output is a terminal, where a control character would do something.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints bytes as they are.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    print_or_gone(bytes).map(|_| ())
}

/// The same; false if whoever reads has read enough, as with `head`.
pub fn print_or_gone(bytes: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Failed, format!("can't write to standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// Says something on standard error, in a line or more; where there is a log, behind its lines. Names of files, and what stood in
/// them, may come from anybody. If nobody can be told, the exit code still says how it went.
pub fn tell(text: impl Display) {
    let text = text.to_string();
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    let text = lines.join("\n");
    if !telemetry::say(&text) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Says so of an edit that changed nothing, by the tags that the record had and has.
pub fn tell_if_same(before: &Answer, after: &Answer) {
    if after.tag == before.tag {
        tell("nothing was changed: it is so already");
    }
}

/// Begins a question there: no line end.
pub fn ask(question: impl Display) {
    let _ = write!(io::stderr().lock(), "{question}");
}

/// The same for what is shown this once: that nobody reads it is a failure too.
pub fn print_once(bytes: &[u8]) -> Result<(), Failure> {
    if print_or_gone(bytes)? {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "can't write to standard output: nobody reads it"))
}

/// Prints a JSON text on one line.
pub fn print_json(json: &[u8]) -> Result<(), Failure> {
    json_line(json)?.lend(print)
}

/// A JSON text as a line.
pub fn json_line(json: &[u8]) -> Result<Plaintext, Failure> {
    let odd = |_| Failure::new(Exit::Failed, "the daemon's answer is no UTF-8 text");
    let text = std::str::from_utf8(json).map_err(odd)?;
    // It may hold a value: wiped like one.
    let shown = zeroize::Zeroizing::new(printable_json(text).into_owned());
    Ok(Plaintext::new(format!("{}\n", shown.trim_end()).into_bytes()))
}

/// How a value is printed as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// Exactly its bytes.
    Raw,
    /// On a terminal: a line that can't steer it.
    Terminal,
    /// Elsewhere: its bytes and a line end.
    Line,
}

impl Reveal {
    pub fn fitting(raw: bool) -> Self {
        match (raw, is_terminal()) {
            (true, _) => Self::Raw,
            (false, true) => Self::Terminal,
            (false, false) => Self::Line,
        }
    }

    /// The bytes to print for `value`.
    pub fn render(self, value: Plaintext) -> Result<Plaintext, Failure> {
        let mut bytes = match self {
            Self::Raw | Self::Line => value.reveal_into_vec(),
            Self::Terminal => value.lend(for_terminal)?.reveal_into_vec(),
        };
        if self != Self::Raw {
            bytes.push(b'\n');
        }
        Ok(bytes.into())
    }
}

/// Line ends and tabs stay; everything else that steers a terminal is shown as an escape.
fn for_terminal(bytes: &[u8]) -> Result<Plaintext, Failure> {
    let binary = |_| Failure::usage("the value is no text; write it to a file with: --raw > FILE");
    let text = std::str::from_utf8(bytes).map_err(binary)?;
    let mut out = zeroize::Zeroizing::new(Vec::with_capacity(text.len() + 64));
    for piece in text.split_inclusive(['\n', '\t']) {
        let end = piece.len() - usize::from(piece.ends_with(['\n', '\t']));
        out.extend_from_slice(printable(&piece[..end]).as_bytes());
        out.extend_from_slice(&piece.as_bytes()[end..]);
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(how: Reveal, value: &[u8]) -> Option<Vec<u8>> {
        how.render(Plaintext::new(value.to_vec())).ok().map(|bytes| bytes.lend(<[u8]>::to_vec))
    }

    #[test]
    fn values_are_printed_exactly_or_safely() {
        for (how, value, expected) in [
            (Reveal::Raw, &b"a\x1b\xff"[..], Some(&b"a\x1b\xff"[..])),
            (Reveal::Line, b"a\x1b\xff", Some(b"a\x1b\xff\n")),
            (Reveal::Terminal, b"a\tb\nc", Some(b"a\tb\nc\n")),
            (Reveal::Terminal, b"a\x1b[2J", Some(b"a\\u{1b}[2J\n")),
            (Reveal::Terminal, b"\xff", None),
        ] {
            assert_eq!(rendered(how, value).as_deref(), expected, "{how:?}");
        }
    }
}
