//! Reads a log line by line, in order, and notes what is wrong.
//!
//! The one reader behind checking at start (from the checkpoint's segment on) and verifying (all of it). Holds one
//! line in memory. After a bad line it takes up the chain again at the mac that the line carries, so that
//! one tampering is one finding, not one for every line after it.

use std::io::{self, BufRead, BufReader, Read};

use super::ahead::Ahead;
use super::chain::{Chain, Checkpoint, Link, MAX_LINE};
use super::disk::Disk;
use super::error::AuditError;
use super::finding::{Finding, Flaw};
use crate::crypto::MAC_LEN;

mod line;

pub(super) use line::Line;

/// Where a segment ought to end.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// Where its file ends, with a whole line.
    Whole,
    /// Where its file ends; a crash may have left an unfinished line.
    MayBeTorn,
    /// After so many bytes: what comes later is still being written.
    At(u64),
    /// Before here: its file is larger than any segment can be. It is read up to the first line that is too long.
    TooLarge,
}

/// More bytes than any segment has: as many as `audit.segment_bytes` may say, and what may come on top of them.
pub(super) const LARGEST: u64 = (1 << 30) + (64 << 20);

/// A walk under way; its fields are what it has learned so far.
pub(super) struct Walk<'a> {
    chain: &'a Chain,
    checkpoint: Option<&'a Checkpoint>,
    /// The segment that it begins with, unless that is the log's first: whoever stored the checkpoint knows of damage before it.
    begins_in: Option<u32>,
    /// Whether the checkpoint's line was as it should be, once its place has been reached.
    met: Option<bool>,
    checkpoint_line: u64,
    /// The mac of the line before, if known.
    before: Option<[u8; MAC_LEN]>,
    /// Whose segment it is at.
    writer: line::Writer<'a>,
    /// The next sequence number, if known.
    expected: Option<u64>,
    last: Option<u32>,
    gaps: Vec<(u32, u32)>,
    /// The intact line with the highest sequence number.
    pub head: Link,
    /// What trusted lines after the checkpoint tell of.
    pub ahead: Ahead,
    /// Segment and offset after the last line.
    pub end: (u32, u64),
    /// Bytes of an unfinished line at the end.
    pub torn: u64,
    /// The last segment has no complete line at all.
    pub hollow: bool,
    /// Segments up to this one were retired, so many after the checkpoint.
    pub retired: (u32, u64),
    /// Sequence number of the last `damage` header whose segments, and all later ones, are flawless.
    pub restart: Option<u64>,
    pub entries: u64,
    pub segments: u32,
    pub first: Option<Finding>,
    /// The first place of the newest segment that is itself damaged.
    pub newest: Option<Finding>,
    pub findings: u64,
    /// One of them is after the checkpoint, or is that it wasn't met.
    pub is_unsure: bool,
    /// The first segment that a newer release wrote, and its format.
    newer: Option<(u32, u32)>,
}

impl<'a> Walk<'a> {
    /// Everything, from the oldest segment on.
    pub fn of_all(chain: &'a Chain, checkpoint: Option<&'a Checkpoint>) -> Self {
        Self {
            chain,
            checkpoint,
            begins_in: None,
            met: None,
            checkpoint_line: 0,
            before: None,
            writer: line::Writer::Ours,
            expected: None,
            last: None,
            gaps: Vec::new(),
            head: Link::ORIGIN,
            end: (0, 0),
            torn: 0,
            hollow: false,
            retired: (0, 0),
            restart: None,
            ahead: Ahead::default(),
            entries: 0,
            segments: 0,
            first: None,
            newest: None,
            findings: 0,
            is_unsure: false,
            newer: None,
        }
    }

    /// The checkpoint's segment, as a whole, and those after it. Older ones aren't read.
    pub fn from_segment_of(chain: &'a Chain, checkpoint: &'a Checkpoint) -> Self {
        let head = checkpoint.link().unwrap_or(Link::ORIGIN);
        let (begins_in, last) = (Some(checkpoint.segment), checkpoint.segment.checked_sub(1));
        Self { begins_in, last, head, ..Self::of_all(chain, Some(checkpoint)) }
    }

