//! From a passphrase to an unsealed vault: one Argon2id at a time, then every record read and opened.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::aside::aside;
use super::attempts::{Proof, attempted};
use super::epoch::{EpochFile, Filed, Witnesses};
use super::error::VaultError;
use super::lifecycle::Vault;
use super::loading::{Loaded, load};
use super::notices::{Standings, raised};
use super::registry::Registry;
use super::reopening::Fate;
use super::rollback::RolledBack;
use super::session::Asker;
use super::state::{Live, Unsealed};
use super::usage;
use crate::audit::{Entry, Flaw, Log, Outcome, Surveyed, Untold};
use crate::heap;
use crate::keys::KeyRing;
use crate::model::Itself;
use crate::policy::notices::of_rollback;
use crate::secret::Plaintext;

impl Vault {
    /// Unseals for a full operator. While sealed the refusals are kept in memory, and written once unsealed.
    pub async fn unseal(&self, asker: Asker<'_>, passphrase: Plaintext) -> Result<(), VaultError> {
        self.unseal_for(asker, passphrase, Rollback::Refuse).await
    }

    /// The same, of a store that is older than its witnesses, too.
    pub async fn unseal_accepting_rollback(
        &self,
        asker: Asker<'_>,
        passphrase: Plaintext,
    ) -> Result<(), VaultError> {
        self.unseal_for(asker, passphrase, Rollback::Accept).await
    }

    async fn unseal_for(
        &self,
        asker: Asker<'_>,
        passphrase: Plaintext,
        rollback: Rollback,
    ) -> Result<(), VaultError> {
        let entry = asker.entry(None, "vault.unseal");
        if !self.is_sealed() {
            let cleared = self.clear_general(asker, crate::policy::Action::System, entry).await?;
            let unsealed = VaultError::Conflict("the vault is unsealed already".to_owned());
            return cleared.prepared::<()>(Err(unsealed)).await.map(|_| ());
        }
        self.refuse_unknown_operator(asker, entry.clone())?;
        self.unseal_as(entry, passphrase, rollback).await?;
        // At the daemon's start the timer does it.
        if let Err(error) = self.tend_notices().await {
            tracing::error!(error = %error, "notices can't be recorded");
        }
        Ok(())
    }

    /// Refuses whoever a sealed vault doesn't know as a full operator, and remembers that for the log.
    pub(super) fn refuse_unknown_operator(&self, asker: Asker<'_>, entry: Entry) -> Result<(), VaultError> {
        let Err(denial) = self.is_known_operator(asker) else { return Ok(()) };
        let (reason, changes) = (Some(denial.reason().into()), Some(attempted(self.clock.now())));
        let denied = Entry { outcome: Outcome::Denied, reason, changes, ..entry };
        self.refused().remember(denied);
        Err(denial.into())
    }

    /// Unseals at the daemon's start, or for an offline command.
    pub async fn unseal_locally(&self, passphrase: Plaintext) -> Result<(), VaultError> {
        self.unseal_as(local(), passphrase, Rollback::Refuse).await
    }

    /// The same, of a store that is older than its witnesses, too.
    pub async fn unseal_locally_accepting_rollback(&self, passphrase: Plaintext) -> Result<(), VaultError> {
        self.unseal_as(local(), passphrase, Rollback::Accept).await
    }

