//! All nouns of an unsealed vault, in memory: metadata in the clear, values as sealed bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::ops::Bound;
use std::sync::Arc;

use super::usage::Mark;
use super::uses::Uses;
use crate::audit::{ChainKeys, Checkpoint};
use crate::keys::{Census, FormerChain, KeyRing, Sealed, StoreKey};
use crate::model::{
    Caller, CallerName, DomainPattern, Employee, Integration, IntegrationName, Notice, NoticeId,
    Restrictions, Scope, ScriptId, Secret, SecretId, SlotNotes, SpiffeId, Tombstone, Version, VersionState,
};

/// Sealed values up to this many bytes stay in memory, so that a usual fetch touches no disk; larger ones are
/// read from the store when they are asked for.
const HELD: usize = 16 * 1024;

/// Words of a kind that are looked for in common; a vault where all differ gains nothing by it.
const MOST_WORDS: usize = 10_000;

/// A noun and the revision of its record.
#[derive(Debug)]
pub struct Kept<T> {
    pub revision: u64,
    pub noun: Arc<T>,
}

/// Where a version's sealed bytes are.
#[derive(Clone)]
pub struct SealedValue {
    pub key: StoreKey,
    /// None: too large to hold.
    pub held: Option<Sealed>,
}

pub struct KeptSecret {
    pub revision: u64,
    pub noun: Arc<Secret>,
    pub values: Values,
    /// Who fetched it.
    pub uses: Uses,
}

/// Sealed values by version number, ascending: there are few, and mostly one.
#[derive(Clone, Default)]
pub struct Values(Vec<(u64, SealedValue)>);

/// All secrets, found by ID in constant time, and listed in the order of their IDs.
#[derive(Default)]
pub struct Secrets {
    /// In the order in which they came; None: free.
    kept: Vec<Option<KeptSecret>>,
    free: Vec<u32>,
    by_id: HashMap<SecretId, u32>,
    order: BTreeMap<SecretId, u32>,
    /// Those with a version whose grace is recorded, whether it has ended or not.
    in_grace: BTreeSet<SecretId>,
    /// Versions of them that are pending.
    pending: usize,
}

/// Words and rules that many secrets have in common, each kept once.
#[derive(Default)]
struct Words {
    callers: HashSet<CallerName>,
    employees: HashSet<Employee>,
    scripts: HashSet<ScriptId>,
    domains: HashSet<DomainPattern>,
    rules: HashSet<Arc<Restrictions>>,
}

/// The head of the audit log, as last recorded in the store.
pub struct KeptCheckpoint {
    /// The epoch of the store.
    pub revision: u64,
    pub checkpoint: Checkpoint,
}

#[derive(Default)]
pub struct Registry {
    pub secrets: Secrets,
    pub integrations: BTreeMap<IntegrationName, Kept<Integration>>,
    pub callers: BTreeMap<CallerName, Kept<Caller>>,
    /// Of deleted secrets; one stays when its ID is used again.
    pub tombstones: BTreeMap<SecretId, Kept<Tombstone>>,
    /// What was told of notices whose cause is still there.
    pub notices: BTreeMap<NoticeId, Kept<Notice>>,
    by_spiffe_id: HashMap<SpiffeId, CallerName>,
    pub checkpoint: Option<KeptCheckpoint>,
    /// Of all records but the checkpoint, as they are now.
    pub census: Census,
    /// None: nothing was written down of any key slot.
    pub slots: Option<Kept<SlotNotes>>,
    /// Of an older store that was accepted: an epoch above all that was ever told of the vault, until the first write.
    pub passed: u64,
    /// What parts of the audit log were written with.
    pub former_chains: Vec<FormerChain>,
    pub mark: Mark,
    words: Words,
}

impl Registry {
    /// How often the store has been written.
    pub fn epoch(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |kept| kept.revision)
    }

    /// The epoch that the next write makes.
    pub fn next_epoch(&self) -> u64 {
        self.epoch().max(self.passed).saturating_add(1)
    }
}

