//! From the configuration's `notice` to the rules that notices are judged by, and to the ways that they are told.

use std::path::{Path, PathBuf};

use super::error::DaemonError;
use crate::config::{Notice, Smtp, SmtpTls};
use crate::identity::read_private;
use crate::notify::{Hook, Mail, Server, Tls, Ways};
use crate::secret::Plaintext;
use crate::systemd;
use crate::vault::{Ladder, NoticeRules};

const LONGEST_PASSWORD: usize = 1024;
const LARGEST_BUNDLE: u64 = 1024 * 1024;

pub(super) fn rules(notice: &Notice) -> NoticeRules {
    NoticeRules {
        ladder: Ladder::new(notice.ladder_days.iter().copied()),
        pair_age_days: notice.pair_age_days,
        low_bytes: notice.low_space_mib << 20,
        critical_bytes: notice.critical_space_mib << 20,
    }
}

/// The hook program and the mail server, if there are any. What can't work is told before the daemon serves.
pub(super) fn ways(notice: &Notice) -> Result<Ways, DaemonError> {
    let hook = match notice.command.split_first() {
        None => None,
        Some((program, arguments)) => {
            Some(Hook::new(PathBuf::from(program), arguments.to_vec(), notice.command_timeout)?)
        }
    };
    let mail = notice.smtp.as_ref().map(mail).transpose()?;
    Ok(Ways { hook, mail })
}

fn mail(smtp: &Smtp) -> Result<Mail, DaemonError> {
    let roots = smtp.ca.as_deref().map(bundle).transpose()?;
    let credentials = match &smtp.username {
        None => None,
        Some(user) => Some((user.clone(), password(smtp)?)),
    };
    let server = Server {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::Implicit => Tls::Implicit,
            SmtpTls::StartTls => Tls::StartTls,
            SmtpTls::None => Tls::None,
        },
        from: smtp.from.clone(),
        to: smtp.to.clone(),
        credentials,
        roots,
        timeout: smtp.timeout,
    };
    Ok(Mail::new(server)?)
}

fn bundle(path: &Path) -> Result<(PathBuf, Vec<u8>), DaemonError> {
    let failed = |source| DaemonError::System { doing: "read notice.smtp.ca", source };
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST_BUNDLE {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok((path.to_owned(), std::fs::read(path).map_err(failed)?))
}

/// The configured file, which must be private, or systemd's credential, whose directory systemd guards. One line end
/// is taken off.
fn password(smtp: &Smtp) -> Result<Plaintext, DaemonError> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    let read = match (&smtp.password_file, systemd::smtp_password_file(directory.as_deref())) {
        (Some(file), _) => {
            read_private(file, LONGEST_PASSWORD).map_err(crate::identity::IdentityError::from)?
        }
        (None, Some(credential)) => {
            let doing = "read the credential smtp_password";
            let bytes = std::fs::read(credential).map_err(|source| DaemonError::System { doing, source })?;
            Plaintext::new(bytes)
        }
        (None, None) => {
            let why = "notice.smtp.username is set, and there is no notice.smtp.password_file";
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, why);
            return Err(DaemonError::System { doing: "find the mail server's password", source });
        }
    };
    let mut bytes = read.reveal_into_vec();
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(bytes.into())
}
