//! Who fetched which version of a secret, and when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::model::CallerName;

/// What one caller did with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The version last fetched.
    pub version: u64,
    /// When that was.
    pub at: Timestamp,
    /// Fetches in all.
    pub count: u64,
}

/// Of one secret, by caller. The lock is held for the change of one entry.
#[derive(Default)]
pub struct Uses(Mutex<BTreeMap<CallerName, Use>>);

impl Uses {
    pub fn record(&self, caller: &CallerName, version: u64, at: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(caller) {
            Some(last) => *last = Use { version, at, count: last.count.saturating_add(1) },
            None => {
                uses.insert(caller.clone(), Use { version, at, count: 1 });
            }
        }
    }

    /// All of them, by caller.
    pub fn all(&self) -> BTreeMap<CallerName, Use> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
