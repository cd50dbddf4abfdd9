//! Notices as operators see and acknowledge them.

use jiff::Timestamp;

use super::super::error::VaultError;
use super::super::integrations::owners;
use super::super::lifecycle::Vault;
use super::super::manage::Cleared;
use super::super::noun::Noun;
use super::super::secrets::{Page, lower};
use super::super::session::Asker;
use super::super::state::{Live, Unsealed};
use super::entry_of;
use crate::audit::Entry;
use crate::model::{
    Acknowledged, CallerName, Concern, Denial, Employee, Level, Notice, NoticeId, NoticeLevel,
};
use crate::policy::notices::Standing;
use crate::policy::{Action, decide_manage};

/// A standing notice, and what was told of it.
pub struct SeenNotice {
    pub id: NoticeId,
    pub standing: Standing,
    /// When it was raised first; now, if that couldn't be recorded yet.
    pub since: Timestamp,
    /// Who knows of it at this level.
    pub acknowledged: Option<Acknowledged>,
}

/// How many notices of one level stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeCount {
    pub level: NoticeLevel,
    pub standing: u64,
    /// Of them.
    pub acknowledged: u64,
}

impl Vault {
    /// Evaluates everything anew, for a list's first page: once for all who wait for that, however many ask.
    pub async fn evaluate_notices(&self, asker: Asker<'_>) -> Result<(), VaultError> {
        // Who waits for the turn keeps nothing of what a seal waits for; who is revoked meanwhile keeps nobody from it.
        let may = async || self.clear_general(asker, Action::List, listing(asker)).await.map(drop);
        may().await?;
        let evaluating = async {
            if let Err(error) = self.tend_notices().await {
                // They stand all the same; only that they do isn't recorded.
                tracing::error!(error = %error, "notices can't be recorded");
            }
            Ok(())
        };
        self.evaluating.share(may(), evaluating).await
    }

