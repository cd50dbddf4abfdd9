//! Passphrases and key slots: who may, what opens afterwards, what stands in the log.

use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Level, SlotLabel};

const NEW: &str = "a new passphrase";
const OTHER: &str = "another passphrase";

/// Whether this unseals the vault; it is unsealed afterwards.
async fn unseals(site: &Site, text: &str) -> bool {
    site.vault.seal(site.admin()).await.unwrap();
    let outcome = site.vault.unseal(site.admin(), plain(text)).await;
    if let Err(error) = &outcome {
        assert!(matches!(error, VaultError::WrongPassphrase), "{error}");
        site.vault.unseal_locally(plain(if text == "right" { NEW } else { "right" })).await.unwrap();
    }
    outcome.is_ok()
}

fn label(text: &str) -> Option<SlotLabel> {
    Some(text.parse().unwrap())
}

#[tokio::test]
async fn a_changed_passphrase_takes_the_place_of_the_old_one_for_good() {
    let site = Site::with_fsm().await;
    let first = site.vault.list_slots(site.admin()).await.unwrap();
    assert!(first.len() == 1 && first[0].note.is_none());
    let slot = site.vault.change_passphrase(site.admin(), plain("right"), plain(NEW)).await.unwrap();
    assert_ne!(slot.id, first[0].id);
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((&*entry.action, entry.subject.as_deref()), ("vault.passphrase", Some(&*slot.id.to_string())));
    assert_eq!(entry.changes.unwrap()["replaced"], first[0].id.to_string());
    assert!(!unseals(&site, "right").await);
    assert!(unseals(&site, NEW).await);
    assert_eq!(site.vault.list_slots(site.admin()).await.unwrap(), [slot]);

    let Site { directory, clock, vault, admin, _keep } = site;
    drop(vault);
    let vault = reopened(&directory, &clock).await;
    assert!(matches!(vault.unseal_locally(plain("right")).await, Err(VaultError::WrongPassphrase)));
    vault.unseal_locally(plain(NEW)).await.unwrap();
    let site = Site { directory, clock, vault, admin, _keep };
    let note = site.vault.list_slots(site.admin()).await.unwrap().remove(0).note.unwrap();
    assert_eq!((note.made_by.as_str(), note.label), ("admin", None));
}

#[tokio::test]
async fn slots_are_added_and_removed_with_any_passphrase_but_the_last_one_stays() {
    let site = Site::unsealed().await;
    let vault = &site.vault;
    let added = vault.add_slot(site.admin(), label("safe"), plain("right"), plain(NEW)).await.unwrap();
    assert_eq!(added.note.as_ref().unwrap().label, label("safe"));
    assert!(unseals(&site, NEW).await && unseals(&site, "right").await);
    // The same passphrase in two slots would look like two keys and be one.
    for text in ["right", NEW] {
        let again = vault.add_slot(site.admin(), None, plain(NEW), plain(text)).await;
        assert!(matches!(again, Err(VaultError::Conflict(_) | VaultError::Invalid(_))), "{text}");
        let to_itself = vault.change_passphrase(site.admin(), plain(text), plain(NEW)).await;
        assert!(matches!(to_itself, Err(VaultError::Conflict(_))), "{text}");
    }
    // A change keeps what the slot is called.
    let changed = vault.change_passphrase(site.admin(), plain(NEW), plain(OTHER)).await.unwrap();
    assert_eq!(changed.note.as_ref().unwrap().label, label("safe"));
    let slots = vault.list_slots(site.admin()).await.unwrap();
    assert_eq!((slots.len(), &slots[1]), (2, &changed));

    let first = slots[0].id;
    vault.remove_slot(site.admin(), first, plain(OTHER)).await.unwrap();
    let gone = site.log(1).await.remove(0).entry;
    assert_eq!((&*gone.action, gone.subject.as_deref()), ("keyslot.remove", Some(&*first.to_string())));
    let last = vault.remove_slot(site.admin(), changed.id, plain(OTHER)).await;
    assert!(matches!(last, Err(VaultError::Conflict(_))));
    let unknown = vault.remove_slot(site.admin(), first, plain(OTHER)).await;
    assert!(matches!(unknown, Err(VaultError::NotFound(_))));
    assert_eq!(vault.list_slots(site.admin()).await.unwrap(), [changed]);
    let report = vault.verify_log(site.admin()).await.unwrap();
    assert_eq!(report.first_bad, None);
}

#[tokio::test]
async fn whoever_may_not_or_shows_none_changes_nothing() {
    let site = Site::unsealed().await;
    let editor = site.operator("editor", Level::Edit, "2").await;
    let service = site.service("fsm", "customscript_a", &[]).await;
    let vault = &site.vault;
    for session in [&editor, &service] {
        let asker = asker(session);
        let expected = if std::ptr::eq(session, &editor) { FULL } else { Denial::WrongRole };
        assert_eq!(denied(vault.list_slots(asker).await), expected);
        assert_eq!(denied(vault.add_slot(asker, None, plain("right"), plain(NEW)).await), expected);
        assert_eq!(denied(vault.change_passphrase(asker, plain("right"), plain(NEW)).await), expected);
        let id = vault.list_slots(site.admin()).await.unwrap()[0].id;
        assert_eq!(denied(vault.remove_slot(asker, id, plain("right")).await), expected);
    }
    let short = vault.change_passphrase(site.admin(), plain("right"), plain("eleven char")).await;
    assert!(matches!(short, Err(VaultError::Invalid(fields)) if fields[0].pointer == "/new_passphrase"));
    let wrong = vault.change_passphrase(site.admin(), plain("wrong"), plain(NEW)).await;
    assert!(matches!(wrong, Err(VaultError::WrongPassphrase)));
    let entry = site.log(1).await.remove(0).entry;
    assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Denied, Some("wrong_passphrase")));
    assert_eq!(entry.caller.as_deref(), Some("admin"));
    assert!(unseals(&site, "right").await);
}

