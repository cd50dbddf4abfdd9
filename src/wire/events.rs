//! The events of `GET /v1/watch`, as server-sent events (WHATWG HTML, 9.2) carry them in `data`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `open`: the watch has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WatchOpened {
    /// Whether it goes on behind the `Last-Event-ID` that came with the request.
    pub resumed: bool,
}

/// What an event is about; one of the fields is there, or none where it is the vault as a whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// `rotated`: what readers get is another now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RotatedEvent {
    #[serde(flatten)]
    pub about: About,
    /// What readers get now; null: nothing.
    pub version: Option<u64>,
    /// Of an integration: the IDs of its two secrets, client ID first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    pub at: Timestamp,
}

/// `notice`: a standing warning.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NoticeEvent {
    pub id: String,
    pub level: String,
    pub state: NoticeState,
    #[serde(flatten)]
    pub about: About,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    Raised,
    Cleared,
}

/// `resync`: events were missed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resync {
    pub detail: String,
}

/// Writes one event. JSON has no line ends outside its strings, and escapes those inside.
pub fn event(name: &str, id: Option<&str>, data: &impl Serialize) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let data = super::json::write(data);
    format!("event: {name}\n{id}data: {}\n\n", String::from_utf8_lossy(&data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_lines() {
        let rotated = RotatedEvent {
            about: About { secret: Some("custsecret_a".to_owned()), ..About::default() },
            version: None,
            secrets: vec![],
            at: Timestamp::UNIX_EPOCH,
        };
        let written = event("rotated", Some("0011"), &rotated);
        let data = r#"{"secret":"custsecret_a","version":null,"at":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(written, format!("event: rotated\nid: 0011\ndata: {data}\n\n"));
        let sly = Resync { detail: "a\n\nevent: b".to_owned() };
        assert_eq!(event("resync", None, &sly).lines().count(), 3);
    }
}
