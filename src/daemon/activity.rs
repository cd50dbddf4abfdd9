//! What a connection is doing: idle, sending a request's head, or waiting for an answer. For its time limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::frames::Frames;

/// Shared by a connection's stream, its requests and its clock. All times are milliseconds after `start`, so that
/// a request costs no lock and no timer.
pub struct Activity {
    start: Instant,
    /// Requests under way.
    busy: AtomicU64,
    /// Answers that haven't been taken up; of values, which are counted elsewhere, none.
    untaken: AtomicU64,
    /// Something was written that the kernel doesn't have yet.
    unflushed: AtomicBool,
    /// When the last of them ended.
    idle_since: AtomicU64,
    /// When the first byte came of a head that isn't complete; 0: none.
    head_since: AtomicU64,
    /// Over HTTP/1.1, whether the request under way has no body, so that what comes is another request's.
    bare: AtomicBool,
    /// Whether something came behind such a request.
    behind: AtomicBool,
    /// Frames that brought nothing, as they weigh now, and when that was worked out.
    idle_talk: AtomicU64,
    talked_at: AtomicU64,
    /// The daemon stops.
    stopped: AtomicBool,
    end: Notify,
}

/// A request under way; ends when dropped.
pub struct Busy(Arc<Activity>);

/// An answer that hasn't been taken up; it is when this is dropped.
pub struct Untaken(Arc<Activity>);

/// Which limit a connection has passed.
#[derive(Debug, PartialEq, Eq)]
pub enum Late {
    Idle,
    Head,
}

/// HTTP/2 frames that bring neither a head nor a body (PING, SETTINGS, …): so many at once, and so many a second.
const TALK: u64 = 1000;
const TALK_PER_SECOND: u64 = 50;

/// So often one looks for what is overdue, at least.
const LOOK: Duration = Duration::from_secs(10);

impl Late {
    /// Whether there is half a request, for which no orderly end can wait.
    pub fn is_in_the_middle(&self) -> bool {
        *self == Self::Head
    }
}

impl Activity {
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            start: Instant::now(),
            busy: zero(),
            untaken: zero(),
            unflushed: AtomicBool::new(false),
            idle_since: zero(),
            head_since: zero(),
            bare: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            idle_talk: zero(),
            talked_at: zero(),
            stopped: AtomicBool::new(false),
            end: Notify::new(),
        }
    }

    /// A request's head is complete; `bare` if it has no body.
    pub fn begin(self: &Arc<Self>, http2: bool, bare: bool) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        if !http2 {
            self.bare.store(bare, Ordering::Relaxed);
            self.head_since.store(0, Ordering::Relaxed);
            // That was this one.
            self.behind.store(false, Ordering::Relaxed);
        }
        Busy(Arc::clone(self))
    }

    /// Requests that begin from now on come too late.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub async fn ended(&self) {
        self.end.notified().await;
    }

    /// Whether more requests than these are under way.
    pub fn is_busy_but_for(&self, requests: usize) -> bool {
        self.busy.load(Ordering::Relaxed) > requests as u64
    }

    /// Whether no request is under way and no answer.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet_but_for(0)
    }

    /// The same, but for so many requests.
    pub fn is_quiet_but_for(&self, requests: usize) -> bool {
        let waits = self.untaken.load(Ordering::Relaxed) > 0 || self.unflushed.load(Ordering::Relaxed);
        !self.is_busy_but_for(requests) && !waits
    }

    /// Returns once a head has been on its way for `header`, or nothing has been for `idle`, which may change. No limit,
    /// no end. Looks once in a `header` (or `idle`), instead of setting a timer with every request.
    pub async fn overdue(&self, header: Option<Duration>, idle: impl Fn() -> Option<Duration>) -> Late {
        loop {
            let idle = idle();
            let look = header.into_iter().chain(idle).fold(LOOK, Duration::min);
            let (due, late) = self.next_due(header, idle);
            match due {
                Some(due) if due <= Instant::now() => return late,
                _ => {}
            }
            let next = Instant::now() + look;
            tokio::time::sleep_until(due.map_or(next, |due| due.min(next))).await;
        }
    }

    fn next_due(&self, header: Option<Duration>, idle: Option<Duration>) -> (Option<Instant>, Late) {
        let at = |since: u64, limit: Duration| self.start + Duration::from_millis(since) + limit;
        let head_since = self.head_since.load(Ordering::Relaxed);
        if head_since > 0 && header.is_some() {
            (header.map(|limit| at(head_since, limit)), Late::Head)
        } else if self.busy.load(Ordering::Relaxed) > 0 {
            (None, Late::Idle)
        } else {
            (idle.map(|limit| at(self.idle_since.load(Ordering::Relaxed), limit)), Late::Idle)
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Something came over HTTP/1.1.
    fn heard(&self) {
        if self.busy.load(Ordering::Relaxed) > 0 {
            if self.bare.load(Ordering::Relaxed) {
                self.behind.store(true, Ordering::Relaxed);
            }
        } else {
            self.behind.store(false, Ordering::Relaxed);
            self.head_began();
        }
    }

    fn head_began(&self) {
        if self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.elapsed().max(1), Ordering::Relaxed);
        }
    }

    /// Something came over HTTP/2. False: the peer only makes noise.
    fn heard_frames(&self, frames: &mut Frames, bytes: &[u8]) -> bool {
        let idle_talk = frames.read(bytes);
        if frames.is_in_a_head() {
            self.head_began();
        } else {
            self.head_since.store(0, Ordering::Relaxed);
        }
        if idle_talk == 0 {
            return true;
        }
        let now = self.elapsed();
        let forgotten = now.saturating_sub(self.talked_at.swap(now, Ordering::Relaxed)) * TALK_PER_SECOND;
        // In thousandths, as the time is.
        let weighs =
            self.idle_talk.load(Ordering::Relaxed).saturating_sub(forgotten) + u64::from(idle_talk) * 1000;
        self.idle_talk.store(weighs, Ordering::Relaxed);
        weighs <= TALK * 1000
    }
}

impl Busy {
    /// Whether the daemon stops.
    pub fn comes_too_late(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// To be kept with the answer.
    pub fn untaken(&self) -> Untaken {
        self.0.untaken.fetch_add(1, Ordering::Relaxed);
        Untaken(Arc::clone(&self.0))
    }

    /// The connection must end after the answers under way.
    pub fn end(&self) {
        self.0.end.notify_one();
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.elapsed(), Ordering::Relaxed);
        self.0.untaken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.elapsed();
        self.0.idle_since.store(now, Ordering::Relaxed);
        // A backup's ends with its last piece, and the request behind it may have begun by then.
        let is_last = self.0.busy.fetch_sub(1, Ordering::Relaxed) == 1;
        if is_last && self.0.behind.load(Ordering::Relaxed) {
            // Half a request, perhaps; a whole one begins at once.
            self.0.head_since.store(now.max(1), Ordering::Relaxed);
        }
    }
}

mod watched;

pub use watched::{Outlet, Watched};

#[cfg(test)]
mod tests;
