//! Places that there are so many of for all, and so many for each caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Bounds, Share};
use crate::model::Limit;

/// So much for all together, and for each caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub all: usize,
    pub caller: usize,
}

#[derive(Debug, Default)]
pub(super) struct Taken {
    pub connections: AtomicUsize,
    waiting: AtomicUsize,
    large: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Connection,
    Waiting,
    Large,
}

/// Something taken, for all and for the caller; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Place {
    share: Arc<Share>,
    kind: Kind,
}

impl Share {
    pub(super) fn place(self: &Arc<Self>, kind: Kind) -> Result<Place, Limit> {
        let (all, caller) = kind.limits();
        let bound = kind.bound(&self.bounds);
        if !take(kind.of(&self.own), bound.caller) {
            return Err(caller);
        }
        if !take(kind.of(&self.all), bound.all) {
            kind.of(&self.own).fetch_sub(1, Ordering::Relaxed);
            return Err(all);
        }
        Ok(Place { share: Arc::clone(self), kind })
    }
}

impl Kind {
    fn of(self, taken: &Taken) -> &AtomicUsize {
        match self {
            Self::Connection => &taken.connections,
            Self::Waiting => &taken.waiting,
            Self::Large => &taken.large,
        }
    }

    fn bound(self, bounds: &Bounds) -> Bound {
        match self {
            Self::Connection => bounds.connections,
            Self::Waiting => bounds.waiting,
            Self::Large => bounds.large,
        }
    }

    /// What ran out, for all or for the caller.
    fn limits(self) -> (Limit, Limit) {
        match self {
            Self::Connection => (Limit::Connections, Limit::CallerConnections),
            Self::Waiting => (Limit::Waiting, Limit::CallerWaiting),
            Self::Large => (Limit::Large, Limit::CallerLarge),
        }
    }
}

/// Takes one of `most`, if there is one left.
fn take(taken: &AtomicUsize, most: usize) -> bool {
    let more = |taken: usize| (taken < most).then_some(taken + 1);
    taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kind.of(&self.share.own).fetch_sub(1, Ordering::Relaxed);
        self.kind.of(&self.share.all).fetch_sub(1, Ordering::Relaxed);
    }
}
