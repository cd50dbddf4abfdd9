//! Whose share a connection takes of: only who holds a registration has one of its own.
//!
//! An old certificate of a name, of a caller that was revoked say, must not use up what the name's holder may take. So a
//! share goes by the registration, and whoever speaks for none has his part of one small share for all such.

use jiff::Timestamp;

use super::super::gate::connected;
use super::super::lifecycle::Vault;
use super::{Bound, Bounds};
use crate::identity::{Peer, Presented};
use crate::model::SpiffeId;
use crate::policy::recognise;

/// Strangers together may take this part of what one caller may, and at least one of each.
const STRANGERS_PART: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The caller that was enrolled then: a name that is given again is another one's.
    Caller(SpiffeId, Timestamp),
    /// A full operator, by the list that a sealed vault has.
    Operator(SpiffeId),
    /// Whoever is named so, while the vault is sealed and can't tell.
    Untold(SpiffeId),
    /// Whoever has a certificate and is none of ours, or none in this place: all of them together.
    Stranger,
}

impl Vault {
    /// Whose connection it is, by what is known now. Asked once for each connection.
    pub fn holder(&self, presented: &Presented, peer: &Peer) -> Holder {
        let named = || presented.spiffe_id.clone();
        let live = self.live();
        match live.unsealed() {
            Ok(open) => match recognise(connected(&open.registry, presented, peer), self.clock.now()) {
                Ok(caller) => Holder::Caller(named(), caller.enrolled_at),
                Err(_) => Holder::Stranger,
            },
            Err(_) if self.knows_operator(presented, peer).is_ok() => Holder::Operator(named()),
            Err(_) => Holder::Untold(named()),
        }
    }
}

impl Holder {
    /// What it may take, where a caller may take so much.
    pub(super) fn bounds(&self, bounds: &Bounds) -> Bounds {
        let part = |most: usize| (most / STRANGERS_PART).max(1);
        let of = |bound: Bound| Bound { caller: part(bound.caller), ..bound };
        match self {
            Self::Caller(..) | Self::Operator(_) | Self::Untold(_) => bounds.clone(),
            Self::Stranger => Bounds {
                connections: of(bounds.connections),
                waiting: of(bounds.waiting),
                large: of(bounds.large),
                caller_requests: part(bounds.caller_requests),
                rate: bounds.rate,
            },
        }
    }
}
