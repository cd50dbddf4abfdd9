//! Rotation: what an operator sends, and what it came to.

use serde::{Deserialize, Serialize};

use crate::model::Standing;
use crate::secret::Plaintext;

fn yes() -> bool {
    true
}

/// `POST /v1/secrets/{id}/versions`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionForm {
    pub value: Option<Plaintext>,
    pub value_base64: Option<Plaintext>,
    /// How long the version before stays readable, such as `1h`, the default; `0s` is a hard cut.
    pub grace: Option<String>,
    #[serde(default = "yes")]
    pub activate: bool,
    pub note: Option<String>,
}

/// `POST /v1/integrations/{name}/credentials`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPairForm {
    pub client_id: Option<Plaintext>,
    /// A public client's pair has none.
    pub client_secret: Option<Plaintext>,
    /// The daemon makes up the pair, and shows it this once.
    #[serde(default)]
    pub issue: bool,
    pub grace: Option<String>,
    #[serde(default = "yes")]
    pub activate: bool,
    pub note: Option<String>,
}

/// `POST …/activate`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationForm {
    pub grace: Option<String>,
}

/// Answer to all three.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VersionMoved {
    pub version: u64,
    pub state: Standing,
    /// Why nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
