//! Rotation: `secret rotate|activate|retire` and `integration capture|rotate|activate|reset`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::fsm::{Pair, PairFiles};
use super::integration_view::answer_issued;
use super::{output, prompt, value};
use crate::client::{Body, Call};
use crate::model::{IntegrationName, SecretId, Standing};
use crate::wire::{IntegrationView, SecretView, VersionMoved};

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

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault secret rotate _crm_key --value-file new.txt\n  fsm-vault secret rotate _crm_key \
                  --grace 0s\n\nWithout a file the value is asked for, unseen and twice."
)]
pub struct RotateSecret {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// A file with the new value, - for standard input
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Take the value as it is, with white space at its ends
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    spread: Spread,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret activate _crm_key 3\n\nThe version before can be activated \
                        again within its grace: that is the way back."
)]
pub struct ActivateSecret {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// A pending version, or the previous one within its grace
    #[arg(value_parser = version)]
    version: u64,
    /// How long the version before stays readable as `previous` [default: 1h]; 0s cuts it off at once
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
    /// Also if it takes the previous version, before its time, from callers that fetched it last
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault secret retire _crm_key 2")]
pub struct RetireSecret {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// A pending version, or the previous one within its grace
    #[arg(value_parser = version)]
    version: u64,
    /// Also if active callers fetched that version last
    #[arg(long)]
    force: bool,
}

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
    after_help = "Examples:\n  fsm-vault integration reset fsm\n  fsm-vault integration reset fsm --client-id-file id.txt \
                        --client-secret-file secret.txt\n  fsm-vault integration reset fsm --no-capture\n\nFor when \
                        NetSuite's Reset Credentials has made the pair worthless: nobody gets it any more, at once. \
                        Then the new one is asked for, unseen and twice, or taken from the files."
)]
pub struct ResetPair {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    pair: PairFiles,
    /// Leave it without a pair; capture the new one later
    #[arg(long, conflicts_with_all = ["client_id_file", "client_secret_file"])]
    no_capture: bool,
    /// Don't ask whether it is meant
    #[arg(long)]
    yes: bool,
}

fn version(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("is no version: a number from 1")
}

pub fn rotate_secret(globals: &Globals, command: RotateSecret) -> Result<(), Failure> {
    client(globals)?;
    if command.value_file.is_none() {
        look(globals, &command.id)?;
    }
    let value = value::read(command.value_file.as_deref(), "value", "--value-file", command.exact)?;
    let body = Body::with_room(value.lend(|bytes| bytes.len() * 4 / 3) + 2048).value(&value);
    let path = format!("/v1/secrets/{}/versions", command.id);
    let activate = format!("fsm-vault secret activate {}", command.id);
    store(globals, path, &activate, command.spread.force, command.spread.add_to(body))
}

pub fn activate_secret(globals: &Globals, command: ActivateSecret) -> Result<(), Failure> {
    let path = format!("/v1/secrets/{}/versions/{}/activate", command.id, command.version);
    activate(globals, path, command.force, command.grace.as_deref())
}

pub fn retire_secret(globals: &Globals, command: RetireSecret) -> Result<(), Failure> {
    let RetireSecret { id, version, force } = command;
    with_daemon(globals, async |daemon| {
        let call = Call::delete(format!("/v1/secrets/{id}/versions/{version}"));
        daemon.call(call.parameter("force", force.then_some(true))).await?;
        let document =
            serde_json::json!({ "id": id.as_str(), "version": version, "state": Standing::Retired });
        globals.output.show(&document, || format!("version {version} of {id} is retired for good\n"))
    })
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
    let pair = command.pair.read(record.public_client)?;
    let spread = Spread { grace: None, pending: false, note: command.note, force: false };
    store(globals, credentials(&name), &activating(&name), false, spread.add_to(checked(&pair)?))
}

