//! Who fetched which version of a secret, and when: in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::model::{CallerName, CallerUse, SecretId, SecretUses};

/// Callers that are remembered of one secret; those that have not come for longest are forgotten first.
const MOST_CALLERS: usize = 100;

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

/// Of one secret, by caller. The lock is held for the change of one entry. Of most secrets there is nothing to tell:
/// that takes a word.
#[derive(Default)]
pub struct Uses(Mutex<Option<Box<Counted>>>);

#[derive(Default)]
struct Counted {
    callers: BTreeMap<CallerName, Use>,
    /// Changes so far, and how many of them are in the record.
    changes: u64,
    recorded: u64,
    /// Of the record; none: there is no record yet.
    revision: Option<u64>,
}

impl Uses {
    /// What is in the record of that revision.
    pub fn recorded(uses: SecretUses, revision: u64) -> Self {
        let each =
            |CallerUse { caller, version, at, count, .. }: CallerUse| (caller, Use { version, at, count });
        let callers = uses.callers.into_iter().map(each).collect();
        Self(Mutex::new(Some(Box::new(Counted { callers, revision: Some(revision), ..Counted::default() }))))
    }

    /// One fetch.
    pub fn record(&self, caller: &CallerName, version: u64, at: Timestamp) {
        self.add(caller, Use { version, at, count: 1 });
    }

    /// Fetches that came after all that are counted so far.
    pub fn add(&self, caller: &CallerName, more: Use) {
        let mut counted = self.counted();
        let counted = counted.get_or_insert_default();
        counted.changes += 1;
        if let Some(last) = counted.callers.get_mut(caller) {
            *last = Use { count: last.count.saturating_add(more.count), ..more };
            return;
        }
        if counted.callers.len() >= MOST_CALLERS {
            let oldest = counted.callers.iter().min_by_key(|(_, last)| last.at).map(|(name, _)| name.clone());
            oldest.and_then(|name| counted.callers.remove(&name));
        }
        counted.callers.insert(caller.clone(), more);
    }

    /// The name is another one's from now on.
    pub fn forget(&self, caller: &CallerName) {
        if let Some(counted) = self.counted().as_mut()
            && counted.callers.remove(caller).is_some()
        {
            counted.changes += 1;
        }
    }

    /// All of them, by caller.
    pub fn all(&self) -> BTreeMap<CallerName, Use> {
        self.counted().as_ref().map(|counted| counted.callers.clone()).unwrap_or_default()
    }

    pub fn revision(&self) -> Option<u64> {
        self.counted().as_ref()?.revision
    }

    /// What the record lacks, as it would then be, and how many changes that is. None: nothing. `enrolled_at` tells when the
    /// registration that a name has was made.
    pub fn unrecorded(
        &self,
        id: &SecretId,
        enrolled_at: impl Fn(&CallerName) -> Option<Timestamp>,
    ) -> Option<(SecretUses, u64)> {
        let counted = self.counted();
        let counted = counted.as_ref()?;
        let each = |(caller, &Use { version, at, count }): (&CallerName, &Use)| CallerUse {
            caller: caller.clone(),
            version,
            at,
            count,
            enrolled_at: enrolled_at(caller),
        };
        let callers = || counted.callers.iter().map(each).collect();
        (counted.changes > counted.recorded)
            .then(|| (SecretUses { id: id.clone(), callers: callers() }, counted.changes))
    }

    /// The record has so many changes now.
    pub fn is_recorded(&self, changes: u64, revision: u64) {
        let mut counted = self.counted();
        let counted = counted.get_or_insert_default();
        counted.recorded = changes;
        counted.revision = Some(revision);
    }

    fn counted(&self) -> MutexGuard<'_, Option<Box<Counted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn caller(number: usize) -> CallerName {
        format!("c{number}").parse().unwrap()
    }

    #[test]
    fn fetches_are_counted_and_the_last_one_is_known() {
        let uses = Uses::default();
        uses.record(&caller(1), 1, at(1));
        uses.record(&caller(1), 2, at(2));
        uses.add(&caller(1), Use { version: 3, at: at(9), count: 5 });
        assert_eq!(uses.all(), BTreeMap::from([(caller(1), Use { version: 3, at: at(9), count: 7 })]));
    }

    #[test]
    fn who_came_longest_ago_is_forgotten_first() {
        let uses = Uses::default();
        for number in 0..=MOST_CALLERS {
            // The second is the one that came first.
            let second = if number == 1 { 0 } else { 10 + number };
            uses.record(&caller(number), 1, at(second.try_into().unwrap()));
        }
        let all = uses.all();
        assert_eq!(all.len(), MOST_CALLERS);
        assert!(!all.contains_key(&caller(1)) && all.contains_key(&caller(0)));
    }

    #[test]
    fn what_comes_while_it_is_being_recorded_is_recorded_next() {
        let (uses, id) = (Uses::default(), "_a".parse().unwrap());
        assert!(uses.unrecorded(&id, |_| None).is_none());
        uses.record(&caller(1), 1, at(1));
        let (_, changes) = uses.unrecorded(&id, |_| None).unwrap();
        uses.record(&caller(2), 1, at(2));
        uses.is_recorded(changes, 1);
        let (record, changes) = uses.unrecorded(&id, |_| None).unwrap();
        assert_eq!(record.callers.len(), 2);
        uses.is_recorded(changes, 2);
        assert!(uses.unrecorded(&id, |_| None).is_none());
        assert_eq!(uses.revision(), Some(2));
        assert_eq!(Uses::recorded(record, 2).all(), uses.all());
    }
}
