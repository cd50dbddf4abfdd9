//! Places in the log, and how they are written for who comes back with them.

use std::fmt;
use std::str::FromStr;

use super::super::walk::LARGEST;
use crate::model::Invalid;

/// Where a page ended. As text `n2-1840`, or with its end `o2-1840-3-99`, which the API seals. A made-up one does no harm: it
/// leads to what could be had without it, or to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// What lies before this place follows, newest first.
    Newest(Place),
    /// What lies from here on follows, oldest first, up to where the log ended when the first page was read.
    Oldest { from: Place, end: Place },
}

/// Between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(super) segment: u32,
    /// Bytes of the segment before it.
    pub(super) offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Newest(Place { segment, offset }) => write!(out, "n{segment}-{offset}"),
            Self::Oldest { from, end } => {
                write!(out, "o{}-{}-{}-{}", from.segment, from.offset, end.segment, end.offset)
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let read = || {
            let (order, places) = text.split_at_checked(1)?;
            let numbers: Option<Vec<u64>> = places.split('-').take(5).map(plain_number).collect();
            let place = |segment: u64, offset| {
                let segment = segment.try_into().ok()?;
                (offset <= LARGEST).then_some(Place { segment, offset })
            };
            match (order, numbers?.as_slice()) {
                ("n", &[segment, offset]) => Some(Self::Newest(place(segment, offset)?)),
                ("o", &[segment, offset, last, length]) => {
                    Some(Self::Oldest { from: place(segment, offset)?, end: place(last, length)? })
                }
                _ => None,
            }
        };
        read().ok_or(Invalid("is no cursor of this list"))
    }
}

fn plain_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written() {
        let (from, end) = (Place { segment: 2, offset: 1840 }, Place { segment: 3, offset: 99 });
        for (cursor, text) in
            [(Cursor::Newest(from), "n2-1840"), (Cursor::Oldest { from, end }, "o2-1840-3-99")]
        {
            assert_eq!(cursor.to_string(), text);
            assert_eq!(text.parse(), Ok(cursor));
        }
        for wrong in [
            "",
            "n",
            "2-1840",
            "n2",
            "n2-1-3-4",
            "o1-9223372036854775808-1-1",
            "o2-1840",
            "n-1-2",
            "n2-+1",
            "n99999999999-1",
            "o1-2-3-4-5",
            "ü1-2",
        ] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
