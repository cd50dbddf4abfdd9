//! What one caller may take of the daemon at a time, so that something is left for the others.
//!
//! A caller's share is found once for each connection, by the registration that its certificate speaks for; a request
//! then costs an addition and a subtraction. What is too much is refused; only a caller's looks wait, for its own before them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::model::Limit;

mod bucket;
mod holder;
mod place;

use bucket::Bucket;
pub use bucket::Rate;
pub use holder::Holder;
pub use place::{Bound, Place};
use place::{Kind, Taken};

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    pub connections: Bound,
    /// Requests that wait for a change, or watch.
    pub waiting: Bound,
    /// Large bodies, in or out.
    pub large: Bound,
    /// Requests of one caller that are under way: from their heads until their answers have been taken.
    pub caller_requests: usize,
    /// How many requests one caller may make, by time. None: any number.
    pub rate: Option<Rate>,
}

/// Streams that each HTTP/2 connection is offered at the least, unless `limits.concurrent_streams` is less.
const FEWEST_STREAMS: u32 = 8;

/// Looks of one caller that are made at a time. Each may hold a mebibyte or two, before it has a place among the large ones.
const LOOKS: usize = 4;

/// The shares of all callers that are connected.
pub struct Shares {
    bounds: Bounds,
    all: Arc<Taken>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by_holder: HashMap<Holder, Entry>,
    /// With so many entries, those of callers that are gone are removed.
    sweep_at: usize,
}

/// A bucket outlives its share until it is full: whoever comes anew for each request has no more of them.
struct Entry {
    share: Weak<Share>,
    bucket: Option<Arc<Mutex<Bucket>>>,
}

impl Entry {
    fn is_over(&self, now: Timestamp) -> bool {
        let is_full = self.bucket.as_ref().is_none_or(|bucket| lock(bucket).is_full(now));
        self.share.strong_count() == 0 && is_full
    }
}

/// One caller's.
#[derive(Debug)]
pub struct Share {
    /// Whether it is one caller's own.
    is_own: bool,
    bounds: Bounds,
    all: Arc<Taken>,
    own: Taken,
    requests: AtomicUsize,
    bucket: Option<Arc<Mutex<Bucket>>>,
    /// Held while it renews itself.
    renewing: tokio::sync::Mutex<()>,
    /// Places for looks at what may be long.
    looks: Semaphore,
    /// The same, where the log is read for it.
    pages: Semaphore,
}

/// A request under way.
#[must_use]
pub struct UnderWay<'a>(&'a Share);

/// An answer that hasn't been taken, which counts like a request under way. Released values count by themselves.
#[must_use]
pub struct Answered(Arc<Share>);

/// A request that doesn't count as under way for a while.
#[must_use]
pub struct SetAside<'a>(&'a Share);

impl Shares {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, all: Arc::default(), held: Mutex::default() }
    }

    /// The holder's share, the same for all of its connections.
    pub fn of(&self, holder: Holder, now: Timestamp) -> Arc<Share> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.by_holder.get(&holder);
        if let Some(share) = known.and_then(|known| known.share.upgrade()) {
            return share;
        }
        let bucket = known.and_then(|known| known.bucket.clone());
        let bucket =
            bucket.or_else(|| self.bounds.rate.map(|rate| Arc::new(Mutex::new(Bucket::full(rate, now)))));
        if held.by_holder.len() >= held.sweep_at {
            held.by_holder.retain(|_, entry| !entry.is_over(now));
            held.sweep_at = 64 + 2 * held.by_holder.len();
        }
        let share = Arc::new(Share {
            is_own: holder != Holder::Stranger,
            bounds: holder.bounds(&self.bounds),
            all: Arc::clone(&self.all),
            own: Taken::default(),
            requests: AtomicUsize::new(0),
            bucket: bucket.clone(),
            renewing: tokio::sync::Mutex::new(()),
            looks: Semaphore::new(LOOKS),
            pages: Semaphore::new(1),
        });
        held.by_holder.insert(holder, Entry { share: Arc::downgrade(&share), bucket });
        share
    }
}

impl Share {
    /// Whether it was found for somebody who could be ours.
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// A place for a connection.
    pub fn connect(self: &Arc<Self>) -> Result<Place, Limit> {
        self.place(Kind::Connection)
    }

    /// Streams that one more HTTP/2 connection is offered: up to `most`, while all streams of this caller's connections
    /// together aren't more than what it may have under way and waiting. HTTP/2 keeps the room of the streams that
    /// a connection once had at a time, so that those beyond it would be memory that nobody can use.
    pub fn streams(&self, most: u32) -> u32 {
        let connections = self.own.connections.load(Ordering::Relaxed).max(1);
        let useful = (self.bounds.caller_requests + self.bounds.waiting.caller) / connections;
        u32::try_from(useful).unwrap_or(u32::MAX).max(FEWEST_STREAMS).min(most)
    }

    /// A place for a request that waits for a change, or watches.
    pub fn wait(self: &Arc<Self>) -> Result<Place, Limit> {
        self.place(Kind::Waiting)
    }

    /// A place for a large body.
    pub fn carry(self: &Arc<Self>) -> Result<Place, Limit> {
        self.place(Kind::Large)
    }

    /// A request begins. `now` is asked only where requests are counted by time.
    pub fn begin(&self, now: impl FnOnce() -> Timestamp) -> Result<UnderWay<'_>, Limit> {
        if let Some(bucket) = &self.bucket
            && !lock(bucket).take(now())
        {
            return Err(Limit::Rate);
        }
        let under_way = UnderWay(self.count());
        if self.requests.load(Ordering::Relaxed) <= self.bounds.caller_requests {
            Ok(under_way)
        } else {
            Err(Limit::CallerRequests)
        }
    }

    /// A caller renews itself once at a time: whoever asks for many certificates keeps nobody else waiting.
    pub(super) async fn renew(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.renewing.lock().await
    }

    /// Waits until an answer may be made that may be long: for a few of this caller's own at most, and nobody else's.
    pub async fn look(&self) -> SemaphorePermit<'_> {
        place_in(&self.looks).await
    }

    /// The same for one that the log is read for: one after the other.
    pub async fn read_log(&self) -> SemaphorePermit<'_> {
        place_in(&self.pages).await
    }

    /// An answer is there, and begins to be sent.
    pub fn answered(self: &Arc<Self>) -> Answered {
        self.count();
        Answered(Arc::clone(self))
    }

    /// Until what this returns is dropped, one request under way isn't counted: it waits, in a place of its own.
    pub fn set_aside(&self) -> SetAside<'_> {
        self.uncount();
        SetAside(self)
    }

    /// An answer on its way out counts like a request under way.
    pub(super) fn count(&self) -> &Self {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self
    }

    pub(super) fn uncount(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn place_in(places: &Semaphore) -> SemaphorePermit<'_> {
    places.acquire().await.expect("it is never closed")
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.uncount();
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.uncount();
    }
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        self.0.count();
    }
}

fn lock(bucket: &Mutex<Bucket>) -> MutexGuard<'_, Bucket> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
