//! How many connections are open, and what is done once thousands have gone: their memory is given back. By itself the heap
//! keeps what they had between pieces that are in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::runtime::Handle;

use crate::heap;

/// From so many on it is a crowd, and down to so few it has gone: between one giving back and the next there are hundreds
/// of connections.
const CROWD: usize = 1000;
const FEW: usize = 100;

#[derive(Default)]
pub struct Crowd {
    open: AtomicUsize,
    /// There were many since memory was given back last.
    was_there: AtomicBool,
}

/// An open connection; it is counted until it is dropped.
pub struct Member(Arc<Crowd>);

impl Crowd {
    /// One more.
    pub fn join(self: &Arc<Self>) -> Member {
        if self.open.fetch_add(1, Ordering::Relaxed) + 1 >= CROWD {
            self.was_there.store(true, Ordering::Relaxed);
        }
        Member(Arc::clone(self))
    }

    /// One less. True: a crowd has gone with it.
    fn leave(&self) -> bool {
        let left = self.open.fetch_sub(1, Ordering::Relaxed) - 1;
        left <= FEW && self.was_there.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // At the daemon's end there may be no runtime any more, and nothing to give back.
        if self.0.leave()
            && let Ok(runtime) = Handle::try_current()
        {
            // On a thread of its own, as it takes milliseconds; nobody waits for it.
            drop(runtime.spawn_blocking(heap::give_back));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a crowd has gone while so many leave.
    fn leave(crowd: &Crowd, count: usize) -> usize {
        (0..count).filter(|_| crowd.leave()).count()
    }

    #[test]
    fn a_crowd_goes_once_when_few_are_left() {
        let crowd = Arc::new(Crowd::default());
        // Counted by hand: what joined isn't dropped.
        let come = |count: usize| (0..count).for_each(|_| std::mem::forget(crowd.join()));
        come(CROWD - 1);
        assert_eq!(leave(&crowd, CROWD - 1), 0, "there was none");
        for _ in 0..3 {
            come(CROWD);
            assert_eq!(leave(&crowd, CROWD - FEW - 1), 0, "it is still there");
            assert_eq!(leave(&crowd, 1), 1);
            assert_eq!(leave(&crowd, FEW), 0, "it has gone already");
        }
    }

    #[tokio::test]
    async fn whoever_is_dropped_has_left() {
        let crowd = Arc::new(Crowd::default());
        let members: Vec<_> = (0..CROWD).map(|_| crowd.join()).collect();
        assert!(crowd.was_there.load(Ordering::Relaxed));
        drop(members);
        assert_eq!(crowd.open.load(Ordering::Relaxed), 0);
        assert!(!crowd.was_there.load(Ordering::Relaxed));
    }
}
