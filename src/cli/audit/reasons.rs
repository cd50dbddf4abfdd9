//! What each reason in the log means, and what to type so that the next request is allowed.

use crate::model::{Denial, Unavailable};

/// A reason in plain English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    pub why: &'static str,
    /// Commands to type. `{caller}` and the like stand for fields of the entry: a command whose field the entry lacks is
    /// left out. Words in capitals are for the reader to choose.
    pub next: &'static [&'static str],
}

const SHOW: &str = "fsm-vault secret show {secret}";
const SHOW_PAIR: &str = "fsm-vault integration show {integration}";
const SHOW_CALLER: &str = "fsm-vault caller show {name}";
const CERTIFY: &str = "fsm-vault caller certify {name} --out DIR";
const ADD: &str = "fsm-vault caller add {name} --script SCRIPT --out DIR";
const ACCESS: &str = "fsm-vault secret access {secret}";
const EDIT_SCRIPT: &str = "fsm-vault caller edit {name} --script SCRIPT";
const ADD_OPERATOR: &str = "fsm-vault caller add NEW --operator edit --employee EMPLOYEE --out DIR";

/// The advice for a word that stands as `reason` in an entry. None for a word that this version doesn't know.
pub fn advice(reason: &str) -> Option<Advice> {
    Denial::of_reason(reason).map(of_denial).or_else(|| of_other(reason))
}

