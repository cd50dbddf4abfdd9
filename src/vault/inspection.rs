//! A look at a data directory at rest, for whoever wonders why it doesn't start: what is there, whether it opens and is
//! whole. Reads; changes nothing but what opening the store does by itself.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::statvfs;

use super::census::Flaws;
use super::directory::Directory;
use super::epoch::{EpochFile, Witnesses};
use super::error::VaultError;
use super::lifecycle::open_store;
use super::loading::{Loaded, load};
use super::registry::Registry;
use super::rollback::RolledBack;
use crate::audit;
use crate::identity::{FileError, TlsDirectory};
use crate::keys::Header;
use crate::secret::Plaintext;
use crate::store::Store;

/// Below this many free bytes the store takes no more writes; here a multiple of it is worth a word.
const SCARCE: u64 = 256 * 1024 * 1024;
/// A certificate that ends within this time is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Fine,
    /// It works, and something should be done.
    Doubtful,
    /// It doesn't work, or isn't safe.
    Bad,
    /// It couldn't be looked at.
    Unseen,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub at: &'static str,
    pub health: Health,
    pub found: String,
    /// What to do about it; none where nothing has to be done.
    pub advice: Option<String>,
}

impl Looked {
    pub fn fine(at: &'static str, found: impl Into<String>) -> Self {
        Self { at, health: Health::Fine, found: found.into(), advice: None }
    }

