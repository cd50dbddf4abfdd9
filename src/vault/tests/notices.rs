//! Notices over time, restarts and changes: raised once, listed as the facts say, cleared by what cures them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::noun::Noun;
use super::super::*;
use super::site::*;
use crate::audit::{Entry, Outcome};
use crate::model::{Level, NoticeId, NoticeLevel, Rung, Secret, SecretId};

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const DAY: i64 = 86_400;

impl Site {
    /// IDs and levels of what stands for the first operator.
    async fn notices(&self) -> BTreeMap<String, NoticeLevel> {
        self.notices_of(self.admin()).await
    }

    async fn notices_of(&self, asker: Asker<'_>) -> BTreeMap<String, NoticeLevel> {
        let page = self.vault.list_notices(asker, NoticeLevel::Info, None, 1000).await.unwrap();
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
    site.vault.rotate_secret(site.admin(), &"_b".parse().unwrap(), rotated).await.unwrap();
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
        let page = site.vault.list_notices(site.admin(), NoticeLevel::Info, None, 10).await.unwrap();
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
    assert!(site.vault.list_notices(asker(&service), NoticeLevel::Info, None, 9).await.is_err());
    let acknowledge = async |session| site.vault.acknowledge_notice(asker(session), &id).await;
    assert!(matches!(acknowledge(&viewer).await, Err(VaultError::Denied(crate::model::Denial::Level))));
    assert!(matches!(acknowledge(&stranger).await, Err(VaultError::NotFound("notice"))));
    assert!(matches!(acknowledge(&service).await, Err(VaultError::Denied(crate::model::Denial::WrongRole))));
    acknowledge(&owner).await.unwrap();

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
    site.vault.rotate_secret(site.admin(), &id, NewVersion { value: plain("two"), spread }).await.unwrap();
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
    site.vault.revoke_caller(site.admin(), &"fsm".parse().unwrap()).await.unwrap();
    assert!(site.notices().await.is_empty());
}

#[tokio::test]
async fn a_damaged_log_is_critical_until_it_is_found_whole() {
    let site = Site::unsealed().await;
    site.secret("_a", "v", OPEN).await.unwrap();
    site.vault.close().await.unwrap();
    let site = site
        .restarted_after(async |new| {
            let path = new.directory.audit().join("audit-00000001.jsonl");
            let text = std::fs::read_to_string(&path).unwrap();
            let at = text.rfind("vault.close").unwrap();
            let cut = text[..at].rfind('\n').unwrap() + 1;
            std::fs::write(&path, &text[..cut]).unwrap();
        })
        .await;
    let told = site.notices().await;
    let id = told.first_key_value().unwrap().0.clone();
    assert!(told.len() == 1 && id.starts_with("audit_damage.log.s1-l"), "{told:?}");
    assert_eq!(told[&id], NoticeLevel::Critical);
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_some());
    site.vault.close().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(site.notices().await, told, "a restart mends nothing");
    assert_eq!(site.said("notice.raise").await, [id]);
}

#[tokio::test]
async fn a_journal_that_is_away_is_told_until_it_is_back() {
    let mut site = Site::unsealed().await;
    let socket = site.directory.path().join("journal");
    site.vault.audit.journal = Some(socket.clone());
    for round in 1..3 {
        let told = site.notices().await;
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [("journal.journald.away".to_owned(), NoticeLevel::Warning)]
        );
        let journald = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
        assert!(site.notices().await.is_empty());
        assert_eq!(site.said("notice.clear").await.len(), round);
        // It ends, and leaves its socket behind.
        drop(journald);
        assert_eq!(site.notices().await.len(), 1);
        std::fs::remove_file(&socket).unwrap();
    }
}

#[tokio::test]
async fn a_stray_beside_the_log_is_told_until_it_is_gone() {
    let site = Site::unsealed().await;
    let stray = site.directory.audit().join("audit-00000009.jsonl");
    site.vault.close().await.unwrap();
    let site = site.restarted_after(async |_| std::fs::write(&stray, "junk").unwrap()).await;
    let told = site.notices().await;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["audit_damage.log.s9-stray"]);
    site.vault.close().await.unwrap();
    let site = site.restarted().await;
    assert_eq!(site.notices().await, told, "and once");
    std::fs::remove_file(&stray).unwrap();
    assert!(site.vault.verify_log(site.admin()).await.unwrap().first_bad.is_none());
    assert!(site.notices().await.is_empty());
}

