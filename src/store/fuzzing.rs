//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use super::error::Fault;
use super::pieces::{Assembly, cut, piece_number};

/// The entries that a record is cut into: key and value.
pub fn entries(key: &[u8], record: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    cut(key, record).collect()
}

/// The record that these entries are, in the order of their keys. The first one has the record's own key, as sled
/// gives it: the store asks for it by that key.
pub fn record(key: &[u8], entries: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<u8>, Fault> {
    let Some(((place, head), pieces)) = entries.split_first() else { return Err(Fault::Head) };
    if place != key {
        return Err(Fault::Head);
    }
    let mut assembly = Assembly::begin(head)?;
    for (place, piece) in pieces {
        assembly.take(piece_number(key, place).ok_or(Fault::Head)?, piece)?;
    }
    assembly.finish()
}
