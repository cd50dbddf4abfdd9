//! The words of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::failure::Failure;
use super::output::Form;
use super::{
    audit, backup, caller, completions, config, doctor, fsm, init, integration, keyslot, notices, operator,
    quickstart, secret, serve, status, watch,
};
use crate::client::Address;
use crate::model::Invalid;

/// A secrets vault for NetSuite Field Service Management: sealed at rest, served over local mTLS.
#[derive(Parser)]
#[command(name = "fsm-vault", version, max_term_width = 100, after_help = "Start with: fsm-vault quickstart")]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub noun: Noun,
}

/// Options that every command takes, before or after its words. Flags beat the environment, which clap isn't told of: it
/// would take a variable for something typed, and show it in its usage lines.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options for all commands")]
pub struct Globals {
    /// The daemon's configuration file, for what is done on its host (init, serve, operator recover, doctor, backup restore,
    /// config check), and for where the daemon is [default: /etc/fsm-vault/fsm-vault.toml if it is there] [env: FSM_VAULT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory with cert.pem, key.pem and ca.pem to show to the daemon [env: FSM_VAULT_IDENTITY]
    #[arg(long, global = true, value_name = "DIR")]
    pub identity: Option<PathBuf>,
    /// The daemon: unix:/path/vault.sock or https://127.0.0.1:8271 [default: the first socket, else the first address, of
    /// `listen` in the configuration file; else unix:/run/fsm-vault/vault.sock if it is there, else https://127.0.0.1:8271]
    /// [env: FSM_VAULT_ADDR]
    #[arg(long, global = true, value_name = "ADDR")]
    pub addr: Option<Address>,
    /// Whether the address is the environment's.
    #[arg(skip)]
    pub addr_is_of_environment: bool,
    /// How results are printed
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

impl Globals {
    /// With what the environment says where nothing was typed. An empty variable is none.
    pub fn or_from(self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let given = |name: &str| environment(name).filter(|text| !text.is_empty());
        let addr = |text: OsString| {
            let address = text.to_str().ok_or(Invalid("is no text")).and_then(str::parse);
            address.map_err(|why| Failure::usage(format!("FSM_VAULT_ADDR {why}")))
        };
        Ok(Self {
            config: self.config.or_else(|| given("FSM_VAULT_CONFIG").map(PathBuf::from)),
            identity: self.identity.or_else(|| given("FSM_VAULT_IDENTITY").map(PathBuf::from)),
            addr_is_of_environment: self.addr.is_none() && given("FSM_VAULT_ADDR").is_some(),
            addr: match self.addr {
                Some(typed) => Some(typed),
                None => given("FSM_VAULT_ADDR").map(addr).transpose()?,
            },
            output: self.output,
        })
    }
}

#[derive(Subcommand)]
pub enum Noun {
    /// Make a new vault and its first operator
    Init(init::Init),
    /// Run the daemon
    Serve(serve::Serve),
    /// Tell the state of the daemon
    Status(status::Status),
    /// Seal the vault: wipe its keys until somebody unseals it
    Seal(status::Seal),
    /// Unseal the vault with its passphrase
    Unseal(status::Unseal),
    /// The passphrase that unseals the vault
    #[command(subcommand)]
    Passphrase(keyslot::Passphrase),
    /// Key slots: the passphrases that unseal the vault
    #[command(subcommand)]
    Keyslot(keyslot::KeySlot),
    /// Seal every record anew under another root key, so that the old one opens nothing any more
    Rekey(keyslot::Rekey),
    /// Try everything: a vault, a daemon, the FSM pair, two services
    Quickstart(quickstart::Quickstart),
    /// The client ID and client secret of Field Service Management
    #[command(subcommand)]
    Fsm(fsm::Fsm),
    /// Operators, offline
    #[command(subcommand)]
    Operator(operator::Operator),
    /// Who may connect: services and operators
    #[command(subcommand)]
    Caller(caller::Caller),
    /// API secrets
    #[command(subcommand)]
    Secret(secret::Secret),
    /// Integration records and their pair of client ID and client secret
    #[command(subcommand)]
    Integration(integration::Integration),
    /// Tell what changes, as it happens
    Watch(watch::Watch),
    /// Standing warnings: expiry, age, a grace that ends, space, certificates
    Notices(notices::Notices),
    /// The log of every decision and change
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look at everything that could keep the vault from working, and say what to type
    Doctor(doctor::Doctor),
    /// One sealed file of everything: make, check, restore
    #[command(subcommand)]
    Backup(backup::Backup),
    /// The daemon's configuration file
    #[command(subcommand)]
    Config(config::Config),
    /// Print a completion script for a shell, or write the manual
    Completions(completions::Completions),
}

#[cfg(test)]
mod tests;
