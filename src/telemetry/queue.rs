//! Between whoever logs and standard error: a queue with a bound, and one thread that writes.
//!
//! Standard error may be a pipe that nobody reads, or a terminal that stands still: a write there may wait for ever, and must not
//! wait on a thread that serves requests. So a line is put here, and whoever logs goes on. What has no room is dropped and
//! counted, and so is what a full disk doesn't take; the count is told where the lines are missing, on a line of its own, once that
//! can be written.

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

    /// Writes what comes, for ever. `tell` makes a line, with its end, of how many are missing where it is to stand.
    pub fn write_out(&self, out: impl Write, tell: impl Fn(u64) -> Vec<u8>) {
        let mut written = Written { out, missing: 0, is_torn: false };
        loop {
            let (lines, dropped) = self.take();
            let are_written = written.put_lines(&lines, &tell);
            written.missing += dropped;
            // A full disk takes no word about it either.
            if are_written {
                written.put_missing(&tell);
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

/// What was written so far.
struct Written<W> {
    out: W,
    /// How many lines are missing at its end.
    missing: u64,
    /// Whether it ends within a line, of which there was no room for the rest.
    is_torn: bool,
}

impl<W: Write> Written<W> {
    /// Writes lines behind the word of those that are missing before them. If either can't be written, what isn't is missing too.
    fn put_lines(&mut self, lines: &[u8], tell: &impl Fn(u64) -> Vec<u8>) -> bool {
        let left = if self.put_missing(tell) { self.put(lines) } else { lines };
        self.missing += left.iter().filter(|byte| **byte == b'\n').count() as u64;
        left.is_empty()
    }

    /// Tells what is missing, if anything is; says whether nothing is left to be told.
    fn put_missing(&mut self, tell: &impl Fn(u64) -> Vec<u8>) -> bool {
        if self.missing == 0 {
            return true;
        }
        // Not glued to half a line, which whoever reads lines would throw away with it.
        let mut word = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        word.extend(tell(self.missing));
        let is_told = self.put(&word).is_empty();
        if is_told {
            self.missing = 0;
        }
        is_told
    }

    /// Writes all, and returns what couldn't be.
    fn put<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => break,
                Ok(count) => {
                    self.is_torn = bytes[count - 1] != b'\n';
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        bytes
    }
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

    /// Takes bytes while it is let, so many at most, and says when it is asked to.
    struct Gate {
        asked: Sender<()>,
        let_go: Receiver<io::Result<usize>>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            // With nobody at the gate it is open.
            let most = self.let_go.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = &bytes[..most.min(bytes.len())];
            self.taken.send(taken.to_vec()).unwrap();
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Ends {
        queue: &'static Queue,
        asked: Receiver<()>,
        let_go: Sender<io::Result<usize>>,
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
        let out = Gate { asked: ask, let_go: gate, taken: take };
        let tell = |count: u64| format!("-{count}\n").into_bytes();
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
        ends.let_go.send(Ok(usize::MAX)).unwrap();
        ends.asked.recv().unwrap();
        ends.queue.push(b"there is room again\n");
        let all = ends.all();
        assert_eq!(all[0], "first");
        assert_eq!(all.len(), ROOM / long.len() + 3);
        assert_eq!(all[all.len() - 2..], ["-4", "there is room again"]);
    }

    fn full() -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn what_could_not_be_written_is_told_in_its_place() {
        let ends = gated();
        ends.queue.push(b"lost\n");
        ends.let_go.send(full()).unwrap();
        assert!(ends.queue.finish(LONG));
        // While that can't be told, nothing is written that would stand before it.
        ends.queue.push(b"lost too\n");
        ends.let_go.send(full()).unwrap();
        assert!(ends.queue.finish(LONG));
        ends.queue.push(b"kept\n");
        assert_eq!(ends.all(), ["-2", "kept"]);
    }

    #[test]
    fn nothing_is_glued_to_half_a_line() {
        let ends = gated();
        ends.queue.push(b"half of it\n");
        for answer in [Ok(4), full()] {
            ends.let_go.send(answer).unwrap();
        }
        assert!(ends.queue.finish(LONG));
        // Then the word about it is cut off, right behind the line end that ends the half.
        ends.queue.push(b"lost\n");
        for answer in [Ok(2), full()] {
            ends.let_go.send(answer).unwrap();
        }
        assert!(ends.queue.finish(LONG));
        ends.queue.push(b"kept\n");
        assert_eq!(ends.all(), ["half", "-", "-2", "kept"]);
    }
}
