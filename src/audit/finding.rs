//! What is wrong with a log, and where.

use serde::{Serialize, Serializer};

use super::disk::name_of;

/// A place where the log isn't as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The segment's number, as in its file name.
    pub segment: u32,
    /// Line of the segment, from 1; 0 stands for the segment as a whole.
    pub line: u64,
    /// What the line says its sequence number is, or what it should have been; none if neither can be told.
    pub seq: Option<u64>,
    pub flaw: Flaw,
}

impl Finding {
    pub(super) fn of_stray(segment: u32) -> Self {
        Self { segment, line: 0, seq: None, flaw: Flaw::Stray }
    }

    /// Whether the segment itself isn't as it was written. Else its header is, and what is wrong lies before it.
    pub(super) fn is_of_its_segment(&self) -> bool {
        self.line != 1 || !matches!(self.flaw, Flaw::AfterDamage | Flaw::DoesNotFollow | Flaw::OutOfOrder)
    }

    /// The segment's file, in the directory of the log.
    pub fn file(&self) -> String {
        name_of(self.segment)
    }

    /// For people: what is wrong, and with which file where it is with all of it.
    pub fn what(&self) -> String {
        match self.flaw {
            Flaw::Stray => format!("{} {}", self.file(), self.flaw),
            Flaw::Missing => format!("{} is missing: the segment was deleted or moved away", self.file()),
            flaw if self.line == 0 => format!("{}: {flaw}", self.file()),
            flaw => flaw.what().to_owned(),
        }
    }
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The line isn't one that this program could have written, or it was cut short.
    NotAnEntry,
    /// The line's content doesn't match its keyed hash.
    Changed,
    /// The line doesn't follow the one before it, and its sequence number says so too.
    OutOfOrder,
    /// The segment doesn't begin with a header.
    NoHeader,
    /// A header in the middle of a segment.
    HeaderInside,
    /// The header is that of another segment, vault, or of a format that never was.
    Misplaced,
    /// A newer release wrote the segment, in a format that this one can't read.
    NewerFormat,
    /// The header doesn't follow the last line of the segment before.
    DoesNotFollow,
    /// The segment isn't there.
    Missing,
    /// The segment's name belongs to something that is no regular file.
    Unreadable,
    /// The file is larger than a segment can be; the rest of it wasn't read.
    TooLarge,
    /// A file with a segment's name lies beyond the log's end, and isn't of this log.
    Stray,
    /// The log ends before the checkpoint, or has something else in its place.
    CheckpointNotMet,
    /// The file was shorter than what had been written to it.
    Truncated,
    /// The file was longer than what had been written to it.
    ForeignBytes,
    /// The file was another than the one that was written to.
    Replaced,
    /// A failed write could not be taken back.
    NotRepaired,
    /// This segment was begun because damage had been noticed; the header, itself intact, remembers it.
    AfterDamage,
}

impl Flaw {
    /// For people.
    pub fn what(self) -> &'static str {
        match self {
            Self::NotAnEntry => "the line is no audit entry or is incomplete",
            Self::Changed => "the line was changed",
            Self::OutOfOrder => "a line is missing, repeated or out of order here",
            Self::NoHeader => "the segment has no header",
            Self::HeaderInside => "a segment header stands in the middle of the segment",
            Self::Misplaced => "the header belongs to another segment",
            Self::NewerFormat => {
                "a newer fsm-vault wrote the segment, and this one can't read it: install that"
            }
            Self::DoesNotFollow => "the end of the segment before this one is missing or was replaced",
            Self::Missing => "the segment is missing",
            Self::Unreadable => "the segment is no regular file",
            Self::TooLarge => {
                "the segment is larger than any can be, and something else made it so; the rest of it wasn't read"
            }
            Self::Stray => {
                "is no segment of this log: its number doesn't follow on and its first line isn't one of the log's. Move it out \
                 of audit/"
            }
            Self::CheckpointNotMet => "the log ends before its last checkpoint or was replaced",
            Self::Truncated => "the segment was truncated while in use",
            Self::ForeignBytes => "something else wrote to the segment while in use",
            Self::Replaced => "the segment was replaced while in use",
            Self::NotRepaired => "a failed write could not be taken back",
            Self::AfterDamage => "the segment was begun after damage had been noticed",
        }
    }

    /// For programs, and for the log itself.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAnEntry => "not_an_entry",
            Self::Changed => "changed",
            Self::OutOfOrder => "out_of_order",
            Self::NoHeader => "no_header",
            Self::HeaderInside => "header_inside",
            Self::Misplaced => "misplaced",
            Self::NewerFormat => "newer_format",
            Self::DoesNotFollow => "does_not_follow",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::Stray => "stray",
            Self::CheckpointNotMet => "checkpoint_not_met",
            Self::Truncated => "truncated",
            Self::ForeignBytes => "foreign_bytes",
            Self::Replaced => "replaced",
            Self::NotRepaired => "not_repaired",
            Self::AfterDamage => "after_damage",
        }
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str(self.what())
    }
}

impl Serialize for Flaw {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}
