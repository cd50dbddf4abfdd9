//! Reads a log line by line, in order, and notes what is wrong.
//!
//! The one reader behind checking at start (from the checkpoint on) and verifying (all of it). Holds one
//! line in memory. After a bad line it takes up the chain again at the mac that the line carries, so that
//! one tampering is one finding, not one for every line after it.

use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;

use super::ahead::Ahead;
use super::chain::{self, Chain, Checkpoint, Link, MAX_LINE, Reason};
use super::disk::{Disk, number_of};
use super::finding::{Finding, Flaw};
use super::log::AuditError;
use super::own::RETIRE;
use crate::crypto::MAC_LEN;

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
    /// Lines up to the checkpoint are counted, not checked.
    skipping: bool,
    /// Whether the checkpoint's line was as it should be, once its place has been reached.
    met: Option<bool>,
    checkpoint_line: u64,
    /// The mac of the line before, if known.
    before: Option<[u8; MAC_LEN]>,
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
    /// Segments up to this one were retired, so many in the entries seen.
    pub retired: (u32, u64),
    /// Sequence number of the last `damage` header whose segments, and all later ones, are flawless.
    pub restart: Option<u64>,
    pub entries: u64,
    pub segments: u32,
    pub first: Option<Finding>,
    pub findings: u64,
    /// The first segment that a newer release wrote, and its format.
    newer: Option<(u32, u32)>,
}

/// What a line tells a reader of the chain.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    seq: u64,
    pub segment: Option<u32>,
    format: Option<u32>,
    vault: Option<&'a str>,
    previous: Option<&'a str>,
    reason: Option<std::borrow::Cow<'a, str>>,
    action: Option<std::borrow::Cow<'a, str>>,
    subject: Option<std::borrow::Cow<'a, str>>,
    count: Option<u64>,
    epoch: Option<u64>,
}

impl Line<'_> {
    /// The mac that a header says it follows, if its own follows from that.
    pub fn own_previous(
        &self,
        chain: &Chain,
        number: u32,
        text: &[u8],
        mac: &[u8; MAC_LEN],
    ) -> Option<[u8; MAC_LEN]> {
        let previous = self.previous.and_then(|hex| chain::mac_from_hex(hex.as_bytes()))?;
        chain.joins(number, &previous, text, mac).then_some(previous)
    }
}

impl<'a> Walk<'a> {
    /// Everything, from the oldest segment on.
    pub fn of_all(chain: &'a Chain, checkpoint: Option<&'a Checkpoint>) -> Self {
        Self {
            chain,
            checkpoint,
            skipping: false,
            met: None,
            checkpoint_line: 0,
            before: None,
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
            findings: 0,
            newer: None,
        }
    }

    /// What was written after the checkpoint. Begins with the checkpoint's segment.
    pub fn after(chain: &'a Chain, checkpoint: &'a Checkpoint) -> Self {
        let head = checkpoint.link().unwrap_or(Link::ORIGIN);
        Self { skipping: true, head, ..Self::of_all(chain, Some(checkpoint)) }
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
        if number > due && !self.skipping {
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
            self.skipping = false;
        }
    }

    fn line(&mut self, number: u32, line: u64, offset: u64, bytes: &[u8]) {
        let parts = chain::split(bytes);
        if line == 1 && self.skipping {
            self.look_at_format(number, parts, bytes);
        }
        if let Some(checkpoint) = self.checkpoint
            && (checkpoint.segment, checkpoint.offset) == (number, offset)
        {
            self.checkpoint_line = line;
            let link = checkpoint.link();
            let met = link.is_some_and(|link| parts.is_some_and(|(_, mac)| mac == link.mac));
            self.met = Some(met);
            if self.skipping {
                self.skipping = false;
                self.before = parts.map(|(_, mac)| mac);
                self.expected = met.then(|| checkpoint.seq.saturating_add(1));
                return;
            }
        }
        self.pass_checkpoint(number, line, offset);
        if self.skipping {
            return;
        }
        let (Some((text, mac)), Ok(told)) = (parts, serde_json::from_slice::<Line>(bytes)) else {
            return self.lose(number, line, self.expected, Flaw::NotAnEntry);
        };
        match (told.segment.is_some(), line == 1) {
            (true, true) => self.header(number, &told, text, mac),
            (false, false) => self.entry(number, line, &told, bytes, text, mac),
            (false, true) => self.lose(number, line, Some(told.seq), Flaw::NoHeader),
            (true, false) => self.lose(number, line, Some(told.seq), Flaw::HeaderInside),
        }
    }

