//! Standing notices: what is found is held against what was told; what is new is told once, what is cured is cleared.
//!
//! ```text
//! survey (facts) ──▶ policy::notices (pure) ──▶ occasions ──▶ against the records ──▶ raise, clear
//!                                                   └────────▶ standing: what a list shows
//! ```
//!
//! A record says up to which rung a cause was told, and lasts as long as the cause. So no rung is told twice, over
//! restarts and however the clock jumps; and what a list shows is what the facts say now. Never on a service's path:
//! evaluated after each change for what it touched, and as a whole by a timer and when a list is asked for.

mod answers;
mod deliveries;
mod survey;

use answers::owners_of;
pub use answers::{NoticeCount, SeenNotice};
pub use deliveries::{Delivery, Raising, Way};
pub(super) use survey::{Touched, touched};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::aside::aside;
use super::error::VaultError;
use super::feed::{Happening, Subject};
use super::lifecycle::Vault;
use super::noun::Noun;
use super::registry::Registry;
use super::state::Live;
use super::turn::Turn;
use crate::audit::{Entry, Log, Outcome};
use crate::model::{Concern, Employee, Itself, Notice, NoticeId, NoticeKind, NoticeLevel};
use crate::policy::notices::{Occasion, Standing};

/// Notices that are raised or cleared in one batch: as many as an import can make stand, so that they cost one wait for
/// each disk, and far fewer than lines may wait for the log.
const BATCH: usize = 1024;

/// What stands now, as the last evaluation found it. Only while unsealed: it has names in it.
#[derive(Default)]
pub(super) struct Standings(Mutex<BTreeMap<NoticeId, Standing>>);

/// What an evaluation looked at.
pub(super) enum Scope {
    All,
    /// These kinds of notices of these.
    Of(Vec<(NoticeKind, Concern)>),
}

/// What is to be told of a notice.
enum Told {
    Raised {
        notice: Notice,
        standing: Standing,
    },
    /// With when it was raised first.
    Cleared(NoticeId, Timestamp),
}

/// A batch whose records are durable and visible, or may turn out to be.
pub(super) struct Untold {
    batch: Vec<Told>,
    happened: Vec<Happening>,
}

impl Standings {
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<NoticeId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault {
    /// Evaluates everything. For a timer; does nothing while sealed.
    pub async fn tend_notices(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        if self.is_sealed() {
            return Ok(());
        }
        let settled = self.settle_all(&turn).await;
        // After a start or an unsealing what was raised before may still have to go out.
        self.raised.send_replace(());
        settled
    }

    pub(super) async fn settle_all(&self, turn: &Turn<'_>) -> Result<(), VaultError> {
        let room = self.free_room().await;
        let found = self.survey_all(room)?;
        self.settle(turn, &Scope::All, found).await
    }

    /// Evaluates what a change has touched. The change has been made, so a failure here is only logged: the timer
    /// comes back to it.
    pub(super) async fn look_again(&self, turn: &Turn<'_>, touched: Touched) {
        let Touched { concerns, gone } = touched;
        if concerns.is_empty() {
            return;
        }
        let settled = match self.survey_some(concerns) {
            Ok((scope, found)) => self.settle_after(turn, &scope, found, &gone).await,
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            tracing::error!(error = %error, "notices can't be recorded");
        }
    }

    /// Holds what was found in `scope` against what was told.
    pub(super) async fn settle(
        &self,
        turn: &Turn<'_>,
        scope: &Scope,
        found: Vec<Occasion>,
    ) -> Result<(), VaultError> {
        self.settle_after(turn, scope, found, &[]).await
    }

    /// The same after a change that took these away.
    async fn settle_after(
        &self,
        turn: &Turn<'_>,
        scope: &Scope,
        found: Vec<Occasion>,
        gone: &[(Concern, Vec<Employee>)],
    ) -> Result<(), VaultError> {
        let now = self.clock.now();
        let (told, log) = {
            let live = self.live();
            let Live::Unsealed(unsealed) = &*live else { return Ok(()) };
            let found: BTreeMap<_, _> = found.into_iter().map(|each| (each.id, each.standing)).collect();
            let told = compare(&unsealed.registry, scope, &found, now);
            let mut standings = unsealed.standings.lock();
            for id in within(scope, &standings) {
                standings.remove(&id);
            }
            standings.extend(found.into_iter().filter_map(|(id, standing)| Some((id, standing?))));
            (told, Arc::clone(&unsealed.log))
        };
        let mut rest = told.into_iter().peekable();
        while rest.peek().is_some() {
            self.tell(turn, &log, rest.by_ref().take(BATCH).collect(), gone).await?;
        }
        Ok(())
    }

    /// Audit entries first, then the records, then everybody who listens.
    async fn tell(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        batch: Vec<Told>,
        gone: &[(Concern, Vec<Employee>)],
    ) -> Result<(), VaultError> {
        let entries: Vec<_> = batch.iter().map(Told::entry).collect();
        let record = |told: &Told| match told {
            Told::Raised { notice, .. } => Noun::Notice(notice.clone()),
            Told::Cleared(id, _) => Noun::NoticeGone(id.clone()),
        };
        log.append_all_durably(&entries).await?;
        let was_settled = self.settled().is_ok();
        if let Err(error) = self.write(turn, log, batch.iter().map(record).collect()).await {
            // As of every change: the log has it before its next entry.
            aside(|| log.owe_failures(&entries));
            // If nothing was unknown before, what is now is this.
            if was_settled {
                self.tell_later(self.untold(batch, gone)?);
            }
            return Err(error);
        }
        self.announce(self.untold(batch, gone)?);
        Ok(())
    }

    fn untold(&self, batch: Vec<Told>, gone: &[(Concern, Vec<Employee>)]) -> Result<Untold, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let owners = |concern: &Concern| {
            let before = gone.iter().find(|(each, _)| each == concern);
            before.map_or_else(|| owners_of(unsealed, concern), |(_, owners)| owners.clone())
        };
        let happened = batch.iter().map(|told| told.happening(owners)).collect();
        Ok(Untold { batch, happened })
    }

