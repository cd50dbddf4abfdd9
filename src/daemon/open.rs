//! Load → open → unseal → bind.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::bind::bind;
use super::error::DaemonError;
use super::named::{self, Named, Unusable};
use super::serve::Daemon;
use super::signals::Signals;
use super::telling;
use crate::api::Api;
use crate::audit::{self, JOURNALD_SOCKET};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Limits, Listen, Settings};
use crate::identity::{ClientVerifier, server_config};
use crate::secret::Plaintext;
use crate::systemd::{Activated, Notifier};
use crate::vault::{
    BackupPlan, BackupRules, Bound, Bounds, Directory, Opening, Rate, Shares, Vault, open_store,
};

/// What to serve and where.
pub struct Plan {
    pub settings: Settings,
    /// None: the daemon comes up sealed.
    pub passphrase: Option<Plaintext>,
    /// Take the store as it is although it is older than what is known of it.
    pub accept_rollback: bool,
    /// What of the named files is known not to be usable; refused together with what is found of the others.
    pub unusable: Vec<Unusable>,
    /// Where to listen, unless systemd hands sockets over.
    pub listen: Vec<Listen>,
    pub activated: Option<Activated>,
}

/// The audit log's settings, as the configuration has them.
pub fn audit_settings(settings: &Settings) -> audit::Settings {
    audit::Settings {
        dir: Directory::at(&settings.data_dir).audit(),
        durability: match settings.audit.durability {
            config::Durability::Fsync => audit::Durability::Fsync,
            config::Durability::Write => audit::Durability::Write,
        },
        segment_bytes: settings.audit.segment_bytes,
        retain: settings.audit.retain.map_or(0, |count| count.get()),
        journal: settings.audit.journald.then(|| JOURNALD_SOCKET.into()),
        figures: Arc::default(),
    }
}

/// Opens the vault and its listeners. With a passphrase they open after unsealing; without one it comes up sealed.
async fn open(plan: Plan) -> Result<Daemon, DaemonError> {
    let Plan { settings, passphrase, accept_rollback, unusable, listen, activated } = plan;
    let Named { ways, roots } = named_files(&settings, unusable)?;
    let unused = settings.unused();
    if !unused.is_empty() {
        tracing::warn!(config.keys = %unused.join(", "), "nothing uses these settings yet: the daemon fetches no tokens and sends no requests");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let directory = Directory::at(&settings.data_dir);
    if let Some(why) = journald_is_away(&settings) {
        // Unsealed, it is a notice too; sealed, this is all that tells it.
        tracing::warn!(error = %why, "audit.journald is on, and journald isn't there: entries go to the log's files alone");
    }
    let store = open_store(&directory)?;
    let audit = audit_settings(&settings);
    let notices = telling::rules(&settings.notice);
    let opening = Opening { directory, store, audit, notices, clock: Arc::clone(&clock) };
    let vault = Vault::open(opening).await?;
    if let Some(plan) = backup_plan(&settings.backup) {
        vault.schedule_backups(plan);
    }
    let vault = Arc::new(vault);
    tracing::info!(vault.id = %vault.id(), "vault opened");

    let verifier = ClientVerifier::new(&vault.local_root()?, &roots)?;
    let tls = server_config(vault.server_certificate().reader(), verifier, clock)?;
    match passphrase {
        Some(passphrase) => {
            if accept_rollback {
                vault.unseal_locally_accepting_rollback(passphrase).await?;
            } else {
                vault.unseal_locally(passphrase).await?;
            }
            tracing::info!("vault unsealed");
        }
        None => {
            vault.refuse_without_certificate()?;
            tracing::warn!("vault is sealed; unseal it with: fsm-vault unseal");
        }
    }
    let (limits, stop) = (&settings.limits, CancellationToken::new());
    let shares = Shares::new(bounds(limits));
    let api = Arc::new(Api::new(Arc::clone(&vault), limits.body, shares, stop.clone())?);
    let bound = bind(&listen, activated).await?;
    for address in &bound.addresses {
        tracing::info!(listen.address = %address, "listening");
    }
    let notifier = Notifier::from_environment()
        .map_err(|source| DaemonError::System { doing: "reach the service manager", source })?;
    Ok(Daemon { settings, vault, api, ways, tls, bound, notifier: Arc::new(notifier), stop })
}

/// [`open`], unless a signal comes first: None then. Reading a store or a log can take long, or wait for ever for a disk, and
/// some of it can't be interrupted: what still runs then is left to the end of the process, like at a kill.
pub async fn open_unless_stopped(plan: Plan, signals: &mut Signals) -> Result<Option<Daemon>, DaemonError> {
    // A thread of its own: whatever blocks there keeps no signal waiting.
    let runtime = Handle::current();
    let opening = spawn_blocking(move || runtime.block_on(open(plan)));
    tokio::select! {
        opened = opening => {
            let failed = |error| DaemonError::System { doing: "start", source: std::io::Error::other(error) };
            opened.map_err(failed)?.map(Some)
        }
        () = signals.next() => {
            tracing::info!("stopped before it served");
            Ok(None)
        }
    }
}

/// What is in the way of entries that should go to journald too.
pub fn journald_is_away(settings: &Settings) -> Option<String> {
    let reached = audit::reach_journal(Path::new(JOURNALD_SOCKET));
    let why = reached.err().filter(|_| settings.audit.journald)?;
    Some(format!("{JOURNALD_SOCKET}: {why}"))
}

/// What the named files are for the daemon, or all that is wrong with them, and with those that were looked at before.
fn named_files(settings: &Settings, before: Vec<Unusable>) -> Result<Named, DaemonError> {
    match named::read(settings) {
        Ok(named) if before.is_empty() => Ok(named),
        read => {
            Err(DaemonError::Unusable(before.into_iter().chain(read.err().unwrap_or_default()).collect()))
        }
    }
}

/// What callers may take at a time, as the configuration has it.
fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        connections: Bound { all: limits.connections, caller: limits.caller_connections },
        waiting: Bound { all: limits.waiting, caller: limits.caller_waiting },
        large: Bound { all: limits.large, caller: limits.caller_large },
        caller_requests: limits.caller_requests,
        rate: limits.rate.map(|rate| Rate { per_second: rate.per_second, burst: rate.burst }),
    }
}

fn backup_plan(backup: &config::Backup) -> Option<BackupPlan> {
    let rules = BackupRules { every: backup.every, keep: backup.keep };
    backup.directory.clone().map(|directory| BackupPlan { directory, rules })
}
