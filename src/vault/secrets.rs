//! API secrets: create, list, see.

use std::num::NonZeroU64;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::civil::Date;

use super::burial;
use super::error::VaultError;
use super::filter::SecretFilter;
use super::lifecycle::Vault;
use super::lives::Reborn;
use super::manage::Cleared;
use super::named::{check_employees, check_rules};
use super::noun::Noun;
use super::registry::KeptSecret;
use super::revision::Revision;
use super::session::Asker;
use super::state::Unsealed;
use crate::audit::Entry;
use crate::model::{
    Employee, Encoding, FieldError, Fingerprint, Integration, Origin, Release, Restrictions, Scope, Secret,
    SecretId, SuiteAppId, Version, VersionState, check_value,
};
use crate::policy::Action;
use crate::secret::Plaintext;

/// Secrets that a list looks at while the registry is held.
const LOOK: usize = 1024;

/// A secret to be made.
pub struct NewSecret {
    pub id: SecretId,
    pub name: String,
    pub description: String,
    pub owners: Vec<Employee>,
    pub release: Release,
    pub restrictions: Restrictions,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
    pub value: Plaintext,
}

/// A secret's metadata as it stands.
pub struct SeenSecret {
    pub secret: Arc<Secret>,
    /// The integration that owns it.
    owner: Option<Arc<Integration>>,
    pub revision: Revision,
    pub at: Timestamp,
}

impl SeenSecret {
    /// The rules that hold for it: its integration's, if one owns it. None: it serves nobody.
    pub fn restrictions(&self) -> Option<&Restrictions> {
        standing(&self.secret, self.owner.as_deref()).restrictions
    }

    /// Its integration's, else the ID of the SuiteApp that it is shared with.
    pub fn application_id(&self) -> Option<&str> {
        standing(&self.secret, self.owner.as_deref()).application_id
    }
}

/// What holds for a secret beside its own record.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    /// As of a [`SeenSecret`].
    pub restrictions: Option<&'a Restrictions>,
    pub application_id: Option<&'a str>,
}

/// Part of a list.
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether there are more behind the last.
    pub more: bool,
}

impl<T> Page<T> {
    /// The first `limit` of what there is.
    pub(super) fn of(all: impl Iterator<Item = T>, limit: usize) -> Self {
        Self::within(all, limit, usize::MAX, |_| 0)
    }

    /// The first `limit` of what there is, or fewer that together weigh `most`; one in any case.
    pub(super) fn within(
        all: impl Iterator<Item = T>,
        limit: usize,
        most: usize,
        weight: impl Fn(&T) -> usize,
    ) -> Self {
        let (mut items, mut weigh) = (Vec::new(), 0);
        for item in all {
            weigh += weight(&item);
            if items.len() >= limit || (weigh > most && !items.is_empty()) {
                return Self { items, more: true };
            }
            items.push(item);
        }
        Self { items, more: false }
    }
}

impl Vault {
    /// Makes a secret with its first version. Its maker owns it unless owners are named.
    pub async fn create_secret(&self, asker: Asker<'_>, new: NewSecret) -> Result<SeenSecret, VaultError> {
        let turn = self.turn().await;
        let entry = Entry { secret: Some(new.id.shared()), ..asker.entry(None, "secret.create") };
        let cleared = self.clear_general(asker, Action::Create, entry).await?;
        let names = Reborn::secrets([&new.id]);
        let (cleared, line, _rebirth) = self.told_until_now(cleared, names).await?;
        let prepared = self.prepare_secret(&cleared, line, new);
        let (mut cleared, (secret, value)) = cleared.prepared(prepared).await?;
        cleared.entry.version = Some(secret.last_version);
        cleared.entry.fingerprint = secret.current().map(|first| first.fingerprint.as_str().into());
        let (id, at) = (secret.id.clone(), cleared.now);
        let value = Noun::Value { id: id.clone(), number: secret.last_version, value };
        self.commit(&turn, cleared, vec![Noun::Secret(secret), value]).await?;
        self.found(&id, at)
    }

