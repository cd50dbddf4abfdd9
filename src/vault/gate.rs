//! The release of a value: decide, audit, open. Nothing else in the program opens a value for a caller.

use std::sync::Arc;

use jiff::Timestamp;

use super::aside::aside;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::outgoing::Departing;
use super::registry::{KeptSecret, Registry, SealedValue};
use super::session::Asker;
use super::share::Place;
use crate::audit::{Begun, Entry, Log};
use crate::identity::{Peer, Presented};
use crate::keys::StoreKey;
use crate::model::{CallerName, Denial, Encoding, IntegrationName, SecretId, Standing, VersionWanted};
use crate::policy::{Ask, Recognised, Target};
use crate::secret::Plaintext;

/// How often a release is begun at most, where what it decided on is replaced before it can be opened. The last time nothing
/// changes meanwhile.
const ATTEMPTS: usize = 4;

/// A released value.
pub struct OpenedValue {
    pub version: u64,
    pub value: Plaintext,
    pub encoding: Encoding,
    pub state: Standing,
    /// To be kept with the bytes until they have been sent.
    pub departing: Departing,
}

/// A released pair; both halves are of one version.
pub struct OpenedPair {
    pub client_id: Plaintext,
    /// None: a public client's.
    pub client_secret: Option<Plaintext>,
    pub version: u64,
    /// To be kept with the bytes until they have been sent.
    pub departing: Departing,
}

/// What a release is asked of.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    Secret(&'a SecretId),
    Pair(&'a IntegrationName),
}

/// Leave to open what was decided on, once its audit entry is written. Made by `weigh` alone, used up by `open_permitted`.
/// What is to be opened is looked up again there: of a vault that hasn't changed since, it is the same.
#[must_use]
struct Permit {
    /// Who it was given to.
    caller: CallerName,
    version: u64,
    /// Where the first part of that lies: a record made anew may have a version of the same number, in other secrets. No
    /// secret has a number twice, so the first tells for both.
    lies: StoreKey,
    generation: u64,
    at: Timestamp,
    /// Too large to be held in memory: where the sealed bytes are, and once they have been fetched, those.
    large: Option<Box<Halves<SealedValue>>>,
    /// For a large value, taken before the entry is written.
    place: Option<Place>,
}

/// A value as it was opened.
struct Part {
    value: Plaintext,
    encoding: Encoding,
    state: Standing,
}

/// A version and its opened parts, on their way out.
type Released = (u64, Halves<Part>, Departing);

/// A decision for a look that releases nothing: the entry isn't in the log yet.
struct Weighed {
    verdict: Result<Permit, Denial>,
    entry: Entry,
    log: Arc<Log>,
}

/// A decision on a release: a permit whose entry waits to be written, or a denial.
type Decided = Result<(Permit, Begun), (Denial, Box<Entry>)>;

impl Vault {
    /// One secret's value.
    pub async fn read_value(
        &self,
        asker: Asker<'_>,
        id: &SecretId,
        ask: Ask<'_>,
    ) -> Result<OpenedValue, VaultError> {
        let (version, opened, departing) = self.release(asker, Asked::Secret(id), ask).await?;
        let Part { value, encoding, state } = opened.first;
        Ok(OpenedValue { version, value, encoding, state, departing })
    }

    /// An integration's pair.
    pub async fn read_pair(
        &self,
        asker: Asker<'_>,
        name: &IntegrationName,
        ask: Ask<'_>,
    ) -> Result<OpenedPair, VaultError> {
        // As many as the record has secrets: the permit was made for all of them or not at all.
        let (version, opened, departing) = self.release(asker, Asked::Pair(name), ask).await?;
        let client_secret = opened.second.map(|part| part.value);
        Ok(OpenedPair { client_id: opened.first.value, client_secret, version, departing })
    }

    async fn release(
        &self,
        asker: Asker<'_>,
        asked: Asked<'_>,
        ask: Ask<'_>,
    ) -> Result<Released, VaultError> {
        for attempt in 1..=ATTEMPTS {
            // Before it is under way: whoever changes something may wait for those to end.
            let _turn = if attempt == ATTEMPTS { Some(Box::pin(self.turn.lock()).await) } else { None };
            // Until the fetch is counted, the counts aren't recorded.
            let _under_way = self.fetching.begin().await;
            let (decided, log) = self.decide(asker, asked, ask)?;
            let (mut permit, begun) = match decided {
                Ok(permitted) => permitted,
                Err((denial, entry)) => {
                    // What is seldom done is boxed: its room would be made for each request.
                    Box::pin(log.append_denial(*entry)).await?;
                    return Err(denial.into());
                }
            };
            let seq = log.written(begun).await?;
            let large = permit.is_large();
            if large && !Box::pin(self.fetch_large(&mut permit)).await? {
                continue;
            }
            // The semaphore is never closed.
            let _place = if large { Box::pin(self.large.acquire()).await.ok() } else { None };
            let open = || self.open_permitted(permit, seq, asker, asked, ask);
            if let Some(released) = if large { aside(open) } else { open() }? {
                return Ok(released);
            }
        }
        Err(VaultError::Unsettled)
    }

