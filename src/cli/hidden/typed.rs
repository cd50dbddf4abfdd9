//! A line while it is typed, key by key.

use zeroize::Zeroizing;

/// A line while it is typed, with the keys that mend it.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) line: Zeroizing<Vec<u8>>,
    escape: Escape,
}

/// Where in an escape sequence, such as an arrow key's.
#[derive(Default, Clone, Copy, PartialEq)]
enum Escape {
    #[default]
    Out,
    Begun,
    In,
}

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    More,
    Line,
    /// Ctrl-D on an empty line.
    Nothing,
}

impl Typed {
    pub(super) fn take(&mut self, byte: u8) -> Step {
        match (self.escape, byte) {
            (_, b'\r' | b'\n') => return Step::Line,
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::In,
            (Escape::Begun, _) | (Escape::In, 0x40..=0x7e) => self.escape = Escape::Out,
            (Escape::In, _) => {}
            (Escape::Out, 0x1b) => self.escape = Escape::Begun,
            (Escape::Out, 0x04) if self.line.is_empty() => return Step::Nothing,
            (Escape::Out, 0x7f | 0x08) => self.take_back(),
            // Ctrl-U
            (Escape::Out, 0x15) => self.cut(0),
            // Ctrl-W
            (Escape::Out, 0x17) => {
                let word = self.line.trim_ascii_end();
                let from = word.iter().rposition(u8::is_ascii_whitespace).map_or(0, |space| space + 1);
                self.cut(from);
            }
            // Other keys with Ctrl, but for the tab.
            (Escape::Out, ..0x20) if byte != b'\t' => {}
            (Escape::Out, _) => self.line.push(byte),
        }
        Step::More
    }

    /// Takes the last character off, all bytes of it.
    fn take_back(&mut self) {
        let from = self.line.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
        self.cut(from);
    }

    fn cut(&mut self, length: usize) {
        self.line[length..].fill(0);
        self.line.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_the_keys_that_mend_it() {
        for (typed, line) in [
            (&b"correct horse\n"[..], Some(&b"correct horse"[..])),
            (b"a\tb\r", Some(b"a\tb")),
            (b"\n", Some(b"")),
            (b"ab\x7fc\x08d\n", Some(b"ad")),
            ("a\u{e4}\x7fb\n".as_bytes(), Some(b"ab")),
            ("\u{e4}\x7f\x7fb\n".as_bytes(), Some(b"b")),
            (b"wrong\x15right\n", Some(b"right")),
            (b"one two \x17three\n", Some(b"one three")),
            (b"\x17a\n", Some(b"a")),
            (b"a\x1b[D\x1bOP\x1b[1;5Cb\x1bxc\n", Some(b"abc")),
            (b"a\x1b\n", Some(b"a")),
            (b"a\x00\x01\x04b\n", Some(b"ab")),
            (b"\xff\n", Some(b"\xff")),
            (b"\x04", None),
            (b"a\x7f\x04", None),
        ] {
            let mut read = Typed::default();
            let steps: Vec<_> = typed.iter().map(|&byte| read.take(byte)).collect();
            let (last, before) = steps.split_last().unwrap();
            assert!(before.iter().all(|step| *step == Step::More), "{typed:?}");
            assert_eq!(*last, if line.is_some() { Step::Line } else { Step::Nothing }, "{typed:?}");
            assert!(line.is_none_or(|line| *read.line == line), "{typed:?}");
        }
    }
}
