//! The rules on a secret: which scripts, domains, employees and which SuiteApp may use it.
//!
//! The form is what people write (NetSuite's boxes and lists); the checked [`Restrictions`] can't express
//! what NetSuite refuses at save. NETSUITE.md, API secrets, Restrictions.

use serde::{Deserialize, Serialize};

use super::domain::DomainPattern;
use super::list::{MAX_RULES, at_most};
use super::name::{Employee, ScriptId, SuiteAppId};
use super::word::{FieldError, Invalid};

/// Boxes and lists as the API has them. Unknown fields are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestrictionsForm {
    #[serde(deserialize_with = "at_most::<MAX_RULES, _, _>")]
    #[schema(value_type = Vec<ScriptId>, max_items = 1000)]
    pub scripts: Vec<String>,
    pub allow_all_scripts: bool,
    #[serde(deserialize_with = "at_most::<MAX_RULES, _, _>")]
    #[schema(value_type = Vec<DomainPattern>, max_items = 1000)]
    pub domains: Vec<String>,
    pub allow_all_domains: bool,
    #[serde(deserialize_with = "at_most::<MAX_RULES, _, _>")]
    #[schema(value_type = Vec<Employee>, max_items = 1000)]
    pub employees: Vec<String>,
    pub available_to_suiteapp: bool,
    #[schema(value_type = Option<SuiteAppId>)]
    pub suiteapp_id: Option<String>,
}

/// Everything, or only what is listed; a list is never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope<T> {
    All,
    Only(Vec<T>),
}

/// Rules that hold together: every box agrees with its list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RestrictionsForm", into = "RestrictionsForm")]
pub struct Restrictions {
    pub scripts: Scope<ScriptId>,
    pub domains: Scope<DomainPattern>,
    /// Empty: no limit by employee.
    pub employees: Vec<Employee>,
    /// Set: only callers of this SuiteApp. Unset: the SuiteApp doesn't matter.
    pub suiteapp: Option<SuiteAppId>,
}

/// A form that can't be saved; each field with its rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|each| format!("{} {}", each.pointer, each.detail)).collect::<Vec<_>>().join("; "))]
pub struct Unsavable(pub Vec<FieldError>);

impl RestrictionsForm {
    /// Checks every field and reports all that is wrong; `at` is the pointer of the form itself.
    pub fn check(self, at: &str) -> Result<Restrictions, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let scripts = scope("scripts", self.allow_all_scripts, &self.scripts, at, &mut wrong);
        let domains = scope("domains", self.allow_all_domains, &self.domains, at, &mut wrong);
        let employees = entries("employees", &self.employees, at, &mut wrong);
        let suiteapp = match (self.available_to_suiteapp, self.suiteapp_id) {
            (false, None) => None,
            (true, Some(id)) => match id.parse() {
                Ok(id) => Some(id),
                Err(why) => {
                    wrong.push(FieldError::new(format!("{at}/suiteapp_id"), why));
                    None
                }
            },
            (true, None) => {
                let detail = "is missing: a secret available to a SuiteApp names exactly one";
                wrong.push(FieldError::new(format!("{at}/suiteapp_id"), detail));
                None
            }
            (false, Some(_)) => {
                let detail = "is given while available_to_suiteapp is false; set both or neither";
                wrong.push(FieldError::new(format!("{at}/suiteapp_id"), detail));
                None
            }
        };
        if wrong.is_empty() { Ok(Restrictions { scripts, domains, employees, suiteapp }) } else { Err(wrong) }
    }
}

/// One box and its list. A cleared box with an empty list and a checked one with a list are both refused.
fn scope<T>(field: &str, all: bool, list: &[String], at: &str, wrong: &mut Vec<FieldError>) -> Scope<T>
where
    T: std::str::FromStr<Err = Invalid> + Ord,
{
    let listed = entries(field, list, at, wrong);
    match (all, list.is_empty()) {
        (true, true) => return Scope::All,
        (true, false) => wrong.push(FieldError::new(
            format!("{at}/{field}"),
            format!("has entries although allow_all_{field} is true; keep the list or the box"),
        )),
        (false, true) => wrong.push(FieldError::new(
            format!("{at}/{field}"),
            format!(
                "is empty although allow_all_{field} is false; list at least one or set allow_all_{field}"
            ),
        )),
        (false, false) => {}
    }
    Scope::Only(listed)
}

