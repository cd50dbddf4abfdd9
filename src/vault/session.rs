//! Who is asking: what the connection proved, and the request's ID.

use std::sync::Arc;

use super::outgoing::Outgoing;
use super::share::Share;
use crate::audit::{self, Entry, Told};
use crate::identity::{Peer, Presented};
use crate::model::Caller;

/// A connection after its handshake: parsed once, used by every request on it.
#[derive(Debug)]
pub struct Session {
    pub presented: Presented,
    pub peer: Peer,
    /// What was released to this connection and not yet sent.
    pub outgoing: Outgoing,
    /// What this caller may take at a time, over all its connections.
    pub share: Arc<Share>,
    /// What each audit entry tells of the connection.
    serial: Arc<str>,
    told: audit::Peer,
}

impl Session {
    pub fn new(presented: Presented, peer: Peer, share: Arc<Share>) -> Self {
        let (serial, told) = (presented.serial.as_str().into(), told(&peer));
        Self { presented, peer, outgoing: Outgoing::of(&share), share, serial, told }
    }
}

/// One request's asker.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub session: &'a Session,
    pub request_id: &'a str,
}

impl Asker<'_> {
    /// The part of an audit entry that tells who asked. An unregistered caller is named by its SPIFFE ID.
    pub(super) fn told<'a>(&self, caller: Option<&'a Caller>) -> Told<'a>
    where
        Self: 'a,
    {
        let Session { presented, told, .. } = self.session;
        Told {
            request_id: Some(self.request_id),
            caller: Some(caller.map_or(presented.spiffe_id.as_str(), |caller| caller.name.as_str())),
            serial: Some(&presented.serial),
            peer: Some(told),
            ..Told::default()
        }
    }

    /// The same as an entry of its own.
    pub(super) fn entry(&self, caller: Option<&Caller>, action: &'static str) -> Entry {
        let Session { presented, serial, told, .. } = self.session;
        let name = caller.map_or_else(|| presented.spiffe_id.shared(), |caller| caller.name.shared());
        Entry {
            request_id: Some(self.request_id.into()),
            caller: Some(name),
            serial: Some(Arc::clone(serial)),
            peer: Some(told.clone()),
            action: action.into(),
            ..Entry::default()
        }
    }
}

fn told(peer: &Peer) -> audit::Peer {
    match peer {
        Peer::Unix { uid, pid, .. } => audit::Peer::Process { uid: *uid, pid: *pid },
        Peer::Tcp { address } => audit::Peer::Address { address: address.to_string().into() },
    }
}
