//! The service manager: tells it how the daemon is, takes the sockets and the credential it hands over.
//!
//! Everything works without systemd too: then there is nobody to tell and nothing is handed over. Opens no
//! socket of its own to listen on and reads no passphrase.

mod credentials;
mod notify;
mod sockets;

pub use credentials::{passphrase_file, smtp_password_file};
pub use notify::Notifier;
pub use sockets::{Activated, ActivationError};