impl KeptSecret {
    pub fn version(&self, number: u64) -> Option<&Version> {
        self.noun.versions.iter().find(|each| each.number == number)
    }

    /// A version that has a value, and that.
    pub fn at(&self, number: u64) -> Option<(&Version, &SealedValue)> {
        Some((self.version(number)?, self.values.get(number)?))
    }
}

impl SealedValue {
    pub fn new(key: StoreKey, sealed: Sealed) -> Self {
        let held = (sealed.as_bytes().len() <= HELD).then_some(sealed);
        Self { key, held }
    }
}

impl Values {
    pub fn get(&self, number: u64) -> Option<&SealedValue> {
        self.0.iter().find(|(each, _)| *each == number).map(|(_, value)| value)
    }

    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(number, _)| *number)
    }

    pub fn insert(&mut self, number: u64, value: SealedValue) {
        self.remove(number);
        let at = self.0.partition_point(|(each, _)| *each < number);
        // Room for this one alone: a vector would begin with four.
        self.0.reserve_exact(1);
        self.0.insert(at, (number, value));
    }

    pub fn remove(&mut self, number: u64) {
        self.0.retain(|(each, _)| *each != number);
    }
}

impl Secrets {
    pub fn get(&self, id: &SecretId) -> Option<&KeptSecret> {
        self.named(id.as_str())
    }

    /// The same by its spelling.
    pub fn named(&self, id: &str) -> Option<&KeptSecret> {
        self.at(*self.by_id.get(id)?)
    }

    /// For what isn't the secret's metadata.
    pub fn get_mut(&mut self, id: &SecretId) -> Option<&mut KeptSecret> {
        let place = *self.by_id.get(id)?;
        self.kept.get_mut(place as usize)?.as_mut()
    }

    fn at(&self, place: u32) -> Option<&KeptSecret> {
        self.kept.get(place as usize)?.as_ref()
    }

    pub fn contains_key(&self, id: &SecretId) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Versions that wait to be activated.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Those with a version whose grace is recorded.
    pub fn in_grace(&self) -> impl Iterator<Item = &KeptSecret> {
        self.in_grace.iter().filter_map(|id| self.get(id))
    }

    /// In no order.
    pub fn values(&self) -> impl Iterator<Item = &KeptSecret> {
        self.kept.iter().flatten()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut KeptSecret> {
        self.kept.iter_mut().flatten()
    }

    /// In the order of their IDs.
    pub fn range(&self, from: Bound<&SecretId>) -> impl Iterator<Item = (&SecretId, &KeptSecret)> {
        let ids = self.order.range::<SecretId, _>((from, Bound::Unbounded));
        ids.filter_map(|(id, place)| Some((id, self.at(*place)?)))
    }

    fn insert(&mut self, kept: KeptSecret) {
        let id = kept.noun.id.clone();
        self.remove(&id);
        self.pending += kept.pending();
        if kept.noun.versions.iter().any(|version| matches!(version.state, VersionState::Previous { .. })) {
            self.in_grace.insert(id.clone());
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            u32::try_from(self.kept.len() - 1).expect("4 billion secrets are more than memory can hold")
        });
        self.kept[place as usize] = Some(kept);
        self.order.insert(id.clone(), place);
        self.by_id.insert(id, place);
    }

    pub fn remove(&mut self, id: &SecretId) -> Option<KeptSecret> {
        let place = self.by_id.remove(id)?;
        let kept = self.kept.get_mut(place as usize)?.take()?;
        self.free.push(place);
        self.order.remove(id);
        self.in_grace.remove(id);
        self.pending -= kept.pending();
        Some(kept)
    }
}

impl KeptSecret {
    fn pending(&self) -> usize {
        self.noun.versions.iter().filter(|version| version.state == VersionState::Pending).count()
    }
}

