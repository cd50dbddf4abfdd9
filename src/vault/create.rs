//! A new vault: store, keys, local CA, first operator.

use std::sync::Arc;

use jiff::SignedDuration;

use super::census::Head;
use super::directory::Directory;
use super::enrol::enrolment;
use super::error::VaultError;
use super::lifecycle::{known, open_store, shown};
use super::noun::{Noun, first_batch};
use super::past::Past;
use crate::audit::{self, Entry, Log, Outcome};
use crate::clock::Clock;
use crate::crypto::Argon2Cost;
use crate::identity::{Authority, Existing, SubjectKey, TlsDirectory, write_identity};
use crate::keys::{Header, RecordName};
use crate::model::{
    Caller, CallerName, CallerState, Employee, Itself, Level, Pins, Role, SpiffeId, TrustDomain,
};
use crate::secret::Plaintext;
use crate::store::{Expect, SledStore, Store, StoreError};

/// How long the first operator's certificate lives.
const FIRST_OPERATOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What `init` is told.
pub struct NewVault {
    pub directory: Directory,
    pub passphrase: Plaintext,
    pub cost: Argon2Cost,
    pub trust_domain: TrustDomain,
    pub operator: CallerName,
    /// Who the first operator is in NetSuite.
    pub employee: Employee,
    pub audit: audit::Settings,
    pub clock: Arc<dyn Clock>,
}

/// Makes a vault, and the first operator's identity in `identities/`. Refuses an existing one. The one batch
/// that makes it a vault comes last: whatever fails before leaves none, and `init` may be tried again.
pub async fn create(new: NewVault) -> Result<(), VaultError> {
    let NewVault { directory, passphrase, cost, trust_domain, operator, employee, audit, clock } = new;
    let at = |source| VaultError::File { path: shown(directory.path()), source };
    operator.check_new().map_err(|why| VaultError::invalid("/operator", why))?;
    directory.refuse_other_owner()?;
    directory.refuse_lost_vault()?;
    directory.refuse_foreign_files(operator.as_str())?;
    directory.refuse_no_directories()?;
    directory.lay_out().map_err(at)?;
    let store = match SledStore::create(&directory.store()) {
        Err(StoreError::InUse) => return Err(VaultError::InUse(shown(directory.path()))),
        other => other?,
    };
    if store.header().await?.is_some() {
        return Err(VaultError::VaultExists(shown(directory.path())));
    }
    if directory.had_vault() {
        return Err(directory.no_vault());
    }
    if !store.page(None).await?.records.is_empty() {
        // Of a restore that failed: under this vault's header they would be damage.
        let why = format!("{} holds records of no vault; name a new directory", shown(directory.path()));
        return Err(VaultError::Conflict(why));
    }
    let making = tokio::task::spawn_blocking(move || Header::create(&passphrase, cost));
    let (header, keys) = making.await.map_err(|_| crate::crypto::Failed)??;
    let now = clock.now();

    let authority = Authority::create(&trust_domain, now)?;
    let spiffe_id = SpiffeId::of_caller(&trust_domain, &operator);
    let issued = authority.issue_caller(&spiffe_id, SubjectKey::Fresh, FIRST_OPERATOR, now)?;
    let caller = Caller {
        name: operator.clone(),
        spiffe_id,
        role: Role::Operator { level: Level::Full, employee },
        pins: Pins::default(),
        mail: None,
        keys: vec![issued.speaking],
        state: CallerState::Active,
        enrolled_at: now,
        enrolled_by: operator.clone(),
        employee_since: None,
        since_line: Some(0),
    };
    let server = authority.issue_server(now)?;
    let tls = TlsDirectory::open(&directory.tls())?;
    tls.write_authority(authority.certificate_pem())?;
    tls.write_server(&server)?;
    tls.write_operators(&known(&caller).collect::<Vec<_>>())?;
    let identity = directory.identity(operator.as_str());
    let (key_pem, ca) = (issued.key_pem.as_ref(), authority.certificate_pem());
    write_identity(&identity, &issued.certificate_pem, key_pem, ca, Existing::Replace)?;

    // A log left by an attempt that failed belongs to no vault.
    clear(&directory.audit()).map_err(at)?;
    let (log, _) =
        Log::open(audit, header.vault().to_string(), keys.chain_key().0, None, Arc::clone(&clock))?;
    let entry = Entry {
        caller: Some(Itself::Init.name().into()),
        action: "vault.create".into(),
        subject: Some(operator.shared()),
        outcome: Outcome::Allowed,
        changes: Some(enrolment(&caller)),
        ..Entry::default()
    };
    log.append_durably(entry).await?;
    let checkpoint = log.checkpoint().await?;
    // The census is taken at the first unsealing.
    let checkpoint = checkpoint
        .map(|checkpoint| Noun::Checkpoint(Head { checkpoint, census: None, past: Past::default() }));
    tokio::task::spawn_blocking(move || log.close()).await.map_err(|_| crate::crypto::Failed)?;

    let nouns = std::iter::once(Noun::Caller(caller)).chain(checkpoint).collect();
    let key = keys.store_key(&RecordName::Authority);
    let sealed = keys.seal(&key, 1, &authority.to_record())?;
    let batch = first_batch(&keys, nouns)?.put(key, Expect::Absent, sealed).header(header.to_bytes());
    store.commit(batch).await?;
    Ok(())
}

/// Refuses a directory that holds a vault, before anybody is asked for a passphrase.
pub async fn refuse_existing(directory: &Directory) -> Result<(), VaultError> {
    directory.refuse_other_owner()?;
    directory.refuse_lost_vault()?;
    match open_store(directory) {
        Ok(store) if store.header().await?.is_some() => Err(VaultError::VaultExists(shown(directory.path()))),
        Ok(_) if directory.had_vault() => Err(directory.no_vault()),
        // Nothing there, or what an attempt that failed has left: the making decides.
        Ok(_) | Err(VaultError::NoVault(_) | VaultError::File { .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

fn clear(directory: &std::path::Path) -> std::io::Result<()> {
    for file in std::fs::read_dir(directory)? {
        std::fs::remove_file(file?.path())?;
    }
    Ok(())
}
