//! The facts that notices are judged by, gathered in small looks: readers and services wait for none of them.

use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::PoisonError;

use jiff::Timestamp;

use super::super::enrol::usual_validity;
use super::super::error::VaultError;
use super::super::lifecycle::Vault;
use super::super::noun::Noun;
use super::super::registry::{KeptSecret, Registry};
use super::super::state::{Live, Unsealed};
use super::Scope;
use super::answers::owners_of;
use crate::audit::{self, Finding, Flaw};
use crate::identity::typed;
use crate::model::{CallerName, Concern, Employee, Integration, NoticeKind, Secret, SecretId};
use crate::policy::notices::{
    NoticeRules, Occasion, of_accepted_rollback, of_authority, of_caller, of_damage, of_integration,
    of_journal, of_known_damage, of_missing, of_secret, of_server_certificate, of_space, of_stray,
};

mod separation;

use separation::{separate, unseparated};

/// Secrets that are looked at while the registry is held.
const LOOK: usize = 4096;

/// Kinds that are about a secret or a pair, and that a change of it evaluates anew.
const OF_VERSIONS: [NoticeKind; 5] =
    [NoticeKind::Expiry, NoticeKind::MaxAge, NoticeKind::PairAge, NoticeKind::Grace, NoticeKind::Pending];

/// Free bytes of one file system, by the part of the vault that lies on it. None: it can't be told.
pub(super) struct Room {
    part: &'static str,
    path: String,
    free: Option<u64>,
}

/// What a change concerns.
pub(in super::super) struct Touched {
    pub concerns: Vec<Concern>,
    /// Those of them that it takes away, and whose they were.
    pub gone: Vec<(Concern, Vec<Employee>)>,
}

/// What the records of a change concern, before it is made.
pub(in super::super) fn touched(unsealed: &Unsealed, nouns: &[Noun]) -> Touched {
    let gone = nouns.iter().filter_map(|noun| match noun {
        Noun::SecretGone(id) => Some(Concern::Secret(id.clone())),
        Noun::IntegrationGone(name) => Some(Concern::Integration(name.clone())),
        _ => None,
    });
    let gone = gone.map(|concern| {
        let owners = owners_of(unsealed, &concern);
        (concern, owners)
    });
    Touched { concerns: concerned(nouns), gone: gone.collect() }
}

fn concerned(nouns: &[Noun]) -> Vec<Concern> {
    let mut all = Vec::new();
    for noun in nouns {
        match noun {
            Noun::Secret(Secret { id, integration, .. }) => {
                all.push(Concern::Secret(id.clone()));
                all.extend(integration.clone().map(Concern::Integration));
            }
            Noun::SecretGone(id) => all.push(Concern::Secret(id.clone())),
            Noun::Integration(record) => all.push(Concern::Integration(record.name.clone())),
            Noun::IntegrationGone(name) => all.push(Concern::Integration(name.clone())),
            Noun::Caller(caller) => all.push(Concern::Caller(caller.name.clone())),
            Noun::Value { .. }
            | Noun::Gone { .. }
            | Noun::Checkpoint(_)
            | Noun::Tombstone(_)
            | Noun::Uses { .. }
            | Noun::UsesGone(_)
            | Noun::UsesMark(_)
            | Noun::Notice(_)
            | Noun::NoticeGone(_)
            | Noun::Slots(_)
            | Noun::Stray { .. } => {}
        }
    }
    // The two halves of a pair name their integration once each.
    let mut distinct: Vec<Concern> = Vec::with_capacity(all.len());
    for each in all {
        if !distinct.contains(&each) {
            distinct.push(each);
        }
    }
    distinct
}

