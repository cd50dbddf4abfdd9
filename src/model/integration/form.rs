//! What people write about an integration record, and the check that reports all that is wrong with it at once.
//!
//! The rules are NETSUITE.md's, Integration records.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ConsentPolicy, Endpoints, Installation, Integration, IntegrationState, OAuthScope, PairOrigin};
use crate::model::account::AccountId;
use crate::model::name::{CallerName, Employee, IntegrationName, SecretId};
use crate::model::restrictions::RestrictionsForm;
use crate::model::secret::Secret;
use crate::model::word::FieldError;

const USUAL_VALIDITY: u16 = 48;
const USUAL_ROTATION: u16 = 168;

/// All of a record that can be set; what is None or empty stands for the usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrationForm {
    pub description: String,
    pub note: String,
    /// `enabled` unless given.
    pub state: Option<String>,
    pub authorization_code_grant: bool,
    pub client_credentials_grant: bool,
    pub redirect_uris: Vec<String>,
    pub public_client: bool,
    pub refresh_token_validity_hours: Option<i64>,
    pub maximum_token_rotation_hours: Option<i64>,
    pub dynamic_client_registration: bool,
    pub client_name: Option<String>,
    pub scopes: Vec<String>,
    /// `always_ask` unless given.
    pub consent_policy: Option<String>,
    pub account_id: Option<String>,
    pub accounts: Vec<AccountForm>,
    pub endpoints: Endpoints,
    pub restrictions: Option<RestrictionsForm>,
    pub owners: Vec<String>,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
}

/// The record as installed in another account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountForm {
    #[schema(value_type = AccountId)]
    pub account_id: String,
    /// `enabled` unless given.
    #[serde(default)]
    #[schema(value_type = Option<IntegrationState>)]
    pub state: Option<String>,
    #[serde(default)]
    #[schema(max_length = 4000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub note: String,
    /// `always_ask` unless given.
    #[serde(default)]
    #[schema(value_type = Option<ConsentPolicy>)]
    pub consent_policy: Option<String>,
    /// The record's own, read-only here: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub name: Option<String>,
    /// The record's own, read-only here: refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub description: Option<String>,
}

/// What the pair's secrets have from their record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PairCare {
    /// Employees who may manage the record and its pair.
    pub owners: Vec<Employee>,
    pub expires_on: Option<Date>,
    pub max_age_days: Option<u32>,
}

impl PairCare {
    /// As one of the pair's secrets has it.
    pub fn of(secret: &Secret) -> Self {
        Self {
            owners: secret.owners.clone(),
            expires_on: secret.expires_on,
            max_age_days: secret.max_age_days,
        }
    }
}

impl Integration {
    /// A record before anything is set in it: nothing is wrong with any form that is checked against it. `form` says
    /// what is fixed from now on. One made from a template may begin without the redirect URIs, which only its
    /// maker knows.
    pub fn blank(
        name: IntegrationName,
        form: &IntegrationForm,
        is_template: bool,
        (application_id, by, now): (String, CallerName, Timestamp),
        (client_id_secret, client_secret_secret): (SecretId, Option<SecretId>),
    ) -> Self {
        Self {
            name,
            description: String::new(),
            note: String::new(),
            state: IntegrationState::WaitingForApproval,
            authorization_code_grant: is_template,
            client_credentials_grant: false,
            redirect_uris: Vec::new(),
            public_client: form.public_client,
            refresh_token_validity_hours: None,
            maximum_token_rotation_hours: None,
            dynamic_client_registration: false,
            client_name: None,
            scopes: Vec::new(),
            consent_policy: ConsentPolicy::AlwaysAsk,
            account_id: None,
            accounts: Vec::new(),
            endpoints: Endpoints::default(),
            application_id,
            client_id_secret,
            client_secret_secret,
            pair_origin: PairOrigin::Captured,
            restrictions: None,
            created_at: now,
            created_by: by,
            changed_at: now,
            since_line: None,
        }
    }