    /// Tells everybody who listens of what is durable and visible.
    pub(super) fn announce(&self, Untold { batch, happened }: Untold) {
        self.feed.tell(self.clock.now(), happened);
        batch.iter().for_each(Told::trace);
        self.raised.send_replace(());
    }
}

impl Told {
    fn entry(&self) -> Entry {
        let (id, action) = match self {
            Self::Raised { notice, .. } => (&notice.id, "notice.raise"),
            Self::Cleared(id, _) => (id, "notice.clear"),
        };
        let entry = Entry {
            caller: Some(Itself::Daemon.name().into()),
            outcome: Outcome::Allowed,
            ..entry_of(id, action)
        };
        match self {
            Self::Raised { standing, .. } => Entry {
                reason: Some(standing.level.word().into()),
                changes: Some(serde_json::json!({ "rung": standing.rung, "due": standing.due })),
                ..entry
            },
            Self::Cleared(..) => entry,
        }
    }

    fn happening(&self, owners: impl Fn(&Concern) -> Vec<Employee>) -> Happening {
        let (id, level, raised, since) = match self {
            Self::Raised { notice, standing } => (&notice.id, standing.level, true, notice.since),
            Self::Cleared(id, since) => (id, NoticeLevel::Info, false, *since),
        };
        let concern = id.concern();
        let owners = owners(&concern).into();
        let about = match concern {
            Concern::Secret(id) => Subject::Secret(id),
            Concern::Integration(name) => Subject::Integration(name),
            Concern::Caller(name) => Subject::Caller(name),
            Concern::Vault(_) => Subject::Vault,
        };
        Happening::Notice { id: id.shared(), level: level.word().into(), about, raised, owners, since }
    }

    fn trace(&self) {
        match self {
            Self::Cleared(id, _) => tracing::info!(notice.id = %id, "notice cleared"),
            Self::Raised { notice, standing: Standing { level, message, action, .. } } => {
                let (id, level) = (&notice.id, level.word());
                tracing::warn!(
                    notice.id = %id,
                    notice.level = level,
                    notice.message = message,
                    notice.action = action,
                    "notice raised"
                );
            }
        }
    }
}

/// The entry and the record of a notice that is raised with a change of its own.
pub(super) fn raised(occasion: Occasion, now: Timestamp) -> Option<(Entry, Noun)> {
    let standing = occasion.standing?;
    let notice = Notice::raised(occasion.id, standing.rung, now);
    let told = Told::Raised { notice: notice.clone(), standing };
    Some((told.entry(), Noun::Notice(notice)))
}

/// The part of an audit entry that names a notice, and the secret or integration that it concerns.
pub(super) fn entry_of(id: &NoticeId, action: &'static str) -> Entry {
    let entry = Entry { action: action.into(), subject: Some(id.shared()), ..Entry::default() };
    match id.concern() {
        Concern::Secret(secret) => Entry { secret: Some(secret.shared()), ..entry },
        Concern::Integration(name) => Entry { integration: Some(name.shared()), ..entry },
        Concern::Caller(_) | Concern::Vault(_) => entry,
    }
}

fn compare(
    registry: &Registry,
    scope: &Scope,
    found: &BTreeMap<NoticeId, Option<Standing>>,
    now: Timestamp,
) -> Vec<Told> {
    let known = within(scope, &registry.notices);
    let cured = known.into_iter().filter(|id| !found.contains_key(id)).map(|id| {
        let since = registry.notices.get(&id).map_or(now, |kept| kept.noun.since);
        Told::Cleared(id, since)
    });
    let risen = found.iter().filter_map(|(id, standing)| {
        let standing = standing.clone()?;
        let rung = standing.rung;
        let notice = match registry.notices.get(id).map(|kept| &*kept.noun) {
            None => Notice::raised(id.clone(), rung, now),
            Some(before) if before.rung < rung => Notice { rung, raised_at: now, ..before.clone() },
            Some(_) => return None,
        };
        Some(Told::Raised { notice, standing })
    });
    cured.chain(risen).collect()
}

/// The IDs that an evaluation of this scope speaks for.
fn within<V>(scope: &Scope, all: &BTreeMap<NoticeId, V>) -> Vec<NoticeId> {
    match scope {
        Scope::All => all.keys().cloned().collect(),
        Scope::Of(those) => {
            let of = |(kind, concern): &(NoticeKind, Concern)| {
                let subject = concern.subject().into_owned();
                let first = NoticeId::first_of(*kind, &subject);
                let ids = all.range(first.clone()..).map(|(id, _)| id);
                ids.take_while(|id| id.as_str().starts_with(first.as_str()))
                    .filter(|id| id.subject() == subject)
                    .cloned()
                    .collect::<Vec<_>>()
            };
            those.iter().flat_map(of).collect()
        }
    }
}
