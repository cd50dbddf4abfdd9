//! Who holds which version of a secret, so that none is taken from those who still use it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::registry::{KeptSecret, Registry};
use super::secrets::Page;
use super::session::Asker;
use super::uses::Use;
use crate::model::{Caller, CallerName, Secret, SecretId, Standing};
use crate::policy::Action;

/// A caller that fetched the secret.
pub struct Consumer {
    pub caller: CallerName,
    /// Whether its registration still stands.
    pub active: bool,
    pub last: Use,
    /// Where the version that it fetched last stands now. None: so old that it isn't remembered.
    pub state: Option<Standing>,
    /// Whether that is another version than the current one.
    pub behind: bool,
}

impl Vault {
    /// The callers that fetched a secret, by name, from `after` on.
    pub async fn list_consumers(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        after: Option<&CallerName>,
        limit: usize,
    ) -> Result<Page<Consumer>, VaultError> {
        let cleared = self.clear_secret(asker, Action::See, id, "secret.consumers").await?;
        let page = {
            let live = self.live();
            let registry = &live.unsealed()?.registry;
            let kept = registry.secrets.get(id).ok_or(VaultError::NotFound("secret"))?;
            Page::of(consumers(registry, kept, after, cleared.now), limit)
        };
        cleared.looked().await?;
        Ok(page)
    }
}

/// Those that come after a name.
pub(super) fn consumers(
    registry: &Registry,
    kept: &KeptSecret,
    after: Option<&CallerName>,
    now: Timestamp,
) -> impl Iterator<Item = Consumer> {
    let all = kept.uses.all();
    let rest = all.into_iter().filter(move |(name, _)| after.is_none_or(|after| name > after));
    rest.map(move |(caller, last)| {
        let version = kept.noun.versions.iter().find(|version| version.number == last.version);
        Consumer {
            active: is_active(registry, &caller),
            caller,
            last,
            state: version.map(|version| version.standing(now)),
            behind: kept.noun.current().is_none_or(|current| current.number != last.version),
        }
    })
}

fn is_active(registry: &Registry, name: &CallerName) -> bool {
    registry.callers.get(name).is_some_and(|kept| Caller::is_active(&kept.noun))
}

/// The active callers from whom a change would take, before its grace ends, the previous version that they fetched
/// last; with the number of one such version.
pub(super) fn cut_off(
    registry: &Registry,
    after: &Secret,
    now: Timestamp,
) -> Option<(u64, BTreeSet<CallerName>)> {
    let kept = registry.secrets.get(&after.id)?;
    let previous = kept.noun.versions.iter().find(|each| each.standing(now) == Standing::Previous)?;
    let stays = |each: &crate::model::Version| {
        each.number == previous.number && each.standing(now) != Standing::Retired
    };
    if after.versions.iter().any(stays) {
        return None;
    }
    let holds = |(name, last): (CallerName, Use)| {
        (last.version == previous.number && is_active(registry, &name)).then_some(name)
    };
    let holders: BTreeSet<_> = kept.uses.all().into_iter().filter_map(holds).collect();
    (!holders.is_empty()).then_some((previous.number, holders))
}
