//! `watch`: tells what changes, until it is interrupted.

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::arguments::Globals;
use super::connect::{block_on, client};
use super::exit::Exit;
use super::failure::Failure;
use super::number;
use super::output::{self, Form};
use crate::client::{Client, Event, printable, printable_json};
use crate::wire::{About, NoticeEvent, NoticeState, Problem, RotatedEvent};

/// Between two attempts to come back.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault watch\n  fsm-vault watch --count 1 --output json\n\nA service hears of what it may \
                  use, an operator of what he may see; never a value. A lost connection is taken up again where it was. \
                  With --output json each event is one document on a line of its own."
)]
pub struct Watch {
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = number::within(1..=u64::MAX))]
    count: Option<u64>,
}

/// What is kept from one connection to the next.
struct Follower<'a> {
    globals: &'a Globals,
    left: Option<u64>,
    last: Option<String>,
    pause: Duration,
}

/// How one connection's watch ended.
enum Ended {
    /// As many events as were asked for, or nobody reads them any more.
    Enough,
    /// It may go on in another connection.
    Cut(String),
}

/// An event as one JSON document.
#[derive(Serialize)]
struct Document<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    data: &'a RawValue,
}

pub fn run(globals: &Globals, command: &Watch) -> Result<(), Failure> {
    let mut follower = Follower { globals, left: command.count, last: None, pause: FIRST_PAUSE };
    let first = client(globals)?;
    block_on(async {
        let mut ended = follower.follow(&first).await;
        loop {
            let why = match ended {
                Ok(Ended::Enough) => return Ok(()),
                Ok(Ended::Cut(why)) => why,
                // Before anything was heard a failure is most likely a mistake of whoever typed the command.
                Err(failure) if follower.last.is_none() || !passes(&failure) => return Err(failure),
                Err(failure) => failure.text,
            };
            output::tell(format_args!("fsm-vault: {why}; trying again in {} s", follower.pause.as_secs()));
            tokio::time::sleep(follower.pause).await;
            follower.pause = (follower.pause * 2).min(LONGEST_PAUSE);
            // The identity may have been renewed meanwhile.
            ended = follower.follow(&client(globals)?).await;
        }
    })
}

/// Whether a failure is of the kind that goes by: the daemon restarts, is sealed, or has no room.
fn passes(failure: &Failure) -> bool {
    match failure.refusal() {
        Some(refusal) => matches!(refusal.status, 429 | 503),
        None => failure.exit == Exit::Unreachable,
    }
}

impl Follower<'_> {
    async fn follow(&mut self, client: &Client) -> Result<Ended, Failure> {
        let mut connection = client.connect().await?;
        let mut events = connection.watch(self.last.as_deref()).await?;
        loop {
            let event = match events.next().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Ended::Cut("the daemon ended the watch".to_owned())),
                Err(error) => return Ok(Ended::Cut(error.to_string())),
            };
            if event.id.is_some() {
                self.last.clone_from(&event.id);
            }
            if event.name == "open" {
                self.pause = FIRST_PAUSE;
                if io::stderr().is_terminal() {
                    output::tell("watching; Ctrl-C ends it");
                }
            }
            let read = self.show(&event)?;
            match event.name.as_str() {
                "revoked" | "end" => return ended(&event),
                "rotated" | "notice" | "resync" => {
                    self.left = self.left.map(|left| left - 1);
                    if self.left == Some(0) || !read {
                        return Ok(Ended::Enough);
                    }
                }
                _ => {}
            }
        }
    }

    /// Prints an event; false if nobody reads it.
    fn show(&self, event: &Event) -> Result<bool, Failure> {
        let line = match self.globals.output {
            Form::Text => text(event)?,
            Form::Json => Some(document(event)?),
        };
        line.map_or(Ok(true), |line| output::print_or_gone(format!("{line}\n").as_bytes()))
    }
}

/// The last event: whether to come back.
fn ended(event: &Event) -> Result<Ended, Failure> {
    let problem: Problem = read(event)?;
    let detail = printable(&problem.detail).into_owned();
    // A new certificate may lie there already; if not, the next attempt says so.
    if event.name == "revoked" {
        Err(Failure::new(Exit::Refused, format!("refused: {detail}")))
    } else {
        Ok(Ended::Cut(format!("the watch ended: {detail}")))
    }
}

fn document(event: &Event) -> Result<String, Failure> {
    let data = RawValue::from_string(event.data.clone()).map_err(|_| odd())?;
    let document = crate::wire::write(&Document { event: &event.name, id: event.id.as_deref(), data: &data });
    let document = String::from_utf8(document).map_err(|_| odd())?;
    Ok(printable_json(&document).into_owned())
}

fn text(event: &Event) -> Result<Option<String>, Failure> {
    let line = match event.name.as_str() {
        "rotated" => {
            let rotated: RotatedEvent = read(event)?;
            let now = match rotated.version {
                Some(version) => format!("version {version}"),
                None => "nothing to read".to_owned(),
            };
            format!("{} rotated {}: {now}", rotated.at, subject(&rotated.about))
        }
        "notice" => {
            let notice: NoticeEvent = read(event)?;
            let state = if notice.state == NoticeState::Raised { "raised" } else { "cleared" };
            format!(
                "{} notice {} {state}, {}: {}",
                notice.at,
                notice.id,
                notice.level,
                subject(&notice.about)
            )
        }
        "resync" => "resync: events were missed; read what you keep anew".to_owned(),
        _ => return Ok(None),
    };
    Ok(Some(printable(&line).into_owned()))
}

fn subject(about: &About) -> String {
    match about {
        About { secret: Some(id), .. } => format!("secret {id}"),
        About { integration: Some(name), .. } => format!("integration {name}"),
        About { caller: Some(name), .. } => format!("caller {name}"),
        About { .. } => "vault".to_owned(),
    }
}

fn read<T: serde::de::DeserializeOwned>(event: &Event) -> Result<T, Failure> {
    crate::wire::read(event.data.as_bytes()).map_err(|_| odd())
}

fn odd() -> Failure {
    Failure::new(Exit::Failed, "the daemon sent an event that this version of fsm-vault doesn't understand")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), id: Some("0123456789abcdef".to_owned()), data: data.to_owned() }
    }

    #[test]
    fn events_are_told_in_a_line() {
        let at = "1970-01-01T00:00:00Z";
        for (name, data, expected) in [
            (
                "rotated",
                format!(r#"{{"secret":"custsecret_a","version":2,"at":"{at}"}}"#),
                "rotated secret custsecret_a: version 2",
            ),
            (
                "rotated",
                format!(r#"{{"integration":"fsm","version":null,"secrets":["custsecret_b"],"at":"{at}"}}"#),
                "rotated integration fsm: nothing to read",
            ),
            (
                "notice",
                format!(r#"{{"id":"n","level":"info","state":"cleared","at":"{at}"}}"#),
                "notice n cleared, info: vault",
            ),
        ] {
            assert_eq!(text(&event(name, &data)).unwrap().unwrap(), format!("{at} {expected}"));
        }
        assert_eq!(text(&event("open", "{}")).unwrap(), None);
        assert!(text(&event("rotated", "{}")).is_err());
    }

    #[test]
    fn an_event_is_one_document_on_one_line() {
        let line = document(&event("rotated", "{\"secret\":\"a\\n\u{9b}\"}")).unwrap();
        assert_eq!(
            line,
            "{\"event\":\"rotated\",\"id\":\"0123456789abcdef\",\"data\":{\"secret\":\"a\\n\\u009b\"}}"
        );
        assert!(document(&event("rotated", "no JSON")).is_err());
    }
}
