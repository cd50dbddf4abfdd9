//! Counts what passes: requests, decisions, connections. On the request's path these are single atomic additions.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::model::{Denial, Limit};

/// What kind of call a request is, for a label that stays the same whatever there is in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The value of a secret.
    Value,
    /// The pair of an integration.
    Pair,
    Secrets,
    Integrations,
    Callers,
    /// A caller's own certificate.
    Identity,
    Notices,
    Audit,
    System,
    /// No call at all: no such path or method.
    None,
}

/// How a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied(Denial),
    /// No such thing, or not the asker's to see.
    NotFound,
}

/// The counters of a daemon's life. Shared by all connections.
pub struct Meter {
    pub(super) started_at: Timestamp,
    /// By kind and by the first digit of the status.
    requests: [[AtomicU64; STATUSES.len()]; Kind::ALL.len()],
    allowed: AtomicU64,
    denied: [AtomicU64; Denial::ALL.len()],
    not_found: AtomicU64,
    released: [AtomicU64; 2],
    limited: [AtomicU64; Limit::ALL.len()],
    pub(super) connections_accepted: AtomicU64,
    pub(super) connections_refused: AtomicU64,
    pub(super) connections_ended: AtomicU64,
    pub(super) handshakes_failed: AtomicU64,
}

/// The API's word for the reasons that it doesn't tell.
const ACCESS_DENIED: &str = "access_denied";

/// Classes of statuses, as they are told.
const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// A connection that was accepted; it ends when dropped.
pub struct OpenConnection<'a>(&'a Meter);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        add(&self.0.connections_ended);
    }
}

impl Meter {
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            requests: array::from_fn(|_| zeros()),
            allowed: AtomicU64::new(0),
            denied: zeros(),
            not_found: AtomicU64::new(0),
            released: zeros(),
            limited: zeros(),
            connections_accepted: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_ended: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
        }
    }

    /// A request got its answer. `status` is that of HTTP.
    pub fn answered(&self, kind: Kind, status: u16) {
        let class = usize::from(status / 100).saturating_sub(2).min(STATUSES.len() - 1);
        add(&self.requests[kind.place()][class]);
        match (kind, status) {
            (Kind::Value, 200) => add(&self.released[0]),
            (Kind::Pair, 200) => add(&self.released[1]),
            _ => {}
        }
    }

    /// A request was decided.
    pub fn decided(&self, verdict: Verdict) {
        match verdict {
            Verdict::Allowed => add(&self.allowed),
            Verdict::NotFound => add(&self.not_found),
            Verdict::Denied(denial) => {
                // By the word that is counted: what exactly an operator lacks makes no difference.
                let place = Denial::ALL.iter().position(|each| each.reason() == denial.reason());
                place.into_iter().for_each(|place| add(&self.denied[place]));
            }
        }
    }

    /// A connection was accepted; it counts as open until what this returns is dropped.
    pub fn accepted(&self) -> OpenConnection<'_> {
        add(&self.connections_accepted);
        OpenConnection(self)
    }

    /// A connection was closed, because there were too many.
    pub fn refused(&self, limit: Limit) {
        add(&self.connections_refused);
        self.limited(limit);
    }

    /// Somebody was refused something that there is only so much of.
    pub fn limited(&self, limit: Limit) {
        let place = Limit::ALL.iter().position(|each| *each == limit);
        place.into_iter().for_each(|place| add(&self.limited[place]));
    }

    /// A TLS handshake came to nothing, or not to its end in time.
    pub fn handshake_failed(&self) {
        add(&self.handshakes_failed);
    }

    /// Requests so far: call, class of the status, count.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        Kind::ALL.into_iter().zip(&self.requests).flat_map(|(kind, by_status)| {
            STATUSES.into_iter().zip(by_status).map(move |(status, count)| (kind.word(), status, read(count)))
        })
    }

    /// Decisions so far: outcome, reason, count. Unless in `full`, the reasons that aren't told to who is refused are one.
    pub(super) fn decisions(&self, full: bool) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let denied = Denial::ALL.into_iter().zip(&self.denied);
        let denied = denied.map(move |(denial, count)| {
            let word = if full || !denial.is_untold() { denial.reason() } else { ACCESS_DENIED };
            ("denied", word, read(count))
        });
        [("allowed", "", read(&self.allowed)), ("denied", "not_found", read(&self.not_found))]
            .into_iter()
            .chain(denied)
    }

    /// Refusals by limits so far: which, count.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.into_iter().zip(&self.limited).map(|(limit, count)| (limit.key(), read(count)))
    }

    /// Releases so far: what, count.
    pub(super) fn released(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["secret", "pair"].into_iter().zip(self.released.iter().map(read))
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> u64 {
        // The later one is read first: in between there may be more of either.
        let ended = read(&self.connections_ended);
        read(&self.connections_accepted).saturating_sub(ended)
    }
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Value,
        Self::Pair,
        Self::Secrets,
        Self::Integrations,
        Self::Callers,
        Self::Identity,
        Self::Notices,
        Self::Audit,
        Self::System,
        Self::None,
    ];

    fn place(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Pair => "pair",
            Self::Secrets => "secrets",
            Self::Integrations => "integrations",
            Self::Callers => "callers",
            Self::Identity => "identity",
            Self::Notices => "notices",
            Self::Audit => "audit",
            Self::System => "system",
            Self::None => "none",
        }
    }
}

fn zeros<const N: usize>() -> [AtomicU64; N] {
    array::from_fn(|_| AtomicU64::new(0))
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lacking, Level};

    #[test]
    fn each_thing_is_counted_where_it_belongs() {
        let meter = Meter::new(Timestamp::UNIX_EPOCH);
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.place(), place, "{kind:?}");
        }
        for (kind, status) in
            [(Kind::Pair, 200), (Kind::Pair, 304), (Kind::Value, 403), (Kind::None, 503), (Kind::None, 999)]
        {
            meter.answered(kind, status);
        }
        let counted: Vec<_> = meter.requests().filter(|(.., count)| *count > 0).collect();
        assert_eq!(
            counted,
            [("value", "4xx", 1), ("pair", "2xx", 1), ("pair", "3xx", 1), ("none", "5xx", 2)]
        );
        assert_eq!(meter.released().collect::<Vec<_>>(), [("secret", 0), ("pair", 1)]);

        let full = Denial::Level(Lacking::Level(Level::Full));
        for verdict in [Verdict::Allowed, Verdict::NotFound, Verdict::Denied(full)] {
            meter.decided(verdict);
        }
        let decided: Vec<_> = meter.decisions(true).filter(|(.., count)| *count > 0).collect();
        assert_eq!(
            decided,
            [("allowed", "", 1), ("denied", "not_found", 1), ("denied", "permission_level", 1)]
        );

        meter.limited(Limit::CallerRequests);
        meter.refused(Limit::Connections);
        let limited: Vec<_> = meter.limits().filter(|(_, count)| *count > 0).collect();
        assert_eq!(limited, [("connections", 1), ("caller_requests", 1)]);
        assert_eq!(read(&meter.connections_refused), 1);

        let (one, two) = (meter.accepted(), meter.accepted());
        assert_eq!(meter.open(), 2);
        drop((one, two));
        assert_eq!((meter.open(), read(&meter.connections_accepted)), (0, 2));
    }
}
