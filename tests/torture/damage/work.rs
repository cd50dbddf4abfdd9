//! Harms copies of a vault, one after another, and writes a line for each.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::sync::Mutex;

use tokio::runtime::Runtime;

use super::harm::{Harm, Victim, copy};
use super::judge::{Verdict, judge};
use super::lots::Lots;
use super::prepared::Prepared;

/// Where something panicked, since the last harm.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Harms of one process.
const MOST: u64 = 200;

pub fn run(numbers: Range<u64>, seed: u64) -> std::process::ExitCode {
    let runtime = Runtime::new().expect("a runtime starts");
    let prepared = runtime.block_on(Prepared::new());
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(format!("{place} {panic}"));
    }));
    for number in numbers.take(usize::try_from(MOST).expect("a small number")) {
        println!("{}", runtime.block_on(one(&prepared, seed, number)));
        let _ = std::io::stdout().flush();
    }
    std::process::ExitCode::SUCCESS
}

async fn one(prepared: &Prepared, seed: u64, number: u64) -> String {
    let mut lots = Lots::of(seed, number);
    let path = prepared.keep.path().join("harmed");
    copy(&prepared.newest, &path).expect("the vault is copied");
    fs::copy(&prepared.backup, path.join("backup")).expect("the backup is copied");
    let victim = Victim { directory: &path, older: &prepared.older, backup: &path.join("backup") };
    let harms = victim.harm(&mut lots).expect("it can be harmed");
    let Verdict { end, mut wrong } = judge(prepared, &path, &harms, lots.below(4) == 0).await;
    fs::remove_dir_all(&path).expect("the copy is removed");
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    // The database's own are caught, and said to be damage.
    wrong.extend(panics.into_iter().filter(|at| !at.contains("/sled-")));
    line(number, end, &harms, &wrong)
}

/// `NUMBER<tab>END`, and where something is wrong, `<tab>WHAT` with what was done.
fn line(number: u64, end: &str, harms: &[Harm], wrong: &[String]) -> String {
    if wrong.is_empty() && std::env::var_os("DAMAGE_TELLS").is_none() {
        return format!("{number}\t{end}");
    }
    let done: Vec<String> = harms.iter().map(|harm| format!("{:?} {}", harm.room, harm.what)).collect();
    let what = format!("{} [{}]", wrong.join("; "), done.join(", "));
    let mark = if wrong.is_empty() { "\t\t" } else { "\t" };
    format!("{number}\t{end}{mark}{}", what.replace(['\n', '\t'], " "))
}
