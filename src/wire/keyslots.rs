//! Key slots and passphrases.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CallerName, SlotId, SlotLabel};
use crate::secret::Plaintext;

/// A key slot. The one that the vault was made with has no maker until its passphrase is changed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeySlotView {
    pub id: SlotId,
    #[schema(required)]
    pub label: Option<SlotLabel>,
    #[schema(required)]
    pub made_at: Option<Timestamp>,
    #[schema(required)]
    pub made_by: Option<CallerName>,
}

/// `POST /v1/sys/passphrase`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassphraseChange {
    /// The one that is to be replaced.
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
    /// At least 12 characters, and at most 4096 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 4096)]
    pub new_passphrase: Plaintext,
}

/// `POST /v1/sys/rekey`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RekeyForm {
    /// Unseals the vault from then on.
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
    /// Passphrases of other slots, which go on unsealing it too.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 7)]
    pub keep_passphrases: Vec<Plaintext>,
    /// Whether slots of other passphrases may go.
    #[serde(default)]
    pub drop_others: bool,
}

/// What a rekey has come to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RekeyedView {
    /// The key slots that there are now.
    pub keyslots: Vec<KeySlotView>,
    /// Those that went.
    pub dropped: Vec<KeySlotView>,
    /// Records that were sealed anew.
    pub records: u64,
}

/// `POST /v1/sys/keyslots`.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySlotForm {
    /// Any that unseals the vault.
    #[schema(value_type = String, format = Password)]
    pub passphrase: Plaintext,
    /// At least 12 characters, and at most 4096 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 4096)]
    pub new_passphrase: Plaintext,
    #[serde(default)]
    #[schema(value_type = Option<SlotLabel>)]
    pub label: Option<String>,
}
