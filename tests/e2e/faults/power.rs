//! The power is cut: only the data that is on the disk at that moment remains, and all acknowledged events are in it.

use std::path::Path;
use std::time::Duration;

use mcp_audit_log::Options;
use mcp_audit_log_tests::fault::{ALWAYS, Dice, Image, Oracle, Seen, Shim, Subject, Sync, open, seen, verified};

/// How often the power is cut; `FAULT_CUTS` sets another number.
const CUTS: usize = 6;
/// Room for the log of one test, in MiB.
const SIZE: u64 = 64;

#[test]
fn acknowledged_entries_survive_a_power_cut() {
    let Some(mut image) = Image::new(SIZE) else { return };
    let cuts = std::env::var("FAULT_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number"));
    let (mut dice, mut oracle) = (Dice::new("power cuts"), Oracle::default());
    for _ in 0..cuts {
        // The machine comes up again with what the disk had.
        let subject = loaded(&image.log(), &mut dice, &mut oracle);
        image = cut(&image, subject, &mut oracle);
        verified(&image.log());
        oracle.judge(&look(&image));
    }
}

/// Checks that the test above can fail: it does the same with commits that are not synced.
#[test]
fn commits_without_a_sync_are_lost_in_a_power_cut() {
    let Some(image) = Image::new(SIZE) else { return };
    let (shim, mut oracle) = (Shim::new(), Oracle::default());
    let mut subject = Subject::faulty(&image.log(), &shim);
    subject.does("send 50", &mut oracle).expect("it lives");
    shim.sync(Sync::Lie, ALWAYS);
    subject.does("send 50", &mut oracle).expect("it lives");
    subject.does("sign", &mut oracle).expect("it lives");
    let image = cut(&image, subject, &mut oracle);
    let log = Options::new(image.log()).view().expect("a log");
    let lost = oracle.missing(&seen(&log)).len();
    assert!(lost > 0, "all of {} survived", oracle.acknowledged());
    // It is not silent either: what was signed last was synced, and is about more.
    let refusal = Options::new(image.log()).open().err().expect("refused").to_string();
    assert!(refusal.contains("the log does not match the last signed checkpoint"), "{refusal}");
}

/// Lets a process record and sign until it has acknowledged some.
fn loaded(folder: &Path, dice: &mut Dice, oracle: &mut Oracle) -> Subject {
    let mut subject = Subject::start(folder);
    let callers = dice.of(&[4, 50, 300]);
    subject.begins(&format!("load {callers}"));
    subject.until_acknowledged(1 + dice.below(2 * callers + 100) as usize, oracle);
    std::thread::sleep(Duration::from_micros(dice.below(8_000)));
    subject
}

/// Stops everything, and returns a copy of the disk at that moment.
fn cut(image: &Image, subject: Subject, oracle: &mut Oracle) -> Image {
    subject.prey().freeze();
    let cut = image.cut();
    // Everything that it printed was printed before the cut.
    subject.kill(oracle);
    cut
}

fn look(image: &Image) -> Vec<Seen> {
    let log = open(&image.log());
    let seen = seen(log.view());
    log.close();
    seen
}
