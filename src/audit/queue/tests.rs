//! Queue, thread and writer, played on one thread: whose turn it is, also while a line is being written or synced, when the
//! thread is woken, what time passes and what the disk refuses is drawn by lot. A seed repeats all of it.
//!
//! Whatever the order: a line is answered with its number once it is in its file, a durable one once that was synced; one that is
//! answered as not written is in none; numbers aren't given twice and rise for each task; nobody waits for ever.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::thread::Waits;
use super::*;
use crate::audit::tests::site::{Place, entry};
use crate::lots::Lots;

mod scene;
mod stage;

use scene::{Scene, opened};
use stage::{Stage, Task};

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Written(u64),
    Not,
}

/// A run of one seed.
struct Play {
    queue: Arc<Queue>,
    stage: Rc<Stage>,
    /// Of each line that was begun, whether its task was told, and what.
    told: RefCell<BTreeMap<usize, Option<Told>>>,
    /// Numbers that lines begun before a look at the log's end don't exceed.
    at_most: RefCell<BTreeMap<usize, u64>>,
}

impl Play {
    fn begin(&self) -> (usize, Vec<u8>) {
        let mut told = self.told.borrow_mut();
        let id = told.len();
        told.insert(id, None);
        (id, entry(id).body())
    }

    fn hear(&self, id: usize, durable: bool, outcome: &Result<u64, AuditError>) {
        let told = match outcome {
            Ok(number) => {
                let at_most = self.at_most.borrow().get(&id).copied().unwrap_or(u64::MAX);
                assert!(*number <= at_most, "line {id} came after the end that was told");
                self.stage.scene.has(&name(id), durable);
                Told::Written(*number)
            }
            Err(AuditError::Unavailable(_) | AuditError::Closed) => Told::Not,
            Err(error) => panic!("line {id}: {error}"),
        };
        self.told.borrow_mut().insert(id, Some(told));
    }

    fn is_not_written(&self, id: usize) {
        self.told.borrow_mut().insert(id, Some(Told::Not));
    }

    /// Lines one after another.
    async fn write(self: Rc<Self>, lines: usize, durable: bool) {
        let mut last = 0;
        for _ in 0..lines {
            let (id, body) = self.begin();
            let outcome = self.queue.write(TIME, &body, durable).await;
            self.hear(id, durable, &outcome);
            if let Ok(number) = outcome {
                assert!(number > last, "line {id} has an older number than the one before");
                last = number;
            }
        }
    }

    /// Lines that are queued before any of them is waited for.
    async fn write_later(self: Rc<Self>, lines: usize, durable: bool) {
        let mut queued = Vec::new();
        for _ in 0..lines {
            let (id, body) = self.begin();
            match self.queue.begin(TIME, &body, durable) {
                Ok(line) => queued.push((id, line)),
                Err(error) => self.hear(id, durable, &Err(error)),
            }
            tokio::task::yield_now().await;
        }
        for (id, line) in queued {
            let outcome = self.queue.written(line).await;
            self.hear(id, durable, &outcome);
        }
    }

    /// The lines of one change.
    async fn write_all(self: Rc<Self>, lines: usize) {
        let (ids, bodies): (Vec<_>, Vec<_>) = (0..lines).map(|_| self.begin()).unzip();
        let written = match self.queue.write_all(TIME, &bodies).await {
            Ok(()) => lines,
            Err((written, AuditError::Unavailable(_) | AuditError::Closed)) => written,
            Err((_, error)) => panic!("{error}"),
        };
        let is_written = |id: &usize| self.stage.scene.has(&name(*id), true);
        ids[..written].iter().for_each(is_written);
        // Their numbers are for nobody.
        ids[written..].iter().for_each(|id| self.is_not_written(*id));
    }

    /// Asks where the log ends.
    async fn look(self: Rc<Self>) {
        for _ in 0..3 {
            let before: Vec<usize> = self.told.borrow().keys().copied().collect();
            let (end, _) = self.queue.end();
            for id in before {
                self.at_most.borrow_mut().entry(id).or_insert(end);
            }
            tokio::task::yield_now().await;
        }
    }

