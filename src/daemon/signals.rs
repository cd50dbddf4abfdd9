//! SIGTERM, SIGINT and SIGHUP: the first asks for an orderly end, the second for an end, the third is one.
//!
//! A disk that doesn't answer can hold up whatever there is: the store, the log, the thread that would hear of a signal. So
//! signals are counted on a thread of their own, too, that waits for nothing else.
//!
//! There is nothing to load anew at a SIGHUP: it comes when a terminal is closed. Who started the daemon with `nohup` has it
//! ignored, and so it stays.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry;

/// The signals that end the daemon, caught from here on.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// None where whoever started the daemon had it ignored.
    hangup: Option<Signal>,
}

impl Signals {
    /// Needs a Tokio runtime around it.
    pub fn listen() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = SignalKind::hangup();
        let is_ignored = is_ignored(&status, hangup);
        // A file that may grow no more (`ulimit -f`) is a disk's trouble, and no reason to die without a word.
        flag::register(SIGXFSZ, Arc::default())?;
        end_at_third(if is_ignored { &[SIGTERM, SIGINT] } else { &[SIGTERM, SIGINT, SIGHUP] })?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored { None } else { Some(signal(hangup)?) },
        })
    }

    /// The next of any.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Ends the process at the third of these signals, as a kill does: nothing that was acknowledged is lost.
fn end_at_third(signals: &[i32]) -> io::Result<()> {
    let (mut heard, told) = UnixStream::pair()?;
    for &signal in signals {
        pipe::register(signal, told.try_clone()?)?;
    }
    let counting = move || {
        if heard.read_exact(&mut [0; 3]).is_ok() {
            telemetry::finish();
            std::process::exit(1);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).stack_size(64 * 1024).spawn(counting)?;
    Ok(())
}

/// Whether a process with this `/proc/PID/status` ignores a signal: bit 0 of `SigIgn` stands for number 1.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_has_ignored_is_told_from_the_rest() {
        for (mask, ignored) in [
            ("0000000000000001", true),
            ("ffffffffffffffff", true),
            ("0000000000001001", true),
            ("0000000000000000", false),
            ("0000000000001000", false),
            ("0000000000000002", false),
            ("none", false),
        ] {
            let status = format!(
                "Name:\tfsm-vault\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n"
            );
            assert_eq!(is_ignored(&status, SignalKind::hangup()), ignored, "{mask}");
        }
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
