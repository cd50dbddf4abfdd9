//! The one thread that writes: it gathers the batches that wait and makes them durable together.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::{Batch, StoreError};

/// Batches that may wait; who comes later waits for a place.
const WAITING: usize = 256;

/// Bytes after which a gathering ends, so that one write's memory is bounded by this and one batch more.
const GATHERED: usize = 8 * 1024 * 1024;

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

pub(super) struct Committer {
    /// None once finished.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start(disk: Arc<Disk>) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let thread = thread::Builder::new().name("store-commit".into()).spawn(move || run(&disk, waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hands the batch over and waits for its answer. `Closed` where the thread is gone.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        jobs.send(Job { batch, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits until all that was handed over is written, and ends the thread.
    pub(super) fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, whoever waited has been answered `Closed`.
            let _ = thread.join();
        }
    }
}

fn run(disk: &Disk, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut bytes = first.batch.bytes();
        let mut jobs = vec![first];
        while bytes < GATHERED
            && let Ok(job) = waiting.try_recv()
        {
            bytes = bytes.saturating_add(job.batch.bytes());
            jobs.push(job);
        }
        let answers = disk.commit(jobs.iter().map(|job| &job.batch));
        for (job, answer) in jobs.into_iter().zip(answers) {
            // Nobody waits any more where the caller's future was dropped; the batch stands.
            let _ = job.answer.send(answer);
        }
    }
}
