//! Notices over time, restarts and changes: raised once, listed as the facts say, cleared by what cures them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::super::noun::Noun;
use super::super::*;
use super::site::*;
use crate::audit::{Entry, Outcome};
use crate::model::{Level, NoticeId, NoticeLevel, Secret, SecretId};

mod by_lot;
mod of_the_log;

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const DAY: i64 = 86_400;

impl Site {
    /// IDs and levels of what stands for the first operator.
    async fn notices(&self) -> BTreeMap<String, NoticeLevel> {
        self.notices_of(self.admin()).await
    }

    async fn notices_of(&self, asker: Asker<'_>) -> BTreeMap<String, NoticeLevel> {
        let page = self.vault.first_notices(asker, NoticeLevel::Info, 1000).await.unwrap();
        page.items.into_iter().map(|seen| (seen.id.to_string(), seen.standing.level)).collect()
    }

    /// Entries of an action, as subjects, oldest first.
    async fn said(&self, action: &'static str) -> Vec<String> {
        let log = self.log(10_000).await;
        let those = log.iter().rev().filter(|logged| logged.entry.action == action);
        those.map(|logged| logged.entry.subject.as_deref().unwrap_or_default().to_owned()).collect()
    }

    /// Gives a secret another date, as an edit does.
    async fn date(&self, id: &str, change: impl FnOnce(&mut Secret)) {
        let turn = self.vault.turn().await;
        let id: SecretId = id.parse().unwrap();
        let (mut secret, log) = {
            let live = self.vault.live();
            let unsealed = live.unsealed().ok().unwrap();
            (Secret::clone(&unsealed.registry.secrets.get(&id).unwrap().noun), Arc::clone(&unsealed.log))
        };
        change(&mut secret);
        let entry = Entry { action: "secret.edit".into(), outcome: Outcome::Allowed, ..Entry::default() };
        self.vault.commit_as(&turn, &log, entry, vec![Noun::Secret(secret)]).await.unwrap();
    }

    async fn dated(&self, id: &str, date: &str) {
        let new = NewSecret { expires_on: Some(date.parse().unwrap()), ..new_secret(id, "v", OPEN) };
        self.vault.create_secret(self.admin(), new).await.unwrap();
    }
}

/// The site's clock begins on 2026-11-22 at noon.
#[tokio::test]
async fn each_rung_is_raised_once_over_restarts_and_clock_jumps() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-12-31").await;
    let id = "expiry.custsecret_a.2026-12-31";
    assert!(site.notices().await.is_empty());
    site.later(9 * DAY);
    site.vault.tend_notices().await.unwrap();
    assert_eq!(site.notices().await, [(id.to_owned(), NoticeLevel::Info)].into());
    site.vault.tend_notices().await.unwrap();
    let site = site.restarted().await;
    site.vault.tend_notices().await.unwrap();
    assert_eq!(site.said("notice.raise").await, [id]);

    // Forwards over several rungs: once, at the highest.
    site.later(27 * DAY);
    assert_eq!(site.notices().await[id], NoticeLevel::Warning);
    assert_eq!(site.said("notice.raise").await, [id; 2]);

    // Backwards: no longer standing, and not raised again on the way up.
    site.later(-36 * DAY);
    assert!(site.notices().await.is_empty());
    let site = site.restarted().await;
    site.later(36 * DAY);
    assert_eq!(site.notices().await[id], NoticeLevel::Warning);
    assert_eq!((site.said("notice.raise").await.len(), site.said("notice.clear").await.len()), (2, 0));
    site.later(40 * DAY);
    site.vault.tend_notices().await.unwrap();
    let raised = site.said("notice.raise").await;
    assert_eq!(raised.iter().filter(|each| *each == id).count(), 3, "{raised:?}");
}

#[tokio::test]
async fn a_change_raises_and_clears_at_once() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-11-23").await;
    let id = "expiry.custsecret_a.2026-11-23";
    assert_eq!(site.said("notice.raise").await, [id], "without a timer and without a list");
    site.date("_a", |secret| secret.expires_on = Some("2027-11-23".parse().unwrap())).await;
    assert_eq!(site.said("notice.clear").await, [id]);
    assert!(site.notices().await.is_empty());

    let new = NewSecret { max_age_days: Some(10), ..new_secret("_b", "v", OPEN) };
    site.vault.create_secret(site.admin(), new).await.unwrap();
    site.later(10 * DAY);
    let id = "max_age.custsecret_b.2026-12-02";
    assert_eq!(site.notices().await.get(id), Some(&NoticeLevel::Critical));
    let spread = Spread { grace: Some(SignedDuration::ZERO), activate: true, note: None, force: true };
    let rotated = NewVersion { value: plain("w"), spread };
    site.vault.rotate_secret(site.admin(), &"_b".parse().unwrap(), rotated, &IfMatch::Any).await.unwrap();
    assert!(site.said("notice.clear").await.contains(&id.to_owned()));
    let site = site.restarted().await;
    assert!(!site.notices().await.contains_key(id));
}

