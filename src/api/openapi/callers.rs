//! `/v1/callers` and `/v1/identity`.

use serde_json::json;

use super::operation::Operation;
use super::parameter::{paging, spelled};
use crate::model::CallerName;
use crate::wire::{CallerEditForm, CallerForm, CallerView, CertificateForm, Enrolled, MAX_BODY, RenewalForm};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/callers", "listCallers", "Lists all registrations")
            .operator("full")
            .takes(&paging(spelled::<CallerName>()))
            .page::<CallerView>("Registrations by name."),
        Operation::post("/v1/callers", "enrolCaller", "Registers a caller and certifies its key")
            .operator("full")
            .body::<CallerForm>(MAX_BODY)
            .example(json!({ "name": "crm", "service": { "script": "customscript_crm" }, "valid": "24h" }))
            .created::<Enrolled>("The registration and its certificate; a key made here is shown this once."),
        Operation::get("/v1/callers/{name}", "showCaller", "Shows a registration")
            .operator("full")
            .ok::<CallerView>("The registration.")
            .tagged(),
        Operation::patch(
            "/v1/callers/{name}",
            "editCaller",
            "Changes the fields of a registration that are given",
        )
        .operator("full")
        .body::<CallerEditForm>(MAX_BODY)
        .example(json!({ "mail": "ops@example.com" }))
        .if_match()
        .ok::<CallerView>("The registration.")
        .tagged(),
        Operation::delete("/v1/callers/{name}", "revokeCaller", "Revokes a caller")
            .operator("full")
            .if_match()
            .deleted("It is refused from its next request on."),
        Operation::post(
            "/v1/callers/{name}/certificates",
            "certifyCaller",
            "Certifies another key of a registered caller",
        )
        .operator("full")
        .body::<CertificateForm>(MAX_BODY)
        .example(json!({ "valid": "24h" }))
        .created::<Enrolled>("The registration and its new certificate; a key made here is shown this once."),
        Operation::post("/v1/identity/renew", "renewIdentity", "Certifies a key for the caller that asks")
            .anyone()
            .body::<RenewalForm>(MAX_BODY)
            .created::<Enrolled>("The registration and the new certificate."),
    ]
}
