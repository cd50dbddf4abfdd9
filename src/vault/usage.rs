//! Keeps what is known of fetches across restarts: recorded by a timer and at the end, counted again from the
//! audit log where a crash came before.
//!
//! What is recorded is a clean cut: while it is taken no fetch is between its audit entry and its being counted
//! (`Vault::fetching`). So every fetch up to the mark is in the records and none after it, and the log's entries
//! after the mark are those to count again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::noun::Noun;
use super::registry::{KeptSecret, Registry};
use super::state::{Live, Unsealed};
use super::uses::Use;
use crate::audit::{Log, LoggedEntry, Look, Outcome, Start};
use crate::model::{CallerName, SecretId, UsesMark};

/// How long fetches under way are waited for. Nothing is lost by giving up: the log has them.
const TO_FINISH: Duration = Duration::from_secs(2);
/// Lines of the log after which the mark is moved even though nothing was fetched, so that few are read again.
const MANY_LINES: u64 = 10_000;

/// Up to which line of the log fetches are counted.
pub(super) struct Mark {
    /// Of its record; none: there is no record yet.
    pub revision: Option<u64>,
    pub seq: u64,
    /// The last line that a fetch of this process wrote.
    pub last: AtomicU64,
}

impl Default for Mark {
    fn default() -> Self {
        Self { revision: None, seq: 0, last: AtomicU64::new(0) }
    }
}

impl Mark {
    pub fn at(seq: u64, revision: u64) -> Self {
        Self { revision: Some(revision), seq, last: AtomicU64::new(seq) }
    }

    /// A fetch has written this line, and is counted.
    pub fn passed(&self, seq: u64) {
        self.last.fetch_max(seq, Ordering::Relaxed);
    }
}

impl Vault {
    /// Records what was fetched since the last time. For a timer.
    pub async fn record_uses(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let log: Arc<Log> = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => Arc::clone(&unsealed.log),
        };
        let nouns = self.unrecorded_uses().await;
        if nouns.is_empty() { Ok(()) } else { self.write(&turn, &log, nouns).await }
    }

    /// The records of what was fetched since the last time, and the mark that belongs to them.
    pub(super) async fn unrecorded_uses(&self) -> Vec<Noun> {
        let Ok(_none_under_way) = tokio::time::timeout(TO_FINISH, self.fetching.none()).await else {
            tracing::warn!("fetches take long; who fetched what is recorded later");
            return Vec::new();
        };
        match &*self.live() {
            Live::Sealed => Vec::new(),
            Live::Unsealed(unsealed) => unrecorded(&unsealed.registry),
        }
    }
}

fn unrecorded(registry: &Registry) -> Vec<Noun> {
    let last = registry.mark.last.load(Ordering::Relaxed);
    let mut nouns = Vec::new();
    // Every fetch that is counted has moved `last`: a hundred thousand secrets that nobody fetched cost no look.
    if last > registry.mark.seq {
        let enrolled_at = |name: &CallerName| registry.callers.get(name).map(|kept| kept.noun.enrolled_at);
        let of = |kept: &KeptSecret| kept.uses.unrecorded(&kept.noun.id, enrolled_at);
        let uses = registry.secrets.values().filter_map(of);
        nouns.extend(uses.map(|(uses, changes)| Noun::Uses { uses, changes }));
    }
    let head = registry.checkpoint.as_ref().map_or(0, |kept| kept.checkpoint.seq);
    let seq = last.max(head);
    if !nouns.is_empty() || seq >= registry.mark.seq + MANY_LINES {
        nouns.push(Noun::UsesMark(UsesMark { seq }));
    }
    nouns
}

/// What a fetch was of.
#[derive(PartialEq, Eq, Hash, Clone)]
enum Of {
    Secret(Arc<str>),
    Pair(Arc<str>),
}

/// By what was fetched and who fetched it: how often, and the last time, with its line.
type Fetches = HashMap<Of, HashMap<Arc<str>, (u64, Use)>>;

/// What the end of the log tells of fetches.
#[derive(Default)]
struct Recalled {
    fetches: Fetches,
    /// In lines that tell of what an accepted store lacks, as far as they were made by who is there now.
    lost: Fetches,
    /// Made after the mark. What is older is another one's of the same name.
    made: HashSet<Of>,
    /// Enrolled after the mark, likewise: a name is given again once its registration is revoked.
    enrolled: HashSet<Arc<str>>,
    /// The last fetch's line.
    last: u64,
}

