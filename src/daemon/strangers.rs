//! Connections of whom nobody knows yet who they are: so many, and when there is one more, one of them goes.
//!
//! A handshake takes milliseconds. Whoever holds a place for longer loses it first, so that slow handshakes, however
//! many, keep nobody out; and none of them takes a place that callers share. Those that have said nothing yet go before
//! those that have: a hello costs its sender little, but us a signature, so that none comes in thousands at a time. Who has
//! greeted and then says nothing for seconds goes before all others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A client whose hello was answered says the rest within this time, or is too slow to be waited for when others come.
const TO_ANSWER: Duration = Duration::from_secs(2);
/// So many connections may be there for a moment beyond the most: they are to go, and haven't yet.
const LEAVING: usize = 64;

pub struct Strangers {
    most: usize,
    held: Mutex<Held>,
    /// Somebody has left.
    left: Notify,
}

/// Each by age.
#[derive(Default)]
struct Held {
    next: u64,
    /// Connections, also those that are to go and haven't yet.
    open: usize,
    silent: BTreeMap<u64, CancellationToken>,
    /// Their hello came, then.
    greeted: BTreeMap<u64, (CancellationToken, Instant)>,
}

/// One of them; a place again when dropped.
pub struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
    gone: CancellationToken,
}

impl Strangers {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default(), left: Notify::new() })
    }

    /// Waits until there aren't many that are to go and haven't yet: else whoever connects faster than they end has all
    /// descriptors.
    pub async fn thin_out(&self) {
        loop {
            let left = self.left.notified();
            if self.held().open < self.most.saturating_add(LEAVING) {
                return;
            }
            left.await;
        }
    }

    /// Takes one more in. True: another had to go for it.
    pub fn admit(self: &Arc<Self>) -> (Stranger, bool) {
        let gone = CancellationToken::new();
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.open += 1;
        held.silent.insert(number, gone.clone());
        let leaves = held.one_too_many(self.most);
        drop(held);
        let evicted = leaves.is_some();
        leaves.into_iter().for_each(|leaves| leaves.cancel());
        (Stranger { strangers: Arc::clone(self), number, gone }, evicted)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The silent ones keep a quarter of the places, or who comes new would go for those that stay.
    fn one_too_many(&mut self, most: usize) -> Option<CancellationToken> {
        if self.silent.len() + self.greeted.len() <= most {
            return None;
        }
        let oldest = self.greeted.first_entry();
        match oldest {
            Some(oldest) if self.silent.len() <= most / 4 || oldest.get().1.elapsed() >= TO_ANSWER => {
                Some(oldest.remove().0)
            }
            _ => self.silent.pop_first().map(|(_, gone)| gone),
        }
    }
}

impl Stranger {
    /// Ends when it must make room.
    pub async fn must_go(&self) {
        self.gone.cancelled().await;
    }

    /// Its hello came. It keeps its age.
    pub fn greets(&self) {
        let mut held = self.strangers.held();
        if let Some(gone) = held.silent.remove(&self.number) {
            held.greeted.insert(self.number, (gone, Instant::now()));
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut held = self.strangers.held();
        if held.silent.remove(&self.number).is_none() {
            held.greeted.remove(&self.number);
        }
        held.open -= 1;
        drop(held);
        self.strangers.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn must_go(stranger: &Stranger) -> bool {
        stranger.gone.is_cancelled()
    }

    #[test]
    fn the_oldest_makes_room() {
        let strangers = Strangers::new(2);
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
        assert_eq!(strangers.held().silent.len(), 2);
    }

    #[test]
    fn the_silent_make_room_first_unless_they_are_few() {
        let strangers = Strangers::new(8);
        let admitted = |greets: bool| {
            let (stranger, _) = strangers.admit();
            if greets {
                stranger.greets();
            }
            stranger
        };
        let honest = admitted(true);
        let silent = (0..100).map(|_| admitted(false)).collect::<Vec<_>>();
        assert!(!must_go(&honest), "however many say nothing");
        assert_eq!(silent.iter().filter(|each| must_go(each)).count(), 93);
        drop(silent);
        let greeted = (0..7).map(|_| admitted(true)).collect::<Vec<_>>();
        assert!(!must_go(&honest));
        let newest = admitted(false);
        assert!(must_go(&honest) && !must_go(&newest), "those that stay leave room for who comes");
        honest.greets();
        drop((honest, greeted, newest));
        let held = strangers.held();
        assert!(held.silent.is_empty() && held.greeted.is_empty() && held.open == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_greets_and_falls_silent_goes_first() {
        let strangers = Strangers::new(8);
        let admitted = || strangers.admit().0;
        let stays = admitted();
        stays.greets();
        let silent = (0..7).map(|_| admitted()).collect::<Vec<_>>();
        tokio::time::advance(TO_ANSWER).await;
        let late = admitted();
        assert!(must_go(&stays) && !silent.iter().any(must_go));
        let later = admitted();
        assert!(must_go(&silent[0]));
        drop((late, later));
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_taken_in_before_those_that_are_to_go_have_gone() {
        let strangers = Strangers::new(2);
        let open = (0..LEAVING + 2).map(|_| strangers.admit().0).collect::<Vec<_>>();
        let mut waits = std::pin::pin!(strangers.thin_out());
        assert!(tokio::time::timeout(Duration::from_secs(3600), waits.as_mut()).await.is_err());
        drop(open);
        waits.await;
    }
}
