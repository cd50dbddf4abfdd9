//! `integration`: records. `credentials` is one of the two commands that print a value.

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::failure::Failure;
use super::integration_create::{self, Create};
use super::integration_edit::{self, Delete, Edit};
use super::integration_view::{described, show_pair, state};
use super::listing;
use super::output::{self, Form};
use super::rotation::{self, ActivatePair, CapturePair, ResetPair, RetirePair, RotatePair};
use super::secret_get::{Asked, unchanged};
use crate::client::Call;
use crate::model::IntegrationName;
use crate::wire::{IntegrationView, PairRead};

#[derive(Subcommand)]
pub enum Integration {
    /// List all integration records that you may see
    List(List),
    /// Show one record, never its pair
    Show(Show),
    /// Make a record, with its pair or without
    Create(Box<Create>),
    /// Change a record, all but its pair
    Edit(Box<Edit>),
    /// Delete a record and destroy its pair
    Delete(Delete),
    /// Store the pair that NetSuite shows once
    Capture(CapturePair),
    /// Replace the pair, both halves as one
    Rotate(RotatePair),
    /// Make a pending pair current, or go back to the previous one
    Activate(ActivatePair),
    /// Retire a pending pair, or the previous one, before its time
    Retire(RetirePair),
    /// Retire the pair at once: nobody gets it any more
    Reset(ResetPair),
    /// Print the pair, as a service that may use it
    Credentials(Credentials),
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault integration list")]
pub struct List {}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault integration show fsm")]
pub struct Show {
    /// Its name, such as fsm
    name: IntegrationName,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault integration credentials fsm --identity /etc/fsm-mobile/vault")]
pub struct Credentials {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    asked: Asked,
}

pub fn run(globals: &Globals, command: Integration) -> Result<(), Failure> {
    match command {
        Integration::List(_) => list(globals),
        Integration::Show(command) => show(globals, &command.name),
        Integration::Create(command) => integration_create::run(globals, *command),
        Integration::Edit(command) => integration_edit::edit(globals, *command),
        Integration::Delete(command) => integration_edit::delete(globals, &command),
        Integration::Capture(command) => rotation::capture_pair(globals, command),
        Integration::Rotate(command) => rotation::rotate_pair(globals, command),
        Integration::Activate(command) => rotation::activate_pair(globals, command),
        Integration::Retire(command) => rotation::retire_pair(globals, &command),
        Integration::Reset(command) => rotation::reset_pair(globals, &command),
        Integration::Credentials(command) => credentials(globals, command),
    }
}

fn list(globals: &Globals) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let list = listing::all(daemon, "/v1/integrations").await?;
        listing::show(globals.output, &list, |records: Vec<IntegrationView>| {
            let mut columns = Columns::with_head(["NAME", "DESCRIPTION", "STATE", "VERSION", "CHANGED"]);
            for record in records {
                let version = record.version.map(|version| version.to_string()).unwrap_or_default();
                let changed = time(record.changed_at);
                columns.row([&record.name, &record.description, state(record.state), &version, &changed]);
            }
            columns.to_string()
        })
    })
}

fn show(globals: &Globals, name: &IntegrationName) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::get(format!("/v1/integrations/{name}"))).await?;
        let record: IntegrationView = answer.read()?;
        globals.output.answer(&answer, || described(&record))
    })
}

fn credentials(globals: &Globals, command: Credentials) -> Result<(), Failure> {
    let known = command.asked.known();
    let call = command.asked.add_to(Call::get(format!("/v1/integrations/{}/credentials", command.name)));
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(call).await?;
        if answer.is_unchanged() {
            return unchanged(globals.output, known);
        }
        let PairRead { client_id, client_secret, .. } = answer.read()?;
        match globals.output {
            Form::Json => answer.body.lend(output::print_json),
            Form::Text => show_pair(client_id, client_secret),
        }
    })
}
