//! The store as it was at one moment, read page by page while it changes.
//!
//! A snapshot begins while its maker has the turn, so that no change is half made. Then the store is read from its
//! first key to its last, and changes go on. Each of them first hands over what it is about to overwrite or take away,
//! as far as the reading hasn't come by it yet; a record that is new is handed over as absent. A page is read while no
//! commit is under way, and what was handed over takes the place of what the page has. So what comes out is what was
//! there when the snapshot began, whatever happened since, and no change waits for whoever takes the backup.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::backup::Writer;
use crate::keys::{Sealed, StoreKey};
use crate::store::{Batch, Page, Store};
use crate::vault::VaultError;

/// Backups that are made at a time.
const MOST: usize = 4;
/// One whose taker hasn't come for so long makes room for another.
const STALLED: SignedDuration = SignedDuration::from_secs(30);
/// Bytes of records that a snapshot keeps because they were changed; more, and it is given up.
const MOST_KEPT: usize = 64 << 20;

const SEALED: &str = "the vault was sealed";
const REKEYED: &str = "the vault got a new root key meanwhile; try again";
const LEFT: &str = "nobody takes it any more";
const TOO_MUCH: &str = "too much was changed while it was taken so slowly; try again";
const UNREADABLE: &str = "a record that was about to be changed can't be read";

/// All that are under way.
#[derive(Default)]
pub(in super::super) struct Snapshots(Mutex<Vec<Arc<Snapshot>>>);

pub(in super::super) struct Snapshot(Mutex<State>);

enum State {
    UnderWay(Box<UnderWay>),
    Whole,
    /// Its keys are wiped.
    GivenUp(&'static str),
}

struct UnderWay {
    writer: Writer,
    /// Everything before this key was read; None: nothing was.
    next: Option<StoreKey>,
    /// Records that changed since the beginning, as they were then. None: there was none.
    kept: BTreeMap<StoreKey, Option<Sealed>>,
    kept_bytes: usize,
    taken_at: Timestamp,
}

impl Snapshots {
    /// Begins one. Whoever has the turn calls it, after a commit: so no batch is on its way into the store.
    pub fn begin(&self, writer: Writer, now: Timestamp) -> Arc<Snapshot> {
        let mut all = self.lock();
        let (kept, kept_bytes) = (BTreeMap::new(), 0);
        let under_way = UnderWay { writer, next: None, kept, kept_bytes, taken_at: now };
        let snapshot = Arc::new(Snapshot(Mutex::new(State::UnderWay(Box::new(under_way)))));
        all.push(Arc::clone(&snapshot));
        snapshot
    }

    /// Refuses one more than there may be. Whoever has the turn asks before it is written down that there is one.
    pub fn have_room(&self, now: Timestamp) -> Result<(), VaultError> {
        let mut all = self.lock();
        all.retain(|each| each.is_under_way());
        if all.len() >= MOST {
            all.retain(|each| !each.is_stalled(now));
        }
        if all.len() >= MOST {
            let why = "as many backups are being made as may be; try again when one has ended";
            return Err(VaultError::Conflict(why.to_owned()));
        }
        Ok(())
    }

    /// Hands over what a batch is about to change. A change never fails because of a backup.
    pub async fn keep_before(&self, store: &dyn Store, batch: &Batch) {
        let all: Vec<_> = {
            let mut all = self.lock();
            all.retain(|each| each.is_under_way());
            all.clone()
        };
        for snapshot in all {
            let mut found = Vec::new();
            for key in snapshot.lacks(batch) {
                match store.read(key).await {
                    Ok(record) => found.push((key, record)),
                    Err(_) => snapshot.give_up(UNREADABLE),
                }
            }
            snapshot.keep(found);
        }
    }

    /// Ends all, and wipes their keys: the vault is sealed.
    pub fn end_all(&self) {
        self.lock().drain(..).for_each(|each| each.give_up(SEALED));
    }