    /// Walks the segments of these numbers; `end` tells for each where it should end. Stops early when told
    /// to.
    pub fn segments(
        &mut self,
        disk: &dyn Disk,
        numbers: &[u32],
        end: impl Fn(u32) -> End,
        stop: impl Fn() -> bool,
    ) -> io::Result<()> {
        for number in numbers.iter().copied() {
            if stop() {
                break;
            }
            match disk.read(number) {
                Ok(file) => {
                    let end = match end(number) {
                        End::Whole | End::MayBeTorn if file.metadata()?.len() > LARGEST => End::TooLarge,
                        end => end,
                    };
                    self.segment(number, file, end)?;
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => self.unreadable(number),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, number: u32) {
        self.arrive(number);
        self.lose(number, 0, None, Flaw::Unreadable);
    }

    /// Notes which segments are missing before this one.
    fn arrive(&mut self, number: u32) {
        let due = self.last.map_or(1, |last| last.saturating_add(1));
        if number > due {
            self.gaps.push((due, number - 1));
            (self.before, self.expected, self.restart) = (None, None, None);
        }
        self.last = Some(number);
        self.segments += 1;
    }

    pub(super) fn segment(&mut self, number: u32, file: impl Read, end: End) -> io::Result<()> {
        let limit = match end {
            End::Whole | End::MayBeTorn => u64::MAX,
            End::At(length) => length,
            End::TooLarge => LARGEST,
        };
        let mut reader = BufReader::with_capacity(64 * 1024, file.take(limit));
        let (mut line, mut offset, mut bytes) = (0, 0, Vec::new());
        loop {
            bytes.clear();
            // One byte more than a line may have tells a long line from a longest one.
            let length = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes)? as u64;
            let complete = bytes.last() == Some(&b'\n');
            if matches!(end, End::MayBeTorn) && !complete && length <= MAX_LINE as u64 {
                self.torn = length;
                self.hollow = line == 0;
                break;
            }
            if length == 0 {
                break;
            }
            line += 1;
            offset += length;
            if line == 1 {
                self.arrive(number);
            }
            self.line(number, line, offset, &bytes);
            self.end = (number, offset);
            if matches!(end, End::TooLarge) && !complete {
                break;
            }
        }
        if matches!(end, End::TooLarge) {
            self.lose(number, 0, None, Flaw::TooLarge);
        }
        if line == 0 && !self.hollow {
            self.arrive(number);
            self.lose(number, 1, None, Flaw::NoHeader);
        }
        if matches!(end, End::At(length) if offset < length) {
            self.lose(number, line + 1, None, Flaw::Truncated);
        }
        self.pass_checkpoint(number, line + 1, u64::MAX);
        Ok(())
    }

    /// Remembers the line at which the checkpoint should have been, once that can't come any more.
    fn pass_checkpoint(&mut self, number: u32, line: u64, offset: u64) {
        if let Some(checkpoint) = self.checkpoint
            && checkpoint.segment == number
            && checkpoint.offset < offset
            && self.checkpoint_line == 0
        {
            self.checkpoint_line = line;
        }
    }

    /// An error if a newer release wrote any of it: whatever else was found, it can't be judged here.
    pub fn refuse_newer(&self) -> Result<(), AuditError> {
        let newer = self.newer.map(|(segment, format)| AuditError::Newer { segment, format });
        newer.map_or(Ok(()), Err)
    }

    fn lose(&mut self, segment: u32, line: u64, seq: Option<u64>, flaw: Flaw) {
        self.note(Finding { segment, line, seq, flaw });
        (self.before, self.expected) = (None, None);
    }

    fn note(&mut self, finding: Finding) {
        self.restart = None;
        self.findings += 1;
        self.is_unsure |= self.checkpoint.is_none_or(|checkpoint| {
            let is_of_whole = matches!(finding.flaw, Flaw::CheckpointNotMet | Flaw::Missing);
            finding.segment > checkpoint.segment
                || finding.segment == checkpoint.segment && (self.met == Some(true) || is_of_whole)
        });
        if finding.is_of_its_segment() && self.newest.is_none_or(|newest| newest.segment < finding.segment) {
            self.newest = Some(finding);
        }
        let place = |finding: &Finding| (finding.segment, finding.line);
        if self.first.as_ref().is_none_or(|first| place(&finding) < place(first)) {
            self.first = Some(finding);
        }
    }

    /// Whether the segment was begun after the checkpoint.
    fn is_behind(&self, segment: u32) -> bool {
        self.checkpoint.is_none_or(|checkpoint| segment > checkpoint.segment)
    }

    /// Whether the checkpoint's line was in its place, unchanged; `None` without a checkpoint.
    pub fn checkpoint_met(&self) -> Option<bool> {
        self.checkpoint.map(|_| self.met == Some(true))
    }

    /// Notes what can be told only at the end: segments that are missing and not retired, a checkpoint not
    /// met. Leaves [`Walk::restart`] as it is: a `damage` header answers for all that lies before it.
    pub fn finish(&mut self) {
        let restart = self.restart;
        for (from, to) in std::mem::take(&mut self.gaps) {
            if to > self.retired.0 {
                let segment = from.max(self.retired.0.saturating_add(1));
                self.note(Finding { segment, line: 0, seq: None, flaw: Flaw::Missing });
            }
        }
        // Segments are retired once a checkpoint in a later one was stored.
        let is_outrun = self.checkpoint.is_some_and(|checkpoint| checkpoint.segment <= self.retired.0);
        self.ahead.finish(is_outrun);
        if let Some(checkpoint) = self.checkpoint
            && self.met != Some(true)
            && !is_outrun
        {
            self.note(Finding {
                segment: checkpoint.segment,
                line: self.checkpoint_line,
                seq: Some(checkpoint.seq),
                flaw: Flaw::CheckpointNotMet,
            });
        }
        self.restart = restart;
    }

    /// Notes what the caller has found out about the directory.
    pub fn note_missing(&mut self, segment: u32) {
        self.note(Finding { segment, line: 0, seq: None, flaw: Flaw::Missing });
    }

    /// The same of files that are none of the log's.
    pub fn note_strays(&mut self, strays: &[u32]) {
        strays.iter().for_each(|number| self.note(Finding::of_stray(*number)));
    }
}
