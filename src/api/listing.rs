//! Answers to looks: a list ends before it is too long, and what is long is written beside the other requests, one at a time.

use serde::Serialize;
use tokio::sync::Semaphore;

use super::answer::{self, Reply};
use super::body::LARGE;
use crate::vault::{Page, aside};
use crate::wire;

/// Bytes that what is written on the requests' own threads may have.
const BRIEF: usize = LARGE as usize;
/// Bytes of a list's items, at most; or of one that has more.
const MOST: usize = 1 << 20;

/// 200 with a shape that may be long.
pub async fn shown<T: Serialize>(shape: &T) -> Reply {
    answer::written(match wire::write_within(shape, BRIEF) {
        Some(text) => text,
        None => alone(|| wire::write(shape)).await,
    })
}

/// 200 with a page of a list: its items, or those of the first that a mebibyte has room for. The cursor is the last one's key.
pub async fn listed<T, V: Serialize>(
    page: Page<T>,
    view: impl Fn(T) -> V,
    key: impl Fn(&V) -> String,
) -> Reply {
    let mut list = List { text: br#"{"items":["#.to_vec(), last: None, more: page.more };
    let mut items = page.items.into_iter().map(view);
    let is_brief = |list: &List<V>| list.text.len() <= BRIEF;
    let mut add = |list: &mut List<V>| items.next().is_some_and(|item| list.add(item, MOST));
    while is_brief(&list) && add(&mut list) {}
    if !is_brief(&list) {
        alone(|| while add(&mut list) {}).await;
    }
    answer::written(list.end(key))
}

/// Does what takes milliseconds, and memory.
async fn alone<R>(work: impl FnOnce() -> R) -> R {
    static ALONE: Semaphore = Semaphore::const_new(1);
    // It is never closed.
    let _turn = ALONE.acquire().await.ok();
    aside(work)
}

/// A list as far as it is written.
struct List<V> {
    text: Vec<u8>,
    last: Option<V>,
    more: bool,
}

impl<V: Serialize> List<V> {
    /// Adds the next one, unless the text then had more than `most` bytes; the first in any case. Whether it did.
    fn add(&mut self, item: V, most: usize) -> bool {
        let before = self.text.len();
        if self.last.is_some() {
            self.text.push(b',');
        }
        wire::append(&item, &mut self.text);
        let has_room = self.last.is_none() || self.text.len() <= most;
        if has_room {
            self.last = Some(item);
        } else {
            self.text.truncate(before);
            self.more = true;
        }
        has_room
    }

    fn end(mut self, key: impl Fn(&V) -> String) -> Vec<u8> {
        let next = self.last.filter(|_| self.more).map(|last| key(&last));
        self.text.extend_from_slice(br#"],"next_cursor":"#);
        wire::append(&next, &mut self.text);
        self.text.push(b'}');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::wire::Listed;

    async fn read(reply: Reply) -> Listed<String> {
        let text = reply.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&text).unwrap()
    }

    fn page(lengths: &[usize], more: bool) -> Page<String> {
        let item = |(at, length): (usize, &usize)| format!("{at} ") + &"\"".repeat(*length);
        Page { items: lengths.iter().enumerate().map(item).collect(), more }
    }

    async fn told(lengths: &[usize], more: bool) -> (usize, Option<String>) {
        let sent = page(lengths, more).items;
        let listed = read(listed(page(lengths, more), |item| item, |item| item[..1].to_owned()).await).await;
        assert_eq!(listed.items, sent[..listed.items.len()]);
        (listed.items.len(), listed.next_cursor)
    }

    #[tokio::test]
    async fn a_list_ends_before_it_is_too_long_and_its_cursor_leads_on() {
        let next = |at: usize| Some(at.to_string());
        assert_eq!(told(&[], false).await, (0, None));
        assert_eq!(told(&[1, 2, 3], false).await, (3, None));
        assert_eq!(told(&[1, 2, 3], true).await, (3, next(2)));
        // Each quote takes two bytes.
        let third = MOST / 6 - 20;
        assert_eq!(told(&[third; 3], false).await, (3, None));
        assert_eq!(told(&[third; 4], false).await, (3, next(2)));
        assert_eq!(told(&[third, third, BRIEF, third], true).await, (3, next(2)));
        // One is there in any case, or the list would lead nowhere.
        assert_eq!(told(&[MOST, 1], false).await, (1, next(0)));
        assert_eq!(told(&[1, MOST], false).await, (1, next(0)));
        assert_eq!(told(&[MOST], false).await, (1, None));
    }

    #[tokio::test]
    async fn what_is_long_is_whole() {
        for length in [0, BRIEF, MOST] {
            let shape = Listed { items: page(&[length], false).items, next_cursor: None };
            assert_eq!(read(shown(&shape).await).await.items, shape.items);
        }
    }
}