    /// Ends all, before another store takes the place of the one that they are of.
    pub fn end_before_rekey(&self) {
        self.lock().drain(..).for_each(|each| each.give_up(REKEYED));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Snapshot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// Where the next page begins. None: it is whole.
    pub fn next(&self, now: Timestamp) -> Result<Option<Option<StoreKey>>, VaultError> {
        match &mut *self.lock() {
            State::UnderWay(under_way) => {
                under_way.taken_at = now;
                Ok(Some(under_way.next))
            }
            State::Whole => Ok(None),
            State::GivenUp(why) => Err(VaultError::GivenUp(why)),
        }
    }

    /// Takes a page that was read: the bytes that are ready. Blocks for its encryption.
    pub fn take(&self, page: Page) -> Result<Vec<u8>, VaultError> {
        let mut state = self.lock();
        let under_way = match &mut *state {
            State::UnderWay(under_way) => under_way,
            State::Whole => return Ok(Vec::new()),
            State::GivenUp(why) => return Err(VaultError::GivenUp(why)),
        };
        let is_last = page.next.is_none();
        under_way.take(page)?;
        let mut bytes = under_way.writer.take();
        if is_last && let State::UnderWay(done) = std::mem::replace(&mut *state, State::Whole) {
            bytes.extend(done.writer.end()?);
        }
        Ok(bytes)
    }

    /// Nobody takes it any more.
    pub fn leave(&self) {
        self.give_up(LEFT);
    }

    fn give_up(&self, why: &'static str) {
        let mut state = self.lock();
        if matches!(*state, State::UnderWay(_)) {
            *state = State::GivenUp(why);
        }
    }

    /// Of the records that a batch changes, those that are still to be read and not kept yet.
    fn lacks(&self, batch: &Batch) -> Vec<StoreKey> {
        match &*self.lock() {
            State::UnderWay(under_way) => {
                let lacks = |key: &&StoreKey| under_way.is_to_come(key) && !under_way.kept.contains_key(*key);
                batch.keys().filter(lacks).copied().collect()
            }
            State::Whole | State::GivenUp(_) => Vec::new(),
        }
    }

    fn keep(&self, found: Vec<(StoreKey, Option<Sealed>)>) {
        let mut state = self.lock();
        let State::UnderWay(under_way) = &mut *state else { return };
        for (key, record) in found {
            // The page that has it may have been read meanwhile, as it was.
            if under_way.is_to_come(&key) {
                under_way.kept_bytes += size(record.as_ref());
                under_way.kept.insert(key, record);
            }
        }
        if under_way.kept_bytes > MOST_KEPT {
            *state = State::GivenUp(TOO_MUCH);
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(*self.lock(), State::UnderWay(_))
    }

    /// Gives it up if so.
    fn is_stalled(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        let State::UnderWay(under_way) = &*state else { return true };
        let stalled = now.duration_since(under_way.taken_at).abs() > STALLED;
        if stalled {
            *state = State::GivenUp(LEFT);
        }
        stalled
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn is_to_come(&self, key: &StoreKey) -> bool {
        self.next.is_none_or(|next| *key >= next)
    }

    fn take(&mut self, page: Page) -> Result<(), VaultError> {
        let rest = page.next.map(|next| self.kept.split_off(&next)).unwrap_or_default();
        let kept = std::mem::replace(&mut self.kept, rest);
        self.kept_bytes -= kept.values().map(|record| size(record.as_ref())).sum::<usize>();
        let read = page.records.into_iter().map(|(key, sealed)| (key, Some(sealed)));
        let mut records: BTreeMap<_, _> = read.collect();
        records.extend(kept);
        for (key, sealed) in records {
            if let Some(sealed) = sealed {
                self.writer.record(key, &sealed)?;
            }
        }
        self.next = page.next;
        Ok(())
    }
}

fn size(record: Option<&Sealed>) -> usize {
    StoreKey::LEN + record.map_or(0, |sealed| sealed.as_bytes().len())
}