fn of_denial(denial: Denial) -> Advice {
    let (why, next): (_, &[&str]) = match denial {
        Denial::Sealed => ("The vault was sealed: it held no keys.", &["fsm-vault unseal"]),
        Denial::CallerUnknown => (
            "No registration knows this certificate: its name was never added, or it isn't the certificate \
             that was issued last for it.",
            &[SHOW_CALLER, ADD],
        ),
        Denial::CertificateExpired => (
            "The certificate had expired. A caller renews its own in time with `fsm-vault caller renew`; for an expired one it is \
             too late, and an operator has another one made.",
            &[CERTIFY],
        ),
        Denial::CallerRevoked => (
            "The registration was revoked. Its name may be added again; the old certificate stays refused.",
            &[SHOW_CALLER, ADD],
        ),
        Denial::WrongPeer => (
            "The caller is pinned to a user or a systemd unit, and the request came from another process, or \
             over TCP, where nobody can tell. Let the pinned process ask, on the Unix socket; or change its \
             pins.",
            &[
                SHOW_CALLER,
                "fsm-vault caller edit {name} --uid UID --any-unit",
                "fsm-vault caller edit {name} --unit NAME.service --any-uid",
                "fsm-vault caller edit {name} --any-uid --any-unit",
            ],
        ),
        Denial::WrongRole => (
            "Operators never read values, and services never manage: this identity is of the other kind.",
            &[SHOW_CALLER, "fsm-vault caller add NEW --script SCRIPT --out DIR", ADD_OPERATOR],
        ),
        Denial::SecretUnknown => (
            "There was nothing of this name. Perhaps it is misspelled, or was not stored yet.",
            &[
                "fsm-vault secret list",
                "fsm-vault integration list",
                "fsm-vault secret create {secret} --script SCRIPT --domain DOMAIN",
            ],
        ),
        Denial::IntegrationBlocked => (
            "The integration that owns it is blocked or waits for approval; only an enabled one serves.",
            &[SHOW_PAIR, "fsm-vault integration edit {integration} --state enabled", SHOW],
        ),
        Denial::NoRestrictions => (
            "It has no restrictions, so it serves nobody: scripts and domains must be named first.",
            &[SHOW_PAIR, "fsm-vault integration edit {integration} --script SCRIPT --domain DOMAIN", SHOW],
        ),
        Denial::ScriptNotAllowed => (
            "The script that this caller runs is not among those that may use it. Compare the two. If this \
             caller runs another script than its registration says, edit that. If the rule is to have another \
             script, edit the rule: name all that it is to have.",
            &[
                SHOW_CALLER,
                ACCESS,
                SHOW_PAIR,
                EDIT_SCRIPT,
                "fsm-vault secret edit {secret} --script SCRIPT",
                "fsm-vault integration edit {integration} --script SCRIPT",
            ],
        ),
        Denial::SuiteAppNotAllowed => (
            "It is for the scripts of one SuiteApp, and this caller belongs to another one or to none.",
            &[SHOW_CALLER, SHOW, SHOW_PAIR, "fsm-vault caller edit {name} --suiteapp SUITEAPP"],
        ),
        Denial::EmployeeRequired => (
            "The caller works for several employees, and the request named none: it must say which, with \
             --employee, or employee= in its URL.",
            &[
                SHOW_CALLER,
                "fsm-vault secret get {secret} --employee EMPLOYEE",
                "fsm-vault integration credentials {integration} --employee EMPLOYEE",
            ],
        ),
        Denial::EmployeeNotOfCaller => (
            "The request named an employee for whom this caller is not registered. An edit takes all \
             employees that it is to have, in place of those before.",
            &[SHOW_CALLER, "fsm-vault caller edit {name} --employee EMPLOYEE --employee {employee}"],
        ),
        Denial::EmployeeNotAllowed => (
            "It is for certain employees, and the one for whom the request was made is not among them, or \
             there was none.",
            &[
                ACCESS,
                SHOW_PAIR,
                SHOW_CALLER,
                "fsm-vault caller edit {name} --employee EMPLOYEE",
                "fsm-vault secret edit {secret} --employee EMPLOYEE",
                "fsm-vault integration edit {integration} --employee EMPLOYEE",
            ],
        ),
        Denial::DomainRequired => (
            "It may be sent to certain domains only, and the request didn't say where it would go: it must, \
             with --domain, or domain= in its URL.",
            &[
                SHOW,
                SHOW_PAIR,
                "fsm-vault secret get {secret} --domain DOMAIN",
                "fsm-vault integration credentials {integration} --domain DOMAIN",
            ],
        ),
        Denial::DomainNotAllowed => (
            "The domain that the request named is not among those that it may be sent to. Check the spelling; a pattern such as \
             *.example.com doesn't cover example.com itself. An edit of the rule names all domains that it is to have.",
            &[
                SHOW,
                SHOW_PAIR,
                "fsm-vault secret edit {secret} --domain DOMAIN",
                "fsm-vault integration edit {integration} --domain DOMAIN",
            ],
        ),
        Denial::AddressNotListed => (
            "The request named an IP address. It may be sent to all domains, which an address isn't: that has to be listed. Name \
             the host if it has a name, with --domain, or domain= in the request's URL; or list the address, in place of all \
             domains, with every other domain that the rule is to have.",
            &[
                SHOW,
                SHOW_PAIR,
                "fsm-vault secret edit {secret} --domain ADDRESS --domain DOMAIN",
                "fsm-vault integration edit {integration} --domain ADDRESS --domain DOMAIN",
            ],
        ),
        Denial::UseOnly => ("It is use_only: its value is never returned to anybody, only used.", &[SHOW]),
        Denial::Version(Unavailable::Unknown) => {
            ("There is no such version, or none is current.", &[SHOW, SHOW_PAIR])
        }
        Denial::Version(Unavailable::Pending) => (
            "The version is pending: stored, and not served until it is activated.",
            &[
                SHOW,
                SHOW_PAIR,
                "fsm-vault secret activate {secret} VERSION",
                "fsm-vault integration activate {integration} VERSION",
            ],
        ),
        Denial::Version(Unavailable::Retired) => (
            "The version is retired: its grace is over, or it was cut off, and its value is destroyed. Ask \
             for the current one.",
            &[SHOW, SHOW_PAIR],
        ),
        Denial::Level(_) => (
            "The operator's permission level is too low for this, or it belongs to others.",
            &[SHOW_CALLER, "fsm-vault caller edit {name} --level LEVEL"],
        ),
    };
    Advice { why, next }
}

