//! Files that have a segment's name, and lie beyond the log's end: they are none of it.
//!
//! ```text
//! 1 2 3         4000000000       the last segment that is surely ours is 3: the other is a stray
//! 1 2 3 4                        4 follows on: it counts, whatever is in it
//! ```
//!
//! A file dropped there must neither use the numbers up nor have it said that all those before it are missing. What lies
//! before a segment that is ours counts, damaged or not.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use super::chain::{self, Chain, Checkpoint, MAX_LINE, Reason};
use super::disk::Disk;
use super::walk::Line;

/// The numbers of the files with a segment's name, ascending.
pub(super) struct Listed {
    pub present: Vec<u32>,
    pub strays: Vec<u32>,
}

impl Listed {
    /// Of a log at rest. Reads the first line of those that might be strays.
    pub fn at_rest(disk: &dyn Disk, chain: &Chain, checkpoint: Option<&Checkpoint>) -> io::Result<Self> {
        let numbers = disk.list()?;
        let mut last = checkpoint.map_or(0, |checkpoint| checkpoint.segment);
        for number in numbers.iter().rev().copied().take_while(|number| *number > last) {
            if own(disk, chain, number)?.is_some() {
                last = number;
                break;
            }
        }
        for number in numbers.iter().copied() {
            if last.checked_add(1) == Some(number) {
                last = number;
            }
        }
        Ok(Self::up_to(last, numbers))
    }

    /// Of a log that is being written, whose highest number so far is `last`.
    pub fn up_to(last: u32, mut numbers: Vec<u32>) -> Self {
        let strays = numbers.split_off(numbers.partition_point(|number| *number <= last));
        Self { present: numbers, strays }
    }
}

/// Whether it is one of the segments of which so many are to be kept: no file that somebody else left, and none begun because
/// of damage. Else whoever leaves files there, or damages the log again and again, would have the log drive its own past out.
pub(super) fn counts(disk: &dyn Disk, chain: &Chain, number: u32) -> bool {
    own(disk, chain, number).is_ok_and(|own| own.is_some_and(|own| !own.after_damage))
}

/// A header that was written for the segment that it stands in.
struct Own {
    after_damage: bool,
}

/// The header that it begins with, if that was written for it.
fn own(disk: &dyn Disk, chain: &Chain, number: u32) -> io::Result<Option<Own>> {
    let file = match disk.read(number) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::NotFound) => {
            return Ok(None);
        }
        file => file?,
    };
    let mut bytes = Vec::new();
    BufReader::new(file).take(MAX_LINE as u64).read_until(b'\n', &mut bytes)?;
    let (Some((text, mac)), Ok(told)) = (chain::split(&bytes), serde_json::from_slice::<Line>(&bytes)) else {
        return Ok(None);
    };
    let is_own = told.segment == Some(number) && told.own_previous(chain, number, text, &mac).is_some();
    Ok(is_own.then(|| Own { after_damage: told.reason.as_deref() == Some(Reason::Damage.word()) }))
}
