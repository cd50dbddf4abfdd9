//! Why a notice didn't get out, or a way out can't be set up.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    // The configuration's; who tells them knows the key.
    #[error("{path} can't be run: {source}", path = path.display())]
    NoProgram { path: PathBuf, source: io::Error },
    #[error(
        "{path} can be changed by any user; type: chmod o-w {path}",
        path = path.display()
    )]
    OpenProgram { path: PathBuf },
    #[error("{path} is no program: no file, or not executable", path = path.display())]
    NotExecutable { path: PathBuf },
    #[error("{path} holds no certificates in PEM", path = path.display())]
    NoRoots { path: PathBuf },
    #[error("{0}")]
    Server(#[source] lettre::transport::smtp::Error),
    #[error("{0} is no mail address")]
    Address(String),

    // The program's.
    #[error("the program can't be started: {0}")]
    Start(#[source] io::Error),
    #[error("the program took longer than notice.command_seconds and was killed")]
    Slow,
    #[error("the program ended with {0}")]
    Ended(std::process::ExitStatus),

    // The mail server's.
    #[error("the mail can't be written: {0}")]
    Message(#[from] lettre::error::Error),
    /// An SMTP server's answer may repeat what it was sent: recipients, never a password.
    #[error("the mail server: {0}")]
    Refused(#[source] lettre::transport::smtp::Error),
    #[error("the mail server took longer than notice.smtp.seconds")]
    Silent,
}
