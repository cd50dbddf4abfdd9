//! Watching: who hears what, from where on, and until when.

use std::pin::{Pin, pin};
use std::task::Poll;

use jiff::SignedDuration;

use super::super::feed::Happening;
use super::super::*;
use super::site::*;
use crate::audit::Outcome;
use crate::model::{Denial, Level, NoticeLevel};

const OPEN: &str = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
const FOR_B: &str = r#"{"scripts":["customscript_b"],"allow_all_domains":true}"#;

impl Site {
    async fn rotate_to(&self, id: &str, value: &str) {
        let spread =
            Spread { grace: Some(SignedDuration::from_secs(10)), activate: true, note: None, force: false };
        let new = NewVersion { value: plain(value), spread };
        self.vault.rotate_secret(self.admin(), &id.parse().unwrap(), new, &IfMatch::Any).await.unwrap();
    }

    /// All that there is to hear now, in words.
    fn hears(&self, session: &Session, watcher: &mut Watcher) -> Result<Vec<String>, Denial> {
        let mut heard = Vec::new();
        loop {
            let Hearing { missed, told, more } = self.vault.hear(session, watcher)?;
            heard.extend(missed.then(|| "missed".to_owned()));
            heard.extend(told.iter().map(|told| words(&told.news)));
            if !more {
                return Ok(heard);
            }
        }
    }
}

fn words(news: &News) -> String {
    let number = |version: &Option<u64>| version.map_or("gone".to_owned(), |number| number.to_string());
    match news {
        News::Secret { id, version } => format!("{id} {}", number(version)),
        News::Integration { name, version, secrets } => {
            format!("{name} {} with {}", number(version), secrets.len())
        }
        News::Notice { id, level, raised, .. } => format!("notice {id} {level} {raised}"),
    }
}

