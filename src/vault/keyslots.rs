//! Key slots: which passphrases unseal the vault. Whoever changes them shows a passphrase that does.
//!
//! A slot that is replaced or removed is gone from the header, but its bytes stay in the store's files until they are
//! reused, and in backups: it goes on wrapping the same root key. Only a rekey ends that.

use std::sync::Arc;

use super::attempts::Proof;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::noun::Noun;
use super::session::Asker;
use crate::audit::Entry;
use crate::crypto::Argon2Cost;
use crate::keys::{Header, HeaderError, KeyRing};
use crate::model::{FieldError, SlotId, SlotLabel, SlotNote, SlotNotes};
use crate::policy::Action;
use crate::secret::Plaintext;

/// Characters of a new passphrase, at least. Argon2id makes each guess dear, but not a short one hard.
pub const SHORTEST_PASSPHRASE: usize = 12;
/// Bytes of a new passphrase, at most. The command line reads no more of a file: with a longer one the daemon couldn't be
/// started, and no backup restored.
pub const LONGEST_PASSPHRASE: usize = 4096;

/// A key slot, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub struct SeenSlot {
    pub id: SlotId,
    pub note: Option<SlotNote>,
}

/// A header that is to take the place of the one there is.
struct Reslotted {
    header: Header,
    made: Option<SlotId>,
    gone: Option<SlotId>,
}

impl Vault {
    /// All slots, in the order in which they are tried.
    pub async fn list_slots(&self, asker: Asker<'_>) -> Result<Vec<SeenSlot>, VaultError> {
        let cleared = self.clear_general(asker, Action::System, asker.entry(None, "keyslot.list")).await?;
        let notes = self.slot_notes()?;
        let seen = |id| SeenSlot { id, note: notes.of(id).cloned() };
        let slots = self.header().slots().map(seen).collect();
        self.looked(cleared).await?;
        Ok(slots)
    }

    /// Puts a new passphrase in the place of the one that is shown.
    pub async fn change_passphrase(
        &self,
        asker: Asker<'_>,
        passphrase: Plaintext,
        new: Plaintext,
    ) -> Result<SeenSlot, VaultError> {
        let wrong = check("/new_passphrase", &new);
        let entry = asker.entry(None, "vault.passphrase");
        self.reslot(asker, entry, wrong, None, passphrase, move |header, slot, keys| {
            let (header, made) = header.replacing(slot, keys, &new, Argon2Cost::DEFAULT)?;
            Ok(Reslotted { header, made: Some(made), gone: Some(slot) })
        })
        .await
    }

    /// Adds a slot for another passphrase.
    pub async fn add_slot(
        &self,
        asker: Asker<'_>,
        label: Option<SlotLabel>,
        passphrase: Plaintext,
        new: Plaintext,
    ) -> Result<SeenSlot, VaultError> {
        let wrong = check("/new_passphrase", &new);
        let entry = asker.entry(None, "keyslot.add");
        self.reslot(asker, entry, wrong, label, passphrase, move |header, _, keys| {
            let (header, made) = header.with_slot(keys, &new, Argon2Cost::DEFAULT)?;
            Ok(Reslotted { header, made: Some(made), gone: None })
        })
        .await
    }

    /// Removes a slot, but not the last one.
    pub async fn remove_slot(
        &self,
        asker: Asker<'_>,
        id: SlotId,
        passphrase: Plaintext,
    ) -> Result<(), VaultError> {
        let entry = Entry { subject: Some(id.to_string().into()), ..asker.entry(None, "keyslot.remove") };
        // What can't be is said before anything is computed at a price.
        let possible = self.header().without(id).map(|_| ()).map_err(VaultError::from);
        let removal = self.reslot(asker, entry, possible, None, passphrase, move |header, _, _| {
            Ok(Reslotted { header: header.without(id)?, made: None, gone: Some(id) })
        });
        removal.await.map(|_| ())
    }

