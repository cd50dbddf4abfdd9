//! Registrations, as a full operator sends and sees them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::{nullable, optional_object};
use crate::model::{Caller, CallerState, Level, Pins, Role};
use crate::secret::Plaintext;

/// `POST /v1/callers`. Exactly one of `service` and `operator`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerForm {
    pub name: String,
    #[serde(default, deserialize_with = "optional_object")]
    pub service: Option<ServiceForm>,
    #[serde(default, deserialize_with = "optional_object")]
    pub operator: Option<OperatorForm>,
    /// Served only to a process of this user, on the Unix socket.
    pub uid: Option<u32>,
    /// Served only to a process of this systemd unit, on the Unix socket.
    pub unit: Option<String>,
    pub mail: Option<String>,
    /// Validity of the certificate, such as `24h`; 24 h for services and 90 days for operators unless given.
    pub valid: Option<String>,
    /// PEM of a certificate signing request; without one the daemon makes a key and returns it once.
    pub csr: Option<String>,
    /// Of a foreign trust domain: no certificate is issued.
    pub spiffe_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceForm {
    pub script: String,
    #[serde(default)]
    pub employees: Vec<String>,
    pub suiteapp: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorForm {
    pub level: Level,
    pub employee: String,
}

/// `PATCH /v1/callers/{name}`: what is left out stays; null takes a pin, the mail address or the SuiteApp away.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerEditForm {
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceEditForm>,
    #[serde(default, deserialize_with = "optional_object", skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorEditForm>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    pub uid: Option<Option<u32>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    pub unit: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    pub mail: Option<Option<String>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEditForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Option::is_none")]
    pub suiteapp: Option<Option<String>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEditForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee: Option<String>,
}

/// `POST /v1/identity/renew`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewalForm {
    /// PEM of a certificate signing request.
    pub csr: String,
    pub valid: Option<String>,
}

/// A registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallerView {
    pub name: String,
    pub spiffe_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorForm>,
    pub pins: Pins,
    pub mail: Option<String>,
    /// `active` or `revoked`.
    pub state: String,
    /// End of the last certificate; null for a foreign trust domain's caller.
    pub certificate_expires_at: Option<Timestamp>,
    pub enrolled_at: Timestamp,
    pub enrolled_by: String,
}

/// Answer to an enrolment. The private key is shown this once, and only if the daemon made it.
#[derive(Deserialize)]
pub struct Enrolled {
    pub caller: CallerView,
    pub certificate: Option<String>,
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
