//! `secret create`: a new secret, its value from a file or asked for unseen.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::exit::Exit;
use super::failure::Failure;
use super::list::item;
use super::secret::{told, warn_if_past};
use super::{listing, number, output, prompt, value};
use crate::client::{Body, Call};
use crate::model::{DomainPattern, Employee, Release, RestrictionsForm, ScriptId, SecretId, SuiteAppId};

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret create _crm_key --value-file key.txt --script customscript_crm \
                  \\\n      --domain api.example.com\n\nWithout a file the value is asked for, unseen and twice. One of \
                  several lines takes a file."
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
    /// A script that may use it; several by commas, or by the option again
    #[arg(long, value_name = "SCRIPT", value_delimiter = ',', value_parser = item::<ScriptId>)]
    script: Vec<ScriptId>,
    /// Any script may use it
    #[arg(long, conflicts_with = "script")]
    allow_all_scripts: bool,
    /// A host that the value may be sent to, or *.HOST; several by commas, or by the option again
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = item::<DomainPattern>)]
    domain: Vec<DomainPattern>,
    /// The value may be sent anywhere
    #[arg(long, conflicts_with = "domain")]
    allow_all_domains: bool,
    /// An employee on whose behalf it may be used; several as above; all unless given
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    employee: Vec<Employee>,
    /// Make it available to this SuiteApp, and to no other
    #[arg(long, value_name = "ID")]
    suiteapp: Option<SuiteAppId>,
    /// An employee who may manage it; several as above; you unless given
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    owner: Vec<Employee>,
    /// The day on which it expires, such as 2027-06-30
    #[arg(long, value_name = "DATE", value_parser = number::day)]
    expires_on: Option<jiff::civil::Date>,
    /// Warn when the value gets older than this
    #[arg(long, value_name = "DAYS", value_parser = number::within(1..=u32::MAX))]
    max_age_days: Option<u32>,
    /// Never return the value, only use it; that can't be taken back
    #[arg(long)]
    use_only: bool,
}

pub fn create(globals: &Globals, command: Create) -> Result<(), Failure> {
    // Before anybody is asked for a value in vain.
    if command.value_file.is_none() && prompt::can_ask() {
        refuse_second(globals, &command.id)?;
    } else {
        client(globals)?;
    }
    warn_if_run_together(&command.id);
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
        warn_if_past(command.expires_on);
        told(globals, &answer)
    })
}

fn refuse_second(globals: &Globals, id: &SecretId) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        if !listing::has_secret(daemon, id.as_str()).await? {
            return Ok(());
        }
        let text = format!(
            "there is a secret {id} already; nothing was changed. See what it is: fsm-vault secret show {id}; a new value \
             for it: fsm-vault secret rotate {id}"
        );
        Err(Failure::new(Exit::Conflict, text))
    })
}

/// NetSuite's own IDs have a line behind the word.
fn warn_if_run_together(id: &SecretId) {
    if let Some(rest) = id.as_str().strip_prefix("custsecret").filter(|rest| !rest.starts_with('_')) {
        output::tell(format_args!("note that the ID is {id}; for custsecret_{rest} type _{rest}"));
    }
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