impl Words {
    /// Puts the words that are known already in the place of the secret's own.
    fn share(&mut self, secret: &mut Secret) {
        share(&mut self.callers, &mut secret.created_by);
        secret.versions.iter_mut().for_each(|version| share(&mut self.callers, &mut version.created_by));
        secret.owners.iter_mut().for_each(|owner| share(&mut self.employees, owner));
        let Some(shared) = &mut secret.restrictions else { return };
        if let Some(known) = self.rules.get(shared) {
            *shared = Arc::clone(known);
            return;
        }
        let rules = Arc::make_mut(shared);
        rules.employees.iter_mut().for_each(|employee| share(&mut self.employees, employee));
        if let Scope::Only(scripts) = &mut rules.scripts {
            scripts.iter_mut().for_each(|script| share(&mut self.scripts, script));
        }
        if let Scope::Only(domains) = &mut rules.domains {
            domains.iter_mut().for_each(|domain| share(&mut self.domains, domain));
        }
        share(&mut self.rules, shared);
    }
}

fn share<T: Clone + Eq + Hash>(known: &mut HashSet<T>, word: &mut T) {
    if let Some(shared) = known.get(word) {
        *word = shared.clone();
    } else if known.len() < MOST_WORDS {
        known.insert(word.clone());
    }
}

impl Registry {
    pub fn put_secret(&mut self, mut secret: Secret, revision: u64) {
        self.words.share(&mut secret);
        // Whoever made the list left room for more.
        secret.versions.shrink_to_fit();
        secret.owners.shrink_to_fit();
        let before = self.secrets.remove(&secret.id);
        let (values, uses) = before.map(|kept| (kept.values, kept.uses)).unwrap_or_default();
        self.secrets.insert(KeptSecret { revision, noun: Arc::new(secret), values, uses });
    }

    pub fn put_integration(&mut self, record: Integration, revision: u64) {
        self.integrations.insert(record.name.clone(), Kept { revision, noun: Arc::new(record) });
    }

    pub fn put_tombstone(&mut self, tombstone: Tombstone, revision: u64) {
        self.tombstones.insert(tombstone.id.clone(), Kept { revision, noun: Arc::new(tombstone) });
    }

    pub fn put_notice(&mut self, notice: Notice, revision: u64) {
        self.notices.insert(notice.id.clone(), Kept { revision, noun: Arc::new(notice) });
    }

    /// A SPIFFE ID leads to the active caller that has it; to a revoked one only if there is none.
    pub fn put_caller(&mut self, caller: Caller, revision: u64) {
        if let Some(before) = self.callers.get(&caller.name)
            && self.by_spiffe_id.get(&before.noun.spiffe_id) == Some(&caller.name)
        {
            self.by_spiffe_id.remove(&before.noun.spiffe_id);
        }
        let holder = self.caller_by_spiffe_id(&caller.spiffe_id);
        if caller.is_active() || !holder.is_some_and(Caller::is_active) {
            self.by_spiffe_id.insert(caller.spiffe_id.clone(), caller.name.clone());
        }
        self.callers.insert(caller.name.clone(), Kept { revision, noun: Arc::new(caller) });
    }

    pub fn caller_by_spiffe_id(&self, id: &SpiffeId) -> Option<&Caller> {
        let name = self.by_spiffe_id.get(id)?;
        self.callers.get(name).map(|kept| &*kept.noun)
    }

    /// What the audit log is written and checked with.
    pub fn chain_keys(&self, keys: &KeyRing) -> ChainKeys {
        let current = ChainKeys::from(keys.chain_key().0);
        self.former_chains
            .iter()
            .fold(current, |all, former| all.with_former(former.until, former.chain_key().0))
    }

    /// Takes over what is known of fetches: it goes on being counted while a registry is made anew.
    pub fn take_uses(&mut self, before: &mut Self) {
        for kept in before.secrets.values_mut() {
            if let Some(now) = self.secrets.get_mut(&kept.noun.id) {
                now.uses = std::mem::take(&mut kept.uses);
            }
        }
        self.mark = std::mem::take(&mut before.mark);
    }