/// Counts the fetches that the log tells of after the mark. A log that can't be read costs the count, not the start.
pub(super) async fn recall(unsealed: &Unsealed) {
    let Unsealed { registry, log, .. } = unsealed;
    let halves: HashMap<Arc<str>, Arc<str>> = registry
        .secrets
        .values()
        .filter_map(|kept| Some((kept.noun.id.shared(), kept.noun.integration.as_ref()?.shared())))
        .collect();
    let numbers = registry.mark.seq.saturating_add(1)..=u64::MAX;
    let (mut recalled, mut start) = (Recalled::default(), Start::Newest);
    loop {
        let look = Look { start, limit: usize::MAX, numbers: numbers.clone() };
        let counts = |entry: &LoggedEntry| entry.entry.outcome == Outcome::Allowed;
        match log.page(look, counts).await {
            Ok(page) => {
                page.entries.into_iter().for_each(|entry| recalled.take(entry, registry, &halves));
                match page.next {
                    Some(next) => start = Start::At(next),
                    None => break,
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "who fetched what since the last record can't be told");
                break;
            }
        }
    }
    recalled.give_to(registry);
}

impl Recalled {
    /// One allowed entry; they come newest first.
    fn take(&mut self, logged: LoggedEntry, registry: &Registry, halves: &HashMap<Arc<str>, Arc<str>>) {
        let is_lost = registry.past.is_lost(&logged);
        let LoggedEntry { seq, time, entry, .. } = logged;
        let of = match (&*entry.action, entry.secret, entry.integration) {
            ("secret.create" | "secret.import", Some(id), _) => {
                return self.began(Of::Secret(id), is_lost, registry);
            }
            ("integration.create", _, Some(name)) => return self.began(Of::Pair(name), is_lost, registry),
            ("caller.add", ..) => {
                let Some(name) = entry.subject else { return };
                if is_lost {
                    // Fetched by one who is lost too; who was there before is there again.
                    for callers in self.lost.values_mut() {
                        callers.remove(&name);
                    }
                } else {
                    self.enrolled.insert(name);
                }
                return;
            }
            ("secret.read", Some(id), _) => Of::Secret(id),
            ("integration.read", _, Some(name)) => Of::Pair(name),
            _ => return,
        };
        self.last = self.last.max(seq);
        let pair = match &of {
            Of::Secret(id) => halves.get(id).cloned().map(Of::Pair),
            Of::Pair(_) => None,
        };
        let (Some(caller), Some(version)) = (entry.caller, entry.version) else { return };
        let anothers = self.made.contains(&of) || pair.is_some_and(|pair| self.made.contains(&pair));
        if anothers || self.enrolled.contains(&caller) {
            return;
        }
        let newest = (seq, Use { version, at: time, count: 0 });
        let fetches = if is_lost { &mut self.lost } else { &mut self.fetches };
        fetches.entry(of).or_default().entry(caller).or_insert(newest).1.count += 1;
    }

    /// What is there by that name began with this line, or what is lost did.
    fn began(&mut self, made: Of, is_lost: bool, registry: &Registry) {
        if is_lost {
            made.ids(registry).for_each(|id| drop(self.lost.remove(&Of::Secret(id.shared()))));
            self.lost.remove(&made);
        } else {
            self.made.insert(made);
        }
    }

    fn give_to(self, registry: &Registry) {
        registry.mark.passed(self.last);
        let both = self.fetches.iter().chain(&self.lost);
        let mut fetches: Vec<_> = both
            .flat_map(|(of, callers)| callers.iter().map(move |(caller, last)| (last.0, of, caller, last.1)))
            .collect();
        // A half may be fetched alone and in its pair: the later line is the last fetch.
        fetches.sort_by_key(|(seq, ..)| *seq);
        for (_, of, caller, more) in fetches {
            let Ok(caller) = caller.parse() else { continue };
            for kept in of.ids(registry).filter_map(|id| registry.secrets.get(id)) {
                kept.uses.add(&caller, more);
            }
        }
    }
}

impl Of {
    /// The secrets that are there of it.
    fn ids<'a>(&self, registry: &'a Registry) -> impl Iterator<Item = &'a SecretId> {
        let (secret, record) = match self {
            Self::Secret(id) => (registry.secrets.named(id).map(|kept| &kept.noun.id), None),
            Self::Pair(name) => (None, registry.integrations.get(&**name)),
        };
        secret.into_iter().chain(record.into_iter().flat_map(|kept| kept.noun.secret_ids()))
    }
}
