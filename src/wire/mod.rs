//! The JSON of the API, as the server writes and the client reads it, and the other way round.
//!
//! Shapes only: what may be in them is decided by `model`. Values cross as [`Plaintext`], which no shape
//! here can serialise: the bodies that carry one out are written by hand in `released`.

mod callers;
mod events;
mod insight;
mod integrations;
mod json;
mod keyslots;
mod lists;
mod notices;
mod place;
mod problem;
mod released;
mod rotations;
mod secrets;
mod spelling;
mod system;

pub use callers::{
    CallerEditForm, CallerForm, CallerView, CertificateForm, Enrolled, OperatorEditForm, OperatorForm,
    RenewalForm, ServiceEditForm, ServiceForm,
};
pub use events::{About, NoticeEvent, NoticeState, Resync, RotatedEvent, WatchOpened, event};
pub use insight::{AccessView, ConsumerView, NoteView, Notes};
pub use integrations::{FSM_TEMPLATE, IntegrationBody, IntegrationView, PairForm};
pub use json::{MAX_BODY, MAX_VALUE_BODY, Unreadable, append, read, read_part, write, write_within};
pub use keyslots::{KeySlotForm, KeySlotView, PassphraseChange, RekeyForm, RekeyedView};
pub use lists::{AuditEntries, Listed};
pub use notices::NoticeView;
pub use problem::{Code, Problem};
pub use released::{
    Issued, IssuedRead, PairRead, ValueRead, enrolled_body, issued_body, pair_body, set_apart, value_body,
};
pub use rotations::{ActivationForm, NewPairForm, PreviousView, VersionForm, VersionMoved};
pub use secrets::{ImportForm, ImportedView, MAX_IMPORTED, SecretForm, SecretPatch, SecretView, VersionView};
pub use system::{AuditStanding, BackupForm, BadEntry, Passphrase, Status, Unseal, Verification};
