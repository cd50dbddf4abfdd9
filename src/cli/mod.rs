//! The command line: one file per noun.
//!
//! Owns the words people type, what is printed, and the exit codes. Results go to standard output, all else to
//! standard error. A value is read from a file, standard input or a hidden prompt, never from an argument, and
//! printed by two commands only. Decides nothing: what may be done, the daemon says.

mod arguments;
mod audit;
mod backup;
mod backup_restore;
mod backup_verify;
mod caller;
mod caller_add;
mod caller_certify;
mod caller_directory;
mod caller_edit;
mod caller_key;
mod caller_view;
mod columns;
mod completions;
mod config;
mod connect;
mod doctor;
mod exit;
mod failure;
mod fsm;
mod harden;
mod hidden;
mod import;
mod init;
mod integration;
mod integration_create;
mod integration_edit;
mod integration_settings;
mod integration_view;
mod keyslot;
mod list;
mod listing;
mod misuse;
mod notices;
mod number;
mod operator;
mod options;
mod output;
mod passphrase;
mod prompt;
mod quickstart;
mod rotation;
mod run;
mod secret;
mod secret_create;
mod secret_edit;
mod secret_get;
mod secret_insight;
mod secret_list;
mod serve;
mod shell;
mod status;
mod value;
mod watch;
mod wrong_passphrase;

pub use run::main;
