//! What there is to tell of the vault itself: its certificates, its room, its log and its store.

use jiff::Timestamp;

use super::super::ladder::by_share;
use super::{NoticeRules, Occasion, Standing, compact, date};
use crate::model::{Concern, NoticeId, NoticeKind, NoticeLevel, Rung};

/// Of the local CA, which can't be replaced, and of the daemon's own certificate, which should have been.
pub fn of_authority(begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
    let steps = [(3, NoticeLevel::Info), (6, NoticeLevel::Warning), (20, NoticeLevel::Critical)];
    let action = "every certificate ends with it: plan to move to a new vault (fsm-vault init) in time";
    let what = Ending { kind: NoticeKind::Authority, part: "ca", name: "local CA", steps: &steps, action };
    what.occasion(begin, end, now)
}

/// See [`of_authority`].
pub fn of_server_certificate(begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
    let steps = [(6, NoticeLevel::Warning), (20, NoticeLevel::Critical)];
    let action = "the daemon renews it by itself; see in its log why it didn't, then restart it";
    let (kind, name) = (NoticeKind::ServerCertificate, "daemon's own certificate");
    Ending { kind, part: "server", name, steps: &steps, action }.occasion(begin, end, now)
}

/// Of a file system of the vault. `before` is how it stood: it must get a quarter better than the limit to be well.
pub fn of_space(
    part: &'static str,
    path: &str,
    free: u64,
    before: Option<NoticeLevel>,
    rules: &NoticeRules,
) -> Option<Occasion> {
    let limit = |bytes: u64, level: NoticeLevel| match before {
        Some(before) if before >= level => bytes.saturating_add(bytes / 4),
        _ => bytes,
    };
    let (rung, level) = if free < limit(rules.critical_bytes, NoticeLevel::Critical) {
        (Rung(2), NoticeLevel::Critical)
    } else if free < limit(rules.low_bytes, NoticeLevel::Warning) {
        (Rung(1), NoticeLevel::Warning)
    } else {
        return None;
    };
    let concern = Concern::Vault(part.to_owned());
    let standing = Standing {
        rung,
        level,
        due: None,
        message: format!("{} MiB are free where the vault keeps its {part}", free >> 20),
        action: format!(
            "make room on the file system of {path}: without any, nothing is changed or released"
        ),
    };
    Some(Occasion { id: NoticeId::new(NoticeKind::Space, &concern, "free"), standing: Some(standing) })
}

/// Of a place where the audit log isn't what was written. It stands until a verification finds the log whole.
pub fn of_damage(segment: u32, line: u64) -> Occasion {
    // Line 0 is the segment as a whole.
    let message = match line {
        0 => format!("the audit log was found damaged: segment {segment}"),
        line => format!("the audit log was found damaged: segment {segment}, line {line}"),
    };
    let action = "fsm-vault audit verify, then find out who wrote to the data directory";
    of_log(format_args!("s{segment}-l{line}"), message, action.to_owned())
}

/// Of a segment that isn't there; `path` as a shell takes it. It stands as damage does.
pub fn of_missing(segment: u32, path: &str) -> Occasion {
    let message = format!("{path} is missing: a part of the audit log was deleted or moved away");
    let action =
        "put it back, if you have it, then fsm-vault audit verify; find out who wrote to the data directory";
    of_log(format_args!("s{segment}-missing"), message, action.to_owned())
}

/// Of a file that has this segment's name and is none of the log's; `path` as a shell takes it. It stands as damage does.
pub fn of_stray(segment: u32, path: &str) -> Occasion {
    let message =
        format!("{path} has the name of a part of the audit log, and is none; the log goes on beside it");
    let action =
        format!("mv {path} SOMEWHERE, then fsm-vault audit verify; find out who wrote to the data directory");
    of_log(format_args!("s{segment}-stray"), message, action)
}

fn of_log(occasion: std::fmt::Arguments, message: String, action: String) -> Occasion {
    let (rung, level) = (Rung(1), NoticeLevel::Critical);
    let id = NoticeId::new(NoticeKind::AuditDamage, &Concern::Vault("log".to_owned()), occasion);
    Occasion { id, standing: Some(Standing { rung, level, due: None, message, action }) }
}

/// [`of_damage`], [`of_missing`] or [`of_stray`] as it was told once, from its ID. `path` gives a segment's.
pub fn of_known_damage(id: &NoticeId, path: impl FnOnce(u32) -> String) -> Option<Occasion> {
    let (segment, place) = id.occasion().strip_prefix('s')?.split_once('-')?;
    let segment = segment.parse().ok()?;
    match place.strip_prefix('l') {
        Some(line) => Some(of_damage(segment, line.parse().ok()?)),
        None => match place {
            "missing" => Some(of_missing(segment, &path(segment))),
            "stray" => Some(of_stray(segment, &path(segment))),
            _ => None,
        },
    }
}

/// Of entries that should go to journald as well and can't; `path` is where it should listen, `why` what an attempt says.
pub fn of_journal(path: &str, why: &str) -> Occasion {
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Warning,
        due: None,
        message: format!(
            "audit.journald is on, and journald isn't there ({path}: {why}): the log's entries go to its files alone"
        ),
        action: "systemctl start systemd-journald.socket; what was written meanwhile: fsm-vault audit export. Without journald \
                 on this host: take audit.journald out of the configuration"
            .to_owned(),
    };
    let id = NoticeId::new(NoticeKind::Journal, &Concern::Vault("journald".to_owned()), "away");
    Occasion { id, standing: Some(standing) }
}

/// An older store, or one that lacked records, was accepted, and went on at this epoch.
pub fn of_rollback(epoch: u64) -> Occasion {
    let standing = Standing {
        rung: Rung(1),
        level: NoticeLevel::Critical,
        due: None,
        message: format!(
            "an older store, or one that lacked records, was accepted (it went on at epoch {epoch}): a revoked caller may be \
             active again, a changed rule undone, a value gone"
        ),
        action: "fsm-vault audit show --action vault.accept_rollback; do again what was undone; then acknowledge this"
            .to_owned(),
    };
    let id =
        NoticeId::new(NoticeKind::Rollback, &Concern::Vault("store".to_owned()), format_args!("e{epoch}"));
    Occasion { id, standing: Some(standing) }
}

/// [`of_rollback`] as it was told once, from its ID.
pub fn of_accepted_rollback(id: &NoticeId) -> Option<Occasion> {
    let epoch = id.occasion().strip_prefix('e').filter(|_| id.kind() == NoticeKind::Rollback)?;
    Some(of_rollback(epoch.parse().ok()?))
}

/// A certificate of the vault's own.
struct Ending<'a> {
    kind: NoticeKind,
    part: &'static str,
    name: &'static str,
    steps: &'a [(u32, NoticeLevel)],
    action: &'static str,
}

impl Ending<'_> {
    fn occasion(&self, begin: Timestamp, end: Timestamp, now: Timestamp) -> Occasion {
        let standing =
            by_share(end.duration_since(begin), end, now, self.steps).map(|(rung, level)| Standing {
                rung,
                level,
                due: Some(end),
                message: format!("the {} ends on {}", self.name, date(end)),
                action: self.action.to_owned(),
            });
        Occasion {
            id: NoticeId::new(self.kind, &Concern::Vault(self.part.to_owned()), compact(end)),
            standing,
        }
    }
}