    async fn unseal_as(
        &self,
        entry: Entry,
        passphrase: Plaintext,
        rollback: Rollback,
    ) -> Result<(), VaultError> {
        let Proof { attempts: _at_it, keys, .. } = self.prove(&entry, passphrase).await?;
        self.wiped().await;
        let turn = self.turn().await;
        if self.is_undecided.load(Ordering::Relaxed) {
            return Err(VaultError::Undecided);
        }
        if !self.is_sealed() {
            return Err(VaultError::Conflict("the vault is unsealed already".to_owned()));
        }
        let found = self.look(keys).await?;
        let untold = found.untold();
        if let (Some(doubt), Rollback::Refuse) = (&found.doubt, rollback) {
            tracing::error!(rollback = %doubt, "the store is not taken for the newest");
            return Err(found.doubt.map_or(crate::crypto::Failed.into(), VaultError::from));
        }
        let (unsealed, accepted, placed) = self.take(found).await?;
        let epoch = Some(unsealed.registry.next_epoch());
        let log = Arc::clone(&unsealed.log);
        self.write_refused(&turn, &log, |refused| named(refused, &unsealed.registry)).await?;
        // Before the first request is served.
        let entry = named(Entry { outcome: Outcome::Allowed, epoch, ..entry }, &unsealed.registry);
        let (mut nouns, mut entries) = (Vec::new(), untold);
        let is_accepted = accepted.is_some();
        if let Some(found) = accepted {
            tracing::warn!(rollback = %found, "an older store, or one that lacks records, was accepted");
            let action = "vault.accept_rollback".into();
            entries.push(Entry { action, changes: Some(found.told()), ..entry.clone() });
            let now = self.clock.now();
            nouns = found.mend(&unsealed.registry, now);
            if let Some((told, notice)) = raised(of_rollback(unsealed.registry.next_epoch()), now) {
                entries.push(told);
                nouns.push(notice);
            }
        }
        entries.push(entry);
        log.append_all_durably(&entries).await?;
        failpoint!("vault.unsealed");
        *self.live_mut() = Live::Unsealed(Box::new(unsealed));
        let recorded = match self.write(&turn, &log, nouns).await {
            // The log has its entry; where its head is recorded later, more of it is read at the next start. What is accepted,
            // though, has to be recorded: without its notice nobody would know, and the next start would refuse it again.
            Err(error @ (VaultError::Full | VaultError::StoreUnavailable(_))) if !is_accepted => {
                tracing::error!(error = %error, "unsealed, but nothing can be changed");
                Ok(())
            }
            other => other,
        };
        if !matches!(recorded, Err(VaultError::Full)) {
            // It is recorded, or may be.
            placed.stay();
        }
        // What was accepted and recorded stands.
        let in_vain = if recorded.is_ok() { entries.len() - 1 } else { 0 };
        if let Err(error) = recorded.and_then(|()| self.after_unseal()) {
            aside(|| log.owe_failures(&entries[in_vain..]));
            drop(log);
            // It was answered with an error, so it must not stay open.
            self.wipe(turn).await;
            self.departures.recall().await;
            return Err(error);
        }
        Ok(())
    }

    fn after_unseal(&self) -> Result<(), VaultError> {
        self.note_operators();
        self.reissue_server_certificate()
    }

    /// [`Self::reissue_server_certificate`] when two thirds of the old one's life are over, or of that which the next start
    /// would find. For a timer.
    pub fn renew_server_certificate(&self) -> Result<(), VaultError> {
        let now = self.clock.now();
        let filed = || self.tls.server_certificate().is_ok_and(|filed| !filed.needs_reissue(now));
        let due = self.certificate.needs_reissue(now) || !filed();
        if due { self.reissue_server_certificate() } else { Ok(()) }
    }

