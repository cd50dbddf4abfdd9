//! What can be typed, what can't, and what the environment stands in for.

use super::*;
use clap::{Command, CommandFactory};

fn parses(line: &str) -> bool {
    Cli::try_parse_from(line.split_whitespace()).is_ok()
}

#[test]
fn the_definition_holds() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_an_example_that_parses() {
    fn visit(command: &Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let mut verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help").peekable();
        if verbs.peek().is_none() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{path}");
            // As a shell takes it, and in lines that the help doesn't break elsewhere.
            let is_typed = |line: &&str| line.starts_with("  fsm-vault ") || line.starts_with("      ");
            let longest = help.lines().filter(is_typed).map(|line| line.chars().count()).max();
            assert!(longest <= Some(100), "{path}: {longest:?}");
            let joined = help.replace("\\\n      ", "");
            let examples: Vec<_> =
                joined.lines().filter_map(|line| line.strip_prefix("  fsm-vault ")).collect();
            assert!(!examples.is_empty(), "{path}");
            for example in examples {
                let is_quoted = |word: &str| !word.contains('*') || word.starts_with('\'');
                assert!(example.split_whitespace().all(is_quoted), "{path}: {example}");
                let words = example.replace('\'', "");
                let words = words.split(['|', '>']).next().unwrap_or_default();
                assert!(parses(&format!("fsm-vault {words}")), "{path}: {example}");
            }
        }
        verbs.for_each(|verb| visit(verb, &path));
    }
    visit(&Cli::command(), "");
}

