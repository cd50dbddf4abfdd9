//! `secret edit|delete`: a change is made on the record as it was read, so that nobody's is lost.

use clap::{ArgGroup, Args, ValueEnum};
use jiff::civil::Date;

use super::arguments::Globals;
use super::connect::with_daemon;
use super::failure::Failure;
use super::list::item;
use super::secret::{told, warn_if_past};
use super::{number, output, prompt};
use crate::client::{Body, Call};
use crate::model::{DomainPattern, Employee, Release, RestrictionsForm, ScriptId, SecretId, SuiteAppId};
use crate::secret::Plaintext;
use crate::wire::SecretView;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault secret edit _crm_key --expires-on 2027-12-31 --max-age-days never\n  fsm-vault \
                  secret edit _crm_key --domain api.example.com --domain '*.crm.example'\n\nWhat isn't given stays. A list \
                  that is given replaces the one there is. An edit is refused if somebody else's came between."
)]
#[command(group(ArgGroup::new("change").multiple(true).required(true).args([
    "name", "description", "owner", "script", "allow_all_scripts", "domain", "allow_all_domains", "employee",
    "any_employee", "suiteapp", "no_suiteapp", "release", "expires_on", "max_age_days",
])))]
pub struct EditSecret {
    /// Its ID; custsecret may be left out. It never changes
    id: SecretId,
    /// What people read; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it is for; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// An employee who may manage it; several by commas, or by the option again. If you aren't among them you lose sight of it
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    owner: Vec<Employee>,
    /// A script that may use it; several as above
    #[arg(long, value_name = "SCRIPT", value_delimiter = ',', value_parser = item::<ScriptId>)]
    script: Vec<ScriptId>,
    /// Any script may use it
    #[arg(long, conflicts_with = "script")]
    allow_all_scripts: bool,
    /// A host that the value may be sent to, or *.HOST; several as above
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = item::<DomainPattern>)]
    domain: Vec<DomainPattern>,
    /// The value may be sent anywhere
    #[arg(long, conflicts_with = "domain")]
    allow_all_domains: bool,
    /// An employee on whose behalf it may be used; several as above
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    employee: Vec<Employee>,
    /// It may be used on anybody's behalf
    #[arg(long, conflicts_with = "employee")]
    any_employee: bool,
    /// Make it available to this SuiteApp, and to no other
    #[arg(long, value_name = "ID")]
    suiteapp: Option<SuiteAppId>,
    /// Make it available to no SuiteApp
    #[arg(long, conflicts_with = "suiteapp")]
    no_suiteapp: bool,
    /// Whether the value is returned to those who may have it, or only used
    #[arg(long, value_enum)]
    release: Option<Returned>,
    /// The day on which it expires, such as 2027-06-30
    #[arg(long, value_name = "DATE|never", value_parser = day)]
    expires_on: Option<Bound<Date>>,
    /// Warn when the value gets older than this
    #[arg(long, value_name = "DAYS|never", value_parser = days)]
    max_age_days: Option<Bound<u32>>,
    /// The entity tag that the record must have [default: the one it has when this begins]
    #[arg(long, value_name = "TAG")]
    if_match: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret delete _crm_key\n\nIts values are destroyed. The ID may be used \
                        again, unless it was ever shared with a SuiteApp. On a terminal it asks for the ID, unless told --yes; \
                        without one it asks nobody."
)]
pub struct DeleteSecret {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// Don't ask on a terminal
    #[arg(long)]
    yes: bool,
}

/// `release` of the API.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Returned {
    Reveal,
    #[value(name = "use_only", alias = "use-only")]
    UseOnly,
}

/// A limit, or the word that takes it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound<T> {
    Never,
    At(T),
}

impl<T> Bound<T> {
    fn limit(self) -> Option<T> {
        match self {
            Self::Never => None,
            Self::At(limit) => Some(limit),
        }
    }
}

fn day(text: &str) -> Result<Bound<Date>, &'static str> {
    let date =
        || number::day(text).map(Bound::At).map_err(|_| "is no day such as 2027-06-30, and not `never`");
    if text == "never" { Ok(Bound::Never) } else { date() }
}

fn days(text: &str) -> Result<Bound<u32>, &'static str> {
    let rule = "is no number of days from 1 to 4294967295, and not `never`";
    match text.parse() {
        _ if text == "never" => Ok(Bound::Never),
        Ok(0) | Err(_) => Err(rule),
        Ok(days) => Ok(Bound::At(days)),
    }
}

pub fn edit(globals: &Globals, command: EditSecret) -> Result<(), Failure> {
    let path = format!("/v1/secrets/{}", command.id);
    let expires_on = command.expires_on.and_then(|day| day.limit());
    with_daemon(globals, async |daemon| {
        let before = daemon.call(Call::get(&path)).await?;
        let found: SecretView = before.read()?;
        let made_on = match &command.if_match {
            Some(tag) => Some(format!("\"{}\"", tag.trim_matches('"'))),
            None => before.tag.clone(),
        };
        let call = Call::patch(&path).with(command.body(found.restrictions)).if_match(made_on);
        let answer = daemon.call(call).await?;
        output::tell_if_same(&before, &answer);
        warn_if_past(expires_on);
        told(globals, &answer)
    })
}

