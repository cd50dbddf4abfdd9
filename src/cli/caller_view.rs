//! A registration as people read it.

use super::columns::{Columns, time};
use crate::model::Level;
use crate::wire::CallerView;

pub fn described(caller: &CallerView) -> String {
    let (role, whom) = role(caller);
    let mut lines = Columns::pairs();
    lines.row(["name", &caller.name]);
    lines.row(["SPIFFE ID", &caller.spiffe_id]);
    lines.row(["role", &role]);
    lines.row(["for", &whom]);
    if let Some(service) = &caller.service {
        lines.row(["suiteapp", service.suiteapp.as_deref().unwrap_or_default()]);
    }
    lines.row(["pins", &pins(caller)]);
    lines.row(["mail", caller.mail.as_deref().unwrap_or_default()]);
    lines.row(["state", &caller.state]);
    lines.row(["certificate until", &caller.certificate_expires_at.map(time).unwrap_or_default()]);
    lines.row(["registered", &format!("{} by {}", time(caller.enrolled_at), caller.enrolled_by)]);
    lines.to_string()
}

/// What kind of caller it is, and for whom or what it acts.
pub fn role(caller: &CallerView) -> (String, String) {
    match (&caller.service, &caller.operator) {
        (Some(service), _) => {
            let employees = match service.employees.as_slice() {
                [] => String::new(),
                some => format!(" for {}", some.join(", ")),
            };
            ("service".to_owned(), format!("{}{employees}", service.script))
        }
        (None, Some(operator)) => {
            let level = match operator.level {
                Level::View => "view",
                Level::Create => "create",
                Level::Edit => "edit",
                Level::Full => "full",
            };
            (format!("operator {level}"), operator.employee.clone())
        }
        (None, None) => (String::new(), String::new()),
    }
}

pub fn pins(caller: &CallerView) -> String {
    let uid = caller.pins.uid.map(|uid| format!("uid {uid}"));
    let unit = caller.pins.unit.as_ref().map(ToString::to_string);
    [uid, unit].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// An active registration whose last certificate has ended needs an operator, so it is told apart here.
pub fn state(caller: &CallerView) -> &str {
    let ended = caller.certificate_expires_at.is_some_and(|end| end <= jiff::Timestamp::now());
    if ended && caller.state == "active" { "expired" } else { &caller.state }
}
