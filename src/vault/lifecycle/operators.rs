//! The list in `tls/` by which a sealed vault knows its full operators.

use std::sync::atomic::Ordering;

use super::super::error::VaultError;
use super::super::session::Asker;
use super::Vault;
use crate::identity::{KnownOperator, Peer, Presented};
use crate::model::{Caller, Denial};

impl Vault {
    /// Whether the asker may act on a sealed vault: a full operator by the hashes in `tls/`.
    pub(in super::super) fn is_known_operator(&self, asker: Asker) -> Result<(), Denial> {
        self.knows_operator(&asker.session.presented, &asker.session.peer)
    }

    /// The same of a connection, before there is a request.
    pub(in super::super) fn knows_operator(&self, presented: &Presented, peer: &Peer) -> Result<(), Denial> {
        let operators = self.operators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_known = |each: &&KnownOperator| {
            each.spki_sha256 == presented.key
                && each.spiffe_id == presented.spiffe_id
                && each.serial.as_ref().is_none_or(|serial| *serial == presented.serial)
        };
        let known = operators.iter().find(is_known).ok_or(Denial::CallerUnknown)?;
        if self.clock.now() >= presented.not_after {
            return Err(Denial::CertificateExpired);
        }
        if peer.fits(&known.pins) { Ok(()) } else { Err(Denial::WrongPeer) }
    }

    /// Writes the full operators' key hashes to `tls/`, so that they are known while sealed.
    pub(in super::super) fn record_operators(&self) -> Result<(), VaultError> {
        let operators: Vec<KnownOperator> = {
            let live = self.live();
            live.unsealed()?.registry.active_full_operators().flat_map(known).collect()
        };
        let mut known = self.operators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if *known != operators || self.operators_owed.load(Ordering::Relaxed) {
            failpoint!("vault.operators");
            // Whether or not it can be written: this process goes by who is one now.
            *known = operators;
            self.operators_owed.store(true, Ordering::Relaxed);
            self.tls.write_operators(&known)?;
            self.operators_owed.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// [`Self::record_operators`] after a change that stands: a file that can't be written doesn't undo it, and is tried
    /// again.
    pub(in super::super) fn note_operators(&self) {
        if let Err(error) = self.record_operators() {
            tracing::error!(error = %error, "tls/operators.json can't be written; a daemon that starts sealed goes by what it has");
        }
    }

    /// Writes the list that couldn't be written before. For a timer; does nothing otherwise.
    pub fn tend_operators(&self) {
        if self.operators_owed.load(Ordering::Relaxed) && !self.is_sealed() {
            self.note_operators();
        }
    }
}

/// A full operator's keys, as a sealed daemon knows them.
pub(in super::super) fn known(operator: &Caller) -> impl Iterator<Item = KnownOperator> {
    let Caller { spiffe_id, pins, .. } = operator;
    operator.keys.iter().map(move |key| KnownOperator {
        spiffe_id: spiffe_id.clone(),
        spki_sha256: key.spki_sha256,
        serial: Some(key.serial.clone()),
        not_after: key.not_after,
        pins: pins.clone(),
    })
}
