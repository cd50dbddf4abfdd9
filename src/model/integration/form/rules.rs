//! The rules of an integration record's fields, each by itself and beside the others. Each notes what is wrong and
//! where, and goes on with what can be used.

use std::ops::RangeInclusive;

use super::super::uri::needs_client_name;
use super::super::{
    ConsentPolicy, Installation, Integration, IntegrationState, OAuthScope, redirect_uri, word,
};
use super::{AccountForm, IntegrationForm};
use crate::model::account::AccountId;
use crate::model::list::{MAX_ACCOUNTS, MAX_OWNERS, MAX_REDIRECT_URIS, MAX_SCOPES};
use crate::model::name::Employee;
use crate::model::word::{FieldError, Invalid, line_of_text};

const MAX_TEXT: usize = 4000;
const MAX_CLIENT_NAME: usize = 300;
const HOURS: RangeInclusive<i64> = 1..=720;

pub(super) fn note(wrong: &mut Vec<FieldError>, pointer: &str, detail: impl ToString) {
    wrong.push(FieldError::new(pointer, detail));
}

pub(super) fn parsed<T: std::str::FromStr<Err = Invalid>>(
    text: &str,
    pointer: &str,
    wrong: &mut Vec<FieldError>,
) -> Option<T> {
    text.parse().map_err(|why| note(wrong, pointer, why)).ok()
}

pub(super) fn texts(form: &IntegrationForm, wrong: &mut Vec<FieldError>) {
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

pub(super) fn state(
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

pub(super) fn consent(text: Option<&str>, pointer: &str, wrong: &mut Vec<FieldError>) -> ConsentPolicy {
    text.map_or(Some(ConsentPolicy::AlwaysAsk), word).unwrap_or_else(|| {
        note(wrong, pointer, "is no consent policy: always_ask, never_ask or ask_first_time");
        ConsentPolicy::AlwaysAsk
    })
}

pub(super) fn scopes(list: &[String], wrong: &mut Vec<FieldError>) -> Vec<OAuthScope> {
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

pub(super) fn grants(
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

pub(super) fn uris(form: &IntegrationForm, before: &Integration, wrong: &mut Vec<FieldError>) {
    let list = &form.redirect_uris;
    if list.len() > MAX_REDIRECT_URIS {
        note(wrong, "/redirect_uris", format!("has more than {MAX_REDIRECT_URIS} entries"));
        return;
    }
    for (index, uri) in list.iter().enumerate() {
        let pointer = format!("/redirect_uris/{index}");
        match redirect_uri(uri) {
            // One that stands there is left: other edits, such as a block, must go on to work.
            Err(why) if !before.redirect_uris.contains(uri) => note(wrong, &pointer, why),
            _ if list[..index].contains(uri) => note(wrong, &pointer, "is listed twice"),
            _ => {}
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

pub(super) fn public_client(form: &IntegrationForm, before: &Integration, wrong: &mut Vec<FieldError>) {
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

pub(super) fn registration(form: &IntegrationForm, before: &Integration, wrong: &mut Vec<FieldError>) {
    let name = form.client_name.as_deref().filter(|name| !name.is_empty());
    let named = name.is_some();
    let stands = before.dynamic_client_registration
        && before.client_name.as_deref() == name
        && before.redirect_uris == form.redirect_uris;
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
    if !named && !stands && form.redirect_uris.iter().any(|uri| needs_client_name(uri)) {
        let detail = "is missing: with dynamic client registration it must match for redirect URIs on localhost \
                      and of custom schemes";
        note(wrong, "/client_name", detail);
    }
}

pub(super) fn accounts(
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

pub(super) fn owners(list: &[String], wrong: &mut Vec<FieldError>) -> Vec<Employee> {
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
