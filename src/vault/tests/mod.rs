//! The vault as its callers know it, on a real store and a real log, with time turned by hand.

mod backup;
mod caller_edit;
mod enrol;
mod gauges;
mod import;
mod integrations;
mod keyslots;
mod lifecycle;
mod lives;
mod looking;
mod manage;
mod model;
mod newer;
mod notices;
mod places;
mod rekey;
mod release;
mod reopening;
mod rollback;
mod rotation;
mod schedules;
mod secrets;
pub(super) mod site;
mod turns;
mod uses;
mod waiting;
mod watch;
