//! An OAuth 2.0 integration record, which owns the pair client ID + client secret.
//!
//! NETSUITE.md, Integration records and The FSM pair. What people write is an [`IntegrationForm`]; a record that
//! has come through its check keeps all rules.

mod endpoint;
mod form;
mod uri;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use endpoint::Endpoints;
pub use form::{AccountForm, IntegrationForm, PairCare};
pub use uri::redirect_uri;

use super::account::AccountId;
use super::name::{CallerName, IntegrationName, SecretId};
use super::restrictions::Restrictions;

/// The name of the integration that `fsm setup` makes.
pub const FSM_NAME: &str = "fsm";

/// The IDs that its two secrets have, client ID first.
pub const FSM_SECRETS: [&str; 2] = ["custsecret_fsm_oauth2_client_id", "custsecret_fsm_oauth2_client_secret"];

/// Whether the record may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationState {
    Enabled,
    Blocked,
    /// Only at its beginning: there is no way back to it.
    WaitingForApproval,
}

/// What a token of this integration may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OAuthScope {
    Restlets,
    RestWebservices,
    SuiteAnalytics,
    Mcp,
}

/// Whether a user who signs in is asked to consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    AlwaysAsk,
    NeverAsk,
    AskFirstTime,
}

/// Where the pair last stored came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairOrigin {
    /// Somebody brought it, as shown once by NetSuite.
    #[default]
    Captured,
    /// The vault made it up.
    Issued,
}

/// The same record as it is installed in another account. State, note and consent policy are that account's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    pub account_id: AccountId,
    pub state: IntegrationState,
    pub note: String,
    pub consent_policy: ConsentPolicy,
}

/// An integration record. Its pair's versions are those of its two secrets, which always change together.
///
/// The fields with a default came after the first records were written: one without them reads as one that
/// never set them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    pub name: IntegrationName,
    pub description: String,
    #[serde(default)]
    pub note: String,
    /// In the host account, `account_id`: the one that decides whether the pair is served.
    pub state: IntegrationState,
    pub authorization_code_grant: bool,
    pub client_credentials_grant: bool,
    /// Treated as sensitive: the FSM Suitelet's URL carries a capability token (`ns-at`).
    pub redirect_uris: Vec<String>,
    /// A public client has no client secret. Fixed once the record is made.
    #[serde(default)]
    pub public_client: bool,
    /// Of a public client, 1 to 720; None of a confidential one, whose refresh tokens last 7 days.
    pub refresh_token_validity_hours: Option<u16>,
    /// Of a public client, 1 to 720: after it the user signs in anew. None of a confidential one.
    pub maximum_token_rotation_hours: Option<u16>,
    #[serde(default)]
    pub dynamic_client_registration: bool,
    pub client_name: Option<String>,
    /// Ascending, without repetition, never empty.
    pub scopes: Vec<OAuthScope>,
    pub consent_policy: ConsentPolicy,
    pub account_id: Option<AccountId>,
    /// Ascending by account.
    #[serde(default)]
    pub accounts: Vec<Installation>,
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Generated, GUID-like, fixed.
    pub application_id: String,
    pub client_id_secret: SecretId,
    /// None of a public client.
    pub client_secret_secret: Option<SecretId>,
    #[serde(default)]
    pub pair_origin: PairOrigin,
    /// The only rules for the pair. None: it serves nobody.
    pub restrictions: Option<Restrictions>,
    pub created_at: Timestamp,
    pub created_by: CallerName,
    pub changed_at: Timestamp,
    /// The last line of the audit log before it was made, counted over all logs that the vault has had. None in records of
    /// before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_line: Option<u64>,
}

impl Integration {
    /// The IDs of the secrets that hold its pair, client ID first.
    pub fn secret_ids(&self) -> impl Iterator<Item = &SecretId> {
        [Some(&self.client_id_secret), self.client_secret_secret.as_ref()].into_iter().flatten()
    }

    /// The names of the pair's secrets, client ID first, as an operator reads them in a list.
    pub fn secret_names(&self) -> [String; 2] {
        let title = if self.description.is_empty() { self.name.as_str() } else { &self.description };
        let title: String = title.chars().take(LONGEST_TITLE).collect();
        [format!("{title} Client ID"), format!("{title} Client Secret")]
    }
}

/// So that what is made of it keeps NetSuite's limit for a secret's name.
const LONGEST_TITLE: usize = 280;

/// What stands for a word of the API in a form. serde's own words are the source.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    let text = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    T::deserialize(text).ok()
}
