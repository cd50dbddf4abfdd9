//! Refusals for want of room that their peer doesn't take. Each waits in memory, and the room for them is what its
//! caller has used up already: a connection on which they pile up is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// So many may wait on a connection.
const BORNE: u64 = 8;
/// More must be taken within this time. A client that hits a limit with all its streams at once reads its answers in less.
const TO_TAKE: Duration = Duration::from_secs(1);

/// Those of one connection.
#[derive(Debug, Default)]
pub struct Refusals {
    made: AtomicU64,
    taken: AtomicU64,
    many: Notify,
}

/// One that waits; taken, or gone with its stream, when dropped.
#[must_use]
pub struct Refusal(Arc<Refusals>);

impl Refusals {
    /// One more is on its way.
    pub fn begin(self: &Arc<Self>) -> Refusal {
        let made = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        if made > self.taken.load(Ordering::Relaxed) + BORNE {
            self.many.notify_one();
        }
        Refusal(Arc::clone(self))
    }

    /// Ends when too many have waited for too long. It is counted and not asked which: who lets some wait must take as
    /// many others in that time.
    pub async fn ignored(&self) {
        loop {
            self.many.notified().await;
            let made = self.made.load(Ordering::Relaxed);
            tokio::time::sleep(TO_TAKE).await;
            if self.taken.load(Ordering::Relaxed) + BORNE < made {
                return;
            }
        }
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn some(refusals: &Arc<Refusals>, count: u64) -> Vec<Refusal> {
        (0..count).map(|_| refusals.begin()).collect()
    }

    async fn are_borne(refusals: &Refusals) -> bool {
        tokio::time::timeout(LONG, refusals.ignored()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_may_wait_for_ever_and_more_for_a_second() {
        let refusals = Arc::new(Refusals::default());
        let few = some(&refusals, BORNE);
        assert!(are_borne(&refusals).await);
        let one_more = refusals.begin();
        let start = tokio::time::Instant::now();
        assert!(!are_borne(&refusals).await);
        assert_eq!(start.elapsed(), TO_TAKE);
        drop((few, one_more));
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_that_is_taken_is_borne() {
        let refusals = Arc::new(Refusals::default());
        let reading = async {
            loop {
                let at_once = some(&refusals, 100);
                tokio::time::sleep(TO_TAKE / 2).await;
                drop(at_once);
            }
        };
        tokio::select! {
            borne = are_borne(&refusals) => assert!(borne),
            () = reading => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_come_after_a_look_are_looked_at_too() {
        let refusals = Arc::new(Refusals::default());
        let burst = some(&refusals, BORNE + 1);
        let late = async {
            tokio::time::sleep(TO_TAKE / 2).await;
            let held = some(&refusals, BORNE + 1);
            drop(burst);
            tokio::time::sleep(LONG).await;
            drop(held);
        };
        tokio::select! {
            borne = are_borne(&refusals) => assert!(!borne),
            () = late => {}
        }
    }
}
