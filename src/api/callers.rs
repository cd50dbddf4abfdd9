//! `/v1/callers`, their certificates, and `/v1/identity/renew`.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::listing;
use super::precondition::if_match;
use super::query::Query;
use super::server::Api;
use crate::model::{CallerName, Domain, Employee, FieldError, Invalid, Pins, Role};
use crate::vault::{Asker, CertificateSource, EnrolledCaller, NewCaller};
use crate::wire::{
    CallerForm, CallerView, CertificateForm, MAX_BODY, OperatorForm, RenewalForm, ServiceForm, enrolled_body,
};

type Incomes = Request<Incoming>;

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor"])?;
    let after: Option<CallerName> = query.optional("cursor")?;
    let page = api.vault.list_callers(asker, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, |caller| CallerView::of(&caller), |view| view.name.clone()).await)
}

pub async fn see(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let seen = api.vault.see_caller(asker, &named(name)?).await?;
    Ok(answer::revised(listing::shown(&CallerView::of(&seen.caller)).await, &seen.revision))
}

pub async fn enrol(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form: CallerForm = body::json(request, MAX_BODY, api.patience).await?;
    let enrolled = api.vault.enrol_caller(asker, checked(form)?).await?;
    Ok(shown(enrolled))
}

pub async fn revoke(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let (name, depends) = (named(name)?, if_match(request.headers())?);
    api.vault.revoke_caller(asker, &name, &depends).await?;
    Ok(answer::deleted())
}

pub async fn renew(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form: RenewalForm = body::json(request, MAX_BODY, api.patience).await?;
    let valid = validity(form.valid.as_deref())?;
    let enrolled = api.vault.renew_identity(asker, &form.csr, valid).await?;
    Ok(shown(enrolled))
}

pub async fn certify(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let name = named(name)?;
    let form: CertificateForm = body::json(request, MAX_BODY, api.patience).await?;
    let valid = validity(form.valid.as_deref())?;
    let enrolled = api.vault.certify_caller(asker, &name, form.csr.as_deref(), valid).await?;
    Ok(shown(enrolled))
}

fn validity(text: Option<&str>) -> Result<Option<SignedDuration>, Failure> {
    text.map(duration).transpose().map_err(|why| Failure::invalid("/valid", why))
}

fn shown(enrolled: EnrolledCaller) -> Reply {
    let EnrolledCaller { caller, certificate_pem, key_pem, ca_pem, departing } = enrolled;
    let body = enrolled_body(&CallerView::of(&caller), certificate_pem.as_deref(), key_pem.as_ref(), &ca_pem);
    match departing {
        Some(departing) => answer::revealed(StatusCode::CREATED, body, departing),
        // Without a key nothing of it is secret.
        None => answer::created_json(body.lend(Bytes::copy_from_slice)),
    }
}

pub fn named(name: &str) -> Result<CallerName, Failure> {
    name.parse().map_err(|why: Invalid| Failure::invalid("", format!("the name in the path {why}")))
}

/// A length of time such as `24h`, `90d` or `1h 30m`; a day has 24 hours.
pub fn duration(text: &str) -> Result<SignedDuration, Invalid> {
    const RULE: Invalid = Invalid("is no length of time; write it like 24h, 90d or 1h 30m");
    let span: Span = text.parse().map_err(|_| RULE)?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| RULE)
}