/// Why what was allowed came to nothing, and what the daemon says of itself.
fn of_other(reason: &str) -> Option<Advice> {
    let (why, next): (_, &[&str]) = match reason {
        "not_found" => (
            "There was no such thing, as far as this operator may see.",
            &["fsm-vault secret list", "fsm-vault integration list"],
        ),
        "conflict" => (
            "It exists already, or it was not in a state for this; the answer said which. Look at what there is.",
            &[SHOW, SHOW_PAIR, "fsm-vault caller show {subject}"],
        ),
        "managed_by_integration" => (
            "The secret is half of a pair, which changes as one, by its integration.",
            &[SHOW, "fsm-vault integration list"],
        ),
        "tombstoned" => (
            "The ID was shared with a SuiteApp and deleted. Such an ID is never used again: take another.",
            &["fsm-vault secret create NEW --script SCRIPT --domain DOMAIN"],
        ),
        "precondition_failed" => (
            "It had been changed since it was looked at. Look again, and make the change on what there is now.",
            &[SHOW, SHOW_PAIR],
        ),
        "invalid_field" => {
            ("Something in the request was not valid; the answer named each field and its rule.", &[])
        }
        "wrong_passphrase" => ("The passphrase was wrong.", &["fsm-vault unseal"]),
        "rate_limited" => (
            "After three wrong passphrases, or during another attempt, one has to wait.",
            &["fsm-vault unseal"],
        ),
        "no_room" => (
            "Its answer was long, and as many long ones were under way already as limits.large or limits.caller_large lets be: \
             nobody got it. Read those, or ask for fewer entries.",
            &[],
        ),
        "audit_unavailable" => (
            "The log could not be written, and nothing is done without its entry. Look for a full disk.",
            &["fsm-vault status"],
        ),
        "storage_full" => (
            "The data directory's disk was full. Make room on it; the daemon goes on by itself.",
            &["fsm-vault status"],
        ),
        "storage_unavailable" => (
            "The data directory's disk could not be written or read. The cause stands in the daemon's own log; once the \
             disk works, the daemon goes on by itself.",
            &["fsm-vault status"],
        ),
        "audit_full" => (
            "The log's disk was full. Between audit.refusing and audit.resume nothing was released or changed; count says how \
             many requests and lines of the daemon's own that concerned.",
            &["fsm-vault status"],
        ),
        "change_made" => (
            "The store was opened again after a failed write, and the change was found made, whatever stands before.",
            &["fsm-vault audit tail"],
        ),
        "change_not_made" => (
            "The store was opened again after a failed write, and nothing of the change was found in it.",
            &["fsm-vault audit tail"],
        ),
        "given_up" => (
            "It was given up before its end: a seal or a rekey came, nobody took it, or too much was changed.",
            &[],
        ),
        "unsettled" => ("What was asked for changed faster than it could be read. Ask again.", &[]),
        "internal" => (
            "The daemon failed at this. The cause stands in its own log, under the same request ID.",
            &["fsm-vault status"],
        ),
        "unchanged" => ("The value was the current one already, so nothing was changed.", &[SHOW, SHOW_PAIR]),
        "info" | "warning" | "critical" => (
            "A standing warning was raised to this level; its own command says what to do about it.",
            &["fsm-vault notices"],
        ),
        "hook" | "mail" => (
            "Somebody was told of a standing warning this way; where it failed, the daemon's log says why.",
            &["fsm-vault notices"],
        ),
        "various" => (
            "One entry stands here for repeated refusals of a caller, which had different reasons. The first ten of each minute stand \
             singly before it.",
            &["fsm-vault audit show --caller {caller} --outcome denied"],
        ),
        "not_kept_while_sealed" => (
            "While the vault was sealed, more attempts were refused than it could remember; this entry counts \
             them.",
            &["fsm-vault audit show --action vault.unseal"],
        ),
        "retain" => ("Old parts of the log were removed, as audit.retain in the configuration says.", &[]),
        "unfinished_line" => (
            "The daemon had been stopped in the middle of a line, which was cut off; no decision depended on it.",
            &["fsm-vault audit verify"],
        ),
        // What somebody did to the log (crate::audit::Flaw).
        "not_an_entry" | "changed" | "out_of_order" | "no_header" | "header_inside" | "misplaced"
        | "does_not_follow" | "missing" | "unreadable" | "checkpoint_not_met" | "truncated"
        | "foreign_bytes" | "replaced" | "not_repaired" | "after_damage" | "too_large" => (
            "The log was found other than it had been written; it goes on in a new segment. Find out who \
             could write to it.",
            &["fsm-vault audit verify"],
        ),
        "stray" => (
            "A file with the name of a part of the log lies beside it and isn't of this log, which goes on as it was. Move \
             that file out of audit/, and find out who put it there.",
            &["fsm-vault audit verify"],
        ),
        "newer_format" => (
            "A newer fsm-vault wrote a part of the log that this one can't read; install that one again.",
            &["fsm-vault audit verify"],
        ),
        _ => return None,
    };
    Some(Advice { why, next })
}

#[cfg(test)]
mod tests;