impl Vault {
    /// The occasions of what was touched, and the kinds that they speak for.
    pub(super) fn survey_some(&self, touched: Vec<Concern>) -> Result<(Scope, Vec<Occasion>), VaultError> {
        let (rules, now, mut found) = (&self.notice_rules, self.clock.now(), Vec::new());
        let live = self.live();
        let registry = &live.unsealed()?.registry;
        let mut scope = Vec::with_capacity(touched.len() * OF_VERSIONS.len());
        for concern in touched {
            match &concern {
                Concern::Secret(id) => {
                    if let Some(kept) = registry.secrets.get(id) {
                        secret(registry, kept, rules, now, &mut found);
                    }
                }
                Concern::Integration(name) => {
                    if let Some(kept) = registry.integrations.get(name) {
                        integration(registry, &kept.noun, rules, now, &mut found);
                    }
                }
                Concern::Caller(name) => {
                    if let Some(kept) = registry.callers.get(name) {
                        of_caller(&kept.noun, usual_validity(&kept.noun.role), now, &mut found);
                    }
                }
                Concern::Vault(_) => {}
            }
            match concern {
                Concern::Caller(_) => scope.push((NoticeKind::Renewal, concern)),
                Concern::Secret(_) | Concern::Integration(_) => {
                    scope.extend(OF_VERSIONS.map(|kind| (kind, concern.clone())));
                }
                Concern::Vault(_) => {}
            }
        }
        Ok((Scope::Of(scope), found))
    }

