//! From a backup to a vault in a directory of its own.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::inspect::Inspected;
use crate::audit::{self, Entry, Log, Outcome};
use crate::backup::BackupError;
use crate::clock::Clock;
use crate::crypto::Failed;
use crate::identity::TlsDirectory;
use crate::keys::{RecordKind, RecordName, StoreKey};
use crate::model::{Caller, CallerName, CallerState, Itself, NoticeKind, UsesMark};
use crate::store::{Batch, Expect, SledStore, Store, StoreError};
use crate::vault::VaultError;
use crate::vault::census::Head;
use crate::vault::directory::Directory;
use crate::vault::lifecycle::{known, shown};
use crate::vault::loading::Loaded;
use crate::vault::noun::{Noun, seal};

/// Bytes of records that are written together.
const BATCH: usize = 4 << 20;
/// Names in the audit entry; more are counted.
const NAMED: usize = 1000;

/// What `restore` is told.
pub struct Restoring {
    pub directory: Directory,
    /// Active callers of the backup that are to be revoked.
    pub without: Vec<CallerName>,
    pub audit: audit::Settings,
    pub clock: Arc<dyn Clock>,
}

/// Who came out of it.
pub struct Restored {
    pub active: Vec<CallerName>,
    pub revoked: Vec<CallerName>,
}

/// Makes the vault of a backup anew: its store, its CA and callers as they were, a log that begins with this. Its header
/// comes last: whatever fails before leaves none, and the mark that tells of it.
pub async fn restore_backup(backup: Inspected, plan: Restoring) -> Result<Restored, VaultError> {
    let Restoring { directory, without, audit, clock } = plan;
    let now = clock.now();
    let (revoked, restored) = judge(&backup, &without, now)?;
    let at = |source| VaultError::File { path: shown(directory.path()), source };
    directory.refuse_other_owner()?;
    directory.refuse_unless_empty()?;
    directory.lay_out().map_err(at)?;
    directory.begin_restore().map_err(at)?;
    failpoint!("restore.begun");
    let store = SledStore::create(&directory.store())?;
    fill(&backup, &store).await?;
    failpoint!("restore.filled");

    let Inspected { vault, made_at, manifest, header, loaded, .. } = backup;
    let Loaded { keys, authority, mut registry, .. } = loaded;
    // The census is taken at the first unsealing, as in a vault that was just made.
    let floor = registry.raised_floor(now.max(made_at));
    let past = registry.past.restored(manifest.audit.seq, floor);
    let (log, _) = Log::open(audit, vault.to_string(), keys.chain_key().0, None, Arc::clone(&clock))?;
    let names = |all: &[CallerName]| all.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let entry = Entry {
        caller: Some(by_restore().shared()),
        action: "vault.restore".into(),
        outcome: Outcome::Allowed,
        changes: Some(json!({
            "backup": { "made_at": made_at, "made_by": manifest.made_by, "audit": manifest.audit },
            "lines_before": past.lines_before,
            "active": names(&restored.active), "active_count": restored.active.len(),
            "revoked": names(&restored.revoked), "revoked_count": restored.revoked.len(),
        })),
        ..Entry::default()
    };
    log.append_durably(entry).await?;
    let checkpoint = log.checkpoint().await?;
    let checkpoint = checkpoint.map(|checkpoint| Noun::Checkpoint(Head { checkpoint, census: None, past }));
    tokio::task::spawn_blocking(move || log.close()).await.map_err(|_| Failed)?;

    // Fetches are counted up to a line of the old log, which isn't here.
    let mark = registry.mark.revision.map(|_| Noun::UsesMark(UsesMark { seq: 0 }));
    let nouns = revoked.iter().cloned().map(Noun::Caller).chain(mark).chain(checkpoint).collect();
    let (batch, _) = seal(&keys, &registry, nouns)?;
    for caller in revoked {
        let revision = registry.callers.get(&caller.name).map_or(0, |kept| kept.revision);
        registry.put_caller(caller, revision);
    }
    let tls = TlsDirectory::open(&directory.tls())?;
    tls.write_authority(authority.certificate_pem())?;
    tls.write_server(&authority.issue_server(now)?)?;
    tls.write_operators(&registry.active_full_operators().flat_map(known).collect::<Vec<_>>())?;
    failpoint!("restore.commit");
    store.commit(batch.header(header)).await?;
    failpoint!("restore.committed");
    directory.end_restore().map_err(at)?;
    Ok(restored)
}

