//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use jiff::Timestamp;

use super::chain::{self, Chain, Checkpoint, Link, MAX_LINE, Reason};
use super::entry::Entry;
use super::walk::{End, Walk};
use crate::crypto::{MAC_LEN, MacKey};

/// Bytes of the longest line, with its line feed.
pub const LONGEST_LINE: usize = MAX_LINE;

/// Writes logs into memory, and verifies them there.
pub struct Bench(Chain);

impl Bench {
    pub fn new(key: MacKey, vault: String) -> Self {
        Self(Chain::new(key, vault))
    }

    /// The line of an entry, after one with this number and mac.
    pub fn line(&self, entry: &Entry, time: Timestamp, seq: u64, before: [u8; MAC_LEN]) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.add_entry(&mut line, Link { seq, mac: before }, time, &entry.body());
        line
    }

    /// Whether a line is the next one after the mac `before`.
    pub fn joins(&self, before: &[u8; MAC_LEN], line: &[u8]) -> bool {
        split(line).is_some_and(|(text, mac)| self.0.joins(1, before, text, &mac))
    }

    /// The entries as a log: a segment for each slice. And where it ends.
    pub fn log(&self, segments: &[&[Entry]], time: Timestamp) -> (Vec<Vec<u8>>, Checkpoint) {
        let (mut files, mut link) = (Vec::new(), Link::ORIGIN);
        for (number, entries) in (1..).zip(segments) {
            let mut file = Vec::new();
            let why = if number == 1 { Reason::First } else { Reason::Full };
            link = self.0.add_header(&mut file, link, time, number, why);
            for entry in *entries {
                link = self.0.add_entry(&mut file, link, time, &entry.body());
            }
            files.push(file);
        }
        let count = u32::try_from(files.len()).expect("a handful");
        let checkpoint = Checkpoint {
            seq: link.seq,
            mac: chain::mac_to_hex(&link.mac),
            segment: count,
            offset: files.last().map_or(0, Vec::len) as u64,
            oldest_segment: 1,
            segments: count,
        };
        (files, checkpoint)
    }

    /// How many findings there are in a log of these segments, and how many bytes a crash would have left.
    pub fn verify(&self, files: &[Vec<u8>], checkpoint: &Checkpoint) -> (u64, u64) {
        let mut walk = Walk::of_all(&self.0, Some(checkpoint));
        for (number, file) in (1..).zip(files) {
            let end = if number as usize == files.len() { End::MayBeTorn } else { End::Whole };
            walk.segment(number, file.as_slice(), end).expect("memory can be read");
        }
        walk.finish();
        (walk.findings, walk.torn)
    }
}

/// A line's text and mac, if it ends as lines do.
pub fn split(line: &[u8]) -> Option<(&[u8], [u8; MAC_LEN])> {
    chain::split(line)
}