    pub fn other(
        at: &'static str,
        health: Health,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { at, health, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Looks at the directory; with the passphrase into it as well: every record, and all of the audit log.
pub async fn inspect(directory: &Directory, passphrase: Option<Plaintext>, now: Timestamp) -> Vec<Looked> {
    let mut seen = vec![owner(directory)];
    if !directory.path().is_dir() {
        return seen;
    }
    seen.extend(modes(directory));
    seen.extend(space(directory.path()));
    seen.extend(certificates(directory, now));
    match open_store(directory) {
        Err(VaultError::InUse(_)) => seen.push(Looked::other(
            "store",
            Health::Unseen,
            "in use by another fsm-vault process",
            "stop the daemon to look into its files, or ask it: fsm-vault doctor, without --data-dir",
        )),
        Err(error) => seen.push(bad("store", &error)),
        Ok(store) => seen.extend(inside(directory, store, passphrase).await),
    }
    seen
}

fn owner(directory: &Directory) -> Looked {
    let path = directory.path().display();
    match directory.refuse_other_owner() {
        Err(error) => bad("data directory", &error),
        Ok(()) if !directory.path().is_dir() => bad("data directory", &VaultError::NoVault(path.to_string())),
        Ok(()) => Looked::fine("data directory", path.to_string()),
    }
}

/// What others than the owner may do with what nobody else should have.
fn modes(directory: &Directory) -> Option<Looked> {
    let places = [directory.path().to_owned(), directory.store(), directory.audit(), directory.tls()];
    let open = places.iter().find(|path| {
        let mode = std::fs::metadata(path).map(|found| found.mode());
        mode.is_ok_and(|mode| mode & 0o077 != 0)
    })?;
    let path = open.display();
    Some(Looked::other(
        "permissions",
        Health::Bad,
        format!("others than the owner may enter {path}"),
        format!("take it from them: chmod 0700 {path}"),
    ))
}

fn space(path: &Path) -> Option<Looked> {
    let space = statvfs(path).ok()?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let found = format!("{} MiB free", free >> 20);
    Some(if free < SCARCE {
        let advice = "make room on the disk: below some 16 MiB changes are refused, and without room for the log \
                      everything is";
        Looked::other("space", Health::Doubtful, found, advice)
    } else {
        Looked::fine("space", found)
    })
}

fn certificates(directory: &Directory, now: Timestamp) -> Vec<Looked> {
    let anew = "start the daemon with --passphrase-file: unsealed, it writes it anew";
    let tls = match TlsDirectory::open(&directory.tls()) {
        Ok(tls) => tls,
        Err(error) => return vec![bad("tls", &error.into())],
    };
    let server = match tls.server_certificate() {
        Err(error) => {
            Looked::other("server certificate", Health::Bad, error.to_string(), unless_kept(&error, anew))
        }
        Ok(certificate) => ends("server certificate", certificate.expires_at(), now, anew),
    };
    let operators = match tls.operators() {
        Err(error) => {
            Looked::other("operators while sealed", Health::Bad, error.to_string(), unless_kept(&error, anew))
        }
        Ok(known) => match known.iter().map(|each| each.not_after).max() {
            Some(last) => ends(
                "operators while sealed",
                last,
                now,
                "renew an operator's certificate in time: fsm-vault caller renew; once all have expired: fsm-vault \
                 operator recover",
            ),
            None => Looked::other("operators while sealed", Health::Bad, "none is known", anew),
        },
    };
    let authority = match tls.local_root() {
        Ok(root) => Looked::fine("local CA", format!("trust domain {}", root.trust_domain())),
        Err(error) => {
            Looked::other("local CA", Health::Bad, error.to_string(), "put it back, then look again")
        }
    };
    vec![authority, server, operators]
}

/// What to do about a file, unless it is only kept from who looks.
fn unless_kept(error: &FileError, advice: &'static str) -> &'static str {
    match error {
        FileError::Foreign { .. } | FileError::Exposed { .. } => "mend that, then look again",
        _ => advice,
    }
}

fn ends(at: &'static str, end: Timestamp, now: Timestamp, advice: &str) -> Looked {
    let day = end.strftime("%Y-%m-%d");
    if end <= now {
        Looked::other(at, Health::Bad, format!("expired on {day}"), advice)
    } else if end.duration_since(now) < SOON {
        Looked::other(at, Health::Doubtful, format!("ends on {day}"), advice)
    } else {
        Looked::fine(at, format!("until {day}"))
    }
}

async fn inside(directory: &Directory, store: Arc<dyn Store>, passphrase: Option<Plaintext>) -> Vec<Looked> {
    let header = match store.header().await {
        Err(error) => return vec![bad("store", &error.into())],
        Ok(None) => {
            return vec![bad("store", &directory.no_vault())];
        }
        Ok(Some(bytes)) => match Header::parse(&bytes) {
            Err(error) => return vec![bad("header", &error.into())],
            Ok(header) => header,
        },
    };
    let mut seen = vec![Looked::fine("header", format!("vault {}", header.vault()))];
    let Some(passphrase) = passphrase else {
        seen.push(Looked::other(
            "records",
            Health::Unseen,
            "sealed",
            "with --passphrase-file every record and the whole audit log are looked at",
        ));
        return seen;
    };
    let vault = header.vault().to_string();
    let unlocking = tokio::task::spawn_blocking(move || header.unlock(&passphrase));
    let loaded = match unlocking
        .await
        .map_err(|_| crate::crypto::Failed.into())
        .and_then(|unlocked| unlocked.map_err(VaultError::from))
    {
        Err(error) => {
            seen.push(bad("passphrase", &error));
            return seen;
        }
        Ok(keys) => load(&*store, keys).await,
    };
    match loaded {
        Err(error) => seen.push(bad("records", &error)),
        Ok(loaded) => {
            seen.push(match loaded.flaws.refuse() {
                Ok(()) => Looked::fine("records", counted(&loaded.registry)),
                Err(error) => bad("records", &error),
            });
            seen.extend(authority(directory, &loaded));
            seen.push(epoch(directory, &loaded));
            seen.push(log(directory, vault, &loaded));
        }
    }
    seen
}

/// Whether the CA's certificate outside the store is another one than inside; that it can't be read is told elsewhere.
fn authority(directory: &Directory, loaded: &Loaded) -> Option<Looked> {
    let tls = TlsDirectory::open(&directory.tls()).ok()?;
    // One that nobody can read is told already.
    tls.local_root().ok()?;
    let is_other = tls.authority_pem().ok()? != loaded.authority.certificate_pem();
    is_other.then(|| bad("local CA", &tls.foreign_authority().into()))
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

fn epoch(directory: &Directory, loaded: &Loaded) -> Looked {
    let filed = match EpochFile::at(directory.epoch()).read(&loaded.keys) {
        Ok(filed) => filed,
        Err(error) => return bad("epoch", &error),
    };
    let store = loaded.registry.epoch();
    let witnesses = Witnesses { store, filed, logged: None, is_outrun: false, filed_before: loaded.counted };
    match witnesses.judge() {
        None => Looked::fine("epoch", format!("{store}: no newer one is known beside the store")),
        age => {
            let (flaws, lacks) = (Flaws::default(), (0, None));
            bad("epoch", &RolledBack { store, age, flaws, lacks, witnessed: witnesses.highest() }.into())
        }
    }
}

fn log(directory: &Directory, vault: String, loaded: &Loaded) -> Looked {
    let checkpoint = loaded.registry.checkpoint.as_ref().map(|kept| &kept.checkpoint);
    let keys = loaded.registry.chain_keys(&loaded.keys);
    match audit::verify_at_rest(&directory.audit(), vault, keys, checkpoint) {
        Err(error @ audit::AuditError::Newer { .. }) => bad("audit log", &error.into()),
        Err(error) => Looked::other(
            "audit log",
            Health::Bad,
            error.to_string(),
            "see that the daemon's user owns audit/ and everything in it",
        ),
        Ok(audit::Report { first_bad: None, entries, segments, .. }) => {
            Looked::fine("audit log", format!("intact: {entries} entries in {segments} segments"))
        }
        Ok(audit::Report { first_bad: Some(first), .. }) => Looked::other(
            "audit log",
            Health::Bad,
            format!("not as it was written: {} (segment {}, line {})", first.flaw, first.segment, first.line),
            "keep a copy of audit/ as it is and find out who could write there; the daemon goes on in a new segment",
        ),
    }
}

fn bad(at: &'static str, error: &VaultError) -> Looked {
    let advice = match error {
        VaultError::Damaged(_) | VaultError::Store(_) => {
            "restore a backup into a new directory: fsm-vault backup restore FILE --data-dir NEW; keep this one"
        }
        VaultError::WrongPassphrase => {
            "give the passphrase that `init` or `passphrase change` was given last"
        }
        VaultError::Newer { .. } => {
            "a newer fsm-vault wrote this: install it again, and leave everything here as it is. Only if there is no such \
             release was it damaged: restore a backup then"
        }
        _ => "mend that, then look again",
    };
    Looked::other(at, Health::Bad, error.to_string(), advice)
}