    fn header(&mut self, number: u32, told: &Line, text: &[u8], mac: [u8; MAC_LEN]) {
        let note = |flaw| Finding { segment: number, line: 1, seq: Some(told.seq), flaw };
        let Some(previous) = told.own_previous(self.chain, number, text, &mac) else {
            self.note(note(Flaw::Changed));
            return self.go_on(mac, None);
        };
        let reason = told.reason.as_deref();
        if reason == Some(Reason::Damage.word()) {
            self.note(note(Flaw::AfterDamage));
            if told.seq > self.head.seq {
                self.restart = Some(told.seq);
            } else {
                self.note(note(Flaw::OutOfOrder));
            }
        } else if self.before.is_some_and(|before| before != previous)
            || (number == 1) != (reason == Some(Reason::First.word()))
            || (number == 1) != (previous == Link::ORIGIN.mac)
        {
            self.note(note(Flaw::DoesNotFollow));
        } else if self.expected.is_some_and(|expected| expected != told.seq) {
            self.note(note(Flaw::OutOfOrder));
        }
        let here = (Some(number), Some(chain::FORMAT), Some(self.chain.vault()));
        if let Some(format) = told.format.filter(|format| *format > chain::FORMAT) {
            self.newer.get_or_insert((number, format));
            self.note(note(Flaw::NewerFormat));
        } else if (told.segment, told.format, told.vault) != here {
            self.note(note(Flaw::Misplaced));
        }
        self.trust(told.seq, mac);
    }

    /// Of a header that is passed over: whether a newer release wrote it. Nothing else is judged here.
    fn look_at_format(&mut self, number: u32, parts: Option<(&[u8], [u8; MAC_LEN])>, bytes: &[u8]) {
        if let (Some((text, mac)), Ok(told)) = (parts, serde_json::from_slice::<Line>(bytes))
            && let Some(format) = told.format.filter(|format| *format > chain::FORMAT)
            && told.own_previous(self.chain, number, text, &mac).is_some()
        {
            self.newer.get_or_insert((number, format));
        }
    }

    /// An error if a newer release wrote any of it: whatever else was found, it can't be judged here.
    pub fn refuse_newer(&self) -> Result<(), AuditError> {
        let newer = self.newer.map(|(segment, format)| AuditError::Newer { segment, format });
        newer.map_or(Ok(()), Err)
    }

    fn entry(&mut self, number: u32, line: u64, told: &Line, bytes: &[u8], text: &[u8], mac: [u8; MAC_LEN]) {
        let note = |flaw| Finding { segment: number, line, seq: Some(told.seq), flaw };
        let in_order = self.expected.is_none_or(|expected| expected == told.seq);
        match self.before {
            Some(before) if self.chain.joins(number, &before, text, &mac) => {
                if !in_order {
                    self.note(note(Flaw::OutOfOrder));
                }
                self.entries += 1;
                if told.action.as_deref() == Some(RETIRE) {
                    let upto = told.subject.as_deref().and_then(number_of).unwrap_or(0);
                    let count = self.retired.1.saturating_add(told.count.unwrap_or(1));
                    self.retired = (self.retired.0.max(upto), count);
                }
                if let Some(epoch) = told.epoch
                    && self.checkpoint.is_none_or(|checkpoint| told.seq > checkpoint.seq)
                {
                    self.ahead.take(epoch, bytes);
                }
                self.trust(told.seq, mac);
            }
            Some(_) => {
                self.note(note(if in_order { Flaw::Changed } else { Flaw::OutOfOrder }));
                self.go_on(mac, None);
            }
            // The line before couldn't be read, which has been noted; this one can't be judged.
            None => self.go_on(mac, None),
        }
    }

    fn trust(&mut self, seq: u64, mac: [u8; MAC_LEN]) {
        if seq >= self.head.seq {
            self.head = Link { seq, mac };
        }
        self.go_on(mac, seq.checked_add(1));
    }

    fn go_on(&mut self, mac: [u8; MAC_LEN], expected: Option<u64>) {
        (self.before, self.expected) = (Some(mac), expected);
    }

    fn lose(&mut self, segment: u32, line: u64, seq: Option<u64>, flaw: Flaw) {
        self.note(Finding { segment, line, seq, flaw });
        (self.before, self.expected) = (None, None);
    }

    fn note(&mut self, finding: Finding) {
        self.restart = None;
        self.findings += 1;
        let place = |finding: &Finding| (finding.segment, finding.line);
        if self.first.as_ref().is_none_or(|first| place(&finding) < place(first)) {
            self.first = Some(finding);
        }
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
        self.ahead.is_outrun = is_outrun;
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
