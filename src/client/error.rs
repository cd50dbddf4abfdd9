//! Why there is no answer, or not the wanted one.

use std::fmt;
use std::io;

use serde::Deserialize;

use super::printable::printable;
use crate::identity::IdentityError;
use crate::model::FieldError;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    // The caller's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The daemon's own words.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),

    // The connection's.
    #[error("nobody answers at {address}: {source}\n{}", next(source))]
    Unreachable { address: String, source: io::Error },
    /// TLS failed; the text tells whose certificate it is and what to do.
    #[error("{0}")]
    Tls(String),
    #[error("the daemon at {address} took longer than {seconds} s to {what}")]
    Slow { address: String, seconds: u64, what: &'static str },
    #[error(
        "the daemon at {address} ended the connection without an answer: {why}\nIf that goes on, its log tells more: journalctl -u fsm-vault -n 20"
    )]
    Broken { address: String, why: String },

    // The daemon's.
    #[error("the daemon's answer {0}")]
    Odd(&'static str),
}

/// What to do about a connection that doesn't come about.
fn next(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "You may not reach this socket: join its group (fsm-vault) and log in anew, or give --addr https://127.0.0.1:8271"
        }
        _ => {
            "Is the daemon running? Start it with: sudo systemctl start fsm-vault, or fsm-vault serve. If it doesn't stay: journalctl -u fsm-vault -n 20"
        }
    }
}

/// What the daemon answered instead of a success. Read more loosely than the daemon writes it: a newer one may
/// have codes that this program doesn't know. Its texts are printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Empty if the answer was no problem document.
    pub code: String,
    pub title: String,
    pub detail: String,
    pub request_id: String,
    pub errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct Told {
    code: String,
    detail: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    errors: Vec<FieldError>,
}

impl Refusal {
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let clean = |text: String| printable(&text).into_owned();
        match serde_json::from_slice::<Told>(body) {
            Ok(told) => Self {
                status,
                code: clean(told.code),
                title: clean(told.title),
                detail: clean(told.detail),
                request_id: clean(told.request_id),
                errors: told
                    .errors
                    .into_iter()
                    .map(|each| FieldError::new(clean(each.pointer), clean(each.detail)))
                    .collect(),
            },
            Err(_) => Self {
                status,
                code: String::new(),
                title: String::new(),
                detail: format!("the answer has the status {status} and no explanation"),
                request_id: String::new(),
                errors: Vec::new(),
            },
        }
    }
}

impl fmt::Display for Refusal {
    /// `refused: DETAIL (CODE, request ID …)`, then one line for each field.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self.errors.as_slice() {
            [] => write!(out, "refused: {}", self.detail)?,
            _ => write!(out, "refused: {}", if self.title.is_empty() { &self.detail } else { &self.title })?,
        }
        match (self.code.as_str(), self.request_id.as_str()) {
            ("", "") => {}
            (code, "") => write!(out, " ({code})")?,
            (code, id) => write!(out, " ({code}, request ID {id})")?,
        }
        self.errors.iter().try_for_each(|each| write!(out, "\n  {} {}", each.pointer, each.detail))
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_whole_and_printable() {
        let body = r#"{"type":"x","title":"Field","status":422,"detail":"/id is\u001b[2J bad","code":"invalid_field",
            "request_id":"r1","errors":[{"pointer":"/id","detail":"is\n bad"}],"later":1}"#;
        let refusal = Refusal::read(422, body.as_bytes());
        assert_eq!(refusal.to_string(), "refused: Field (invalid_field, request ID r1)\n  /id is\\u{a} bad");
        assert_eq!(refusal.detail, "/id is\\u{1b}[2J bad");
        let plain = Refusal::read(403, br#"{"code":"of_a_later_day","detail":"No."}"#);
        assert_eq!(plain.to_string(), "refused: No. (of_a_later_day)");
        for odd in [&b""[..], b"<html>", b"{}", b"[1]"] {
            assert_eq!(Refusal::read(502, odd).code, "");
        }
    }
}
