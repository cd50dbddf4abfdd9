//! Integration records and their pair, as an operator sends and sees them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::object;
use crate::model::{ConsentPolicy, Integration, IntegrationState, OAuthScope, RestrictionsForm};
use crate::secret::Plaintext;

/// The template of the FSM record (NETSUITE.md, The FSM pair).
pub const FSM_TEMPLATE: &str = "fsm";

/// `POST /v1/integrations`: the record and, in the same atomic step, its first pair.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationForm {
    pub name: String,
    /// `fsm`, the one template there is.
    pub template: String,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    #[serde(deserialize_with = "object")]
    pub credentials: PairForm,
}

/// A pair on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairForm {
    pub client_id: Plaintext,
    pub client_secret: Plaintext,
}

/// An integration record, without its pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IntegrationView {
    pub name: String,
    pub description: String,
    pub state: IntegrationState,
    pub authorization_code_grant: bool,
    pub client_credentials_grant: bool,
    pub redirect_uris: Vec<String>,
    pub scopes: Vec<OAuthScope>,
    pub consent_policy: ConsentPolicy,
    pub application_id: String,
    pub client_id_secret: String,
    pub client_secret_secret: String,
    /// Null: the record serves nobody.
    pub restrictions: Option<RestrictionsForm>,
    /// Version of the pair that readers get.
    pub version: Option<u64>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub changed_at: Timestamp,
}

impl IntegrationView {
    pub fn of(record: &Integration, version: Option<u64>) -> Self {
        Self {
            name: record.name.to_string(),
            description: record.description.clone(),
            state: record.state,
            authorization_code_grant: record.authorization_code_grant,
            client_credentials_grant: record.client_credentials_grant,
            redirect_uris: record.redirect_uris.clone(),
            scopes: record.scopes.clone(),
            consent_policy: record.consent_policy,
            application_id: record.application_id.clone(),
            client_id_secret: record.client_id_secret.to_string(),
            client_secret_secret: record.client_secret_secret.to_string(),
            restrictions: record.restrictions.clone().map(Into::into),
            version,
            created_at: record.created_at,
            created_by: record.created_by.to_string(),
            changed_at: record.changed_at,
        }
    }
}
