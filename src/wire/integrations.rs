//! Integration records and their pair, as an operator sends and sees them: here what is sent, in `view` what is seen.

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json::{Object, nullable, nullable_list, optional_object};
use crate::model::{
    AccountForm, AccountId, ConsentPolicy, Employee, Endpoints, IntegrationForm, IntegrationName,
    IntegrationState, MAX_ACCOUNTS, MAX_OWNERS, MAX_REDIRECT_URIS, MAX_SCOPES, OAuthScope, RestrictionsForm,
    SecretId,
};
use crate::secret::Plaintext;

mod view;

pub use view::IntegrationView;

/// The template of the FSM record (NETSUITE.md, The FSM pair).
pub const FSM_TEMPLATE: &str = "fsm";

/// A field that may be left out (None), or null (Some(None)): then it gets what it usually has.
type Given<T> = Option<Option<T>>;

/// `POST /v1/integrations` and `PATCH /v1/integrations/{name}`. The first ones are for a record that is being made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationBody {
    #[schema(value_type = Option<IntegrationName>)]
    pub name: Option<String>,
    /// `fsm`, the one template there is: what the other fields don't say comes from it.
    pub template: Option<String>,
    /// The first pair. Without, and without `issue`, the record serves nobody until one is captured.
    #[serde(default, deserialize_with = "optional_object")]
    pub credentials: Option<PairForm>,
    /// The daemon makes up the first pair, and shows it this once.
    #[serde(default)]
    pub issue: bool,
    #[schema(value_type = Option<SecretId>)]
    pub client_id_secret: Option<String>,
    #[schema(value_type = Option<SecretId>)]
    pub client_secret_secret: Option<String>,
    /// Generated; here so that who sends it is told so.
    #[schema(ignore)]
    pub application_id: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 4000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub description: Given<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 4000, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub note: Given<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<IntegrationState>)]
    pub state: Given<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    pub authorization_code_grant: Given<bool>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    pub client_credentials_grant: Given<bool>,
    #[serde(default, deserialize_with = "nullable_list::<MAX_REDIRECT_URIS, _, _>")]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    pub redirect_uris: Given<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    pub public_client: Given<bool>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 720)]
    pub refresh_token_validity_hours: Given<i64>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 720)]
    pub maximum_token_rotation_hours: Given<i64>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    pub dynamic_client_registration: Given<bool>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 300, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub client_name: Given<String>,
    #[serde(default, deserialize_with = "nullable_list::<MAX_SCOPES, _, _>")]
    #[schema(value_type = Option<Vec<OAuthScope>>, max_items = 10)]
    pub scopes: Given<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<ConsentPolicy>)]
    pub consent_policy: Given<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<AccountId>)]
    pub account_id: Given<String>,
    #[serde(default, deserialize_with = "nullable_list::<MAX_ACCOUNTS, _, _>")]
    #[schema(value_type = Option<Vec<AccountForm>>, max_items = 100)]
    accounts: Given<Vec<Object<AccountForm>>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Endpoints>)]
    endpoints: Given<Object<Endpoints>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<RestrictionsForm>)]
    restrictions: Given<Object<RestrictionsForm>>,
    #[serde(default, deserialize_with = "nullable_list::<MAX_OWNERS, _, _>")]
    #[schema(value_type = Option<Vec<Employee>>, max_items = 100)]
    pub owners: Given<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Date>)]
    pub expires_on: Given<Date>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub max_age_days: Given<u32>,
}