#[tokio::test]
async fn an_acknowledgement_ends_with_the_next_rung() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-12-20").await;
    let id: NoticeId = "expiry.custsecret_a.2026-12-20".parse().unwrap();
    let known = async |site: &Site| {
        let page = site.vault.first_notices(site.admin(), NoticeLevel::Info, 10).await.unwrap();
        let seen = page.items.into_iter().find(|seen| seen.id == id).unwrap();
        seen.acknowledged.map(|known| known.by.to_string())
    };
    assert_eq!(known(&site).await, None);
    site.vault.acknowledge_notice(site.admin(), &id).await.unwrap();
    site.vault.acknowledge_notice(site.admin(), &id).await.unwrap();
    assert_eq!(known(&site).await.as_deref(), Some("admin"));
    let site = site.restarted().await;
    assert_eq!(known(&site).await.as_deref(), Some("admin"));
    site.later(15 * DAY);
    assert_eq!(known(&site).await, None);
    assert_eq!(site.vault.notice_counts().unwrap()[0].acknowledged, 0);
    let unknown =
        site.vault.acknowledge_notice(site.admin(), &"expiry.custsecret_x.1".parse().unwrap()).await;
    assert!(matches!(unknown, Err(VaultError::NotFound("notice"))));
}

#[tokio::test]
async fn operators_see_and_acknowledge_what_is_theirs() {
    let site = Site::unsealed().await;
    let new = NewSecret {
        owners: vec!["7".parse().unwrap()],
        expires_on: Some("2026-11-23".parse().unwrap()),
        ..new_secret("_a", "v", OPEN)
    };
    site.vault.create_secret(site.admin(), new).await.unwrap();
    let id: NoticeId = "expiry.custsecret_a.2026-11-23".parse().unwrap();
    let owner = site.operator("o", Level::Edit, "7").await;
    let viewer = site.operator("v", Level::View, "7").await;
    let stranger = site.operator("s", Level::Edit, "9").await;
    let service = site.service("fsm", "customscript_a", &[]).await;
    assert_eq!(site.notices_of(asker(&owner)).await.len(), 1);
    assert_eq!(site.notices_of(asker(&viewer)).await.len(), 1);
    assert!(site.notices_of(asker(&stranger)).await.is_empty());
    assert!(site.vault.first_notices(asker(&service), NoticeLevel::Info, 9).await.is_err());
    let acknowledge = async |session| site.vault.acknowledge_notice(asker(session), &id).await;
    assert!(matches!(acknowledge(&viewer).await, Err(VaultError::Denied(crate::model::Denial::Level(_)))));
    assert!(matches!(acknowledge(&stranger).await, Err(VaultError::NotFound("notice"))));
    assert!(matches!(acknowledge(&service).await, Err(VaultError::Denied(crate::model::Denial::WrongRole))));
    acknowledge(&owner).await.unwrap();

    // Cured meanwhile: there is none for the owner any more, and strangers aren't told that there was.
    site.date("_a", |secret| secret.expires_on = Some("2027-11-23".parse().unwrap())).await;
    for session in [&owner, &stranger] {
        assert!(matches!(acknowledge(session).await, Err(VaultError::NotFound("notice"))));
    }

    // Certificates: an operator's own, and a service's for full operators alone.
    site.later(89 * DAY);
    let admins: Vec<_> = site.notices().await.into_keys().filter(|id| id.starts_with("renewal.")).collect();
    assert_eq!(admins.len(), 5, "{admins:?}");
    let own: Vec<_> =
        site.notices_of(asker(&owner)).await.into_keys().filter(|id| id.starts_with("renewal.")).collect();
    assert!(own.len() == 1 && own[0].starts_with("renewal.o."), "{own:?}");
}

#[tokio::test]
async fn whoever_holds_the_version_before_is_told_of_in_time() {
    let site = Site::unsealed().await;
    site.secret("_a", "one", OPEN).await.unwrap();
    let id: SecretId = "_a".parse().unwrap();
    let service = site.service("fsm", "customscript_a", &[]).await;
    site.vault.read_value(asker(&service), &id, ANY).await.unwrap();
    let spread =
        Spread { grace: Some(SignedDuration::from_hours(4)), activate: true, note: None, force: true };
    site.vault
        .rotate_secret(site.admin(), &id, NewVersion { value: plain("two"), spread }, &IfMatch::Any)
        .await
        .unwrap();
    site.later(3 * 3600 - 1);
    assert!(site.notices().await.is_empty());
    site.later(1);
    assert_eq!(site.notices().await.len(), 1);
    site.vault.read_value(asker(&service), &id, ANY).await.unwrap();
    assert!(site.notices().await.is_empty());
    site.later(3600);
    site.vault.retire_lapsed().await.unwrap();
    assert_eq!(site.said("notice.clear").await, ["grace.custsecret_a.v1-20261122t160000"]);
}

