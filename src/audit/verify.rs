//! Reads the whole log and tells where it isn't as it was written.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::ahead::Ahead;
use super::chain::{Chain, Checkpoint};
use super::disk::{Directory, Disk};
use super::error::AuditError;
use super::finding::Finding;
use super::keys::ChainKeys;
use super::opening::goes_on_elsewhere;
use super::stray::Listed;
use super::walk::{End, Walk};

/// What verifying found. The log is intact if `first_bad` is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Intact entries, headers not counted.
    pub entries: u64,
    pub segments: u32,
    /// The first place, in the order of the log, that isn't as it was written.
    pub first_bad: Option<Finding>,
    /// How many such places there are.
    pub findings: u64,
    /// Whether the line that the checkpoint names is there, unchanged; none without a checkpoint.
    pub head_matches_checkpoint: Option<bool>,
    /// The first place of the newest segment that is itself damaged.
    #[serde(skip)]
    pub(super) newest_bad: Option<Finding>,
    /// What it tells of after the checkpoint.
    #[serde(skip)]
    pub ahead: Ahead,
}

/// What there is to read at one moment.
pub(super) struct Extent {
    pub present: Vec<u32>,
    /// Numbers of files that are none of the log's.
    pub strays: Vec<u32>,
    /// The segment being written, and how much of it is confirmed.
    pub current: Option<(u32, u64)>,
}

/// None if told to stop.
pub(super) fn verify(
    disk: &dyn Disk,
    chain: &Chain,
    extent: &Extent,
    checkpoint: Option<&Checkpoint>,
    stop: impl Fn() -> bool,
) -> io::Result<Option<Report>> {
    let mut walk = Walk::of_all(chain, checkpoint);
    let end = |number| match extent.current {
        Some((current, length)) if current == number => End::At(length),
        _ => End::Whole,
    };
    walk.segments(disk, &extent.present, end, &stop)?;
    if stop() {
        return Ok(None);
    }
    if let Some((current, _)) = extent.current
        && extent.present.binary_search(&current).is_err()
    {
        walk.note_missing(current);
    }
    walk.note_strays(&extent.strays);
    walk.finish();
    Ok(Some(Report::of(&walk)))
}

/// Reads and checks a log that nobody writes to. What a crash left of a last line is no finding: opening cuts it off.
/// `vault` is the vault's id in hex, `keys` its chain key, with those that it had before. Fails if a newer release has
/// written to it. Blocks.
pub fn verify_at_rest(
    dir: &Path,
    vault: String,
    keys: impl Into<ChainKeys>,
    checkpoint: Option<&Checkpoint>,
) -> Result<Report, AuditError> {
    let directory = Directory::at(dir);
    let _lock = directory.lock().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => AuditError::InUse,
        _ => AuditError::Unreadable(error),
    })?;
    let chain = Chain::new(keys, vault);
    let Listed { present, strays } =
        Listed::at_rest(&directory, &chain, checkpoint).map_err(AuditError::Unreadable)?;
    let newest = present.last().copied();
    let mut walk = Walk::of_all(&chain, checkpoint);
    let end = |number| if Some(number) == newest { End::MayBeTorn } else { End::Whole };
    walk.segments(&directory, &present, end, || false).map_err(AuditError::Unreadable)?;
    walk.refuse_newer()?;
    walk.note_strays(&strays);
    walk.finish();
    if goes_on_elsewhere(&present, &strays, checkpoint) {
        walk.ahead.take_foreign(true, false);
    }
    Ok(Report::of(&walk))
}

impl Report {
    fn of(walk: &Walk<'_>) -> Self {
        Self {
            entries: walk.entries,
            segments: walk.segments,
            first_bad: walk.first,
            findings: walk.findings,
            head_matches_checkpoint: walk.checkpoint_met(),
            newest_bad: walk.newest,
            ahead: walk.ahead.clone(),
        }
    }
}
