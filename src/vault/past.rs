//! What goes on across stores and logs: which versions' numbers are given, and whose doings the log's lines tell of.
//!
//! Records keep a line of the log counted over all logs that the vault has had: a restored vault's begins anew, and what a
//! record from before says of lines must not be taken for its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::LoggedEntry;

/// Ranges that are kept apart; of more, the oldest become one, with what lies between.
const MOST_LOST: usize = 8;

/// Kept in the head of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Of a vault that was restored, or an older store that was accepted: numbers of versions up to here may have been given
    /// by what is lost, and none of them is given.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: u64,
    /// Lines of the logs before this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lines_before: u64,
    /// Where this log tells of what an accepted store lacks, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
}

/// Lines of the log from one number to another, and those with higher numbers in the segments before this one: where the log
/// wasn't to be trusted to its end, as after a rekey that the accepted store knows nothing of, numbers are given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    pub first: u64,
    pub last: u64,
    pub before: u32,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Past {
    /// This log's line, counted over all logs.
    pub fn counted(&self, seq: u64) -> u64 {
        self.lines_before.saturating_add(seq)
    }

    /// Whether the line tells of something that the store may lack: nobody knows whose life it was of.
    pub fn is_lost(&self, logged: &LoggedEntry) -> bool {
        let LoggedEntry { seq, segment, .. } = *logged;
        self.lost.iter().any(|lost| seq >= lost.first && (seq <= lost.last || segment < lost.before))
    }

    /// An older store was accepted, which knows the log up to `head`. It has lines up to `last`, and the next one goes to the
    /// segment `next`.
    pub fn lose(&mut self, head: u64, last: u64, next: u32) {
        self.lost.push(Lost { first: head.saturating_add(1), last, before: next });
        self.lost.sort_by_key(|lost| lost.first);
        while self.lost.len() > MOST_LOST {
            let second = self.lost.remove(1);
            let first = &mut self.lost[0];
            first.last = first.last.max(second.last);
            first.before = first.before.max(second.before);
        }
    }

    /// Of a vault that is restored: behind the log that had this last line.
    pub fn restored(&self, last: u64, floor: u64) -> Self {
        Self { floor, lines_before: self.counted(last), lost: Vec::new() }
    }
}

/// Where something begins in the log: behind a line, counted over all logs, or, of what was recorded before lines were, at a
/// time.
#[derive(Debug, Clone, Copy)]
pub enum Since {
    Line(u64),
    Time(Timestamp),
}

impl Since {
    pub fn new(line: Option<u64>, time: Timestamp) -> Self {
        line.map_or(Self::Time(time), Self::Line)
    }

    /// Whether an entry is of its life. At the very time it may have been of either.
    pub fn has(self, past: &Past, logged: &LoggedEntry) -> bool {
        !past.is_lost(logged)
            && match self {
                Self::Line(line) => past.counted(logged.seq) > line,
                Self::Time(time) => logged.time > time,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;

    fn line(seq: u64, segment: u32) -> LoggedEntry {
        let (time, entry) = (Timestamp::UNIX_EPOCH, Entry::default());
        LoggedEntry { seq, time, entry, segment }
    }

    #[test]
    fn what_an_accepted_store_lacks_is_nobodys() {
        let mut past = Past::default();
        past.lose(10, 20, 3);
        for (seq, segment, lost) in [
            (10, 2, false),
            (11, 2, true),
            (20, 3, true),
            (21, 3, false),
            (25, 4, false),
            // Of a log that wasn't trusted to its end.
            (25, 2, true),
            (9, 1, false),
        ] {
            assert_eq!(past.is_lost(&line(seq, segment)), lost, "{seq} in {segment}");
        }
        for round in 3..40 {
            past.lose(round * 10, round * 10 + 2, 3);
        }
        assert_eq!(past.lost.len(), MOST_LOST);
        for (seq, lost) in [(11, true), (392, true), (388, false), (393, false)] {
            assert_eq!(past.is_lost(&line(seq, 3)), lost, "{seq}");
        }
    }

    #[test]
    fn a_restored_vaults_log_begins_behind_all_before() {
        let past = Past { lines_before: 5, ..Past::default() };
        let mut after = past.restored(100, 7);
        assert_eq!(after, Past { floor: 7, lines_before: 105, lost: vec![] });
        after.lose(1, 3, 1);
        assert_eq!(after.restored(3, 9).lines_before, 108);
        assert!(after.counted(1) > past.counted(100));
    }
}
