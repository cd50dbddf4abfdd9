//! What `integration create` and `integration edit` have in common: the options for a record's fields.

use clap::Args;

use super::failure::Failure;
use super::fsm::checked_uri;
use super::list::{item, one_of};
use super::number;
use super::secret::warn_if_past;
use crate::client::Body;
use crate::model::{
    AccountForm, AccountId, DomainPattern, Employee, Endpoints, Installation, Invalid, RestrictionsForm,
    ScriptId, SuiteAppId,
};

/// What a record has already, for options that change a part of a field.
#[derive(Default)]
pub struct Standing {
    pub accounts: Vec<Installation>,
    pub endpoints: Endpoints,
    pub restrictions: Option<RestrictionsForm>,
}

impl Standing {
    /// Without what `cleared` names: what is given of these fields begins anew.
    fn without(mut self, cleared: &[String]) -> Self {
        let is_cleared = |field: &str| cleared.iter().any(|each| each == field);
        if is_cleared("accounts") {
            self.accounts.clear();
        }
        if is_cleared("endpoints") {
            self.endpoints = Endpoints::default();
        }
        if is_cleared("restrictions") {
            self.restrictions = None;
        }
        self
    }
}

const SCOPES: [&str; 4] = ["restlets", "rest_webservices", "suite_analytics", "mcp"];

#[derive(Args)]
pub struct Settings {
    /// What it is for, such as its name in NetSuite; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What else people read about it; others see it, so never a value
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Whether its pair is served: only while it is enabled
    #[arg(long, value_name = "STATE", value_parser = ["enabled", "blocked", "waiting_for_approval"])]
    state: Option<String>,
    /// A redirect URI, or @FILE for one that stands in a file; may be given several times. The one of the FSM Suitelet
    /// carries a capability token: other users of this host see arguments while the command runs
    #[arg(long, value_name = "URI|@FILE", value_parser = checked_uri)]
    redirect_uri: Vec<String>,
    /// What its tokens may be used for; several by commas, or by the option again
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', value_parser = one_of(SCOPES))]
    scope: Vec<String>,
    /// It has the authorization code grant
    #[arg(long)]
    code_grant: bool,
    /// It hasn't
    #[arg(long, conflicts_with = "code_grant")]
    no_code_grant: bool,
    /// It has the client credentials (M2M) grant
    #[arg(long)]
    m2m: bool,
    /// It hasn't
    #[arg(long, conflicts_with = "m2m")]
    no_m2m: bool,
    /// Of a public client: how long a refresh token is good; 48 of a new one
    #[arg(long, value_name = "HOURS", value_parser = number::within(1..=720_u16))]
    refresh_token_validity_hours: Option<u16>,
    /// Of a public client: after how long the user signs in anew; 168 of a new one
    #[arg(long, value_name = "HOURS", value_parser = number::within(1..=720_u16))]
    maximum_token_rotation_hours: Option<u16>,
    /// Of a public client: clients may ask for its client ID by its redirect URI
    #[arg(long)]
    dynamic_client_registration: bool,
    /// They may not
    #[arg(long, conflicts_with = "dynamic_client_registration")]
    no_dynamic_client_registration: bool,
    /// The name that such a client must tell, if its redirect URI is on localhost or of a custom scheme
    #[arg(long, value_name = "TEXT")]
    client_name: Option<String>,
    /// Whether users who sign in are asked to consent
    #[arg(long, value_name = "POLICY", value_parser = ["always_ask", "never_ask", "ask_first_time"])]
    consent_policy: Option<String>,
    /// The NetSuite account that it is in, such as 1234567_SB1
    #[arg(long, value_name = "ID")]
    account_id: Option<AccountId>,
    /// Its state in another account; several by commas, or by the option again
    #[arg(long, value_name = "ID=STATE", value_delimiter = ',', value_parser = |text: &str| of_account(text.trim()))]
    account: Vec<(AccountId, String)>,
    /// Its note in another account; may be given several times
    #[arg(long, value_name = "ID=TEXT", value_parser = of_account)]
    account_note: Vec<(AccountId, String)>,
    /// Its consent policy in another account; several by commas, or by the option again
    #[arg(long, value_name = "ID=POLICY", value_delimiter = ',', value_parser = |text: &str| of_account(text.trim()))]
    account_consent: Vec<(AccountId, String)>,
    /// Where authorize, token, revoke, keys or certificates is; an empty URL takes it away; may be given several times
    #[arg(long, value_name = "NAME=URL", value_parser = endpoint)]
    endpoint: Vec<(String, String)>,
    /// A script that may use the pair; several by commas, or by the option again
    #[arg(long, value_name = "SCRIPT", value_delimiter = ',', value_parser = item::<ScriptId>)]
    script: Vec<ScriptId>,
    /// Any script may use it
    #[arg(long, conflicts_with = "script")]
    allow_all_scripts: bool,
    /// A host that the pair may be sent to, or *.HOST; several as above
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = item::<DomainPattern>)]
    domain: Vec<DomainPattern>,
    /// It may be sent anywhere
    #[arg(long, conflicts_with = "domain")]
    allow_all_domains: bool,
    /// An employee on whose behalf it may be used; several as above. Without any: on anybody's
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    employee: Vec<Employee>,
    /// It may be used on anybody's behalf
    #[arg(long, conflicts_with = "employee")]
    any_employee: bool,
    /// Make it available to this SuiteApp, and to no other
    #[arg(long, value_name = "ID")]
    suiteapp: Option<SuiteAppId>,
    /// Make it available to no SuiteApp
    #[arg(long, conflicts_with = "suiteapp")]
    no_suiteapp: bool,
    /// An employee who may manage it; several as above. Of a new record: its maker, if none is given
    #[arg(long, value_name = "EMPLOYEE", value_delimiter = ',', value_parser = item::<Employee>)]
    owner: Vec<Employee>,
    /// The day on which the pair expires, such as 2027-06-30
    #[arg(long, value_name = "DATE", value_parser = number::day)]
    expires_on: Option<jiff::civil::Date>,
    /// Warn when the pair gets older than this
    #[arg(long, value_name = "DAYS", value_parser = number::within(1..=u32::MAX))]
    max_age_days: Option<u32>,
}

