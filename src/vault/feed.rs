//! The feed: what happened that somebody may be waiting for, in order, and who is to be woken by it.
//!
//! Told only after a change is durable and visible. The last events stay in a ring, so that a reader who lost its
//! connection goes on where it was; whoever comes too late for that is told so, never silently left short. Who may
//! hear of an event is decided elsewhere, when it is told: an event holds names and no values.
//!
//! A reader is at a place in the feed, and keeps nothing else: ten thousand of them cost ten thousand numbers.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::lives::Life;
use crate::crypto::{DerivedKey, Failed, MacKey};
use crate::model::{CallerName, Employee, IntegrationName, Invalid, SecretId};

/// Events that can be resumed from. One takes some 200 bytes.
const KEPT: usize = 4096;

/// What an event is about, and what one can wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    Secret(SecretId),
    Integration(IntegrationName),
    Caller(CallerName),
    /// The whole of it: for full operators.
    Vault,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// What readers get of a secret or an integration may be another now: a new version, one that came back or
    /// went, other rules, another state. A pair moves as one: then it is the integration, not its two secrets. `life` is what
    /// it was then: an ID may be given again by the time that somebody hears of it.
    Rotated { about: Subject, life: Option<Life> },
    /// A standing warning was raised or cleared. `owners` is whose the subject was then: it may be gone, or another one
    /// of the same name, by the time that somebody hears of it. `since` is when it was raised first.
    Notice {
        id: Arc<str>,
        level: Arc<str>,
        about: Subject,
        raised: bool,
        owners: Arc<[Employee]>,
        since: Timestamp,
    },
}

/// One event of the feed.
#[derive(Debug)]
pub struct Event {
    /// Its place: events are numbered from 1. A seal takes a number too, which no event has.
    number: u64,
    cursor: Cursor,
    pub at: Timestamp,
    pub what: Happening,
}

/// A place in the feed as a peer may know it: a keyed hash, so that two of them don't tell how much happened in
/// between. Written as 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(u64);

/// Where a reader is in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u64);

/// What a reader hasn't heard.
pub struct Unheard {
    pub events: Vec<Arc<Event>>,
    /// Events between the place and the first of these are no longer known.
    pub missed: bool,
    /// The vault has been sealed since.
    pub was_sealed: bool,
}

pub struct Feed {
    /// Of this run of the daemon; cursors of another are no places here.
    key: MacKey,
    ring: Mutex<Ring>,
    /// The last event's number.
    head: watch::Sender<u64>,
    waiting: Mutex<Waiting>,
}

/// The last events: `last - len + 1` to `last`.
#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    last: u64,
    /// The last seal's number.
    sealed: u64,
}

/// Who is to be woken for what, by a number of their own.
#[derive(Default)]
struct Waiting {
    by_subject: HashMap<Subject, HashMap<u64, Arc<Notify>>>,
    next: u64,
}

/// To be woken when something about one of its subjects changes, or when all are. Ends when dropped.
pub struct Interest {
    feed: Arc<Feed>,
    subjects: Vec<Subject>,
    number: u64,
    bell: Arc<Notify>,
}

impl Feed {
    pub(super) fn new() -> Result<Self, Failed> {
        let key = MacKey::new(&DerivedKey::fresh()?);
        Ok(Self { key, ring: Mutex::default(), head: watch::Sender::new(0), waiting: Mutex::default() })
    }

    /// Tells what happened, in this order. Only after it is durable and visible.
    pub(super) fn tell(&self, at: Timestamp, happened: impl IntoIterator<Item = Happening>) {
        let last = {
            let mut ring = self.ring();
            let before = ring.last;
            for what in happened {
                let number = ring.last + 1;
                ring.push(Event { number, cursor: self.cursor(Place(number)), at, what });
            }
            if ring.last == before {
                return;
            }
            ring.last
        };
        self.head.send_replace(last);
    }

    /// Wakes those who are interested in one of the subjects, to look again.
    pub(super) fn wake<'a>(&self, subjects: impl IntoIterator<Item = &'a Subject>) {
        let waiting = self.waiting();
        if waiting.by_subject.is_empty() {
            return;
        }
        let concerned = subjects.into_iter().filter_map(|subject| waiting.by_subject.get(subject));
        concerned.flat_map(HashMap::values).for_each(|bell| bell.notify_one());
    }

    /// Forgets all events and wakes everybody: the vault was sealed, and names are of its inside too. A place from before it is
    /// none any more, also of who had heard all: what an unsealing brings is no event.
    pub(super) fn seal(&self) {
        {
            let mut ring = self.ring();
            let number = ring.last + 1;
            *ring = Ring { events: VecDeque::new(), last: number, sealed: number };
        }
        self.waiting().by_subject.values().flat_map(HashMap::values).for_each(|bell| bell.notify_one());
    }

    /// From now on woken for these. What happened before is to be looked at after this call.
    pub(super) fn interest(self: &Arc<Self>, subjects: Vec<Subject>) -> Interest {
        let bell = Arc::new(Notify::new());
        let number = {
            let mut waiting = self.waiting();
            waiting.next += 1;
            let number = waiting.next;
            for subject in &subjects {
                let those = waiting.by_subject.entry(subject.clone()).or_default();
                those.insert(number, Arc::clone(&bell));
            }
            number
        };
        Interest { feed: Arc::clone(self), subjects, number, bell }
    }

    /// Changes with every event.
    pub(super) fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// After the last event.
    pub(super) fn end(&self) -> Place {
        Place(self.ring().last)
    }

    /// Behind the event that a peer heard last. None: this run doesn't know it any more.
    pub(super) fn place(&self, cursor: Cursor) -> Option<Place> {
        let ring = self.ring();
        let first = ring.first();
        let heard = ring.events.iter().rev().find(|event| event.cursor == cursor).map(|event| event.place());
        // The place before the first event that is kept counts: nothing was missed there.
        heard.or_else(|| Some(Place(first - 1)).filter(|place| self.cursor(*place) == cursor))
    }

    /// The place as a peer may know it.
    pub(super) fn cursor(&self, place: Place) -> Cursor {
        let [a, b, c, d, e, f, g, h, ..] = self.key.hash(&[&place.0.to_be_bytes()]).into_public();
        Cursor(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// At most `most` events behind the place.
    pub(super) fn after(&self, place: Place, most: usize) -> Unheard {
        let ring = self.ring();
        let next = place.0 + 1;
        let skip = usize::try_from(next.saturating_sub(ring.first())).unwrap_or(usize::MAX);
        let events = ring.events.iter().skip(skip).take(most).map(Arc::clone).collect();
        Unheard { events, missed: next < ring.first(), was_sealed: place.0 < ring.sealed }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    /// The place behind it.
    pub(super) fn place(&self) -> Place {
        Place(self.number)
    }
}

impl Ring {
    /// The number of the first event that is kept, or of the next one.
    fn first(&self) -> u64 {
        self.last + 1 - self.events.len() as u64
    }

    fn push(&mut self, event: Event) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.last = event.number;
        self.events.push_back(Arc::new(event));
    }
}

impl Interest {
    /// Returns when there is something to look at, at once if there was since the last time.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut waiting = self.feed.waiting();
        for subject in &self.subjects {
            if let Some(those) = waiting.by_subject.get_mut(subject) {
                those.remove(&self.number);
                if those.is_empty() {
                    waiting.by_subject.remove(subject);
                }
            }
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let well_formed =
            text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = well_formed.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number
            .map(Self)
            .ok_or(Invalid("is no event ID: 16 lower-case hexadecimal digits, as an event's `id` has them"))
    }
}

#[cfg(test)]
mod tests;
