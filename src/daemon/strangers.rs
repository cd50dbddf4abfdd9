//! Connections of whom nobody knows yet who they are: so many, and when there is one more, one of them goes.
//!
//! A handshake takes milliseconds. Whoever holds a place for longer loses it first, so that slow handshakes, however
//! many, keep nobody out; and none of them takes a place that callers share. Those that have said nothing yet go before
//! those that have: a hello costs its sender little, but us a signature, so that none comes in thousands at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

pub struct Strangers {
    most: usize,
    held: Mutex<Held>,
}

/// Each by age.
#[derive(Default)]
struct Held {
    next: u64,
    silent: BTreeMap<u64, CancellationToken>,
    /// Their hello came.
    greeted: BTreeMap<u64, CancellationToken>,
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

    /// Takes one more in. True: another had to go for it.
    pub fn admit(self: &Arc<Self>) -> (Stranger, bool) {
        let gone = CancellationToken::new();
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
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
        let among = if self.silent.len() > most / 4 { &mut self.silent } else { &mut self.greeted };
        among.pop_first().map(|(_, gone)| gone)
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
            held.greeted.insert(self.number, gone);
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut held = self.strangers.held();
        if held.silent.remove(&self.number).is_none() {
            held.greeted.remove(&self.number);
        }
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
        assert!(held.silent.is_empty() && held.greeted.is_empty());
    }
}
