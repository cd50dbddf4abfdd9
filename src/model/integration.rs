//! An OAuth 2.0 integration record, which owns the pair client ID + client secret.
//!
//! NETSUITE.md, Integration records and The FSM pair.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::{CallerName, IntegrationName, SecretId};
use super::restrictions::{Restrictions, Scope};
use super::word::Invalid;

/// The name of the integration that `fsm setup` makes.
pub const FSM_NAME: &str = "fsm";

/// Whether the record may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationState {
    Enabled,
    Blocked,
    WaitingForApproval,
}

/// What a token of this integration may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthScope {
    Restlets,
    RestWebservices,
    SuiteAnalytics,
    Mcp,
}

/// Whether a user who signs in is asked to consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPolicy {
    AlwaysAsk,
    NeverAsk,
    AskFirstTime,
}

/// An integration record. Its pair's versions are those of its two secrets, which always change together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integration {
    pub name: IntegrationName,
    pub description: String,
    pub state: IntegrationState,
    pub authorization_code_grant: bool,
    pub client_credentials_grant: bool,
    /// Treated as sensitive: the FSM Suitelet's URL carries a capability token (`ns-at`).
    pub redirect_uris: Vec<String>,
    pub scopes: Vec<OAuthScope>,
    pub consent_policy: ConsentPolicy,
    /// Generated, GUID-like, fixed.
    pub application_id: String,
    pub client_id_secret: SecretId,
    pub client_secret_secret: SecretId,
    /// The only rules for the pair. None: it serves nobody.
    pub restrictions: Option<Restrictions>,
    pub created_at: Timestamp,
    pub created_by: CallerName,
    pub changed_at: Timestamp,
}

impl Integration {
    /// The FSM record as NETSUITE.md's table has it: one script, all domains, no employee limit.
    pub fn fsm(application_id: String, redirect_uris: Vec<String>, by: CallerName, now: Timestamp) -> Self {
        let known = "a constant of the product, covered by a test";
        Self {
            name: FSM_NAME.parse().expect(known),
            description: "FSM OAuth 2.0".to_owned(),
            state: IntegrationState::Enabled,
            authorization_code_grant: true,
            client_credentials_grant: false,
            redirect_uris,
            scopes: vec![OAuthScope::Restlets],
            consent_policy: ConsentPolicy::AlwaysAsk,
            application_id,
            client_id_secret: "custsecret_fsm_oauth2_client_id".parse().expect(known),
            client_secret_secret: "custsecret_fsm_oauth2_client_secret".parse().expect(known),
            restrictions: Some(Restrictions {
                scripts: Scope::Only(vec!["customscript_nx_suitelet2".parse().expect(known)]),
                domains: Scope::All,
                employees: Vec::new(),
                suiteapp: None,
            }),
            created_at: now,
            created_by: by,
            changed_at: now,
        }
    }

    /// The names of the pair's two secrets, as an operator reads them in a list.
    pub fn secret_names(&self) -> [String; 2] {
        let title = if self.description.is_empty() { self.name.as_str() } else { &self.description };
        [format!("{title} Client ID"), format!("{title} Client Secret")]
    }
}

/// A redirect URI: `https://` and a host, or a custom scheme such as `myapp://callback`. `http://` is refused.
pub fn redirect_uri(text: &str) -> Result<(), Invalid> {
    const RULE: Invalid =
        Invalid("is no redirect URI: https://host/… or a custom scheme such as myapp://callback");
    if text.len() > 2000 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(RULE);
    }
    let (scheme, rest) = text.split_once("://").ok_or(RULE)?;
    let scheme_holds = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if scheme.eq_ignore_ascii_case("http") {
        return Err(Invalid("begins with http://; NetSuite takes https:// or a custom scheme"));
    }
    if !scheme_holds || rest.is_empty() || rest.starts_with(['/', '?', '#']) { Err(RULE) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_and_near_misses() {
        for right in [
            "https://1234567.extforms.netsuite.com/app/site/hosting/scriptlet.nl?script=1&url=mobile",
            "myapp://callback",
        ] {
            assert!(redirect_uri(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "http://a.example/",
            "HTTP://a.example",
            "https://",
            "https:///x",
            "a.example",
            "1app://x",
            "https://a b",
            "https://\u{e4}",
        ] {
            assert!(redirect_uri(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fsm_is_what_the_table_says() {
        let fsm = Integration::fsm("id".into(), vec![], "admin".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let shown = serde_json::to_value(&fsm).unwrap();
        assert_eq!(shown["client_id_secret"], "custsecret_fsm_oauth2_client_id");
        assert_eq!(shown["client_secret_secret"], "custsecret_fsm_oauth2_client_secret");
        assert_eq!(
            shown["restrictions"],
            serde_json::json!({
                "scripts": ["customscript_nx_suitelet2"], "allow_all_scripts": false,
                "domains": [], "allow_all_domains": true,
                "employees": [], "available_to_suiteapp": false, "suiteapp_id": null,
            })
        );
        assert_eq!(fsm.secret_names(), ["FSM OAuth 2.0 Client ID", "FSM OAuth 2.0 Client Secret"]);
    }
}
