//! `secret rotate|activate|retire`.

use std::path::PathBuf;

use clap::Args;

use super::super::arguments::Globals;
use super::super::connect::{client, with_daemon};
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::value;
use super::{Spread, activate, retire, store, version};
use crate::client::{Body, Call};
use crate::model::SecretId;
use crate::wire::SecretView;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault secret rotate _crm_key --value-file new.txt\n  fsm-vault secret rotate _crm_key \
                  --grace 0s\n\nWithout a file the value is asked for, unseen and twice. One of \
                  several lines takes a file."
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
    retire(globals, &format!("/v1/secrets/{id}/versions"), ("id", id.as_str()), version, force)
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