pub fn rotate_pair(globals: &Globals, command: RotatePair) -> Result<(), Failure> {
    let name = &command.name;
    let record = record(globals, name)?;
    if !command.issue {
        let body = command.spread.add_to(checked(&command.pair.read(record.public_client)?)?);
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

/// A pair on its way to be stored, after a warning if it looks odd.
fn checked(pair: &Pair) -> Result<Body, Failure> {
    pair.warn_if_odd();
    pair.body()
}

fn activating(name: &IntegrationName) -> String {
    format!("fsm-vault integration activate {name}")
}

fn credentials(name: &IntegrationName) -> String {
    format!("/v1/integrations/{name}/credentials")
}

/// Looks at the secret before anybody is asked for a value in vain.
fn look(globals: &Globals, id: &SecretId) -> Result<(), Failure> {
    let found: SecretView = with_daemon(globals, async |daemon| {
        Ok(daemon.call(Call::get(format!("/v1/secrets/{id}"))).await?.read()?)
    })?;
    match found.integration {
        None => Ok(()),
        Some(name) => {
            let name = crate::client::printable(&name);
            let why =
                format!("{id} is half of a pair, which changes as one: fsm-vault integration rotate {name}");
            Err(Failure::new(Exit::Conflict, why))
        }
    }
}

/// The record, looked at before anybody is asked for a pair in vain.
fn record(globals: &Globals, name: &IntegrationName) -> Result<IntegrationView, Failure> {
    with_daemon(globals, async |daemon| {
        Ok(daemon.call(Call::get(format!("/v1/integrations/{name}"))).await?.read()?)
    })
}

pub fn activate_pair(globals: &Globals, command: ActivatePair) -> Result<(), Failure> {
    let path = format!("/v1/integrations/{}/credentials/{}/activate", command.name, command.version);
    activate(globals, path, command.force, command.grace.as_deref())
}

pub fn reset_pair(globals: &Globals, command: &ResetPair) -> Result<(), Failure> {
    let name = &command.name;
    let record = record(globals, name)?;
    // A file that can't be read must not leave the record without a pair.
    let given = command.pair.is_given().then(|| command.pair.read(record.public_client)).transpose()?;
    if let Some(Pair { client_id, client_secret: Some(secret) }) = &given
        && client_id.same_as(secret)
    {
        return Err(Failure::usage("the client ID and the client secret are the same; nothing was changed"));
    }
    let is_meant = given.is_some() || command.yes || (command.no_capture && !prompt::can_ask());
    if !is_meant && !prompt::can_ask() {
        return Err(Failure::usage(format!(
            "a reset ends the pair of {name} at once; add --no-capture, or name the new pair's files, or run this on a terminal \
             to be asked"
        )));
    }
    if !is_meant {
        let question = format!("Nobody gets the pair of {name} from now on, at once. Type {name} to go on: ");
        prompt::confirm(&question, name.as_str(), "the pair is as it was")?;
    }
    with_daemon(globals, async |daemon| {
        daemon.call(Call::post(format!("/v1/integrations/{name}/reset"))).await?;
        Ok(())
    })?;
    let next = format!("fsm-vault integration capture {name}");
    let pair = match given {
        Some(pair) => Some(pair),
        None if command.no_capture || !prompt::can_ask() => None,
        None => {
            output::tell(format_args!(
                "The pair of {name} is retired for good. Now the new one; Ctrl-C, and later: {next}"
            ));
            Some(command.pair.read(record.public_client)?)
        }
    };
    match pair {
        Some(pair) => {
            let spread = Spread { grace: None, pending: false, note: None, force: false };
            store(globals, credentials(name), &activating(name), false, spread.add_to(checked(&pair)?))
        }
        None => {
            let document = serde_json::json!({ "name": name.as_str(), "version": null });
            let text =
                || format!("the pair of {name} is retired for good\nNext, store the new one: {next}\n");
            globals.output.show(&document, text)
        }
    }
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

/// `activate` is the command that promotes a version, up to its number.
fn told(VersionMoved { version, state, hint }: VersionMoved, activate: &str) -> String {
    match (hint, state) {
        (Some(hint), _) => format!("version {version}: {}\n", crate::client::printable(&hint)),
        (None, Standing::Pending) => {
            format!(
                "stored version {version}, pending; nobody gets it yet. Promote it with: {activate} {version}\n"
            )
        }
        (None, _) => format!("version {version} is current\n"),
    }
}
