//! A line read from the terminal unseen.
//!
//! The terminal gives each byte as it is typed, as a line of its own making ends at 4095 bytes. Whatever ends the question, an
//! answer, a failure or a signal, the terminal is put back first; only then does the signal do what it does.
//!
//! What comes behind the answer is no answer, and must not stay: the terminal would show it, and a shell run it and keep it in its
//! history. So a text of several lines that is pasted is refused and thrown away whole, and unread input at every other end.

mod typed;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};
use zeroize::Zeroizing;

use self::typed::{Step, Typed};
use crate::secret::Plaintext;

/// What a daemon catches for itself, see [`hand_over`].
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
const OTHERS: [i32; 2] = [SIGQUIT, SIGTSTP];

/// How soon behind a line's end the next byte comes if both were pasted. Nobody types on so soon, before the next question.
const PASTED: Duration = Duration::from_millis(50);
/// A paste has ended when nothing came for so long; long ones come in pieces.
const ENDED: Duration = Duration::from_millis(500);
/// Input that never ends isn't waited for longer.
const LONGEST_PASTE: Duration = Duration::from_secs(5);

static SIGNALS: OnceLock<Signals> = OnceLock::new();
static HANDED_OVER: AtomicBool = AtomicBool::new(false);

/// From here on somebody else catches SIGINT, SIGTERM and SIGHUP: they end a question, and no longer the process.
pub fn hand_over() {
    HANDED_OVER.store(true, SeqCst);
    if let Some(signals) = SIGNALS.get() {
        signals.ending_as_usual.store(false, SeqCst);
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// More came at once than the question takes; none of it is kept.
    #[error("more than one line came")]
    Lines,
    /// `Interrupted` if a signal came that somebody else catches, `UnexpectedEof` at Ctrl-D and where the terminal is gone.
    #[error(transparent)]
    Terminal(#[from] io::Error),
}

/// Asks on the process's terminal for a line.
pub fn line(prompt: &str) -> Result<Plaintext, Unanswered> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let caught = Caught::from_now_on()?;
    loop {
        let hidden = Hidden::on(&terminal)?;
        (&terminal).write_all(prompt.as_bytes())?;
        let ended = read(&terminal, caught.0);
        drop(hidden);
        // Nobody saw the line end that was typed. If it can't be written, reading says why.
        let _ = (&terminal).write_all(b"\n");
        match ended? {
            Ended::Line(line) => return Ok(line),
            Ended::Lines => return Err(Unanswered::Lines),
            // After a stop it goes on here, and asks anew.
            Ended::Signal(signal) => caught.pass_on(signal)?,
        }
    }
}

enum Ended {
    Line(Plaintext),
    Lines,
    Signal(i32),
}

fn read(mut terminal: &File, signals: &Signals) -> io::Result<Ended> {
    let mut typed = Typed::default();
    let mut byte = Zeroizing::new([0]);
    loop {
        if let Came::Signal(signal) = wait(terminal, signals, None)? {
            return Ok(Ended::Signal(signal));
        }
        // One at a time: what follows the line is no part of it.
        match terminal.read(byte.as_mut()) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "it is gone")),
            Ok(_) => match typed.take(byte[0]) {
                Step::More => {}
                Step::Line => break,
                Step::Nothing => return Err(io::Error::new(ErrorKind::UnexpectedEof, "nothing was typed")),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match wait(terminal, signals, Some(PASTED))? {
        Came::Nothing => Ok(Ended::Line(typed.line.into())),
        Came::Signal(signal) => Ok(Ended::Signal(signal)),
        Came::Input => {
            throw_away(terminal)?;
            Ok(Ended::Lines)
        }
    }
}

enum Came {
    Input,
    Signal(i32),
    /// For as long as was waited.
    Nothing,
}

/// Waits for input or a signal; without `patience`, until there is one.
fn wait(terminal: &File, signals: &Signals, patience: Option<Duration>) -> io::Result<Came> {
    let until = patience.map(|patience| Instant::now() + patience);
    loop {
        let mut ready = [PollFd::new(terminal, PollFlags::IN), PollFd::new(&signals.woken, PollFlags::IN)];
        let left = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
        match poll(&mut ready, left.as_ref()) {
            Err(Errno::INTR) => continue,
            Ok(0) => return Ok(Came::Nothing),
            polled => polled?,
        };
        let is_signal = !ready[1].revents().is_empty();
        if is_signal && let Some(signal) = signals.take() {
            return Ok(Came::Signal(signal));
        }
        if !ready[0].revents().is_empty() {
            return Ok(Came::Input);
        }
    }
}

/// Throws away what came, and what goes on coming: a paste that is longer than the terminal's room comes as there is some.
fn throw_away(terminal: &File) -> io::Result<()> {
    let until = Instant::now() + LONGEST_PASTE;
    loop {
        tcflush(terminal, QueueSelector::IFlush)?;
        match poll(&mut [PollFd::new(terminal, PollFlags::IN)], Some(&timespec(ENDED))) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) if Instant::now() < until => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() }
}

/// A terminal that shows nothing, put back when this is dropped.
struct Hidden<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn on(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        // What was typed before the question, seen, is no answer to it.
        tcflush(terminal, QueueSelector::IFlush)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // One that is gone has nothing to throw away or to put back.
        let _ = tcflush(self.terminal, QueueSelector::IFlush);
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// What was caught. A handler stays for the process's life, so outside a question it does what the system would have done.
struct Signals {
    ending_as_usual: Arc<AtomicBool>,
    others_as_usual: Arc<AtomicBool>,
    last: Arc<AtomicUsize>,
    woken: UnixStream,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let signals = Self {
            ending_as_usual: Arc::default(),
            others_as_usual: Arc::default(),
            last: Arc::default(),
            woken,
        };
        let usual = [(&signals.ending_as_usual, &ENDING[..]), (&signals.others_as_usual, &OTHERS[..])];
        for (as_usual, list) in usual {
            for &signal in list {
                flag::register_conditional_default(signal, as_usual.clone())?;
                let number = usize::try_from(signal).expect("a signal's number is above 0");
                flag::register_usize(signal, signals.last.clone(), number)?;
                low_level::pipe::register(signal, wake.try_clone()?)?;
            }
        }
        Ok(signals)
    }

    /// The last signal that came, once.
    fn take(&self) -> Option<i32> {
        while matches!((&self.woken).read(&mut [0; 16]), Ok(1..)) {}
        i32::try_from(self.last.swap(0, SeqCst)).ok().filter(|&signal| signal != 0)
    }

    fn set_usual(&self, usual: bool) {
        self.ending_as_usual.store(usual && !HANDED_OVER.load(SeqCst), SeqCst);
        self.others_as_usual.store(usual, SeqCst);
    }
}

/// While this lives, signals wait for [`Caught::pass_on`].
struct Caught(&'static Signals);

impl Caught {
    fn from_now_on() -> io::Result<Self> {
        let signals = match SIGNALS.get() {
            Some(signals) => signals,
            None => {
                let caught = Signals::catch()?;
                SIGNALS.get_or_init(|| caught)
            }
        };
        signals.set_usual(false);
        signals.take();
        Ok(Self(signals))
    }

    /// Lets a signal do what it would have done: end the process or, with Ctrl-Z, stop it for a while.
    fn pass_on(&self, signal: i32) -> io::Result<()> {
        if ENDING.contains(&signal) && HANDED_OVER.load(SeqCst) {
            return Err(io::Error::new(ErrorKind::Interrupted, "a signal came"));
        }
        low_level::emulate_default_handler(signal)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.0.set_usual(true);
    }
}
