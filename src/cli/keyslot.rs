//! `passphrase`, `keyslot` and `rekey`: with what the vault can be unsealed.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use super::passphrase;
use super::wrong_passphrase::{self, Origin};
use crate::client::{Body, Call, printable};
use crate::model::{SlotId, SlotLabel};
use crate::secret::Plaintext;
use crate::wire::{KeySlotView, Listed, RekeyedView};

#[derive(Subcommand)]
pub enum Passphrase {
    /// Put a new passphrase in the place of one that unseals the vault
    Change(Change),
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault passphrase change\n  fsm-vault passphrase change --passphrase-file old \
                  --new-passphrase-file new\n\nThe new one takes at least 12 characters, and at most 4096 bytes. The old one still opens older \
                  backups, and what is left of its key slot in the store's files; only fsm-vault rekey ends that. A \
                  credential that the daemon is started with has to be replaced too."
)]
pub struct Change {
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    new: New,
}

#[derive(Subcommand)]
pub enum KeySlot {
    /// Add a passphrase that unseals the vault too
    Add(Add),
    /// List the key slots: each opens with one passphrase
    List(List),
    /// Remove a key slot, so that its passphrase no longer unseals the vault
    Remove(Remove),
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault keyslot add --label safe\n\nA vault has at most eight. One in \
                  another's hands or in a safe lets you in when the usual passphrase is lost."
)]
pub struct Add {
    /// What it is for, shown in the list: one line
    #[arg(long, value_name = "TEXT")]
    label: Option<SlotLabel>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    new: New,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault keyslot list")]
pub struct List {}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault keyslot remove 3f9a02c7\n\nThe last one stays. A removed slot's passphrase still \
                  opens older backups, and what is left of the slot in the store's files; only fsm-vault rekey ends that."
)]
pub struct Remove {
    /// The slot's ID, as `fsm-vault keyslot list` shows it
    #[arg(value_name = "ID")]
    id: SlotId,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault rekey\n  fsm-vault rekey --passphrase-file usual --keep-passphrase-file safe\n\nAfter \
                  a passphrase has leaked together with a copy of the vault: change the passphrase first, then rekey. \
                  Services go on reading meanwhile; changes wait. It needs as much free space as the store has. Older \
                  backups still open with the old passphrases. Cut short, it has changed nothing: type it again."
)]
pub struct Rekey {
    #[command(flatten)]
    shown: Shown,
    /// A private file with the passphrase of another key slot that is to stay; may be given for each
    #[arg(long, value_name = "FILE")]
    keep_passphrase_file: Vec<PathBuf>,
    /// Let the key slots go whose passphrases aren't shown
    #[arg(long)]
    drop_other_slots: bool,
}

/// The passphrase by which one may do this.
#[derive(Args)]
pub struct Shown {
    /// A private file with a passphrase that unseals the vault, - for standard input; asked for unseen if left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Args)]
struct New {
    /// A private file with the new passphrase; asked for twice, unseen, if left out
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl Shown {
    pub fn read(&self) -> Result<Plaintext, Failure> {
        passphrase::known(self.passphrase_file.as_deref())
    }

    /// Whoever may look at the slots may change them, too. `wanted`: this one has to be there.
    fn before_asking(&self, globals: &Globals, wanted: Option<&SlotId>) -> Result<(), Failure> {
        passphrase::before_asking(globals, self.passphrase_file.as_deref(), async |daemon| {
            let found: Listed<KeySlotView> = daemon.call(Call::get("/v1/sys/keyslots")).await?.read()?;
            match wanted {
                Some(id) if found.items.iter().all(|slot| slot.id != *id) => Err(Failure::new(
                    Exit::NotFound,
                    format!("there is no such key slot as {id}; see which there are: fsm-vault keyslot list"),
                )),
                _ => Ok(()),
            }
        })
    }

    fn origin(&self) -> Origin {
        Origin::shown(self.passphrase_file.as_deref(), "--passphrase-file")
    }
}

pub fn change(globals: &Globals, command: &Change) -> Result<(), Failure> {
    let (shown, new) = both(globals, &command.shown, &command.new)?;
    let body = Body::default().secret("passphrase", &shown)?.secret("new_passphrase", &new)?.end();
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/sys/passphrase").with(body)).await?;
        let slot: KeySlotView = answer.read()?;
        globals.output.answer(&answer, || {
            format!(
                "the passphrase is changed: the key slot {} opens with the new one\nNext, replace it where the daemon is \
                 started with it (a systemd credential), and make a new backup.\n",
                slot.id
            )
        })
    })
    .map_err(|failure| command.shown.origin().of(failure))
}

