//! `secret`: API secrets. `get` is one of the two commands that print a value.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::import::Import;
use super::output::{self, Form, Reveal};
use super::rotation::{self, ActivateSecret, RetireSecret, RotateSecret};
use super::secret_edit::{self, DeleteSecret, EditSecret};
use super::secret_insight::{self, Access, Consumers, Notes};
use super::{import, listing, value};
use crate::client::{Answer, Body, Call};
use crate::model::{
    Domain, DomainPattern, Employee, Origin as Stored, Release, RestrictionsForm, ScriptId, SecretId,
    SuiteAppId, VersionWanted,
};
use crate::wire::{SecretView, ValueRead};

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
#[command(
    after_help = "Example:\n  fsm-vault secret create _crm_key --value-file key.txt --script customscript_crm --domain \
                  api.example.com\n\nWithout a file the value is asked for, unseen and twice."
)]
#[command(group(ArgGroup::new("scripts").args(["script", "allow_all_scripts"]).multiple(true).required(true)))]
#[command(group(ArgGroup::new("domains").args(["domain", "allow_all_domains"]).multiple(true).required(true)))]
pub struct Create {
    /// The part after `custsecret`, such as _crm_key, or the whole ID
    id: SecretId,
    /// What people read; others see it, so never a value
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// What it is for; others see it, so never a value
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// A file with the value, - for standard input
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Take the value as it is, with white space at its ends
    #[arg(long)]
    exact: bool,
    /// A script that may use it; may be given several times
    #[arg(long, value_name = "SCRIPT")]
    script: Vec<ScriptId>,
    /// Any script may use it
    #[arg(long, conflicts_with = "script")]
    allow_all_scripts: bool,
    /// A host that the value may be sent to, or *.HOST; may be given several times
    #[arg(long, value_name = "HOST")]
    domain: Vec<DomainPattern>,
    /// The value may be sent anywhere
    #[arg(long, conflicts_with = "domain")]
    allow_all_domains: bool,
    /// An employee on whose behalf it may be used; may be given several times; all unless given
    #[arg(long, value_name = "EMPLOYEE")]
    employee: Vec<Employee>,
    /// Make it available to this SuiteApp, and to no other
    #[arg(long, value_name = "ID")]
    suiteapp: Option<SuiteAppId>,
    /// An employee who may manage it; may be given several times; you unless given
    #[arg(long, value_name = "EMPLOYEE")]
    owner: Vec<Employee>,
    /// The day on which it expires, such as 2027-06-30
    #[arg(long, value_name = "DATE")]
    expires_on: Option<jiff::civil::Date>,
    /// Warn when the value gets older than this
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    max_age_days: Option<u32>,
    /// Never return the value, only use it
    #[arg(long)]
    use_only: bool,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault secret list\n  fsm-vault secret list --search oauth --exposure local --owner 42"
)]
pub struct List {
    /// Part of the name, description, ID, application ID or an owner, in any case of letters
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those available to a SuiteApp, or to none
    #[arg(long, value_enum)]
    exposure: Option<Exposure>,
    /// Only those you own, made here, or imported from elsewhere
    #[arg(long, value_enum)]
    origin: Option<Origin>,
    /// Only those that this employee owns
    #[arg(long, value_name = "EMPLOYEE")]
    owner: Option<Employee>,
}

/// `exposure` of the API's list.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Exposure {
    All,
    Local,
    Shared,
}

/// `origin` of the API's list.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Origin {
    All,
    My,
    ThisAccount,
    External,
}

fn word(value: impl clap::ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault secret show custsecret_fsm_oauth2_client_id")]
pub struct Show {
    /// Its ID; custsecret may be left out
    id: SecretId,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret get custsecret_fsm_oauth2_client_id --identity /etc/fsm-mobile/vault"
)]
pub struct Get {
    /// Its ID; custsecret may be left out
    id: SecretId,
    #[command(flatten)]
    asked: Asked,
    /// Print exactly the value's bytes, without a line end
    #[arg(long)]
    raw: bool,
}

/// What a service says with a read.
#[derive(Args)]
pub struct Asked {
    /// The host that the value is meant for
    #[arg(long, value_name = "HOST")]
    domain: Option<Domain>,
    /// The employee on whose behalf it is used
    #[arg(long, value_name = "EMPLOYEE")]
    employee: Option<Employee>,
    /// A version's number, or `previous` [default: the current one]
    #[arg(long, value_name = "N|previous", value_parser = version)]
    version: Option<String>,
    /// Wait that long, 5m at most, for another version than the current one; then print what there is
    #[arg(long, value_name = "TIME", conflicts_with = "version")]
    wait: Option<String>,
    /// With --wait: the version that you have. Print nothing if it is still the current one at the end
    #[arg(long, value_name = "N", requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    known: Option<u64>,
}

/// For a reader that has the current version.
#[derive(Serialize)]
struct Unchanged {
    unchanged: bool,
    version: Option<u64>,
}

impl Asked {
    pub fn known(&self) -> Option<u64> {
        self.known
    }

    pub fn add_to(self, call: Call) -> Call {
        call.parameter("domain", self.domain)
            .parameter("employee", self.employee)
            .parameter("version", self.version)
            .waiting(self.wait.as_deref())
            .unless(self.known)
    }
}

/// Tells that the reader's version is still the current one.
pub fn unchanged(form: Form, version: Option<u64>) -> Result<(), Failure> {
    match form {
        Form::Json => output::print_json(&crate::wire::write(&Unchanged { unchanged: true, version })),
        Form::Text => {
            eprintln!("fsm-vault: version {} is still the current one", version.unwrap_or_default());
            Ok(())
        }
    }
}