    /// The standing notices of this level or above that concern what the operator may see, ordered by ID, as the last
    /// evaluation found them.
    pub async fn list_notices(
        &self,
        asker: Asker<'_>,
        least: NoticeLevel,
        after: Option<&NoticeId>,
        limit: usize,
    ) -> Result<Page<SeenNotice>, VaultError> {
        let cleared = self.clear_general(asker, Action::List, listing(asker)).await?;
        let page = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            let standings = unsealed.standings.lock();
            let rest = standings.range::<NoticeId, _>((lower(after), std::ops::Bound::Unbounded));
            let visible = rest
                .filter(|(id, standing)| standing.level >= least && sees(unsealed, &cleared, &id.concern()));
            Page::of(visible.map(|(id, standing)| seen(unsealed, id, standing, cleared.now)), limit)
        };
        self.looked(cleared).await?;
        Ok(page)
    }

    /// Says that somebody knows of a notice as it stands. It goes on standing; risen to a higher rung, it is
    /// unacknowledged again.
    pub async fn acknowledge_notice(
        &self,
        asker: Asker<'_>,
        id: &NoticeId,
    ) -> Result<SeenNotice, VaultError> {
        let turn = self.turn().await;
        let named = entry_of(id, "notice.acknowledge");
        let entry = asker.entry(None, "");
        let entry = Entry {
            action: named.action,
            subject: named.subject,
            secret: named.secret,
            integration: named.integration,
            ..entry
        };
        // Also whose one was that stands no more: who may acknowledge it is told that, and not that he may not.
        let facts = |unsealed: &Unsealed| {
            (owners_of(unsealed, &id.concern()), unsealed.standings.lock().contains_key(id))
        };
        let cleared = match self.clear_if_there(asker, Action::Edit, entry, "notice", facts).await {
            // One who doesn't see it isn't told that it stands.
            Err(VaultError::Denied(Denial::Level(_))) if !self.may_see(asker, &id.concern()) => {
                return Err(VaultError::NotFound("notice"));
            }
            other => other?,
        };
        // One that stands and couldn't be recorded when it was found, for the store had failed: now, then.
        let settled = if self.is_recorded(id) { Ok(()) } else { self.settle_all(&turn).await };
        let prepared = settled.and_then(|()| self.prepare_acknowledgement(&cleared, id));
        let (cleared, acknowledged) = cleared.prepared(prepared).await?;
        let now = cleared.now;
        match acknowledged {
            Some(notice) => self.commit(&turn, cleared, vec![Noun::Notice(notice)]).await?,
            None => self.looked(cleared).await?,
        }
        let live = self.live();
        let unsealed = live.unsealed()?;
        let standings = unsealed.standings.lock();
        let standing = standings.get(id).ok_or(VaultError::NotFound("notice"))?;
        Ok(seen(unsealed, id, standing, now))
    }

    fn is_recorded(&self, id: &NoticeId) -> bool {
        self.live().unsealed().is_ok_and(|unsealed| unsealed.registry.notices.contains_key(id))
    }

    /// None: it is acknowledged at this rung already.
    fn prepare_acknowledgement(
        &self,
        cleared: &Cleared,
        id: &NoticeId,
    ) -> Result<Option<Notice>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let standings = unsealed.standings.lock();
        let standing = standings.get(id).ok_or(VaultError::NotFound("notice"))?;
        let kept = unsealed.registry.notices.get(id).ok_or(VaultError::Unsettled)?;
        if kept.noun.acknowledged_at(standing.rung).is_some() {
            return Ok(None);
        }
        let acknowledged = Acknowledged { rung: standing.rung, by: cleared.by.clone(), at: cleared.now };
        Ok(Some(Notice { acknowledged: Some(acknowledged), ..Notice::clone(&kept.noun) }))
    }

    /// Standing notices by level, lowest first, as the last evaluation found them. None while sealed. Cheap.
    pub fn notice_counts(&self) -> Option<[NoticeCount; 3]> {
        let live = self.live();
        let Live::Unsealed(unsealed) = &*live else { return None };
        let mut counts = NoticeLevel::ALL.map(|level| NoticeCount { level, standing: 0, acknowledged: 0 });
        for (id, standing) in unsealed.standings.lock().iter() {
            let known = unsealed.registry.notices.get(id);
            let count = counts.iter_mut().find(|count| count.level == standing.level);
            if let Some(count) = count {
                count.standing += 1;
                count.acknowledged +=
                    u64::from(known.is_some_and(|kept| kept.noun.acknowledged_at(standing.rung).is_some()));
            }
        }
        Some(counts)
    }

    fn may_see(&self, asker: Asker, concern: &Concern) -> bool {
        let live = self.live();
        let Ok(unsealed) = live.unsealed() else { return false };
        let who = super::super::gate::recognised(&unsealed.registry, asker);
        let own =
            matches!((who.caller, concern), (Some(caller), Concern::Caller(name)) if caller.name == *name);
        own || decide_manage(who, Action::See, &owners_of(unsealed, concern), self.clock.now()).is_ok()
    }
}

fn listing(asker: Asker<'_>) -> Entry {
    asker.entry(None, "notice.list")
}

/// Whose a notice is. Those on callers and on the vault are nobody's, and so full operators' alone.
pub(super) fn owners_of(unsealed: &Unsealed, concern: &Concern) -> Vec<Employee> {
    let registry = &unsealed.registry;
    match concern {
        Concern::Secret(id) => {
            registry.secrets.get(id).map(|kept| kept.noun.owners.clone()).unwrap_or_default()
        }
        Concern::Integration(name) => {
            registry.integrations.get(name).map(|kept| owners(unsealed, &kept.noun)).unwrap_or_default()
        }
        Concern::Caller(_) | Concern::Vault(_) => Vec::new(),
    }
}

/// Full operators see all; others what they own, and what concerns themselves.
fn sees(unsealed: &Unsealed, cleared: &Cleared, concern: &Concern) -> bool {
    let own = |name: &CallerName| *name == cleared.by;
    cleared.rights.level == Level::Full
        || matches!(concern, Concern::Caller(name) if own(name))
        || owners_of(unsealed, concern).contains(&cleared.rights.employee)
}

fn seen(unsealed: &Unsealed, id: &NoticeId, standing: &Standing, now: Timestamp) -> SeenNotice {
    let known = unsealed.registry.notices.get(id).map(|kept| &kept.noun);
    SeenNotice {
        id: id.clone(),
        standing: standing.clone(),
        since: known.map_or(now, |notice| notice.since),
        acknowledged: known.and_then(|notice| notice.acknowledged_at(standing.rung)).cloned(),
    }
}