    /// The occasions of everything.
    pub(super) fn survey_all(&self, rooms: Vec<Room>) -> Result<Vec<Occasion>, VaultError> {
        let (rules, now, mut found) = (&self.notice_rules, self.clock.now(), Vec::new());
        let mut unseparated = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            self.survey_vault(unsealed, rooms, now, &mut found);
            let registry = &unsealed.registry;
            for kept in registry.integrations.values() {
                integration(registry, &kept.noun, rules, now, &mut found);
            }
            for kept in registry.callers.values() {
                of_caller(&kept.noun, usual_validity(&kept.noun.role), now, &mut found);
            }
            unseparated(registry)
        };
        let mut after: Option<SecretId> = None;
        loop {
            let live = self.live();
            let registry = &live.unsealed()?.registry;
            let begin = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut looked = 0;
            let mut last = None;
            for (id, kept) in registry.secrets.range(begin).take(LOOK) {
                secret(registry, kept, rules, now, &mut found);
                separate(registry, &kept.noun, &mut unseparated, &mut found);
                (looked, last) = (looked + 1, Some(id.clone()));
            }
            if looked < LOOK {
                return Ok(found);
            }
            after = last;
        }
    }

    fn survey_vault(&self, unsealed: &Unsealed, rooms: Vec<Room>, now: Timestamp, found: &mut Vec<Occasion>) {
        let (begin, end) = unsealed.authority.life();
        found.push(of_authority(begin, end, now));
        let (begin, end) = self.certificate.life();
        found.push(of_server_certificate(begin, end, now));
        self.survey_damage(unsealed, found);
        // It stands until somebody says that they know of it.
        let unknown = unsealed.registry.notices.values().filter(|kept| kept.noun.acknowledged.is_none());
        found.extend(unknown.filter_map(|kept| of_accepted_rollback(&kept.noun.id)));
        found.extend(self.schedule.occasions(now));
        if let Some(socket) = &self.audit.journal
            && let Err(why) = audit::reach_journal(socket)
        {
            found.push(of_journal(&socket.display().to_string(), &why.to_string()));
        }
        let standings = unsealed.standings.lock();
        let before = |part: &str| {
            standings.iter().find(|(id, _)| id.kind() == NoticeKind::Space && id.subject() == part)
        };
        for Room { part, path, free } in rooms {
            match (free, before(part)) {
                (Some(free), before) => {
                    let level = before.map(|(_, standing)| standing.level);
                    found.extend(of_space(part, &path, free, level, &self.notice_rules));
                }
                // What can't be measured is as it was.
                (None, Some((id, standing))) => {
                    found.push(Occasion { id: id.clone(), standing: Some(standing.clone()) });
                }
                (None, None) => {}
            }
        }
    }

    /// Damage stands from when it is noticed until a verification finds the log whole, over restarts.
    fn survey_damage(&self, unsealed: &Unsealed, found: &mut Vec<Occasion>) {
        let known = unsealed.registry.notices.keys().filter(|id| id.kind() == NoticeKind::AuditDamage);
        found.extend(known.filter_map(|id| of_known_damage(id, |segment| self.segment_path(segment))));
        found.extend(self.noticed_since(unsealed.log.damage()));
    }

    /// What the log has noticed itself, if that is since a verification found it whole.
    fn noticed_since(&self, noticed: Option<Finding>) -> Option<Occasion> {
        let cured = *self.cured.lock().unwrap_or_else(PoisonError::into_inner);
        noticed.filter(|damage| Some(*damage) != cured).map(|damage| self.of_finding(damage))
    }

    fn of_finding(&self, Finding { segment, line, flaw, .. }: Finding) -> Occasion {
        match flaw {
            Flaw::Stray => of_stray(segment, &self.segment_path(segment)),
            Flaw::Missing => of_missing(segment, &self.segment_path(segment)),
            _ => of_damage(segment, line),
        }
    }

    fn segment_path(&self, segment: u32) -> String {
        typed(&self.audit.dir.join(audit::file_of(segment)))
    }

    /// After a verification: raises the first bad place, and that for which the log goes on in a new segment; or clears what
    /// was told of damage: what the log had noticed before.
    pub(in super::super) async fn verified(
        &self,
        first_bad: Option<Finding>,
        noticed: Option<Finding>,
    ) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let mut found = Vec::new();
        match (&*self.live(), first_bad) {
            (Live::Sealed, _) => {}
            (Live::Unsealed(unsealed), None) => {
                *self.cured.lock().unwrap_or_else(PoisonError::into_inner) = noticed;
                found.extend(self.noticed_since(unsealed.log.damage()));
            }
            (Live::Unsealed(unsealed), Some(first)) => {
                self.survey_damage(unsealed, &mut found);
                let first = self.of_finding(first);
                let by_itself = self.noticed_since(unsealed.log.damage().filter(|now| Some(*now) != noticed));
                // One damage has many faces: what was told before isn't told once more.
                let is_news =
                    found.iter().all(|told| by_itself.as_ref().is_some_and(|new| new.id == told.id));
                if is_news && found.iter().all(|told| told.id != first.id) {
                    found.push(first);
                }
            }
        }
        let scope = Scope::Of(vec![(NoticeKind::AuditDamage, Concern::Vault("log".to_owned()))]);
        self.settle(&turn, &scope, found).await
    }

    /// Free space where the vault keeps its data; of the store and of the log alone, if they lie elsewhere.
    pub(super) async fn free_room(&self) -> Vec<Room> {
        let (store, log) = (self.directory.store(), self.audit.dir.clone());
        let measuring = tokio::task::spawn_blocking(move || {
            let device = |path: &Path| std::fs::metadata(path).ok().map(|found| found.dev());
            let room = |part, path: &Path| {
                let free =
                    rustix::fs::statvfs(path).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize));
                Room { part, path: path.display().to_string(), free }
            };
            if device(&store) == device(&log) {
                vec![room("data", &store)]
            } else {
                vec![room("store", &store), room("audit", &log)]
            }
        });
        measuring.await.unwrap_or_default()
    }
}

fn secret(
    registry: &Registry,
    kept: &KeptSecret,
    rules: &NoticeRules,
    now: Timestamp,
    found: &mut Vec<Occasion>,
) {
    of_secret(&kept.noun, rules, now, |version| holders(registry, kept, version), found);
}

fn integration(
    registry: &Registry,
    record: &Integration,
    rules: &NoticeRules,
    now: Timestamp,
    found: &mut Vec<Occasion>,
) {
    let kept: Vec<_> = record.secret_ids().filter_map(|id| registry.secrets.get(id)).collect();
    let halves: Vec<_> = kept.iter().map(|each| &*each.noun).collect();
    // Both are fetched as one.
    let holders = |version| kept.first().map(|first| holders(registry, first, version)).unwrap_or_default();
    of_integration(record, &halves, rules, now, holders, found);
}

/// Active callers that last took this version.
fn holders(registry: &Registry, kept: &KeptSecret, version: u64) -> Vec<CallerName> {
    let active = |name: &CallerName| registry.callers.get(name).is_some_and(|kept| kept.noun.is_active());
    let uses = kept.uses.all().into_iter().filter(|(name, last)| last.version == version && active(name));
    uses.map(|(name, _)| name).collect()
}
