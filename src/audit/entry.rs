//! What one line of the log tells. Never a value.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Invalid;

/// One decision or change, as whoever decided fills it in. The log adds `seq`, `time` and `mac`.
///
/// A plain struct with a default, so that every path fills the same fields; what is `None` is left out of
/// the line. The order of the fields is the order in the line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub request_id: Option<Arc<str>>,
    /// Name of the registered caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub caller: Option<Arc<str>>,
    /// Serial number of the certificate that spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub serial: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub peer: Option<Peer>,
    /// `noun.verb`, such as `secret.read`.
    pub action: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub secret: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub integration: Option<Arc<str>>,
    /// What else was acted on, such as the name of a caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub subject: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub domain: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub employee: Option<Arc<str>>,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Cow<'static, str>>,
    /// Keyed fingerprint of the value concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub fingerprint: Option<Arc<str>>,
    /// Metadata, old and new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub changes: Option<serde_json::Value>,
    /// How many events this entry stands for, where it is more than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub count: Option<u64>,
    /// Of a change: the epoch that the store has once it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub epoch: Option<u64>,
}

/// How it ended. Refusal is the default: an entry that forgot to say doesn't claim a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Allowed,
    #[default]
    Denied,
    Failed,
}

/// Where the request came from: the Unix socket, where the kernel tells who, or an IP address with its port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Peer {
    Process {
        uid: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        pid: Option<i32>,
    },
    Address {
        #[schema(value_type = String)]
        address: Arc<str>,
    },
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoggedEntry {
    pub seq: u64,
    pub time: Timestamp,
    #[serde(flatten)]
    pub entry: Entry,
    /// Number of the segment that it stands in; 0 of what was read without its place.
    #[serde(skip)]
    pub segment: u32,
}

impl Outcome {
    /// As it stands in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let all = [Self::Allowed, Self::Denied, Self::Failed];
        all.into_iter().find(|each| each.word() == text).ok_or(Invalid("is not allowed, denied or failed"))
    }
}

impl Entry {
    /// Whether somebody asked for it. What the program did of itself tells of no connection.
    pub fn was_asked_for(&self) -> bool {
        self.serial.is_some() || self.peer.is_some() || self.request_id.is_some()
    }

    /// Leaves of this entry what it has in common with another, so that one line can stand for both.
    pub(super) fn keep_common(&mut self, other: &Self) {
        fn common<T: PartialEq>(mine: &mut Option<T>, other: &Option<T>) {
            if mine != other {
                *mine = None;
            }
        }
        common(&mut self.request_id, &other.request_id);
        common(&mut self.caller, &other.caller);
        common(&mut self.serial, &other.serial);
        common(&mut self.peer, &other.peer);
        common(&mut self.secret, &other.secret);
        common(&mut self.integration, &other.integration);
        common(&mut self.subject, &other.subject);
        common(&mut self.version, &other.version);
        common(&mut self.domain, &other.domain);
        common(&mut self.employee, &other.employee);
        common(&mut self.fingerprint, &other.fingerprint);
        common(&mut self.changes, &other.changes);
        common(&mut self.epoch, &other.epoch);
        if self.action != other.action {
            self.action = "request.repeat".into();
        }
        if self.reason != other.reason {
            self.reason = Some("various".into());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn full() -> Entry {
        Entry {
            request_id: Some("r-1".into()),
            caller: Some("mobile".into()),
            serial: Some("0a".into()),
            peer: Some(Peer::Process { uid: 990, pid: Some(4242) }),
            action: "secret.read".into(),
            secret: Some("custsecret_a".into()),
            integration: Some("fsm".into()),
            subject: Some("x\"y\n".into()),
            version: Some(3),
            domain: Some("system.netsuite.com".into()),
            employee: Some("7".into()),
            outcome: Outcome::Allowed,
            reason: Some("because".into()),
            fingerprint: Some("00ff".into()),
            changes: Some(serde_json::json!({"name": {"old": "a", "new": "b"}})),
            count: Some(2),
            epoch: Some(9),
        }
    }

    #[test]
    fn fields_stand_in_their_order() {
        let body = String::from_utf8(full().body()).unwrap();
        assert_eq!(
            body,
            concat!(
                r#""request_id":"r-1","caller":"mobile","serial":"0a","peer":{"uid":990,"pid":4242},"#,
                r#""action":"secret.read","secret":"custsecret_a","integration":"fsm","subject":"x\"y\n","#,
                r#""version":3,"domain":"system.netsuite.com","employee":"7","outcome":"allowed","#,
                r#""reason":"because","fingerprint":"00ff","changes":{"name":{"new":"b","old":"a"}},"count":2,"epoch":9"#
            )
        );
    }

    #[test]
    fn what_is_absent_is_left_out_and_reads_back() {
        let empty = Entry { action: "vault.seal".into(), ..Entry::default() };
        assert_eq!(empty.body(), br#""action":"vault.seal","outcome":"denied""#);
        let peer = Some(Peer::Address { address: "127.0.0.1:5".into() });
        for entry in [empty.clone(), full(), Entry { peer, ..empty }] {
            let mut line = br#"{"seq":5,"time":"2026-11-22T10:00:00.000000Z","#.to_vec();
            line.extend(entry.body());
            line.extend(br#","mac":"00"}"#);
            let read: LoggedEntry = serde_json::from_slice(&line).unwrap();
            assert_eq!((read.seq, read.entry), (5, entry));
        }
    }

    #[test]
    fn outcomes_are_named_as_they_are_written() {
        for outcome in [Outcome::Allowed, Outcome::Denied, Outcome::Failed] {
            assert_eq!(serde_json::json!(outcome), outcome.word());
            assert_eq!(outcome.word().parse(), Ok(outcome));
        }
        assert!("Denied".parse::<Outcome>().is_err());
    }

    #[test]
    fn what_differs_is_dropped_when_merging() {
        let mut merged = full();
        merged.keep_common(&Entry {
            secret: Some("custsecret_b".into()),
            request_id: Some("r-2".into()),
            reason: Some("other".into()),
            ..full()
        });
        assert_eq!(merged.secret, None);
        assert_eq!(merged.request_id, None);
        assert_eq!(merged.caller, full().caller);
        assert_eq!(merged.action, "secret.read");
        assert_eq!(merged.reason.as_deref(), Some("various"));
    }
}
