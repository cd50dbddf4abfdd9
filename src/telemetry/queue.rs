//! Between whoever logs and standard error: a queue with a bound, and one thread that writes.
//!
//! Standard error may be a pipe that nobody reads, or a terminal that stands still: a write there may wait for ever, and must not
//! wait on a thread that serves requests. So a line is put here, and whoever logs goes on. What has no room is dropped and
//! counted; the count is told where the lines are missing, once those before it could be written.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Bytes of lines that wait. As many again may be on their way out, so that twice this is what lines can take of memory.
const ROOM: usize = 1 << 20;

pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    emptied: Condvar,
}

struct Waiting {
    /// Whole lines, each with its end.
    lines: Vec<u8>,
    /// How many came behind `lines` and had no room. Until that is told none is taken in, so that they are missing in one place.
    dropped: u64,
    /// Whether the thread is writing what it took.
    is_under_way: bool,
}

impl Queue {
    pub const fn new() -> Self {
        let waiting = Waiting { lines: Vec::new(), dropped: 0, is_under_way: false };
        Self { waiting: Mutex::new(waiting), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Puts one line, with its end, behind the others. Never waits for the writing.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.dropped > 0 || waiting.lines.len() + line.len() > ROOM {
            waiting.dropped += 1;
        } else {
            waiting.lines.extend_from_slice(line);
        }
        self.filled.notify_one();
    }

    /// Writes what comes, for ever. `tell` is called with how many lines are missing behind those that were written before.
    pub fn write_out(&self, mut out: impl Write, tell: impl Fn(u64)) {
        let mut missing = 0;
        loop {
            let (lines, dropped) = self.take();
            let left = write(&mut out, &lines);
            let are_written = left.is_empty();
            missing += left.iter().filter(|byte| **byte == b'\n').count() as u64 + dropped;
            // A full disk takes no word about it either.
            if missing > 0 && are_written {
                tell(mem::take(&mut missing));
            }
        }
    }

    /// Waits until all is written, so long at most; says whether it is.
    pub fn finish(&self, patience: Duration) -> bool {
        let is_busy =
            |waiting: &mut Waiting| waiting.is_under_way || !waiting.lines.is_empty() || waiting.dropped > 0;
        let ended = self.emptied.wait_timeout_while(self.waiting(), patience, is_busy);
        let (guard, ended) = ended.unwrap_or_else(PoisonError::into_inner);
        drop(guard);
        !ended.timed_out()
    }

    /// What waits, once there is something.
    fn take(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.waiting();
        waiting.is_under_way = false;
        while waiting.lines.is_empty() && waiting.dropped == 0 {
            self.emptied.notify_all();
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_under_way = true;
        (mem::take(&mut waiting.lines), mem::take(&mut waiting.dropped))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all, and returns what couldn't be.
fn write<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> &'a [u8] {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => break,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    bytes
}

/// One call, one line: so the subscriber writes.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The descriptor itself, without the standard library's lock: whoever else prints there must not wait for a write that hangs.
#[derive(Clone, Copy)]
pub(super) struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let out = rustix::stdio::stderr();
        loop {
            match rustix::io::write(out, bytes) {
                // Somebody who has the same pipe made it so.
                Err(Errno::AGAIN) => poll(&mut [PollFd::new(&out, PollFlags::OUT)], None).map(drop)?,
                done => return Ok(done?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    const LONG: Duration = Duration::from_secs(600);

    /// Takes bytes while it is let, and says when it is asked to.
    struct Gate {
        asked: Sender<()>,
        let_go: Receiver<io::Result<()>>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            // With nobody at the gate it is open.
            self.let_go.recv().unwrap_or(Ok(()))?;
            self.taken.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Ends {
        queue: &'static Queue,
        asked: Receiver<()>,
        let_go: Sender<io::Result<()>>,
        taken: Receiver<Vec<u8>>,
    }

    impl Ends {
        /// Lets everything through, and collects it: lines, and `-N` where N are missing.
        fn all(self) -> Vec<String> {
            drop(self.let_go);
            assert!(self.queue.finish(LONG));
            let bytes: Vec<u8> = self.taken.try_iter().flatten().collect();
            String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
        }
    }

    fn gated() -> Ends {
        let queue: &'static Queue = Box::leak(Box::new(Queue::new()));
        let ((ask, asked), (let_go, gate), (take, taken)) = (channel(), channel(), channel());
        let missing = take.clone();
        let out = Gate { asked: ask, let_go: gate, taken: take };
        let tell = move |count: u64| missing.send(format!("-{count}\n").into_bytes()).unwrap();
        thread::spawn(move || queue.write_out(out, tell));
        Ends { queue, asked, let_go, taken }
    }

    #[test]
    fn who_logs_never_waits_and_what_is_missing_is_told_in_its_place() {
        let ends = gated();
        ends.queue.push(b"first\n");
        ends.asked.recv().unwrap();
        // The writer hangs from here on.
        assert!(!ends.queue.finish(Duration::ZERO));
        let long = [vec![b'x'; 999], vec![b'\n']].concat();
        for _ in 0..ROOM / long.len() + 3 {
            ends.queue.push(&long);
        }
        ends.queue.push(b"short, but late\n");
        assert!(ends.queue.waiting().lines.len() <= ROOM);
        assert!(!ends.queue.finish(Duration::ZERO));
        ends.let_go.send(Ok(())).unwrap();
        ends.asked.recv().unwrap();
        ends.queue.push(b"there is room again\n");
        let all = ends.all();
        assert_eq!(all[0], "first");
        assert_eq!(all.len(), ROOM / long.len() + 3);
        assert_eq!(all[all.len() - 2..], ["-4", "there is room again"]);
    }

    #[test]
    fn what_could_not_be_written_is_told_when_something_could() {
        let ends = gated();
        ends.queue.push(b"lost\n");
        ends.let_go.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        assert!(ends.queue.finish(LONG));
        ends.queue.push(b"kept\n");
        assert_eq!(ends.all(), ["kept", "-1"]);
    }
}