    async fn close(self: Rc<Self>) {
        for _ in 0..12 {
            tokio::task::yield_now().await;
        }
        self.queue.close();
    }
}

const TIME: Timestamp = Timestamp::UNIX_EPOCH;

fn name(id: usize) -> String {
    format!("\"r-{id:04}\"")
}

fn play(seed: u64) {
    let place = Place::small();
    let mut lots = Lots::of(seed);
    let scene = Scene::new(&place, lots.draw(3) == 0);
    let queue = Queue::new(scene.writer(&place));
    let ends_early = lots.draw(4) == 0;
    let stage = Stage::new(lots, scene);
    let play = Rc::new(Play {
        queue: Arc::clone(&queue),
        stage: Rc::clone(&stage),
        told: RefCell::default(),
        at_most: RefCell::default(),
    });
    for _ in 0..4 {
        let (lines, durable) = (1 + stage.draw(6), stage.draw(2) == 0);
        let task: Task = match stage.draw(4) {
            0 => Box::pin(Rc::clone(&play).write_all(lines)),
            1 => Box::pin(Rc::clone(&play).write_later(lines, durable)),
            _ => Box::pin(Rc::clone(&play).write(lines, durable)),
        };
        stage.add(task);
    }
    stage.add_alone(Box::pin(Rc::clone(&play).look()));
    if ends_early {
        stage.add(Box::pin(Rc::clone(&play).close()));
    }
    stage.play(|| queue.write_durable_by(&*stage));
    // Those who came when it was closed.
    while stage.turns() {}
    stage.is_over();
    stage.scene.heal();
    queue.with_writer(Writer::close);

    let lines = opened(&place);
    for (id, told) in play.told.borrow().iter() {
        let is_there = lines.get(&name(*id)).copied();
        match told {
            Some(Told::Written(number)) => assert_eq!(is_there, Some(*number), "line {id}"),
            Some(Told::Not) => assert_eq!(is_there, None, "line {id} was answered as not written"),
            // Its task went away, or its number was for nobody.
            None => {}
        }
    }
}

#[test]
fn lines_are_answered_as_they_are_in_any_order() {
    for seed in 0..300 {
        let shown = Shown(seed);
        play(seed);
        std::mem::forget(shown);
    }
}

/// `tests/all --full`.
#[test]
#[ignore = "takes minutes"]
fn lines_are_answered_as_they_are_in_many_orders() {
    for seed in 0..5000 {
        let shown = Shown(seed);
        play(seed);
        std::mem::forget(shown);
    }
}

/// Names the seed that failed.
struct Shown(u64);

impl Drop for Shown {
    fn drop(&mut self) {
        eprintln!("the play of seed {} failed", self.0);
    }
}

impl Waits for Stage {
    fn now(&self) -> Instant {
        self.begun + self.passed.get()
    }

    /// Others have their turns, until one has woken it and the lot falls on it, or time has passed.
    fn park<'a>(
        &self,
        queue: &'a Queue,
        lines: MutexGuard<'a, Lines>,
        most: Option<Duration>,
    ) -> MutexGuard<'a, Lines> {
        drop(lines);
        loop {
            let lines = lock(&queue.lines);
            let is_woken = lines.wake_at == 0 || lines.closed;
            if (is_woken && self.draw(3) == 0) || self.draw(40) == 0 {
                return lines;
            }
            drop(lines);
            if let Some(most) = most
                && self.draw(10) == 0
            {
                self.pass(most);
                return lock(&queue.lines);
            }
            if self.turns() {
                continue;
            }
            match most {
                _ if is_woken => {}
                Some(most) => self.pass(most),
                None if self.is_done() => queue.close(),
                None => panic!("the thread sleeps, and nobody goes on"),
            }
            return lock(&queue.lines);
        }
    }
}