impl IntegrationBody {
    /// Fields that are fixed when a record is made, of those that were given.
    pub fn fixed(&self) -> impl Iterator<Item = &'static str> {
        [
            ("/name", self.name.is_some()),
            ("/template", self.template.is_some()),
            ("/credentials", self.credentials.is_some()),
            ("/issue", self.issue),
            ("/client_id_secret", self.client_id_secret.is_some()),
            ("/client_secret_secret", self.client_secret_secret.is_some()),
            ("/application_id", self.application_id.is_some()),
        ]
        .into_iter()
        .filter_map(|(pointer, given)| given.then_some(pointer))
    }

    /// Writes what was given over a form. Each field as a whole: a list or an object isn't merged.
    pub fn apply(self, form: &mut IntegrationForm) {
        fn set<T: Default>(field: &mut T, given: Given<T>) {
            if let Some(value) = given {
                *field = value.unwrap_or_default();
            }
        }
        fn set_optional<T>(field: &mut Option<T>, given: Given<T>) {
            if let Some(value) = given {
                *field = value;
            }
        }
        set(&mut form.description, self.description);
        set(&mut form.note, self.note);
        set_optional(&mut form.state, self.state);
        set(&mut form.authorization_code_grant, self.authorization_code_grant);
        set(&mut form.client_credentials_grant, self.client_credentials_grant);
        set(&mut form.redirect_uris, self.redirect_uris);
        set(&mut form.public_client, self.public_client);
        set_optional(&mut form.refresh_token_validity_hours, self.refresh_token_validity_hours);
        set_optional(&mut form.maximum_token_rotation_hours, self.maximum_token_rotation_hours);
        set(&mut form.dynamic_client_registration, self.dynamic_client_registration);
        set_optional(&mut form.client_name, self.client_name);
        set(&mut form.scopes, self.scopes);
        set_optional(&mut form.consent_policy, self.consent_policy);
        set_optional(&mut form.account_id, self.account_id);
        let accounts = self.accounts.map(|list| list.map(|all| all.into_iter().map(|each| each.0).collect()));
        set(&mut form.accounts, accounts);
        set(&mut form.endpoints, self.endpoints.map(|given| given.map(|each| each.0)));
        set_optional(&mut form.restrictions, self.restrictions.map(|given| given.map(|each| each.0)));
        set(&mut form.owners, self.owners);
        set_optional(&mut form.expires_on, self.expires_on);
        set_optional(&mut form.max_age_days, self.max_age_days);
    }
}

/// A pair on its way in. A public client's has no client secret.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairForm {
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 1_000_000)]
    pub client_id: Plaintext,
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 1_000_000)]
    pub client_secret: Option<Plaintext>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    fn applied(body: &str) -> IntegrationForm {
        let mut form = IntegrationForm::fsm();
        read::<IntegrationBody>(body.as_bytes()).unwrap().apply(&mut form);
        form
    }

    #[test]
    fn what_is_left_out_stays_and_null_is_the_usual() {
        assert_eq!(applied("{}"), IntegrationForm::fsm());
        let form = applied(
            r#"{"description":null,"state":"blocked","scopes":["mcp"],"restrictions":null,"max_age_days":9,
                "accounts":[{"account_id":"7","note":"x"}],"endpoints":{"token":"https://a"}}"#,
        );
        assert_eq!((form.description.as_str(), form.state.as_deref()), ("", Some("blocked")));
        assert_eq!(
            (form.scopes, form.restrictions, form.max_age_days),
            (vec!["mcp".to_owned()], None, Some(9))
        );
        assert_eq!(
            (form.accounts[0].note.as_str(), form.endpoints.token.as_deref()),
            ("x", Some("https://a"))
        );
        assert!(form.authorization_code_grant);
    }

    #[test]
    fn wrong_shapes_are_refused() {
        for body in [
            r#"{"surplus":1}"#,
            r#"{"description":1}"#,
            r#"{"refresh_token_validity_hours":1.5}"#,
            r#"{"restrictions":["a"]}"#,
            r#"{"accounts":[["7"]]}"#,
            r#"{"accounts":[{}]}"#,
            r#"{"endpoints":["https://a"]}"#,
            r#"{"endpoints":{"other":"https://a"}}"#,
            r#"{"credentials":["a","b"]}"#,
            r#"{"credentials":{"client_id":"a","surplus":"b"}}"#,
            r#"{"expires_on":"2027-02-30"}"#,
        ] {
            assert!(read::<IntegrationBody>(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_as_such_and_not_held() {
        let many = |entry: &str| vec![entry; 10_000].join(",");
        let form = applied(&format!(
            r#"{{"redirect_uris":[{0}],"scopes":[{0}],"accounts":[{1}],"owners":[{0}],
                "restrictions":{{"scripts":[{0}],"domains":[{0}],"employees":[{0}]}}}}"#,
            many(r#""a""#),
            many(r#"{"account_id":"7"}"#),
        ));
        let rules = form.restrictions.clone().unwrap();
        let lists = [
            &form.redirect_uris,
            &form.scopes,
            &form.owners,
            &rules.scripts,
            &rules.domains,
            &rules.employees,
        ];
        assert_eq!(lists.map(Vec::len), [21, 11, 101, 1001, 1001, 1001]);
        assert_eq!(form.accounts.len(), 101);
        let wrong = form.problems(false);
        let told: Vec<_> = wrong
            .iter()
            .filter(|each| each.detail.contains("more than"))
            .map(|each| format!("{} {}", each.pointer, each.detail))
            .collect();
        assert_eq!(told.len(), 7, "{told:?}");
    }

    #[test]
    fn what_is_fixed_is_told() {
        let body: IntegrationBody =
            read(br#"{"name":"x","issue":true,"application_id":"y","description":"z"}"#).unwrap();
        assert_eq!(body.fixed().collect::<Vec<_>>(), ["/name", "/issue", "/application_id"]);
    }
}