impl EditSecret {
    /// The fields that are given; `rules` are those that there are.
    fn body(&self, rules: Option<RestrictionsForm>) -> Plaintext {
        let mut body = Body::with_room(4096);
        if let Some(name) = &self.name {
            body = body.field("name", name);
        }
        if let Some(description) = &self.description {
            body = body.field("description", description);
        }
        if !self.owner.is_empty() {
            body = body.field("owners", &self.owner);
        }
        if let Some(release) = self.release {
            let release = match release {
                Returned::Reveal => Release::Reveal,
                Returned::UseOnly => Release::UseOnly,
            };
            body = body.field("release", &release);
        }
        if let Some(day) = self.expires_on {
            body = body.field("expires_on", &day.limit());
        }
        if let Some(days) = self.max_age_days {
            body = body.field("max_age_days", &days.limit());
        }
        let before = rules.unwrap_or_default();
        let after = self.restricted(before.clone());
        if after != before {
            body = body.field("restrictions", &after);
        }
        body.end()
    }

    /// The rules with what is given in place of what there is.
    fn restricted(&self, mut rules: RestrictionsForm) -> RestrictionsForm {
        fn texts<T: ToString>(list: &[T]) -> Vec<String> {
            list.iter().map(ToString::to_string).collect()
        }
        if self.allow_all_scripts || !self.script.is_empty() {
            (rules.allow_all_scripts, rules.scripts) = (self.allow_all_scripts, texts(&self.script));
        }
        if self.allow_all_domains || !self.domain.is_empty() {
            (rules.allow_all_domains, rules.domains) = (self.allow_all_domains, texts(&self.domain));
        }
        if self.any_employee || !self.employee.is_empty() {
            rules.employees = texts(&self.employee);
        }
        if self.no_suiteapp || self.suiteapp.is_some() {
            rules.available_to_suiteapp = self.suiteapp.is_some();
            rules.suiteapp_id = self.suiteapp.as_ref().map(ToString::to_string);
        }
        rules
    }
}

pub fn delete(globals: &Globals, command: &DeleteSecret) -> Result<(), Failure> {
    let id = &command.id;
    let path = format!("/v1/secrets/{id}");
    with_daemon(globals, async |daemon| {
        // What was looked at when the question was asked is what goes.
        let before = daemon.call(Call::get(&path)).await?;
        let found: SecretView = before.read()?;
        if !command.yes && prompt::can_ask() {
            let name = crate::client::printable(&found.name).into_owned();
            let called = if name.is_empty() { String::new() } else { format!(" ({name})") };
            let question = format!("This destroys all values of {id}{called}. Type {id} to go on: ");
            prompt::confirm_id(&question, id, "nothing was deleted")?;
        }
        daemon.call(Call::delete(&path).if_match(before.tag)).await?;
        let document = serde_json::json!({ "id": id.as_str(), "deleted": true });
        globals.output.show(&document, || format!("{id} is deleted, its values are destroyed\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        edit: EditSecret,
    }

    fn body(line: &str, rules: RestrictionsForm) -> serde_json::Value {
        let words = std::iter::once("edit").chain(line.split_whitespace());
        let edit = Line::try_parse_from(words).map_err(|error| error.to_string()).unwrap().edit;
        edit.body(Some(rules)).lend(|bytes| serde_json::from_slice(bytes).unwrap())
    }

    #[test]
    fn only_what_is_given_is_sent() {
        let rules = RestrictionsForm {
            scripts: vec!["customscript_a".into()],
            allow_all_domains: true,
            employees: vec!["7".into()],
            available_to_suiteapp: true,
            suiteapp_id: Some("com.a".into()),
            ..RestrictionsForm::default()
        };
        for (line, expected) in [
            ("_x --name n", serde_json::json!({"name": "n"})),
            ("_x --expires-on never", serde_json::json!({"expires_on": null})),
            (
                "_x --expires-on 2027-06-30 --max-age-days 9",
                serde_json::json!({"expires_on": "2027-06-30", "max_age_days": 9}),
            ),
            ("_x --release use-only", serde_json::json!({"release": "use_only"})),
            ("_x --script customscript_a", serde_json::json!({})),
        ] {
            assert_eq!(body(line, rules.clone()), expected, "{line}");
        }
        let sent = body("_x --domain a.example --any-employee --no-suiteapp", rules);
        let expected = serde_json::json!({"restrictions": {
            "scripts": ["customscript_a"], "allow_all_scripts": false, "domains": ["a.example"],
            "allow_all_domains": false, "employees": [], "available_to_suiteapp": false, "suiteapp_id": null,
        }});
        assert_eq!(sent, expected);
    }
}
