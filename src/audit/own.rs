//! The entries that the log writes about itself.

use super::disk::name_of;
use super::entry::{Entry, Outcome};
use super::finding::Finding;

/// The action of the entry that tells of removed segments.
pub(super) const RETIRE: &str = "audit.retire";

/// What it has among its changes, and a restore's entry too: how many lines of other logs the vault has behind this one.
pub(super) const LINES_BEFORE: &str = "lines_before";

/// Segments up to this one, so many of them, are being removed: that of a restore, which says what is behind it, may be too.
pub(super) fn retired(upto: u32, count: u64, lines_before: u64) -> Entry {
    Entry {
        action: RETIRE.into(),
        subject: Some(name_of(upto).into()),
        outcome: Outcome::Allowed,
        reason: Some("retain".into()),
        count: Some(count),
        changes: (lines_before > 0).then(|| serde_json::json!({ LINES_BEFORE: lines_before })),
        ..Entry::default()
    }
}

/// So many bytes of an unfinished line were cut off.
pub(super) fn recovered(bytes: u64) -> Entry {
    Entry {
        action: "audit.recover".into(),
        outcome: Outcome::Allowed,
        reason: Some("unfinished_line".into()),
        changes: Some(serde_json::json!({ "bytes": bytes })),
        ..Entry::default()
    }
}

/// The disk is full: this is the last entry until there is room again.
pub(super) fn refusing() -> Entry {
    Entry {
        action: "audit.refusing".into(),
        outcome: Outcome::Failed,
        reason: Some("audit_full".into()),
        ..Entry::default()
    }
}

/// There is room again. So many entries were refused, and so what they would have told of, in so many seconds.
pub(super) fn resumed(count: u64, seconds: u64) -> Entry {
    Entry {
        action: "audit.resume".into(),
        outcome: Outcome::Allowed,
        reason: Some("audit_full".into()),
        count: Some(count),
        changes: Some(serde_json::json!({ "seconds": seconds })),
        ..Entry::default()
    }
}

/// The log wasn't as it had been written.
pub(super) fn damaged(finding: Finding) -> Entry {
    Entry {
        action: "audit.damage".into(),
        subject: Some(name_of(finding.segment).into()),
        outcome: Outcome::Failed,
        reason: Some(finding.flaw.word().into()),
        changes: Some(serde_json::json!({ "line": finding.line })),
        ..Entry::default()
    }
}
