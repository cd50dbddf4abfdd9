//! When the next lot of durable lines is full enough to be synced.
//!
//! Callers that fetch one value after another come back a moment after a sync has let them go, one after another, each
//! when it has been answered. Synced at once, the few that are back would go alone, and the crowd fall apart into many
//! that wait for each other's syncs. So a lot waits for as many lines as were under way: as long as they go on coming,
//! and for two syncs at most. In that time so many come that answering them takes longer than the next sync, and more
//! would gain nothing. Where they don't come, nobody waits for a while.

use std::time::Duration;

/// The longest time without a line after which no more are waited for, however slow the disk.
const LONGEST_GAP: Duration = Duration::from_millis(1);
/// The longest wait in all.
const LONGEST: Duration = Duration::from_millis(2);
/// Lots that wait for nobody after a wait that was in vain.
const ROUNDS_WITHOUT: u32 = 16;

#[derive(Default)]
pub(super) struct Pace {
    /// Lines of the last lot, and how long it took.
    lines: usize,
    took: Duration,
    without: u32,
}

/// How many lines to wait for, and how long from the end of the last lot on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub lines: usize,
    /// If in so much time none comes, none will.
    pub gap: Duration,
    pub most: Duration,
}

impl Pace {
    /// A lot has been written and synced.
    pub fn wrote(&mut self, lines: usize, took: Duration) {
        (self.lines, self.took) = (lines, took);
        self.without = self.without.saturating_sub(1);
    }

    /// What to wait for when `queued` lines wait already.
    pub fn next(&self, queued: usize) -> Wait {
        if self.without > 0 {
            return Wait { lines: 1, gap: Duration::ZERO, most: Duration::ZERO };
        }
        let (gap, most) = ((self.took / 2).min(LONGEST_GAP), (self.took * 2).min(LONGEST));
        Wait { lines: (self.lines + queued).max(1), gap, most }
    }

    /// They didn't come in time.
    pub fn waited_in_vain(&mut self) {
        self.without = ROUNDS_WITHOUT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(200);

    const NONE: Wait = Wait { lines: 1, gap: Duration::ZERO, most: Duration::ZERO };

    #[test]
    fn a_lot_waits_for_those_who_were_under_way() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(1), NONE);
        pace.wrote(8, SYNC);
        assert_eq!(pace.next(8), Wait { lines: 16, gap: SYNC / 2, most: SYNC * 2 });
        assert_eq!(pace.next(0).lines, 8);
        pace.wrote(1, SYNC);
        assert_eq!(pace.next(0).lines, 1, "a caller alone waits for nobody");
        pace.wrote(2, Duration::from_secs(1));
        assert_eq!(pace.next(0), Wait { lines: 2, gap: LONGEST_GAP, most: LONGEST });
    }

    #[test]
    fn a_wait_in_vain_is_not_repeated_at_once() {
        let mut pace = Pace::default();
        pace.wrote(8, SYNC);
        pace.waited_in_vain();
        for _ in 0..ROUNDS_WITHOUT {
            assert_eq!(pace.next(8), NONE);
            pace.wrote(8, SYNC);
        }
        assert_eq!(pace.next(8).lines, 16);
    }
}
