//! Records as entries of sled: reading them, and staging the writes of several batches.

use std::collections::BTreeMap;

use ::sled::Db;

use super::pieces::{self, Assembly, HEADER};
use super::{Batch, Damage, Fault, PAGE, Page, StoreError};
use crate::keys::{Sealed, StoreKey};

pub(super) fn header(db: &Db) -> Result<Option<Vec<u8>>, StoreError> {
    assemble(db, HEADER, Damage::Header)
}

pub(super) fn record(db: &Db, key: StoreKey) -> Result<Option<Sealed>, StoreError> {
    let record = assemble(db, &key.to_bytes(), |fault| Damage::Record(key, fault))?;
    Ok(record.map(Sealed::from_store))
}

/// A page of records, in the order of the keys. An entry that is no part of a record or of the header is damage.
pub(super) fn page(db: &Db, from: Option<StoreKey>) -> Result<Page, StoreError> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    // A record's pieces follow its entry at once, since its key is the first part of theirs.
    let mut open: Option<(StoreKey, Assembly)> = None;
    let begin = from.map_or_else(Vec::new, |key| key.to_bytes().to_vec());
    for entry in db.range(begin..) {
        let (key, value) = entry?;
        if let Some(key) = record_key(&key) {
            if let Some(before) = open.take().map(finish).transpose()? {
                bytes += before.1.as_bytes().len();
                records.push(before);
            }
            if bytes >= PAGE {
                return Ok(Page { records, next: Some(key) });
            }
            open = Some((key, Assembly::begin(&value).map_err(|fault| Damage::Record(key, fault))?));
        } else if let Some((owner, number)) = piece_of(&key) {
            let (_, assembly) = open
                .as_mut()
                .filter(|(key, _)| *key == owner)
                .ok_or(Damage::Record(owner, Fault::StrayPiece(number)))?;
            assembly.take(number, &value).map_err(|fault| Damage::Record(owner, fault))?;
        } else if *key != *HEADER && pieces::piece_number(HEADER, &key).is_none() {
            return Err(Damage::ForeignKey { first: key.first().copied(), length: key.len() }.into());
        }
    }
    records.extend(open.map(finish).transpose()?);
    Ok(Page { records, next: None })
}

fn finish((key, assembly): (StoreKey, Assembly)) -> Result<(StoreKey, Sealed), StoreError> {
    let record = assembly.finish().map_err(|fault| Damage::Record(key, fault))?;
    Ok((key, Sealed::from_store(record)))
}

fn assemble(db: &Db, key: &[u8], damage: impl Fn(Fault) -> Damage) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(entry) = db.get(key)? else { return Ok(None) };
    let mut assembly = Assembly::begin(&entry).map_err(&damage)?;
    while let Some(number) = assembly.wants() {
        let piece = db.get(pieces::piece_key(key, number))?;
        let piece = piece.ok_or_else(|| damage(Fault::MissingPiece(number)))?;
        assembly.take(number, &piece).map_err(&damage)?;
    }
    Ok(Some(assembly.finish().map_err(damage)?))
}

fn record_key(key: &[u8]) -> Option<StoreKey> {
    StoreKey::from_bytes(key.try_into().ok()?)
}

fn piece_of(key: &[u8]) -> Option<(StoreKey, u32)> {
    let (record, number) = key.split_first_chunk::<{ StoreKey::LEN }>()?;
    Some((StoreKey::from_bytes(record)?, u32::from_be_bytes(number.try_into().ok()?)))
}

/// The writes of several batches, each seeing those before it, to be applied as one.
pub(super) struct Staged<'a> {
    db: &'a Db,
    /// None takes the entry away.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl<'a> Staged<'a> {
    pub(super) fn new(db: &'a Db) -> Self {
        Self { db, writes: BTreeMap::new(), bytes: 0 }
    }

    /// Takes the batch in, or leaves everything as it is.
    pub(super) fn add(&mut self, batch: &Batch) -> Result<(), StoreError> {
        batch.check(|key| self.beginning(*key))?;
        let header = batch.header.as_deref().map(|bytes| (HEADER.to_vec(), Some(bytes)));
        let changes = batch.changes.iter().map(|(key, sealed)| {
            let record = sealed.as_ref().map(Sealed::as_bytes);
            (key.to_bytes().to_vec(), record)
        });
        // All that can fail comes before the first write is staged.
        let changes: Vec<_> = header.into_iter().chain(changes).collect();
        let stale = changes.iter().map(|(key, _)| self.entries_of(key)).collect::<Result<Vec<_>, _>>()?;
        self.writes.extend(stale.into_iter().flatten().map(|entry| (entry, None)));
        for (key, record) in changes {
            let entries = record.map(|record| pieces::cut(&key, record));
            self.writes.extend(entries.into_iter().flatten().map(|(entry, value)| (entry, Some(value))));
        }
        self.bytes += batch.bytes();
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes that the batches taken in bring.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands all writes to sled, as one atomic batch. Not durable yet.
    pub(super) fn apply(self) -> Result<(), ::sled::Error> {
        let mut batch = ::sled::Batch::default();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch)
    }

    /// The record at `key`, or as much of it as its revision needs.
    fn beginning(&self, key: StoreKey) -> Result<Option<Sealed>, StoreError> {
        let damage = |fault| Damage::Record(key, fault);
        let Some(entry) = self.entry(&key.to_bytes())? else { return Ok(None) };
        let mut assembly = Assembly::begin(&entry).map_err(damage)?;
        if let Some(number) = assembly.wants() {
            let piece = self.entry(&pieces::piece_key(&key.to_bytes(), number))?;
            assembly.take(number, &piece.ok_or(damage(Fault::MissingPiece(number)))?).map_err(damage)?;
        }
        Ok(Some(Sealed::from_store(assembly.so_far())))
    }

    fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(key) {
            Some(staged) => Ok(staged.clone()),
            None => Ok(self.db.get(key)?.map(|value| value.to_vec())),
        }
    }

    /// Keys of all entries that lie under `record` now, whatever its head says: a damaged one can be replaced.
    fn entries_of(&self, record: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys: Vec<Vec<u8>> = self
            .db
            .scan_prefix(record)
            .keys()
            .map(|key| key.map(|key| key.to_vec()))
            .collect::<Result<_, _>>()?;
        let staged = self.writes.range(record.to_vec()..).take_while(|(key, _)| key.starts_with(record));
        keys.extend(staged.map(|(key, _)| key.clone()));
        keys.retain(|key| key == record || pieces::piece_number(record, key).is_some());
        Ok(keys)
    }
}
