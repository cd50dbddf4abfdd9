//! Passphrases that are tried: one Argon2id at a time, with waits after wrong ones, whatever they are tried for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::MutexGuard;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::lives::Lives;
use super::state::Live;
use super::unseal::named;
use crate::audit::{Entry, Outcome};
use crate::keys::{Header, HeaderError, KeyRing};
use crate::model::SlotId;
use crate::secret::Plaintext;

/// Wrong passphrases that cost no more than their Argon2id.
const FREE: u32 = 3;
/// After so long without a wrong one, they are forgotten. A right one doesn't do that: whoever has a passphrase of his own must
/// not try others' between two of it.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// Longest wait between two attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(60);

/// Wrong passphrases so far.
#[derive(Default)]
pub(super) struct Attempts {
    wrong: u32,
    last_wrong: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

impl Attempts {
    /// Seconds to wait, if an attempt now comes too soon.
    fn wait(&self, now: Timestamp) -> Option<u64> {
        let left = self.not_before?.duration_since(now);
        // A clock that was set back must not lock the operator out for longer than the longest wait.
        let seconds = left.as_secs().unsigned_abs() + u64::from(left.subsec_nanos() > 0);
        (left.is_positive() && left <= LONGEST_WAIT).then_some(seconds)
    }

    fn failed(&mut self, now: Timestamp) {
        let is_old = |at: Timestamp| now.duration_since(at) > REMEMBERED;
        if self.last_wrong.replace(now).is_some_and(is_old) {
            self.wrong = 0;
        }
        self.wrong = self.wrong.saturating_add(1);
        if let Some(beyond) = self.wrong.checked_sub(FREE) {
            let wait = SignedDuration::from_secs(1 << beyond.min(6)).min(LONGEST_WAIT);
            self.not_before = Some(now + wait);
        }
    }
}

/// A passphrase was right. Until this is dropped, nobody else is at an Argon2id or changes the header.
pub(super) struct Proof<'a> {
    pub attempts: MutexGuard<'a, Attempts>,
    pub header: Arc<Header>,
    /// Which slot it opens.
    pub slot: SlotId,
    pub keys: KeyRing,
}

impl Vault {
    /// Tries a passphrase. A wrong one is written down as a denial of `entry`: into the log, or into memory while the
    /// vault is sealed.
    pub(super) async fn prove(&self, entry: &Entry, passphrase: Plaintext) -> Result<Proof<'_>, VaultError> {
        let (proof, _) = self.prove_all(entry, vec![passphrase]).await?;
        Ok(proof)
    }

    /// The same with several, all of which have to be right. The proof is of the first; with it come the slots that they
    /// open, one after another. Two that open the same are one.
    pub(super) async fn prove_all(
        &self,
        entry: &Entry,
        passphrases: Vec<Plaintext>,
    ) -> Result<(Proof<'_>, Vec<(SlotId, Plaintext)>), VaultError> {
        let mut attempts = self.attempts.try_lock().map_err(|_| VaultError::Backoff(1))?;
        let now = self.clock.now();
        if let Some(seconds) = attempts.wait(now) {
            return Err(VaultError::Backoff(seconds));
        }
        let lives = self.lives_of(entry);
        if self.is_sealed() {
            self.renew_header().await?;
        }
        let header = self.header();
        let opening = tokio::task::spawn_blocking({
            let header = Arc::clone(&header);
            move || open_all(&header, passphrases)
        });
        match opening.await.map_err(|_| crate::crypto::Failed)?.map_err(VaultError::from) {
            Ok((slot, keys, opened)) => Ok((Proof { attempts, header, slot, keys }, opened)),
            Err(VaultError::WrongPassphrase) => {
                attempts.failed(now);
                self.note_wrong(entry.clone(), lives, now).await?;
                Err(VaultError::WrongPassphrase)
            }
            Err(other) => Err(other),
        }
    }

    /// Refuses to go on with what was made of a header that isn't the vault's any more. Nobody else changes it while its
    /// passphrases are proved; but what became of an earlier change may have been unknown until the store was opened again.
    pub(super) fn still_has(&self, header: &Arc<Header>) -> Result<(), VaultError> {
        if Arc::ptr_eq(header, &self.header()) {
            return Ok(());
        }
        let why = "the key slots were changed meanwhile; nothing was changed by this: look at them, then do it again";
        Err(VaultError::Conflict(why.to_owned()))
    }

    /// None while sealed.
    fn lives_of(&self, entry: &Entry) -> Option<Lives> {
        match &*self.live() {
            Live::Sealed => None,
            Live::Unsealed(unsealed) => Some(Lives::of(&unsealed.registry, entry)),
        }
    }

    async fn note_wrong(&self, entry: Entry, lives: Option<Lives>, now: Timestamp) -> Result<(), VaultError> {
        let reason = Some("wrong_passphrase".into());
        let changes = Some(attempted(now));
        let denied = Entry { outcome: Outcome::Denied, reason, changes, ..entry };
        let open = match &*self.live() {
            Live::Sealed => None,
            Live::Unsealed(unsealed) => {
                // The name may have become another's since: it was none of his tries.
                let is_his = lives.is_none_or(|lives| Lives::of(&unsealed.registry, &denied) == lives);
                let mut denied = named(denied.clone(), &unsealed.registry);
                denied.caller = denied.caller.filter(|_| is_his);
                Some((Arc::clone(&unsealed.log), denied))
            }
        };
        match open {
            Some((log, denied)) => drop(log.append_durably(denied).await?),
            None => self.refused().remember(denied),
        }
        Ok(())
    }
}

/// What an entry says that may be written long after: when it was.
pub(super) fn attempted(at: Timestamp) -> serde_json::Value {
    serde_json::json!({ "attempted_at": at })
}

type Opened = (SlotId, KeyRing, Vec<(SlotId, Plaintext)>);

fn open_all(header: &Header, passphrases: Vec<Plaintext>) -> Result<Opened, HeaderError> {
    let (mut first, mut opened) = (None, Vec::<(SlotId, Plaintext)>::new());
    for passphrase in passphrases {
        let (slot, keys) = header.open(&passphrase)?;
        first.get_or_insert((slot, keys));
        if opened.iter().all(|(other, _)| *other != slot) {
            opened.push((slot, passphrase));
        }
    }
    // None is as good as a wrong one.
    let (slot, keys) = first.ok_or(HeaderError::WrongPassphrase)?;
    Ok((slot, keys, opened))
}
