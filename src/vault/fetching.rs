//! Fetches under way, from before their audit entry until they are counted; and the moment in which there are none.
//!
//! A read-write lock whose readers are fetches. tokio's own takes a lock that all share with each of them; this takes
//! two atomic additions.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard, Notify};

/// Set while nobody may begin.
const CLOSED: usize = 1 << (usize::BITS - 1);

#[derive(Default)]
pub(super) struct Fetching {
    /// Fetches under way, and [`CLOSED`].
    state: AtomicUsize,
    /// Somebody may begin again.
    opened: Notify,
    /// The last one under way has ended.
    ended: Notify,
    closing: Mutex<()>,
}

/// A fetch under way; ends when dropped.
pub(super) struct UnderWay<'a>(&'a Fetching);

/// No fetch is under way until this is dropped.
pub(super) struct NoneUnderWay<'a> {
    fetching: &'a Fetching,
    _turn: MutexGuard<'a, ()>,
}

impl Fetching {
    pub async fn begin(&self) -> UnderWay<'_> {
        loop {
            if let Some(begun) = self.try_begin() {
                return begun;
            }
            // It hears that it is open from here on, before it looks.
            let opened = self.opened.notified();
            if self.state.load(Ordering::SeqCst) & CLOSED != 0 {
                opened.await;
            }
        }
    }

    fn try_begin(&self) -> Option<UnderWay<'_>> {
        let before = self.state.fetch_add(1, Ordering::SeqCst);
        let begun = UnderWay(self);
        // Where it is closed, what was added is taken away again by the drop.
        (before & CLOSED == 0).then_some(begun)
    }

    /// Lets nobody begin, and waits for those under way. One that is dropped before it is ready opens again.
    pub async fn none(&self) -> NoneUnderWay<'_> {
        let none = NoneUnderWay { _turn: self.closing.lock().await, fetching: self };
        self.state.fetch_or(CLOSED, Ordering::SeqCst);
        loop {
            let ended = self.ended.notified();
            if self.state.load(Ordering::SeqCst) == CLOSED {
                return none;
            }
            ended.await;
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.state.fetch_sub(1, Ordering::SeqCst) == CLOSED | 1 {
            self.0.ended.notify_waiters();
        }
    }
}

impl Drop for NoneUnderWay<'_> {
    fn drop(&mut self) {
        self.fetching.state.fetch_and(!CLOSED, Ordering::SeqCst);
        self.fetching.opened.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::task::yield_now;

    #[tokio::test]
    async fn none_waits_for_all_and_they_for_it() {
        let fetching = Arc::new(Fetching::default());
        let (first, second) = (fetching.begin().await, fetching.begin().await);
        let closer = tokio::spawn({
            let fetching = Arc::clone(&fetching);
            async move {
                let none = fetching.none().await;
                yield_now().await;
                assert_eq!(fetching.state.load(Ordering::SeqCst), CLOSED);
                drop(none);
            }
        });
        yield_now().await;
        let late = tokio::spawn({
            let fetching = Arc::clone(&fetching);
            async move { drop(fetching.begin().await) }
        });
        drop(first);
        yield_now().await;
        assert!(!closer.is_finished() && !late.is_finished());
        drop(second);
        closer.await.unwrap();
        late.await.unwrap();
        assert_eq!(fetching.state.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn giving_up_opens_again() {
        let fetching = Fetching::default();
        let under_way = fetching.begin().await;
        tokio::select! {
            biased;
            _ = fetching.none() => panic!("one is under way"),
            () = yield_now() => {}
        }
        assert_eq!(fetching.state.load(Ordering::SeqCst), 1);
        drop(fetching.begin().await);
        drop(under_way);
        drop(fetching.none().await);
        assert_eq!(fetching.state.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_is_left_behind() {
        let fetching = Arc::new(Fetching::default());
        let fetches: Vec<_> = (0..8)
            .map(|_| {
                let fetching = Arc::clone(&fetching);
                tokio::spawn(async move {
                    for _ in 0..1000 {
                        let _under_way = fetching.begin().await;
                        yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            let none = fetching.none().await;
            assert_eq!(fetching.state.load(Ordering::SeqCst) & CLOSED, CLOSED);
            drop(none);
        }
        for fetch in fetches {
            fetch.await.unwrap();
        }
        assert_eq!(fetching.state.load(Ordering::SeqCst), 0);
    }
}
