//! What both stores must do, and what the one on disk must besides.

mod both;
mod disk;
mod files;
mod model;

use std::path::Path;

use tempfile::TempDir;

use super::*;

fn key(number: u8) -> StoreKey {
    let mut bytes = [number; StoreKey::LEN];
    bytes[0] = 1 + number % 6;
    StoreKey::from_bytes(&bytes).unwrap()
}

/// A record of `length` bytes, at least 10, that claims `revision`.
fn sealed(key: StoreKey, revision: u64, length: usize) -> Sealed {
    let mut bytes = vec![1, key.kind() as u8];
    bytes.extend_from_slice(&revision.to_be_bytes());
    bytes.extend((10..length).map(|at| (at % 251) as u8 ^ revision as u8));
    Sealed::from_store(bytes)
}

fn put(number: u8, expected: Expect, revision: u64) -> Batch {
    Batch::new().put(key(number), expected, sealed(key(number), revision, 100))
}

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Opens the database behind the store's back.
fn bend(dir: &Path, bend: impl FnOnce(&::sled::Db)) {
    let disk = super::disk::Disk::open(dir).unwrap();
    disk.lend(|db| {
        bend(db);
        db.flush()?;
        Ok(())
    })
    .unwrap();
    disk.close();
}