impl Settings {
    /// Adds what was given. Lists replace those before; rules, accounts and endpoints change in what was named. A field
    /// that `cleared` names as well has what was given and nothing else; null, if nothing was.
    pub fn add_to(&self, body: Body, standing: Standing, cleared: &[String]) -> Result<Body, Failure> {
        let standing = standing.without(cleared);
        let mut adding = Adding { body, added: Vec::new() };
        adding.some("description", self.description.as_ref());
        adding.some("note", self.note.as_ref());
        adding.some("state", self.state.as_ref());
        adding.list("redirect_uris", &self.redirect_uri);
        adding.list("scopes", &self.scope);
        adding.either("authorization_code_grant", self.code_grant, self.no_code_grant);
        adding.either("client_credentials_grant", self.m2m, self.no_m2m);
        adding.some("refresh_token_validity_hours", self.refresh_token_validity_hours.as_ref());
        adding.some("maximum_token_rotation_hours", self.maximum_token_rotation_hours.as_ref());
        let (on, off) = (self.dynamic_client_registration, self.no_dynamic_client_registration);
        adding.either("dynamic_client_registration", on, off);
        adding.some("client_name", self.client_name.as_ref());
        adding.some("consent_policy", self.consent_policy.as_ref());
        adding.some("account_id", self.account_id.as_ref());
        adding.some("accounts", self.accounts(standing.accounts)?.as_ref());
        adding.some("endpoints", self.endpoints(standing.endpoints).as_ref());
        adding.some("restrictions", self.restrictions(standing.restrictions).as_ref());
        adding.list("owners", &self.owner);
        warn_if_past(self.expires_on);
        adding.some("expires_on", self.expires_on.as_ref());
        adding.some("max_age_days", self.max_age_days.as_ref());
        for field in cleared {
            adding.some(&field.replace('-', "_"), Some(&()));
        }
        Ok(adding.body)
    }

