//! What is still to be carried outside, and what came of it.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use super::super::noun::Noun;
use super::super::registry::Registry;
use super::super::state::{Live, Unsealed};
use super::answers::owners_of;
use super::entry_of;
use crate::audit::{Entry, Outcome};
use crate::model::{Concern, Employee, Itself, Notice, NoticeId, NoticeKind, NoticeLevel, Role, Rung};

/// A way out of the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// The hook program.
    Hook,
    Mail,
}

/// A raised notice on its way out. Names and dates, never values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: NoticeId,
    pub rung: Rung,
    pub level: NoticeLevel,
    pub since: Timestamp,
    pub raised_at: Timestamp,
    pub due: Option<Timestamp>,
    pub message: String,
    pub action: String,
    /// Mail addresses of those whom it concerns: operators who own the secret or the pair; the caller
    /// itself, of its certificate.
    pub owners: Vec<String>,
}

/// What is told once: a notice, raised to a rung. One that was cleared and raised again is told again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raising {
    pub id: NoticeId,
    pub rung: Rung,
    pub raised_at: Timestamp,
}

impl Delivery {
    pub fn raising(&self) -> Raising {
        Raising { id: self.id.clone(), rung: self.rung, raised_at: self.raised_at }
    }
}

impl Way {
    pub fn word(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Mail => "mail",
        }
    }

    fn reached(self, notice: &Notice) -> Rung {
        match self {
            Self::Hook => notice.hook,
            Self::Mail => notice.mail,
        }
    }
}

impl Vault {
    /// Changes when there may be something to deliver: notices were raised, or all were evaluated.
    pub fn raised(&self) -> tokio::sync::watch::Receiver<()> {
        self.raised.subscribe()
    }

    /// Standing notices that were raised and haven't gone this way yet, the gravest first. None while sealed. Unless `all`, only those that concern somebody with a mail address.
    pub fn undelivered(&self, way: Way, all: bool) -> Vec<Delivery> {
        let live = self.live();
        let Live::Unsealed(unsealed) = &*live else { return Vec::new() };
        let standings = unsealed.standings.lock();
        let mut found: Vec<_> = unsealed
            .registry
            .notices
            .values()
            .map(|kept| &*kept.noun)
            .filter(|notice| way.reached(notice) < notice.rung)
            .filter_map(|notice| Some((notice, standings.get(&notice.id)?)))
            // The clock was set back: it is told when it stands as high again.
            .filter(|(notice, standing)| standing.rung >= notice.rung)
            .collect();
        found.sort_by_key(|(notice, standing)| (std::cmp::Reverse(standing.level), notice.raised_at));
        let delivery = |(notice, standing): (&Notice, &crate::policy::notices::Standing)| Delivery {
            id: notice.id.clone(),
            rung: notice.rung,
            level: standing.level,
            since: notice.since,
            raised_at: notice.raised_at,
            due: standing.due,
            message: standing.message.clone(),
            action: standing.action.clone(),
            owners: addresses(unsealed, &notice.id),
        };
        let deliveries = found.into_iter().map(delivery);
        deliveries.filter(|each| all || !each.owners.is_empty()).collect()
    }

    /// Counts an attempt that came to nothing.
    pub fn delivery_failed(&self, way: Way) {
        self.failed_deliveries[way as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts that came to nothing, since the daemon started.
    pub fn failed_deliveries(&self, way: Way) -> u64 {
        self.failed_deliveries[way as usize].load(Ordering::Relaxed)
    }

    /// Records that these went out, or were given up, up to these rungs. Before this is durable a crash has them go out
    /// once more. Says nothing of one that was raised again meanwhile.
    pub async fn delivered(&self, way: Way, those: &[Raising], outcome: Outcome) -> Result<(), VaultError> {
        failpoint!("notice.told");
        let turn = self.turn().await;
        let (nouns, log) = {
            let live = self.live();
            let Live::Unsealed(unsealed) = &*live else { return Ok(()) };
            let marked = those.iter().filter_map(|raising| marked(&unsealed.registry, way, raising));
            (marked.collect::<Vec<_>>(), std::sync::Arc::clone(&unsealed.log))
        };
        for notice in &nouns {
            let entry = entry_of(&notice.id, "notice.deliver");
            let caller = Some(Itself::Daemon.name().into());
            let reason = Some(way.word().into());
            log.append(Entry { caller, reason, outcome, ..entry }).await?;
        }
        if nouns.is_empty() {
            return Ok(());
        }
        self.write(&turn, &log, nouns.into_iter().map(Noun::Notice).collect()).await
    }
}

fn marked(registry: &Registry, way: Way, raising: &Raising) -> Option<Notice> {
    let notice = Notice::clone(&registry.notices.get(&raising.id)?.noun);
    let rung = raising.rung;
    // One that rose meanwhile is yet to be told, whatever is marked below.
    if notice.rung <= rung && notice.raised_at != raising.raised_at {
        return None;
    }
    Some(match way {
        Way::Hook => Notice { hook: notice.hook.max(rung), ..notice },
        Way::Mail => Notice { mail: notice.mail.max(rung), ..notice },
    })
}

fn addresses(unsealed: &Unsealed, id: &NoticeId) -> Vec<String> {
    let (registry, concern) = (&unsealed.registry, id.concern());
    if let (NoticeKind::Renewal, Concern::Caller(name)) = (id.kind(), &concern) {
        let own = registry.callers.get(name).and_then(|kept| kept.noun.mail.clone());
        return own.into_iter().collect();
    }
    // What else is told of a caller names others, and their secrets: nobody's, and so not for its address.
    let owners: Vec<Employee> = owners_of(unsealed, &concern);
    if owners.is_empty() {
        return Vec::new();
    }
    let active = registry.callers.values().map(|kept| &*kept.noun).filter(|caller| caller.is_active());
    let mut all: Vec<String> = active
        .filter(|caller| matches!(&caller.role, Role::Operator { employee, .. } if owners.contains(employee)))
        .filter_map(|caller| caller.mail.clone())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
