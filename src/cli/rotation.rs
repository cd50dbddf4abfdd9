//! Rotation: `secret rotate|activate|retire` and `integration capture|rotate|activate|reset`.

use std::path::PathBuf;

use clap::Args;

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::fsm::PairFiles;
use super::value;
use crate::client::{Answer, Body, Call};
use crate::model::{IntegrationName, SecretId, Standing};
use crate::wire::{IntegrationView, VersionMoved};

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
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
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
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    version: u64,
    /// Also if active callers fetched that version last
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault integration capture fsm --client-id-file id.txt --client-secret-file \
                        secret.txt\n\nNetSuite shows the pair once. Without files both are asked for, unseen and twice."
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
                        secret.txt\n  fsm-vault integration rotate fsm --pending\n\nBoth halves change as one. Without \
                        files both are asked for, unseen and twice."
)]
pub struct RotatePair {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    pair: PairFiles,
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
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
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
    after_help = "Example:\n  fsm-vault integration reset fsm\n\nFor when NetSuite's Reset Credentials has made \
                        the pair worthless: nobody gets it any more. Capture the new one next."
)]
pub struct ResetPair {
    /// Its name, such as fsm
    name: IntegrationName,
}

pub fn rotate_secret(globals: &Globals, command: RotateSecret) -> Result<(), Failure> {
    client(globals)?;
    let value = value::read(command.value_file.as_deref(), "value", "--value-file", command.exact)?;
    let body = Body::with_room(value.lend(|bytes| bytes.len() * 4 / 3) + 2048).value(&value);
    let path = format!("/v1/secrets/{}/versions", command.id);
    store(globals, path, command.spread.force, command.spread.add_to(body))
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
    let record: IntegrationView = with_daemon(globals, async |daemon| {
        Ok(daemon.call(Call::get(format!("/v1/integrations/{name}"))).await?.read()?)
    })?;
    if let Some(version) = record.version {
        let text = format!(
            "{name} has a pair, version {version}; replace it with: fsm-vault integration rotate {name}"
        );
        return Err(Failure::new(Exit::Conflict, text));
    }
    let spread = Spread { grace: None, pending: false, note: command.note, force: false };
    rotate_pair(globals, RotatePair { name, pair: command.pair, spread })
}

pub fn rotate_pair(globals: &Globals, command: RotatePair) -> Result<(), Failure> {
    client(globals)?;
    let pair = command.pair.read()?;
    let room = pair.client_id.lend(<[u8]>::len) + pair.client_secret.lend(<[u8]>::len);
    let body = Body::with_room(2 * room + 2048)
        .secret("client_id", &pair.client_id)?
        .secret("client_secret", &pair.client_secret)?;
    let path = format!("/v1/integrations/{}/credentials", command.name);
    store(globals, path, command.spread.force, command.spread.add_to(body))
}

pub fn activate_pair(globals: &Globals, command: ActivatePair) -> Result<(), Failure> {
    let path = format!("/v1/integrations/{}/credentials/{}/activate", command.name, command.version);
    activate(globals, path, command.force, command.grace.as_deref())
}

pub fn reset_pair(globals: &Globals, command: &ResetPair) -> Result<(), Failure> {
    let name = &command.name;
    with_daemon(globals, async |daemon| {
        daemon.call(Call::post(format!("/v1/integrations/{name}/reset"))).await?;
        let document = serde_json::json!({ "name": name.as_str(), "version": null });
        globals.output.show(&document, || {
            format!("the pair of {name} is retired for good\nNext, store the new one: fsm-vault integration capture {name}\n")
        })
    })
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
    force: bool,
    body: crate::secret::Plaintext,
) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let call = Call::post(path).parameter("force", force.then_some(true)).with(body);
        let answer = daemon.call(call).await?;
        told(globals, &answer)
    })
}

fn activate(globals: &Globals, path: String, force: bool, grace: Option<&str>) -> Result<(), Failure> {
    let mut body = Body::with_room(64);
    if let Some(grace) = grace {
        body = body.field("grace", &grace);
    }
    store(globals, path, force, body.end())
}

fn told(globals: &Globals, answer: &Answer) -> Result<(), Failure> {
    let VersionMoved { version, state, hint } = answer.read()?;
    globals.output.answer(answer, || match (hint, state) {
        (Some(hint), _) => format!("version {version}: {}\n", crate::client::printable(&hint)),
        (None, Standing::Pending) => {
            format!("stored version {version}, pending; promote it with: activate … {version}\n")
        }
        (None, _) => format!("version {version} is current\n"),
    })
}
