//! A vault from the daemon's start to its end: what it consists of, opened sealed; how it ends is in `ending`.

use std::io::ErrorKind;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use super::attempts::Attempts;
use super::backup::{Schedule, Snapshots};
use super::directory::Directory;
use super::epoch::EpochFile;
use super::error::VaultError;
use super::feed::Feed;
use super::fetching::Fetching;
use super::gate::recognised;
use super::joint::Joint;
use super::lives::Reborn;
use super::outgoing::{Departing, Departures};
use super::refused::Refused;
use super::rekey::is_others;
use super::reopening::Unsettled;
use super::session::{Asker, Session};
use super::state::Live;
use crate::audit::{self, Finding, Report};
use crate::clock::Clock;
use crate::identity::{FileError, KnownOperator, ServerCertificate, TlsDirectory, TrustRoot};
use crate::keys::{Header, VaultId};
use crate::policy::notices::NoticeRules;
use crate::policy::recognise;
use crate::store::{SledStore, Store, StoreError};

mod ending;
mod operators;

pub(super) use operators::known;

/// What a vault is opened with.
pub struct Opening {
    pub directory: Directory,
    pub store: Arc<dyn Store>,
    pub audit: audit::Settings,
    pub notices: NoticeRules,
    pub clock: Arc<dyn Clock>,
}

/// The vault. Shared by all who serve it; every method takes `&self`.
pub struct Vault {
    /// Replaced by a rekey, under `live`.
    store: Mutex<Arc<dyn Store>>,
    pub(super) audit: audit::Settings,
    pub(super) clock: Arc<dyn Clock>,
    /// Replaced as a whole, with its record, by a change of the key slots.
    header: Mutex<Arc<Header>>,
    id: VaultId,
    pub(super) live: RwLock<Live>,
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Held by the first of those who wait for the turn, until it has it.
    pub(super) queue: tokio::sync::Mutex<()>,
    /// Held while what is sealed is still being wiped. Taken by whoever has the turn; never waited for with it otherwise.
    wiping: tokio::sync::Mutex<()>,
    /// Who waits for it with what can't wait: a rekey gives it up for them.
    pub(super) urgent: AtomicUsize,
    /// Shared by fetches from before their audit entry until they are counted; alone by whoever records the counts.
    pub(super) fetching: Fetching,
    /// Names whose next life is being made, by whoever has the turn.
    pub(super) reborn: Mutex<Reborn>,
    /// Places for opening large values, each of which takes a thread for milliseconds.
    pub(super) large: Semaphore,
    pub(super) attempts: tokio::sync::Mutex<Attempts>,
    pub(super) refused: Mutex<Refused>,
    /// Full operators as last recorded in `tls/`, for the time when the registry is sealed.
    pub(super) operators: Mutex<Vec<KnownOperator>>,
    /// The file with that list couldn't be written.
    operators_owed: AtomicBool,
    /// What a rekey has left couldn't be removed.
    pub(super) next_owed: AtomicBool,
    /// Which store the disk holds isn't known since a rekey failed: it stays sealed in this process.
    pub(super) is_undecided: AtomicBool,
    pub(super) tls: TlsDirectory,
    pub(super) certificate: ServerCertificate,
    pub(super) departures: Departures,
    /// What happened, for those who wait for it.
    pub(super) feed: Arc<Feed>,
    /// Whether a verification has found the log other than it was written.
    pub(super) found_bad: AtomicBool,
    /// Verifications of the log.
    pub(super) verifying: Joint<Report>,
    /// Evaluations of all notices, for who lists them.
    pub(super) evaluating: Joint<()>,
    /// Held by a page of the log: whoever reads it over and over takes one processor at most. Waited for in the order of
    /// asking, by one request of each caller, before anything of the vault is held.
    pub(super) paging: tokio::sync::Mutex<()>,
    pub(super) directory: Directory,
    pub(super) epoch_file: EpochFile,
    pub(super) notice_rules: NoticeRules,
    /// Attempts to tell of notices that failed, by way.
    pub(super) failed_deliveries: [AtomicU64; 2],
    /// Told when notices were raised.
    pub(super) raised: tokio::sync::watch::Sender<()>,
    /// What a failed write has left unknown. Never held across an `await`.
    pub(super) unsettled: Mutex<Unsettled>,
    /// The damage that the log had noticed when a verification found it whole again.
    pub(super) cured: Mutex<Option<Finding>>,
    /// Backups that are being made.
    pub(super) snapshots: Snapshots,
    pub(super) schedule: Schedule,
}

/// Opens the sled store of an existing vault, whose directory is its owner's alone from then on; a clear error when there
/// is none, or when it is held.
pub fn open_store(directory: &Directory) -> Result<Arc<dyn Store>, VaultError> {
    let store = open_to_look(directory)?;
    let kept = directory.keep_private();
    kept.map_err(|source| VaultError::File { path: shown(directory.path()), source })?;
    Ok(store)
}

