//! Counts of what the log did, for monitoring. They outlive the log, which is closed by each seal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the classes in which syncs are counted, in microseconds; one more class has no bound.
const BOUNDS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// The counters. Shared by the logs of one vault, of which one at a time is open.
#[derive(Debug, Default)]
pub struct Figures {
    entries: AtomicU64,
    failures: AtomicU64,
    syncs: [AtomicU64; BOUNDS.len() + 1],
    sync_micros: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Entries that are in the log.
    pub entries: u64,
    /// Entries that could not be written.
    pub failures: u64,
    /// Syncs to the disk: upper bound in seconds, and how many took less than it and more than the one before.
    pub syncs: Vec<(f64, u64)>,
    /// How long they took together.
    pub sync_seconds: f64,
}

impl Figures {
    pub(super) fn wrote(&self, entries: usize) {
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, entries: usize) {
        self.failures.fetch_add(entries as u64, Ordering::Relaxed);
    }

    pub(super) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.syncs[class].fetch_add(1, Ordering::Relaxed);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub fn read(&self) -> Written {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bounds = BOUNDS.iter().map(|bound| in_seconds(*bound)).chain([f64::INFINITY]);
        Written {
            entries: read(&self.entries),
            failures: read(&self.failures),
            syncs: bounds.zip(self.syncs.iter().map(read)).collect(),
            sync_seconds: in_seconds(read(&self.sync_micros)),
        }
    }
}

fn in_seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_counted_by_how_long_they_took() {
        let figures = Figures::default();
        for micros in [1, 100, 101, 1_000_000, 1_000_001] {
            figures.synced(Duration::from_micros(micros));
        }
        let written = figures.read();
        let counts: Vec<_> = written.syncs.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(counts, [(0.0001, 2), (0.00025, 1), (1.0, 1), (f64::INFINITY, 1)]);
        assert!((written.sync_seconds - 2.000_203).abs() < 1e-9);
    }
}