    /// Decides on a release, and queues its entry.
    fn decide(&self, asker: Asker, asked: Asked, ask: Ask) -> Result<(Decided, Arc<Log>), VaultError> {
        let now = self.clock.now();
        let live = self.live();
        let unsealed = live.unsealed()?;
        let (verdict, told) = weigh(unsealed, asker, asked, ask, now);
        let decided = match verdict {
            Ok(mut permit) => {
                if permit.is_large() {
                    permit.place = Some(asker.session.share.carry().map_err(VaultError::Limited)?);
                }
                Ok((permit, unsealed.log.begin(&told, now)?))
            }
            Err(denial) => Err((denial, Box::new(told.to_entry()))),
        };
        Ok((decided, Arc::clone(&unsealed.log)))
    }

    fn weigh(&self, asker: Asker, asked: Asked, ask: Ask) -> Result<Weighed, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let (verdict, told) = weigh(unsealed, asker, asked, ask, self.clock.now());
        Ok(Weighed { verdict, entry: told.to_entry(), log: Arc::clone(&unsealed.log) })
    }

    /// Reads the sealed bytes that are too large to be held in memory. False: a rotation has destroyed them meanwhile.
    async fn fetch_large(&self, permit: &mut Permit) -> Result<bool, VaultError> {
        let Some(large) = &mut permit.large else { return Ok(true) };
        let store = self.store();
        for part in large.each_mut().filter(|part| part.held.is_none()) {
            part.held = store.read(part.key).await?;
        }
        Ok(large.each_mut().all(|part| part.held.is_some()))
    }

    /// Opens what is permitted, unless the permit no longer stands: then None, and the release begins anew.
    /// Under the read lock, so that a seal or a revocation, which take the write lock, are acknowledged either
    /// after this release or before it is refused. `seq` is the entry's line in the log.
    fn open_permitted(
        &self,
        permit: Permit,
        seq: u64,
        asker: Asker,
        asked: Asked,
        ask: Ask,
    ) -> Result<Option<Released>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        if unsealed.keys_since > permit.generation {
            // What it was given is sealed under keys that are gone.
            return Ok(None);
        }
        if unsealed.generation != permit.generation {
            let same_version = Ask { version: VersionWanted::Number(permit.version), ..ask };
            let (verdict, _) = weigh(unsealed, asker, asked, same_version, self.clock.now());
            if verdict.is_err() {
                return Ok(None);
            }
        }
        let Some(parts) = Found::find(&unsealed.registry, asked).halves() else { return Ok(None) };
        let lies = |kept: &KeptSecret| Some(kept.at(permit.version)?.1.key);
        if lies(parts.first) != Some(permit.lies) {
            return Ok(None);
        }
        // Under this lock: a seal or a revocation knows of what was released before it, and of nothing else.
        let departing = self.departures.begin(&asker.session.outgoing, permit.place);
        let open = |kept: &KeptSecret, large: Option<&SealedValue>| {
            let (version, value) = kept.at(permit.version).ok_or(VaultError::Unsettled)?;
            let bytes = large.unwrap_or(value);
            let value = unsealed.keys.open(&bytes.key, bytes.held.as_ref().ok_or(VaultError::Unsettled)?)?;
            kept.uses.record(&permit.caller, permit.version, permit.at);
            Ok::<_, VaultError>(Part {
                value: value.into(),
                encoding: version.encoding,
                state: version.standing(permit.at),
            })
        };
        let large = permit.large.as_deref();
        let first = open(parts.first, large.map(|large| &large.first))?;
        let second = parts.second.map(|kept| open(kept, large.and_then(|large| large.second.as_ref())));
        let opened = Halves { first, second: second.transpose()? };
        unsealed.registry.mark.passed(seq);
        Ok(Some((permit.version, opened, departing)))
    }
}

impl Permit {
    /// Whether its bytes aren't held in memory.
    fn is_large(&self) -> bool {
        self.large.is_some()
    }
}

/// Who a request comes from, as far as the registrations tell.
pub(super) fn recognised<'a>(registry: &'a Registry, asker: Asker<'a>) -> Recognised<'a> {
    connected(registry, &asker.session.presented, &asker.session.peer)
}

/// Who a connection comes from, before there is a request.
pub(super) fn connected<'a>(registry: &'a Registry, presented: &'a Presented, peer: &Peer) -> Recognised<'a> {
    let caller = registry.caller_by_spiffe_id(&presented.spiffe_id);
    Recognised {
        caller,
        key: presented.key,
        serial: &presented.serial,
        not_after: presented.not_after,
        peer_fits: caller.is_none_or(|caller| peer.fits(&caller.pins)),
    }
}

/// What a secret is decided by.
pub(super) fn target<'a>(registry: &'a Registry, id: &SecretId) -> Target<'a> {
    Found::find(registry, Asked::Secret(id)).target()
}

mod found;
mod halves;
mod waiting;
mod weigh;

pub(super) use found::Found;
use halves::Halves;
pub use waiting::Known;
use weigh::weigh;

#[cfg(test)]
mod tests;