/// The callers that are to be revoked, and who is what then. One that was revoked already is as it shall be. The last full
/// operator can't be.
fn judge(
    backup: &Inspected,
    without: &[CallerName],
    now: Timestamp,
) -> Result<(Vec<Caller>, Restored), VaultError> {
    let mut revoked = Vec::new();
    for name in without.iter().filter(|name| !backup.is_revoked(name)) {
        let found = backup.active_callers().find(|caller| caller.name == *name);
        let caller = found.ok_or(VaultError::NotFound("active caller in the backup"))?;
        let state = CallerState::Revoked { revoked_at: now, revoked_by: by_restore() };
        if revoked.iter().all(|each: &Caller| each.name != *name) {
            revoked.push(Caller { state, ..Caller::clone(caller) });
        }
    }
    let is_left_out = |caller: &Caller| revoked.iter().any(|each| each.name == caller.name);
    let stays = |caller: &&Arc<Caller>| !is_left_out(caller);
    // One of a foreign trust domain can't unseal, nor be recovered.
    let manages = |caller: &Arc<Caller>| caller.is_active_full_operator() && !caller.keys.is_empty();
    if !backup.active_callers().filter(stays).any(manages) {
        let why = "no full operator would be left: leave one in who can manage the vault";
        return Err(VaultError::Conflict(why.to_owned()));
    }
    let active = backup.active_callers().filter(stays).map(|caller| caller.name.clone()).collect();
    let names = revoked.iter().map(|caller| caller.name.clone()).collect();
    Ok((revoked, Restored { active, revoked: names }))
}

/// Whom the registrations name that are revoked here.
fn by_restore() -> CallerName {
    Itself::Restore.name().parse().expect("a caller's name may be these letters")
}

/// Writes every record as it is in the backup. The file is read once more, and must be the same.
async fn fill(backup: &Inspected, store: &SledStore) -> Result<(), VaultError> {
    let closed = backup.again()?;
    let keys = backup.loaded.keys.backup_keys(closed.head.salt());
    let (mut reader, _) = closed.unlock(keys)?;
    let (mut batch, mut bytes) = (Batch::new(), 0);
    let of_old_log: HashSet<_> = damage_notices(&backup.loaded).collect();
    while let Some((key, sealed)) = reader.record()? {
        // It belongs to segments of the old log, which isn't here.
        if key.kind() == RecordKind::FormerChain || of_old_log.contains(&key) {
            continue;
        }
        bytes += sealed.as_bytes().len();
        batch = batch.put(key, Expect::Absent, sealed);
        if bytes >= BATCH {
            commit(store, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
    }
    if reader.digest() != backup.digest {
        return Err(BackupError::Content("it was exchanged while it was read").into());
    }
    commit(store, batch).await
}

/// Of damage to the old log, told by its segments' numbers: the new one begins with the same.
fn damage_notices(loaded: &Loaded) -> impl Iterator<Item = StoreKey> {
    let told = loaded.registry.notices.keys().filter(|id| id.kind() == NoticeKind::AuditDamage);
    told.map(|id| loaded.keys.store_key(&RecordName::Notice(id)))
}

async fn commit(store: &SledStore, batch: Batch) -> Result<(), VaultError> {
    match store.commit(batch).await {
        Err(StoreError::Full) => Err(VaultError::Full),
        other => Ok(other?),
    }
}
