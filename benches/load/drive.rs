//! One round: connect, ask for a while, then ask and measure.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::dial::dial;
use super::figures::{Measured, Tally};
use super::process::{Cpu, memory};
use super::target::Target;
use super::{http1, http2};

/// What is the same for every target and round.
pub struct Plan {
    pub http2: bool,
    pub connections: usize,
    pub streams: usize,
    pub cold: bool,
    pub measure: Duration,
    pub warm_up: Duration,
    pub requests: Option<u64>,
    pub threads: usize,
    pub expect: u16,
}

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const STOPPING: u8 = 2;
/// How often the one who waits looks.
const LOOK: Duration = Duration::from_millis(2);
/// After so many failures in a row a connection is given up.
const MOST_FAILURES: u32 = 20;

/// What the threads of a round share.
struct Round {
    target: Arc<Target>,
    plan: Arc<Plan>,
    phase: AtomicU8,
    /// Connections not yet made.
    missing: AtomicUsize,
    /// Answers still wanted, where a number was given.
    wanted: AtomicI64,
}

pub fn round(target: &Arc<Target>, plan: &Arc<Plan>) -> Result<Measured, String> {
    let round = Arc::new(Round {
        target: Arc::clone(target),
        plan: Arc::clone(plan),
        phase: AtomicU8::new(WARMING_UP),
        missing: AtomicUsize::new(if plan.cold { 0 } else { plan.connections }),
        wanted: AtomicI64::new(plan.requests.unwrap_or_default().cast_signed()),
    });
    let start = |index| {
        let round = Arc::clone(&round);
        thread::spawn(move || round.share(index))
    };
    let threads: Vec<_> = (0..plan.threads).map(start).collect();
    let one_ended = || threads.iter().any(JoinHandle::is_finished);
    while round.missing.load(Ordering::Acquire) > 0 && !one_ended() {
        thread::sleep(LOOK);
    }
    thread::sleep(plan.warm_up);

    let used = || (target.pid.and_then(Cpu::of), Cpu::of(std::process::id()));
    let (begun, before) = (Instant::now(), used());
    round.phase.store(MEASURING, Ordering::Release);
    if plan.requests.is_some() {
        while !threads.iter().all(JoinHandle::is_finished) {
            thread::sleep(LOOK);
        }
    } else {
        thread::sleep(plan.measure);
    }
    let (after, seconds) = (used(), begun.elapsed().as_secs_f64());
    round.phase.store(STOPPING, Ordering::Release);

    let mut tally = Tally::new();
    for thread in threads {
        let share = thread.join().map_err(|_| "a thread of the generator panicked")?;
        tally.add(share.map_err(|error| format!("can't connect: {error}"))?);
    }
    let between = |before: Option<Cpu>, after: Option<Cpu>| Some(after?.since(&before?));
    let server_cpu = between(before.0, after.0);
    if target.pid.is_some() && server_cpu.is_none() {
        return Err("its process is gone".into());
    }
    // After a number of requests its threads have ended, and their account with them.
    let own_cpu = between(before.1, after.1).filter(|_| plan.requests.is_none());
    let memory = target.pid.and_then(memory);
    Ok(Measured { seconds, tally, server_cpu, own_cpu, memory })
}

