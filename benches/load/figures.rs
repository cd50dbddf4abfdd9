//! What a round measured, and the medians over rounds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// One round.
pub struct Measured {
    pub seconds: f64,
    pub tally: Tally,
    /// Nanoseconds on a CPU, where they can be told: the server's and the generator's.
    pub server_cpu: Option<u64>,
    pub own_cpu: Option<u64>,
    /// KiB, now and at most.
    pub memory: Option<(u64, u64)>,
}

/// The answers of some connections.
pub struct Tally {
    /// Nanoseconds, from 1 µs to a minute, to three digits.
    latency: Histogram<u64>,
    pub errors: u64,
    first_error: Option<String>,
}

impl Tally {
    pub fn new() -> Self {
        let latency = Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are in order");
        Self { latency, errors: 0, first_error: None }
    }

    pub fn answered(&mut self, after: Duration) {
        self.latency.saturating_record(after.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    pub fn failed(&mut self, why: String) {
        self.errors += 1;
        self.first_error.get_or_insert(why);
    }

    pub fn add(&mut self, other: Self) {
        self.latency.add(&other.latency).expect("all have the same bounds");
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

impl Measured {
    fn figures(&self) -> Value {
        let answers = self.tally.latency.len();
        let each = |nanoseconds: u64| round(nanoseconds as f64 / 1e3 / answers.max(1) as f64, 100.0);
        let quantile = |at| round(self.tally.latency.value_at_quantile(at) as f64 / 1e3, 10.0);
        json!({
            "requests": answers,
            "errors": self.tally.errors,
            "seconds": round(self.seconds, 1e4),
            "per_second": (answers as f64 / self.seconds).round(),
            "p50_us": quantile(0.5),
            "p99_us": quantile(0.99),
            "p999_us": quantile(0.999),
            "max_us": round(self.tally.latency.max() as f64 / 1e3, 10.0),
            "cpu_us": self.server_cpu.map(each),
            "own_cpu_us": self.own_cpu.map(each),
            "rss_kib": self.memory.map(|(now, _)| now),
            "peak_rss_kib": self.memory.map(|(_, most)| most),
        })
    }
}

/// Medians of all figures, the sum of the errors, and the rounds.
pub fn line(rounds: &[Measured]) -> Value {
    let each: Vec<Value> = rounds.iter().map(Measured::figures).collect();
    let mut line = json!({});
    for name in each[0].as_object().expect("figures have names").keys() {
        let mut values: Vec<f64> = each.iter().filter_map(|figures| figures[name].as_f64()).collect();
        values.sort_by(f64::total_cmp);
        line[name] = match values.len() {
            0 => Value::Null,
            count => round((values[(count - 1) / 2] + values[count / 2]) / 2.0, 100.0).into(),
        };
    }
    line["errors"] = rounds.iter().map(|measured| measured.tally.errors).sum::<u64>().into();
    if let Some(error) = rounds.iter().find_map(|measured| measured.tally.first_error.as_deref()) {
        line["first_error"] = error.into();
    }
    line["rounds"] = each.into();
    line
}

fn round(value: f64, to: f64) -> f64 {
    (value * to).round() / to
}
