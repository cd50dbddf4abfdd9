//! `integration edit` and `integration delete`: changes of a record as it was when this command looked.

use clap::Args;

use super::arguments::Globals;
use super::connect::with_daemon;
use super::failure::Failure;
use super::integration_settings::{Settings, Standing};
use super::integration_view::described;
use super::list::one_of;
use super::{output, prompt};
use crate::client::{Body, Call, printable};
use crate::model::IntegrationName;
use crate::wire::IntegrationView;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault integration edit fsm --state blocked\n  fsm-vault integration edit fsm --redirect-uri https://a.example/callback \
                  \\\n      --redirect-uri myapp://callback\n  fsm-vault integration edit fsm --account \
                  1234567_SB1=blocked --clear note\n\nOnly what is given changes. A list replaces the one before; of rules, \
                  accounts and endpoints what isn't named stays. Whether it is a public client is fixed."
)]
pub struct Edit {
    /// Its name, such as fsm
    name: IntegrationName,
    #[command(flatten)]
    settings: Box<Settings>,
    /// Give a field back what it has unless told otherwise; several by commas, or by the option again. What is given of the same field
    /// besides begins anew
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = one_of(CLEARABLE))]
    clear: Vec<String>,
}

/// Fields whose usual value is none, or the first of its kind.
const CLEARABLE: [&str; 12] = [
    "description",
    "note",
    "client-name",
    "refresh-token-validity-hours",
    "maximum-token-rotation-hours",
    "consent-policy",
    "account-id",
    "accounts",
    "endpoints",
    "restrictions",
    "expires-on",
    "max-age-days",
];

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault integration delete fsm\n\nIts two secrets and every version of its pair go with \
                  it: nobody gets them any more. On a terminal it asks for the name, unless told --yes; without one it asks nobody."
)]
pub struct Delete {
    /// Its name, such as fsm
    name: IntegrationName,
    /// Don't ask on a terminal
    #[arg(long)]
    yes: bool,
}

pub fn edit(globals: &Globals, command: Edit) -> Result<(), Failure> {
    let path = format!("/v1/integrations/{}", command.name);
    with_daemon(globals, async |daemon| {
        let before = daemon.call(Call::get(&*path)).await?;
        let record: IntegrationView = before.read()?;
        let (accounts, endpoints) = (record.accounts, record.endpoints);
        let standing = Standing { accounts, endpoints, restrictions: record.restrictions };
        let body = command.settings.add_to(Body::default(), standing, &command.clear)?;
        if body.is_empty() {
            let why = "say what shall change, such as --state blocked or --clear note; all of it: fsm-vault integration edit --help";
            return Err(Failure::usage(why));
        }
        let call = Call::patch(&*path).if_match(before.tag.clone()).with(body.end());
        let answer = daemon.call(call).await?;
        output::tell_if_same(&before, &answer);
        let record: IntegrationView = answer.read()?;
        globals.output.answer(&answer, || described(&record))
    })
}

pub fn delete(globals: &Globals, command: &Delete) -> Result<(), Failure> {
    let name = &command.name;
    let path = format!("/v1/integrations/{name}");
    with_daemon(globals, async |daemon| {
        let before = daemon.call(Call::get(&*path)).await?;
        let record: IntegrationView = before.read()?;
        let secrets: Vec<_> = [Some(&record.client_id_secret), record.client_secret_secret.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        if !command.yes && prompt::can_ask() {
            for id in &secrets {
                output::tell(format_args!("{} goes with it, every version.", printable(id)));
            }
            let question = format!("Type {name} to delete it for good: ");
            prompt::confirm(&question, name.as_str(), "nothing was deleted")?;
        }
        daemon.call(Call::delete(&*path).if_match(before.tag)).await?;
        let document = serde_json::json!({ "name": name.as_str(), "deleted": true });
        globals.output.show(&document, || format!("{name} and its pair are deleted for good\n"))
    })
}
