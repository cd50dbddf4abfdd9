//! Turns drawn by lot: which of several tasks goes on next is decided by a seed, and some are held back for long. So
//! that what seldom happens between two steps of a task happens often.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::lots::Lots;

/// A task of a schedule.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Flag {
    woken: AtomicBool,
    somebody: Arc<Notify>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.somebody.notify_one();
    }
}

struct Running<'a> {
    task: Task<'a>,
    flag: Arc<Flag>,
    /// Turns of others that it lets pass.
    held_back: usize,
}

/// Whoever is held back and woken goes on after this when nobody else does anything: they may wait for him.
const STANDSTILL: Duration = Duration::from_millis(4);
/// Turns and standstills after which some tasks are taken to wait for each other for good: a schedule has some 400.
const TOO_MANY: usize = 10_000;

/// Runs all tasks to their ends, in turns drawn from `lots`.
pub async fn take_turns(tasks: Vec<Task<'_>>, lots: &mut Lots) {
    let somebody = Arc::new(Notify::new());
    let begin = |task| {
        let flag = Flag { woken: AtomicBool::new(true), somebody: Arc::clone(&somebody) };
        Running { task, flag: Arc::new(flag), held_back: 0 }
    };
    let mut running: Vec<Running> = tasks.into_iter().map(begin).collect();
    let mut turns = 0;
    while !running.is_empty() {
        turns += 1;
        assert!(turns < TOO_MANY, "{} tasks don't come to their ends", running.len());
        let is_woken = |each: &Running| each.flag.woken.load(Ordering::SeqCst);
        let free: Vec<usize> =
            (0..running.len()).filter(|at| is_woken(&running[*at]) && running[*at].held_back == 0).collect();
        if free.is_empty() {
            let heard = tokio::time::timeout(STANDSTILL, somebody.notified()).await;
            if heard.is_err() {
                running.iter_mut().for_each(|each| each.held_back = 0);
            }
            continue;
        }
        let at = free[lots.draw(free.len())];
        running.iter_mut().for_each(|each| each.held_back = each.held_back.saturating_sub(1));
        if poll(&mut running[at]) {
            drop(running.swap_remove(at));
        } else if lots.draw(4) == 0 {
            running[at].held_back = 1 + lots.draw(60);
        }
        // Timers and what other threads have done.
        tokio::task::yield_now().await;
    }
}

fn poll(running: &mut Running) -> bool {
    running.flag.woken.store(false, Ordering::SeqCst);
    let waker = Waker::from(Arc::clone(&running.flag));
    running.task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
}
