//! What there is to write on when the daemon starts, and what is wrong with it.
//!
//! ```text
//! no segment, no checkpoint              begin segment 1
//! intact from the checkpoint's segment on    go on; an unfinished last line (crash) is cut off
//! anything else                          damage: begin a new segment after all others
//! newest segment under a former key        begin a segment under the current one: the vault was rekeyed, and a
//!                                          crash came before that
//! the checkpoint's segment was retired       go on: the log is whole, and the checkpoint is an older store's
//! a segment of a newer format                refuse: what follows it can't be judged, and nothing may be repaired
//! a stray (`stray.rs`)                       as without it, and it is told at each opening
//! damage noticed, new segment already
//! begun, then a crash before a checkpoint  go on in that segment, don't begin another
//! ```
//!
//! Nothing is changed here: whoever judges by it that the store is an older one leaves the log as it is.

use std::io;

use super::ahead::Ahead;
use super::chain::{Chain, Checkpoint, Link, Reason};
use super::disk::Disk;
use super::error::AuditError;
use super::finding::Finding;
use super::stray::Listed;
use super::walk::{End, Walk};

/// The state of the log before anything is written.
pub(super) struct Found {
    /// The last line that is surely ours.
    pub head: Link,
    pub start: Start,
    /// Numbers of the segments that are there and count.
    pub segments: Vec<u32>,
    /// No segment above this number has ever been seen.
    pub highest: u32,
    pub damage: Option<Finding>,
    /// What it tells of after the checkpoint.
    pub ahead: Ahead,
    /// Whether the checkpoint's line is in its place; true without one.
    pub is_met: bool,
    /// Something after the checkpoint isn't as it was written.
    pub is_unsure: bool,
    /// A segment that a crash left without a line: begun again when there is something to write.
    pub hollow: Option<u32>,
    /// Segments that were retired, but a crash kept them.
    pub outlived: Vec<u32>,
    /// Bytes of an unfinished line, to be cut off or already gone.
    pub torn: u64,
}

pub(super) enum Start {
    /// Write on after `length` bytes of this segment.
    GoOn {
        number: u32,
        length: u64,
    },
    Begin(Reason),
}

/// Looks through the log from the first line of the checkpoint's segment on; through all of it if there is no checkpoint,
/// or if something is wrong.
pub(super) fn survey(
    disk: &dyn Disk,
    chain: &Chain,
    checkpoint: Option<&Checkpoint>,
) -> Result<Found, AuditError> {
    let Listed { present, strays } =
        Listed::at_rest(disk, chain, checkpoint).map_err(AuditError::Unreadable)?;
    let is_elsewhere = goes_on_elsewhere(&present, &strays, checkpoint);
    let mut found = survey_present(disk, chain, checkpoint, present)?;
    if is_elsewhere {
        found.ahead.take_foreign(true, false);
    }
    let stray = strays.first().copied().map(Finding::of_stray);
    Ok(Found { damage: found.damage.or(stray), ..found })
}

fn survey_present(
    disk: &dyn Disk,
    chain: &Chain,
    checkpoint: Option<&Checkpoint>,
    present: Vec<u32>,
) -> Result<Found, AuditError> {
    let newest = present.last().copied();
    let walk_all = || {
        let mut all = Walk::of_all(chain, checkpoint);
        all.segments(disk, &present, |number| end_of(number, newest), || false)?;
        all.finish();
        Ok(all)
    };
    let walk = match checkpoint {
        None => readable(walk_all())?,
        Some(checkpoint) => readable(walk_from(disk, chain, checkpoint, &present))?,
    };
    let Some(damage) = walk.first else {
        let oldest = walk
            .retired
            .0
            .saturating_add(1)
            .max(checkpoint.map_or(1, |checkpoint| checkpoint.oldest_segment));
        return Ok(go_on(chain, walk, present, oldest, None));
    };
    let all = if checkpoint.is_some() { readable(walk_all())? } else { walk };
    if all.first.is_none() && all.ahead.is_outrun {
        let oldest = all.retired.0.saturating_add(1);
        return Ok(go_on(chain, all, present, oldest, None));
    }
    let known = checkpoint.and_then(Checkpoint::link).unwrap_or(Link::ORIGIN);
    if all.restart.is_some_and(|seq| seq > known.seq) {
        return Ok(go_on(chain, all, present, 0, Some(damage)));
    }
    Ok(Found {
        head: if all.head.seq > known.seq { all.head } else { known },
        start: Start::Begin(Reason::Damage),
        highest: newest
            .unwrap_or(0)
            .max(checkpoint.map_or(0, |checkpoint| checkpoint.segment))
            .max(chain.last_former()),
        segments: present,
        is_met: all.checkpoint_met() != Some(false),
        is_unsure: all.is_unsure,
        ahead: all.ahead,
        hollow: None,
        outlived: Vec::new(),
        damage: Some(damage),
        torn: 0,
    })
}