    /// The integration that owns a secret.
    pub fn owner(&self, secret: &Secret) -> Option<&Integration> {
        let name = secret.integration.as_ref()?;
        self.integrations.get(name).map(|kept| &*kept.noun)
    }

    pub fn active_full_operators(&self) -> impl Iterator<Item = &Caller> {
        self.callers.values().map(|kept| &*kept.noun).filter(|caller| caller.is_active_full_operator())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::secrets::stand_in;
    use jiff::Timestamp;

    fn secret(id: &str, states: &[VersionState]) -> Secret {
        let version = |(number, state): (u64, &VersionState)| crate::model::Version {
            number,
            state: *state,
            encoding: crate::model::Encoding::Utf8,
            fingerprint: crate::model::Fingerprint::of([0; 8]),
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "admin".parse().unwrap(),
            note: None,
        };
        let versions = (1..).zip(states).map(version).collect();
        Secret { id: id.parse().unwrap(), versions, ..stand_in().clone() }
    }

    #[test]
    fn counts_and_order_follow_every_change() {
        let (mut registry, grace) = (Registry::default(), VersionState::Previous { until: Timestamp::MAX });
        let seen = |registry: &Registry| {
            let secrets = &registry.secrets;
            let ids: Vec<_> =
                secrets.range(Bound::Unbounded).map(|(id, _)| id.to_string()[10..].to_owned()).collect();
            (ids.concat(), secrets.len(), secrets.pending(), secrets.in_grace().count())
        };
        registry.put_secret(secret("c", &[VersionState::Current]), 1);
        registry.put_secret(secret("a", &[grace, VersionState::Current, VersionState::Pending]), 1);
        registry.put_secret(secret("b", &[VersionState::Pending]), 1);
        assert_eq!(seen(&registry), ("abc".to_owned(), 3, 2, 1));
        registry.put_secret(secret("a", &[VersionState::Retired, VersionState::Current]), 2);
        registry.put_secret(secret("c", &[grace, VersionState::Current]), 2);
        assert_eq!(seen(&registry), ("abc".to_owned(), 3, 1, 1));
        for id in ["a", "b", "b", "c"] {
            registry.secrets.remove(&id.parse().unwrap());
        }
        assert_eq!(seen(&registry), (String::new(), 0, 0, 0));
    }

    #[test]
    fn another_revision_keeps_values_and_uses_and_shares_words() {
        let mut registry = Registry::default();
        registry.put_secret(secret("a", &[VersionState::Current]), 1);
        registry.put_secret(secret("b", &[VersionState::Current]), 1);
        let id: SecretId = "a".parse().unwrap();
        let key = StoreKey::from_bytes(&[3; StoreKey::LEN]).unwrap();
        let value = |bytes: usize| SealedValue::new(key, Sealed::from_store(vec![0; bytes]));
        let kept = registry.secrets.get_mut(&id).unwrap();
        kept.uses.record(&"fsm".parse().unwrap(), 1, Timestamp::UNIX_EPOCH);
        for number in [2, 1, 2] {
            kept.values.insert(number, value(HELD));
        }
        registry.put_secret(secret("a", &[VersionState::Current]), 2);
        let (a, b) = (registry.secrets.get(&id).unwrap(), registry.secrets.named("custsecretb").unwrap());
        assert_eq!((a.revision, a.uses.all().len()), (2, 1));
        assert_eq!(a.values.numbers().collect::<Vec<_>>(), [1, 2]);
        assert!(a.values.get(2).unwrap().held.is_some() && a.values.get(3).is_none());
        assert!(value(HELD + 1).held.is_none());
        assert!(std::ptr::eq(a.noun.created_by.as_str(), b.noun.created_by.as_str()));
    }
}
