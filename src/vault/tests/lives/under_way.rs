//! Looks that are under way while what they are at, or by, is given again: none is told to whoever has it then.

use super::super::super::lives::Reborn;
use super::super::super::manage::Cleared;
use super::*;
use crate::audit::Log;
use crate::policy::Action;

/// A look that was decided on and isn't written down yet.
async fn begun(site: &Site, asker: Asker<'_>, entry: Entry) -> Cleared {
    let entry = Entry { action: "secret.show".into(), ..entry };
    let entry = Entry { request_id: asker.entry(None, "").request_id, ..entry };
    site.vault.clear_general(asker, Action::List, entry).await.unwrap()
}

fn at_secret(id: &str) -> Entry {
    Entry { secret: Some(id.into()), ..Entry::default() }
}

/// Refused, and not in the log.
async fn comes_to_nothing(site: &Site, look: Cleared) {
    let before = site.log(1).await.remove(0).seq;
    assert!(matches!(site.vault.looked(look).await, Err(VaultError::Unsettled)));
    assert_eq!(site.log(1).await.remove(0).seq, before);
}

#[tokio::test]
async fn a_look_of_who_had_the_name_before_comes_to_nothing() {
    let site = Site::unsealed().await;
    let bob = site.operator("desk", Level::Edit, "bob").await;
    let other = site.operator("other", Level::Edit, "other").await;
    let (his, others) = (
        begun(&site, asker(&bob), Entry::default()).await,
        begun(&site, asker(&other), Entry::default()).await,
    );
    let second = begun(&site, asker(&bob), Entry::default()).await;
    let role = Some(RoleEdit::Operator { level: None, employee: Some("eve".parse().unwrap()) });
    let edit = CallerEdit { role, ..CallerEdit::default() };
    site.vault.edit_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any, edit).await.unwrap();
    comes_to_nothing(&site, his).await;
    site.vault.looked(others).await.unwrap();
    let with_less = begun(&site, asker(&other), Entry::default()).await;
    let role = Some(RoleEdit::Operator { level: Some(Level::View), employee: None });
    let edit = CallerEdit { role, ..CallerEdit::default() };
    site.vault.edit_caller(site.admin(), &"other".parse().unwrap(), &IfMatch::Any, edit).await.unwrap();
    comes_to_nothing(&site, with_less).await;
    let renewing = begun(&site, asker(&other), Entry::default()).await;
    site.vault.renew_identity(asker(&other), &request(), None).await.unwrap();
    site.vault.looked(renewing).await.unwrap();
    let revoked = begun(&site, asker(&other), Entry::default()).await;
    site.vault.revoke_caller(site.admin(), &"other".parse().unwrap(), &IfMatch::Any).await.unwrap();
    comes_to_nothing(&site, revoked).await;
    let of_eve = begun(&site, asker(&bob), Entry::default()).await;
    site.vault.revoke_caller(site.admin(), &"desk".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.later(1);
    site.operator("desk", Level::View, "mallory").await;
    comes_to_nothing(&site, of_eve).await;
    comes_to_nothing(&site, second).await;
}

