//! Sealed or unsealed: what there is in memory in each.

use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};

use super::lifecycle::Vault;
use super::notices::Standings;
use super::registry::Registry;
use crate::audit::Log;
use crate::identity::Authority;
use crate::keys::KeyRing;
use crate::model::Denial;

/// What the vault is now. Replacing `Unsealed` drops, and so wipes, every key.
pub(super) enum Live {
    Sealed,
    Unsealed(Box<Unsealed>),
}

pub(super) struct Unsealed {
    pub keys: KeyRing,
    pub authority: Authority,
    pub registry: Registry,
    pub log: Arc<Log>,
    /// Goes up by one with every change, so that a decision can tell whether it still stands.
    pub generation: u64,
    /// The generation with which these keys came.
    pub keys_since: u64,
    /// Notices as they stand.
    pub standings: Standings,
}

impl Live {
    pub fn unsealed(&self) -> Result<&Unsealed, Denial> {
        match self {
            Self::Sealed => Err(Denial::Sealed),
            Self::Unsealed(open) => Ok(open),
        }
    }
}

impl Vault {
    /// For a look that does no I/O. A panic elsewhere leaves the state whole: it is replaced, never half-written.
    pub(super) fn live(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn live_mut(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
