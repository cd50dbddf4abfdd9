//! Connections of whom nobody knows yet who they are: so many, and when there is one more, the oldest goes.
//!
//! A handshake takes milliseconds. Whoever holds places for longer loses them first, so that slow handshakes, however
//! many, keep nobody out; and none of them takes a place that callers share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

pub struct Strangers {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    /// By age.
    waiting: BTreeMap<u64, CancellationToken>,
}

/// One of them; a place again when dropped.
pub struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
    gone: CancellationToken,
}

impl Strangers {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Takes one more in. True: the oldest had to go for it.
    pub fn admit(self: &Arc<Self>) -> (Stranger, bool) {
        let gone = CancellationToken::new();
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.waiting.insert(number, gone.clone());
        let oldest = if held.waiting.len() > self.most { held.waiting.pop_first() } else { None };
        drop(held);
        let evicted = oldest.is_some();
        oldest.into_iter().for_each(|(_, oldest)| oldest.cancel());
        (Stranger { strangers: Arc::clone(self), number, gone }, evicted)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// Ends when it must make room.
    pub async fn must_go(&self) {
        self.gone.cancelled().await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.held().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let strangers = Strangers::new(2);
        let must_go = |stranger: &Stranger| stranger.gone.is_cancelled();
        let (first, evicted) = strangers.admit();
        assert!(!evicted);
        let (second, evicted) = strangers.admit();
        assert!(!evicted && !must_go(&first));
        let (third, evicted) = strangers.admit();
        assert!(evicted && must_go(&first) && !must_go(&second));
        drop(second);
        let (_fourth, evicted) = strangers.admit();
        assert!(!evicted, "who is known takes no place among them");
        drop(first);
        let (_fifth, evicted) = strangers.admit();
        assert!(evicted && must_go(&third));
        drop(third);
        assert_eq!(strangers.held().waiting.len(), 2);
    }
}
