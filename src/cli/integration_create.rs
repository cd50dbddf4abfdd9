//! `integration create`.

use clap::Args;

use super::arguments::Globals;
use super::connect::{client, with_daemon};
use super::failure::Failure;
use super::fsm::PairFiles;
use super::integration_settings::{Settings, Standing};
use super::integration_view::{answer_issued, described};
use crate::client::{Body, Call};
use crate::model::{IntegrationForm, IntegrationName, SecretId};
use crate::wire::{FSM_TEMPLATE, IntegrationView};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault integration create fsm --template fsm --redirect-uri https://a.example/callback\n  \
                  fsm-vault integration create crm --code-grant --redirect-uri https://crm.example/callback \\\n      \
                  --scope restlets --script customscript_crm --allow-all-domains\n  fsm-vault integration create reports --m2m \
                  --scope suite_analytics \\\n      --script customscript_reports --allow-all-domains --issue\n\nWithout a pair it serves \
                  nobody until one is stored: fsm-vault integration capture NAME"
)]
pub struct Create {
    /// Its name: letters, digits and underscores
    name: IntegrationName,
    /// Begin with the record of this kind
    #[arg(long, value_name = "TEMPLATE", value_parser = [FSM_TEMPLATE])]
    template: Option<String>,
    /// It is a public client, which has no client secret; fixed from then on
    #[arg(long)]
    public_client: bool,
    #[command(flatten)]
    settings: Box<Settings>,
    /// The ID of the secret that holds the client ID [default: custsecret_NAME_client_id]
    #[arg(long, value_name = "ID")]
    client_id_secret: Option<SecretId>,
    /// The ID of the secret that holds the client secret [default: custsecret_NAME_client_secret]
    #[arg(long, value_name = "ID", conflicts_with = "public_client")]
    client_secret_secret: Option<SecretId>,
    /// Let the daemon make up the pair, and show it this once
    #[arg(long, conflicts_with_all = ["client_id_file", "client_secret_file"])]
    issue: bool,
    #[command(flatten)]
    pair: PairFiles,
}

pub fn run(globals: &Globals, command: Create) -> Result<(), Failure> {
    client(globals)?;
    let mut body = Body::with_room(4096).field("name", &command.name);
    let mut standing = Standing::default();
    if let Some(template) = &command.template {
        body = body.field("template", template);
        standing.restrictions = IntegrationForm::fsm().restrictions;
    }
    if command.public_client {
        body = body.field("public_client", &true);
    }
    for (name, id) in [
        ("client_id_secret", &command.client_id_secret),
        ("client_secret_secret", &command.client_secret_secret),
    ] {
        if let Some(id) = id {
            body = body.field(name, id);
        }
    }
    body = command.settings.add_to(body, standing, &[])?;
    if command.issue {
        body = body.field("issue", &true);
    }
    if command.pair.is_given() {
        let pair = command.pair.looked_at(command.public_client)?;
        body = body.object("credentials", pair.body()?);
    }
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/integrations").with(body.end())).await?;
        let record: IntegrationView = answer.read()?;
        let version = record.version.unwrap_or_default();
        answer_issued(globals, &answer, (&record.name, version), || described(&record))
    })
}
