//! Shares: what one caller leaves for the others, how requests and answers are counted, streams, a rate.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use jiff::SignedDuration;

fn bounds() -> Bounds {
    let bound = Bound { all: 3, caller: 2 };
    Bounds { connections: bound, waiting: bound, large: bound, caller_requests: 2, rate: None }
}

fn named(name: &str) -> Holder {
    Holder::Caller(format!("spiffe://fsm-vault.internal/caller/{name}").parse().unwrap(), NOON)
}

const NOON: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn one_caller_leaves_something_for_the_others() {
    let shares = Shares::new(bounds());
    let (one, two) = (shares.of(named("one"), NOON), shares.of(named("two"), NOON));
    assert!(Arc::ptr_eq(&one, &shares.of(named("one"), NOON)), "of all its connections");
    type Taking = fn(&Arc<Share>) -> Result<Place, Limit>;
    let kinds: [(Taking, Limit, Limit); 3] = [
        (Share::connect, Limit::CallerConnections, Limit::Connections),
        (Share::wait, Limit::CallerWaiting, Limit::Waiting),
        (Share::carry, Limit::CallerLarge, Limit::Large),
    ];
    for (take, own, all) in kinds {
        let (first, _second) = (take(&one).unwrap(), take(&one).unwrap());
        assert_eq!(take(&one).unwrap_err(), own);
        let _third = take(&two).unwrap();
        assert_eq!(take(&two).unwrap_err(), all);
        drop(first);
        let _fourth = take(&two).unwrap();
        assert_eq!(take(&one).unwrap_err(), all, "what was refused took nothing");
    }
    for share in [&one, &two] {
        let _two = (share.connect().unwrap(), share.connect().unwrap());
    }
}

#[test]
fn strangers_together_take_a_small_part() {
    let connections = Bound { all: 100, caller: 50 };
    let shares = Shares::new(Bounds { connections, ..bounds() });
    let strangers = shares.of(Holder::Stranger, NOON);
    assert!(Arc::ptr_eq(&strangers, &shares.of(Holder::Stranger, NOON)), "all of them");
    let taken = [(); 3].map(|()| strangers.connect().unwrap());
    assert_eq!(strangers.connect().unwrap_err(), Limit::CallerConnections);
    let _one = strangers.carry().unwrap();
    assert_eq!(strangers.carry().unwrap_err(), Limit::CallerLarge, "one, where it would be less");
    let one = shares.of(named("one"), NOON);
    let _theirs = (0..50).map(|_| one.connect().unwrap()).collect::<Vec<_>>();
    drop(taken);
}

#[test]
fn requests_under_way_and_answers_on_their_way_are_counted_together() {
    let share = Shares::new(bounds()).of(named("one"), NOON);
    let begin = || share.begin(|| unreachable!("there is no rate"));
    let first = begin().unwrap();
    let answered = share.answered();
    assert_eq!(begin().err(), Some(Limit::CallerRequests));
    {
        let _waits = share.set_aside();
        drop(begin().unwrap());
    }
    assert_eq!(begin().err(), Some(Limit::CallerRequests));
    drop(answered);
    let second = begin().unwrap();
    drop((first, second));
    assert_eq!(share.requests.load(Ordering::Relaxed), 0);
}

#[test]
fn many_connections_are_offered_fewer_streams_each() {
    let connections = Bound { all: 10_000, caller: 10_000 };
    let waiting = Bound { all: 10_000, caller: 5000 };
    let share = Shares::new(Bounds { connections, waiting, caller_requests: 1000, ..bounds() })
        .of(named("one"), NOON);
    let places = (0..4000).map(|_| share.connect().unwrap()).collect::<Vec<_>>();
    assert_eq!((share.streams(100), share.streams(5)), (8, 5));
    drop(places);
    let expected = [(0, 100), (60, 100), (61, 98), (120, 50), (375, 16), (750, 8), (751, 8)];
    for (connections, streams) in expected {
        let _places = (0..connections).map(|_| share.connect().unwrap()).collect::<Vec<_>>();
        assert_eq!(share.streams(100), streams, "{connections}");
    }
}

#[test]
fn a_rate_is_kept_over_any_time() {
    let rate = Some(Rate { per_second: 10, burst: 3 });
    let share = Shares::new(Bounds { rate, ..bounds() }).of(named("one"), NOON);
    let served = |milliseconds: i64, asked: usize| {
        let now = NOON + SignedDuration::from_millis(milliseconds);
        (0..asked).filter(|_| share.begin(|| now).is_ok()).count()
    };
    assert_eq!(served(0, 5), 3, "a burst");
    assert_eq!(served(99, 5), 0);
    assert_eq!(served(100, 5), 1);
    assert_eq!(served(350, 5), 2);
    assert_eq!(served(400, 5), 1, "the half of a token wasn't lost");
    assert_eq!(served(3_600_000, 9), 3, "and no more than a burst is saved up");
    assert_eq!(served(0, 9), 0, "a clock set back gives nothing");
    assert_eq!(served(200, 9), 2, "and takes nothing for long");
    let many = (0..10_000).map(|tick| served(1000 + tick, 1)).sum::<usize>();
    assert!((100..=103).contains(&many), "{many} in ten seconds");
}

#[test]
fn a_rate_is_kept_by_who_comes_anew_for_each_request() {
    let rate = Some(Rate { per_second: 10, burst: 3 });
    let shares = Shares::new(Bounds { rate, ..bounds() });
    let served = |name: &str, milliseconds: i64, asked: usize| {
        let now = NOON + SignedDuration::from_millis(milliseconds);
        (0..asked).filter(|_| shares.of(named(name), now).begin(|| now).is_ok()).count()
    };
    assert_eq!(served("one", 0, 9), 3);
    assert_eq!(served("one", 100, 9), 1);
    assert_eq!(served("two", 100, 9), 3, "another has his own");
    // Those that are full again are as good as new.
    let gone: usize = (0..10_000).map(|number| served(&format!("gone{number}"), 200 + number, 1)).sum();
    assert_eq!(gone, 10_000);
    let held = shares.held.lock().unwrap().by_holder.len();
    assert!(held < 1000, "{held}");
}

#[test]
fn callers_that_are_gone_leave_nothing() {
    let shares = Shares::new(bounds());
    let kept = shares.of(named("kept"), NOON);
    let _connection = kept.connect().unwrap();
    for number in 0..10_000 {
        drop(shares.of(named(&format!("gone{number}")), NOON));
    }
    let held = shares.held.lock().unwrap();
    assert!(held.by_holder.len() < 200 && held.by_holder.contains_key(&named("kept")));
}

#[test]
fn a_callers_looks_wait_for_its_own_alone() {
    fn comes<'a>(look: impl Future<Output = SemaphorePermit<'a>>) -> Option<SemaphorePermit<'a>> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(look).poll(&mut context) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }
    let shares = Shares::new(bounds());
    let (one, two) = (shares.of(named("one"), NOON), shares.of(named("two"), NOON));
    let mut looks: Vec<_> = (0..LOOKS).map(|_| comes(one.look()).unwrap()).collect();
    assert!(comes(one.look()).is_none());
    assert!(comes(two.look()).is_some());
    let page = comes(one.read_log()).expect("reading the log waits for no list");
    assert!(comes(one.read_log()).is_none());
    assert!(comes(two.read_log()).is_some());
    drop((page, looks.pop()));
    assert!(comes(one.look()).is_some() && comes(one.read_log()).is_some());
}
