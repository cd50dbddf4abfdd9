//! The load generator: many connections to one or more servers, in rounds by turns, and what it cost them.
//!
//! ```text
//! cargo bench --bench load -- --identity DIR --target '{"name":"vault","unix":"/path","path":"/v1/…","pid":1234}'
//! ```
//!
//! A target is a line of JSON: `name`, `unix` and/or `url` (`https://127.0.0.1:PORT`, or `http://` for a server without
//! TLS), `path` or `paths` (asked for in turn), and, as there are any, `headers`, `pid` and `tls` (`ca`, `cert`, `key`:
//! files in PEM; otherwise those in `--identity`). `--target @FILE` reads the line from a file. Several targets take
//! turns, round by round, so that what else happens on the machine hits them alike.
//!
//! Prints one line of JSON for each target: medians over the rounds, and the rounds themselves. Each connection asks
//! anew as soon as it has its answer. `--cold` makes a new connection, with a full handshake, for every request.

mod dial;
mod drive;
mod figures;
mod http1;
mod http2;
mod process;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use figures::Measured;
use target::Target;

#[derive(Parser)]
#[command(about = "Asks servers over many connections and tells what it cost them")]
struct Options {
    /// A server, as a line of JSON or @FILE; several take turns
    #[arg(long, required = true, value_name = "JSON")]
    target: Vec<String>,
    /// cert.pem, key.pem and ca.pem for targets that name none
    #[arg(long, value_name = "DIR")]
    identity: Option<PathBuf>,
    /// Which of a target's two addresses to use
    #[arg(long, value_enum, default_value = "unix")]
    over: Over,
    #[arg(long, value_enum, default_value = "1")]
    http: Http,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// HTTP/2: requests under way at once on each connection
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// A new connection and a full handshake for each request
    #[arg(long)]
    cold: bool,
    /// How long each round measures
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    seconds: f64,
    /// How long each round asks before it measures
    #[arg(long, default_value_t = 0.5, value_name = "SECONDS")]
    warm_up: f64,
    /// End a round after so many answers instead
    #[arg(long)]
    requests: Option<u64>,
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Threads of the generator itself, each with its share of the connections
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The status that is no error
    #[arg(long, default_value_t = 200)]
    expect: u16,
    /// What cargo bench adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Over {
    Unix,
    Tcp,
    /// The Unix socket of a target that has one
    Either,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Http {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
}

fn main() -> ExitCode {
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        println!("load: the client of benches/run; cargo bench --bench load -- --help");
        return ExitCode::SUCCESS;
    }
    match run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("load: {failed} requests failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns how many requests failed.
fn run(options: &Options) -> Result<u64, String> {
    if options.connections == 0 || options.streams == 0 || options.rounds == 0 || options.threads == 0 {
        return Err("connections, streams, rounds and threads begin at 1".into());
    }
    let read = |text: &String| Target::read(text, options.over, options.identity.as_deref(), options.http);
    let targets: Vec<_> =
        options.target.iter().map(|text| read(text).map(Arc::new)).collect::<Result<_, _>>()?;
    let seconds = |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string());
    let plan = Arc::new(drive::Plan {
        http2: options.http == Http::Two,
        connections: options.connections,
        streams: if options.http == Http::Two { options.streams } else { 1 },
        cold: options.cold,
        measure: seconds(options.seconds)?,
        warm_up: seconds(options.warm_up)?,
        requests: options.requests,
        threads: options.threads.min(options.connections),
        expect: options.expect,
    });
    let mut rounds: Vec<Vec<Measured>> = targets.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (target, measured) in targets.iter().zip(&mut rounds) {
            measured.push(drive::round(target, &plan).map_err(|error| format!("{}: {error}", target.name))?);
        }
    }
    for (target, measured) in targets.iter().zip(&rounds) {
        let mut line = figures::line(measured);
        line["server"] = target.name.as_str().into();
        line["over"] = if target.is_unix() { "unix" } else { "tcp" }.into();
        line["tls"] = target.has_tls().into();
        line["http"] = if plan.http2 { 2 } else { 1 }.into();
        line["cold"] = plan.cold.into();
        line["connections"] = plan.connections.into();
        line["streams"] = plan.streams.into();
        println!("{line}");
    }
    Ok(rounds.iter().flatten().map(|measured| measured.tally.errors).sum())
}
