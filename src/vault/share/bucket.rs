//! How many requests a caller may make, by time.

use jiff::Timestamp;

/// Requests a second in the long run, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

/// A bucket of tokens, one for a request; it fills by time. In nanoseconds of filling, so that nothing is rounded.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    filled: u64,
    at: Timestamp,
}

const SECOND: u64 = 1_000_000_000;

impl Bucket {
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self { rate, filled: u64::from(rate.burst) * SECOND, at: now }
    }

    /// Whether a new one would be the same.
    pub fn is_full(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        self.filled == u64::from(self.rate.burst) * SECOND
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        let left = self.filled.checked_sub(SECOND);
        self.filled = left.unwrap_or(self.filled);
        left.is_some()
    }

    /// A clock that was set back fills nothing, and starts anew from there.
    fn fill(&mut self, now: Timestamp) {
        let passed = u64::try_from(now.duration_since(self.at).as_nanos()).unwrap_or(0);
        let more = passed.saturating_mul(u64::from(self.rate.per_second));
        self.at = now;
        self.filled = self.filled.saturating_add(more).min(u64::from(self.rate.burst) * SECOND);
    }
}
