//! How the API's words are spelled, for its description: what `model` parses, as regular expressions (ECMA-262).
//!
//! A description only: what is let through is decided by `model`. The vectors of `tests/vectors` and the description's
//! own tests hold both together.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::model::{
    AccountId, CallerName, Domain, DomainPattern, Employee, IntegrationName, NoticeId, ScriptId, SecretId,
    SlotId, SlotLabel, SpiffeId, SuiteAppId, UnitName,
};

/// Declares the schema of a word: lengths in characters, a pattern or "" for none, an example.
macro_rules! spelled {
    ($($word:ident $lengths:expr, $pattern:expr, $example:expr, $text:expr;)*) => {$(
        impl PartialSchema for $word {
            fn schema() -> RefOr<Schema> {
                word($lengths, $pattern, $example, $text)
            }
        }

        impl ToSchema for $word {
            fn name() -> Cow<'static, str> {
                stringify!($word).into()
            }
        }
    )*};
}

spelled! {
    SecretId (1, 99), r"^(?![Cc][Uu][Ss][Tt][Ss][Ee][Cc][Rr][Ee][Tt]$)([Cc][Uu][Ss][Tt][Ss][Ee][Cc][Rr][Ee][Tt])?[A-Za-z0-9_]{1,89}$",
        "custsecret_fsm_oauth2_client_id",
        "`custsecret` and 1 to 89 letters, digits or underscores. Taken in any case, with or without `custsecret`; answered whole, in lower case.";
    ScriptId (13, 101), r"^[Cc][Uu][Ss][Tt][Oo][Mm][Ss][Cc][Rr][Ii][Pp][Tt][A-Za-z0-9_]{1,89}$",
        "customscript_nx_suitelet2",
        "`customscript` and 1 to 89 letters, digits or underscores. Taken in any case, answered in lower case.";
    SuiteAppId (1, 128), r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$",
        "com.example.fieldservice",
        "A SuiteApp's ID: dotted words. Taken in any case, answered in lower case.";
    Employee (1, 256), r"^(?!\s)[^\u0000-\u001f\u007f-\u009f,]+(?<!\s)$",
        "42",
        "An employee, compared letter for letter: at most 256 bytes, no comma, no control character, no white space at either end.";
    CallerName (1, 63), r"^[a-z0-9][a-z0-9._-]*$", "fsm", "A registered caller.";
    IntegrationName (1, 64), r"^[A-Za-z0-9_]+$",
        "fsm", "An integration record. Taken in any case, answered in lower case.";
    AccountId (1, 40), r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)?$",
        "1234567_SB1", "A NetSuite account. Taken in any case and with `-` too, answered in capitals with `_`.";
    NoticeId (5, 256), r"^[a-z_]+\.[a-z0-9_.-]+\.[a-z0-9_-]+$",
        "expiry.custsecret_crm_key.2027-06-30", "Kind, subject and occasion of a notice.";
    SlotId (8, 8), r"^[0-9a-f]{8}$", "3f9a02c7", "A key slot of the vault.";
    SlotLabel (1, 64), r"^[^\u0000-\u001f\u007f-\u009f]+$", "paper in the safe", "What a key slot is for: one line.";
    Domain (1, 512), "", "system.netsuite.com",
        "A host name or IP address, without scheme, port or path. Taken with letters of any script (IDNA).";
    DomainPattern (1, 514), "", "*.netsuite.com",
        "A domain, or `*.` and a domain of at least two labels: any one label before it.";
    SpiffeId (12, 2048), r"^spiffe://[a-z0-9._-]{1,255}(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+$",
        "spiffe://example.org/ns/prod/sa/fsm", "A SPIFFE ID with a path.";
    UnitName (9, 255), r"^[A-Za-z0-9._@:\\-]+\.service$", "fsm-mobile.service", "A systemd service.";
}

fn word(
    (least, most): (usize, usize),
    pattern: &'static str,
    example: &'static str,
    text: &'static str,
) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(text))
        .min_length(Some(least))
        .max_length(Some(most))
        .pattern((!pattern.is_empty()).then_some(pattern))
        .examples([example])
        .into()
}