    /// Decides, has the passphrase proved, makes the new header from the old one, and commits it.
    async fn reslot(
        &self,
        asker: Asker<'_>,
        entry: Entry,
        checked: Result<(), VaultError>,
        label: Option<SlotLabel>,
        passphrase: Plaintext,
        make: impl FnOnce(&Header, SlotId, &KeyRing) -> Result<Reslotted, HeaderError> + Send + 'static,
    ) -> Result<SeenSlot, VaultError> {
        let cleared = self.clear_general(asker, Action::System, entry.clone()).await?;
        let (cleared, ()) = cleared.prepared(checked).await?;
        // The log is let go of for as long as this takes: a seal waits for it.
        let Cleared { entry: told, log, .. } = cleared;
        drop(log);
        let making = async {
            let Proof { attempts, header, slot, keys } = self.prove(&told, passphrase).await?;
            let before = Arc::clone(&header);
            let made = tokio::task::spawn_blocking(move || make(&before, slot, &keys));
            let made = made.await.map_err(|_| crate::crypto::Failed)??;
            Ok((attempts, header, slot, made))
        };
        let made = match making.await {
            // Its entry is written.
            Err(VaultError::WrongPassphrase) => return Err(VaultError::WrongPassphrase),
            other => other,
        };
        let turn = self.turn().await;
        let cleared = self.clear_general(asker, Action::System, entry).await?;
        let made = made.and_then(|(attempts, before, shown, made)| {
            self.still_has(&before)?;
            Ok((attempts, shown, made))
        });
        let (mut cleared, (attempts, shown, made)) = cleared.prepared(made).await?;
        let before = self.slot_notes()?;
        let (notes, subject) = noted(&before, &cleared, &made, label)?;
        let told_label = notes.of(subject).or(before.of(subject)).and_then(|note| note.label.clone());
        let label = told_label.map(String::from);
        cleared.entry.subject = Some(subject.to_string().into());
        cleared.entry.changes = Some(serde_json::json!({
            "shown": shown, "label": label, "replaced": made.gone.filter(|_| made.made.is_some()),
        }));
        let seen = SeenSlot { id: subject, note: notes.of(subject).cloned() };
        let Cleared { entry, log, .. } = cleared;
        let noun = vec![Noun::Slots(notes)];
        self.commit_with(&turn, &log, vec![entry], noun, Some(made.header)).await?;
        drop(attempts);
        Ok(seen)
    }

    pub(super) fn slot_notes(&self) -> Result<Arc<SlotNotes>, VaultError> {
        let live = self.live();
        let kept = live.unsealed()?.registry.slots.as_ref();
        Ok(kept.map(|kept| Arc::clone(&kept.noun)).unwrap_or_default())
    }
}

/// The notes after a change, and the slot that it is about.
fn noted(
    before: &SlotNotes,
    cleared: &Cleared,
    Reslotted { header, made, gone }: &Reslotted,
    label: Option<SlotLabel>,
) -> Result<(SlotNotes, SlotId), VaultError> {
    let notes = before.clone();
    let (subject, notes) = match (*made, *gone) {
        (Some(id), gone) => {
            // A passphrase that is changed keeps what its slot is called.
            let label = label.or_else(|| gone.and_then(|old| notes.of(old)?.label.clone()));
            let note = SlotNote { id, label, made_at: cleared.now, made_by: cleared.by.clone() };
            (id, notes.with(note, gone))
        }
        (None, Some(gone)) => (gone, notes),
        (None, None) => return Err(VaultError::NotFound("key slot")),
    };
    let there: Vec<SlotId> = header.slots().collect();
    Ok((notes.only(&there), subject))
}

/// Why a passphrase won't do as a new one, of the vault or of a backup: the end of a sentence that begins with its name.
pub fn unfit_as_new(new: &Plaintext) -> Option<String> {
    let (bytes, characters) = new.lend(|bytes| {
        let text = std::str::from_utf8(bytes);
        (bytes.len(), text.map_or(bytes.len(), |text| text.chars().count()))
    });
    if characters < SHORTEST_PASSPHRASE {
        Some(format!("is too short: it takes at least {SHORTEST_PASSPHRASE} characters"))
    } else if bytes > LONGEST_PASSPHRASE {
        Some(format!("is too long: it takes at most {LONGEST_PASSPHRASE} bytes"))
    } else {
        None
    }
}

fn check(pointer: &str, new: &Plaintext) -> Result<(), VaultError> {
    match unfit_as_new(new) {
        Some(why) => Err(VaultError::Invalid(vec![FieldError::new(pointer, why)])),
        None => Ok(()),
    }
}
