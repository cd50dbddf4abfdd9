//! Registrations: list, see, revoke.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::registry::{Kept, Registry};
use super::revision::{IfMatch, Revision};
use super::secrets::{Page, lower};
use super::session::{Asker, Session};
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{Caller, CallerName, CallerState, Employee, Pins};
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
        self.looked(cleared).await?;
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
        self.looked(cleared).await?;
        Ok(found)
    }

    /// Ends a registration: from its next request on the caller is refused, on open connections too.
    pub async fn revoke_caller(
        &self,
        asker: Asker<'_>,
        name: &CallerName,
        if_match: &IfMatch,
    ) -> Result<(), VaultError> {
        let turn = self.urgent_turn_of(asker, Action::Callers).await;
        let entry = Entry { subject: Some(name.shared()), ..asker.entry(None, "caller.revoke") };
        let cleared =
            self.clear(asker, Action::Callers, entry, "caller", |unsealed| exists(unsealed, name)).await?;
        let prepared = self.prepare_revocation(asker, &cleared, name, if_match);
        let (cleared, revoked) = cleared.prepared(prepared).await?;
        self.commit(&turn, cleared, vec![Noun::Caller(revoked)]).await?;
        self.note_operators();
        // Others needn't wait for what leaves.
        drop(turn);
        self.departures.recall().await;
        Ok(())
    }

    fn prepare_revocation(
        &self,
        asker: Asker<'_>,
        cleared: &Cleared,
        name: &CallerName,
        if_match: &IfMatch,
    ) -> Result<Caller, VaultError> {
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let found = SeenCaller::of(registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?);
        if_match.check(&found.revision)?;
        let caller = &found.caller;
        if !caller.is_active() {
            return Err(VaultError::Conflict(format!("{name} is revoked already")));
        }
        if caller.is_active_full_operator() {
            refuse_last(registry, name, None, asker, cleared.now)?;
        }
        let state = CallerState::Revoked { revoked_at: cleared.now, revoked_by: cleared.by.clone() };
        Ok(Caller { state, ..Caller::clone(caller) })
    }
}

/// Refuses to lose the last full operator, where `name` becomes `after` (none: it is revoked). One of a foreign trust domain
/// is no replacement: a sealed daemon doesn't know it. Nor is one whose certificates have expired, or who is pinned: where
/// nobody can come from locks him out. But who asks is here, if the pins that he will have fit.
pub(super) fn refuse_last(
    registry: &Registry,
    name: &CallerName,
    after: Option<&Caller>,
    asker: Asker<'_>,
    now: Timestamp,
) -> Result<(), VaultError> {
    let Session { presented, peer, .. } = asker.session;
    let is_here = |each: &Caller| each.spiffe_id == presented.spiffe_id && peer.fits(&each.pins);
    let speaks = |each: &&Caller| each.keys.iter().any(|key| key.not_after > now);
    let others = || registry.active_full_operators().filter(|other| other.name != *name).filter(speaks);
    let itself = after.filter(|after| after.is_active_full_operator()).filter(speaks);
    if others().chain(itself).any(|each| each.pins == Pins::default() || is_here(each)) {
        return Ok(());
    }
    let why = match (others().next(), itself) {
        (Some(other), _) => format!(
            "can't go: that would leave no full operator who can surely come in: {0} is pinned. Connect as {0} and do it, or take the pins away \
             first: fsm-vault caller edit {0} --any-uid --any-unit",
            other.name
        ),
        (None, Some(_)) => format!(
            "is the last full operator, and the pins that it would have don't fit this connection: do it on the Unix socket as that \
             user, from that unit; or {ADD_ANOTHER}"
        ),
        (None, None) => format!("is the last full operator; {ADD_ANOTHER}"),
    };
    Err(VaultError::Conflict(format!("{name} {why}")))
}

const ADD_ANOTHER: &str =
    "add another first: fsm-vault caller add NAME --operator full --employee E --out DIR";

pub(super) fn exists(unsealed: &Unsealed, name: &CallerName) -> Option<Vec<Employee>> {
    unsealed.registry.callers.contains_key(name).then(Vec::new)
}
