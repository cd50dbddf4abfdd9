//! An integration record as people read it.

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::failure::Failure;
use super::output::{self, Form, Reveal};
use super::secret::{rules, versions};
use crate::client::{Answer, printable};
use crate::model::{ConsentPolicy, IntegrationState, OAuthScope, PairOrigin};
use crate::secret::Plaintext;
use crate::wire::{IntegrationView, Issued};

pub fn described(record: &IntegrationView) -> String {
    let grants = [
        (record.authorization_code_grant, "authorization code"),
        (record.client_credentials_grant, "client credentials"),
    ];
    let grants: Vec<_> = grants.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
    let mut lines = Columns::pairs();
    lines.row(["name", &record.name]);
    lines.row(["description", &record.description]);
    lines.row(["note", &record.note]);
    lines.row(["state", state(record.state)]);
    lines.row(["client", if record.public_client { "public" } else { "confidential" }]);
    lines.row(["grants", &grants.join(", ")]);
    lines.row(["scopes", &record.scopes.iter().map(|each| scope(*each)).collect::<Vec<_>>().join(", ")]);
    lines.row(["consent", consent(record.consent_policy)]);
    let hours = |hours: Option<u16>| hours.map(|hours| format!("{hours} hours"));
    let validity = hours(record.refresh_token_validity_hours).unwrap_or_else(|| "7 days".to_owned());
    lines.row(["refresh token", &validity]);
    if let Some(rotation) = hours(record.maximum_token_rotation_hours) {
        lines.row(["token rotation", &rotation]);
    }
    if record.public_client {
        lines.row(["registration", if record.dynamic_client_registration { "dynamic" } else { "by hand" }]);
    }
    if let Some(name) = &record.client_name {
        lines.row(["client name", name]);
    }
    // They may carry a capability token; JSON shows them to whoever asks for it.
    lines.row(["redirect URIs", &format!("{} (shown with --output json)", record.redirect_uris.len())]);
    lines.row(["account", record.account_id.as_deref().unwrap_or_default()]);
    for each in &record.accounts {
        let mut there = format!("{}, {}", state(each.state), consent(each.consent_policy));
        if !each.note.is_empty() {
            there = format!("{there}, {}", each.note);
        }
        lines.row([&format!("in {}", each.account_id), &there]);
    }
    for (name, url) in record.endpoints.each() {
        if let Some(url) = url {
            lines.row([&format!("{name} at"), url]);
        }
    }
    lines.row(["application ID", &record.application_id]);
    let secrets = [Some(record.client_id_secret.as_str()), record.client_secret_secret.as_deref()];
    lines.row(["secrets", &secrets.into_iter().flatten().collect::<Vec<_>>().join(", ")]);
    lines.row(["owners", &record.owners.join(", ")]);
    rules(&mut lines, record.restrictions.as_ref());
    let origin = match record.pair_origin {
        PairOrigin::Captured => "captured",
        PairOrigin::Issued => "issued",
    };
    let version = record.version.map(|version| format!("version {version}, {origin}")).unwrap_or_default();
    lines.row(["pair", &version]);
    lines.row(["expires on", &record.expires_on.map(|day| day.to_string()).unwrap_or_default()]);
    lines.row(["warn at days", &record.max_age_days.map(|days| days.to_string()).unwrap_or_default()]);
    lines.row(["created", &format!("{} by {}", time(record.created_at), record.created_by)]);
    lines.row(["changed", &time(record.changed_at)]);
    versions(&mut lines, &record.versions);
    for gap in &record.gaps {
        let field = gap.pointer.trim_start_matches('/');
        lines.row(["attention", &format!("{field} {}", gap.detail)]);
    }
    lines.to_string()
}

/// Prints the daemon's document as it came, or `text` made of it; with the pair, if one came with it. That is shown this once:
/// where it can't be, the failure says what became of it, for nobody can ask again.
pub fn answer_issued(
    globals: &Globals,
    answer: &Answer,
    (name, version): (&str, u64),
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let Issued { credentials: Some(pair) } = answer.read()? else {
        return globals.output.answer(answer, text);
    };
    output::tell("This pair is shown this once; from now on only services get it.");
    let line = match globals.output {
        Form::Json => answer.body.lend(output::json_line),
        Form::Text => lines(&text(), pair.client_id, pair.client_secret),
    };
    line.and_then(|line| line.lend(output::print_once)).map_err(|failure| {
        let name = printable(name);
        failure.and(format!(
            "Version {version} of {name}'s pair is stored, but was not shown, and won't be again. Another one is made and \
             shown by: fsm-vault integration rotate {name} --issue"
        ))
    })
}

/// Prints both halves of a pair, or the one that a public client has.
pub fn show_pair(client_id: Plaintext, client_secret: Option<Plaintext>) -> Result<(), Failure> {
    lines("", client_id, client_secret)?.lend(output::print)
}

/// A text, and a line for each half.
fn lines(text: &str, client_id: Plaintext, client_secret: Option<Plaintext>) -> Result<Plaintext, Failure> {
    let how = Reveal::fitting(false);
    let mut lines = zeroize::Zeroizing::new(text.as_bytes().to_vec());
    for (name, half) in [("client_id: ", Some(client_id)), ("client_secret: ", client_secret)] {
        if let Some(half) = half {
            lines.extend_from_slice(name.as_bytes());
            how.render(half)?.lend(|half| lines.extend_from_slice(half));
        }
    }
    Ok(lines.into())
}

pub fn state(state: IntegrationState) -> &'static str {
    match state {
        IntegrationState::Enabled => "enabled",
        IntegrationState::Blocked => "blocked",
        IntegrationState::WaitingForApproval => "waiting for approval",
    }
}

fn scope(scope: OAuthScope) -> &'static str {
    match scope {
        OAuthScope::Restlets => "restlets",
        OAuthScope::RestWebservices => "rest_webservices",
        OAuthScope::SuiteAnalytics => "suite_analytics",
        OAuthScope::Mcp => "mcp",
    }
}

fn consent(policy: ConsentPolicy) -> &'static str {
    match policy {
        ConsentPolicy::AlwaysAsk => "always ask",
        ConsentPolicy::NeverAsk => "never ask",
        ConsentPolicy::AskFirstTime => "ask first time",
    }
}
