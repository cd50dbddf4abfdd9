//! The hook program: one run for each notice, one at a time, JSON on its standard input.
//!
//! No shell, no environment but a `PATH`, no output kept, an end after which its whole process group is killed.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::error::NotifyError;
use crate::vault::Delivery;

const WRITABLE_BY_ANYONE: u32 = 0o002;
const EXECUTABLE: u32 = 0o111;

pub struct Hook {
    program: PathBuf,
    arguments: Vec<String>,
    timeout: Duration,
}

/// What the program reads.
#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    vault: &'a str,
    id: &'a str,
    /// Grows with urgency. The same `id`, `rung` and `raised_at` is the same event, told once more.
    rung: u32,
    level: &'static str,
    kind: &'static str,
    subject_kind: &'static str,
    subject: &'a str,
    since: jiff::Timestamp,
    raised_at: jiff::Timestamp,
    due: Option<jiff::Timestamp>,
    message: &'a str,
    action: &'a str,
}

/// The program's process group, killed when dropped: at its time-out, or when the daemon stops.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody is left to be told of a failure, and that it has ended already is none.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Hook {
    /// The program must be there, executable, and not open to everybody. Its path is absolute.
    pub fn new(program: PathBuf, arguments: Vec<String>, timeout: Duration) -> Result<Self, NotifyError> {
        let found = match std::fs::metadata(&program) {
            Ok(found) => found,
            Err(source) => return Err(NotifyError::NoProgram { path: program, source }),
        };
        let mode = found.permissions().mode();
        if !found.is_file() || mode & EXECUTABLE == 0 {
            return Err(NotifyError::NotExecutable { path: program });
        }
        if mode & WRITABLE_BY_ANYONE != 0 {
            return Err(NotifyError::OpenProgram { path: program });
        }
        Ok(Self { program, arguments, timeout })
    }

    /// Runs it. Told is what it ended well for.
    pub(super) async fn tell(&self, vault: &str, delivery: &Delivery) -> Result<(), NotifyError> {
        let concern = delivery.id.concern();
        let told = serde_json::to_vec(&Told {
            event: "raised",
            vault,
            id: delivery.id.as_str(),
            rung: delivery.rung.0,
            level: delivery.level.word(),
            kind: delivery.id.kind().word(),
            subject_kind: concern.word(),
            subject: concern.name(),
            since: delivery.since,
            raised_at: delivery.raised_at,
            due: delivery.due,
            message: &delivery.message,
            action: &delivery.action,
        });
        let told = told.expect("texts, numbers and times serialise");
        let mut child = self.start().map_err(NotifyError::Start)?;
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
        let running = run_to_end(&mut child, told);
        let ended = tokio::time::timeout(self.timeout, running).await.map_err(|_| NotifyError::Slow)?;
        let status = ended.map_err(NotifyError::Start)?;
        // What it leaves behind on purpose is its own affair.
        group.0 = None;
        if status.success() { Ok(()) } else { Err(NotifyError::Ended(status)) }
    }

    fn start(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

async fn run_to_end(child: &mut Child, told: Vec<u8>) -> std::io::Result<std::process::ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that doesn't read what it is told may still do its work.
        let _ = stdin.write_all(&told).await;
        let _ = stdin.write_all(b"\n").await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn delivery() -> Delivery {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Delivery {
            id: "expiry.custsecret_a.2027-06-30".parse().unwrap(),
            rung: crate::model::Rung(7),
            level: crate::model::NoticeLevel::Warning,
            since: at,
            raised_at: at,
            due: None,
            message: "a \"b\" $(c)".to_owned(),
            action: "d".to_owned(),
            owners: vec!["ann@example.org".to_owned()],
        }
    }

    fn shell(script: &str, more: &[&str], seconds: u64) -> Hook {
        let arguments = ["-c", script].iter().chain(more).map(|each| (*each).to_owned()).collect();
        Hook::new("/bin/sh".into(), arguments, Duration::from_secs(seconds)).unwrap()
    }

    #[tokio::test]
    async fn the_program_reads_json_and_gets_its_arguments_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out").display().to_string();
        let script = "{ cat; echo \"$1\"; env; pwd; ls /proc/self/fd; } > \"$0\"";
        shell(script, &[&out, "$(x) ; y"], 30).tell("v", &delivery()).await.unwrap();
        let text = std::fs::read_to_string(&out).unwrap();
        let (json, rest) = text.split_once('\n').unwrap();
        let told: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(
            (&told["id"], &told["message"], &told["rung"], &told["subject"], &told["subject_kind"]),
            (
                &"expiry.custsecret_a.2027-06-30".into(),
                &"a \"b\" $(c)".into(),
                &7.into(),
                &"custsecret_a".into(),
                &"secret".into()
            )
        );
        assert!(!json.contains("ann@example.org"), "{json}");
        let lines: Vec<&str> = rest.lines().collect();
        assert_eq!(lines[0], "$(x) ; y");
        // What a shell adds by itself aside, a PATH is all that it gets; 3 is the listing of the directory.
        let variables = lines.iter().filter(|line| line.contains('=') && !line.starts_with("PWD="));
        assert!(variables.clone().all(|line| line.starts_with("PATH=") || line.starts_with("_=")), "{rest}");
        assert!(lines.contains(&"/"), "{rest}");
        assert_eq!(lines.last(), Some(&"3"), "{rest}");
    }

    #[tokio::test]
    async fn a_bad_end_and_a_long_run_are_failures() {
        let bad = shell("exit 3", &[], 30).tell("v", &delivery()).await;
        assert!(matches!(bad, Err(NotifyError::Ended(status)) if status.code() == Some(3)));
        // One that reads nothing is told all the same.
        shell("exec <&-; exit 0", &[], 30).tell("v", &delivery()).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = "sleep 1000 & echo $! > \"$0\"; wait";
        let slow = shell(script, &[&pid.display().to_string()], 3).tell("v", &delivery()).await;
        assert!(matches!(slow, Err(NotifyError::Slow)));
        let grandchild = std::fs::read_to_string(&pid).unwrap();
        let gone = || {
            let stat = std::fs::read_to_string(Path::new("/proc").join(grandchild.trim()).join("stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        for _ in 0..1000 {
            if gone() {
                return;
            }
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
        assert!(gone(), "the program's child lives on");
    }

    #[test]
    fn a_program_is_there_executable_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook");
        let hook = |path: &Path| Hook::new(path.to_owned(), Vec::new(), Duration::from_secs(1));
        assert!(matches!(hook(&path), Err(NotifyError::NoProgram { .. })));
        assert!(matches!(hook(folder.path()), Err(NotifyError::NotExecutable { .. })));
        std::fs::write(&path, "").unwrap();
        for (mode, right) in [(0o644, false), (0o755, true), (0o757, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(hook(&path).is_ok(), right, "{mode:o}");
        }
    }
}
