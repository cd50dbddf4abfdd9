//! A reader goes on where he was, and is told what he missed.

use super::*;

fn feed() -> Arc<Feed> {
    Arc::new(Feed::new().unwrap())
}

fn about(name: &str) -> Subject {
    Subject::Secret(name.parse().unwrap())
}

fn tell(feed: &Feed, count: usize) {
    feed.tell(
        Timestamp::UNIX_EPOCH,
        (0..count).map(|_| Happening::Rotated { about: about("_a"), life: None }),
    );
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let feed = feed();
    let start = feed.end();
    tell(&feed, 3);
    let heard = feed.after(start, 2);
    assert_eq!((heard.events.len(), heard.missed), (2, false));
    let cursor: Cursor = feed.cursor(heard.events[1].place()).to_string().parse().unwrap();
    let rest = feed.after(feed.place(cursor).unwrap(), 9);
    assert_eq!((rest.events.len(), rest.missed), (1, false));
    assert_eq!(rest.events[0].place(), feed.end());
    assert!(feed.after(feed.end(), 9).events.is_empty());
}

#[test]
fn whoever_comes_too_late_is_told() {
    let feed = feed();
    let start = feed.end();
    tell(&feed, KEPT);
    assert_eq!(feed.place(feed.cursor(start)), Some(start), "nothing is missed yet");
    assert!(!feed.after(start, 1).missed);
    tell(&feed, 1);
    assert_eq!(feed.place(feed.cursor(start)), None);
    let late = feed.after(start, 1);
    assert!(late.missed && late.events.len() == 1);
    // Of another run.
    assert_eq!(feed.place(self::feed().cursor(feed.end())), None);
}

#[test]
fn a_seal_forgets_names_and_no_place_from_before_it_is_resumed() {
    let feed = feed();
    let start = feed.end();
    tell(&feed, 2);
    let heard_all = feed.end();
    feed.seal();
    assert_eq!(feed.place(feed.cursor(feed.end())), Some(feed.end()));
    let heard = feed.after(feed.end(), 9);
    assert!(!heard.missed && !heard.was_sealed);
    for before in [start, heard_all] {
        assert_eq!(feed.place(feed.cursor(before)), None);
        let heard = feed.after(before, 9);
        assert!(heard.missed && heard.was_sealed);
    }
    tell(&feed, 1);
    assert_eq!(feed.after(start, 9).events.len(), 1);
}

#[tokio::test]
async fn only_those_concerned_are_woken() {
    let feed = feed();
    let (a, b) = (feed.interest(vec![about("_a")]), feed.interest(vec![about("_b"), Subject::Vault]));
    let woken = |interest: &Interest| {
        let mut waking = Box::pin(interest.bell.clone().notified_owned());
        std::future::poll_fn(move |context| std::task::Poll::Ready(waking.as_mut().poll(context).is_ready()))
    };
    // Before anybody waits: it isn't lost.
    feed.wake([&about("_a")]);
    assert!(woken(&a).await && !woken(&a).await);
    assert!(!woken(&b).await);
    feed.wake([&Subject::Vault]);
    assert!(!woken(&a).await && woken(&b).await);
    feed.seal();
    assert!(woken(&a).await && woken(&b).await);
    drop((a, b));
    assert!(feed.waiting().by_subject.is_empty());
}

#[test]
fn cursors_have_one_spelling() {
    assert!("0123456789abcdef".parse::<Cursor>().is_ok());
    for wrong in
        ["", "0", "0123456789ABCDEF", "0123456789abcde", "+123456789abcdef", "0123456789abcdef0", "1-2"]
    {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
    let feed = feed();
    let start = feed.end();
    tell(&feed, 1);
    assert_ne!(feed.cursor(start), feed.cursor(feed.end()));
}
