//! What people write about an integration record, and the check that reports all that is wrong with it at once.
//!
//! The rules are NETSUITE.md's, Integration records.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::uri::needs_client_name;
use super::{
    ConsentPolicy, Endpoints, Installation, Integration, IntegrationState, OAuthScope, PairOrigin,
    redirect_uri, word,
};
use crate::model::account::AccountId;
use crate::model::name::{CallerName, Employee, IntegrationName, SecretId};
use crate::model::restrictions::RestrictionsForm;
use crate::model::word::{FieldError, Invalid, line_of_text};

const MAX_TEXT: usize = 4000;
const MAX_CLIENT_NAME: usize = 300;
/// More than NetSuite's page has room for.
const MAX_REDIRECT_URIS: usize = 20;
const MAX_SCOPES: usize = 10;
const MAX_ACCOUNTS: usize = 100;
const MAX_OWNERS: usize = 100;
const HOURS: std::ops::RangeInclusive<i64> = 1..=720;
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
        texts(&self, &mut wrong);
        let state = state(self.state.as_deref(), Some(before.state), "/state", &mut wrong);
        let consent_policy = consent(self.consent_policy.as_deref(), "/consent_policy", &mut wrong);
        let scopes = scopes(&self.scopes, &mut wrong);
        grants(&self, &scopes, consent_policy, &mut wrong);
        uris(&self, &before, &mut wrong);
        public_client(&self, &before, &mut wrong);
        registration(&self, &mut wrong);
        let hours = |given: Option<i64>, usual: u16| {
            let given = given.and_then(|hours| u16::try_from(hours).ok());
            self.public_client.then(|| given.unwrap_or(usual))
        };
        let refresh_token_validity_hours = hours(self.refresh_token_validity_hours, USUAL_VALIDITY);
        let maximum_token_rotation_hours = hours(self.maximum_token_rotation_hours, USUAL_ROTATION);
        let account_id = self.account_id.as_deref().and_then(|text| parsed(text, "/account_id", &mut wrong));
        let accounts = accounts(self.accounts, account_id.as_ref(), &before, &mut wrong);
        self.endpoints.check(&mut wrong);
        let restrictions = self
            .restrictions
            .and_then(|form| form.check("/restrictions").map_err(|errors| wrong.extend(errors)).ok());
        let owners = owners(&self.owners, &mut wrong);
        if self.max_age_days == Some(0) {
            note(&mut wrong, "/max_age_days", "is 0; give at least one day, or leave it out");
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

fn note(wrong: &mut Vec<FieldError>, pointer: &str, detail: impl ToString) {
    wrong.push(FieldError::new(pointer, detail));
}

fn parsed<T: std::str::FromStr<Err = Invalid>>(
    text: &str,
    pointer: &str,
    wrong: &mut Vec<FieldError>,
) -> Option<T> {
    text.parse().map_err(|why| note(wrong, pointer, why)).ok()
}

/// A word of the API as it stands in the JSON.
fn spelled<T: Serialize>(word: &T) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

fn texts(form: &IntegrationForm, wrong: &mut Vec<FieldError>) {
    let client_name = form.client_name.as_deref().unwrap_or_default();
    for (pointer, text, most) in [
        ("/description", form.description.as_str(), MAX_TEXT),
        ("/note", &form.note, MAX_TEXT),
        ("/client_name", client_name, MAX_CLIENT_NAME),
    ] {
        if let Err(why) = line_of_text(text, most) {
            note(wrong, pointer, why);
        }
    }
}

fn state(
    text: Option<&str>,
    before: Option<IntegrationState>,
    pointer: &str,
    wrong: &mut Vec<FieldError>,
) -> IntegrationState {
    let found = text.map_or(Some(IntegrationState::Enabled), word);
    match (found, before) {
        (None, _) => note(wrong, pointer, "is no state: enabled, blocked or waiting_for_approval"),
        (
            Some(IntegrationState::WaitingForApproval),
            Some(IntegrationState::Enabled | IntegrationState::Blocked),
        ) => note(wrong, pointer, "can't go back to waiting_for_approval; take blocked to stop its use"),
        _ => {}
    }
    found.unwrap_or(IntegrationState::Blocked)
}

fn consent(text: Option<&str>, pointer: &str, wrong: &mut Vec<FieldError>) -> ConsentPolicy {
    text.map_or(Some(ConsentPolicy::AlwaysAsk), word).unwrap_or_else(|| {
        note(wrong, pointer, "is no consent policy: always_ask, never_ask or ask_first_time");
        ConsentPolicy::AlwaysAsk
    })
}

fn scopes(list: &[String], wrong: &mut Vec<FieldError>) -> Vec<OAuthScope> {
    const KNOWN: &str = "is no scope: restlets, rest_webservices, suite_analytics or mcp";
    if list.is_empty() {
        note(
            wrong,
            "/scopes",
            "is empty; take at least one of restlets, rest_webservices, suite_analytics, mcp",
        );
    }
    if list.len() > MAX_SCOPES {
        note(wrong, "/scopes", format!("has more than {MAX_SCOPES} entries"));
        return Vec::new();
    }
    let mut scopes = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match word::<OAuthScope>(text) {
            None => note(wrong, &format!("/scopes/{index}"), KNOWN),
            Some(scope) if scopes.contains(&scope) => {
                note(wrong, &format!("/scopes/{index}"), "is listed twice");
            }
            Some(scope) => scopes.push(scope),
        }
    }
    scopes.sort_unstable();
    scopes
}