#[tokio::test]
async fn deliveries_are_marked_by_way_and_rung() {
    let site = Site::unsealed().await;
    site.dated("_a", "2026-12-20").await;
    let ids = |way| {
        let those = site.vault.undelivered(way, true).into_iter();
        those.map(|each| (each.id, each.rung)).collect::<Vec<_>>()
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
    assert!(risen.iter().any(|(id, rung)| *id == hook[0].0 && *rung > hook[0].1), "{risen:?}");
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

#[derive(Debug, Clone)]
enum Act {
    Jump(i64),
    Restart,
    Date(usize, i64),
    Undate(usize),
    Rotate(usize),
    Tend,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (-60i64..90).prop_map(Act::Jump),
        1 => Just(Act::Restart),
        3 => (0usize..2, -5i64..70).prop_map(|(which, days)| Act::Date(which, days)),
        1 => (0usize..2).prop_map(Act::Undate),
        1 => (0usize..2).prop_map(Act::Rotate),
        2 => Just(Act::Tend),
    ];
    proptest::collection::vec(act, 1..20)
}

/// What the rules alone say of the site's secrets now.
fn expected(site: &Site) -> BTreeSet<(String, Rung)> {
    let live = site.vault.live();
    let registry = &live.unsealed().ok().unwrap().registry;
    let mut found = Vec::new();
    for kept in registry.secrets.values() {
        let now = crate::clock::Clock::now(&*site.clock);
        let rules = NoticeRules::default();
        crate::policy::notices::of_secret(&kept.noun, &rules, now, |_| Vec::new(), &mut found);
    }
    found.into_iter().filter_map(|each| Some((each.id.to_string(), each.standing?.rung))).collect()
}

async fn never_twice(acts: Vec<Act>) {
    const IDS: [&str; 2] = ["_a", "_b"];
    let mut site = Site::unsealed().await;
    for id in IDS {
        let new = NewSecret { max_age_days: Some(40), ..new_secret(id, "v", OPEN) };
        site.vault.create_secret(site.admin(), new).await.unwrap();
    }
    for (step, act) in acts.into_iter().enumerate() {
        match act {
            Act::Jump(days) => site.later(days * DAY),
            Act::Restart => {
                site.vault.close().await.unwrap();
                site = site.restarted().await;
            }
            Act::Date(which, days) => {
                let now: Timestamp = crate::clock::Clock::now(&*site.clock);
                let day =
                    (now + SignedDuration::from_hours(24 * days)).to_zoned(jiff::tz::TimeZone::UTC).date();
                site.date(IDS[which], |secret| secret.expires_on = Some(day)).await;
            }
            Act::Undate(which) => site.date(IDS[which], |secret| secret.expires_on = None).await,
            Act::Rotate(which) => {
                let now = crate::clock::Clock::now(&*site.clock);
                // As a rotation does to the age, without an operator whose certificate may have ended.
                site.date(IDS[which], |secret| {
                    secret.versions[0].created_at = now + SignedDuration::from_secs(step.try_into().unwrap());
                })
                .await;
            }
            Act::Tend => {}
        }
        site.vault.tend_notices().await.unwrap();
        let standing: BTreeSet<_> = {
            let live = site.vault.live();
            let standings = live.unsealed().ok().unwrap().standings.lock();
            let of_secrets = standings.iter().filter(|(id, _)| id.subject().starts_with("custsecret"));
            of_secrets.map(|(id, standing)| (id.to_string(), standing.rung)).collect()
        };
        assert_eq!(standing, expected(&site), "after step {step}");
    }
    // Between two clearings of a notice no rung is raised twice, so each raise is at a higher one.
    let mut highest: BTreeMap<String, u64> = BTreeMap::new();
    let log = site.log(10_000).await;
    for entry in log.iter().rev().map(|logged| &logged.entry) {
        let subject = entry.subject.as_deref().unwrap_or_default().to_owned();
        match &*entry.action {
            "notice.raise" => {
                let rung = entry.changes.as_ref().unwrap()["rung"].as_u64().unwrap();
                let before = highest.insert(subject.clone(), rung);
                assert!(before.is_none_or(|before| before < rung), "{subject} was raised twice at {rung}");
            }
            "notice.clear" => assert!(highest.remove(&subject).is_some(), "{subject} was cleared unraised"),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn no_rung_is_raised_twice_and_the_list_is_what_the_rules_say(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(never_twice(acts));
    }
}