    /// A secret that is there.
    pub(super) fn found(&self, id: &SecretId, at: Timestamp) -> Result<SeenSecret, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let kept = unsealed.registry.secrets.get(id).ok_or(VaultError::NotFound("secret"))?;
        Ok(seen(unsealed, kept, at))
    }

    pub(super) fn prepare_secret(
        &self,
        cleared: &Cleared,
        line: u64,
        new: NewSecret,
    ) -> Result<(Secret, Plaintext), VaultError> {
        let encoding = new.value.lend(check_value).map_err(|why| VaultError::invalid("/value", why))?;
        check_release(new.release, Some(&new.restrictions))?;
        let (number, fingerprint) = {
            let live = self.live();
            let unsealed = live.unsealed()?;
            check_employees(&unsealed.registry, &[], &new.owners, "/owners")?;
            check_rules(&unsealed.registry, None, Some(&new.restrictions))?;
            (burial::free(unsealed, &new.id)? + 1, unsealed.keys.fingerprint(&new.value))
        };
        let owners = if new.owners.is_empty() { vec![cleared.rights.employee.clone()] } else { new.owners };
        let secret = Secret {
            id: new.id,
            name: new.name.into(),
            description: new.description.into(),
            owners,
            restrictions: Some(new.restrictions.into()),
            integration: None,
            origin: Origin::ThisAccount,
            release: new.release,
            expires_on: new.expires_on,
            max_age_days: new.max_age_days,
            created_at: cleared.now,
            created_by: cleared.by.clone(),
            changed_at: cleared.now,
            last_version: number,
            versions: vec![first_version(cleared, number, encoding, fingerprint)],
            since_line: NonZeroU64::new(line),
        };
        Ok((secret, new.value))
    }

    /// The wanted ones of the secrets that the operator may see, ordered by ID, from `after` on.
    pub async fn list_secrets(
        &self,
        asker: Asker<'_>,
        filter: &SecretFilter,
        after: Option<&SecretId>,
        limit: usize,
    ) -> Result<Page<SeenSecret>, VaultError> {
        let cleared = self.clear_general(asker, Action::List, asker.entry(None, "secret.list")).await?;
        let (filter, mut found, mut next) = (filter.folded(), Vec::new(), after.cloned());
        while let Some(behind) = self.look_through(&cleared, &filter, next.as_ref(), limit + 1, &mut found)? {
            next = Some(behind);
            tokio::task::yield_now().await;
        }
        self.looked(cleared).await?;
        Ok(Page::of(found.into_iter(), limit))
    }

    /// Finds wanted secrets among the next few, until there are `most`. Returns behind which one to go on, if there is
    /// more to look at: a filter that finds little looks at all there are, and nobody else waits for that long.
    fn look_through(
        &self,
        cleared: &Cleared,
        filter: &SecretFilter,
        after: Option<&SecretId>,
        most: usize,
        found: &mut Vec<SeenSecret>,
    ) -> Result<Option<SecretId>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        let mut last = None;
        for (at, (id, kept)) in unsealed.registry.secrets.range(lower(after)).enumerate() {
            if at == LOOK {
                return Ok(last);
            }
            last = Some(id.clone());
            let wanted = || {
                let owner = unsealed.registry.owner(&kept.noun);
                filter.wants(&kept.noun, standing(&kept.noun, owner), &cleared.rights.employee)
            };
            if cleared.sees(&kept.noun.owners) && wanted() {
                found.push(seen(unsealed, kept, cleared.now));
                if found.len() == most {
                    break;
                }
            }
        }
        Ok(None)
    }

    /// One secret's metadata.
    pub async fn see_secret(&self, asker: Asker<'_>, id: &SecretId) -> Result<SeenSecret, VaultError> {
        let cleared = self.clear_secret(asker, Action::See, id, "secret.show").await?;
        let found = self.found(id, cleared.now)?;
        self.looked(cleared).await?;
        Ok(found)
    }
}

/// Where a page begins: after the cursor, or at the beginning.
pub(super) fn lower<T>(after: Option<&T>) -> std::ops::Bound<&T> {
    after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded)
}

/// The first version of a secret, current at once. Its number is 1, unless the ID had a life before.
pub(super) fn first_version(
    cleared: &Cleared,
    number: u64,
    encoding: Encoding,
    fingerprint: Fingerprint,
) -> Version {
    Version {
        number,
        state: VersionState::Current,
        encoding,
        fingerprint,
        created_at: cleared.now,
        created_by: cleared.by.clone(),
        note: None,
    }
}

/// A value that is never returned must not be sent just anywhere either.
pub(super) fn check_release(release: Release, rules: Option<&Restrictions>) -> Result<(), VaultError> {
    if release == Release::UseOnly && rules.is_some_and(|rules| rules.domains == Scope::All) {
        let why = "use_only with allow_all_domains would let the value be sent anywhere; list the domains";
        return Err(VaultError::invalid("/release", why));
    }
    Ok(())
}

/// A pair's half must be text, as its JSON has no place for anything else.
pub(super) fn check_half(value: &Plaintext, pointer: &str) -> Result<Encoding, FieldError> {
    match value.lend(check_value) {
        Ok(Encoding::Base64) => Err(FieldError::new(pointer, "is no UTF-8 text")),
        Ok(encoding) => Ok(encoding),
        Err(why) => Err(FieldError::new(pointer, why)),
    }
}

fn standing<'a>(secret: &'a Secret, owner: Option<&'a Integration>) -> Standing<'a> {
    let restrictions = match &secret.integration {
        Some(_) => owner.and_then(|record| record.restrictions.as_ref()),
        None => secret.restrictions.as_deref(),
    };
    let suiteapp = || restrictions.and_then(|rules| rules.suiteapp.as_ref());
    let application_id = match owner {
        Some(record) => Some(record.application_id.as_str()),
        None => suiteapp().map(SuiteAppId::as_str),
    };
    Standing { restrictions, application_id }
}

fn seen(unsealed: &Unsealed, kept: &KeptSecret, at: Timestamp) -> SeenSecret {
    let secret = Arc::clone(&kept.noun);
    let integrations = &unsealed.registry.integrations;
    let owner = secret.integration.as_ref().and_then(|name| integrations.get(name));
    let owner = owner.map(|kept| Arc::clone(&kept.noun));
    let revision = Revision::new(kept.revision, secret.created_at);
    SeenSecret { secret, owner, revision, at }
}

/// The secret that an unknown ID is decided against: like the FSM pair's, for a script that nobody runs.
pub(super) fn stand_in() -> &'static Secret {
    static STAND_IN: LazyLock<Secret> = LazyLock::new(|| {
        let known = "a constant of the product";
        Secret {
            id: "custsecret_stand_in".parse().expect(known),
            name: "".into(),
            description: "".into(),
            owners: Vec::new(),
            restrictions: Some(Arc::new(Restrictions {
                scripts: Scope::Only(vec!["customscript_stand_in".parse().expect(known)]),
                domains: Scope::All,
                employees: Vec::new(),
                suiteapp: None,
            })),
            integration: None,
            origin: Origin::ThisAccount,
            release: Release::Reveal,
            expires_on: None,
            max_age_days: None,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: "nobody".parse().expect(known),
            changed_at: Timestamp::UNIX_EPOCH,
            last_version: 0,
            versions: Vec::new(),
            since_line: None,
        }
    });
    &STAND_IN
}
