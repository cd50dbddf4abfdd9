//! When the next lot of durable lines is full enough to be synced.
//!
//! Callers that fetch one value after another come back a moment after a sync has let them go. Synced at once, those
//! that waited meanwhile would split them into two crowds that wait for each other's syncs for ever. So a lot waits
//! for as many lines as were under way, half a sync at most; and where they don't come, nobody waits for a while.

use std::time::Duration;

/// The longest wait, however slow the disk.
const LONGEST: Duration = Duration::from_millis(1);
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
            return Wait { lines: 1, most: Duration::ZERO };
        }
        Wait { lines: (self.lines + queued).max(1), most: (self.took / 2).min(LONGEST) }
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

    #[test]
    fn a_lot_waits_for_those_who_were_under_way() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(1), Wait { lines: 1, most: Duration::ZERO });
        pace.wrote(8, SYNC);
        assert_eq!(pace.next(8), Wait { lines: 16, most: SYNC / 2 });
        assert_eq!(pace.next(0), Wait { lines: 8, most: SYNC / 2 });
        pace.wrote(1, SYNC);
        assert_eq!(pace.next(0).lines, 1, "a caller alone waits for nobody");
        pace.wrote(2, Duration::from_secs(1));
        assert_eq!(pace.next(0).most, LONGEST);
    }

    #[test]
    fn a_wait_in_vain_is_not_repeated_at_once() {
        let mut pace = Pace::default();
        pace.wrote(8, SYNC);
        pace.waited_in_vain();
        for _ in 0..ROUNDS_WITHOUT {
            assert_eq!(pace.next(8), Wait { lines: 1, most: Duration::ZERO });
            pace.wrote(8, SYNC);
        }
        assert_eq!(pace.next(8).lines, 16);
    }
}
