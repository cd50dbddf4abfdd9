//! Edits of registrations hold from the next request on.

use super::super::*;
use super::site::*;
use crate::model::{Denial, Level, Pins, Role};

fn service(edit: impl FnOnce(&mut RoleEdit)) -> CallerEdit {
    let mut role = RoleEdit::Service { script: None, employees: None, suiteapp: None };
    edit(&mut role);
    CallerEdit { role: Some(role), ..CallerEdit::default() }
}

fn level(level: Level) -> CallerEdit {
    CallerEdit {
        role: Some(RoleEdit::Operator { level: Some(level), employee: None }),
        ..CallerEdit::default()
    }
}

async fn edit(site: &Site, name: &str, edit: CallerEdit) -> Result<SeenCaller, VaultError> {
    site.vault.edit_caller(site.admin(), &name.parse().unwrap(), &IfMatch::Any, edit).await
}

#[tokio::test]
async fn a_script_that_was_renamed_is_the_new_one_at_once() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet1", &[]).await;
    let pair = async || site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await;
    assert_eq!(denied(pair().await), Denial::ScriptNotAllowed);
    let to = |script: &str| {
        let new = script.parse().unwrap();
        service(|role| *role = RoleEdit::Service { script: Some(new), employees: None, suiteapp: None })
    };
    edit(&site, "fsm", to("customscript_nx_suitelet2")).await.unwrap();
    assert!(pair().await.is_ok());
    edit(&site, "fsm", to("customscript_nx_suitelet3")).await.unwrap();
    assert_eq!(denied(pair().await), Denial::ScriptNotAllowed);
    let entry = site.log(2).await.remove(1).entry;
    assert_eq!(entry.action, "caller.edit");
    let changes = entry.changes.unwrap();
    assert_eq!(changes["role"]["old"]["script"], "customscript_nx_suitelet2");
    assert_eq!(changes["role"]["new"]["script"], "customscript_nx_suitelet3");
}

#[tokio::test]
async fn a_pin_holds_at_once_and_a_mail_address_stays_out_of_the_log() {
    let site = Site::with_fsm().await;
    let fsm = site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    let pinned = CallerEdit {
        uid: Some(Some(4711)),
        mail: Some(Some("ann@example.com".to_owned())),
        ..CallerEdit::default()
    };
    let seen = edit(&site, "fsm", pinned).await.unwrap();
    assert_eq!(seen.caller.mail.as_deref(), Some("ann@example.com"));
    let pair = site.vault.read_pair(asker(&fsm), &"fsm".parse().unwrap(), ANY).await;
    assert_eq!(denied(pair), Denial::WrongPeer);
    let told = serde_json::to_string(&site.log(2).await[1].entry).unwrap();
    assert!(told.contains("4711") && !told.contains("ann@example.com"), "{told}");
}

#[tokio::test]
async fn a_service_never_becomes_an_operator_nor_the_other_way() {
    let site = Site::unsealed().await;
    site.service("fsm", "customscript_a", &[]).await;
    assert!(matches!(edit(&site, "fsm", level(Level::Full)).await, Err(VaultError::Invalid(_))));
    assert!(matches!(edit(&site, "admin", service(|_| ())).await, Err(VaultError::Invalid(_))));
    assert!(matches!(edit(&site, "nobody", level(Level::View)).await, Err(VaultError::NotFound(_))));
}

#[tokio::test]
async fn the_last_full_operator_stays_one() {
    let site = Site::unsealed().await;
    assert!(matches!(edit(&site, "admin", level(Level::Edit)).await, Err(VaultError::Conflict(_))));
    site.operator("ann", Level::Full, "2").await;
    edit(&site, "admin", level(Level::Edit)).await.unwrap();
    assert_eq!(denied(edit(&site, "admin", level(Level::Full)).await), FULL);
}

#[tokio::test]
async fn pins_dont_lock_the_last_full_operator_out() {
    let site = Site::unsealed().await;
    let uid = |uid: u32| CallerEdit { uid: Some(Some(uid)), ..CallerEdit::default() };
    let unit = |unit: &str| CallerEdit { unit: Some(Some(unit.parse().unwrap())), ..CallerEdit::default() };
    let refused = async |outcome: Result<SeenCaller, VaultError>, word: &str| match outcome {
        Err(VaultError::Conflict(why)) => assert!(why.contains(word), "{why}"),
        other => panic!("{:?}", other.map(|seen| seen.caller)),
    };
    // He comes from uid 7 and from no unit.
    for locks_out in [uid(u32::MAX - 1), unit("a.service")] {
        refused(edit(&site, "admin", locks_out).await, "caller add").await;
    }
    edit(&site, "admin", uid(7)).await.unwrap();
    refused(edit(&site, "admin", unit("a.service")).await, "caller add").await;
    // Another who may come from nowhere is no replacement, unless it is he who asks.
    let role = || Role::Operator { level: Level::Full, employee: "2".parse().unwrap() };
    let pinned = site.enrol("pinned", role(), Pins { uid: Some(7), unit: None }).await;
    refused(edit(&site, "admin", uid(8)).await, "caller edit pinned --any-uid").await;
    refused(edit(&site, "admin", level(Level::Edit)).await, "Connect as pinned").await;
    let admin = "admin".parse().unwrap();
    assert!(matches!(
        site.vault.revoke_caller(site.admin(), &admin, &IfMatch::Any).await,
        Err(VaultError::Conflict(_))
    ));
    let by_other = site.vault.edit_caller(asker(&pinned), &admin, &IfMatch::Any, uid(8)).await;
    assert_eq!(by_other.unwrap().caller.pins.uid, Some(8));
    site.vault.revoke_caller(asker(&pinned), &admin, &IfMatch::Any).await.unwrap();
}

#[tokio::test]
async fn a_full_operator_who_has_no_pins_is_enough() {
    let site = Site::unsealed().await;
    let nowhere = Pins { uid: Some(u32::MAX - 1), unit: None };
    site.operator("free", Level::Full, "2").await;
    let pin = CallerEdit { uid: Some(nowhere.uid), ..CallerEdit::default() };
    edit(&site, "admin", pin).await.unwrap();
    assert_eq!(denied(site.vault.list_callers(site.admin(), None, 9).await), Denial::WrongPeer);
}

#[tokio::test]
async fn a_lost_update_is_refused_and_no_change_is_none() {
    let site = Site::unsealed().await;
    site.operator("ann", Level::View, "2").await;
    let name = "ann".parse().unwrap();
    let first = site.vault.see_caller(site.admin(), &name).await.unwrap().revision;
    let depends = IfMatch::OneOf(vec![first.as_str().to_owned()]);
    let to = async |to| site.vault.edit_caller(site.admin(), &name, &depends, level(to)).await;
    assert_eq!(to(Level::View).await.unwrap().revision, first, "nothing was changed");
    assert_ne!(to(Level::Edit).await.unwrap().revision, first);
    assert!(matches!(to(Level::Full).await, Err(VaultError::Stale)));

    site.vault.revoke_caller(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert!(matches!(edit(&site, "ann", level(Level::View)).await, Err(VaultError::Conflict(_))));
    site.operator("ann", Level::View, "2").await;
    assert!(matches!(to(Level::Full).await, Err(VaultError::Stale)), "of another life");
    let revoked = site.vault.revoke_caller(site.admin(), &name, &depends).await;
    assert!(
        matches!(revoked, Err(VaultError::Stale)),
        "the one that is revoked is the one that was looked at"
    );
    assert!(site.vault.see_caller(site.admin(), &name).await.unwrap().caller.is_active());
}