/// What became of an earlier change may turn out only when the store is opened again: a new header is made of the one that
/// there is, or not at all.
#[tokio::test]
async fn slots_are_not_changed_on_what_has_changed_meanwhile() {
    let site = Site::unsealed().await;
    let vault = &site.vault;
    let id = vault.list_slots(site.admin()).await.unwrap()[0].id;
    vault.add_slot(site.admin(), None, plain("right"), plain(NEW)).await.unwrap();
    let before = vault.list_slots(site.admin()).await.unwrap();
    let told = async |outcome: Result<(), VaultError>| {
        assert!(
            matches!(&outcome, Err(VaultError::Conflict(why)) if why.contains("meanwhile")),
            "{outcome:?}"
        );
        let entry =
            site.log(2).await.into_iter().find(|each| each.entry.action != "keyslot.list").unwrap().entry;
        assert_eq!((entry.outcome, entry.reason.as_deref()), (Outcome::Failed, Some("conflict")));
        assert_eq!(vault.list_slots(site.admin()).await.unwrap(), before);
    };
    // Each has shown its passphrase by then, and waits for the turn.
    let meanwhile = async |turn| {
        vault.set_header(crate::keys::Header::parse(&vault.header().to_bytes()).unwrap());
        drop(turn);
    };
    let turn = vault.turn().await;
    let added =
        tokio::join!(vault.add_slot(site.admin(), None, plain("right"), plain(OTHER)), meanwhile(turn));
    told(added.0.map(|_| ())).await;
    let turn = vault.turn().await;
    told(tokio::join!(vault.remove_slot(site.admin(), id, plain("right")), meanwhile(turn)).0).await;
    let turn = vault.turn().await;
    let passphrases = vec![plain("right"), plain(NEW)];
    let rekeyed = tokio::join!(vault.rekey(site.admin(), passphrases, false), meanwhile(turn));
    told(rekeyed.0.map(|_| ())).await;
}

#[tokio::test]
async fn wrong_passphrases_back_off_whatever_they_are_shown_for() {
    let site = Site::unsealed().await;
    let vault = &site.vault;
    let id = vault.list_slots(site.admin()).await.unwrap()[0].id;
    vault.add_slot(site.admin(), None, plain("right"), plain(NEW)).await.unwrap();
    let add = async || vault.add_slot(site.admin(), None, plain("wrong"), plain(OTHER)).await.map(|_| ());
    let change =
        async || vault.change_passphrase(site.admin(), plain("wrong"), plain(OTHER)).await.map(|_| ());
    assert!(matches!(add().await, Err(VaultError::WrongPassphrase)));
    assert!(matches!(change().await, Err(VaultError::WrongPassphrase)));
    let removed = vault.remove_slot(site.admin(), id, plain("wrong")).await;
    assert!(matches!(removed, Err(VaultError::WrongPassphrase)));
    assert!(matches!(add().await, Err(VaultError::Backoff(1))));
    // It is one count for all, an unseal among them.
    vault.seal(site.admin()).await.unwrap();
    assert!(matches!(vault.unseal(site.admin(), plain("right")).await, Err(VaultError::Backoff(1))));
    site.later(1);
    vault.unseal(site.admin(), plain("right")).await.unwrap();
    // A right one doesn't end it: who has a passphrase of his own tries no others' between two of it.
    assert!(matches!(change().await, Err(VaultError::WrongPassphrase)));
    assert!(matches!(change().await, Err(VaultError::Backoff(2))));
    site.later(2);
    let known = vault.add_slot(site.admin(), None, plain("right"), plain(NEW)).await;
    assert!(matches!(known, Err(VaultError::Conflict(_))));
    assert!(matches!(change().await, Err(VaultError::WrongPassphrase)));
    assert!(matches!(change().await, Err(VaultError::Backoff(4))));
    // An hour does.
    site.later(3602);
    for _ in 0..3 {
        assert!(matches!(change().await, Err(VaultError::WrongPassphrase)));
    }
    assert!(matches!(change().await, Err(VaultError::Backoff(1))));
}

/// More than the command line reads would lock out whoever starts the daemon with it, or restores a backup.
#[tokio::test]
async fn a_new_passphrase_is_no_longer_than_what_can_be_given_anywhere() {
    let site = Site::unsealed().await;
    let vault = &site.vault;
    for longer in ["x".repeat(4097), "\u{e4}".repeat(2049)] {
        let changed = vault.change_passphrase(site.admin(), plain("right"), plain(&longer)).await;
        let added = vault.add_slot(site.admin(), None, plain("right"), plain(&longer)).await;
        for refused in [changed, added] {
            let Err(VaultError::Invalid(errors)) = refused else { panic!("{refused:?}") };
            assert!(errors[0].pointer == "/new_passphrase" && errors[0].detail.contains("4096 bytes"));
        }
    }
    let longest = "x".repeat(4096);
    vault.change_passphrase(site.admin(), plain("right"), plain(&longest)).await.unwrap();
    assert!(vault.list_slots(site.admin()).await.unwrap().len() == 1);
}