    /// Issues a new server certificate, at each unsealing and when the old one grows old; one that there is no room to write
    /// serves until there is. Does nothing while sealed.
    fn reissue_server_certificate(&self) -> Result<(), VaultError> {
        let now = self.clock.now();
        let issued = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => unsealed.authority.issue_server(now)?,
        };
        match self.tls.write_server(&issued) {
            Err(error) if error.is_of_disk() => tracing::error!(
                error = %error, "the server certificate is reissued, and can't be written: it is tried again each minute"
            ),
            written => written?,
        }
        self.certificate.replace(&issued.certificate_pem, &issued.key_pem)?;
        tracing::info!(certificate.expires_at = %self.certificate.expires_at(), "server certificate reissued");
        Ok(())
    }

    /// Reads and opens every record, then the log from its recorded head, and judges whether the store is the newest that is
    /// known of. Changes nothing: a store that is refused must leave the log as it is for the newest one.
    async fn look(&self, keys: KeyRing) -> Result<Found, VaultError> {
        failpoint!("vault.load");
        let mut loaded = load(&*self.store(), keys).await?;
        if self.tls.authority_pem()? != loaded.authority.certificate_pem() {
            return Err(self.tls.foreign_authority().into());
        }
        let registry = &loaded.registry;
        let checkpoint = registry.checkpoint.as_ref().map(|kept| kept.checkpoint.clone());
        let (settings, vault) = (self.audit.clone(), self.id().to_string());
        let chain = registry.chain_keys(&loaded.keys);
        let surveying = tokio::task::spawn_blocking(move || Log::survey(settings, vault, chain, checkpoint));
        let log = surveying.await.map_err(|_| crate::crypto::Failed)??;
        let filed = self.epoch_file.read(&loaded.keys)?;
        let ahead = log.ahead();
        let witnesses = Witnesses::of(registry, filed, loaded.counted, Some(ahead));
        let doubt = RolledBack {
            store: witnesses.store,
            age: witnesses.judge(),
            flaws: std::mem::take(&mut loaded.flaws),
            lacks: (ahead.changes, ahead.last.clone()),
            witnessed: witnesses.highest(),
        };
        Ok(Found { loaded, log, is_filed: matches!(filed, Filed::Says(_)), doubt: doubt.if_any() })
    }

    /// Goes on with what was found: the log is written to from here on.
    async fn take(&self, found: Found) -> Result<(Unsealed, Option<RolledBack>, Placed<'_>), VaultError> {
        let Found { loaded: Loaded { keys, authority, mut registry, .. }, log, is_filed, doubt } = found;
        if let Some(doubt) = &doubt {
            registry.passed = doubt.witnessed.saturating_add(1);
            // Of a log that isn't its own: from here on it is.
            registry.past.lines_before = registry.past.lines_before.max(log.ahead().lines_before());
        }
        if doubt.is_some() || !log.is_sure() {
            // Where the log can't tell, the store may lack versions that readers had.
            registry.past.floor = registry.raised_floor(self.clock.now());
        }
        let mut placed = Placed(None);
        // Another store's is left to it, should this one not be accepted.
        if doubt.is_none()
            && let Err(error) = self.epoch_file.settle(&keys)
        {
            tracing::error!(error = %error, "what a rekey or an acceptance has left beside the file epoch can't be settled");
        }
        if !is_filed {
            // The next commit counts the records, and a store that has counted them wants the file. Of one that was accepted it
            // says more than the store knows until that commit: a crash before it leaves a store that is refused, as it was.
            if doubt.is_some() {
                // What fails has undone itself.
                aside(|| self.epoch_file.place_instead(&keys, registry.next_epoch()))?;
                placed = Placed(Some(&self.epoch_file));
            } else {
                aside(|| self.epoch_file.place(&keys, registry.epoch()))?;
            }
        }
        let (clock, lines_before) = (Arc::clone(&self.clock), registry.past.lines_before);
        let is_met = log.meets_checkpoint();
        let opening = tokio::task::spawn_blocking(move || log.open(clock, lines_before));
        let (log, opened) = opening.await.map_err(|_| crate::crypto::Failed)??;
        match &opened.damage {
            Some(stray) if stray.flaw == Flaw::Stray => tracing::error!(
                audit.damage = stray.flaw.word(),
                audit.file = %self.audit.dir.join(stray.file()).display(),
                "a file that is no segment of the audit log lies in its directory: its number doesn't follow on. Move it out of there"
            ),
            Some(damage) => tracing::error!(
                audit.damage = damage.flaw.word(),
                audit.segment = damage.segment,
                audit.line = damage.line,
                store.epoch = registry.epoch(),
                "the audit log is damaged; a new segment was begun. Whether the store is the newest can't be told from it: \
                 compare its epoch with the last one that left the host"
            ),
            None => {}
        }
        if doubt.as_ref().is_some_and(RolledBack::may_be_older) {
            let own = registry.checkpoint.as_ref().filter(|_| is_met);
            let head = own.map_or(0, |kept| kept.checkpoint.seq);
            let (last, next) = log.end().await?;
            registry.past.lose(head, last, next);
        }
        let unsealed = Unsealed {
            keys,
            authority,
            registry,
            log: Arc::new(log),
            generation: 0,
            keys_since: 0,
            standings: Standings::default(),
        };
        usage::recall(&unsealed).await;
        // Argon2id's memory, the records as they were read, the end of the log: more than what stays.
        heap::give_back();
        Ok((unsealed, doubt, placed))
    }
}

/// The file `epoch`, made for a store that was accepted: as it was before if that comes to nothing, or the newest copy, put
/// back, would be older than it.
struct Placed<'a>(Option<&'a EpochFile>);

impl Placed<'_> {
    fn stay(mut self) {
        if let Some(file) = self.0.take() {
            aside(|| file.keep_placed());
        }
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.0 {
            aside(|| file.withdraw());
        }
    }
}

/// A vault as it was read, and what speaks against it.
struct Found {
    loaded: Loaded,
    log: Surveyed,
    /// Whether the file `epoch` is there, and this vault's.
    is_filed: bool,
    doubt: Option<RolledBack>,
}

impl Found {
    /// Entries on changes of which the log doesn't say what became of them: a crash or a seal came upon them. None of a store
    /// that isn't the newest.
    fn untold(&self) -> Vec<Entry> {
        let fates = self.log.ahead().untold(self.loaded.registry.epoch());
        let told = fates.map(|(change, made)| {
            let Untold { action, request_id, .. } = change;
            let fate = if made { Fate::Made } else { Fate::NotMade };
            Entry { changes: Some(json!({ "action": action, "request_id": request_id })), ..fate.told() }
        });
        if self.doubt.is_some() { Vec::new() } else { told.collect() }
    }
}

/// What is to be done about a store that is older than its witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rollback {
    Refuse,
    Accept,
}

fn local() -> Entry {
    Entry { caller: Some(Itself::Daemon.name().into()), action: "vault.unseal".into(), ..Entry::default() }
}

/// While sealed a caller is known by its SPIFFE ID alone.
pub(super) fn named(entry: Entry, registry: &Registry) -> Entry {
    let id = entry.caller.as_deref().and_then(|caller| caller.parse().ok());
    let caller = id.and_then(|id| registry.caller_by_spiffe_id(&id)).map(|caller| caller.name.shared());
    Entry { caller: caller.or(entry.caller), ..entry }
}
