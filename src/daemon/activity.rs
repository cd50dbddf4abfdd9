//! What a connection is doing: idle, sending a request's head, or waiting for an answer. For its time limits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Shared by a connection's stream, its requests and its clock. All times are milliseconds after `start`, so that
/// a request costs no lock and no timer.
pub struct Activity {
    start: Instant,
    /// Requests under way.
    busy: AtomicU64,
    /// When the last of them ended.
    idle_since: AtomicU64,
    /// When the first byte came that no request has answered for; 0: none.
    head_since: AtomicU64,
    /// The daemon stops.
    stopped: AtomicBool,
    end: Notify,
}

/// A request under way; ends when dropped.
pub struct Busy(Arc<Activity>);

/// Which limit a connection has passed.
#[derive(Debug, PartialEq, Eq)]
pub enum Late {
    Idle,
    Head,
}

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
            idle_since: zero(),
            head_since: zero(),
            stopped: AtomicBool::new(false),
            end: Notify::new(),
        }
    }

    /// A request's head is complete.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Requests that begin from now on come too late.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub async fn ended(&self) {
        self.end.notified().await;
    }

    /// Returns once a head has been on its way for `header`, or nothing has been for `idle`. No limit, no end.
    /// Looks once in a `header` (or `idle`), instead of setting a timer with every request.
    pub async fn overdue(&self, header: Option<Duration>, idle: Option<Duration>) -> Late {
        let Some(look) = header.into_iter().chain(idle).min() else { return std::future::pending().await };
        loop {
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
        if self.busy.load(Ordering::Relaxed) > 0 {
            (None, Late::Idle)
        } else if head_since > 0 && header.is_some() {
            (header.map(|limit| at(head_since, limit)), Late::Head)
        } else {
            (idle.map(|limit| at(self.idle_since.load(Ordering::Relaxed), limit)), Late::Idle)
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn heard(&self) {
        if self.busy.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.elapsed().max(1), Ordering::Relaxed);
        }
    }
}

impl Busy {
    /// Whether the daemon stops.
    pub fn comes_too_late(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// The connection must end after the answers under way.
    pub fn end(&self) {
        self.0.end.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.elapsed(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that tells when it hears something.
pub struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Option<Duration> = Some(Duration::from_secs(10));
    const IDLE: Option<Duration> = Some(Duration::from_secs(600));

    #[tokio::test(start_paused = true)]
    async fn idle_and_half_a_head_have_limits_of_their_own() {
        let activity = Activity::new();
        let start = Instant::now();
        assert_eq!(activity.overdue(HEADER, IDLE).await, Late::Idle);
        assert_eq!(start.elapsed().as_secs(), 600);

        let activity = Activity::new();
        tokio::time::advance(Duration::from_secs(60)).await;
        activity.heard();
        let start = Instant::now();
        assert_eq!(activity.overdue(HEADER, IDLE).await, Late::Head);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_never_late() {
        let activity = Arc::new(Activity::new());
        activity.heard();
        let busy = activity.begin();
        let waiting = tokio::time::timeout(Duration::from_secs(5000), activity.overdue(HEADER, IDLE));
        assert!(waiting.await.is_err());
        drop(busy);
        let start = Instant::now();
        assert_eq!(activity.overdue(HEADER, IDLE).await, Late::Idle);
        assert_eq!(start.elapsed().as_secs(), 600);
        let none = tokio::time::timeout(Duration::from_secs(5000), activity.overdue(None, None));
        assert!(none.await.is_err());
    }
}
