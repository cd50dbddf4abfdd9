//! `/v1/integrations`.

use serde_json::json;

use super::operation::Operation;
use super::parameter::{force, paging, reading, spelled};
use crate::model::IntegrationName;
use crate::wire::{
    ActivationForm, Code, IntegrationBody, IntegrationView, MAX_BODY, MAX_VALUE_BODY, NewPairForm, PairRead,
    VersionMoved,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/integrations/{name}/credentials", "readCredentials", "Reads a pair, never mixed")
            .service()
            .takes(&reading())
            .ok::<PairRead>("Client ID and client secret of one version.")
            .conditional(),
        Operation::get("/v1/integrations", "listIntegrations", "Lists the records that one may see")
            .operator("view")
            .takes(&paging(spelled::<IntegrationName>()))
            .page::<IntegrationView>("Records by name."),
        Operation::post(
            "/v1/integrations",
            "createIntegration",
            "Makes a record and its secrets, perhaps with the first pair",
        )
        .operator("create")
        .body::<IntegrationBody>(MAX_VALUE_BODY)
        .example(json!({
            "name": "crm",
            "redirect_uris": ["https://crm.example/callback"],
            "authorization_code_grant": true,
            "scopes": ["restlets"],
            "restrictions": { "scripts": ["customscript_crm"], "allow_all_domains": true },
            "issue": true,
        }))
        .may(&[Code::Tombstoned])
        .created::<IntegrationView>("The record, with the pair if it was issued.")
        .or_issued()
        .tagged(),
        Operation::get("/v1/integrations/{name}", "showIntegration", "Shows a record, without its pair")
            .operator("view, and owner of its pair")
            .ok::<IntegrationView>("The record.")
            .tagged(),
        Operation::patch(
            "/v1/integrations/{name}",
            "editIntegration",
            "Changes the fields of a record that are given",
        )
        .operator("edit, and owner of its pair")
        .body::<IntegrationBody>(MAX_BODY)
        .example(json!({ "note": "ticket 4711" }))
        .if_match()
        .ok::<IntegrationView>("The record. What is fixed when it is made is refused.")
        .tagged(),
        Operation::delete(
            "/v1/integrations/{name}",
            "deleteIntegration",
            "Destroys a record, its secrets and its pair",
        )
        .operator("full")
        .if_match()
        .deleted("It is gone; version numbers go on if an ID is used again."),
        Operation::post("/v1/integrations/{name}/credentials", "rotatePair", "Stores a new pair")
            .operator("edit, and owner of its pair")
            .takes(&[force()])
            .body::<NewPairForm>(MAX_VALUE_BODY)
            .example(
                json!({ "client_id": "another example", "client_secret": "no secret either", "grace": "1h" }),
            )
            .if_match()
            .ok::<VersionMoved>("It is the current pair already; nothing was changed.")
            .created::<VersionMoved>("The new version, with the pair if it was issued.")
            .or_issued(),
        Operation::post(
            "/v1/integrations/{name}/credentials/{number}/activate",
            "activatePair",
            "Makes a pending pair current, or the previous one again",
        )
        .operator("edit, and owner of its pair")
        .takes(&[force()])
        .optional_body::<ActivationForm>(MAX_BODY)
        .example(json!({ "grace": "1h" }))
        .if_match()
        .ok::<VersionMoved>("Where it stands now."),
        Operation::delete(
            "/v1/integrations/{name}/credentials/{number}",
            "retirePair",
            "Retires a pending pair, or the previous one, at once",
        )
        .operator("edit, and owner of its pair")
        .takes(&[force()])
        .if_match()
        .deleted("Both halves are destroyed."),
        Operation::post("/v1/integrations/{name}/reset", "resetPair", "Retires the pair at once")
            .operator("edit, and owner of its pair")
            .if_match()
            .ok::<IntegrationView>("The record; readers get 404 until the next pair is stored.")
            .tagged(),
    ]
}
