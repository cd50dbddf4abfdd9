//! `caller edit`: change a registration, as it was when this command looked.

use clap::{ArgGroup, Args};

use super::arguments::Globals;
use super::caller_view::described;
use super::connect::with_daemon;
use super::failure::Failure;
use super::list::item;
use super::{number, output};
use crate::client::Call;
use crate::model::{CallerName, Employee, Level, ScriptId, SuiteAppId, UnitName};
use crate::secret::Plaintext;
use crate::wire::{self, CallerEditForm, CallerView, OperatorEditForm, ServiceEditForm};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault caller edit fsm --script customscript_nx_suitelet3\n  fsm-vault caller edit ann \
                  --level view --mail ann@example.com\n  fsm-vault caller edit fsm --any-uid\n\nIt holds from the caller's \
                  next request on, on open connections too. The last full operator can be pinned only to where the command \
                  comes from."
)]
#[command(group(ArgGroup::new("changes").multiple(true).required(true).args([
    "script", "employee", "no_employees", "suiteapp", "no_suiteapp", "level", "uid", "any_uid", "unit", "any_unit",
    "mail", "no_mail",
])))]
pub struct Edit {
    /// Its name
    name: CallerName,
    /// Of a service: the one script that it runs
    #[arg(long, value_name = "SCRIPT", conflicts_with = "level")]
    script: Option<ScriptId>,
    /// Of a service: an employee on whose behalf it asks, in place of those before; several by commas, or by the
    /// option again. Of an operator: who it is
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    employee: Vec<Employee>,
    /// Of a service: it asks on nobody's behalf
    #[arg(long, conflicts_with_all = ["employee", "level"])]
    no_employees: bool,
    /// Of a service: the SuiteApp that it belongs to
    #[arg(long, value_name = "ID", conflicts_with = "level")]
    suiteapp: Option<SuiteAppId>,
    /// Of a service: it belongs to no SuiteApp
    #[arg(long, conflicts_with_all = ["suiteapp", "level"])]
    no_suiteapp: bool,
    /// Of an operator: what it may do (view, create, edit or full)
    #[arg(long, alias = "operator", value_name = "LEVEL", value_parser = super::caller_add::level())]
    level: Option<Level>,
    /// Serve it only as this user, on the Unix socket
    #[arg(long, value_name = "N", value_parser = number::uid)]
    uid: Option<u32>,
    /// Serve it as any user
    #[arg(long, conflicts_with = "uid")]
    any_uid: bool,
    /// Serve it only from this systemd unit, on the Unix socket
    #[arg(long, value_name = "U")]
    unit: Option<UnitName>,
    /// Serve it from any unit
    #[arg(long, conflicts_with = "unit")]
    any_unit: bool,
    /// Whom to tell about it
    #[arg(long, value_name = "M")]
    mail: Option<String>,
    /// Forget its mail address
    #[arg(long, conflicts_with = "mail")]
    no_mail: bool,
}

pub fn run(globals: &Globals, command: Edit) -> Result<(), Failure> {
    let path = format!("/v1/callers/{}", command.name);
    with_daemon(globals, async |daemon| {
        let before = daemon.call(Call::get(&*path)).await?;
        let standing: CallerView = before.read()?;
        let form = command.form(standing.operator.is_some())?;
        let call = Call::patch(&*path).if_match(before.tag.clone()).with(Plaintext::new(wire::write(&form)));
        let answer = daemon.call(call).await?;
        output::tell_if_same(&before, &answer);
        let edited: CallerView = answer.read()?;
        globals.output.answer(&answer, || described(&edited))
    })
}

/// Some of the new value, some of none where it is to be taken away, none where it stays.
fn change<T>(new: Option<T>, none: bool) -> Option<Option<T>> {
    if none { Some(None) } else { new.map(Some) }
}

impl Edit {
    fn form(self, is_operator: bool) -> Result<CallerEditForm, Failure> {
        let mut employees: Vec<String> = self.employee.iter().map(ToString::to_string).collect();
        let (mut service, mut operator) = (None, None);
        if is_operator {
            if employees.len() > 1 {
                return Err(Failure::usage("an operator is one employee: give --employee once"));
            }
            if self.script.is_some() || self.suiteapp.is_some() || self.no_suiteapp || self.no_employees {
                return Err(Failure::usage(format!(
                    "{} is an operator: it has no script and no SuiteApp",
                    self.name
                )));
            }
            if self.level.is_some() || !employees.is_empty() {
                operator = Some(OperatorEditForm { level: self.level, employee: employees.pop() });
            }
        } else {
            if self.level.is_some() {
                return Err(Failure::usage(format!("{} is a service: it has no level", self.name)));
            }
            let form = ServiceEditForm {
                script: self.script.as_ref().map(ToString::to_string),
                employees: (self.no_employees || !employees.is_empty()).then_some(Some(employees)),
                suiteapp: change(self.suiteapp.as_ref().map(ToString::to_string), self.no_suiteapp),
            };
            let changes = form.script.is_some() || form.employees.is_some() || form.suiteapp.is_some();
            service = changes.then_some(form);
        }
        Ok(CallerEditForm {
            service,
            operator,
            uid: change(self.uid, self.any_uid),
            unit: change(self.unit.as_ref().map(ToString::to_string), self.any_unit),
            mail: change(self.mail, self.no_mail),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{Cli, Noun};
    use super::super::caller::Caller;
    use clap::Parser;
    use serde_json::{Value, json};

    fn form(line: &str, is_operator: bool) -> Option<Value> {
        let line = format!("fsm-vault caller edit a {line}");
        match Cli::try_parse_from(line.split_whitespace()).ok()?.noun {
            Noun::Caller(Caller::Edit(edit)) => {
                Some(serde_json::to_value(edit.form(is_operator).ok()?).unwrap())
            }
            _ => None,
        }
    }

    #[test]
    fn only_what_was_typed_is_sent() {
        let table = [
            ("--script customscript_b", false, json!({"service": {"script": "customscript_b"}})),
            ("--employee 1 --employee 2", false, json!({"service": {"employees": ["1", "2"]}})),
            ("--no-employees --no-suiteapp", false, json!({"service": {"employees": [], "suiteapp": null}})),
            ("--employee 1 --level view", true, json!({"operator": {"level": "view", "employee": "1"}})),
            ("--any-uid --unit a.service", false, json!({"uid": null, "unit": "a.service"})),
            ("--no-mail", true, json!({"mail": null})),
        ];
        for (line, is_operator, expected) in table {
            assert_eq!(form(line, is_operator), Some(expected), "{line}");
        }
        for (line, is_operator) in [
            ("", false),
            ("--level view", false),
            ("--script customscript_b", true),
            ("--employee 1 --employee 2", true),
            ("--uid 1 --any-uid", false),
            ("--script customscript_b --level view", false),
        ] {
            assert_eq!(form(line, is_operator), None, "{line}");
        }
    }
}
