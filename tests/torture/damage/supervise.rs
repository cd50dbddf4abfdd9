//! Has another process do the work, and goes on after a hang or an abort.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A harm that takes longer hangs: one takes tenths of a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// So many workers one after another that did nothing: it isn't the harms.
const GIVEN_UP: u32 = 5;

#[derive(Default)]
struct Tally {
    ends: BTreeMap<String, u64>,
    violations: u64,
}

pub fn run(harms: u64, seed: u64) -> ExitCode {
    println!("# seed {seed}");
    let mut tally = Tally::default();
    let (mut next, mut in_vain) = (0, 0);
    while next < harms && in_vain < GIVEN_UP {
        let (mut child, lines) = begin(harms, seed, next);
        let begun = next;
        let fault = loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    tally.take(&line);
                    next += 1;
                    if next % 1000 == 0 {
                        println!("# {next} harms, {} violations", tally.violations);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break "it ended",
                Err(RecvTimeoutError::Timeout) => break "it hangs",
            }
        };
        let _ = child.kill();
        let ended = child.wait().expect("the worker can be waited for");
        // One that did its part comes to a good end, and the next begins where it ended.
        in_vain = if next > begun { 0 } else { in_vain + 1 };
        if !(ended.success() && next > begun) {
            tally.violation(&format!("harm {next}: {fault}: {ended}"));
            next += 1;
        }
    }
    tally.tell(harms)
}

fn begin(harms: u64, seed: u64, from: u64) -> (Child, Receiver<String>) {
    let mut command = Command::new(std::env::current_exe().expect("this program has a name"));
    command.args([harms, seed].map(|number| number.to_string())).args(["--from", &from.to_string()]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a worker starts");
    let out = BufReader::new(child.stdout.take().expect("its output is read here"));
    let (told, lines) = channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    (child, lines)
}

impl Tally {
    fn take(&mut self, line: &str) {
        let mut parts = line.splitn(3, '\t');
        let (number, end) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        *self.ends.entry(end.to_owned()).or_default() += 1;
        match parts.next() {
            Some(told) if told.starts_with('\t') => println!("# {number}: {end}: {}", told.trim()),
            Some(wrong) => self.violation(&format!("harm {number}: {end}: {wrong}")),
            None => {}
        }
    }

    fn violation(&mut self, what: &str) {
        self.violations += 1;
        println!("# violation: {what}");
    }

    fn tell(self, harms: u64) -> ExitCode {
        let Self { ends, violations } = self;
        for (end, count) in &ends {
            println!("# {count}: {end}");
        }
        let served: u64 =
            ends.iter().filter(|(end, _)| end.starts_with("served")).map(|(_, count)| count).sum();
        let refused: u64 =
            ends.iter().filter(|(end, _)| end.contains("refused")).map(|(_, count)| count).sum();
        let is = |well| if well { "ok" } else { "not ok" };
        let clean = violations == 0;
        println!(
            "{} - {harms} harms: no wrong value, no looser rule, no panic, no hang, and every refusal says what to do{}",
            is(clean),
            if clean { String::new() } else { format!(": {violations} violations") },
        );
        let both = served > 0 && refused > 0;
        println!("{} - some were served and some refused", is(both));
        if clean && both { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
