//! `caller add`: a registration, and the identity that goes with it.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};

use super::arguments::Globals;
use super::caller_key::Keyed;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::list::item;
use super::number;
use crate::client::{Call, printable};
use crate::model::{CallerName, Employee, Level, ScriptId, SpiffeId, SuiteAppId, UnitName};
use crate::secret::Plaintext;
use crate::wire::{self, CallerForm, Enrolled, OperatorForm, ServiceForm};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault caller add fsm --script customscript_nx_suitelet2 --out /etc/fsm-mobile/vault\n  \
                  fsm-vault caller add ann --operator edit --employee ann@example.com --out ./ann\n  fsm-vault caller \
                  add fsm --script customscript_nx_suitelet2 --csr fsm.csr > fsm.pem\n\nWith --out the private key is \
                  made here, by this command, and never leaves this host: the daemon signs a request for it."
)]
#[command(group(ArgGroup::new("role").args(["script", "operator"]).required(true)))]
pub struct Add {
    /// What it shall be called: lower-case letters, digits, `.`, `-` and `_`
    name: CallerName,
    /// A service: the one script that it runs
    #[arg(long, value_name = "SCRIPT")]
    script: Option<ScriptId>,
    /// An operator: what it may do (view, create, edit or full)
    #[arg(long, value_name = "LEVEL", value_parser = level(), requires = "employee", conflicts_with = "suiteapp")]
    operator: Option<Level>,
    /// Of a service: an employee on whose behalf it asks; several by commas, or by the option again. Of an operator: who it is
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    employee: Vec<Employee>,
    /// The SuiteApp that the service belongs to
    #[arg(long, value_name = "ID")]
    suiteapp: Option<SuiteAppId>,
    /// Serve it only as this user, on the Unix socket
    #[arg(long, value_name = "N", value_parser = number::uid)]
    uid: Option<u32>,
    /// Serve it only from this systemd unit, on the Unix socket
    #[arg(long, value_name = "U")]
    unit: Option<UnitName>,
    /// Whom to tell about it
    #[arg(long, value_name = "M")]
    mail: Option<String>,
    /// How long its certificate lives, such as 24h or 7d [default: 24h for a service, 90d for an operator]
    #[arg(long, value_name = "TIME")]
    valid: Option<String>,
    /// Certify the key of this request (PKCS#10 in PEM), - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "spiffe_id")]
    csr: Option<PathBuf>,
    /// Register a caller of a foreign trust domain, which certifies it itself
    #[arg(long, value_name = "URI", conflicts_with = "out")]
    spiffe_id: Option<SpiffeId>,
    /// Where to write cert.pem, key.pem and ca.pem: the identity directory itself
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A level by its word; shells offer all of them.
pub fn level() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(["view", "create", "edit", "full"]).try_map(|word| word.parse::<Level>())
}

pub fn run(globals: &Globals, command: &Add) -> Result<(), Failure> {
    let mut form = command.form()?;
    client(globals)?;
    let keyed = match &command.spiffe_id {
        Some(_) => Keyed::elsewhere(),
        None => Keyed::choose(command.out.as_deref(), command.csr.as_deref())?.ok_or_else(|| {
            Failure::usage(format!(
                "where shall the identity go? Give --out DIR, such as --out ./{}; or --csr FILE for a key made \
                 elsewhere; or --spiffe-id URI for a caller of a foreign trust domain",
                command.name
            ))
        })?,
    };
    form.csr.clone_from(&keyed.request);
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(enrolment(&form)).await?;
        keyed.hand_over(globals, &answer, "registered", again)
    })
}

/// What to type where a caller is registered and its certificate could not be `written`.
pub fn again(enrolled: &Enrolled, written: &str) -> String {
    let name = printable(&enrolled.caller.name);
    format!(
        "{name} is registered, but its certificate could not be {written}. Have another one made: fsm-vault caller certify {name} --out DIR"
    )
}

impl Add {
    fn form(&self) -> Result<CallerForm, Failure> {
        let employees = || self.employee.iter().map(ToString::to_string);
        let service = self.script.as_ref().map(|script| ServiceForm {
            script: script.to_string(),
            employees: employees().collect(),
            suiteapp: self.suiteapp.as_ref().map(ToString::to_string),
        });
        let operator = match (self.operator, self.employee.as_slice()) {
            (None, _) => None,
            (Some(level), [employee]) => Some(OperatorForm { level, employee: employee.to_string() }),
            (Some(_), _) => return Err(Failure::usage("an operator is one employee: give --employee once")),
        };
        Ok(CallerForm {
            name: self.name.to_string(),
            service,
            operator,
            uid: self.uid,
            unit: self.unit.as_ref().map(ToString::to_string),
            mail: self.mail.clone(),
            valid: self.valid.clone(),
            csr: None,
            spiffe_id: self.spiffe_id.as_ref().map(ToString::to_string),
        })
    }
}

/// The call that registers a caller.
pub fn enrolment(form: &CallerForm) -> Call {
    Call::post("/v1/callers").with(Plaintext::new(wire::write(form)))
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{Cli, Noun};
    use super::super::caller::Caller;
    use super::super::exit::Exit;
    use super::*;
    use clap::Parser;

    fn form(line: &str) -> Result<serde_json::Value, Failure> {
        let line = format!("fsm-vault caller add a {line}");
        match Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.noun) {
            Ok(Noun::Caller(Caller::Add(add))) => Ok(serde_json::to_value(add.form()?).unwrap()),
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn the_form_says_what_was_typed() {
        let service =
            form("--script customscript_X --employee 1 --employee 2 --uid 7 --unit a.service").unwrap();
        let expected =
            serde_json::json!({"script": "customscript_x", "employees": ["1", "2"], "suiteapp": null});
        assert_eq!((&service["service"], &service["operator"]), (&expected, &serde_json::Value::Null));
        assert_eq!((&service["uid"], &service["unit"]), (&7.into(), &"a.service".into()));
        let operator = form("--operator edit --employee ann").unwrap();
        assert_eq!(operator["operator"], serde_json::json!({"level": "edit", "employee": "ann"}));
        let two = form("--operator edit --employee ann --employee bob").unwrap_err();
        assert_eq!(two.exit, Exit::Usage);
    }
}