#[tokio::test]
async fn a_look_at_what_had_the_id_before_comes_to_nothing() {
    let site = Site::unsealed().await;
    let name = "fsm".parse().unwrap();
    site.secret("_a", "one", OPEN).await.unwrap();
    site.vault.create_integration(site.admin(), new_fsm("an id", "a secret")).await.unwrap();
    let record = Entry { integration: Some("fsm".into()), ..Entry::default() };
    let looks = [at_secret("custsecret_a"), record, at_secret("custsecret_fsm_oauth2_client_id")];
    let mut under_way = Vec::new();
    for look in looks {
        under_way.push(begun(&site, site.admin(), look).await);
    }
    site.vault.delete_secret(site.admin(), &"_a".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.vault.delete_integration(site.admin(), &name, &IfMatch::Any).await.unwrap();
    site.later(1);
    site.secret("_a", "another", OPEN).await.unwrap();
    site.vault.create_integration(site.admin(), new_fsm("another id", "another secret")).await.unwrap();
    for look in under_way {
        comes_to_nothing(&site, look).await;
    }
}

/// From when the line is taken that the next life begins behind, until it has begun.
#[tokio::test]
async fn while_a_name_is_given_again_looks_by_it_and_at_it_wait() {
    let site = Site::unsealed().await;
    let bob = site.operator("desk", Level::Edit, "bob").await;
    let (desk, fsm): (_, IntegrationName) = ("desk".parse().unwrap(), "fsm".parse().unwrap());
    let id: SecretId = "_a".parse().unwrap();
    let entry = |secret: Option<&str>| Entry { secret: secret.map(Into::into), ..Entry::default() };
    let record = Entry { integration: Some("fsm".into()), ..Entry::default() };
    for (names, concerned, free) in [
        (Reborn::caller(&desk), entry(None), None),
        (Reborn::secrets([&id]), entry(Some(id.as_str())), Some(entry(Some("custsecret_b")))),
        (Reborn::integration(&fsm, [&id]), record, Some(entry(None))),
        (Reborn::integration(&fsm, [&id]), entry(Some(id.as_str())), Some(entry(None))),
    ] {
        let turn = site.vault.turn().await;
        let cleared = begun(&site, site.admin(), Entry::default()).await;
        let (_cleared, line, rebirth) = site.vault.told_until_now(cleared, names).await.unwrap();
        assert_eq!(line, site.log(1).await.remove(0).seq);
        if let Some(free) = free {
            let look = begun(&site, asker(&bob), free).await;
            site.vault.looked(look).await.unwrap();
        }
        let before = site.log(1).await.remove(0).seq;
        let look = begun(&site, asker(&bob), concerned).await;
        let waiting = site.vault.looked(look);
        let over = async {
            assert_eq!(site.log(1).await.remove(0).seq, before, "it waits");
            drop((rebirth, turn));
        };
        // Nothing came of it: it is the same life.
        tokio::join!(waiting, over).0.unwrap();
        assert_eq!(site.log(1).await.remove(0).seq, before + 1);
    }
}

/// A line that waits to be written has its place by then.
#[tokio::test]
async fn the_next_life_begins_behind_what_is_queued() {
    let site = Site::unsealed().await;
    let log: std::sync::Arc<Log> = std::sync::Arc::clone(&site.vault.live().unsealed().ok().unwrap().log);
    let entry = Entry { action: "secret.show".into(), outcome: Outcome::Allowed, ..Entry::default() };
    for queued in 0..3 {
        let before = log.last_line().await.unwrap();
        let waiting: Vec<_> = (0..queued).map(|_| log.begin_entry(&entry).unwrap()).collect();
        assert_eq!(log.last_line().await.unwrap(), before + queued);
        for line in waiting {
            assert!(log.written(line).await.unwrap() <= before + queued);
        }
    }
}

/// An Argon2id long.
#[tokio::test]
async fn a_wrong_passphrase_of_who_had_the_name_before_is_not_the_next_ones() {
    let site = Site::unsealed().await;
    let desk = site.operator("desk", Level::Full, "ann").await;
    let vault = &site.vault;
    let role = Some(RoleEdit::Operator { level: Some(Level::View), employee: Some("bob".parse().unwrap()) });
    let edit = CallerEdit { role, ..CallerEdit::default() };
    let name = "desk".parse().unwrap();
    let tried = vault.add_slot(asker(&desk), None, plain("wrong"), plain("a long enough passphrase"));
    let (tried, edited) = tokio::join!(tried, vault.edit_caller(site.admin(), &name, &IfMatch::Any, edit));
    edited.unwrap();
    assert!(matches!(tried, Err(VaultError::WrongPassphrase)));
    let seen = read(&site, asker(&desk), Filter::default()).await;
    assert!(!actions(&seen).contains(&"keyslot.add"), "{:?}", actions(&seen));
    let all = read(&site, site.admin(), Filter::default()).await;
    let wrong = all.iter().find(|each| each.entry.action == "keyslot.add").unwrap();
    assert_eq!((wrong.entry.outcome, wrong.entry.caller.as_deref()), (Outcome::Denied, None));
    assert!(wrong.entry.serial.is_some());
}
