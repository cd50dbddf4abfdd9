//! Lines that are written together, and how that went.
//!
//! All lines of a lot share one fate, so that a line costs no allocation and no wake-up of its own: a task looks
//! whether its lot has been written before it waits.

use std::io;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::error::AuditError;

/// Bytes of room that an empty lot keeps.
const KEPT: usize = 256 * 1024;

/// Lines that wait to be written.
#[derive(Default)]
pub(super) struct Lot {
    /// The lines' bodies, one after another.
    bodies: Vec<u8>,
    lines: Vec<Line>,
    fate: Arc<Fate>,
}

/// When it happened, and where its body ends.
struct Line {
    time: Timestamp,
    end: usize,
}

/// How the writing of a lot went, for all who wait for it.
#[derive(Default)]
pub(super) struct Fate {
    /// The lot in pieces, first to last; once set, what isn't in there has not been written.
    pieces: OnceLock<Vec<Piece>>,
    settled: Notify,
}

/// Lines up to the one in place `until` went the same way: the number of the first of them, or why there is none.
pub(super) struct Piece {
    pub until: usize,
    pub first: Result<u64, io::ErrorKind>,
}

/// A line's place in its lot.
pub(super) struct Ticket {
    fate: Arc<Fate>,
    place: usize,
}

impl Lot {
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn add(&mut self, time: Timestamp, body: &[u8]) -> Ticket {
        self.bodies.extend_from_slice(body);
        self.lines.push(Line { time, end: self.bodies.len() });
        Ticket { fate: Arc::clone(&self.fate), place: self.lines.len() - 1 }
    }

    /// Time and body of the lines from the one in place `from` on.
    pub fn lines(&self, from: usize) -> impl Iterator<Item = (Timestamp, &[u8])> {
        let start = from.checked_sub(1).map_or(0, |before| self.lines[before].end);
        self.lines[from..].iter().scan(start, |start, line| {
            let body = &self.bodies[std::mem::replace(start, line.end)..line.end];
            Some((line.time, body))
        })
    }

    /// Says how it went. Nobody has been woken yet: [`Fate::wake`] does that. Gives back the empty lot, which keeps its
    /// room for other lines.
    pub fn settle(mut self, pieces: Vec<Piece>) -> (Arc<Fate>, Self) {
        let fate = std::mem::take(&mut self.fate);
        // Set once: a lot is settled by giving it up.
        let _ = fate.pieces.set(pieces);
        self.bodies.clear();
        self.lines.clear();
        // A crowd that came once leaves no room behind.
        self.bodies.shrink_to(KEPT);
        self.lines.shrink_to(KEPT / size_of::<Line>());
        (fate, self)
    }
}

impl Drop for Lot {
    /// Whoever waits for a lot that nobody will write is told so.
    fn drop(&mut self) {
        if !self.lines.is_empty() {
            let _ = self.fate.pieces.set(Vec::new());
            self.fate.wake();
        }
    }
}

impl Fate {
    /// Wakes those who wait for it.
    pub fn wake(&self) {
        self.settled.notify_waiters();
    }
}

impl Ticket {
    /// The line's number, once it is known whether it has one.
    pub fn outcome(&self) -> Option<Result<u64, AuditError>> {
        let pieces = self.fate.pieces.get()?;
        let mut from = 0;
        for piece in pieces {
            if self.place < piece.until {
                let after = (self.place - from) as u64;
                return Some(piece.first.map(|first| first + after).map_err(AuditError::Unavailable));
            }
            from = piece.until;
        }
        Some(Err(AuditError::Closed))
    }

    /// Waits until it is known.
    pub async fn settled(self) -> Result<u64, AuditError> {
        loop {
            // It hears every wake-up from here on, before it looks.
            let settled = self.fate.settled.notified();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            settled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinHandle;

    fn lot(lines: &[&str]) -> (Lot, Vec<Ticket>) {
        let mut lot = Lot::default();
        let tickets = lines.iter().map(|line| lot.add(Timestamp::UNIX_EPOCH, line.as_bytes())).collect();
        (lot, tickets)
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let (lot, _) = lot(&["a", "", "bc"]);
        let bodies = |from| lot.lines(from).map(|(_, body)| body.to_vec()).collect::<Vec<_>>();
        assert_eq!(bodies(0), [b"a".to_vec(), b"".to_vec(), b"bc".to_vec()]);
        assert_eq!(bodies(1), [b"".to_vec(), b"bc".to_vec()]);
        assert!(bodies(3).is_empty());
    }

    #[tokio::test]
    async fn each_line_has_its_own_number_or_none() {
        let (lot, tickets) = lot(&["a", "b", "c", "d"]);
        assert!(tickets.iter().all(|ticket| ticket.outcome().is_none()));
        let tasks = waiting(tickets).await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        let pieces = vec![
            Piece { until: 2, first: Ok(7) },
            Piece { until: 3, first: Err(io::ErrorKind::StorageFull) },
        ];
        let (fate, empty) = lot.settle(pieces);
        fate.wake();
        assert!(empty.is_empty());
        assert!(matches!(
            told(tasks).await.as_slice(),
            [Ok(7), Ok(8), Err(AuditError::Unavailable(io::ErrorKind::StorageFull)), Err(AuditError::Closed)]
        ));
    }

    #[tokio::test]
    async fn a_lot_that_nobody_writes_is_told() {
        let (lot, tickets) = lot(&["a"]);
        let tasks = waiting(tickets).await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        drop(lot);
        assert!(matches!(told(tasks).await.as_slice(), [Err(AuditError::Closed)]));
    }

    /// A task for each, which waits already.
    async fn waiting(tickets: Vec<Ticket>) -> Vec<JoinHandle<Result<u64, AuditError>>> {
        let tasks = tickets.into_iter().map(|ticket| tokio::spawn(ticket.settled())).collect();
        tokio::task::yield_now().await;
        tasks
    }

    async fn told(tasks: Vec<JoinHandle<Result<u64, AuditError>>>) -> Vec<Result<u64, AuditError>> {
        let mut told = Vec::new();
        for task in tasks {
            told.push(task.await.unwrap());
        }
        told
    }
}
