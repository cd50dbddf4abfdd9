//! Time as a parameter: the system's, or one that a test turns by hand.
//!
//! Everything that decides by time takes a [`Timestamp`]; only the daemon's outermost rooms hold a
//! [`Clock`]. Never sleeps.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// Tells what time it is.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The system's real-time clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is turned.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    pub fn at(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Turns the clock, forwards or back.
    pub fn turn(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