fn checked(form: CallerForm) -> Result<NewCaller, Failure> {
    let mut wrong = Vec::new();
    let name = parsed(&form.name, "/name", &mut wrong);
    let role = match (form.service, form.operator) {
        (Some(service), None) => service_role(service, &mut wrong),
        (None, Some(operator)) => operator_role(operator, &mut wrong),
        _ => {
            wrong.push(FieldError::new("", "either service or operator must be given, and only one of them"));
            None
        }
    };
    let unit = form.unit.as_deref().and_then(|text| parsed(text, "/unit", &mut wrong));
    check_mail(form.mail.as_deref(), &mut wrong);
    let valid = form
        .valid
        .as_deref()
        .and_then(|text| duration(text).map_err(|why| wrong.push(FieldError::new("/valid", why))).ok());
    let source = match (form.csr, form.spiffe_id) {
        (None, None) => Some(CertificateSource::FreshKey),
        (Some(request), None) => Some(CertificateSource::Request(request)),
        (None, Some(id)) => parsed(&id, "/spiffe_id", &mut wrong).map(CertificateSource::Foreign),
        (Some(_), Some(_)) => {
            wrong.push(FieldError::new(
                "/csr",
                "can't be certified for a foreign SPIFFE ID; give one of them",
            ));
            None
        }
    };
    match (name, role, source) {
        (Some(name), Some(role), Some(source)) if wrong.is_empty() => {
            Ok(NewCaller { name, role, pins: Pins { uid: form.uid, unit }, mail: form.mail, source, valid })
        }
        _ => Err(Failure::Invalid(wrong)),
    }
}

fn service_role(form: ServiceForm, wrong: &mut Vec<FieldError>) -> Option<Role> {
    let script = parsed(&form.script, "/service/script", wrong);
    let suiteapp = form.suiteapp.map(|id| parsed(&id, "/service/suiteapp", wrong));
    let employees = employees(&form.employees, wrong);
    Some(Role::Service { script: script?, employees, suiteapp: suiteapp.flatten() })
}

fn operator_role(form: OperatorForm, wrong: &mut Vec<FieldError>) -> Option<Role> {
    let employee = parsed(&form.employee, "/operator/employee", wrong)?;
    Some(Role::Operator { level: form.level, employee })
}

/// The employees of a service, each once.
pub fn employees(listed: &[String], wrong: &mut Vec<FieldError>) -> Vec<Employee> {
    let mut employees: Vec<Employee> = Vec::new();
    for (index, employee) in listed.iter().enumerate() {
        employees.extend(parsed::<Employee>(employee, &format!("/service/employees/{index}"), wrong));
    }
    employees.sort();
    employees.dedup();
    employees
}

pub fn check_mail(mail: Option<&str>, wrong: &mut Vec<FieldError>) {
    if mail.is_some_and(|mail| !is_mail_address(mail)) {
        wrong.push(FieldError::new("/mail", "is no mail address: one, as name@example.com, in ASCII"));
    }
}

/// One address that any mail server takes: RFC 5321's dot-string and a domain. And one that the mailer takes, which is
/// handed it as it stands here: nobody is told anything at `ann@example.com.`, with the dot that a domain may end in.
fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    (1..=64).contains(&local.len())
        && local.bytes().all(allowed)
        && !local.split('.').any(str::is_empty)
        && domain.is_ascii()
        && domain.parse::<Domain>().is_ok_and(|domain| domain.as_str().parse::<std::net::IpAddr>().is_err())
        && text.parse::<lettre::Address>().is_ok()
}

pub fn parsed<T: std::str::FromStr<Err = Invalid>>(
    text: &str,
    pointer: &str,
    wrong: &mut Vec<FieldError>,
) -> Option<T> {
    text.parse().map_err(|why| wrong.push(FieldError::new(pointer, why))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_and_near_misses() {
        for right in ["ann@example.com", "a.b+c@mail.example.com", "o'neill@example.com"] {
            assert!(is_mail_address(right), "{right}");
        }
        for wrong in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com.",
            "ann@example..com",
            "<ann@example.com>",
            "a@b.example,c@d.example",
            "a@b@c.example",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "\u{fc}@example.com",
            "a@\u{fc}.example",
            "a@127.0.0.1",
            "a@b.example\r\nBcc: x@y.example",
            "\"a b\"@example.com",
        ] {
            assert!(!is_mail_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time() {
        for (text, hours) in [("24h", 24), ("90d", 90 * 24), ("1d 12h", 36)] {
            assert_eq!(duration(text).ok(), Some(SignedDuration::from_hours(hours)), "{text}");
        }
        for wrong in ["", "24", "h", "1 month", "forever", "24h!"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
