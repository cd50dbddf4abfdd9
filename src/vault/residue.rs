//! What the libraries' buffers may keep of what went over a connection, for as long as it is open: they empty them without
//! wiping. The heap wipes them when the connection ends.

use std::sync::atomic::{AtomicU8, Ordering};

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct Residue(AtomicU8);

/// It only ever grows: nobody can tell what has been written over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    /// Nothing, unless the peer took an answer in small pieces.
    Perhaps = 1,
    Some = 2,
}

impl Residue {
    pub(super) fn add(&self, amount: Amount) {
        self.0.fetch_max(amount as u8, Ordering::SeqCst);
    }

    /// Whether there is any, or may be.
    pub(super) fn may_be(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    pub(super) fn is_certain(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= Amount::Some as u8
    }
}
