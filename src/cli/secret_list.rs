//! `secret list`: what there is, filtered.

use clap::Args;

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::failure::Failure;
use super::listing;
use crate::model::Employee;
use crate::wire::SecretView;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault secret list\n  fsm-vault secret list --search oauth --exposure local --owner 42"
)]
pub struct List {
    /// Part of the name, description, ID, application ID or an owner, in any case of letters
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those available to a SuiteApp, or to none
    #[arg(long, value_enum)]
    exposure: Option<Exposure>,
    /// Only those you own, made here, or imported from elsewhere
    #[arg(long, value_enum)]
    origin: Option<Origin>,
    /// Only those that this employee owns
    #[arg(long, value_name = "EMPLOYEE")]
    owner: Option<Employee>,
}

/// `exposure` of the API's list.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Exposure {
    All,
    Local,
    Shared,
}

/// `origin` of the API's list.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Origin {
    All,
    My,
    ThisAccount,
    External,
}

fn word(value: impl clap::ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

pub fn list(globals: &Globals, command: List) -> Result<(), Failure> {
    let parameters = [
        ("q", command.search),
        ("exposure", command.exposure.and_then(word)),
        ("origin", command.origin.and_then(word)),
        ("owner", command.owner.as_ref().map(ToString::to_string)),
    ];
    with_daemon(globals, async |daemon| {
        let list = listing::filtered(daemon, "/v1/secrets", &parameters).await?;
        listing::show(globals.output, &list, |secrets: Vec<SecretView>| {
            let mut columns =
                Columns::with_head(["ID", "NAME", "INTEGRATION", "VERSION", "EXPIRES", "CHANGED"]);
            for secret in secrets {
                let expires = secret.expires_on.map(|day| day.to_string()).unwrap_or_default();
                let integration = secret.integration.clone().unwrap_or_default();
                let changed = time(secret.changed_at);
                columns.row([&secret.id, &secret.name, &integration, &current(&secret), &expires, &changed]);
            }
            columns.to_string()
        })
    })
}

fn current(secret: &SecretView) -> String {
    let current = secret.versions.iter().find(|version| version.state == "current");
    current.map(|version| version.version.to_string()).unwrap_or_default()
}
