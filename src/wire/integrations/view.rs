//! An integration record as an operator sees it, and what it lacks.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::{
    AccountId, CallerName, ConsentPolicy, Employee, Endpoints, FieldError, Installation, Integration,
    IntegrationName, IntegrationState, OAuthScope, PairCare, PairOrigin, RestrictionsForm, Secret, SecretId,
};
use crate::wire::VersionView;

/// An integration record, without its pair.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IntegrationView {
    #[schema(value_type = IntegrationName)]
    pub name: String,
    pub description: String,
    pub note: String,
    pub state: IntegrationState,
    pub authorization_code_grant: bool,
    pub client_credentials_grant: bool,
    pub redirect_uris: Vec<String>,
    pub public_client: bool,
    /// Null of a confidential client, whose refresh tokens last 7 days.
    #[schema(required)]
    pub refresh_token_validity_hours: Option<u16>,
    /// Null of a confidential client.
    #[schema(required)]
    pub maximum_token_rotation_hours: Option<u16>,
    pub dynamic_client_registration: bool,
    #[schema(required)]
    pub client_name: Option<String>,
    pub scopes: Vec<OAuthScope>,
    pub consent_policy: ConsentPolicy,
    #[schema(required, value_type = Option<AccountId>)]
    pub account_id: Option<String>,
    pub accounts: Vec<Installation>,
    pub endpoints: Endpoints,
    pub application_id: String,
    #[schema(value_type = SecretId)]
    pub client_id_secret: String,
    /// Null of a public client.
    #[schema(required, value_type = Option<SecretId>)]
    pub client_secret_secret: Option<String>,
    /// Null: the record serves nobody.
    #[schema(required)]
    pub restrictions: Option<RestrictionsForm>,
    #[schema(value_type = Vec<Employee>)]
    pub owners: Vec<String>,
    #[schema(required)]
    pub expires_on: Option<Date>,
    #[schema(required)]
    pub max_age_days: Option<u32>,
    /// Where the pair last stored came from.
    pub pair_origin: PairOrigin,
    /// Version of the pair that readers get.
    #[schema(required, minimum = 1)]
    pub version: Option<u64>,
    /// Of the pair: both halves have the same.
    #[serde(default)]
    #[schema(required)]
    pub versions: Vec<VersionView>,
    /// What it lacks to be of use.
    pub gaps: Vec<FieldError>,
    pub created_at: Timestamp,
    #[schema(value_type = CallerName)]
    pub created_by: String,
    /// The record, or its pair.
    pub changed_at: Timestamp,
}

impl IntegrationView {
    /// The record as it stands at `now`; `pair` is the client ID's secret.
    pub fn of(record: &Integration, pair: Option<&Secret>, now: Timestamp) -> Self {
        let care = pair.map(PairCare::of).unwrap_or_default();
        let version = pair.and_then(Secret::current).map(|current| current.number);
        Self {
            name: record.name.to_string(),
            description: record.description.clone(),
            note: record.note.clone(),
            state: record.state,
            authorization_code_grant: record.authorization_code_grant,
            client_credentials_grant: record.client_credentials_grant,
            redirect_uris: record.redirect_uris.clone(),
            public_client: record.public_client,
            refresh_token_validity_hours: record.refresh_token_validity_hours,
            maximum_token_rotation_hours: record.maximum_token_rotation_hours,
            dynamic_client_registration: record.dynamic_client_registration,
            client_name: record.client_name.clone(),
            scopes: record.scopes.clone(),
            consent_policy: record.consent_policy,
            account_id: record.account_id.as_ref().map(ToString::to_string),
            accounts: record.accounts.clone(),
            endpoints: record.endpoints.clone(),
            application_id: record.application_id.clone(),
            client_id_secret: record.client_id_secret.to_string(),
            client_secret_secret: record.client_secret_secret.as_ref().map(ToString::to_string),
            restrictions: record.restrictions.clone().map(Into::into),
            owners: care.owners.iter().map(ToString::to_string).collect(),
            expires_on: care.expires_on,
            max_age_days: care.max_age_days,
            pair_origin: record.pair_origin,
            version,
            versions: pair.map(|pair| VersionView::all(pair, now)).unwrap_or_default(),
            gaps: gaps(record, version),
            created_at: record.created_at,
            created_by: record.created_by.to_string(),
            changed_at: pair.map_or(record.changed_at, |pair| pair.changed_at.max(record.changed_at)),
        }
    }
}

/// What may be missing for a while, and what to do about it.
fn gaps(record: &Integration, version: Option<u64>) -> Vec<FieldError> {
    let name = &record.name;
    let mut gaps = Vec::new();
    if record.authorization_code_grant && record.redirect_uris.is_empty() {
        let why = format!(
            "is empty, and the authorization code grant needs one: fsm-vault integration edit {name} --redirect-uri URI"
        );
        gaps.push(FieldError::new("/redirect_uris", why));
    }
    if record.restrictions.is_none() {
        let why = format!(
            "is null, so the pair serves nobody: fsm-vault integration edit {name} --script SCRIPT --allow-all-domains"
        );
        gaps.push(FieldError::new("/restrictions", why));
    }
    if version.is_none() {
        let why = format!("is null, as no pair is in use: fsm-vault integration capture {name}");
        gaps.push(FieldError::new("/version", why));
    }
    if record.state != IntegrationState::Enabled {
        let why = format!(
            "is not enabled, so the pair serves nobody: fsm-vault integration edit {name} --state enabled"
        );
        gaps.push(FieldError::new("/state", why));
    }
    gaps
}
