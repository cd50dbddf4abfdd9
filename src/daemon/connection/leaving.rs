//! What leaves on a connection: nothing that its peer has lost, once that is acknowledged.
//!
//! A seal and a revocation wait until such connections are cut, for as long as that takes in a daemon that has time. On a
//! host that gives it none they are acknowledged before, and whatever has time next may be the one that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::conversation::Conversation;
use crate::daemon::activity::Outlet;
use crate::vault::Flushes;

pub(super) struct Leaving {
    talk: Arc<Conversation>,
    flushes: Flushes,
    /// As it was when one looked last.
    given_up: AtomicU64,
}

impl Leaving {
    pub(super) fn of(talk: Arc<Conversation>) -> Self {
        let given_up = AtomicU64::new(talk.api.given_up());
        Self { flushes: talk.session.outgoing.flushes(), talk, given_up }
    }
}

impl Outlet for Leaving {
    fn is_open(&self) -> bool {
        let given_up = self.talk.api.given_up();
        if given_up == self.given_up.load(Ordering::Relaxed) {
            return true;
        }
        let open = !self.talk.api.must_cut(&self.talk.session);
        if open {
            self.given_up.store(given_up, Ordering::Relaxed);
        }
        open
    }

    fn flushed(&self) {
        self.flushes.flushed();
    }
}
