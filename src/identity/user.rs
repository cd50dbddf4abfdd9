//! A command as another user of the host.

use std::io::Read;

/// The host's own users. Of those that come from elsewhere (LDAP, say) only the number is told.
const USERS: &str = "/etc/passwd";
const MOST: u64 = 1 << 20;

/// What to put before a command so that this user runs it: root needs no `sudo`, and may not have it.
pub fn as_user(uid: u32) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(USERS);
    let read = file.and_then(|file| file.take(MOST).read_to_string(&mut text));
    let name = read.ok().and_then(|_| name_of(&text, uid));
    spelled(uid, name, rustix::process::geteuid().is_root())
}

fn spelled(uid: u32, name: Option<&str>, is_root: bool) -> String {
    match (name, is_root) {
        (Some(name), true) => format!("runuser -u {name} --"),
        (None, true) => format!("setpriv --reuid {uid} --clear-groups"),
        (Some(name), false) => format!("sudo -u {name}"),
        (None, false) => format!("sudo -u '#{uid}'"),
    }
}

/// One whose name needs no quotes.
fn name_of(users: &str, uid: u32) -> Option<&str> {
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && plain(name)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_where_the_host_names_him() {
        let users = "root:x:0:0:root:/root:/bin/bash\nodd name:x:7:7::/:/bin/sh\nfsm-vault:x:995:995::/:/sbin/nologin\n";
        for (uid, is_root, expected) in [
            (0, false, "sudo -u root"),
            (995, true, "runuser -u fsm-vault --"),
            (995, false, "sudo -u fsm-vault"),
            (7, false, "sudo -u '#7'"),
            (996, true, "setpriv --reuid 996 --clear-groups"),
        ] {
            assert_eq!(spelled(uid, name_of(users, uid), is_root), expected);
        }
    }
}