fn entries<T>(field: &str, list: &[String], at: &str, wrong: &mut Vec<FieldError>) -> Vec<T>
where
    T: std::str::FromStr<Err = Invalid> + Ord,
{
    if list.len() > MAX_RULES {
        wrong.push(FieldError::new(format!("{at}/{field}"), format!("has more than {MAX_RULES} entries")));
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match text.parse() {
            Ok(entry) => parsed.push(entry),
            Err(why) => wrong.push(FieldError::new(format!("{at}/{field}/{index}"), why)),
        }
    }
    parsed.sort();
    parsed.dedup();
    parsed
}

impl TryFrom<RestrictionsForm> for Restrictions {
    type Error = Unsavable;

    fn try_from(form: RestrictionsForm) -> Result<Self, Unsavable> {
        form.check("").map_err(Unsavable)
    }
}

impl From<Restrictions> for RestrictionsForm {
    fn from(rules: Restrictions) -> Self {
        let texts = |all: bool, list: Vec<String>| (all, list);
        let (allow_all_scripts, scripts) = match rules.scripts {
            Scope::All => texts(true, Vec::new()),
            Scope::Only(list) => texts(false, list.into_iter().map(Into::into).collect()),
        };
        let (allow_all_domains, domains) = match rules.domains {
            Scope::All => texts(true, Vec::new()),
            Scope::Only(list) => texts(false, list.into_iter().map(Into::into).collect()),
        };
        Self {
            scripts,
            allow_all_scripts,
            domains,
            allow_all_domains,
            employees: rules.employees.into_iter().map(Into::into).collect(),
            available_to_suiteapp: rules.suiteapp.is_some(),
            suiteapp_id: rules.suiteapp.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        let form: RestrictionsForm = serde_json::from_str(json).unwrap();
        match form.check("/restrictions") {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.into_iter().map(|each| each.pointer).collect(),
        }
    }

    #[test]
    fn boxes_and_lists_must_agree() {
        let table: &[(&str, &[&str])] = &[
            (r#"{"scripts":["customscript_a"],"allow_all_domains":true}"#, &[]),
            (r#"{"allow_all_scripts":true,"domains":["a.example"]}"#, &[]),
            (
                r#"{"allow_all_scripts":true,"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}"#,
                &[],
            ),
            (r#"{"allow_all_domains":true}"#, &["/restrictions/scripts"]),
            (r#"{"allow_all_scripts":true}"#, &["/restrictions/domains"]),
            (r#"{}"#, &["/restrictions/scripts", "/restrictions/domains"]),
            (
                r#"{"scripts":["customscript_a"],"allow_all_scripts":true,"allow_all_domains":true}"#,
                &["/restrictions/scripts"],
            ),
            (
                r#"{"allow_all_scripts":true,"allow_all_domains":true,"domains":["a.example"]}"#,
                &["/restrictions/domains"],
            ),
            (
                r#"{"scripts":["nope","customscript_a"],"allow_all_domains":true}"#,
                &["/restrictions/scripts/0"],
            ),
            (r#"{"allow_all_scripts":true,"domains":["a.example","a:1"]}"#, &["/restrictions/domains/1"]),
            (
                r#"{"allow_all_scripts":true,"allow_all_domains":true,"employees":["a,b"]}"#,
                &["/restrictions/employees/0"],
            ),
            (
                r#"{"allow_all_scripts":true,"allow_all_domains":true,"available_to_suiteapp":true}"#,
                &["/restrictions/suiteapp_id"],
            ),
            (
                r#"{"allow_all_scripts":true,"allow_all_domains":true,"suiteapp_id":"com.a"}"#,
                &["/restrictions/suiteapp_id"],
            ),
        ];
        for (json, expected) in table {
            assert_eq!(pointers(json), *expected, "{json}");
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let form: RestrictionsForm = serde_json::from_str(
            r#"{"scripts":["CustomScript_B","customscript_a","customscript_b"],"domains":["*.Example.COM"],"employees":["7"]}"#,
        )
        .unwrap();
        let rules = form.check("").unwrap();
        let text = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Restrictions>(&text).unwrap(), rules);
        assert!(text.contains(r#""scripts":["customscript_a","customscript_b"]"#), "{text}");
    }
}
