//! `caller add`: a registration, and the identity that goes with it.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};

use super::arguments::Globals;
use super::caller_directory::{again, prepare, write};
use super::columns::time;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::{number, shell, value};
use crate::client::{Call, FreshKey, printable};
use crate::model::{CallerName, Employee, Level, ScriptId, SpiffeId, SuiteAppId, UnitName};
use crate::secret::Plaintext;
use crate::wire::{self, CallerForm, Enrolled, OperatorForm, ServiceForm};

/// Bytes of a certificate request in PEM.
const MAX_REQUEST: usize = 16 * 1024;

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
    /// Of a service: an employee on whose behalf it asks; may be given several times. Of an operator: who it is
    #[arg(long, value_name = "EMPLOYEE")]
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

/// Where the caller's key is.
enum Key<'a> {
    /// Made here, for the directory.
    Ours(FreshKey, &'a Path),
    /// Made elsewhere; the certificate goes to the directory, or to standard output.
    Theirs(Option<&'a Path>),
    /// Of a foreign trust domain.
    Foreign,
}

pub fn run(globals: &Globals, command: &Add) -> Result<(), Failure> {
    let mut form = command.form()?;
    client(globals)?;
    // Taken away again if nothing comes of it.
    let _made;
    let key = match (&command.out, &command.csr, &command.spiffe_id) {
        (_, None, Some(_)) => Key::Foreign,
        (out, Some(request), _) => {
            form.csr = Some(request_in(request)?);
            let out = out.as_deref();
            _made = out.map(|out| prepare(out, "cert.pem")).transpose()?;
            Key::Theirs(out)
        }
        (Some(out), None, None) => {
            _made = Some(prepare(out, "key.pem")?);
            let fresh = FreshKey::generate()?;
            form.csr = Some(fresh.request_pem.clone());
            Key::Ours(fresh, out)
        }
        (None, None, None) => {
            return Err(Failure::usage(format!(
                "where shall the identity go? Give --out DIR, such as --out ./{}; or --csr FILE for a key made \
                 elsewhere; or --spiffe-id URI for a caller of a foreign trust domain",
                command.name
            )));
        }
    };
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(enrolment(&form)).await?;
        let enrolled: Enrolled = answer.read()?;
        let out = match &key {
            Key::Ours(fresh, out) => Some((*out, Some(&fresh.key_pem))),
            Key::Theirs(out) => out.map(|out| (out, None)),
            Key::Foreign => None,
        };
        if let Some((out, key_pem)) = out {
            write(&enrolled, out, key_pem)?;
        }
        let shown = globals.output.answer(&answer, || told(&enrolled, &key));
        // A certificate in a file can be read later; one that was to be printed is lost with what couldn't be.
        let is_lost = matches!(key, Key::Theirs(None));
        shown.map_err(|failure| if is_lost { failure.and(again(&enrolled, "shown")) } else { failure })
    })
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

fn request_in(path: &Path) -> Result<String, Failure> {
    let bytes = if value::is_stdin(path) {
        value::from_stdin("the request", MAX_REQUEST)?
    } else {
        value::from_file(path, MAX_REQUEST)?
    };
    bytes.lend(|bytes| String::from_utf8(bytes.to_vec())).map_err(|_| {
        Failure::usage(format!("{} is no request in PEM; make it with: openssl req -new", path.display()))
    })
}

fn told(enrolled: &Enrolled, key: &Key<'_>) -> String {
    let name = printable(&enrolled.caller.name);
    let until = enrolled.caller.certificate_expires_at.map(time).unwrap_or_default();
    match key {
        Key::Ours(_, out) => format!(
            "registered {name}\nwrote its identity to {}, valid until {until}\nRenew it with: fsm-vault caller \
             renew --identity {}\n",
            out.display(),
            shell::word(*out)
        ),
        Key::Theirs(Some(out)) => format!(
            "registered {name}\nwrote its certificate to {0}, valid until {until}\nOnce its key is there, as key.pem, renew it \
             with: fsm-vault caller renew --identity {1}\n",
            out.display(),
            shell::word(*out)
        ),
        // For a file: nothing but the certificate.
        Key::Theirs(None) => {
            let pem = enrolled.certificate.as_deref().unwrap_or_default();
            pem.lines().map(|line| format!("{}\n", printable(line))).collect()
        }
        Key::Foreign => format!("registered {name} as {}\n", printable(&enrolled.caller.spiffe_id)),
    }
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