impl Round {
    /// One thread's connections, to the end of the round.
    fn share(self: &Arc<Self>, index: usize) -> io::Result<Tally> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tally = Rc::new(RefCell::new(Tally::new()));
        let share = (index..self.plan.connections).step_by(self.plan.threads);
        LocalSet::new().block_on(&runtime, async {
            let ask = |first| {
                let (round, tally) = (Arc::clone(self), Rc::clone(&tally));
                tokio::task::spawn_local(async move {
                    match (round.plan.cold, round.plan.http2) {
                        (true, _) => round.cold(first, &tally).await,
                        (false, false) => round.kept_http1(first, &tally).await,
                        (false, true) => round.kept_http2(first, &tally).await,
                    }
                })
            };
            let asking: Vec<_> = share.map(ask).collect();
            for asked in asking {
                asked.await??;
            }
            io::Result::Ok(())
        })?;
        Ok(tally.replace(Tally::new()))
    }

    async fn kept_http1(&self, first: usize, tally: &RefCell<Tally>) -> io::Result<()> {
        let requests = http1::requests(&self.target);
        let mut connection = http1::Connection::new(dial(&self.target).await?);
        self.missing.fetch_sub(1, Ordering::Release);
        let mut turn = Turn::from(first);
        while let Some(begun) = self.begin() {
            let request = &requests[turn.next() % requests.len()];
            let asked = connection.ask(request).await;
            let failed = asked.is_err();
            if turn.is_last(self.end(begun, asked, tally)) {
                break;
            }
            if failed {
                connection = http1::Connection::new(dial(&self.target).await?);
            }
        }
        connection.close().await;
        Ok(())
    }

    async fn kept_http2(self: &Arc<Self>, first: usize, tally: &Rc<RefCell<Tally>>) -> io::Result<()> {
        let connection = http2::Connection::new(dial(&self.target).await?).await?;
        self.missing.fetch_sub(1, Ordering::Release);
        let ask = |stream| {
            let (round, tally, mut connection) = (Arc::clone(self), Rc::clone(tally), connection.clone());
            tokio::task::spawn_local(async move {
                let requests = http2::requests(&round.target);
                let mut turn = Turn::from(first + stream);
                while let Some(begun) = round.begin() {
                    let request = requests[turn.next() % requests.len()].clone();
                    let asked = connection.ask(request).await;
                    if turn.is_last(round.end(begun, asked, &tally)) {
                        break;
                    }
                }
            })
        };
        let asking: Vec<_> = (0..self.plan.streams).map(ask).collect();
        for asked in asking {
            asked.await?;
        }
        Ok(())
    }

    async fn cold(&self, first: usize, tally: &RefCell<Tally>) -> io::Result<()> {
        let (http1, http2) = (http1::requests(&self.target), http2::requests(&self.target));
        let mut turn = Turn::from(first);
        while let Some(begun) = self.begin() {
            let at = turn.next() % http1.len();
            let asked = async {
                let stream = dial(&self.target).await?;
                if self.plan.http2 {
                    let mut connection = http2::Connection::new(stream).await?;
                    return Ok((connection.ask(http2[at].clone()).await?, None));
                }
                let mut connection = http1::Connection::new(stream);
                Ok((connection.ask(&http1[at]).await?, Some(connection)))
            };
            let asked: io::Result<_> = asked.await;
            let (status, connection) =
                asked.map_or_else(|error| (Err(error), None), |(status, open)| (Ok(status), open));
            let is_last = turn.is_last(self.end(begun, status, tally));
            if let Some(connection) = connection {
                connection.close().await;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// None when there is nothing more to ask.
    fn begin(&self) -> Option<Begun> {
        let phase = self.phase.load(Ordering::Relaxed);
        let is_enough = phase == MEASURING
            && self.plan.requests.is_some()
            && self.wanted.fetch_sub(1, Ordering::Relaxed) <= 0;
        if phase == STOPPING || is_enough {
            return None;
        }
        Some(Begun { at: Instant::now(), phase })
    }

    /// Counts an answer; tells whether it was the right one.
    fn end(&self, begun: Begun, asked: io::Result<u16>, tally: &RefCell<Tally>) -> bool {
        // Of a number, those that began; of a time, those that ended in it.
        let phase =
            if self.plan.requests.is_some() { begun.phase } else { self.phase.load(Ordering::Relaxed) };
        let fault = match asked {
            Ok(status) if status == self.plan.expect => {
                if phase == MEASURING {
                    tally.borrow_mut().answered(begun.at.elapsed());
                }
                return true;
            }
            Ok(status) => format!("answered {status}"),
            Err(error) => error.to_string(),
        };
        // One that fails while it warms up is wrong too.
        tally.borrow_mut().failed(fault);
        false
    }
}

struct Begun {
    at: Instant,
    phase: u8,
}

/// Which path is next, and how often in a row it has failed.
struct Turn {
    at: usize,
    failures: u32,
}

impl Turn {
    fn from(first: usize) -> Self {
        Self { at: first, failures: 0 }
    }

    fn next(&mut self) -> usize {
        let at = self.at;
        self.at = at.wrapping_add(1);
        at
    }

    fn is_last(&mut self, is_right: bool) -> bool {
        self.failures = if is_right { 0 } else { self.failures + 1 };
        self.failures >= MOST_FAILURES
    }
}
