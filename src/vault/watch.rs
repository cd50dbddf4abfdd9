//! Watching: a caller hears of what it may see, judged anew for each event, until it is nobody here any more.
//!
//! An event is no release: it names a secret that the caller may use now (a service) or see (an operator), and the
//! version that readers get. What it may not see is left out without a trace.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::error::VaultError;
use super::feed::{Cursor, Event, Happening, Interest, Place, Subject};
use super::gate::{Asked, Found, recognised};
use super::integrations::owners;
use super::lifecycle::Vault;
use super::lives::life_of;
use super::session::{Asker, Session};
use super::state::Unsealed;
use crate::model::{Caller, Denial, Employee, Integration, IntegrationName, Role, SecretId};
use crate::policy::{Action, decide_hearing, decide_manage, recognise};

/// Events that are judged under one look.
const AT_ONCE: usize = 64;

/// A caller that watches: a place in the feed and what wakes it, and nothing that grows.
pub struct Watcher {
    place: Place,
    missed: bool,
    head: watch::Receiver<u64>,
    own: Interest,
}

/// What a watcher is told.
pub struct Told {
    pub cursor: Cursor,
    pub at: Timestamp,
    pub news: News,
}

pub enum News {
    /// What readers get of a secret. `version` is what they get now; None: nothing.
    Secret { id: SecretId, version: Option<u64> },
    /// What readers get of an integration's pair, and of its two secrets.
    Integration { name: IntegrationName, version: Option<u64>, secrets: Vec<SecretId> },
    /// A warning was raised or cleared.
    Notice { id: Arc<str>, level: Arc<str>, about: Subject, raised: bool },
}

/// What there is to tell after one look.
pub struct Hearing {
    /// Events before these are lost: what is watched is to be read anew.
    pub missed: bool,
    pub told: Vec<Told>,
    /// Whether there is more to look at.
    pub more: bool,
}

impl Watcher {
    /// Whether the event that was heard last is no longer known.
    pub fn has_missed(&self) -> bool {
        self.missed
    }
}

impl Vault {
    /// Begins to watch, behind the event that was heard last, if there was one. Every caller may; what it hears is
    /// another matter.
    pub async fn watch(&self, asker: Asker<'_>, last: Option<Cursor>) -> Result<Watcher, VaultError> {
        let cleared = self.clear_any(asker, asker.entry(None, "watch.open")).await?;
        // Before the place is taken, so that nothing falls in between.
        let head = self.feed.head();
        let own = self.feed.interest(vec![Subject::Caller(cleared.by.clone())]);
        let place = last.map(|last| self.feed.place(last));
        let missed = place == Some(None);
        let place = place.flatten().unwrap_or_else(|| self.feed.end());
        self.looked(cleared).await?;
        Ok(Watcher { place, missed, head, own })
    }

    /// The watcher's place, for it to come back to.
    pub fn place_of(&self, watcher: &Watcher) -> Cursor {
        self.feed.cursor(watcher.place)
    }

    /// What has happened that the caller may hear. Refused when it may hear nothing any more, or if the vault has been sealed
    /// since it began, open again or not.
    pub fn hear(&self, session: &Session, watcher: &mut Watcher) -> Result<Hearing, Denial> {
        watcher.head.mark_unchanged();
        let live = self.live();
        let unsealed = live.unsealed()?;
        let (asker, now) = (Asker { session, request_id: "" }, self.clock.now());
        let caller = recognise(recognised(&unsealed.registry, asker), now)?;
        let unheard = self.feed.after(watcher.place, AT_ONCE);
        if unheard.was_sealed {
            return Err(Denial::Sealed);
        }
        if watcher.missed || unheard.missed {
            watcher.missed = false;
            watcher.place = self.feed.end();
            return Ok(Hearing { missed: true, told: Vec::new(), more: false });
        }
        let events = unheard.events;
        if let Some(last) = events.last() {
            watcher.place = last.place();
        }
        let newest = events.iter().enumerate().filter(|(at, event)| !repeated(event, &events[at + 1..]));
        let told = newest.filter_map(|(_, event)| {
            let news = told(unsealed, caller, asker, event, now)?;
            Some(Told { cursor: self.feed.cursor(event.place()), at: event.at, news })
        });
        Ok(Hearing { missed: false, told: told.collect(), more: events.len() == AT_ONCE })
    }

    /// Returns when there may be something to hear, or the caller may have ended.
    pub async fn stirred(&self, session: &Session, watcher: &mut Watcher) {
        let expiry = self.until_expiry(Asker { session, request_id: "" });
        tokio::select! {
            // Both ends live as long as the vault.
            _ = watcher.head.changed() => {}
            () = watcher.own.woken() => {}
            () = tokio::time::sleep(expiry) => {}
        }
    }
}

/// Whether a later event says the same: of a secret only what it is now can be told.
fn repeated(event: &Event, later: &[Arc<Event>]) -> bool {
    matches!(event.what, Happening::Rotated { .. }) && later.iter().any(|each| each.what == event.what)
}

/// The event as this caller may hear it.
fn told(unsealed: &Unsealed, caller: &Caller, asker: Asker, event: &Event, now: Timestamp) -> Option<News> {
    let registry = &unsealed.registry;
    let who = recognised(registry, asker);
    let service = matches!(caller.role, Role::Service { .. });
    // None: there is no such thing, or it is nobody's in particular.
    let owners = |about: &Subject| match about {
        Subject::Secret(id) => registry.secrets.get(id).map(|kept| kept.noun.owners.clone()),
        Subject::Integration(name) => {
            registry.integrations.get(name).map(|kept| owners(unsealed, &kept.noun))
        }
        Subject::Caller(_) | Subject::Vault => None,
    };
    let sees = |owners: &[Employee]| decide_manage(who, Action::See, owners, now).is_ok();
    match &event.what {
        // What is there now may be another one of that name: those who have it hear nothing of what was before it.
        Happening::Rotated { about, life } if *life != life_of(registry, about) => None,
        Happening::Rotated { about, .. } => {
            let asked = match about {
                Subject::Secret(id) => Asked::Secret(id),
                Subject::Integration(name) => Asked::Pair(name),
                Subject::Caller(_) | Subject::Vault => return None,
            };
            let found = Found::find(registry, asked);
            let hears = if service {
                decide_hearing(who, found.target(), now).is_ok()
            } else {
                sees(&owners(about).unwrap_or_default())
            };
            let version = found.current();
            hears.then(|| match asked {
                Asked::Secret(id) => News::Secret { id: id.clone(), version },
                Asked::Pair(name) => {
                    let secrets =
                        registry.integrations.get(name).map(|kept| halves(&kept.noun)).unwrap_or_default();
                    News::Integration { name: name.clone(), version, secrets }
                }
            })
        }
        Happening::Notice { id, level, about, raised, owners: then, since } => {
            // On a certificate of who had the name before it isn't.
            let own = matches!(about, Subject::Caller(name) if *name == caller.name)
                && *since >= caller.enrolled_at;
            // Whoever owned it then and still does. What is gone has its last owners; an ID that has another life meanwhile
            // tells its new ones nothing of the old.
            let both = match owners(about) {
                Some(now) => now.into_iter().filter(|each| then.contains(each)).collect(),
                None => then.to_vec(),
            };
            (!service && (own || sees(&both))).then(|| News::Notice {
                id: Arc::clone(id),
                level: Arc::clone(level),
                about: about.clone(),
                raised: *raised,
            })
        }
    }
}

fn halves(record: &Integration) -> Vec<SecretId> {
    record.secret_ids().cloned().collect()
}
