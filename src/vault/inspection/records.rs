//! What is in the store, as far as the passphrase opens it: every record, and the audit log and the epoch beside it.

use std::sync::Arc;

use super::super::census::Flaws;
use super::super::directory::Directory;
use super::super::epoch::{EpochFile, Witnesses};
use super::super::error::VaultError;
use super::super::loading::{Loaded, load};
use super::super::registry::Registry;
use super::super::rollback::RolledBack;
use super::advice::bad;
use super::{Health, Looked};
use crate::audit::{self, Flaw};
use crate::identity::{TlsDirectory, typed};
use crate::keys::Header;
use crate::secret::Plaintext;
use crate::store::Store;

/// Looks inside. The passphrase is asked for once there is something that it could open; none, and what it would have
/// opened is told as not seen.
pub async fn inside<E>(
    directory: &Directory,
    store: Arc<dyn Store>,
    passphrase: impl FnOnce() -> Result<Option<Plaintext>, E>,
) -> Result<Vec<Looked>, E> {
    let header = match store.header().await {
        Err(error) => return Ok(vec![bad("store", &error.into(), directory)]),
        Ok(None) => return Ok(vec![bad("store", &directory.no_vault(), directory)]),
        Ok(Some(bytes)) => match Header::parse(&bytes) {
            Err(error) => return Ok(vec![bad("header", &error.into(), directory)]),
            Ok(header) => header,
        },
    };
    let mut seen = vec![Looked::fine("header", format!("vault {}", header.vault()))];
    let Some(passphrase) = passphrase()? else {
        seen.push(unopened(directory));
        return Ok(seen);
    };
    let vault = header.vault().to_string();
    let unlocking = tokio::task::spawn_blocking(move || header.unlock(&passphrase));
    let loaded = match unlocking
        .await
        .map_err(|_| crate::crypto::Failed.into())
        .and_then(|unlocked| unlocked.map_err(VaultError::from))
    {
        Err(error) => {
            seen.push(bad("passphrase", &error, directory));
            return Ok(seen);
        }
        Ok(keys) => load(&*store, keys).await,
    };
    match loaded {
        Err(error) => seen.push(bad("records", &error, directory)),
        Ok(loaded) => {
            seen.push(match loaded.flaws.refuse() {
                Ok(()) => Looked::fine("records", counted(&loaded.registry)),
                Err(error) => bad("records", &error, directory),
            });
            seen.extend(authority(directory, &loaded));
            let checkpoint = loaded.registry.checkpoint.as_ref().map(|kept| &kept.checkpoint);
            let keys = loaded.registry.chain_keys(&loaded.keys);
            let verified = audit::verify_at_rest(&directory.audit(), vault, keys, checkpoint);
            seen.push(epoch(directory, &loaded, verified.as_ref().ok().map(|report| &report.ahead)));
            seen.push(log(directory, verified));
        }
    }
    Ok(seen)
}

/// Names what nobody has looked at, so that an otherwise clean list isn't taken for a whole one.
fn unopened(directory: &Directory) -> Looked {
    let how = format!(
        "give the passphrase, at the question or by a file: fsm-vault doctor --data-dir {} --passphrase-file FILE",
        typed(directory.path())
    );
    let found =
        "not opened, for want of the passphrase; the epoch, the audit log and the CA weren't checked either";
    Looked::other("records", Health::Unseen, found, how)
}

/// Whether the CA's certificate outside the store is another one than inside; that it can't be read is told elsewhere.
fn authority(directory: &Directory, loaded: &Loaded) -> Option<Looked> {
    let tls = TlsDirectory::at(&directory.tls());
    // One that nobody can read is told already.
    tls.local_root().ok()?;
    let is_other = tls.authority_pem().ok()? != loaded.authority.certificate_pem();
    is_other.then(|| bad("local CA", &tls.foreign_authority().into(), directory))
}

fn counted(registry: &Registry) -> String {
    let active = registry.callers.values().filter(|kept| kept.noun.is_active()).count();
    format!(
        "all open: {} secrets, {} integrations, {} callers, {active} of them active",
        registry.secrets.len(),
        registry.integrations.len(),
        registry.callers.len()
    )
}

fn epoch(directory: &Directory, loaded: &Loaded, log: Option<&audit::Ahead>) -> Looked {
    let filed = match EpochFile::at(directory.epoch()).read(&loaded.keys) {
        Ok(filed) => filed,
        Err(error) => return bad("epoch", &error, directory),
    };
    let witnesses = Witnesses::of(&loaded.registry, filed, loaded.counted, log);
    let store = witnesses.store;
    match witnesses.judge() {
        None => Looked::fine("epoch", format!("{store}: no newer one is known beside the store")),
        age => {
            let flaws = Flaws::default();
            let lacks = log.map_or((0, None), |ahead| (ahead.changes, ahead.last.clone()));
            bad(
                "epoch",
                &RolledBack { store, age, flaws, lacks, witnessed: witnesses.highest() }.into(),
                directory,
            )
        }
    }
}

fn log(directory: &Directory, verified: Result<audit::Report, audit::AuditError>) -> Looked {
    match verified {
        Err(error @ audit::AuditError::Newer { .. }) => bad("audit log", &error.into(), directory),
        Err(error) => Looked::other(
            "audit log",
            Health::Bad,
            error.to_string(),
            format!(
                "see that the daemon's user owns all of it, and nobody else: ls -lnR {}",
                typed(&directory.audit())
            ),
        ),
        Ok(audit::Report { first_bad: None, entries, segments, .. }) => {
            Looked::fine("audit log", format!("intact: {entries} entries in {segments} segments"))
        }
        Ok(audit::Report { first_bad: Some(first @ audit::Finding { flaw: Flaw::Stray, .. }), .. }) => {
            Looked::other(
                "audit log",
                Health::Bad,
                first.what(),
                format!("mv {} SOMEWHERE", typed(&directory.audit().join(first.file()))),
            )
        }
        Ok(audit::Report { first_bad: Some(first), .. }) => Looked::other(
            "audit log",
            Health::Bad,
            match first.line {
                0 => format!("not as it was written: {}", first.what()),
                line => format!(
                    "not as it was written: {} (segment {}, line {line})",
                    first.what(),
                    first.segment
                ),
            },
            "keep a copy of audit/ as it is and find out who could write there; the daemon goes on in a new segment",
        ),
    }
}