#[tokio::test]
async fn enrolling_and_writing_is_told_where_another_could_have_done_it() {
    let site = Site::with_fsm().await;
    site.service("fsm", "customscript_nx_suitelet2", &[]).await;
    site.service("other", "customscript_other", &[]).await;
    assert!(site.notices().await.is_empty(), "there is nobody else");
    site.operator("second", Level::Full, "2").await;
    let told = site.notices().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told.first_key_value().unwrap().0.starts_with("separation.fsm."), "{told:?}");

    // The service has an address: it is told there of its own certificate, and not of secrets and operators.
    let mail = CallerEdit { mail: Some(Some("fsm@example.com".to_owned())), ..CallerEdit::default() };
    site.vault.edit_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any, mail).await.unwrap();
    site.vault.tend_notices().await.unwrap();
    let all = site.vault.undelivered(Way::Mail, true);
    let [told] = &*all else { panic!("{all:?}") };
    assert!(told.owners.is_empty() && told.message.ends_with("which is made for its script"), "{told:?}");
    assert!(site.vault.undelivered(Way::Mail, false).is_empty());
    site.later(21 * 3600);
    site.vault.tend_notices().await.unwrap();
    let own = site.vault.undelivered(Way::Mail, false);
    assert!(own.len() == 1 && own[0].id.as_str().starts_with("renewal.fsm."), "{own:?}");
    assert_eq!(own[0].owners, ["fsm@example.com"]);

    site.vault.revoke_caller(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let left = site.notices().await;
    assert!(left.keys().all(|id| id.starts_with("renewal.other.")), "{left:?}");
}

#[tokio::test]
async fn deliveries_are_marked_by_way_and_rung() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-12-20").await;
    let ids = |way| {
        let those = site.vault.undelivered(way, true);
        those.iter().map(Delivery::raising).collect::<Vec<_>>()
    };
    let hook = ids(Way::Hook);
    assert_eq!(hook.len(), 1);
    assert!(site.vault.undelivered(Way::Mail, false).is_empty(), "nobody has an address");
    site.vault.delivered(Way::Hook, &hook, Outcome::Allowed).await.unwrap();
    assert!(ids(Way::Hook).is_empty());
    assert_eq!(ids(Way::Mail), hook);
    site.later(15 * DAY);
    site.vault.tend_notices().await.unwrap();
    let risen = ids(Way::Hook);
    assert!(risen.iter().any(|each| each.id == hook[0].id && each.rung > hook[0].rung), "{risen:?}");
}

#[tokio::test]
async fn what_is_raised_again_is_told_again_though_the_first_time_is_told_late() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-11-23").await;
    let first = site.vault.undelivered(Way::Mail, true).remove(0).raising();
    site.later(1);
    let date =
        |text: &'static str| move |secret: &mut Secret| secret.expires_on = Some(text.parse().unwrap());
    site.date("_a", date("2027-11-23")).await;
    site.date("_a", date("2026-11-23")).await;
    let second = site.vault.undelivered(Way::Mail, true).remove(0).raising();
    assert_eq!((&second.id, second.rung), (&first.id, first.rung));
    assert!(second.raised_at > first.raised_at);
    site.vault.delivered(Way::Mail, &[first], Outcome::Allowed).await.unwrap();
    assert_eq!(site.vault.undelivered(Way::Mail, true).len(), 1, "it was the first that was told");
    assert!(site.said("notice.deliver").await.is_empty());
    site.vault.delivered(Way::Mail, &[second], Outcome::Allowed).await.unwrap();
    assert!(site.vault.undelivered(Way::Mail, true).is_empty());
}

#[tokio::test]
async fn nothing_stands_while_sealed() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-11-23").await;
    assert_eq!(site.vault.notice_counts().unwrap()[2].standing, 1);
    site.vault.seal(site.admin()).await.unwrap();
    site.vault.tend_notices().await.unwrap();
    assert_eq!(site.vault.notice_counts(), None);
    assert!(site.vault.undelivered(Way::Hook, true).is_empty());
}

#[tokio::test]
async fn what_stood_before_a_seal_stands_with_the_unsealing() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-11-23").await;
    let before = site.notices().await;
    site.vault.seal(site.admin()).await.unwrap();
    let mut raised = site.vault.raised();
    raised.mark_unchanged();
    site.vault.unseal(site.admin(), plain("right")).await.unwrap();
    assert_eq!(site.vault.notice_counts().unwrap()[2].standing, 1);
    assert!(raised.has_changed().unwrap(), "what is still to be told goes out");
    assert_eq!(site.notices().await, before);
    let id = before.keys().next().unwrap().parse().unwrap();
    site.vault.acknowledge_notice(site.admin(), &id).await.unwrap();
}
