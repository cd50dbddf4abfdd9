//! What the log tells of beyond a checkpoint, line by line.

use super::*;

/// Takes a line of this action, outcome and epoch, after the checkpoint; `former`: under a key that the store had before.
fn take(ahead: &mut Ahead, told: &str, former: bool) {
    let mut words = told.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (action, outcome, epoch) = (word(), word(), word().parse::<u64>().ok());
    let changes = [RESTORE, RETIRE].contains(&action).then(|| serde_json::json!({ "lines_before": 9 }));
    let line = serde_json::json!({
        "seq": 1, "time": "2026-11-30T00:00:00Z", "action": action, "outcome": outcome, "epoch": epoch, "changes": changes,
    });
    let text = line.to_string();
    ahead.take(&serde_json::from_str(&text).unwrap(), (true, former), text.as_bytes());
}

fn told(lines: &[&str]) -> Ahead {
    let mut ahead = Ahead::default();
    for line in lines {
        match *line {
            "foreign" => ahead.take_foreign(true, false),
            "unknown" => ahead.take_foreign(true, true),
            "own" => ahead.take_own(),
            line => match line.split_once(' ') {
                Some(("former", line)) => take(&mut ahead, line, true),
                Some(("resumed", action)) => {
                    let line = serde_json::json!({ "seq": 1, "action": action }).to_string();
                    ahead.take_former(&serde_json::from_str(&line).unwrap());
                }
                _ => take(&mut ahead, line, false),
            },
        }
    }
    ahead.finish(false);
    ahead
}

#[test]
fn of_each_change_the_log_says_what_became_of_it() {
    const MADE: u64 = 7;
    type Fates<'a> = &'a [(&'a str, bool)];
    let rows: [(&[&str], Fates); 10] = [
        (&["a allowed 8"], &[("a", false)]),
        (&["a allowed 8", "a failed 8"], &[]),
        (&["a allowed 8", "a failed 8", "b allowed 8"], &[("b", false)]),
        // The checkpoint has the entry.
        (&["a failed 7"], &[("a", true)]),
        (&["a failed 8"], &[]),
        (&["a failed 7", "vault.reopen allowed"], &[]),
        (&["a failed 7", "vault.unseal allowed 8"], &[]),
        // What comes while the first one's fate is unknown has its epoch.
        (&["i allowed 7", "i allowed 7", "i failed 7", "i failed 7"], &[]),
        (&["a failed 7", "i allowed 7", "i allowed 7", "i failed 7"], &[("a", true), ("i", false)]),
        (&["i allowed 8", "i allowed 8", "i allowed 8", "i failed 8"], &[("i", false)]),
    ];
    for (lines, expected) in rows {
        let ahead = told(lines);
        let untold: Vec<_> = ahead.untold(MADE).map(|(change, made)| (&*change.action, made)).collect();
        assert_eq!(untold, expected, "{lines:?}");
    }
}

#[test]
fn a_log_that_is_a_newer_stores_is_told_from_one_that_is_damaged() {
    for (lines, passed) in [
        (&["vault.rekey allowed 8", "secret.read allowed", "foreign"][..], Some(Passed::Rekeyed)),
        (&["vault.rekey allowed 8"], None),
        (&["vault.rekey allowed 8", "vault.rekey failed 8", "foreign"], None),
        (&["vault.rekey allowed 8", "vault.unseal allowed 8", "foreign"], None),
        (&["vault.rekey allowed 8", "foreign", "vault.accept_rollback allowed 9"], Some(Passed::Rekeyed)),
        (
            &["vault.rekey allowed 8", "foreign", "vault.accept_rollback allowed 9", "secret.read allowed"],
            None,
        ),
        // The store's own, and a segment that was changed.
        (&["former vault.rekey allowed 7", "foreign", "secret.read allowed"], None),
        (&["secret.read allowed", "foreign"], None),
        (&["foreign", "secret.read allowed"], None),
        (&["foreign"], Some(Passed::Foreign)),
        (&["vault.restore allowed", "a allowed 3"], Some(Passed::Restored)),
        (
            &["vault.restore allowed", "vault.accept_rollback allowed 9", "a allowed 10"],
            Some(Passed::Restored),
        ),
        (&["audit.retire allowed", "secret.read allowed"], Some(Passed::Restored)),
        (&["secret.read allowed", "resumed secret.read"], Some(Passed::Resumed)),
        (&["secret.read allowed", "resumed vault.accept_rollback", "resumed notice.raise"], None),
        (&["secret.read allowed", "resumed secret.read", "vault.unseal allowed 9"], None),
        (&["secret.read allowed", "unknown"], Some(Passed::Foreign)),
        (&["secret.read allowed", "unknown", "own", "secret.read allowed"], None),
        (&["secret.read allowed", "unknown", "vault.unseal allowed 9"], None),
    ] {
        assert_eq!(told(lines).passed(8), passed, "{lines:?}");
    }
    for line in ["vault.restore allowed", "audit.retire allowed"] {
        assert_eq!((told(&[line]).passed(9), told(&[line]).lines_before()), (None, 9));
    }
}

#[test]
fn an_acceptance_that_came_to_nothing_tells_of_nothing() {
    let accepted = [
        "vault.accept_rollback allowed 12",
        "notice.raise allowed 12",
        "vault.unseal allowed 12",
        "vault.accept_rollback failed 12",
        "notice.raise failed 12",
        "vault.unseal failed 12",
    ];
    let before = told(&["a allowed 10"]);
    // With its `failed`, cut short by a kill, and one after which somebody had something.
    let read = &["secret.read allowed"][..];
    for (more, then, same) in [(6, &[][..], true), (3, &[], true), (6, read, true), (3, read, false)] {
        let after = told(&[&["a allowed 10"], &accepted[..more], then].concat());
        assert_eq!(after.epoch, if same { Some(10) } else { Some(12) });
        assert_eq!((after.changes, after.last == before.last), if same { (1, true) } else { (3, false) });
        assert_eq!(after.untold(9).count(), usize::from(same), "told by an unsealing");
    }
    assert_eq!(told(&[&accepted[..], &["a allowed 11"]].concat()).epoch, Some(11));
}
