//! Jumps of the clock, restarts and edits by lot: what stands is what the rules say, and nothing is told twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::super::*;
use super::super::site::*;
use super::{DAY, OPEN};
use crate::model::Rung;

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
