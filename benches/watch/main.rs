//! Watchers by the thousand: how long a rotation takes to reach all of them, and what each costs the daemon.
//!
//! `benches/watch/run` starts the daemon and calls this; one line of JSON is the result. Every watcher is a client of
//! its own over TLS: a connection each (HTTP/1.1), or a stream each of connections that hold some (HTTP/2). A few more
//! open their stream with a window of some hundred bytes and never read: they stall after the first events, and the
//! others must not notice. A delay counts from the moment at which whoever rotated had read the acknowledgement, on a
//! thread that does nothing else, to the moment at which a watcher has decrypted the event.

mod board;
mod watchers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use fsm_vault::clock::SystemClock;
use fsm_vault::identity::{Identity, Protocols};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ClientConfig;

use board::Board;
use watchers::{Http1, Http2};

/// After this an event is lost.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Options {
    /// Where the daemon listens.
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    pid: u32,
    /// The identity directory of the service that watches.
    #[arg(long)]
    service: PathBuf,
    /// That of the operator who rotates.
    #[arg(long)]
    operator: PathBuf,
    #[arg(long)]
    secret: String,
    /// 1 or 2.
    #[arg(long)]
    http: u8,
    #[arg(long)]
    watchers: usize,
    /// Of HTTP/2, on each connection.
    #[arg(long, default_value_t = 100)]
    streams: usize,
    /// Watchers beside these that never read.
    #[arg(long, default_value_t = 100)]
    stalled: usize,
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A rotation: its version, when it was asked for and when its acknowledgement had been read.
struct Rotated {
    version: u64,
    asked: Instant,
    acknowledged: Instant,
}

fn main() {
    let options = Options::parse();
    let open_files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: open_files.maximum, ..open_files })
        .expect("a limit may be raised");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    println!("{}", runtime.block_on(measure(&options)));
}

async fn measure(options: &Options) -> serde_json::Value {
    let board = Arc::new(Board::new(options.watchers));
    let (rotate, rotated) = rotator(options);
    let before = resident(options.pid);
    let begin = Instant::now();
    let http2 = Http2 { address: options.address, tls: tls(&options.service, Protocols::Http2OrHttp1) };
    match options.http {
        1 => {
            let http1 = Http1 { address: options.address, tls: tls(&options.service, Protocols::Http1) };
            http1.open(options.watchers, &board).await;
        }
        _ => http2.open(options.watchers, options.streams, &board).await,
    }
    let opened = begin.elapsed();
    // What a handshake needs for a moment is given back by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (resident(options.pid) - before) / options.watchers as f64;
    let _stalled = http2.stall(options.stalled).await;

    let (mut since_acknowledged, mut since_asked, mut lost) = (Vec::new(), Vec::new(), 0);
    let busy = busy(options.pid);
    for round in 0..options.rounds {
        board.begin();
        rotate.send(round).expect("the rotator waits");
        let Rotated { version, asked, acknowledged } =
            tokio::task::block_in_place(|| rotated.recv()).expect("a rotation is acknowledged");
        let heard = board.heard(version, PATIENCE).await;
        lost += options.watchers - heard.len();
        since_acknowledged.extend(heard.iter().map(|at| at.saturating_duration_since(acknowledged)));
        since_asked.extend(heard.iter().map(|at| at.saturating_duration_since(asked)));
    }
    let cpu = (self::busy(options.pid) - busy) * 1e6 / (options.rounds as f64 * options.watchers as f64);
    serde_json::json!({
        "http": options.http,
        "watchers": options.watchers,
        "stalled": options.stalled,
        "rounds": options.rounds,
        "opened_s": opened.as_secs_f64(),
        "kib_each": each,
        "lost": lost,
        "since_acknowledged_ms": spread(since_acknowledged),
        "since_asked_ms": spread(since_asked),
        "cpu_us_per_event": cpu,
        "resident_kib": resident(options.pid),
    })
}

fn tls(identity: &Path, protocols: Protocols) -> Arc<ClientConfig> {
    let identity = Identity::load(identity).expect("the identity can be read");
    identity.client_config(protocols, Arc::new(SystemClock)).expect("the identity can be used")
}

/// A thread with a connection of its own that rotates when told to.
fn rotator(options: &Options) -> (mpsc::Sender<u64>, mpsc::Receiver<Rotated>) {
    let (rotate, told) = mpsc::channel::<u64>();
    let (tell, rotated) = mpsc::channel();
    let (address, tls) = (options.address, tls(&options.operator, Protocols::Http1));
    let path = format!("/v1/secrets/{}/versions", options.secret);
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async {
            let stream = watchers::connect(address, tls).await;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, driver) = handshake.expect("the operator can connect");
            tokio::spawn(driver);
            while let Ok(round) = told.recv() {
                let body =
                    serde_json::json!({ "value": format!("value {round}"), "grace": "0s" }).to_string();
                let request = Request::post(&path)
                    .header("host", "localhost")
                    .header("content-type", "application/json")
                    .body(Full::new(Bytes::from(body)))
                    .expect("a request");
                let asked = Instant::now();
                let answer = sender.send_request(request).await.expect("an answer");
                let status = answer.status();
                let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
                let acknowledged = Instant::now();
                assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
                let said: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                let version = said["version"].as_u64().expect("a version");
                if tell.send(Rotated { version, asked, acknowledged }).is_err() {
                    return;
                }
            }
        });
    });
    (rotate, rotated)
}

fn spread(mut all: Vec<Duration>) -> serde_json::Value {
    all.sort_unstable();
    let at = |part: f64| {
        let place = ((all.len() as f64 * part).ceil() as usize).clamp(1, all.len().max(1)) - 1;
        all.get(place).map(|each| each.as_secs_f64() * 1e3)
    };
    serde_json::json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}

/// KiB of the daemon in memory.
fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Seconds of CPU that the daemon has taken.
fn busy(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the daemon runs");
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum();
    // Linux tells user space of ticks of 10 ms, whatever it counts in.
    ticks / 100.0
}
