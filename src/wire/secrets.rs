//! API secrets: what an operator sends and sees. Never a value on the way out.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::{given, given_object, nullable, object};
use crate::model::{Encoding, Origin, Release, RestrictionsForm, Secret, Standing};
use crate::secret::Plaintext;

/// `POST /v1/secrets`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretForm {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub value: Option<Plaintext>,
    pub value_base64: Option<Plaintext>,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
    #[serde(default)]
    pub owners: Vec<String>,
    #[serde(default)]
    pub release: Release,
    #[serde(deserialize_with = "object")]
    pub restrictions: RestrictionsForm,
}

/// `PATCH /v1/secrets/{id}`: what is left out stays; null clears what may be empty.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretPatch {
    #[serde(deserialize_with = "given")]
    pub name: Option<String>,
    #[serde(deserialize_with = "given")]
    pub description: Option<String>,
    #[serde(deserialize_with = "given")]
    pub owners: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    pub release: Option<Release>,
    #[serde(deserialize_with = "given_object")]
    pub restrictions: Option<RestrictionsForm>,
    #[serde(deserialize_with = "nullable")]
    pub expires_on: Option<Option<Date>>,
    #[serde(deserialize_with = "nullable")]
    pub max_age_days: Option<Option<u32>>,
}

/// `POST /v1/imports`. Each secret is a [`SecretForm`], read by itself so that all that is wrong can be told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportForm {
    pub secrets: Vec<Box<RawValue>>,
}

/// A secret that was imported.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportedView {
    pub id: String,
    pub version: u64,
}

/// Metadata of a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SecretView {
    pub id: String,
    pub name: String,
    pub description: String,
    pub owners: Vec<String>,
    pub integration: Option<String>,
    /// Of its integration, else the ID of the SuiteApp that it is shared with.
    pub application_id: Option<String>,
    pub origin: Origin,
    pub release: Release,
    /// Of the integration, if one owns the secret; null: it serves nobody.
    pub restrictions: Option<RestrictionsForm>,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub changed_at: Timestamp,
    pub versions: Vec<VersionView>,
}

/// One version, without its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionView {
    pub version: u64,
    pub state: String,
    /// End of the grace, of a previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub encoding: Encoding,
    pub created_at: Timestamp,
    pub created_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl SecretView {
    /// The secret as it stands at `now`, under the rules that hold for it.
    pub fn of(
        secret: &Secret,
        rules: Option<RestrictionsForm>,
        application_id: Option<String>,
        now: Timestamp,
    ) -> Self {
        let version = |each: &crate::model::Version| {
            let standing = each.standing(now);
            VersionView {
                version: each.number,
                state: standing_word(standing).to_owned(),
                until: match each.state {
                    crate::model::VersionState::Previous { until } if standing == Standing::Previous => {
                        Some(until)
                    }
                    _ => None,
                },
                encoding: each.encoding,
                created_at: each.created_at,
                created_by: each.created_by.to_string(),
                note: each.note.clone(),
            }
        };
        Self {
            id: secret.id.to_string(),
            name: secret.name.clone(),
            description: secret.description.clone(),
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
            versions: secret.versions.iter().map(version).collect(),
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
