//! Damages a vault's files at random, and looks whether anything wrong comes out of it (tests/torture/damage.sh).
//!
//! ```text
//! damage HARMS SEED            supervises: a line for each violation, then the figures
//! damage HARMS SEED --from N   works, from the Nth harm on: a line for each
//! ```
//!
//! One process watches another work, so that a hang or an abort is a violation like others and the rest goes on. A harm
//! is drawn by lot from the seed and its number alone: `damage 18 SEED --from 17` does the 17th again.

mod ask;
mod harm;
mod judge;
mod lots;
mod prepared;
mod supervise;
mod work;

use std::process::ExitCode;

use clap::Parser;

/// Damages a vault's files at random, and looks whether anything wrong comes out of it.
#[derive(Parser)]
struct Arguments {
    /// How many times, each on a fresh copy of the vault
    harms: u64,
    /// What the lots are drawn from
    seed: u64,
    /// Work instead of supervising, from this harm on
    #[arg(long)]
    from: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { harms, seed, from } = Arguments::parse();
    match from {
        Some(from) => work::run(from..harms, seed),
        None => supervise::run(harms, seed),
    }
}
