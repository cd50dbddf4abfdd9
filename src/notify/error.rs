//! Why a notice didn't get out, or a way out can't be set up.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use lettre::transport::smtp;

use super::bounded::{BYTES, LINES, TooMuch};

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
    #[error("{0} is no name or address of a host")]
    Host(String),
    #[error("{0} is no mail address")]
    Address(String),

    // The program's.
    #[error("the program can't be started: {0}")]
    Start(#[source] io::Error),
    #[error("the program took longer than notice.command_seconds and was killed")]
    Slow,
    #[error("the program ended with {0}")]
    Ended(std::process::ExitStatus),

    // The mail server's, or of the way there.
    #[error("the mail server can't be reached: {0}; look at notice.smtp.host and notice.smtp.port")]
    Unreachable(#[source] io::Error),
    #[error("the connection to the mail server broke: {0}")]
    Broken(#[source] io::Error),
    #[error("TLS with the mail server: {0}; look at notice.smtp.tls and notice.smtp.ca")]
    Tls(#[source] io::Error),
    #[error("the mail server doesn't begin TLS, it says \"{said}\"; look at notice.smtp.tls")]
    NoTls { said: String },
    #[error("there was more behind the mail server's answer to STARTTLS; is somebody in between?")]
    SaidInBetween,
    #[error(
        "the mail server said more than {BYTES} bytes or {LINES} lines, which none does; look at what answers at notice.smtp.host \
         and notice.smtp.port, and who is in between"
    )]
    TooMuch,
    #[error("the mail server took longer than notice.smtp.seconds")]
    Silent,
    /// An SMTP server's answer may repeat what it was sent: recipients, never a password.
    #[error("the mail server's greeting: {0}")]
    Unwelcome(#[source] smtp::Error),
    #[error("the mail server lets nobody in: {0}; look at notice.smtp.username and its password")]
    Login(#[source] smtp::Error),

    // The mail's.
    #[error(
        "no mail address of those whom it concerns can be used; give them others: fsm-vault caller edit NAME --mail M"
    )]
    Nobody,
    #[error("the mail can't be written: {0}")]
    Message(#[from] lettre::error::Error),
    /// The connection may have broken, too.
    #[error("the mail server: {0}")]
    Refused(#[source] smtp::Error),
}

impl NotifyError {
    pub(super) fn of_stream(error: io::Error) -> Self {
        if is_too_much(&error) { Self::TooMuch } else { Self::Broken(error) }
    }

    /// Of what lettre made of an answer, or of none.
    pub(super) fn of_answer(error: smtp::Error, otherwise: fn(smtp::Error) -> Self) -> Self {
        let mut cause = error.source();
        while let Some(each) = cause {
            if each.downcast_ref().is_some_and(is_too_much) {
                return Self::TooMuch;
            }
            cause = each.source();
        }
        otherwise(error)
    }

    /// Whether another mail would fare no better.
    pub(super) fn is_of_the_way(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Tls(_)
            | Self::NoTls { .. }
            | Self::SaidInBetween
            | Self::TooMuch
            | Self::Silent
            | Self::Unwelcome(_)
            | Self::Login(_) => true,
            // 421: the server closes.
            Self::Refused(error) => match error.status() {
                Some(code) => code.to_string() == "421",
                None => !error.is_client(),
            },
            Self::NoProgram { .. }
            | Self::OpenProgram { .. }
            | Self::NotExecutable { .. }
            | Self::NoRoots { .. }
            | Self::Host(_)
            | Self::Address(_)
            | Self::Start(_)
            | Self::Slow
            | Self::Ended(_)
            | Self::Nobody
            | Self::Message(_) => false,
        }
    }
}

fn is_too_much(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<TooMuch>())
}
