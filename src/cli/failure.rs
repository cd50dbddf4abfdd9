//! Why a command didn't do what it was told: a text that says what to type next, and an exit code.

use serde::Serialize;

use super::exit::Exit;
use super::options::Typed;
use crate::client::{ClientError, NotText, Refusal};
use crate::daemon::DaemonError;
use crate::identity::{FileError, IdentityError};
use crate::model::FieldError;
use crate::vault::VaultError;
use crate::wire::Code;

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// Empty if the result, already printed, says it all.
    pub text: String,
    /// Whether it is a passphrase that was refused: whoever asked for it knows where it came from.
    pub is_wrong_passphrase: bool,
    refusal: Option<Box<Refusal>>,
}

/// A failure as one JSON document: the daemon's problem, or the same shape made here.
#[derive(Serialize)]
struct Document<'a> {
    code: &'a str,
    detail: &'a str,
    exit_code: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Failure {
    pub fn new(exit: Exit, text: impl ToString) -> Self {
        Self { exit, text: text.to_string(), is_wrong_passphrase: false, refusal: None }
    }

    pub fn usage(text: impl ToString) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// The result was printed, and it is a bad one.
    pub fn told(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Says more, in a line of its own.
    pub fn and(mut self, more: impl std::fmt::Display) -> Self {
        self.text = format!("{}\n{more}", self.text);
        self
    }

    /// Says it in other words, to programs too.
    pub fn retold(mut self, text: String) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.detail.clone_from(&text);
        }
        self.text = text;
        self
    }

    /// Says first what it is about.
    pub fn of(mut self, what: impl std::fmt::Display) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// What the daemon found wrong with fields is told of the options that were typed; programs get it as it is.
    pub fn in_options(mut self, typed: impl FnOnce() -> Typed) -> Self {
        if self.refusal().is_some_and(|refusal| !refusal.errors.is_empty()) {
            self.text = typed().told(&self.text);
        }
        self
    }

    /// Whether the daemon answered with this status.
    pub fn is_status(&self, status: u16) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.status == status)
    }

    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// For `--output json`.
    pub fn document(&self) -> Vec<u8> {
        let own = match self.exit {
            Exit::Done | Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::NotFound => "not_found",
            Exit::Sealed => "sealed",
            Exit::Conflict => "conflict",
            Exit::Unreachable => "unreachable",
        };
        let exit_code = self.exit as u8;
        crate::wire::write(&match &self.refusal {
            Some(refusal) => Document {
                code: if refusal.code.is_empty() { own } else { &refusal.code },
                detail: &refusal.detail,
                exit_code,
                request_id: &refusal.request_id,
                errors: &refusal.errors,
            },
            None => Document { code: own, detail: &self.text, exit_code, request_id: "", errors: &[] },
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = Exit::of_client(&error);
        let text = in_options(&error).or_else(|| with_list(&error)).unwrap_or_else(|| error.to_string());
        let refusal = match error {
            ClientError::Refused(refusal) => Some(refusal),
            _ => None,
        };
        let wrong = Code::WrongPassphrase.word();
        let is_wrong_passphrase = refusal.as_ref().is_some_and(|refusal| refusal.code == wrong);
        Self { exit, text, is_wrong_passphrase, refusal }
    }
}

/// The daemon speaks of a request's parameters; here they are options.
fn in_options(error: &ClientError) -> Option<String> {
    let ClientError::Refused(refusal) = error else { return None };
    let (parameter, option) = match refusal.code.as_str() {
        code if code == Code::DomainRequired.word() => ("domain=", "--domain HOST"),
        code if code == Code::EmployeeRequired.word() => ("employee=", "--employee EMPLOYEE"),
        _ => return None,
    };
    Some(error.to_string().replace(parameter, option))
}

/// What isn't there, with where to look what is.
fn with_list(error: &ClientError) -> Option<String> {
    let ClientError::Refused(refusal) = error else { return None };
    let list = match refusal.detail.as_str() {
        "There is no such caller." => "caller list",
        "There is no such key slot." => "keyslot list",
        "There is no such notice." => "notices",
        "There is no such secret." => "secret list",
        "There is no such integration." => "integration list",
        "There is no such version." => "secret show ID, or fsm-vault integration show NAME",
        _ => return None,
    };
    Some(format!("{error}\nSee which there are: fsm-vault {list}"))
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let exit = match error {
            FileError::Exists { .. } => Exit::Conflict,
            _ if error.is_of_disk() => Exit::Failed,
            // Which file it is, is input.
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::File(error) => error.into(),
            other => Self::new(Exit::Failed, other),
        }
    }
}

impl From<NotText> for Failure {
    fn from(error: NotText) -> Self {
        Self::usage(format!("what was given {error}; only text can be sent here"))
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let is_wrong_passphrase = matches!(error, VaultError::WrongPassphrase);
        Self { is_wrong_passphrase, ..Self::new(Exit::of_code(error.exit_code()), error) }
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        if let DaemonError::Vault(error) = error {
            return error.into();
        }
        Self::new(Exit::of_code(error.exit_code()), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_input_and_its_disk_is_not() {
        use std::io::{Error, ErrorKind};
        for (kind, exit) in [
            (ErrorKind::PermissionDenied, Exit::Usage),
            (ErrorKind::NotADirectory, Exit::Usage),
            (ErrorKind::StorageFull, Exit::Failed),
            (ErrorKind::ReadOnlyFilesystem, Exit::Failed),
        ] {
            let file = || FileError::Io { path: "/x".into(), doing: "write", source: Error::from(kind) };
            let listen = || "unix:/x/vault.sock".parse().unwrap();
            for failure in [
                Failure::from(file()),
                VaultError::from(file()).into(),
                VaultError::File { path: "/x".to_owned(), source: Error::from(kind) }.into(),
                DaemonError::Bind { listen: listen(), source: Error::from(kind) }.into(),
            ] {
                assert_eq!(failure.exit, exit, "{}", failure.text);
            }
        }
    }

    #[test]
    fn every_failure_is_one_json_document() {
        let own: serde_json::Value = serde_json::from_slice(&Failure::usage("say --x").document()).unwrap();
        assert_eq!(own, serde_json::json!({"code": "usage", "detail": "say --x", "exit_code": 2}));
        let refusal = Refusal {
            status: 403,
            code: "access_denied".to_owned(),
            title: String::new(),
            detail: "No.".to_owned(),
            request_id: "r1".to_owned(),
            errors: Vec::new(),
        };
        let failure = Failure::from(ClientError::from(Box::new(refusal)));
        let told: serde_json::Value = serde_json::from_slice(&failure.document()).unwrap();
        let expected =
            serde_json::json!({"code": "access_denied", "detail": "No.", "exit_code": 3, "request_id": "r1"});
        assert_eq!(told, expected);
        assert!(failure.is_status(403) && !failure.is_status(404));
    }
}