async fn pends<F: Future>(mut future: Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn each_hears_what_it_may_see() {
    let site = Site::with_fsm().await;
    let sessions = [
        site.service("a", "customscript_a", &["7"]).await,
        site.service("b", "customscript_b", &[]).await,
        site.service("fsm", "customscript_nx_suitelet2", &[]).await,
        site.operator("view", Level::View, "2").await,
        site.operator("full", Level::Full, "3").await,
    ];
    let mut watchers = Vec::new();
    for session in &sessions {
        watchers.push(site.vault.watch(asker(session), None).await.unwrap());
    }
    let mut heard = || {
        let each = sessions.iter().zip(watchers.iter_mut());
        each.map(|(session, watcher)| site.hears(session, watcher).unwrap().join(", ")).collect::<Vec<_>>()
    };

    site.secret("_open", "one", OPEN).await.unwrap();
    assert_eq!(
        heard(),
        ["custsecret_open 1", "custsecret_open 1", "custsecret_open 1", "", "custsecret_open 1"]
    );
    let mut mine = new_secret("_mine", "one", FOR_B);
    mine.owners = vec!["2".parse().unwrap()];
    site.vault.create_secret(site.admin(), mine).await.unwrap();
    site.rotate_to("_mine", "two").await;
    // Both events are of the same secret: what it is now is told once.
    assert_eq!(heard(), ["", "custsecret_mine 2", "", "custsecret_mine 2", "custsecret_mine 2"]);
    let for_eight = r#"{"allow_all_scripts":true,"allow_all_domains":true,"employees":["8"]}"#;
    site.secret("_eight", "one", for_eight).await.unwrap();
    assert_eq!(heard(), ["", "", "", "", "custsecret_eight 1"]);

    let pair = |text: &str, activate| NewPair {
        source: given(&format!("id {text}"), Some(text)),
        spread: Spread { grace: None, activate, note: None, force: false },
    };
    let name = "fsm".parse().unwrap();
    site.vault.rotate_pair(site.admin(), &name, pair("two", true), &IfMatch::Any).await.unwrap();
    assert_eq!(heard(), ["", "", "fsm 2 with 2", "", "fsm 2 with 2"]);
    site.vault.rotate_pair(site.admin(), &name, pair("three", false), &IfMatch::Any).await.unwrap();
    assert_eq!(heard(), [""; 5], "a pending pair changes nothing for readers");
    site.vault
        .activate_pair(site.admin(), &name, 3, Cut { grace: None, force: false }, &IfMatch::Any)
        .await
        .unwrap();
    assert_eq!(heard(), ["", "", "fsm 3 with 2", "", "fsm 3 with 2"]);
    site.vault.reset_pair(site.admin(), &name, &IfMatch::Any).await.unwrap();
    assert_eq!(heard(), ["", "", "fsm gone with 2", "", "fsm gone with 2"]);
    site.later(20);
    site.vault.retire_lapsed().await.unwrap();
    assert_eq!(heard(), [""; 5], "a grace that has run out was known before");

    for (about, owners) in [(Subject::Secret("_mine".parse().unwrap()), &["2"][..]), (Subject::Vault, &[])] {
        let (id, level) = ("n".into(), "critical".into());
        let owners = owners.iter().map(|each| each.parse().unwrap()).collect();
        site.vault
            .feed
            .tell(noon(), [Happening::Notice { id, level, about, raised: true, owners, since: noon() }]);
    }
    let notice = "notice n critical true";
    assert_eq!(heard(), ["", "", "", notice, &format!("{notice}, {notice}")]);
}

/// What each hears of notices alone.
fn notices(site: &Site, session: &Session, watcher: &mut Watcher) -> Vec<String> {
    let mut heard = site.hears(session, watcher).unwrap();
    heard.retain(|each| each.starts_with("notice "));
    heard
}

#[tokio::test]
async fn an_operator_hears_of_his_own_certificate() {
    let site = Site::unsealed().await;
    let vera = site.operator("vera", Level::Edit, "vera").await;
    let other = site.operator("other", Level::Edit, "o").await;
    let (mut hers, mut others) = (
        site.vault.watch(asker(&vera), None).await.unwrap(),
        site.vault.watch(asker(&other), None).await.unwrap(),
    );
    site.later(80 * 86_400);
    site.vault.tend_notices().await.unwrap();
    let page = site.vault.first_notices(asker(&vera), NoticeLevel::Info, 9).await.unwrap();
    let listed: Vec<_> = page.items.iter().map(|each| format!("notice {} warning true", each.id)).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(notices(&site, &vera, &mut hers), listed, "the same as in the list");
    let heard = notices(&site, &other, &mut others);
    assert!(heard.len() == 1 && heard[0].starts_with("notice renewal.other."), "{heard:?}");
}

#[tokio::test]
async fn owners_hear_how_it_ends_and_the_next_ones_nothing_of_it() {
    let site = Site::unsealed().await;
    let (before, after) =
        (site.operator("before", Level::View, "1b").await, site.operator("after", Level::View, "2a").await);
    let (mut old, mut new, mut full) = (
        site.vault.watch(asker(&before), None).await.unwrap(),
        site.vault.watch(asker(&after), None).await.unwrap(),
        site.vault.watch(site.admin(), None).await.unwrap(),
    );
    let overdue = |owner: &str, day: &str| {
        let (owners, expires_on) = (vec![owner.parse().unwrap()], Some(day.parse().unwrap()));
        NewSecret { owners, expires_on, ..new_secret("_a", "v", OPEN) }
    };
    site.vault.create_secret(site.admin(), overdue("1b", "2020-01-01")).await.unwrap();
    site.vault.delete_secret(site.admin(), &"_a".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let ends = [
        "notice expiry.custsecret_a.2020-01-01 critical true",
        "notice expiry.custsecret_a.2020-01-01 info false",
    ];
    assert_eq!(notices(&site, &before, &mut old), ends);
    site.vault.create_secret(site.admin(), overdue("2a", "2020-02-02")).await.unwrap();
    // One who looks late hears of the life that is his alone.
    let next = "notice expiry.custsecret_a.2020-02-02 critical true";
    assert_eq!(notices(&site, &after, &mut new), [next]);
    assert_eq!(notices(&site, &before, &mut old), [""; 0]);
    assert_eq!(notices(&site, &site.admin, &mut full), [ends[0], ends[1], next]);

    // An integration's owners are its secrets', which go with it.
    let mut record = new_fsm("an id", "a secret");
    (record.form.owners, record.form.expires_on) =
        (vec!["1b".to_owned()], Some("2020-01-01".parse().unwrap()));
    site.vault.create_integration(site.admin(), record).await.unwrap();
    site.vault.delete_integration(site.admin(), &"fsm".parse().unwrap(), &IfMatch::Any).await.unwrap();
    let ends = ["notice expiry.fsm.2020-01-01 critical true", "notice expiry.fsm.2020-01-01 info false"];
    assert_eq!(notices(&site, &before, &mut old), ends);
    assert_eq!(notices(&site, &after, &mut new), [""; 0]);
}

/// Also of one who comes back to where he was.
#[tokio::test]
async fn an_id_that_is_used_again_tells_nothing_of_its_life_before() {
    let site = Site::unsealed().await;
    let (ann, bob) =
        (site.operator("ann", Level::View, "ann").await, site.operator("bob", Level::Full, "bob").await);
    let service = site.service("a", "customscript_a", &[]).await;
    let mut places = Vec::new();
    for session in [&ann, &bob, &service] {
        places.push(site.vault.place_of(&site.vault.watch(asker(session), None).await.unwrap()));
    }
    let id = "_x".parse().unwrap();
    let make = async |owner: &str, rules| {
        let new = NewSecret { owners: vec![owner.parse().unwrap()], ..new_secret("_x", "v", rules) };
        site.vault.create_secret(site.admin(), new).await.unwrap();
    };
    make("bob", r#"{"scripts":["customscript_another"],"allow_all_domains":true}"#).await;
    site.rotate_to("_x", "two").await;
    site.vault.delete_secret(site.admin(), &id, &IfMatch::Any).await.unwrap();
    make("ann", OPEN).await;
    site.rotate_to("_x", "three").await;
    for (session, place) in [&ann, &bob, &service].into_iter().zip(&places) {
        // A look for each event: none is left out because a later one says the same.
        let mut watcher = site.vault.watch(asker(session), Some(*place)).await.unwrap();
        assert!(!watcher.has_missed());
        let told = site.vault.hear(session, &mut watcher).unwrap().told;
        let since = site.vault.see_secret(site.admin(), &id).await.unwrap().secret.created_at;
        assert!(!told.is_empty() && told.iter().all(|each| each.at >= since));
        assert_eq!(told.len(), 1);
    }
    let events = site.vault.feed.after(site.vault.feed.place(places[0]).unwrap(), 100).events;
    let lives: std::collections::HashSet<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            Happening::Rotated { life, .. } => Some(*life),
            Happening::Notice { .. } => None,
        })
        .collect();
    assert_eq!(lives.len(), 3, "one, none, another");
}

#[tokio::test]
async fn nobody_hears_of_the_certificate_of_who_had_his_name_before() {
    let site = Site::unsealed().await;
    let bob = site.operator("bob", Level::Edit, "bob").await;
    let place = site.vault.place_of(&site.vault.watch(asker(&bob), None).await.unwrap());
    site.later(80 * 86_400);
    site.vault.tend_notices().await.unwrap();
    site.vault.revoke_caller(site.admin(), &"bob".parse().unwrap(), &IfMatch::Any).await.unwrap();
    site.later(1);
    let next = site.operator("bob", Level::Edit, "another").await;
    site.vault.tend_notices().await.unwrap();
    let mut watcher = site.vault.watch(asker(&next), Some(place)).await.unwrap();
    assert!(!watcher.has_missed());
    assert_eq!(notices(&site, &next, &mut watcher), [""; 0]);
    let mut full = site.vault.watch(site.admin(), Some(place)).await.unwrap();
    let heard = notices(&site, &site.admin, &mut full);
    assert!(heard.iter().filter(|each| each.starts_with("notice renewal.bob.")).count() >= 2, "{heard:?}");
}

#[tokio::test]
async fn a_watch_is_resumed_or_told_that_it_missed_something() {
    let site = Site::unsealed().await;
    let service = site.service("a", "customscript_a", &[]).await;
    let mut first = site.vault.watch(asker(&service), None).await.unwrap();
    for value in ["_a", "_b", "_c"] {
        site.secret(value, "one", OPEN).await.unwrap();
    }
    let told = site.vault.hear(&service, &mut first).unwrap().told;
    let (from, other_run) = (told[0].cursor, feed::Feed::new().unwrap());
    let mut resumed = site.vault.watch(asker(&service), Some(from)).await.unwrap();
    assert!(!resumed.has_missed());
    assert_eq!(site.hears(&service, &mut resumed).unwrap(), ["custsecret_b 1", "custsecret_c 1"]);

    let unknown = other_run.cursor(other_run.end());
    let mut late = site.vault.watch(asker(&service), Some(unknown)).await.unwrap();
    assert!(late.has_missed());
    assert_eq!(site.hears(&service, &mut late).unwrap(), ["missed"]);
    site.rotate_to("_a", "two").await;
    assert_eq!(site.hears(&service, &mut late).unwrap(), ["custsecret_a 2"]);

    // One that doesn't read while more happens than is kept.
    let about = Subject::Secret("_b".parse().unwrap());
    let life = lives::life_of(&site.vault.live().unsealed().unwrap().registry, &about);
    let many = (0..5000).map(|_| Happening::Rotated { about: about.clone(), life });
    site.vault.feed.tell(noon(), many);
    assert_eq!(site.hears(&service, &mut late).unwrap(), ["missed"]);
    assert_eq!(site.hears(&service, &mut late).unwrap(), [""; 0]);
}

#[tokio::test]
async fn it_ends_with_its_caller_and_with_the_vault() {
    let site = Site::unsealed().await;
    let (one, two) =
        (site.service("one", "customscript_a", &[]).await, site.service("two", "customscript_a", &[]).await);
    let mut watcher = site.vault.watch(asker(&one), None).await.unwrap();
    let mut other = site.vault.watch(asker(&two), None).await.unwrap();
    {
        let (mut waits, mut other_waits) =
            (pin!(site.vault.stirred(&one, &mut watcher)), pin!(site.vault.stirred(&two, &mut other)));
        assert!(pends(waits.as_mut()).await && pends(other_waits.as_mut()).await);
        site.vault.revoke_caller(site.admin(), &"one".parse().unwrap(), &IfMatch::Any).await.unwrap();
        assert!(!pends(waits.as_mut()).await, "it is told at once");
        assert!(pends(other_waits.as_mut()).await, "and nobody else is woken");
    }
    assert_eq!(site.hears(&one, &mut watcher), Err(Denial::CallerRevoked));
    assert_eq!(denied(site.vault.watch(asker(&one), None).await), Denial::CallerRevoked);
    let log = site.log(4).await;
    let (refused, begun) = (&log[0].entry, &log[3].entry);
    assert_eq!((&*refused.action, refused.outcome), ("watch.open", Outcome::Denied));
    assert_eq!((&*begun.action, begun.outcome), ("watch.open", Outcome::Allowed));

    {
        let mut waits = pin!(site.vault.stirred(&two, &mut other));
        assert!(pends(waits.as_mut()).await);
        site.vault.seal(site.admin()).await.unwrap();
        assert!(!pends(waits.as_mut()).await);
    }
    assert_eq!(site.hears(&two, &mut other), Err(Denial::Sealed));

    let heard = site.vault.place_of(&other);
    site.vault.unseal_locally(plain("right")).await.unwrap();
    assert_eq!(site.hears(&two, &mut other), Err(Denial::Sealed), "unsealed again or not");
    assert!(site.vault.watch(asker(&two), Some(heard)).await.unwrap().has_missed());
    let mut other = site.vault.watch(asker(&two), None).await.unwrap();
    site.clock.turn(SignedDuration::from_hours(24) - SignedDuration::from_millis(3));
    site.vault.stirred(&two, &mut other).await;
    site.clock.turn(SignedDuration::from_millis(3));
    assert_eq!(site.hears(&two, &mut other), Err(Denial::CertificateExpired));
}
