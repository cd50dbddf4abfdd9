//! Log lines on standard error: text on a terminal, JSON elsewhere.
//!
//! A line is a constant message with dotted fields; in JSON both stand at the top level, so that
//! `jq 'select(.message == "listening") | ."listen.address"'` finds them.

use std::io::{self, IsTerminal};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Dispatch, Level, Metadata, Subscriber, dispatcher};
use tracing_subscriber::filter::{DynFilterFn, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use super::queue::{Queue, StandardError};
use crate::config::{Log, LogFormat};

/// Our own modules' targets begin so.
const OURS: &str = "fsm_vault";
/// How long the end of the process waits for standard error to take the last lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines on their way to standard error.
static LINES: Queue = Queue::new();
/// Whether they are written from there.
static STARTED: AtomicBool = AtomicBool::new(false);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter is not valid: write a level such as info, or info,fsm_vault=debug")]
    Filter,
    #[error("logging was already set up in this process")]
    AlreadyStarted,
    #[error("the thread that writes the log can't be started; are there too many threads?")]
    NoThread,
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dress {
    Text { colours: bool },
    Json,
}

/// Sets logging up for the whole process; once. Whoever ends the process calls [`finish`] before.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dress = dress(log.format, io::stderr().is_terminal(), no_colour);
    tracing::subscriber::set_global_default(subscriber(&log.filter, dress, || &LINES)?)
        .map_err(|_| TelemetryError::AlreadyStarted)?;
    // What it says of itself doesn't go through the queue, where it might be dropped, nor past the filter.
    let page = Page::default();
    let writer = page.clone();
    let own = Dispatch::new(subscriber("warn", dress, move || writer.clone())?);
    let tell = move |lines: u64| {
        dispatcher::with_default(&own, || {
            tracing::warn!(
                log.dropped = lines,
                "log lines are missing here: standard error didn't take them"
            );
        });
        page.take()
    };
    let writing = move || LINES.write_out(StandardError, tell);
    thread::Builder::new().name("log".to_owned()).spawn(writing).map_err(|_| TelemetryError::NoThread)?;
    STARTED.store(true, Ordering::Release);
    std::panic::set_hook(Box::new(|panic| {
        // Where, never what: a panic's text may hold whatever was in hand.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = place, "a thread panicked");
        // It may be the one that the process ends with.
        finish();
    }));
    Ok(())
}

/// Puts a line of text, without its end, behind the log's. False where logging wasn't started: then it is to be written as it is.
pub fn say(text: &str) -> bool {
    let started = STARTED.load(Ordering::Acquire);
    if started {
        LINES.push(format!("{text}\n").as_bytes());
    }
    started
}

/// Waits until standard error has what was logged, a second at most: if nobody reads it, nobody will.
pub fn finish() {
    if STARTED.load(Ordering::Acquire) {
        LINES.finish(PATIENCE);
    }
}

fn dress(format: LogFormat, terminal: bool, no_colour: bool) -> Dress {
    match (format, terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Dress::Json,
        (LogFormat::Text, _) | (LogFormat::Auto, true) => Dress::Text { colours: terminal && !no_colour },
    }
}

fn subscriber<W>(
    filter: &str,
    dress: Dress,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter: Targets = filter.parse().map_err(|_| TelemetryError::Filter)?;
    // A line that can't be written has no other place, and a word about it on standard error would panic.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines = match dress {
        Dress::Text { colours } => lines.with_ansi(colours).boxed(),
        Dress::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let discreet = DynFilterFn::new(|metadata, _| is_discreet(metadata));
    Ok(Box::new(Registry::default().with(filter).with(lines.with_filter(discreet))))
}

/// Libraries are heard at ERROR alone, whatever the filter says. Below INFO they may print the bytes that pass through them,
/// and those are requests and values; what h2 warns of is its peers' doing, line after line, and whoever has a certificate
/// of a trusted root, a revoked one too, could fill the log with it.
fn is_discreet(metadata: &Metadata) -> bool {
    let ours =
        metadata.target().strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    ours || *metadata.level() <= Level::ERROR
}

/// Collects what is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn lines(filter: &str, dress: Dress, speak: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(filter, dress, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, speak);
        String::from_utf8(page.take()).unwrap()
    }

    #[test]
    fn json_has_message_and_fields_at_the_top() {
        let said = lines("info", Dress::Json, || {
            let _span = tracing::info_span!("connection", connection.id = 7).entered();
            tracing::info!(listen.address = "tcp:127.0.0.1:1", "listening");
        });
        let line: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(line["message"], "listening");
        assert_eq!(line["listen.address"], "tcp:127.0.0.1:1");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["connection.id"], 7);
    }

    #[test]
    fn text_is_plain_without_colours() {
        let said = lines("info", Dress::Text { colours: false }, || {
            tracing::info!(caller.name = "a\u{1b}[31m\nb", "caller added");
        });
        assert!(said.contains("caller added"), "{said}");
        assert!(!said.contains('\u{1b}') && said.lines().count() == 1, "{said:?}");
    }

    #[test]
    fn the_filter_rules_and_libraries_stay_discreet() {
        let speak = || {
            tracing::trace!(target: "fsm_vault::api", "ours");
            tracing::debug!(target: "h2::codec", "theirs, low");
            tracing::trace!(target: "fsm_vaulted", "a near miss");
            tracing::warn!(target: "h2::proto::ping_pong", "theirs, a peer's doing");
            tracing::error!(target: "h2::codec", "theirs, high");
        };
        let heard = |filter| {
            let said = lines(filter, Dress::Json, speak);
            ["ours", "theirs, low", "a near miss", "theirs, a peer's doing", "theirs, high"]
                .map(|message| said.contains(message))
        };
        assert_eq!(heard("trace"), [true, false, false, false, true]);
        assert_eq!(heard("info"), [false, false, false, false, true]);
        assert_eq!(heard("off,fsm_vault=trace"), [true, false, false, false, false]);
    }

    #[test]
    fn dressed_for_the_place() {
        let colours = |colours| Dress::Text { colours };
        for (format, terminal, no_colour, expected) in [
            (LogFormat::Auto, true, false, colours(true)),
            (LogFormat::Auto, true, true, colours(false)),
            (LogFormat::Auto, false, false, Dress::Json),
            (LogFormat::Text, false, false, colours(false)),
            (LogFormat::Text, true, false, colours(true)),
            (LogFormat::Json, true, false, Dress::Json),
        ] {
            assert_eq!(dress(format, terminal, no_colour), expected, "{format:?} {terminal} {no_colour}");
        }
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        let refused = subscriber("fsm_vault=loud", Dress::Json, io::sink).err();
        assert_eq!(refused, Some(TelemetryError::Filter));
    }
}
