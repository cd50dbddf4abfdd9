//! Work that many ask for and that tells each of them the same: whoever waits while it is done takes what the next run finds.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// One run at a time, and of those that ask during one, all are served by the next.
pub(super) struct Joint<T> {
    /// Runs so far.
    begun: AtomicU64,
    /// Held by a run: the last one that came to its end, and what it found.
    last: Mutex<Option<(u64, T)>>,
}

impl<T> Default for Joint<T> {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), last: Mutex::default() }
    }
}

impl<T: Clone> Joint<T> {
    /// What a run found that began after this was called: another's, or else `run`, which is begun if whoever asks `may` still
    /// have it by then.
    ///
    /// # Errors
    /// What `may` or `run` fails with; nobody else is told of it, and the next who waits tries anew.
    pub async fn share<E>(
        &self,
        may: impl Future<Output = Result<(), E>>,
        run: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((number, found)) = &*last
            && *number > before
        {
            return Ok(found.clone());
        }
        may.await?;
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let found = run.await?;
        *last = Some((number, found.clone()));
        Ok(found)
    }

    #[cfg(test)]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::TryFutureExt;
    use futures_util::future::join_all;

    use super::*;

    /// A run that takes a while and finds what is there when it begins.
    async fn look(joint: &Joint<u32>, there: &Cell<u32>) -> Result<u32, ()> {
        let run = async {
            let found = there.get();
            tokio::task::yield_now().await;
            Ok(found)
        };
        joint.share(async { Ok(()) }, run).await
    }

    #[tokio::test]
    async fn who_comes_during_a_run_is_served_by_the_next_with_all_others() {
        let (joint, there) = (Joint::default(), Cell::new(1));
        let others = async {
            there.set(2);
            join_all((0..9).map(|_| look(&joint, &there))).await
        };
        let (first, others) = tokio::join!(look(&joint, &there), others);
        assert_eq!(first, Ok(1));
        assert!(others.iter().all(|found| *found == Ok(2)), "{others:?}");
        assert_eq!(joint.begun(), 2);
        there.set(3);
        assert_eq!((look(&joint, &there).await, joint.begun()), (Ok(3), 3));
    }

    #[tokio::test]
    async fn a_run_that_fails_is_nobody_elses_and_one_that_may_not_be_is_not_begun() {
        let (joint, there) = (Joint::default(), Cell::new(1));
        let fails = async |why| {
            tokio::task::yield_now().await;
            Err(why)
        };
        let failing = joint.share(async { Ok(()) }, fails("broken"));
        let refused = joint.share(fails("refused").map_ok(drop::<u32>), async { panic!("it isn't begun") });
        let (failed, refused, other) = tokio::join!(failing, refused, look(&joint, &there));
        assert_eq!((failed, refused, other), (Err("broken"), Err("refused"), Ok(1)));
        assert_eq!(joint.begun(), 2);
    }
}
