//! Rotation: what an operator sends, and what it came to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Standing;
use crate::secret::Plaintext;

fn yes() -> bool {
    true
}

/// `POST /v1/secrets/{id}/versions`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionForm {
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1_000_000)]
    pub value: Option<Plaintext>,
    #[schema(value_type = Option<String>, format = Byte, min_length = 1)]
    pub value_base64: Option<Plaintext>,
    /// How long the version before stays readable, such as `1h`, the default; `0s` is a hard cut.
    #[schema(example = "1h")]
    pub grace: Option<String>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub activate: bool,
    #[schema(max_length = 1000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub note: Option<String>,
}

/// `POST /v1/integrations/{name}/credentials`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPairForm {
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1_000_000)]
    pub client_id: Option<Plaintext>,
    /// A public client's pair has none.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1_000_000)]
    pub client_secret: Option<Plaintext>,
    /// The daemon makes up the pair, and shows it this once.
    #[serde(default)]
    pub issue: bool,
    #[schema(example = "1h")]
    pub grace: Option<String>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub activate: bool,
    #[schema(max_length = 1000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub note: Option<String>,
}

/// `POST …/activate`.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationForm {
    #[schema(example = "1h")]
    pub grace: Option<String>,
}

/// Answer to all three.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionMoved {
    #[schema(minimum = 1)]
    pub version: u64,
    pub state: Standing,
    /// What stays readable beside the current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub previous: Option<PreviousView>,
    /// Why nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
}

/// A version that was replaced, and when its grace ends.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviousView {
    #[schema(minimum = 1)]
    pub version: u64,
    pub until: Timestamp,
}
