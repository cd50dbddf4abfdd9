//! `init`: a new vault and its first operator.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::arguments::Globals;
use super::connect::block_on;
use super::exit::Exit;
use super::failure::Failure;
use super::{config, passphrase, shell};
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::crypto::Argon2Cost;
use crate::daemon::audit_settings;
use crate::model::{CallerName, Employee, Invalid, TrustDomain};
use crate::secret::Plaintext;
use crate::vault::{self, Directory, NewVault, VaultError};

/// What the first operator is called unless told otherwise.
pub const USUAL_OPERATOR: &str = "admin";

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault init --data-dir /var/lib/fsm-vault\n\nWithout a passphrase file the passphrase is \
                  asked for, unseen and twice."
)]
pub struct Init {
    /// Where the vault shall live; may be left out where the configuration file has data_dir
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A private file with the passphrase, - for standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The trust domain in the callers' certificates
    #[arg(long, value_name = "DOMAIN", default_value = TrustDomain::DEFAULT)]
    trust_domain: TrustDomain,
    /// The first operator, of level full
    #[arg(long, value_name = "NAME", default_value = USUAL_OPERATOR, value_parser = new_name)]
    operator: CallerName,
}

pub fn run(globals: &Globals, command: Init) -> Result<(), Failure> {
    let configured = config::settings(globals)?;
    if command.data_dir.is_none() && !configured.data_dir_is_named {
        // Made in a place that nobody thought of, it would be looked for in another.
        return Err(Failure::usage(
            "where shall the vault live? No configuration file says it in data_dir. Type: fsm-vault init --data-dir DIR, such as \
             /var/lib/fsm-vault",
        ));
    }
    let settings = located(configured, command.data_dir.as_deref())?;
    let data = &settings.data_dir;
    let then = "type the same again, or name another directory with --data-dir";
    let failed = |error| at_place(error, data, then);
    let directory = Directory::at(data);
    block_on(async { vault::refuse_existing(&directory).await.map_err(failed) })?;
    directory.refuse_unless_mine().map_err(Failure::from)?;
    let passphrase = passphrase::fresh(command.passphrase_file.as_deref())?;
    let Init { operator, trust_domain, .. } = command;
    block_on(async {
        make(&settings, passphrase, trust_domain.clone(), operator.clone()).await.map_err(failed)
    })?;

    let identity = Directory::at(data).identity(operator.as_str());
    let document = serde_json::json!({
        "data_dir": data, "operator": operator, "identity": identity, "trust_domain": trust_domain,
    });
    globals.output.show(&document, || {
        let serve = match &command.passphrase_file {
            Some(file) if file.as_os_str() != "-" => format!(" --passphrase-file {}", shell::word(file)),
            _ => String::new(),
        };
        format!(
            "made a vault in {}\nmade its first operator {operator}, of level full: {}\n\nKeep the passphrase safe: \
             without it nothing in the vault can ever be read.\n\nNext:\n  fsm-vault serve --data-dir {}{serve}\n{}  \
             export FSM_VAULT_IDENTITY={} FSM_VAULT_ADDR=https://127.0.0.1:8271\n{}  fsm-vault fsm setup\n  \
             fsm-vault caller add fsm --script customscript_nx_suitelet2 --out ./fsm\n\nInstalled as a service: move the identity \
             to the operator's home and make it his own first, as README's \"Install as a service\" has it.\n",
            data.display(),
            identity.display(),
            shell::word(data),
            "and in another terminal:\n",
            shell::word(&identity),
            if serve.is_empty() { "  fsm-vault unseal\n" } else { "" },
        )
    })
}

fn new_name(text: &str) -> Result<CallerName, Invalid> {
    let name: CallerName = text.parse()?;
    name.check_new().map(|()| name)
}

/// The settings with the data directory that was named, as an absolute path.
pub fn located(settings: Settings, data_dir: Option<&Path>) -> Result<Settings, Failure> {
    let named = data_dir.unwrap_or(&settings.data_dir);
    let absolute = std::path::absolute(named)
        .map_err(|error| Failure::usage(format!("--data-dir {}: {error}", shell::word(named))))?;
    Ok(Settings { data_dir: absolute, ..settings })
}

/// Why a vault couldn't be made in `data`. Of a full disk the error doesn't know where it is; `then` says what to do once there is
/// room, or leave.
pub fn at_place(error: VaultError, data: &Path, then: &str) -> Failure {
    match error {
        VaultError::Full => {}
        VaultError::File { ref source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            let see = format!(
                "Let this user write there (to see who may: namei -l {}), then {then}",
                shell::word(data)
            );
            return Failure::from(error).and(see);
        }
        _ => return error.into(),
    }
    let text = format!(
        "no vault was made in {}, for its storage is full\nA vault needs some 16 MiB free there (df -h {}). Make room, then \
         {then}",
        data.display(),
        shell::word(data)
    );
    Failure::new(Exit::Failed, text)
}

/// Makes the vault that the settings describe.
pub async fn make(
    settings: &Settings,
    passphrase: Plaintext,
    trust_domain: TrustDomain,
    operator: CallerName,
) -> Result<(), VaultError> {
    let employee: Employee =
        operator.as_str().parse().expect("a caller's name has no comma, control or white space");
    let new = NewVault {
        directory: Directory::at(&settings.data_dir),
        passphrase,
        cost: Argon2Cost::DEFAULT,
        trust_domain,
        operator,
        employee,
        audit: audit_settings(settings),
        clock: Arc::new(SystemClock),
    };
    vault::create(new).await
}
