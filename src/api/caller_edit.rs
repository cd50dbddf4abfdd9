//! `PATCH /v1/callers/{name}`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::callers::{check_mail, employees, named, parsed};
use super::failure::Failure;
use super::precondition::if_match;
use super::query::Query;
use super::server::Api;
use crate::model::FieldError;
use crate::vault::{Asker, CallerEdit, RoleEdit};
use crate::wire::{CallerEditForm, CallerView, MAX_BODY, OperatorEditForm, ServiceEditForm};

pub async fn edit(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let (name, if_match) = (named(name)?, if_match(request.headers())?);
    let form: CallerEditForm = body::json(request, MAX_BODY, api.patience).await?;
    let edited = api.vault.edit_caller(asker, &name, &if_match, checked(form)?).await?;
    Ok(answer::revised(answer::ok(&CallerView::of(&edited.caller)), &edited.revision))
}

fn checked(form: CallerEditForm) -> Result<CallerEdit, Failure> {
    let mut wrong = Vec::new();
    let role = match (form.service, form.operator) {
        (None, None) => None,
        (Some(service), None) => Some(service_edit(service, &mut wrong)),
        (None, Some(operator)) => Some(operator_edit(operator, &mut wrong)),
        (Some(_), Some(_)) => {
            wrong.push(FieldError::new("", "a caller is a service or an operator: change one of them"));
            None
        }
    };
    let unit = form.unit.map(|unit| unit.and_then(|text| parsed(&text, "/unit", &mut wrong)));
    check_mail(form.mail.as_ref().and_then(Option::as_deref), &mut wrong);
    if wrong.is_empty() {
        Ok(CallerEdit { role, uid: form.uid, unit, mail: form.mail })
    } else {
        Err(Failure::Invalid(wrong))
    }
}

fn service_edit(form: ServiceEditForm, wrong: &mut Vec<FieldError>) -> RoleEdit {
    RoleEdit::Service {
        script: form.script.and_then(|text| parsed(&text, "/service/script", wrong)),
        employees: form.employees.map(|listed| employees(&listed.unwrap_or_default(), wrong)),
        suiteapp: form.suiteapp.map(|id| id.and_then(|text| parsed(&text, "/service/suiteapp", wrong))),
    }
}

fn operator_edit(form: OperatorEditForm, wrong: &mut Vec<FieldError>) -> RoleEdit {
    RoleEdit::Operator {
        level: form.level,
        employee: form.employee.and_then(|text| parsed(&text, "/operator/employee", wrong)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn read(body: &str) -> Result<CallerEdit, String> {
        let form = wire::read(body.as_bytes()).map_err(|why| match why {
            wire::Unreadable::Shape(field) => field.pointer,
            wire::Unreadable::Malformed(why) => panic!("{why}"),
        })?;
        checked(form).map_err(|_| panic!("{body}"))
    }

    #[test]
    fn null_takes_away_what_may_be_missing_and_is_refused_elsewhere() {
        let all =
            read(r#"{"service":{"employees":null,"suiteapp":null},"uid":null,"unit":null,"mail":null}"#);
        let CallerEdit { role, uid, unit, mail } = all.unwrap_or_else(|pointer| panic!("{pointer}"));
        assert_eq!((uid, unit, mail), (Some(None), Some(None), Some(None)));
        let Some(RoleEdit::Service { script: None, employees: Some(none), suiteapp: Some(None) }) = role
        else {
            panic!("nothing was taken away")
        };
        assert!(none.is_empty());
        for (body, pointer) in [
            (r#"{"service":null}"#, "/service"),
            (r#"{"operator":null}"#, "/operator"),
            (r#"{"service":{"script":null}}"#, "/service/script"),
            (r#"{"operator":{"level":null}}"#, "/operator/level"),
            (r#"{"operator":{"employee":null}}"#, "/operator/employee"),
            (r#"{"service":{"employees":[null]}}"#, "/service/employees/0"),
        ] {
            assert_eq!(read(body).err().as_deref(), Some(pointer), "{body}");
        }
    }
}