/// The same, and who may enter the directory stays as it is.
pub(super) fn open_to_look(directory: &Directory) -> Result<Arc<dyn Store>, VaultError> {
    directory.refuse_other_owner()?;
    directory.refuse_no_directories()?;
    match SledStore::open(&directory.store()) {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::InUse) => Err(VaultError::InUse(shown(directory.path()))),
        Err(StoreError::Io(error)) if error.kind() == ErrorKind::NotFound => Err(directory.no_vault()),
        Err(StoreError::Io(error)) => {
            let source = match error.kind() {
                ErrorKind::PermissionDenied => {
                    let advice =
                        "the daemon's user has to own it and all that is in it, with the mode 0600 for files";
                    std::io::Error::new(error.kind(), format!("{error}; {advice}"))
                }
                _ => error,
            };
            Err(VaultError::File { path: shown(&directory.store()), source })
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl Vault {
    /// Opens a vault, sealed.
    pub async fn open(opening: Opening) -> Result<Self, VaultError> {
        let Opening { directory, store, audit, notices, clock } = opening;
        let header = store.header().await?.ok_or_else(|| directory.no_vault())?;
        // Before anything is changed: what a newer release has left may mean something to it.
        let header = Header::parse(&header)?;
        if let Err(error) = directory.end_restore() {
            tracing::warn!(error = %error, "the mark of a restore can't be removed");
        }
        // The store is held, and by nobody else: whatever a rekey that a crash ended has left is in nobody's use.
        let next_owed = match directory.clear_next() {
            Ok(()) => false,
            Err(error) if is_others(&error) => {
                tracing::warn!(error = %error, "something is in the way of a rekey");
                false
            }
            Err(error) => {
                tracing::warn!(error = %error, "what a rekey has left in store.next can't be removed; it is tried again");
                true
            }
        };
        let tls = TlsDirectory::open(&directory.tls())?;
        // Unsealing issues another one.
        let certificate = match tls.server_certificate() {
            Err(error @ FileError::Content { .. }) => {
                tracing::error!(error = %error, "the server's certificate can't be read");
                ServerCertificate::missing()
            }
            other => other?,
        };
        // Without the list a sealed vault knows nobody; unsealed at its start, it writes the list anew.
        let operators = Mutex::new(tls.operators().unwrap_or_else(|error| {
            tracing::error!(error = %error, "the list of operators can't be read");
            Vec::new()
        }));
        Ok(Self {
            store: Mutex::new(store),
            audit,
            clock,
            id: header.vault(),
            header: Mutex::new(Arc::new(header)),
            live: RwLock::new(Live::Sealed),
            turn: tokio::sync::Mutex::new(()),
            queue: tokio::sync::Mutex::new(()),
            wiping: tokio::sync::Mutex::new(()),
            urgent: AtomicUsize::new(0),
            fetching: Fetching::default(),
            large: Semaphore::new(available_parallelism().map_or(1, NonZero::get)),
            attempts: tokio::sync::Mutex::default(),
            refused: Mutex::default(),
            operators,
            operators_owed: AtomicBool::new(false),
            next_owed: AtomicBool::new(next_owed),
            is_undecided: AtomicBool::new(false),
            tls,
            certificate,
            departures: Departures::new(),
            reborn: Mutex::default(),
            feed: Arc::new(Feed::new()?),
            found_bad: AtomicBool::new(false),
            verifying: Joint::default(),
            evaluating: Joint::default(),
            paging: tokio::sync::Mutex::default(),
            epoch_file: EpochFile::at(directory.epoch()),
            directory,
            notice_rules: notices,
            failed_deliveries: Default::default(),
            raised: tokio::sync::watch::Sender::new(()),
            unsettled: Mutex::default(),
            cured: Mutex::default(),
            snapshots: Snapshots::default(),
            schedule: Schedule::default(),
        })
    }

    pub fn id(&self) -> VaultId {
        self.id
    }

    /// Where the records are now.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// The store that there was.
    pub(super) fn replace_store(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let mut held = self.store.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        std::mem::replace(&mut *held, store)
    }

    /// The key slots as they are now.
    pub(super) fn header(&self) -> Arc<Header> {
        Arc::clone(&self.header.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    pub(super) fn set_header(&self, header: Header) {
        *self.header.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(header);
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub fn is_sealed(&self) -> bool {
        matches!(*self.live(), Live::Sealed)
    }

    /// The server's certificate: read by every handshake, replaced here.
    pub fn server_certificate(&self) -> &ServerCertificate {
        &self.certificate
    }

    /// Refuses where there is none that anybody could be served with.
    pub fn refuse_without_certificate(&self) -> Result<(), VaultError> {
        if self.certificate.is_missing() {
            self.tls.server_certificate().map(drop)?
        }
        Ok(())
    }

    /// The local trust domain's root, for the handshakes.
    pub fn local_root(&self) -> Result<TrustRoot, VaultError> {
        Ok(self.tls.local_root()?)
    }

    /// For an answer with something secret that this request has made, to be kept with it until it has been sent. Under
    /// `live`, so that a seal or a revocation knows of it or has refused it.
    pub(super) fn departing(&self, asker: Asker<'_>) -> Result<Departing, VaultError> {
        let live = self.live();
        recognise(recognised(&live.unsealed()?.registry, asker), self.clock.now())?;
        Ok(self.departures.begin(&asker.session.outgoing, None))
    }

    /// What was released and is on its way out.
    pub fn departures(&self) -> &Departures {
        &self.departures
    }

    /// Whether what was released to this connection may still be sent: unsealed, and the caller one of ours.
    pub fn stands(&self, session: &Session) -> bool {
        let live = self.live();
        let asker = Asker { session, request_id: "" };
        live.unsealed()
            .is_ok_and(|open| recognise(recognised(&open.registry, asker), self.clock.now()).is_ok())
    }

    /// Whether the connection's caller is one no more: revoked, or its certificate has ended. It keeps a place of others'.
    pub fn is_gone(&self, session: &Session) -> bool {
        session.share.is_own() && !self.is_sealed() && !self.stands(session)
    }

    /// Refuses what is on its way out to somebody who has lost it.
    pub fn still_stands(&self, asker: Asker<'_>) -> Result<(), VaultError> {
        let live = self.live();
        recognise(recognised(&live.unsealed()?.registry, asker), self.clock.now())?;
        Ok(())
    }
}