    /// The form that this record would come from.
    pub fn form(&self, care: &PairCare) -> IntegrationForm {
        let account = |each: &Installation| AccountForm {
            account_id: each.account_id.to_string(),
            state: Some(spelled(&each.state)),
            note: each.note.clone(),
            consent_policy: Some(spelled(&each.consent_policy)),
            ..AccountForm::default()
        };
        IntegrationForm {
            description: self.description.clone(),
            note: self.note.clone(),
            state: Some(spelled(&self.state)),
            authorization_code_grant: self.authorization_code_grant,
            client_credentials_grant: self.client_credentials_grant,
            redirect_uris: self.redirect_uris.clone(),
            public_client: self.public_client,
            refresh_token_validity_hours: self.refresh_token_validity_hours.map(i64::from),
            maximum_token_rotation_hours: self.maximum_token_rotation_hours.map(i64::from),
            dynamic_client_registration: self.dynamic_client_registration,
            client_name: self.client_name.clone(),
            scopes: self.scopes.iter().map(spelled).collect(),
            consent_policy: Some(spelled(&self.consent_policy)),
            account_id: self.account_id.as_ref().map(ToString::to_string),
            accounts: self.accounts.iter().map(account).collect(),
            endpoints: self.endpoints.clone(),
            restrictions: self.restrictions.clone().map(Into::into),
            owners: care.owners.iter().map(ToString::to_string).collect(),
            expires_on: care.expires_on,
            max_age_days: care.max_age_days,
        }
    }
}

impl IntegrationForm {
    /// The FSM record as NETSUITE.md's table has it: one script, all domains, no employee limit.
    pub fn fsm() -> Self {
        Self {
            description: "FSM OAuth 2.0".to_owned(),
            authorization_code_grant: true,
            scopes: vec![spelled(&OAuthScope::Restlets)],
            restrictions: Some(RestrictionsForm {
                scripts: vec!["customscript_nx_suitelet2".to_owned()],
                allow_all_domains: true,
                ..RestrictionsForm::default()
            }),
            ..Self::default()
        }
    }

    /// All that is wrong with the form of a new record, for which there is no name yet.
    pub fn problems(self, is_template: bool) -> Vec<FieldError> {
        let known = "a constant of the product, covered by a test";
        let id = || "_x".parse().expect(known);
        let made = (String::new(), "x".parse().expect(known), Timestamp::UNIX_EPOCH);
        let ids = (id(), (!self.public_client).then(id));
        let blank = Integration::blank("x".parse().expect(known), &self, is_template, made, ids);
        self.check(blank).err().unwrap_or_default()
    }

    /// Checks every field, and what they say together, against what the record was before.
    pub fn check(self, before: Integration) -> Result<(Integration, PairCare), Vec<FieldError>> {
        let mut wrong = Vec::new();
        rules::texts(&self, &mut wrong);
        let state = rules::state(self.state.as_deref(), Some(before.state), "/state", &mut wrong);
        let consent_policy = rules::consent(self.consent_policy.as_deref(), "/consent_policy", &mut wrong);
        let scopes = rules::scopes(&self.scopes, &mut wrong);
        rules::grants(&self, &scopes, consent_policy, &mut wrong);
        rules::uris(&self, &before, &mut wrong);
        rules::public_client(&self, &before, &mut wrong);
        rules::registration(&self, &before, &mut wrong);
        let hours = |given: Option<i64>, usual: u16| {
            let given = given.and_then(|hours| u16::try_from(hours).ok());
            self.public_client.then(|| given.unwrap_or(usual))
        };
        let refresh_token_validity_hours = hours(self.refresh_token_validity_hours, USUAL_VALIDITY);
        let maximum_token_rotation_hours = hours(self.maximum_token_rotation_hours, USUAL_ROTATION);
        let account_id =
            self.account_id.as_deref().and_then(|text| rules::parsed(text, "/account_id", &mut wrong));
        let accounts = rules::accounts(self.accounts, account_id.as_ref(), &before, &mut wrong);
        self.endpoints.check(&mut wrong);
        let restrictions = self
            .restrictions
            .and_then(|form| form.check("/restrictions").map_err(|errors| wrong.extend(errors)).ok());
        let owners = rules::owners(&self.owners, &mut wrong);
        if self.max_age_days == Some(0) {
            rules::note(&mut wrong, "/max_age_days", "is 0; give at least one day, or leave it out");
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let record = Integration {
            description: self.description,
            note: self.note,
            state,
            authorization_code_grant: self.authorization_code_grant,
            client_credentials_grant: self.client_credentials_grant,
            redirect_uris: self.redirect_uris,
            refresh_token_validity_hours,
            maximum_token_rotation_hours,
            dynamic_client_registration: self.dynamic_client_registration,
            client_name: self.client_name.filter(|name| !name.is_empty()),
            scopes,
            consent_policy,
            account_id,
            accounts,
            endpoints: self.endpoints,
            restrictions,
            ..before
        };
        let (expires_on, max_age_days) = (self.expires_on, self.max_age_days);
        Ok((record, PairCare { owners, expires_on, max_age_days }))
    }
}

/// A word of the API as it stands in the JSON.
fn spelled<T: Serialize>(word: &T) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

mod rules;

#[cfg(test)]
mod tests;
