//! Who has heard of which version, and when.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A line for each watcher. Its lock-free, as ten thousand write to it at once.
pub struct Board {
    start: Instant,
    lines: Vec<Line>,
    heard: AtomicUsize,
}

#[derive(Default)]
struct Line {
    version: AtomicU64,
    /// Nanoseconds after `start`.
    at: AtomicU64,
}

impl Board {
    pub fn new(watchers: usize) -> Self {
        let lines = (0..watchers).map(|_| Line::default()).collect();
        Self { start: Instant::now(), lines, heard: AtomicUsize::new(0) }
    }

    /// A round begins: nobody has heard.
    pub fn begin(&self) {
        self.heard.store(0, Ordering::SeqCst);
    }

    /// A watcher has heard.
    pub fn write(&self, watcher: usize, version: u64) {
        let line = &self.lines[watcher];
        line.at.store(self.start.elapsed().as_nanos() as u64, Ordering::SeqCst);
        line.version.store(version, Ordering::SeqCst);
        self.heard.fetch_add(1, Ordering::SeqCst);
    }

    /// When each watcher heard of this version; waits for all of them, so long.
    pub async fn heard(&self, version: u64, patience: Duration) -> Vec<Instant> {
        let until = Instant::now() + patience;
        while self.heard.load(Ordering::SeqCst) < self.lines.len() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let those = self.lines.iter().filter(|line| line.version.load(Ordering::SeqCst) == version);
        those.map(|line| self.start + Duration::from_nanos(line.at.load(Ordering::SeqCst))).collect()
    }
}
