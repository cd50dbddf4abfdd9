//! API secrets: what an operator sends and sees. Never a value on the way out.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{given, given_list, given_object, given_word, nullable, object, word};
use crate::model::{
    CallerName, Employee, Encoding, IntegrationName, MAX_OWNERS, Origin, Release, RestrictionsForm, Secret,
    SecretId, Standing, Version, VersionState, at_most,
};
use crate::secret::Plaintext;

/// Secrets in one import.
pub const MAX_IMPORTED: usize = 1000;

/// `POST /v1/secrets`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretForm {
    #[schema(value_type = SecretId)]
    pub id: String,
    #[serde(default)]
    #[schema(max_length = 300, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub name: String,
    #[serde(default)]
    #[schema(max_length = 4000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub description: String,
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1_000_000)]
    pub value: Option<Plaintext>,
    #[schema(value_type = Option<String>, format = Byte, min_length = 1)]
    pub value_base64: Option<Plaintext>,
    pub expires_on: Option<Date>,
    #[schema(minimum = 1)]
    pub max_age_days: Option<u32>,
    #[serde(default, deserialize_with = "at_most::<MAX_OWNERS, _, _>")]
    #[schema(value_type = Vec<Employee>, max_items = 100)]
    pub owners: Vec<String>,
    #[serde(default, deserialize_with = "word")]
    pub release: Release,
    #[serde(deserialize_with = "object")]
    pub restrictions: RestrictionsForm,
}

/// `PATCH /v1/secrets/{id}`: what is left out stays; null clears what may be empty.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretPatch {
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 300, nullable = false, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub name: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 4000, nullable = false, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub description: Option<String>,
    #[serde(deserialize_with = "given_list::<MAX_OWNERS, _, _>")]
    #[schema(value_type = Option<Vec<Employee>>, nullable = false, min_items = 1, max_items = 100)]
    pub owners: Option<Vec<String>>,
    #[serde(deserialize_with = "given_word")]
    #[schema(nullable = false)]
    pub release: Option<Release>,
    #[serde(deserialize_with = "given_object")]
    #[schema(nullable = false)]
    pub restrictions: Option<RestrictionsForm>,
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<Date>)]
    pub expires_on: Option<Option<Date>>,
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub max_age_days: Option<Option<u32>>,
}

/// `POST /v1/imports`. Each secret is a [`SecretForm`], read by itself so that all that is wrong can be told.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportForm {
    #[serde(deserialize_with = "at_most::<MAX_IMPORTED, _, _>")]
    #[schema(value_type = Vec<SecretForm>, min_items = 1, max_items = 1000)]
    pub secrets: Vec<Box<RawValue>>,
}

/// A secret that was imported.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImportedView {
    #[schema(value_type = SecretId)]
    pub id: String,
    #[schema(minimum = 1)]
    pub version: u64,
}

/// Metadata of a secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SecretView {
    #[schema(value_type = SecretId)]
    pub id: String,
    pub name: String,
    pub description: String,
    #[schema(value_type = Vec<Employee>)]
    pub owners: Vec<String>,
    #[schema(required, value_type = Option<IntegrationName>)]
    pub integration: Option<String>,
    /// Of its integration, else the ID of the SuiteApp that it is shared with.
    #[schema(required)]
    pub application_id: Option<String>,
    pub origin: Origin,
    pub release: Release,
    /// Of the integration, if one owns the secret; null: it serves nobody.
    #[schema(required)]
    pub restrictions: Option<RestrictionsForm>,
    #[schema(required)]
    pub expires_on: Option<Date>,
    #[schema(required)]
    pub max_age_days: Option<u32>,
    pub created_at: Timestamp,
    #[schema(value_type = CallerName)]
    pub created_by: String,
    pub changed_at: Timestamp,
    pub versions: Vec<VersionView>,
}

/// One version, without its value.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionView {
    #[schema(minimum = 1)]
    pub version: u64,
    #[schema(value_type = Standing)]
    pub state: String,
    /// End of the grace, of a previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<Timestamp>,
    pub encoding: Encoding,
    pub created_at: Timestamp,
    #[schema(value_type = CallerName)]
    pub created_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
}

impl VersionView {
    /// Those of a secret as they stand at `now`.
    pub fn all(secret: &Secret, now: Timestamp) -> Vec<Self> {
        secret.versions.iter().map(|each| Self::of(each, now)).collect()
    }

    fn of(version: &Version, now: Timestamp) -> Self {
        let standing = version.standing(now);
        Self {
            version: version.number,
            state: standing_word(standing).to_owned(),
            until: match version.state {
                VersionState::Previous { until } if standing == Standing::Previous => Some(until),
                _ => None,
            },
            encoding: version.encoding,
            created_at: version.created_at,
            created_by: version.created_by.to_string(),
            note: version.note.as_deref().map(str::to_owned),
        }
    }
}

impl SecretView {
    /// The secret as it stands at `now`, under the rules that hold for it.
    pub fn of(
        secret: &Secret,
        rules: Option<RestrictionsForm>,
        application_id: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: secret.id.to_string(),
            name: secret.name.to_string(),
            description: secret.description.to_string(),
            owners: secret.owners.iter().map(ToString::to_string).collect(),
            integration: secret.integration.as_ref().map(ToString::to_string),
            application_id,
            origin: secret.origin,
            release: secret.release,
            restrictions: rules,
            expires_on: secret.expires_on,
            max_age_days: secret.max_age_days,
            created_at: secret.created_at,
            created_by: secret.created_by.to_string(),
            changed_at: secret.changed_at,
            versions: VersionView::all(secret, now),
        }
    }
}

fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Current => "current",
        Standing::Previous => "previous",
        Standing::Retired => "retired",
    }
}
