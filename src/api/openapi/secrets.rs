//! `/v1/secrets`.

use serde_json::json;

use super::operation::Operation;
use super::parameter::{Parameter, force, paging, reading, spelled};
use crate::model::{CallerName, Domain, Employee, SecretId};
use crate::wire::{
    AccessView, ActivationForm, Code, ConsumerView, ImportForm, ImportedView, MAX_BODY, MAX_VALUE_BODY,
    Notes, SecretForm, SecretPatch, SecretView, ValueRead, VersionForm, VersionMoved,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/secrets/{id}/value", "readValue", "Reads a value")
            .service()
            .takes(&reading())
            .ok::<ValueRead>("The value; its bytes alone for `Accept: application/octet-stream`.")
            .or_as("application/octet-stream")
            .conditional(),
        Operation::get("/v1/secrets", "listSecrets", "Lists the metadata of the secrets that one may see")
            .operator("view")
            .takes(&paging(spelled::<SecretId>()))
            .takes(&filters())
            .page::<SecretView>("Secrets by ID."),
        Operation::post("/v1/secrets", "createSecret", "Makes a secret with its first version")
            .operator("create")
            .body::<SecretForm>(MAX_VALUE_BODY)
            .example(json!({
                "id": "_maps_key",
                "name": "Maps key",
                "value": "an example, not a value",
                "expires_on": "2030-06-30",
                "restrictions": { "scripts": ["customscript_maps"], "domains": ["*.example.com"] },
            }))
            .may(&[Code::Tombstoned])
            .created::<SecretView>("Its metadata.")
            .tagged(),
        Operation::get("/v1/secrets/{id}", "showSecret", "Shows a secret's metadata")
            .operator("view, and owner")
            .ok::<SecretView>("Its metadata.")
            .tagged(),
        Operation::patch("/v1/secrets/{id}", "editSecret", "Changes the metadata that is given")
            .operator("edit, and owner")
            .body::<SecretPatch>(MAX_BODY)
            .example(json!({ "description": "ticket 4711", "expires_on": null }))
            .if_match()
            .may(&[Code::ManagedByIntegration])
            .ok::<SecretView>("Its metadata.")
            .tagged(),
        Operation::delete("/v1/secrets/{id}", "deleteSecret", "Deletes a secret and destroys its values")
            .operator("full")
            .if_match()
            .may(&[Code::ManagedByIntegration])
            .deleted("It is gone; its version numbers go on if the ID is used again."),
        Operation::post("/v1/imports", "importSecrets", "Makes many secrets in one atomic step")
            .operator("create")
            .body::<ImportForm>(MAX_VALUE_BODY)
            .example(json!({ "secrets": [{
                "id": "_imported_key",
                "value": "a third example",
                "restrictions": { "allow_all_scripts": true, "allow_all_domains": true },
            }] }))
            .created_page::<ImportedView>("What was made."),
        Operation::get(
            "/v1/secrets/{id}/notes",
            "listNotes",
            "Lists the changes of a secret and who fetched it",
        )
        .operator("view, and owner")
        .takes(&paging(json!({ "type": "string", "pattern": "^n[0-9]+-[0-9]+$" })))
        .ok::<Notes>("Changes, newest first."),
        Operation::get("/v1/secrets/{id}/consumers", "listConsumers", "Lists who fetched which version last")
            .operator("view, and owner")
            .takes(&paging(spelled::<CallerName>()))
            .page::<ConsumerView>("Consumers by caller."),
        Operation::get("/v1/secrets/{id}/access", "tryAccess", "Tells for each service whether it may fetch")
            .operator("view, and owner")
            .takes(&paging(spelled::<CallerName>()))
            .takes(&[
                Parameter::query("domain", "The host that the value would be for.", spelled::<Domain>()),
                Parameter::query(
                    "employee",
                    "On whose behalf; else each of a service's own is tried.",
                    spelled::<Employee>(),
                ),
            ])
            .page::<AccessView>("Services by name."),
        Operation::post("/v1/secrets/{id}/versions", "rotateSecret", "Stores a new version")
            .operator("edit, and owner")
            .takes(&[force()])
            .body::<VersionForm>(MAX_VALUE_BODY)
            .example(json!({ "value": "another example", "grace": "1h", "note": "ticket 4711" }))
            .if_match()
            .may(&[Code::ManagedByIntegration])
            .ok::<VersionMoved>("It is the current value already; nothing was changed.")
            .created::<VersionMoved>("The new version."),
        Operation::post(
            "/v1/secrets/{id}/versions/{number}/activate",
            "activateVersion",
            "Makes a pending version current, or the previous one again",
        )
        .operator("edit, and owner")
        .takes(&[force()])
        .optional_body::<ActivationForm>(MAX_BODY)
        .example(json!({ "grace": "1h" }))
        .if_match()
        .may(&[Code::ManagedByIntegration])
        .ok::<VersionMoved>("Where it stands now."),
        Operation::delete("/v1/secrets/{id}/versions/{number}", "retireVersion", "Retires a version at once")
            .operator("edit, and owner")
            .takes(&[force()])
            .if_match()
            .may(&[Code::ManagedByIntegration])
            .deleted("Its value is destroyed."),
    ]
}

/// What a list of secrets may be narrowed to.
fn filters() -> [Parameter; 4] {
    let one_of = |words: &[&str]| json!({ "type": "string", "enum": words, "default": "all" });
    [
        Parameter::query(
            "q",
            "Part of the name, description, ID, application ID or an owner, in any case of letters.",
            json!({ "type": "string", "maxLength": 300 }),
        ),
        Parameter::query(
            "exposure",
            "Available to no SuiteApp, or to one.",
            one_of(&["all", "local", "shared"]),
        ),
        Parameter::query(
            "origin",
            "Owned by whoever asks, made here, or imported.",
            one_of(&["all", "my", "this_account", "external"]),
        ),
        Parameter::query("owner", "An owner, exactly.", spelled::<Employee>()),
    ]
}
