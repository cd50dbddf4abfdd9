//! `integration`: records. `credentials` is one of the two commands that print a value.

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::failure::Failure;
use super::listing;
use super::output::{self, Form, Reveal};
use super::rotation::{self, ActivatePair, CapturePair, ResetPair, RotatePair};
use super::secret::{Asked, rules, unchanged};
use crate::client::Call;
use crate::model::{ConsentPolicy, IntegrationName, IntegrationState, OAuthScope};
use crate::secret::Plaintext;
use crate::wire::{IntegrationView, PairRead};

#[derive(Subcommand)]
pub enum Integration {
    /// List all integration records that you may see
    List(List),
    /// Show one record, never its pair
    Show(Show),
    /// Store the pair that NetSuite shows once
    Capture(CapturePair),
    /// Replace the pair, both halves as one
    Rotate(RotatePair),
    /// Make a pending pair current, or go back to the previous one
    Activate(ActivatePair),
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
        Integration::Capture(command) => rotation::capture_pair(globals, command),
        Integration::Rotate(command) => rotation::rotate_pair(globals, command),
        Integration::Activate(command) => rotation::activate_pair(globals, command),
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
            Form::Text => {
                let how = Reveal::fitting(false);
                let (id, secret) = (how.render(client_id)?, how.render(client_secret)?);
                line("client_id: ", &id)?;
                line("client_secret: ", &secret)
            }
        }
    })
}

fn line(name: &str, value: &Plaintext) -> Result<(), Failure> {
    output::print(name.as_bytes())?;
    value.lend(output::print)
}

fn described(record: &IntegrationView) -> String {
    let grants = [
        (record.authorization_code_grant, "authorization code"),
        (record.client_credentials_grant, "client credentials"),
    ];
    let grants: Vec<_> = grants.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
    let mut lines = Columns::pairs();
    lines.row(["name", &record.name]);
    lines.row(["description", &record.description]);
    lines.row(["state", state(record.state)]);
    lines.row(["grants", &grants.join(", ")]);
    lines.row(["scopes", &record.scopes.iter().map(|each| scope(*each)).collect::<Vec<_>>().join(", ")]);
    lines.row(["consent", consent(record.consent_policy)]);
    // They may carry a capability token; JSON shows them to whoever asks for it.
    lines.row(["redirect URIs", &format!("{} (shown with --output json)", record.redirect_uris.len())]);
    lines.row(["application ID", &record.application_id]);
    lines.row(["secrets", &format!("{}, {}", record.client_id_secret, record.client_secret_secret)]);
    rules(&mut lines, record.restrictions.as_ref());
    lines.row(["version", &record.version.map(|version| version.to_string()).unwrap_or_default()]);
    lines.row(["created", &format!("{} by {}", time(record.created_at), record.created_by)]);
    lines.row(["changed", &time(record.changed_at)]);
    lines.to_string()
}

fn state(state: IntegrationState) -> &'static str {
    match state {
        IntegrationState::Enabled => "enabled",
        IntegrationState::Blocked => "blocked",
        IntegrationState::WaitingForApproval => "waiting for approval",
    }
}

fn scope(scope: OAuthScope) -> &'static str {
    match scope {
        OAuthScope::Restlets => "restlets",
        OAuthScope::RestWebservices => "rest_webservices",
        OAuthScope::SuiteAnalytics => "suite_analytics",
        OAuthScope::Mcp => "mcp",
    }
}

fn consent(policy: ConsentPolicy) -> &'static str {
    match policy {
        ConsentPolicy::AlwaysAsk => "always ask",
        ConsentPolicy::NeverAsk => "never ask",
        ConsentPolicy::AskFirstTime => "ask first time",
    }
}
