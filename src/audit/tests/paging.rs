//! Reading the log back: pages from either end, and what cursors lead to.

use super::super::page::Most;
use super::super::*;
use super::site::*;

#[tokio::test]
async fn the_tail_is_read_backwards_across_segments() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let ids = |entries: Vec<LoggedEntry>| -> Vec<String> {
        entries.iter().map(|logged| logged.entry.request_id.as_deref().unwrap()[2..].into()).collect()
    };
    let all = tail(&log, 100, None, |_| true).await.unwrap();
    assert_eq!(all.len(), 20);
    assert!(all.is_sorted_by(|newer, older| newer.seq > older.seq));
    assert_eq!(ids(tail(&log, 3, None, |_| true).await.unwrap()), ["0019", "0018", "0017"]);
    let before = Some(all[10].seq);
    assert_eq!(ids(tail(&log, 2, before, |_| true).await.unwrap()), ["0008", "0007"]);
    let odd = |logged: &LoggedEntry| logged.entry.request_id.as_deref().unwrap().ends_with('3');
    assert_eq!(ids(tail(&log, 9, None, odd).await.unwrap()), ["0013", "0003"]);
    assert!(tail(&log, 0, None, |_| true).await.unwrap().is_empty());
}

/// All pages from one end, each after so much reading.
async fn pages(log: &Log, start: Start, limit: usize, read: u64) -> Vec<Vec<u64>> {
    pages_of(log, start, limit, Most { read, kept: u64::MAX }).await
}

async fn pages_of(log: &Log, start: Start, limit: usize, most: Most) -> Vec<Vec<u64>> {
    let mut look = Look { start, limit, numbers: 0..=u64::MAX };
    let mut pages = Vec::new();
    loop {
        let page = log.read(look.clone(), most, |_| true).await.unwrap();
        pages.push(page.entries.iter().map(|logged| logged.seq).collect());
        match page.next {
            Some(next) => look.start = Start::At(next.to_string().parse().unwrap()),
            None => return pages,
        }
        assert!(pages.len() < 100, "{pages:?}");
    }
}

#[tokio::test]
async fn pages_from_either_end_leave_nothing_out_and_repeat_nothing() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    assert!(place.numbers().len() > 2);
    let newest: Vec<u64> =
        tail(&log, 100, None, |_| true).await.unwrap().iter().map(|logged| logged.seq).collect();
    let oldest: Vec<u64> = newest.iter().rev().copied().collect();
    for (limit, most) in [(1, u64::MAX), (3, u64::MAX), (7, 1), (100, 700), (5, 5000), (100, u64::MAX)] {
        let back = pages(&log, Start::Newest, limit, most).await;
        assert!(back.iter().all(|page| page.len() <= limit));
        assert_eq!(back.concat(), newest, "{limit} {most}");
        assert_eq!(pages(&log, Start::Oldest, limit, most).await.concat(), oldest, "{limit} {most}");
    }
    // The last page says that it is the last; of a page that may read a line, most find a line.
    assert_eq!(pages(&log, Start::Newest, 10, u64::MAX).await.len(), 2);
    assert!(pages(&log, Start::Oldest, 10, 1).await.len() > 20);
}

#[tokio::test]
async fn a_page_ends_by_what_it_keeps_and_has_one_entry_at_least() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let newest: Vec<u64> =
        tail(&log, 100, None, |_| true).await.unwrap().iter().map(|logged| logged.seq).collect();
    for (kept, most) in [(1, 1), (1000, 6), (u64::MAX, 20)] {
        for start in [Start::Newest, Start::Oldest] {
            let pages = pages_of(&log, start, 100, Most { read: u64::MAX, kept }).await;
            assert!(pages.iter().all(|page| page.len() <= most), "{kept}: {pages:?}");
            assert!(pages.iter().all(|page| !page.is_empty()), "{kept}: {pages:?}");
            let mut all = pages.concat();
            all.sort_by(|a, b| b.cmp(a));
            assert_eq!(all, newest, "{kept}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_stops_when_the_log_is_closed_or_nobody_waits_for_it() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let log = std::sync::Arc::new(log);
    // Reads a line each time it is told to, and says so.
    let begin = || {
        let (said, heard) = std::sync::mpsc::channel();
        let (go, goes) = std::sync::mpsc::channel::<()>();
        let look = Look { start: Start::Newest, limit: 100, numbers: 0..=u64::MAX };
        let reader = std::sync::Arc::clone(&log);
        let page = tokio::spawn(async move {
            let each = move |_: &LoggedEntry| {
                said.send(()).unwrap();
                goes.recv().is_ok()
            };
            reader.page(look, each).await
        });
        (page, heard, go)
    };
    let (page, heard, go) = begin();
    tokio::task::block_in_place(|| heard.recv()).unwrap();
    page.abort();
    assert!(page.await.unwrap_err().is_cancelled());
    drop(go);
    assert_eq!(tokio::task::block_in_place(|| heard.iter().count()), 0, "it reads on for nobody");

    let (page, heard, go) = begin();
    tokio::task::block_in_place(|| heard.recv()).unwrap();
    log.close();
    drop(go);
    assert!(matches!(page.await.unwrap(), Err(AuditError::Closed)));
    assert_eq!(heard.iter().count(), 0);
}

#[tokio::test]
async fn a_walk_from_the_beginning_ends_where_the_log_ended_when_it_began() {
    let place = Place::small();
    place.written(5).await;
    let (log, _) = place.open(None);
    let look = Look { start: Start::Oldest, limit: 2, numbers: 0..=u64::MAX };
    let mut page = log.page(look.clone(), |_| true).await.unwrap();
    let mut seen = page.entries.len();
    for nth in 5..30 {
        log.append(entry(nth)).await.unwrap();
    }
    while let Some(next) = page.next {
        page = log.page(Look { start: Start::At(next), ..look.clone() }, |_| true).await.unwrap();
        seen += page.entries.len();
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn numbers_are_found_in_whatever_segment_they_are() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    let all: Vec<u64> = tail(&log, 100, None, |_| true).await.unwrap().iter().map(|each| each.seq).collect();
    for (first, last) in [(0, 0), (2, 2), (5, 17), (19, u64::MAX), (all[0], all[0]), (all[0] + 1, u64::MAX)] {
        let expected: Vec<u64> = all.iter().copied().filter(|seq| (first..=last).contains(seq)).collect();
        for start in [Start::Newest, Start::Oldest] {
            let look = Look { start, limit: 100, numbers: first..=last };
            let mut found: Vec<u64> =
                log.page(look, |_| true).await.unwrap().entries.iter().map(|each| each.seq).collect();
            found.sort_by(|a, b| b.cmp(a));
            assert_eq!(found, expected, "{first} {last}");
        }
    }
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_is_harmless() {
    let place = Place::small();
    place.written(20).await;
    let (log, _) = place.open(None);
    for cursor in ["n0-0", "n4000000000-9", "n2-99999999", "n2-3", "o9-1-2-5", "o0-0-99-99999999", "o2-3-3-7"]
    {
        let start = Start::At(cursor.parse().unwrap());
        let page = log.page(Look { start, limit: 100, numbers: 0..=u64::MAX }, |_| true).await.unwrap();
        assert!(page.entries.len() <= 20 && page.next.is_none(), "{cursor}");
    }
    std::fs::remove_file(place.path(2)).unwrap();
    let rest = pages(&log, Start::Oldest, 3, u64::MAX).await.concat();
    assert!(rest.is_sorted() && rest.len() > 10, "{rest:?}");
}
