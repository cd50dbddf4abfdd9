//! The room as a whole: real files, real tampering, a disk that fails when told to.

mod damage;
mod keeping;
mod opening;
mod paging;
mod rekeyed;
pub(super) mod site;
mod tampering;
mod torn;
mod writing;
