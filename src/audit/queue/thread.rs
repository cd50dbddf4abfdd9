//! The thread behind durable lines: when it writes those that wait.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::super::pace::Pace;
use super::{Lines, Queue, lock};

impl Queue {
    /// The life of the thread behind durable lines: ends when the queue is closed and empty.
    pub fn write_durable(&self) {
        self.write_durable_by(&Thread);
    }

    pub(super) fn write_durable_by(&self, waits: &impl Waits) {
        let mut pace = Pace::default();
        loop {
            let closed = self.gather(waits, &mut pace);
            let mut writer = lock(&self.writer);
            let lot = lock(&self.lines).take(|lines| &mut lines.durable);
            let (begun, count) = (waits.now(), lot.len());
            if count > 0 {
                let fate = self.commit(&mut writer, lot, true);
                self.wake(fate);
                pace.wrote(count, waits.now().saturating_duration_since(begun));
            }
            drop(writer);
            self.write_quick();
            if closed && count == 0 {
                return;
            }
        }
    }

    /// Waits until there are durable lines, and for those that go along with them. True: the queue is closed.
    fn gather(&self, waits: &impl Waits, pace: &mut Pace) -> bool {
        let mut lines = lock(&self.lines);
        let mut there = lines.durable.len();
        let wait = pace.next(there);
        let begun = waits.now();
        let mut until = begun + wait.gap;
        while lines.durable.len() < wait.lines && !lines.closed {
            let left = until.saturating_duration_since(waits.now());
            if !left.is_zero() {
                lines.wake_at = wait.lines;
                lines = waits.park(self, lines, Some(left));
            } else if lines.durable.is_empty() {
                lines.wake_at = 1;
                lines = waits.park(self, lines, None);
            } else if until >= begun + wait.most {
                break;
            } else if lines.durable.len() == there {
                pace.waited_in_vain();
                break;
            } else {
                // They go on coming.
                there = lines.durable.len();
                until = (until + wait.gap).min(begun + wait.most);
            }
        }
        lines.wake_at = 0;
        lines.closed
    }
}

/// How the thread behind durable lines waits, and by which time.
pub(super) trait Waits {
    fn now(&self) -> Instant;

    /// Lets go of the lines until it is woken, or for `most`; now and then for no reason.
    fn park<'a>(
        &self,
        queue: &'a Queue,
        lines: MutexGuard<'a, Lines>,
        most: Option<Duration>,
    ) -> MutexGuard<'a, Lines>;
}

/// As a thread does.
struct Thread;

impl Waits for Thread {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn park<'a>(
        &self,
        queue: &'a Queue,
        lines: MutexGuard<'a, Lines>,
        most: Option<Duration>,
    ) -> MutexGuard<'a, Lines> {
        match most {
            Some(most) => {
                let waited = queue.durable.wait_timeout(lines, most);
                waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            }
            None => queue.durable.wait(lines).unwrap_or_else(|poisoned| poisoned.into_inner()),
        }
    }
}
