//! A backup: one sealed file, written frame by frame and read back with every byte checked.
//!
//! Owns the format, which is drawn in `head.rs`, `frame.rs` and `item.rs`, and the way through such a file in either
//! direction. Reads and writes no file by its name, knows no noun and opens no record: what it carries are records as
//! they lie in the store, sealed under keys that a backup's own keys don't give away.
//!
//! ```text
//! head (clear) ‖ frame 0 ‖ frame 1 ‖ … ‖ last frame ‖ digest
//!                └── the items: manifest, records, end ──┘
//! ```
//!
//! Nothing is allocated on a file's word: what is read grows by what is really there, frame by frame, up to bounds.

mod error;
mod frame;
mod head;
mod item;
mod outline;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use error::BackupError;
pub use head::{FORMAT, Head};
pub use item::{Counts, LogHead, Manifest};
pub use outline::Outline;
pub use read::{Closed, Reader};
pub use write::Writer;
