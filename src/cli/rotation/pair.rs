//! `integration capture|rotate|activate|retire|reset`.

use clap::Args;

use super::super::arguments::Globals;
use super::super::connect::with_daemon;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::fsm::PairFiles;
use super::super::integration_view::answer_issued;
use super::super::{output, prompt};
use super::{Spread, activate, retire, store, storing, told, version};
use crate::client::{Body, Call};
use crate::model::{IntegrationName, PairOrigin};
use crate::wire::{IntegrationView, VersionMoved};

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault integration capture fsm --client-id-file id.txt --client-secret-file \
                        secret.txt\n\nNetSuite shows the pair once. Without files both are asked for, unseen and twice. A \
                        public client has a client ID alone."
)]
pub struct CapturePair {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    pair: PairFiles,
    /// What people read about it; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault integration rotate fsm --client-id-file id.txt --client-secret-file \
                        secret.txt\n  fsm-vault integration rotate fsm --pending\n  fsm-vault integration rotate own \
                        --issue\n\nBoth halves change as one. Without \
                        files both are asked for, unseen and twice."
)]
pub struct RotatePair {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    pair: PairFiles,
    /// Let the daemon make up the pair, and show it this once
    #[arg(long, conflicts_with_all = ["client_id_file", "client_secret_file"])]
    issue: bool,
    #[command(flatten)]
    spread: Spread,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault integration activate fsm 2\n\nThe pair before can be activated again \
                        within its grace: that is the way back."
)]
pub struct ActivatePair {
    /// Its name, such as fsm
    name: IntegrationName,
    /// A pending pair, or the previous one within its grace
    #[arg(value_parser = version)]
    version: u64,
    /// How long the pair before stays readable as `previous` [default: 1h]; 0s cuts it off at once
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
    /// Also if it takes the previous version, before its time, from callers that fetched it last
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault integration retire fsm 1\n\nThe current pair is retired by a rotation with --grace 0s, \
                        or by a reset."
)]
pub struct RetirePair {
    /// Its name, such as fsm
    name: IntegrationName,
    /// A pending pair, or the previous one within its grace
    #[arg(value_parser = version)]
    version: u64,
    /// Also if active callers fetched that version last
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault integration reset fsm\n  fsm-vault integration reset fsm --client-id-file id.txt \
                        --client-secret-file secret.txt\n  fsm-vault integration reset fsm --no-capture\n\nFor when \
                        NetSuite's Reset Credentials has made the pair worthless: nobody gets it any more, at once. \
                        Then the new one is asked for, unseen and twice, or taken from the files. Without a terminal nothing is \
                        asked: it is left without a pair unless files are named."
)]
pub struct ResetPair {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    pair: PairFiles,
    /// Leave it without a pair; capture the new one later
    #[arg(long, conflicts_with_all = ["client_id_file", "client_secret_file"])]
    no_capture: bool,
    /// Don't ask on a terminal whether it is meant
    #[arg(long)]
    yes: bool,
}

pub fn capture_pair(globals: &Globals, command: CapturePair) -> Result<(), Failure> {
    let name = command.name;
    let record = record(globals, &name)?;
    if let Some(version) = record.version {
        let text = format!(
            "{name} has a pair, version {version}; replace it with: fsm-vault integration rotate {name}"
        );
        return Err(Failure::new(Exit::Conflict, text));
    }
    let pair = command.pair.looked_at(record.public_client)?;
    let spread = Spread { grace: None, pending: false, note: command.note, force: false };
    store(globals, credentials(&name), &activating(&name), false, spread.add_to(pair.body()?))
}

pub fn rotate_pair(globals: &Globals, command: RotatePair) -> Result<(), Failure> {
    let name = &command.name;
    let record = record(globals, name)?;
    if !command.issue {
        let body = command.spread.add_to(command.pair.looked_at(record.public_client)?.body()?);
        return store(globals, credentials(name), &activating(name), command.spread.force, body);
    }
    let body = command.spread.add_to(Body::default().field("issue", &true));
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(storing(credentials(name), command.spread.force, body)).await?;
        let moved: VersionMoved = answer.read()?;
        let version = moved.version;
        answer_issued(globals, &answer, (name.as_str(), version), || told(moved, &activating(name)))
    })
}

pub fn activate_pair(globals: &Globals, command: ActivatePair) -> Result<(), Failure> {
    let path = format!("/v1/integrations/{}/credentials/{}/activate", command.name, command.version);
    activate(globals, path, command.force, command.grace.as_deref())
}

pub fn retire_pair(globals: &Globals, command: &RetirePair) -> Result<(), Failure> {
    let RetirePair { name, version, force } = command;
    retire(globals, &credentials(name), ("name", name.as_str()), *version, *force)
}

pub fn reset_pair(globals: &Globals, command: &ResetPair) -> Result<(), Failure> {
    let name = &command.name;
    let record = record(globals, name)?;
    // A file that can't be read must not leave the record without a pair.
    let given = command.pair.is_given().then(|| command.pair.looked_at(record.public_client)).transpose()?;
    let is_meant = given.is_some() || command.yes || !prompt::can_ask();
    if !is_meant {
        let question = format!("Nobody gets the pair of {name} from now on, at once. Type {name} to go on: ");
        prompt::confirm(&question, name.as_str(), "the pair is as it was")?;
    }
    let answer = with_daemon(globals, async |daemon| {
        Ok(daemon.call(Call::post(format!("/v1/integrations/{name}/reset"))).await?)
    })?;
    let next = match record.pair_origin {
        PairOrigin::Issued => format!("fsm-vault integration rotate {name} --issue"),
        PairOrigin::Captured => format!("fsm-vault integration capture {name}"),
    };
    let pair = match given {
        Some(pair) => Some(pair),
        None if command.no_capture || !prompt::can_ask() => None,
        None => {
            output::tell(format_args!(
                "The pair of {name} is retired for good. Now the new one; Ctrl-C, and later: {next}"
            ));
            Some(command.pair.looked_at(record.public_client)?)
        }
    };
    match pair {
        Some(pair) => {
            let spread = Spread { grace: None, pending: false, note: None, force: false };
            store(globals, credentials(name), &activating(name), false, spread.add_to(pair.body()?))
        }
        None => {
            let text =
                || format!("the pair of {name} is retired for good\nNext, store the new one: {next}\n");
            globals.output.answer(&answer, text)
        }
    }
}

fn activating(name: &IntegrationName) -> String {
    format!("fsm-vault integration activate {name}")
}

fn credentials(name: &IntegrationName) -> String {
    format!("/v1/integrations/{name}/credentials")
}

/// The record, looked at before anybody is asked for a pair in vain.
fn record(globals: &Globals, name: &IntegrationName) -> Result<IntegrationView, Failure> {
    with_daemon(globals, async |daemon| {
        Ok(daemon.call(Call::get(format!("/v1/integrations/{name}"))).await?.read()?)
    })
}
