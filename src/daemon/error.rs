//! Why the daemon doesn't start or ends early; each text tells what to do.

use std::io::{self, ErrorKind};

use super::named::Unusable;
use crate::config::Listen;
use crate::identity::{IdentityError, is_of_place};
use crate::vault::VaultError;

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Files that the configuration names; at least one.
    #[error("{}", each_in_a_line(.0))]
    Unusable(Vec<Unusable>),
    #[error("{0} is in use by another process: stop it, or listen elsewhere with --listen")]
    InUse(Listen),
    #[error("{0} is a file that is no socket: remove it, or listen elsewhere with --listen")]
    NotASocket(Listen),
    #[error("can't listen on {listen}: {source}")]
    Bind { listen: Listen, source: io::Error },
    #[error("can't {doing}: {source}")]
    System { doing: &'static str, source: io::Error },
    #[error("no random numbers from the kernel")]
    Random(#[from] crate::crypto::Failed),
}

impl DaemonError {
    /// The command line's exit code (contract): 2 for what was configured wrongly, 6 for what is held by another.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Vault(error) => error.exit_code(),
            Self::InUse(_) => 6,
            Self::Bind { source, .. }
                if is_of_place(source) || source.kind() == ErrorKind::AddrNotAvailable =>
            {
                2
            }
            Self::NotASocket(_) | Self::Identity(IdentityError::Trust(_)) | Self::Unusable(_) => 2,
            Self::Identity(_) | Self::Bind { .. } | Self::System { .. } | Self::Random(_) => 1,
        }
    }
}

fn each_in_a_line(unusable: &[Unusable]) -> String {
    let lines: Vec<_> = unusable.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