/// Whether all that there is has numbers far beyond the checkpoint's: a log that went on, and has retired what was there then.
pub(super) fn goes_on_elsewhere(present: &[u32], strays: &[u32], checkpoint: Option<&Checkpoint>) -> bool {
    checkpoint.is_some() && present.is_empty() && !strays.is_empty()
}

/// A walk that met nothing of a newer release.
fn readable(walked: io::Result<Walk<'_>>) -> Result<Walk<'_>, AuditError> {
    let walk = walked.map_err(AuditError::Unreadable)?;
    walk.refuse_newer()?;
    Ok(walk)
}

fn end_of(number: u32, newest: Option<u32>) -> End {
    if Some(number) == newest { End::MayBeTorn } else { End::Whole }
}

fn walk_from<'a>(
    disk: &dyn Disk,
    chain: &'a Chain,
    checkpoint: &'a Checkpoint,
    present: &[u32],
) -> io::Result<Walk<'a>> {
    let mut walk = Walk::from_segment_of(chain, checkpoint);
    let Ok(at) = present.binary_search(&checkpoint.segment) else {
        walk.note_missing(checkpoint.segment);
        return Ok(walk);
    };
    walk.segments(disk, &present[at..], |number| end_of(number, present.last().copied()), || false)?;
    walk.finish();
    // Older segments aren't read, but they have to be there.
    let (retired, removed) = walk.retired;
    let oldest = checkpoint.oldest_segment.max(retired.saturating_add(1));
    let there = present[..=at].iter().filter(|number| **number >= oldest).count() as u64;
    if there != u64::from(checkpoint.segments).saturating_sub(removed) {
        let missing = (oldest..checkpoint.segment).find(|number| present.binary_search(number).is_err());
        walk.note_missing(missing.unwrap_or(oldest));
    }
    Ok(walk)
}

/// Goes on at the end of an intact log. Segments below `oldest` were retired, but a crash kept them.
fn go_on(chain: &Chain, walk: Walk, mut segments: Vec<u32>, oldest: u32, damage: Option<Finding>) -> Found {
    let hollow = if walk.hollow { segments.pop() } else { None };
    let kept = segments.split_off(segments.partition_point(|number| *number < oldest));
    let start = match kept.last() {
        None => Start::Begin(Reason::First),
        Some(newest) if *newest <= chain.last_former() => Start::Begin(Reason::Rekeyed),
        Some(_) => Start::GoOn { number: walk.end.0, length: walk.end.1 },
    };
    let highest = kept.last().copied().unwrap_or(0).max(chain.last_former());
    let (is_met, is_unsure) = (walk.checkpoint_met() != Some(false), walk.is_unsure);
    let Walk { head, ahead, torn, .. } = walk;
    let outlived = segments;
    Found { head, start, segments: kept, highest, damage, ahead, is_met, is_unsure, hollow, outlived, torn }
}

impl Found {
    /// Removes what is of no more use. Before anything is written.
    pub fn tidy(&self, disk: &dyn Disk) -> io::Result<()> {
        for number in &self.outlived {
            let _ = disk.remove(*number);
        }
        self.hollow.map_or(Ok(()), |number| disk.remove(number))
    }
}
