//! Registrations: list, see, revoke.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::registry::{Kept, Registry};
use super::revision::Revision;
use super::secrets::{Page, lower};
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{Caller, CallerName, CallerState, Employee};
use crate::policy::Action;

/// A registration as it stands.
pub struct SeenCaller {
    pub caller: Arc<Caller>,
    pub revision: Revision,
}

impl SeenCaller {
    pub(super) fn of(kept: &Kept<Caller>) -> Self {
        let revision = Revision::new(kept.revision, kept.noun.enrolled_at);
        Self { caller: Arc::clone(&kept.noun), revision }
    }
}

impl Vault {
    /// The registrations, ordered by name, from `after` on.
    pub async fn list_callers(
        &self,
        asker: Asker<'_>,
        after: Option<&CallerName>,
        limit: usize,
    ) -> Result<Page<Arc<Caller>>, VaultError> {
        let cleared = self.clear_general(asker, Action::Callers, asker.entry(None, "caller.list")).await?;
        let page = {
            let live = self.live();
            let callers = &live.unsealed()?.registry.callers;
            let rest = callers.range::<CallerName, _>((lower(after), std::ops::Bound::Unbounded));
            Page::of(rest.map(|(_, kept)| Arc::clone(&kept.noun)), limit)
        };
        cleared.looked().await?;
        Ok(page)
    }

    pub async fn see_caller(&self, asker: Asker<'_>, name: &CallerName) -> Result<SeenCaller, VaultError> {
        let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, "caller.show") };
        let cleared =
            self.clear(asker, Action::Callers, entry, "caller", |unsealed| exists(unsealed, name)).await?;
        let found = {
            let live = self.live();
            let kept = live.unsealed()?.registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?;
            SeenCaller::of(kept)
        };
        cleared.looked().await?;
        Ok(found)
    }

    /// Ends a registration: from its next request on the caller is refused, on open connections too.
    pub async fn revoke_caller(&self, asker: Asker<'_>, name: &CallerName) -> Result<(), VaultError> {
        let turn = self.urgent_turn_of(asker, Action::Callers).await;
        let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, "caller.revoke") };
        let cleared =
            self.clear(asker, Action::Callers, entry, "caller", |unsealed| exists(unsealed, name)).await?;
        let prepared = self.prepare_revocation(&cleared, name);
        let (cleared, revoked) = cleared.prepared(prepared).await?;
        self.commit(&turn, cleared, vec![Noun::Caller(revoked)]).await?;
        self.departures.recall().await;
        self.note_operators();
        Ok(())
    }

    fn prepare_revocation(&self, cleared: &Cleared, name: &CallerName) -> Result<Caller, VaultError> {
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let caller = &registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?.noun;
        if !caller.is_active() {
            return Err(VaultError::Conflict(format!("{name} is revoked already")));
        }
        if caller.is_active_full_operator() {
            refuse_last(registry, name, cleared.now)?;
        }
        let state = CallerState::Revoked { revoked_at: cleared.now, revoked_by: cleared.by.clone() };
        Ok(Caller { state, ..Caller::clone(caller) })
    }
}

/// Refuses to lose the last full operator. One of a foreign trust domain is no replacement: a sealed daemon doesn't
/// know it. Nor is one whose certificates have expired.
pub(super) fn refuse_last(registry: &Registry, name: &CallerName, now: Timestamp) -> Result<(), VaultError> {
    let speaks = |other: &Caller| other.keys.iter().any(|key| key.not_after > now);
    if registry.active_full_operators().any(|other| other.name != *name && speaks(other)) {
        return Ok(());
    }
    let why = "is the last full operator; add another first: \
               fsm-vault caller add NAME --operator full --employee E --out DIR";
    Err(VaultError::Conflict(format!("{name} {why}")))
}

pub(super) fn exists(unsealed: &Unsealed, name: &CallerName) -> Option<Vec<Employee>> {
    unsealed.registry.callers.contains_key(name).then(Vec::new)
}
