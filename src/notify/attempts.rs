//! What failed to go out by a way, and when it is tried again; in memory, for this run of the daemon.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use crate::vault::{Delivery, Raising};

/// After so long what is still to be told is looked for without having been woken.
const LOOK: Duration = Duration::from_secs(60);
/// And not sooner than after this.
const BREATH: Duration = Duration::from_secs(1);
/// How long after each failure it is tried again. After the last one it is given up.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];

/// What failed before, in this run of the daemon.
#[derive(Default)]
pub(super) struct Attempts(HashMap<Raising, Attempt>);

struct Attempt {
    failures: usize,
    not_before: Instant,
    /// It was told, and that couldn't be recorded.
    is_told: bool,
}

#[derive(PartialEq, Eq)]
pub(super) enum Next {
    Again,
    GiveUp,
}

impl Attempts {
    /// Those whose turn it is.
    pub fn due<'a>(&self, all: &'a [Delivery]) -> Vec<&'a Delivery> {
        let now = Instant::now();
        let is_due =
            |each: &&Delivery| self.0.get(&each.raising()).is_none_or(|attempt| attempt.not_before <= now);
        all.iter().filter(is_due).collect()
    }

    /// One more failure.
    pub fn failed(&mut self, raising: &Raising) -> Next {
        let now = Instant::now();
        let attempt =
            self.0.entry(raising.clone()).or_insert(Attempt { failures: 0, not_before: now, is_told: false });
        let pause = PAUSES.get(attempt.failures);
        attempt.failures += 1;
        attempt.not_before = now + pause.copied().unwrap_or(LOOK);
        if pause.is_some() { Next::Again } else { Next::GiveUp }
    }

    /// It went out, which is still to be recorded: not at once, or a full disk would have that tried for ever.
    pub fn unrecorded(&mut self, raising: &Raising) {
        self.failed(raising);
        if let Some(attempt) = self.0.get_mut(raising) {
            attempt.is_told = true;
        }
    }

    /// Whether it went out before, in this run of the daemon.
    pub fn is_told(&self, raising: &Raising) -> bool {
        self.0.get(raising).is_some_and(|attempt| attempt.is_told)
    }

    /// What was cured meanwhile, or rose, needs no more attempts.
    pub fn forget_all_but(&mut self, all: &[Delivery]) {
        if !self.0.is_empty() {
            let all: HashSet<_> = all.iter().map(Delivery::raising).collect();
            self.0.retain(|raising, _| all.contains(raising));
        }
    }

    /// It went out, or was given up.
    pub fn forget(&mut self, raising: &Raising) {
        self.0.remove(raising);
    }

    /// Until something is raised, the next attempt is due, or it is time to look. Not at all if there is more.
    pub async fn wait(&self, raised: &mut Receiver<()>, more: bool) {
        let now = Instant::now();
        let next = self.0.values().map(|attempt| attempt.not_before).min();
        // What fell due while others were told is late already.
        let until = next.map_or(now + LOOK, |next| next.clamp(now + BREATH, now + LOOK));
        if more {
            return;
        }
        tokio::select! {
            changed = raised.changed() => {
                if changed.is_err() {
                    tokio::time::sleep_until(until).await;
                }
            }
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rung;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_spread() {
        let mut attempts = Attempts::default();
        let id = "expiry.custsecret_a.2027-06-30".parse().unwrap();
        let event = Raising { id, rung: Rung(1), raised_at: jiff::Timestamp::UNIX_EPOCH };
        let begin = Instant::now();
        let mut again = 0;
        while attempts.failed(&event) == Next::Again {
            again += 1;
            tokio::time::sleep_until(attempts.0[&event].not_before).await;
        }
        assert_eq!(again, PAUSES.len());
        assert!(begin.elapsed() > Duration::from_secs(8 * 3600));
        attempts.forget_all_but(&[]);
        assert!(attempts.0.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_and_not_recorded_is_not_told_again() {
        let mut attempts = Attempts::default();
        let id = "expiry.custsecret_a.2027-06-30".parse().unwrap();
        let event = Raising { id, rung: Rung(1), raised_at: jiff::Timestamp::UNIX_EPOCH };
        attempts.failed(&event);
        assert!(!attempts.is_told(&event));
        attempts.unrecorded(&event);
        assert!(attempts.is_told(&event));
        assert!(!attempts.is_told(&Raising { rung: Rung(2), ..event.clone() }), "it rose");
        let again = attempts.0[&event].not_before;
        assert_eq!(again, Instant::now() + PAUSES[1], "recorded not at once");
        attempts.forget(&event);
        assert!(!attempts.is_told(&event));
    }

    #[tokio::test(start_paused = true)]
    async fn what_falls_due_while_others_are_told_is_tried_next() {
        let (_raise, mut raised) = tokio::sync::watch::channel(());
        let mut attempts = Attempts::default();
        let id = "expiry.custsecret_a.2027-06-30".parse().unwrap();
        attempts.failed(&Raising { id, rung: Rung(1), raised_at: jiff::Timestamp::UNIX_EPOCH });
        for busy in [2, 5, 20] {
            let begin = Instant::now();
            tokio::time::sleep(Duration::from_secs(busy)).await;
            attempts.wait(&mut raised, false).await;
            let waited = begin.elapsed();
            assert!(waited >= PAUSES[0] || busy > 2, "{waited:?}");
            assert!(waited <= PAUSES[0].max(Duration::from_secs(busy)) + BREATH, "{waited:?}");
        }
    }
}