fn grants(
    form: &IntegrationForm,
    scopes: &[OAuthScope],
    consent: ConsentPolicy,
    wrong: &mut Vec<FieldError>,
) {
    let m2m = form.client_credentials_grant;
    if !form.authorization_code_grant && !m2m {
        let detail =
            "is false, and so is client_credentials_grant; a record has at least one of the two grants";
        note(wrong, "/authorization_code_grant", detail);
    }
    if form.public_client && m2m {
        note(
            wrong,
            "/client_credentials_grant",
            "is true although public_client is; a public client has the authorization code grant alone",
        );
    }
    if scopes.contains(&OAuthScope::Mcp) {
        if scopes.len() > 1 {
            note(wrong, "/scopes", "has mcp and others; mcp stands alone");
        }
        if m2m {
            note(wrong, "/client_credentials_grant", "is true although the scope is mcp, which excludes it");
        }
        if consent == ConsentPolicy::NeverAsk {
            let detail = "is never_ask although the scope is mcp, for which the user is asked";
            note(wrong, "/consent_policy", detail);
        }
    }
}

fn uris(form: &IntegrationForm, before: &Integration, wrong: &mut Vec<FieldError>) {
    let list = &form.redirect_uris;
    if list.len() > MAX_REDIRECT_URIS {
        note(wrong, "/redirect_uris", format!("has more than {MAX_REDIRECT_URIS} entries"));
        return;
    }
    for (index, uri) in list.iter().enumerate() {
        let pointer = format!("/redirect_uris/{index}");
        match redirect_uri(uri) {
            Err(why) => note(wrong, &pointer, why),
            Ok(()) if list[..index].contains(uri) => note(wrong, &pointer, "is listed twice"),
            Ok(()) => {}
        }
    }
    // A template's record begins without, and other edits of it must go on to work.
    let lacked = before.authorization_code_grant && before.redirect_uris.is_empty();
    if form.authorization_code_grant && list.is_empty() && !lacked {
        note(
            wrong,
            "/redirect_uris",
            "is empty; the authorization code grant needs at least one redirect URI",
        );
    }
}