    fn accounts(&self, standing: Vec<Installation>) -> Result<Option<Vec<AccountForm>>, Failure> {
        if [&self.account, &self.account_note, &self.account_consent].into_iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let known =
            |each: &Installation| serde_json::to_value(each).and_then(serde_json::from_value::<AccountForm>);
        let mut accounts =
            standing.iter().map(known).collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
        for (id, state) in &self.account {
            let state = Some(state.clone());
            match accounts.iter_mut().find(|each| each.account_id == id.as_str()) {
                Some(account) => account.state = state,
                None => {
                    accounts.push(AccountForm { account_id: id.to_string(), state, ..AccountForm::default() })
                }
            }
        }
        for (option, list) in
            [("--account-note", &self.account_note), ("--account-consent", &self.account_consent)]
        {
            for (id, text) in list {
                let found = accounts.iter_mut().find(|each| each.account_id == id.as_str());
                let account = found.ok_or_else(|| {
                    Failure::usage(format!(
                        "{option}: {id} is no other account of it; add --account {id}=STATE"
                    ))
                })?;
                match option {
                    "--account-note" => account.note = text.clone(),
                    _ => account.consent_policy = Some(text.clone()),
                }
            }
        }
        Ok(Some(accounts))
    }

    fn endpoints(&self, mut standing: Endpoints) -> Option<Endpoints> {
        for (name, url) in &self.endpoint {
            if let Some(place) = standing.named_mut(name) {
                *place = Some(url.clone()).filter(|url| !url.is_empty());
            }
        }
        (!self.endpoint.is_empty()).then_some(standing)
    }

    fn restrictions(&self, standing: Option<RestrictionsForm>) -> Option<RestrictionsForm> {
        fn texts<T: ToString>(list: &[T]) -> Vec<String> {
            list.iter().map(ToString::to_string).collect()
        }
        let (scripts, domains) = (
            self.allow_all_scripts || !self.script.is_empty(),
            self.allow_all_domains || !self.domain.is_empty(),
        );
        let employees = self.any_employee || !self.employee.is_empty();
        let suiteapp = self.no_suiteapp || self.suiteapp.is_some();
        if !scripts && !domains && !employees && !suiteapp {
            return None;
        }
        let mut rules = standing.unwrap_or_default();
        if scripts {
            (rules.scripts, rules.allow_all_scripts) = (texts(&self.script), self.allow_all_scripts);
        }
        if domains {
            (rules.domains, rules.allow_all_domains) = (texts(&self.domain), self.allow_all_domains);
        }
        if employees {
            rules.employees = texts(&self.employee);
        }
        if suiteapp {
            rules.suiteapp_id = self.suiteapp.as_ref().map(ToString::to_string);
            rules.available_to_suiteapp = rules.suiteapp_id.is_some();
        }
        Some(rules)
    }
}

/// A body that gets the fields that were given, each once, and no others.
struct Adding {
    body: Body,
    added: Vec<String>,
}

impl Adding {
    fn some(&mut self, name: &str, value: Option<&impl serde::Serialize>) {
        if let Some(value) = value
            && !self.added.iter().any(|each| each == name)
        {
            self.added.push(name.to_owned());
            self.body = std::mem::take(&mut self.body).field(name, value);
        }
    }

    fn list<T: serde::Serialize>(&mut self, name: &str, list: &[T]) {
        self.some(name, Some(&list).filter(|list| !list.is_empty()));
    }

    fn either(&mut self, name: &str, on: bool, off: bool) {
        self.some(name, (on || off).then_some(&on));
    }
}

fn of_account(text: &str) -> Result<(AccountId, String), String> {
    let (id, rest) = text.split_once('=').ok_or("takes an account ID, = and what it has there")?;
    Ok((id.parse().map_err(|why: Invalid| why.to_string())?, rest.to_owned()))
}

fn endpoint(text: &str) -> Result<(String, String), String> {
    const RULE: &str = "takes one of authorize, token, revoke, keys and certificates, = and its URL";
    let (name, url) = text.split_once('=').ok_or(RULE)?;
    match Endpoints::default().named_mut(name) {
        Some(_) => Ok((name.to_owned(), url.to_owned())),
        None => Err(RULE.to_owned()),
    }
}

#[cfg(test)]
mod tests;
