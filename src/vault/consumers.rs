//! Who holds which version of a secret, so that none is taken from those who still use it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::registry::{KeptSecret, Registry};
use super::secrets::Page;
use super::session::Asker;
use super::uses::Use;
use crate::model::{Caller, CallerName, Secret, SecretId, Standing};
use crate::policy::Action;

/// Callers that a refusal names.
const MOST_NAMED: usize = 10;

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
        self.looked(cleared).await?;
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

/// Refuses to take the previous version, before its grace ends, from active callers that fetched it last; `after` is
/// what the secrets, which move together, would become. Unless forced: then what the audit log is told of it.
pub(super) fn spare<'a>(
    registry: &Registry,
    after: impl Iterator<Item = &'a Secret>,
    force: bool,
    now: Timestamp,
) -> Result<Option<Value>, VaultError> {
    let lost = after.filter_map(|secret| cut_off(registry, secret, now));
    let lost = lost.reduce(|(number, mut all), (_, more)| {
        all.extend(more);
        (number, all)
    });
    match lost {
        None => Ok(None),
        Some((number, holders)) if force => {
            Ok(Some(serde_json::json!({ "retired_early": number, "fetched_last_by": holders })))
        }
        Some((number, holders)) => {
            let named: Vec<&str> = holders.iter().take(MOST_NAMED).map(CallerName::as_str).collect();
            let more = holders.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(VaultError::Conflict(format!(
                "version {number} would be retired before its grace ends, and it is what {}{more} fetched last; wait \
                 until they have fetched the current one, or do it all the same with --force (force=true)",
                named.join(", ")
            )))
        }
    }
}

/// The callers that would lose their version, and its number.
fn cut_off(registry: &Registry, after: &Secret, now: Timestamp) -> Option<(u64, BTreeSet<CallerName>)> {
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