fn public_client(form: &IntegrationForm, before: &Integration, wrong: &mut Vec<FieldError>) {
    if form.public_client != before.public_client {
        let detail = "can't be changed: a public client has no client secret and a confidential one has; \
                      delete the record and make it anew";
        note(wrong, "/public_client", detail);
    }
    for (pointer, hours, confidential) in [
        (
            "/refresh_token_validity_hours",
            form.refresh_token_validity_hours,
            "is given although public_client is false; a confidential client's refresh tokens last 7 days",
        ),
        (
            "/maximum_token_rotation_hours",
            form.maximum_token_rotation_hours,
            "is given although public_client is false; a confidential client's refresh tokens aren't rotated",
        ),
    ] {
        match hours {
            Some(_) if !form.public_client => note(wrong, pointer, confidential),
            Some(hours) if !HOURS.contains(&hours) => {
                note(wrong, pointer, "is out of bounds: 1 to 720 hours")
            }
            _ => {}
        }
    }
}

fn registration(form: &IntegrationForm, wrong: &mut Vec<FieldError>) {
    let named = form.client_name.as_deref().is_some_and(|name| !name.is_empty());
    if !form.dynamic_client_registration {
        if named {
            let detail = "is given although dynamic_client_registration is false, which alone uses it";
            note(wrong, "/client_name", detail);
        }
        return;
    }
    if !form.public_client {
        let detail = "is true although public_client is false; only public clients register themselves";
        note(wrong, "/dynamic_client_registration", detail);
    }
    if !named && form.redirect_uris.iter().any(|uri| needs_client_name(uri)) {
        let detail = "is missing: with dynamic client registration it must match for redirect URIs on localhost \
                      and of custom schemes";
        note(wrong, "/client_name", detail);
    }
}

fn accounts(
    forms: Vec<AccountForm>,
    host: Option<&AccountId>,
    before: &Integration,
    wrong: &mut Vec<FieldError>,
) -> Vec<Installation> {
    if forms.len() > MAX_ACCOUNTS {
        note(wrong, "/accounts", format!("has more than {MAX_ACCOUNTS} entries"));
        return Vec::new();
    }
    let mut found: Vec<Installation> = Vec::with_capacity(forms.len());
    for (index, form) in forms.into_iter().enumerate() {
        let at = |field: &str| format!("/accounts/{index}/{field}");
        for (field, given) in [("name", form.name.is_some()), ("description", form.description.is_some())] {
            if given {
                note(wrong, &at(field), "is read-only in another account; edit the record's own");
            }
        }
        if let Err(why) = line_of_text(&form.note, MAX_TEXT) {
            note(wrong, &at("note"), why);
        }
        let consent_policy = consent(form.consent_policy.as_deref(), &at("consent_policy"), wrong);
        let account_id = parsed::<AccountId>(&form.account_id, &at("account_id"), wrong);
        let was = before.accounts.iter().find(|each| Some(&each.account_id) == account_id.as_ref());
        let state = state(form.state.as_deref(), was.map(|each| each.state), &at("state"), wrong);
        let Some(account_id) = account_id else { continue };
        if Some(&account_id) == host {
            note(
                wrong,
                &at("account_id"),
                "is the record's own account; its state, note and consent policy are the record's",
            );
        }
        if found.iter().any(|each| each.account_id == account_id) {
            note(wrong, &at("account_id"), "is listed twice");
        }
        found.push(Installation { account_id, state, note: form.note, consent_policy });
    }
    found.sort_by(|one, other| one.account_id.cmp(&other.account_id));
    found
}

fn owners(list: &[String], wrong: &mut Vec<FieldError>) -> Vec<Employee> {
    if list.len() > MAX_OWNERS {
        note(wrong, "/owners", format!("has more than {MAX_OWNERS} entries"));
        return Vec::new();
    }
    let mut owners = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match parsed(text, &format!("/owners/{index}"), wrong) {
            Some(owner) if !owners.contains(&owner) => owners.push(owner),
            _ => {}
        }
    }
    owners
}

#[cfg(test)]
mod tests;
