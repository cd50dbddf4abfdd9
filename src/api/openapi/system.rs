//! `/v1/sys`, `/v1/audit`, `/v1/watch` and the description itself.

use serde_json::json;

use super::operation::Operation;
use super::parameter::{Parameter, paging, spelled};
use crate::audit::LoggedEntry;
use crate::model::{IntegrationName, SecretId};
use crate::telemetry::Format;
use crate::wire::{
    BackupForm, Code, KeySlotForm, KeySlotView, MAX_BODY, Passphrase, PassphraseChange, RekeyForm,
    RekeyedView, Status, Unseal, Verification,
};

/// What showing a passphrase may be answered.
const PROVING: &[Code] = &[Code::WrongPassphrase, Code::RateLimited];

const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/v1/openapi.json", "describe", "This description").object("An OpenAPI 3.1 document."),
        Operation::get("/v1/sys/status", "status", "Tells the state of the daemon and its log")
            .ok::<Status>("The state."),
        Operation::get("/v1/sys/metrics", "readMetrics", "Counts, without any names, for Prometheus")
            .operator_or_custodian("view")
            .text(
                Format::Prometheus.content_type(),
                "Prometheus text; OpenMetrics text where `Accept` names `application/openmetrics-text`.",
            )
            .or_as(Format::OpenMetrics.content_type()),
        Operation::get("/v1/watch", "watch", "Tells what changes, of what the caller may see")
            .anyone()
            .takes(&[Parameter::last_event_id()])
            .may(&[Code::RateLimited])
            .events(
                &["open", "rotated", "notice", "resync", "revoked", "end"],
                "Server-sent events, until either side ends it.",
            ),
        Operation::post("/v1/sys/seal", "seal", "Seals the vault")
            .custodian()
            .may(&[Code::Sealed])
            .ok::<Status>("The state, sealed."),
        Operation::post("/v1/sys/unseal", "unseal", "Unseals the vault")
            .custodian()
            .body::<Unseal>(MAX_BODY)
            .may(&[Code::WrongPassphrase, Code::RateLimited])
            .ok::<Status>("The state, unsealed."),
        Operation::post(
            "/v1/sys/passphrase",
            "changePassphrase",
            "Puts a new passphrase in the place of one",
        )
        .operator("full")
        .body::<PassphraseChange>(MAX_BODY)
        .may(PROVING)
        .ok::<KeySlotView>("The key slot that opens with the new one."),
        Operation::get("/v1/sys/keyslots", "listKeySlots", "Lists the key slots, each for one passphrase")
            .operator("full")
            .page::<KeySlotView>("All of them, eight at most, in the order in which they are tried."),
        Operation::post("/v1/sys/keyslots", "addKeySlot", "Adds a key slot for another passphrase")
            .operator("full")
            .body::<KeySlotForm>(MAX_BODY)
            .may(PROVING)
            .created::<KeySlotView>("The key slot."),
        Operation::delete(
            "/v1/sys/keyslots/{id}",
            "removeKeySlot",
            "Removes a key slot, but not the last one",
        )
        .operator("full")
        .body::<Passphrase>(MAX_BODY)
        .may(PROVING)
        .deleted("Its passphrase no longer unseals the vault."),
        Operation::post("/v1/sys/rekey", "rekey", "Seals every record anew under another root key")
            .operator("full")
            .body::<RekeyForm>(MAX_BODY)
            .may(PROVING)
            .ok::<RekeyedView>("The key slots of the new root key, and those that went with the old one."),
        Operation::post("/v1/sys/backup", "createBackup", "Makes a backup of everything as it is now")
            .operator("full")
            .optional_body::<BackupForm>(MAX_BODY)
            .may(PROVING)
            .bytes("A sealed file, docs/formats.md. One that ends early is none: the connection breaks off with it."),
        Operation::get("/v1/audit", "listAudit", "Lists what the log has on what one owns and did")
            .operator("view")
            .takes(&paging(
                json!({ "type": "string", "pattern": "^(n[0-9]+-[0-9]+|o[0-9]+-[0-9]+-[0-9]+-[0-9]+)$" }),
            ))
            .takes(&sought())
            .page::<LoggedEntry>("Entries; the page may be short, even empty, and still not be the last."),
        Operation::get("/v1/audit/verify", "verifyAudit", "Checks the whole log")
            .operator("view")
            .ok::<Verification>("What was found, also when the log is not intact."),
    ]
}

/// What a list of entries may be narrowed to; an entry fits all that is given.
fn sought() -> Vec<Parameter> {
    let seq = || json!({ "type": "integer", "minimum": 0 });
    let text = || json!({ "type": "string", "minLength": 1, "maxLength": 2048, "pattern": ONE_LINE });
    let time = || json!({ "type": "string", "format": "date-time" });
    let query = Parameter::query;
    vec![
        query("order", "From which end.", json!({ "enum": ["newest", "oldest"], "default": "newest" })),
        query("after", "Entries with higher numbers.", seq()),
        query("seq", "The entry of this number.", seq()),
        query("request_id", "An answer's `x-request-id`.", text()),
        query("caller", "A caller's name, or the SPIFFE ID of somebody unregistered.", text()),
        query("secret", "As the entry names it.", spelled::<SecretId>()),
        query("integration", "As the entry names it.", spelled::<IntegrationName>()),
        query("action", "Such as `secret.read`.", text()),
        query("outcome", "How it ended.", json!({ "enum": ["allowed", "denied", "failed"] })),
        query("since", "Entries from this time on.", time()),
        query("until", "Entries before this time.", time()),
    ]
}
