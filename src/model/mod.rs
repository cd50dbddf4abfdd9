//! The nouns: identifiers, secret, version, restrictions, integration, caller, denial, notice.
//!
//! Every type here is valid once it exists: the way in is a parser that names what is wrong. Holds no
//! secret value, reads no clock, does no I/O.

mod account;
mod caller;
mod denial;
mod domain;
mod integration;
mod itself;
mod keyslot;
mod limit;
mod list;
mod name;
mod notice;
mod restrictions;
mod rotation;
mod secret;
mod spiffe;
mod time;
mod tombstone;
mod unseen;
mod uses;
mod word;

pub use account::AccountId;
pub use caller::{Caller, CallerState, KeyHash, Level, Pins, Role, SpeakingKey, UnitName};
pub use denial::{Denial, Lacking};
pub use domain::{Domain, DomainPattern};
pub use integration::{
    AccountForm, ConsentPolicy, Endpoints, FSM_NAME, FSM_SECRETS, Installation, Integration, IntegrationForm,
    IntegrationState, OAuthScope, PairCare, PairOrigin, redirect_uri,
};
pub use itself::Itself;
pub use keyslot::{SlotId, SlotLabel, SlotNote, SlotNotes};
pub use limit::Limit;
pub use list::{AtMost, MAX_ACCOUNTS, MAX_OWNERS, MAX_REDIRECT_URIS, MAX_SCOPES, at_most};
pub use name::{CallerName, Employee, IntegrationName, ScriptId, SecretId, SuiteAppId};
pub use notice::{Acknowledged, Concern, Notice, NoticeId, NoticeKind, NoticeLevel, Rung};
pub use restrictions::{Restrictions, RestrictionsForm, Scope};
pub use rotation::{Rotation, Standstill};
pub use secret::{
    Encoding, Fingerprint, MAX_VALUE_BYTES, MAX_VALUE_CHARS, Origin, Release, Secret, Standing, Unavailable,
    Version, VersionState, VersionWanted, check_value,
};
pub use spiffe::{SpiffeId, TrustDomain};
pub use time::parse_time;
pub use tombstone::Tombstone;
pub use unseen::is_unseen;
pub use uses::{CallerUse, SecretUses, UsesMark};
pub use word::{FieldError, Invalid, line_of_text};