#[test]
fn a_first_operator_has_no_name_of_the_programs() {
    assert!(parses("fsm-vault init --operator ann"));
    for name in crate::model::Itself::ALL.map(crate::model::Itself::name) {
        assert!(!parses(&format!("fsm-vault init --operator {name}")), "{name}");
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in [
        "fsm-vault --output json --identity d --addr unix:/s status",
        "fsm-vault status --output json --identity d --addr https://[::1]:1",
        "fsm-vault audit --output json tail -n 3",
        "fsm-vault audit tail --output json -n 3 --identity d",
    ] {
        assert!(parses(line), "{line}");
    }
    for line in [
        "fsm-vault --output yaml status",
        "fsm-vault --addr http://127.0.0.1:8271 status",
        "fsm-vault",
        "fsm-vault statu",
    ] {
        assert!(!parses(line), "{line}");
    }
}

#[test]
fn what_is_typed_beats_the_environment() {
    let from = |line: &str, addr: &str| {
        let Cli { globals, .. } = Cli::try_parse_from(line.split_whitespace()).ok().unwrap();
        globals.or_from(|name| Some(if name == "FSM_VAULT_ADDR" { addr.into() } else { name.into() }))
    };
    let all = from("fsm-vault status", "unix:/s").unwrap();
    assert_eq!(all.identity, Some("FSM_VAULT_IDENTITY".into()));
    assert_eq!(all.config, Some("FSM_VAULT_CONFIG".into()));
    assert_eq!((all.addr, all.addr_is_of_environment), ("unix:/s".parse().ok(), true));
    let typed = from("fsm-vault status --identity i --config c --addr unix:/t", "nonsense").unwrap();
    assert_eq!((typed.identity, typed.config), (Some("i".into()), Some("c".into())));
    assert_eq!((typed.addr, typed.addr_is_of_environment), ("unix:/t".parse().ok(), false));
    assert_eq!(from("fsm-vault status", "").unwrap().addr, None);
    let refused = from("fsm-vault status", "http://127.0.0.1:1").err().unwrap();
    assert!(refused.text.starts_with("FSM_VAULT_ADDR is no address"), "{}", refused.text);
}

#[test]
fn sentences_and_their_near_misses() {
    for line in [
        "fsm-vault init --data-dir d --passphrase-file f --trust-domain example.org --operator ann",
        "fsm-vault init",
        "fsm-vault serve --data-dir d --listen unix:/a --listen tcp:127.0.0.1:0",
        "fsm-vault unseal --passphrase-file -",
        "fsm-vault passphrase change --passphrase-file a --new-passphrase-file b",
        "fsm-vault keyslot add --label x --new-passphrase-file b",
        "fsm-vault rekey --passphrase-file a --keep-passphrase-file b --keep-passphrase-file c --drop-other-slots",
        "fsm-vault keyslot list",
        "fsm-vault keyslot remove 0a1b2c3d --passphrase-file -",
        "fsm-vault quickstart --once",
        "fsm-vault quickstart --client-id-file a --client-secret-file b",
        "fsm-vault fsm setup --redirect-uri https://a.example/x --redirect-uri app://x",
        "fsm-vault operator recover --out d --operator ann",
        "fsm-vault caller add a --script customscript_x --employee 1 --employee 2 --suiteapp com.a --out d",
        "fsm-vault caller add a --operator full --employee 1 --out d",
        "fsm-vault caller add a --script customscript_x --csr f",
        "fsm-vault caller add a --script customscript_x --spiffe-id spiffe://example.org/a --uid 1000",
        "fsm-vault caller add a --script customscript_x --unit a.service --mail a@b --valid 1h --out d",
        "fsm-vault caller renew --valid 1h",
        "fsm-vault secret create _x --value-file f --script customscript_a --domain a.example",
        "fsm-vault secret create _x --allow-all-scripts --allow-all-domains --employee 1 --suiteapp com.a",
        "fsm-vault secret get _x --domain a.example --employee 1 --version previous --raw",
        "fsm-vault secret list --search x --exposure shared --origin this_account --owner 1",
        "fsm-vault secret edit _x --name n --owner 1 --owner 2 --script customscript_a --any-employee --no-suiteapp",
        "fsm-vault secret edit _x --release use-only --domain a.example --expires-on never --max-age-days 9 --if-match t",
        "fsm-vault secret edit _x --owner 1,2 --script customscript_a,customscript_b --domain a.example,*.b.example",
        "fsm-vault integration edit x --redirect-uri https://a.example/x,y",
        "fsm-vault integration edit x --scope restlets,mcp --account 1=blocked,2=enabled --clear note,client-name",
        "fsm-vault caller add a --script customscript_x --employee 1,2 --out d",
        "fsm-vault backup restore f --data-dir d --without a,b",
        "fsm-vault secret delete _x --yes",
        "fsm-vault secret import - --exact",
        "fsm-vault secret notes _x -n 5",
        "fsm-vault secret access _x --domain a.example --employee 1",
        "fsm-vault secret retire _x 1 --force",
        "fsm-vault integration credentials fsm --version 3",
        "fsm-vault integration credentials fsm --wait 30s --known 3 --domain a.example",
        "fsm-vault secret get _x --wait 5m",
        "fsm-vault watch --count 2",
        "fsm-vault integration create x --public-client --client-id-file a",
        "fsm-vault integration create x --issue --no-code-grant --m2m --scope mcp --scope restlets",
        "fsm-vault integration edit x --account 1-sb1=blocked --endpoint token= --clear note --clear account-id",
        "fsm-vault integration edit x --any-employee --no-suiteapp",
        "fsm-vault integration edit x --clear restrictions --script customscript_a --allow-all-domains",
        "fsm-vault integration retire fsm 2 --force",
        "fsm-vault integration reset fsm --no-capture",
        "fsm-vault integration rotate fsm --issue --grace 0s",
        "fsm-vault audit tail",
        "fsm-vault audit show 12",
        "fsm-vault audit show -n 5 --caller spiffe://a.example/x --secret _x --integration fsm --action secret.read",
        "fsm-vault audit show --outcome failed --since 2026-11-22 --until 1h",
        "fsm-vault audit export --out f --after 3 --since 24h --output json",
        "fsm-vault audit explain 00",
        "fsm-vault backup create --out f --passphrase-file -",
        "fsm-vault backup verify f --passphrase-file p --output json",
        "fsm-vault backup restore f --data-dir d --without a --without b --yes",
        "fsm-vault config check f",
        "fsm-vault completions bash",
        "fsm-vault completions --man d",
    ] {
        assert!(parses(line), "{line}");
    }
    for line in [
        "fsm-vault init d",
        "fsm-vault init --operator Ann",
        "fsm-vault init --trust-domain EXAMPLE.org",
        "fsm-vault serve --listen tcp:0.0.0.0:8271",
        "fsm-vault serve --listen 127.0.0.1:8271",
        "fsm-vault passphrase change horse",
        "fsm-vault passphrase",
        "fsm-vault rekey horse",
        "fsm-vault keyslot add horse",
        "fsm-vault keyslot remove 0A1B2C3D",
        "fsm-vault keyslot remove",
        "fsm-vault quickstart --client-id-file a",
        "fsm-vault quickstart --client-secret-file a",
        "fsm-vault fsm setup --redirect-uri http://a.example/x",
        "fsm-vault fsm setup 48151623",
        "fsm-vault operator recover",
        "fsm-vault caller add a --out d",
        "fsm-vault caller add a --script customscript_x --operator full --employee 1 --out d",
        "fsm-vault caller add a --operator full --out d",
        "fsm-vault caller add a --operator boss --employee 1 --out d",
        "fsm-vault caller add a --operator full --employee 1 --suiteapp com.a --out d",
        "fsm-vault caller add a --script customscript_x --csr f --spiffe-id spiffe://example.org/a",
        "fsm-vault caller add a --script customscript_x --out d --spiffe-id spiffe://example.org/a",
        "fsm-vault caller add A --script customscript_x --out d",
        "fsm-vault caller add a --script nx_suitelet2 --out d",
        "fsm-vault caller revoke",
        "fsm-vault secret create _x 48151623",
        "fsm-vault secret create _x --value 48151623",
        "fsm-vault secret create a-b",
        "fsm-vault secret create _x --allow-all-scripts --script customscript_a",
        "fsm-vault secret create _x --allow-all-domains --domain a.example",
        "fsm-vault secret get _x --version 0",
        "fsm-vault secret get _x --version latest",
        "fsm-vault secret get _x --version 2 --wait 30s",
        "fsm-vault secret get _x --known 2",
        "fsm-vault watch _x",
        "fsm-vault watch --count 0",
        "fsm-vault secret get _x --domain https://a.example",
        "fsm-vault secret get ../x",
        "fsm-vault secret list --exposure some",
        "fsm-vault secret edit _x",
        "fsm-vault secret edit _x --if-match t",
        "fsm-vault secret edit _x --id _y",
        "fsm-vault secret edit _x --owner 1,,2",
        "fsm-vault integration edit x --scope restlets,",
        "fsm-vault secret edit _x --script customscript_a --allow-all-scripts",
        "fsm-vault secret edit _x --employee 1 --any-employee",
        "fsm-vault secret edit _x --suiteapp com.a --no-suiteapp",
        "fsm-vault secret edit _x --expires-on soon",
        "fsm-vault secret edit _x --max-age-days 0",
        "fsm-vault secret delete",
        "fsm-vault secret import",
        "fsm-vault integration show FSM/x",
        "fsm-vault integration create x --issue --client-id-file a --client-secret-file b",
        "fsm-vault integration create x --template other",
        "fsm-vault integration create x --redirect-uri http://a.example/",
        "fsm-vault integration create x --refresh-token-validity-hours 0",
        "fsm-vault integration create x --refresh-token-validity-hours 721",
        "fsm-vault integration create x --scope RESTlets",
        "fsm-vault integration create x --code-grant --no-code-grant",
        "fsm-vault integration create x --account 1.2=blocked",
        "fsm-vault integration create x --endpoint other=https://a.example/",
        "fsm-vault integration create x --public-client --client-secret-secret _x",
        "fsm-vault integration edit x --public-client",
        "fsm-vault integration edit x --clear name",
        "fsm-vault integration edit x --employee 1 --any-employee",
        "fsm-vault integration edit x --suiteapp com.a --no-suiteapp",
        "fsm-vault integration rotate x --issue --client-id-file a",
        "fsm-vault integration reset x --no-capture --client-id-file a",
        "fsm-vault audit tail -n 0",
        "fsm-vault audit tail -n -1",
        "fsm-vault audit show 12 --caller a",
        "fsm-vault audit show 12 -n 3",
        "fsm-vault audit show -n 0",
        "fsm-vault audit show --outcome refused",
        "fsm-vault audit show --since yesterday",
        "fsm-vault audit export f",
        "fsm-vault audit explain",
        "fsm-vault backup create f",
        "fsm-vault backup create",
        "fsm-vault backup verify",
        "fsm-vault backup restore f",
        "fsm-vault backup restore f --data-dir d --without A",
        "fsm-vault completions cmd",
        "fsm-vault completions bash --man d",
    ] {
        assert!(!parses(line), "{line}");
    }
}
