//! Rotation: what `secret rotate|activate|retire` and `integration capture|rotate|activate|retire|reset` have in common.

use clap::Args;

use super::arguments::Globals;
use super::columns::time;
use super::connect::with_daemon;
use super::failure::Failure;
use crate::client::{Body, Call};
use crate::model::Standing;
use crate::wire::{PreviousView, VersionMoved};

mod pair;
mod secret;

pub use pair::{
    ActivatePair, CapturePair, ResetPair, RetirePair, RotatePair, activate_pair, capture_pair, reset_pair,
    retire_pair, rotate_pair,
};
pub use secret::{ActivateSecret, RetireSecret, RotateSecret, activate_secret, retire_secret, rotate_secret};

/// How a new version comes into use.
#[derive(Args)]
pub struct Spread {
    /// How long the version before stays readable as `previous` [default: 1h]; 0s cuts it off at once
    #[arg(long, value_name = "TIME", conflicts_with = "pending")]
    grace: Option<String>,
    /// Store it beside the current version, which stays; activate it later
    #[arg(long)]
    pending: bool,
    /// What people read about it; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Also if it takes the previous version, before its time, from callers that fetched it last
    #[arg(long)]
    force: bool,
}

fn version(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("is no version: a number from 1")
}

impl Spread {
    fn add_to(&self, mut body: Body) -> crate::secret::Plaintext {
        if let Some(grace) = &self.grace {
            body = body.field("grace", grace);
        }
        if let Some(note) = &self.note {
            body = body.field("note", note);
        }
        body.field("activate", &!self.pending).end()
    }
}

fn store(
    globals: &Globals,
    path: String,
    activate: &str,
    force: bool,
    body: crate::secret::Plaintext,
) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(storing(path, force, body)).await?;
        let moved: VersionMoved = answer.read()?;
        globals.output.answer(&answer, || told(moved, activate))
    })
}

fn storing(path: String, force: bool, body: crate::secret::Plaintext) -> Call {
    Call::post(path).parameter("force", force.then_some(true)).with(body)
}

fn activate(globals: &Globals, path: String, force: bool, grace: Option<&str>) -> Result<(), Failure> {
    let mut body = Body::with_room(64);
    if let Some(grace) = grace {
        body = body.field("grace", &grace);
    }
    // What was activated isn't pending: there is nothing left to promote.
    store(globals, path, "", force, body.end())
}

/// Retires version `number` of `name`, which lies at `path`.
fn retire(
    globals: &Globals,
    path: &str,
    (member, name): (&str, &str),
    number: u64,
    force: bool,
) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let call = Call::delete(format!("{path}/{number}"));
        daemon.call(call.parameter("force", force.then_some(true))).await?;
        let document = serde_json::json!({ member: name, "version": number, "state": Standing::Retired });
        globals.output.show(&document, || format!("version {number} of {name} is retired for good\n"))
    })
}

/// `activate` is the command that promotes a version, up to its number.
fn told(moved: VersionMoved, activate: &str) -> String {
    let VersionMoved { version, state, previous, hint } = moved;
    if let Some(hint) = hint {
        return format!("version {version}: {}\n", crate::client::printable(&hint));
    }
    if state == Standing::Pending {
        return format!(
            "stored version {version}, pending; nobody gets it yet. Promote it with: {activate} {version}\n"
        );
    }
    let before = previous.map_or_else(String::new, |PreviousView { version, until }| {
        format!("; version {version} stays readable as previous until {}", time(until))
    });
    format!("version {version} is current{before}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_the_version_before_is_told() {
        for (moved, expected) in [
            (r#"{"version":1,"state":"current"}"#, "version 1 is current\n"),
            (
                r#"{"version":2,"state":"current","previous":{"version":1,"until":"2026-11-30T10:20:30.5Z"}}"#,
                "version 2 is current; version 1 stays readable as previous until 2026-11-30 10:20:30Z\n",
            ),
            (
                r#"{"version":3,"state":"pending","previous":{"version":1,"until":"2026-11-30T10:20:30Z"}}"#,
                "stored version 3, pending; nobody gets it yet. Promote it with: fsm-vault secret activate _a 3\n",
            ),
            (r#"{"version":2,"state":"current","hint":"unchanged."}"#, "version 2: unchanged.\n"),
        ] {
            let moved = serde_json::from_str(moved).unwrap();
            assert_eq!(told(moved, "fsm-vault secret activate _a"), expected);
        }
    }
}