pub fn run(globals: &Globals, command: KeySlot) -> Result<(), Failure> {
    match command {
        KeySlot::Add(command) => add(globals, &command),
        KeySlot::List(_) => with_daemon(globals, async |daemon| {
            let answer = daemon.call(Call::get("/v1/sys/keyslots")).await?;
            let found: Listed<KeySlotView> = answer.read()?;
            globals.output.answer(&answer, || table(&found.items))
        }),
        KeySlot::Remove(command) => remove(globals, &command),
    }
}

fn add(globals: &Globals, command: &Add) -> Result<(), Failure> {
    let (shown, new) = both(globals, &command.shown, &command.new)?;
    let body = Body::default()
        .field("label", &command.label)
        .secret("passphrase", &shown)?
        .secret("new_passphrase", &new)?
        .end();
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/sys/keyslots").with(body)).await?;
        let slot: KeySlotView = answer.read()?;
        globals.output.answer(&answer, || format!("key slot {} added\n", slot.id))
    })
    .map_err(|failure| command.shown.origin().of(failure))
}

fn remove(globals: &Globals, Remove { id, shown }: &Remove) -> Result<(), Failure> {
    shown.before_asking(globals, Some(id))?;
    let body = Body::default().secret("passphrase", &shown.read()?)?.end();
    with_daemon(globals, async |daemon| {
        daemon.call(Call::delete(format!("/v1/sys/keyslots/{id}")).with(body)).await?;
        let document = serde_json::json!({ "removed": id });
        globals.output.show(&document, || {
            format!(
                "key slot {id} removed\nIf the daemon is started with its passphrase (a systemd credential, passphrase_file), give it another \
                 one now, or it won't start\n"
            )
        })
    })
    .map_err(|failure| shown.origin().of(failure))
}

pub fn rekey(globals: &Globals, command: &Rekey) -> Result<(), Failure> {
    command.shown.before_asking(globals, None)?;
    let files = command.shown.passphrase_file.iter().chain(&command.keep_passphrase_file);
    if files.filter(|path| path.as_path() == Path::new("-")).count() > 1 {
        return Err(Failure::usage("only one of the passphrases can come from standard input"));
    }
    let shown = command.shown.read()?;
    let others =
        command.keep_passphrase_file.iter().map(|path| passphrase::from_file_or(path, "name a private file"));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let body = Body::default()
        .field("drop_others", &command.drop_other_slots)
        .secret("passphrase", &shown)?
        .secrets("keep_passphrases", &others)?
        .end();
    with_daemon(globals, async |daemon| {
        let answer = daemon.call(Call::post("/v1/sys/rekey").patiently().with(body)).await?;
        let rekeyed: RekeyedView = answer.read()?;
        globals.output.answer(&answer, || told(&rekeyed))
    })
    .map_err(|failure| {
        let kept = command.keep_passphrase_file.iter().map(|path| Origin::kept(path));
        wrong_passphrase::any_of([command.shown.origin()].into_iter().chain(kept), failure)
    })
}

fn told(rekeyed: &RekeyedView) -> String {
    let mut text = format!(
        "{} records are sealed under a new root key; the old one opens nothing here any more\n{}",
        rekeyed.records,
        table(&rekeyed.keyslots)
    );
    if !rekeyed.dropped.is_empty() {
        text.push_str("These key slots are gone; to have them back, fsm-vault keyslot add:\n");
        text.push_str(&table(&rekeyed.dropped));
    }
    text.push_str("Next, make a new backup; older ones still open with the old passphrases.\n");
    text
}

/// The passphrase that is shown and the new one, before the daemon is asked.
fn both(globals: &Globals, shown: &Shown, new: &New) -> Result<(Plaintext, Plaintext), Failure> {
    shown.before_asking(globals, None)?;
    let stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
    if stdin(&shown.passphrase_file) && stdin(&new.new_passphrase_file) {
        return Err(Failure::usage("only one of the two passphrases can come from standard input"));
    }
    let shown = passphrase::present(shown.passphrase_file.as_deref())?;
    Ok((shown, passphrase::another(new.new_passphrase_file.as_deref())?))
}

/// Slots as a table.
pub fn table(slots: &[KeySlotView]) -> String {
    let mut columns = Columns::with_head(["ID", "MADE", "BY", "LABEL"]);
    for each in slots {
        let made = each.made_at.map(time).unwrap_or_default();
        let by = each.made_by.as_ref().map(|by| by.as_str()).unwrap_or_default();
        let label = each.label.as_ref().map(|label| printable(label.as_str())).unwrap_or_default();
        columns.row([&each.id.to_string(), &made, by, &label]);
    }
    columns.to_string()
}
