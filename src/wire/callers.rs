//! Registrations, as a full operator sends and sees them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::{given, given_object, given_word, nullable, optional_object};
use crate::model::{
    Caller, CallerName, CallerState, Employee, Level, Pins, Role, ScriptId, SpiffeId, SuiteAppId, UnitName,
};
use crate::secret::Plaintext;

/// `POST /v1/callers`. Exactly one of `service` and `operator`.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerForm {
    #[schema(value_type = CallerName)]
    pub name: String,
    #[serde(default, deserialize_with = "optional_object")]
    pub service: Option<ServiceForm>,
    #[serde(default, deserialize_with = "optional_object")]
    pub operator: Option<OperatorForm>,
    /// Served only to a process of this user, on the Unix socket.
    pub uid: Option<u32>,
    /// Served only to a process of this systemd unit, on the Unix socket.
    #[schema(value_type = Option<UnitName>)]
    pub unit: Option<String>,
    #[schema(max_length = 254, pattern = r"^\S*@\S*$")]
    pub mail: Option<String>,
    /// Validity of the certificate, such as `24h`; 24 h for services and 90 days for operators unless given.
    #[schema(example = "24h")]
    pub valid: Option<String>,
    /// PEM of a certificate signing request; without one the daemon makes a key and returns it once.
    pub csr: Option<String>,
    /// Of a foreign trust domain: no certificate is issued.
    #[schema(value_type = Option<SpiffeId>)]
    pub spiffe_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceForm {
    #[schema(value_type = ScriptId)]
    pub script: String,
    #[serde(default)]
    #[schema(value_type = Vec<Employee>)]
    pub employees: Vec<String>,
    #[schema(value_type = Option<SuiteAppId>)]
    pub suiteapp: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorForm {
    pub level: Level,
    #[schema(value_type = Employee)]
    pub employee: String,
}

/// `PATCH /v1/callers/{name}`: what is left out stays; null takes a pin, the mail address, the SuiteApp or all employees
/// away, and is refused elsewhere.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerEditForm {
    #[serde(default, deserialize_with = "given_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service: Option<ServiceEditForm>,
    #[serde(default, deserialize_with = "given_object", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorEditForm>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub uid: Option<Option<u32>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UnitName>)]
    pub unit: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 254, pattern = r"^\S*@\S*$")]
    pub mail: Option<Option<String>>,
}

#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceEditForm {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ScriptId>, nullable = false)]
    pub script: Option<String>,
    /// In place of those before; null and an empty list are none.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Employee>>)]
    pub employees: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SuiteAppId>)]
    pub suiteapp: Option<Option<String>>,
}

#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorEditForm {
    #[serde(default, deserialize_with = "given_word", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<Level>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Employee>, nullable = false)]
    pub employee: Option<String>,
}

/// `POST /v1/identity/renew`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewalForm {
    /// PEM of a certificate signing request.
    pub csr: String,
    #[schema(example = "24h")]
    pub valid: Option<String>,
}

/// `POST /v1/callers/{name}/certificates`.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateForm {
    /// PEM of a certificate signing request; without one the daemon makes a key and returns it once.
    pub csr: Option<String>,
    /// Validity of the certificate, such as `24h`; 24 h for services and 90 days for operators unless given.
    #[schema(example = "24h")]
    pub valid: Option<String>,
}

/// A registration.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallerView {
    #[schema(value_type = CallerName)]
    pub name: String,
    #[schema(value_type = SpiffeId)]
    pub spiffe_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service: Option<ServiceForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorForm>,
    pub pins: Pins,
    #[schema(required)]
    pub mail: Option<String>,
    /// `active` or `revoked`.
    pub state: String,
    /// End of the last certificate; null for a foreign trust domain's caller.
    #[schema(required)]
    pub certificate_expires_at: Option<Timestamp>,
    pub enrolled_at: Timestamp,
    #[schema(value_type = CallerName)]
    pub enrolled_by: String,
}

/// Answer to an enrolment. The private key is shown this once, and only if the daemon made it.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Enrolled {
    pub caller: CallerView,
    #[schema(required)]
    pub certificate: Option<String>,
    #[schema(required, value_type = Option<String>)]
    pub private_key: Option<Plaintext>,
    pub ca: String,
}

impl CallerView {
    pub fn of(caller: &Caller) -> Self {
        let (service, operator) = match &caller.role {
            Role::Service { script, employees, suiteapp } => (
                Some(ServiceForm {
                    script: script.to_string(),
                    employees: employees.iter().map(ToString::to_string).collect(),
                    suiteapp: suiteapp.as_ref().map(ToString::to_string),
                }),
                None,
            ),
            Role::Operator { level, employee } => {
                (None, Some(OperatorForm { level: *level, employee: employee.to_string() }))
            }
        };
        Self {
            name: caller.name.to_string(),
            spiffe_id: caller.spiffe_id.to_string(),
            service,
            operator,
            pins: caller.pins.clone(),
            mail: caller.mail.clone(),
            state: match caller.state {
                CallerState::Active => "active",
                CallerState::Revoked { .. } => "revoked",
            }
            .to_owned(),
            certificate_expires_at: caller.keys.iter().map(|key| key.not_after).max(),
            enrolled_at: caller.enrolled_at,
            enrolled_by: caller.enrolled_by.to_string(),
        }
    }
}
