//! How a record lies in sled: whole in one entry, or cut into pieces.
//!
//! ```text
//! key                                  value
//! 00                                   the vault header, as a record's entry below
//! kind (1) ‖ hash of the name (32)     a record's entry:
//!                                        whole      01 ‖ record, at most 4,096 bytes
//!                                        in pieces  02 ‖ pieces (4, big-endian) ‖ bytes in all (8, big-endian)
//! key of the entry ‖ number (4, b-e)   one piece, numbered from 0: 4,096 bytes, the last one 1 to 4,096
//! ```
//!
//! An entry and its pieces are written, replaced and taken away in one atomic batch.
//!
//! Why so small: sled writes a leaf of its tree as one page, and a page above 128 KiB (a quarter of a segment)
//! goes into a file of its own under `blobs/`, which nothing ever syncs; a power cut could then take every record
//! on that leaf. A leaf splits when it is next visited with more than 16 entries, and may have taken in up to
//! three of a neighbour's before, or of several when readers tidy the tree at once: 30 entries of this size stay
//! below the bound. In simulated power cuts (ext4, journal not flushed) pieces of 60 KiB lost the store 12 times of
//! 12, these 0 of 60.

use super::Fault;

/// Bytes of a piece, and of the largest record that stays whole.
pub(super) const PIECE: usize = 4 * 1024;

/// The key of the vault header. No record's key begins so: kinds count from 1.
pub(super) const HEADER: &[u8] = &[0];

const WHOLE: u8 = 1;
const CUT: u8 = 2;
const NUMBER: usize = 4;

// 30 entries with their longest keys, and 16 bytes each for sled's own lengths, in a quarter of a segment.
const _: () = assert!(30 * (1 + PIECE + crate::keys::StoreKey::LEN + NUMBER + 16) < 512 * 1024 / 4 - 64);

/// The entries that hold `record` under `key`.
pub(super) fn cut<'a>(key: &'a [u8], record: &'a [u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + 'a {
    let pieces = if record.len() <= PIECE { &[] } else { record };
    let head = if record.len() <= PIECE {
        [&[WHOLE], record].concat()
    } else {
        let count = count(record.len() as u64).expect("2^32 pieces are more than memory can hold");
        [&[CUT], count.to_be_bytes().as_slice(), &(record.len() as u64).to_be_bytes()].concat()
    };
    let numbered = (0_u32..).zip(pieces.chunks(PIECE));
    let pieces = numbered.map(|(number, piece)| (piece_key(key, number), piece.to_vec()));
    std::iter::once((key.to_vec(), head)).chain(pieces)
}

pub(super) fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

/// The number of a piece, if `key` is the key of a piece of `record`.
pub(super) fn piece_number(record: &[u8], key: &[u8]) -> Option<u32> {
    key.strip_prefix(record)?.try_into().ok().map(u32::from_be_bytes)
}

/// A record being put together from its entry and its pieces, in order.
pub(super) struct Assembly {
    record: Vec<u8>,
    /// Pieces that the head promises, and bytes in all.
    promised: Option<(u32, u64)>,
    taken: u32,
}

impl Assembly {
    /// From the entry under the record's own key.
    pub(super) fn begin(entry: &[u8]) -> Result<Self, Fault> {
        match entry.split_first() {
            Some((&WHOLE, record)) if record.len() <= PIECE => {
                Ok(Self { record: record.to_vec(), promised: None, taken: 0 })
            }
            Some((&CUT, head)) => {
                let (pieces, bytes) = head.split_first_chunk::<NUMBER>().ok_or(Fault::Head)?;
                let pieces = u32::from_be_bytes(*pieces);
                let bytes = u64::from_be_bytes(bytes.try_into().map_err(|_| Fault::Head)?);
                if bytes <= PIECE as u64 || count(bytes) != Some(pieces) {
                    return Err(Fault::Head);
                }
                // Nothing is allocated on the head's word: the record grows by what is really there.
                Ok(Self { record: Vec::new(), promised: Some((pieces, bytes)), taken: 0 })
            }
            _ => Err(Fault::Head),
        }
    }

