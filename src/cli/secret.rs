//! `secret`: API secrets; what each verb does is in its own file, but for `show`.

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::failure::Failure;
use super::import::{self, Import};
use super::output;
use super::rotation::{self, ActivateSecret, RetireSecret, RotateSecret};
use super::secret_create::{self, Create};
use super::secret_edit::{self, DeleteSecret, EditSecret};
use super::secret_get::{self, Get};
use super::secret_insight::{self, Access, Consumers, Notes};
use super::secret_list::{self, List};
use crate::client::{Answer, Call};
use crate::model::{Origin as Stored, Release, RestrictionsForm, SecretId};
use crate::wire::{SecretView, VersionView};

#[derive(Subcommand)]
pub enum Secret {
    /// Store a new secret
    Create(Box<Create>),
    /// List all secrets that you may see
    List(List),
    /// Show one secret's metadata, never its value
    Show(Show),
    /// Store a new version of a secret's value
    Rotate(RotateSecret),
    /// Make a pending version current, or go back to the previous one
    Activate(ActivateSecret),
    /// Retire a pending or previous version before its time
    Retire(RetireSecret),
    /// Change what is known of a secret: all but its ID and its value
    Edit(Box<EditSecret>),
    /// Delete a secret and destroy its values
    Delete(DeleteSecret),
    /// Store many secrets in one step: all of them, or none
    Import(Import),
    /// Tell who changed a secret, what and when, and who used it
    Notes(Notes),
    /// Tell which caller fetched which version last
    Consumers(Consumers),
    /// Tell which service may use a secret, and why the others may not
    Access(Access),
    /// Print a secret's value, as a service that may use it
    Get(Get),
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault secret show custsecret_fsm_oauth2_client_id")]
pub struct Show {
    /// Its ID; custsecret may be left out
    id: SecretId,
}

pub fn run(globals: &Globals, command: Secret) -> Result<(), Failure> {
    match command {
        Secret::Create(command) => secret_create::create(globals, *command),
        Secret::Rotate(command) => rotation::rotate_secret(globals, command),
        Secret::Activate(command) => rotation::activate_secret(globals, command),
        Secret::Retire(command) => rotation::retire_secret(globals, command),
        Secret::Edit(command) => secret_edit::edit(globals, *command),
        Secret::Delete(command) => secret_edit::delete(globals, &command),
        Secret::Import(command) => import::run(globals, &command),
        Secret::Notes(command) => secret_insight::notes(globals, &command),
        Secret::Consumers(command) => secret_insight::consumers(globals, &command),
        Secret::Access(command) => secret_insight::access(globals, &command),
        Secret::List(command) => secret_list::list(globals, command),
        Secret::Show(command) => show(globals, &command.id),
        Secret::Get(command) => secret_get::get(globals, command),
    }
}

fn show(globals: &Globals, id: &SecretId) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::get(format!("/v1/secrets/{id}"))).await?;
        told(globals, &answer)
    })
}

/// Says so of an expiry date that was just given and is over.
pub fn warn_if_past(day: Option<jiff::civil::Date>) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    if let Some(day) = day.filter(|day| *day < today) {
        output::tell(format_args!(
            "warning: {day} is in the past: it counts as expired already, and a notice says so. The value is given out as before"
        ));
    }
}

pub fn told(globals: &Globals, answer: &Answer) -> Result<(), Failure> {
    let secret: SecretView = answer.read()?;
    globals.output.answer(answer, || described(&secret))
}

fn described(secret: &SecretView) -> String {
    let mut lines = Columns::pairs();
    lines.row(["id", &secret.id]);
    lines.row(["name", &secret.name]);
    lines.row(["description", &secret.description]);
    lines.row(["integration", secret.integration.as_deref().unwrap_or_default()]);
    lines.row(["application ID", secret.application_id.as_deref().unwrap_or_default()]);
    lines.row(["origin", if secret.origin == Stored::External { "external" } else { "this account" }]);
    lines.row(["owners", &secret.owners.join(", ")]);
    lines.row(["release", if secret.release == Release::UseOnly { "use_only" } else { "reveal" }]);
    rules(&mut lines, secret.restrictions.as_ref());
    lines.row(["expires on", &secret.expires_on.map(|day| day.to_string()).unwrap_or_default()]);
    lines.row(["warn at days", &secret.max_age_days.map(|days| days.to_string()).unwrap_or_default()]);
    lines.row(["created", &format!("{} by {}", time(secret.created_at), secret.created_by)]);
    lines.row(["changed", &time(secret.changed_at)]);
    versions(&mut lines, &secret.versions);
    lines.to_string()
}

/// The versions of a secret or a pair, as people read them.
pub fn versions(lines: &mut Columns, versions: &[VersionView]) {
    for version in versions {
        let until = version.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
        let made =
            format!("{}{until}, made {} by {}", version.state, time(version.created_at), version.created_by);
        lines.row([format!("version {}", version.version), made]);
    }
}

/// The rules on a secret or a pair, as people read them.
pub fn rules(lines: &mut Columns, rules: Option<&RestrictionsForm>) {
    let Some(rules) = rules else {
        lines.row(["serves", "nobody: there are no restrictions"]);
        return;
    };
    let list = |all: bool, listed: &[String]| if all { "all".to_owned() } else { listed.join(", ") };
    lines.row(["scripts", &list(rules.allow_all_scripts, &rules.scripts)]);
    lines.row(["domains", &list(rules.allow_all_domains, &rules.domains)]);
    lines.row(["employees", &list(rules.employees.is_empty(), &rules.employees)]);
    lines.row(["suiteapp", rules.suiteapp_id.as_deref().unwrap_or_default()]);
}
