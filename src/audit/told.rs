//! An entry as it is told, and the one place where it becomes the members of a line.
//!
//! It borrows what it says: a fetch writes its entry without copying a word of it before.

use std::sync::Arc;

use super::entry::{Entry, Outcome, Peer};

/// What [`Entry`] says, borrowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    pub request_id: Option<&'a str>,
    pub caller: Option<&'a str>,
    pub serial: Option<&'a str>,
    pub peer: Option<&'a Peer>,
    pub action: &'a str,
    pub secret: Option<&'a str>,
    pub integration: Option<&'a str>,
    pub subject: Option<&'a str>,
    pub version: Option<u64>,
    pub domain: Option<&'a str>,
    pub employee: Option<&'a str>,
    pub outcome: Outcome,
    pub reason: Option<&'a str>,
    /// One, or those of the halves of a pair.
    pub fingerprint: Option<Fingerprints<'a>>,
    pub changes: Option<&'a serde_json::Value>,
    pub count: Option<u64>,
    pub epoch: Option<u64>,
}

/// Keyed fingerprints, told as one word with a `+` between two.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprints<'a> {
    pub first: &'a str,
    pub second: Option<&'a str>,
}

impl Told<'_> {
    /// Appends the members of the JSON object, without its braces, in the order of [`Entry`]'s fields.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut members = Members { out, first: true };
        members.text(r#""request_id":"#, self.request_id);
        members.text(r#""caller":"#, self.caller);
        members.text(r#""serial":"#, self.serial);
        members.peer(self.peer);
        members.text(r#""action":"#, Some(self.action));
        members.text(r#""secret":"#, self.secret);
        members.text(r#""integration":"#, self.integration);
        members.text(r#""subject":"#, self.subject);
        members.number(r#""version":"#, self.version);
        members.text(r#""domain":"#, self.domain);
        members.text(r#""employee":"#, self.employee);
        members.text(r#""outcome":"#, Some(self.outcome.word()));
        members.text(r#""reason":"#, self.reason);
        if let Some(Fingerprints { first, second }) = self.fingerprint {
            members.text(r#""fingerprint":"#, Some(first));
            if let Some(second) = second {
                // Fingerprints are hex digits: nothing to escape.
                members.out.pop();
                members.out.push(b'+');
                members.out.extend_from_slice(second.as_bytes());
                members.out.push(b'"');
            }
        }
        if let Some(changes) = self.changes {
            members.name(r#""changes":"#);
            serde_json::to_writer(&mut *members.out, changes).expect("memory takes every write");
        }
        members.number(r#""count":"#, self.count);
        members.number(r#""epoch":"#, self.epoch);
    }

    /// The same, for keeping.
    pub fn to_entry(self) -> Entry {
        let kept = |word: Option<&str>| word.map(Arc::from);
        Entry {
            request_id: kept(self.request_id),
            caller: kept(self.caller),
            serial: kept(self.serial),
            peer: self.peer.cloned(),
            action: self.action.to_owned().into(),
            secret: kept(self.secret),
            integration: kept(self.integration),
            subject: kept(self.subject),
            version: self.version,
            domain: kept(self.domain),
            employee: kept(self.employee),
            outcome: self.outcome,
            reason: self.reason.map(|reason| reason.to_owned().into()),
            fingerprint: self.fingerprint.map(|Fingerprints { first, second }| match second {
                Some(second) => format!("{first}+{second}").into(),
                None => first.into(),
            }),
            changes: self.changes.cloned(),
            count: self.count,
            epoch: self.epoch,
        }
    }
}

impl Entry {
    fn told(&self) -> Told<'_> {
        Told {
            request_id: self.request_id.as_deref(),
            caller: self.caller.as_deref(),
            serial: self.serial.as_deref(),
            peer: self.peer.as_ref(),
            action: &self.action,
            secret: self.secret.as_deref(),
            integration: self.integration.as_deref(),
            subject: self.subject.as_deref(),
            version: self.version,
            domain: self.domain.as_deref(),
            employee: self.employee.as_deref(),
            outcome: self.outcome,
            reason: self.reason.as_deref(),
            fingerprint: self.fingerprint.as_deref().map(|first| Fingerprints { first, second: None }),
            changes: self.changes.as_ref(),
            count: self.count,
            epoch: self.epoch,
        }
    }

    /// The members of the JSON object, without its braces.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(512);
        self.told().write(&mut body);
        body
    }
}

/// Members of an object under way.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    /// `name` with its quotes and colon.
    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        self.name(name);
        put_text(self.out, text);
    }

    fn number(&mut self, name: &str, number: Option<u64>) {
        let Some(number) = number else { return };
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn peer(&mut self, peer: Option<&Peer>) {
        let Some(peer) = peer else { return };
        self.name(r#""peer":"#);
        match peer {
            Peer::Process { uid, pid } => {
                self.out.extend_from_slice(br#"{"uid":"#);
                self.out.extend_from_slice(itoa::Buffer::new().format(*uid).as_bytes());
                if let Some(pid) = pid {
                    self.out.extend_from_slice(br#","pid":"#);
                    self.out.extend_from_slice(itoa::Buffer::new().format(*pid).as_bytes());
                }
            }
            Peer::Address { address } => {
                self.out.extend_from_slice(br#"{"address":"#);
                put_text(self.out, address);
            }
        }
        self.out.push(b'}');
    }
}

/// A JSON string (RFC 8259, section 7).
fn put_text(out: &mut Vec<u8>, text: &str) {
    // Without an early end, so that many bytes are looked at at a time.
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("memory takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::full;
    use super::*;
    use proptest::prelude::*;

    /// The members as serde writes them.
    fn by_serde(entry: &Entry) -> Vec<u8> {
        let object = serde_json::to_vec(entry).unwrap();
        object[1..object.len() - 1].to_vec()
    }

    #[test]
    fn every_field_is_written_as_it_is_read() {
        let address = Some(Peer::Address { address: "127.0.0.1:5".into() });
        let nobody = Some(Peer::Process { uid: 0, pid: None });
        for entry in [
            full(),
            Entry::default(),
            Entry { peer: address, ..full() },
            Entry { peer: nobody, ..Entry::default() },
        ] {
            assert_eq!(entry.body(), by_serde(&entry));
            assert_eq!(entry.told().to_entry(), entry);
        }
    }

    #[test]
    fn two_fingerprints_are_one_word() {
        let both = Some(Fingerprints { first: "0a", second: Some("0b") });
        let told = Told { action: "a.b", fingerprint: both, ..Told::default() };
        let mut out = b"x".to_vec();
        told.write(&mut out);
        assert_eq!(out, br#"x"action":"a.b","outcome":"denied","fingerprint":"0a+0b""#);
        assert_eq!(told.to_entry().body(), out[1..]);
    }

    proptest! {
        #[test]
        fn any_text_is_escaped_as_serde_does(text: String, version: Option<u64>, pid: Option<i32>, uid: u32) {
            let entry = Entry {
                caller: Some(text.as_str().into()),
                action: text.clone().into(),
                version,
                peer: Some(Peer::Process { uid, pid }),
                ..Entry::default()
            };
            prop_assert_eq!(entry.body(), by_serde(&entry));
        }
    }
}