fn version(text: &str) -> Result<String, <VersionWanted as std::str::FromStr>::Err> {
    text.parse::<VersionWanted>().map(|_| text.to_owned())
}

pub fn run(globals: &Globals, command: Secret) -> Result<(), Failure> {
    match command {
        Secret::Create(command) => create(globals, *command),
        Secret::Rotate(command) => rotation::rotate_secret(globals, command),
        Secret::Activate(command) => rotation::activate_secret(globals, command),
        Secret::Retire(command) => rotation::retire_secret(globals, command),
        Secret::Edit(command) => secret_edit::edit(globals, *command),
        Secret::Delete(command) => secret_edit::delete(globals, &command),
        Secret::Import(command) => import::run(globals, &command),
        Secret::Notes(command) => secret_insight::notes(globals, &command),
        Secret::Consumers(command) => secret_insight::consumers(globals, &command),
        Secret::Access(command) => secret_insight::access(globals, &command),
        Secret::List(command) => list(globals, command),
        Secret::Show(command) => show(globals, &command.id),
        Secret::Get(command) => get(globals, command),
    }
}

fn create(globals: &Globals, command: Create) -> Result<(), Failure> {
    // Before anybody is asked for a value in vain.
    client(globals)?;
    let value = value::read(command.value_file.as_deref(), "value", "--value-file", command.exact)?;
    let body = Body::with_room(value.lend(|bytes| bytes.len() * 4 / 3) + 4096)
        .field("id", &command.id)
        .field("name", &command.name)
        .field("description", &command.description)
        .field("owners", &command.owner)
        .field("expires_on", &command.expires_on)
        .field("max_age_days", &command.max_age_days)
        .field("release", &if command.use_only { Release::UseOnly } else { Release::Reveal })
        .field("restrictions", &restrictions(&command))
        .value(&value);
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/secrets").with(body.end())).await?;
        told(globals, &answer)
    })
}

fn restrictions(command: &Create) -> RestrictionsForm {
    fn texts<T: ToString>(list: &[T]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }
    RestrictionsForm {
        scripts: texts(&command.script),
        allow_all_scripts: command.allow_all_scripts,
        domains: texts(&command.domain),
        allow_all_domains: command.allow_all_domains,
        employees: texts(&command.employee),
        available_to_suiteapp: command.suiteapp.is_some(),
        suiteapp_id: command.suiteapp.as_ref().map(ToString::to_string),
    }
}

fn list(globals: &Globals, command: List) -> Result<(), Failure> {
    let parameters = [
        ("q", command.search),
        ("exposure", command.exposure.and_then(word)),
        ("origin", command.origin.and_then(word)),
        ("owner", command.owner.as_ref().map(ToString::to_string)),
    ];
    with_daemon(globals, async |daemon| {
        let list = listing::filtered(daemon, "/v1/secrets", &parameters).await?;
        listing::show(globals.output, &list, |secrets: Vec<SecretView>| {
            let mut columns =
                Columns::with_head(["ID", "NAME", "INTEGRATION", "VERSION", "EXPIRES", "CHANGED"]);
            for secret in secrets {
                let expires = secret.expires_on.map(|day| day.to_string()).unwrap_or_default();
                let integration = secret.integration.clone().unwrap_or_default();
                let changed = time(secret.changed_at);
                columns.row([&secret.id, &secret.name, &integration, &current(&secret), &expires, &changed]);
            }
            columns.to_string()
        })
    })
}

fn show(globals: &Globals, id: &SecretId) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::get(format!("/v1/secrets/{id}"))).await?;
        told(globals, &answer)
    })
}

fn get(globals: &Globals, command: Get) -> Result<(), Failure> {
    if command.raw && globals.output == Form::Json {
        return Err(Failure::usage("--raw prints bytes, --output json a document: give one of them"));
    }
    let known = command.asked.known();
    let call = command.asked.add_to(Call::get(format!("/v1/secrets/{}/value", command.id)));
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(call).await?;
        if answer.is_unchanged() {
            return unchanged(globals.output, known);
        }
        let read: ValueRead = answer.read()?;
        match globals.output {
            Form::Json => answer.body.lend(output::print_json),
            Form::Text => {
                let odd = || Failure::new(Exit::Failed, "the daemon sent base64 that can't be read");
                let shown = Reveal::fitting(command.raw).render(read.into_bytes().ok_or_else(odd)?)?;
                shown.lend(output::print)
            }
        }
    })
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
    lines.row(["release", if secret.release == Release::UseOnly { "use only" } else { "reveal" }]);
    rules(&mut lines, secret.restrictions.as_ref());
    lines.row(["expires on", &secret.expires_on.map(|day| day.to_string()).unwrap_or_default()]);
    lines.row(["warn at days", &secret.max_age_days.map(|days| days.to_string()).unwrap_or_default()]);
    lines.row(["created", &format!("{} by {}", time(secret.created_at), secret.created_by)]);
    lines.row(["changed", &time(secret.changed_at)]);
    for version in &secret.versions {
        let until = version.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
        let made =
            format!("{}{until}, made {} by {}", version.state, time(version.created_at), version.created_by);
        lines.row([format!("version {}", version.version), made]);
    }
    lines.to_string()
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

fn current(secret: &SecretView) -> String {
    let current = secret.versions.iter().find(|version| version.state == "current");
    current.map(|version| version.version.to_string()).unwrap_or_default()
}