    /// The number of the next piece, or None once the record is complete.
    pub(super) fn wants(&self) -> Option<u32> {
        self.promised.filter(|(pieces, _)| self.taken < *pieces).map(|_| self.taken)
    }

    /// The bytes so far.
    pub(super) fn so_far(&self) -> &[u8] {
        &self.record
    }

    pub(super) fn take(&mut self, number: u32, piece: &[u8]) -> Result<(), Fault> {
        let Some((pieces, bytes)) = self.promised.filter(|(pieces, _)| number < *pieces) else {
            return Err(Fault::StrayPiece(number));
        };
        if number != self.taken {
            return Err(Fault::MissingPiece(self.taken));
        }
        let last = number + 1 == pieces;
        let wanted = if last { bytes - u64::from(number) * PIECE as u64 } else { PIECE as u64 };
        if piece.len() as u64 != wanted {
            return Err(Fault::PieceLength(number));
        }
        self.record.extend_from_slice(piece);
        self.taken += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Fault> {
        match self.wants() {
            Some(number) => Err(Fault::MissingPiece(number)),
            None => Ok(self.record),
        }
    }
}

fn count(bytes: u64) -> Option<u32> {
    u32::try_from(bytes.div_ceil(PIECE as u64)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(length: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let record: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        cut(b"key", &record).collect()
    }

    fn assemble(entries: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<u8>, Fault> {
        let mut assembly = Assembly::begin(&entries[0].1)?;
        for (key, piece) in &entries[1..] {
            assembly.take(piece_number(b"key", key).unwrap(), piece)?;
        }
        assembly.finish()
    }

    #[test]
    fn every_length_comes_back() {
        for (length, pieces) in
            [(0, 0), (1, 0), (PIECE - 1, 0), (PIECE, 0), (PIECE + 1, 2), (2 * PIECE, 2), (2 * PIECE + 1, 3)]
        {
            let entries = entries(length);
            assert_eq!(entries.len(), 1 + pieces, "{length}");
            let record = assemble(&entries).unwrap();
            assert_eq!(record.len(), length);
            assert!(record.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        }
    }

    #[test]
    fn what_is_missing_short_or_too_much_is_named() {
        let whole = entries(2 * PIECE + 1);
        type Bend = fn(&mut Vec<(Vec<u8>, Vec<u8>)>);
        let cases: [(&str, Bend, Fault); 9] = [
            ("first piece gone", |e| drop(e.remove(1)), Fault::MissingPiece(0)),
            ("last piece gone", |e| drop(e.pop()), Fault::MissingPiece(2)),
            ("short piece", |e| e[2].1.truncate(PIECE - 1), Fault::PieceLength(1)),
            ("long last piece", |e| e[3].1.push(0), Fault::PieceLength(2)),
            ("one piece more", |e| e.push((piece_key(b"key", 3), vec![0])), Fault::StrayPiece(3)),
            ("empty head", |e| e[0].1.clear(), Fault::Head),
            ("unknown head", |e| e[0].1[0] = 3, Fault::Head),
            ("short head", |e| e[0].1.truncate(12), Fault::Head),
            ("count and length differ", |e| e[0].1[4] += 1, Fault::Head),
        ];
        for (what, bend, fault) in cases {
            let mut bent = whole.clone();
            bend(&mut bent);
            assert_eq!(assemble(&bent), Err(fault), "{what}");
        }
    }

    #[test]
    fn a_head_that_promises_the_moon_allocates_nothing() {
        let bytes = u64::from(u32::MAX) * PIECE as u64;
        let head = [&[CUT], u32::MAX.to_be_bytes().as_slice(), &bytes.to_be_bytes()].concat();
        assert_eq!(Assembly::begin(&head).unwrap().record.capacity(), 0);
        let head = [&[CUT], u32::MAX.to_be_bytes().as_slice(), &u64::MAX.to_be_bytes()].concat();
        assert_eq!(Assembly::begin(&head).err(), Some(Fault::Head));
    }
}
