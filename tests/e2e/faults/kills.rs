//! Kills at random moments, again and again: each acknowledged event is stored once, and no other event is stored.

use std::time::Duration;

use mcp_audit_log_tests::fault::{Dice, Oracle, Subject, verified};

/// How often a process is killed in all; `FAULT_KILLS` sets another number.
const KILLS: usize = 200;
/// The number of kills for one log before a new one is begun: each start reads all of the log.
const ON_ONE_LOG: usize = 20;
/// The number of concurrent logs: as many as a small machine has processors.
const AT_ONCE: usize = 2;

#[test]
fn acknowledged_entries_exist_once_after_kills_at_any_time() {
    let kills = std::env::var("FAULT_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut dice = Dice::new("kills");
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let mut dice = dice.split();
            scope.spawn(move || (0..kills.div_ceil(ON_ONE_LOG * AT_ONCE)).for_each(|_| one_log(&mut dice)));
        }
    });
}

fn one_log(dice: &mut Dice) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut oracle = Oracle::default();
    for _ in 0..ON_ONE_LOG {
        let subject = Subject::start(folder.path());
        strike(subject, dice, &mut oracle);
        // Before it has promised anything there may be no log yet.
        if oracle.acknowledged() > 0 {
            verified(folder.path());
        }
    }
    let mut last = Subject::start(folder.path());
    oracle.judge(&last.entries().expect("it lives"));
    last.close(&mut oracle);
}

/// Starts a process that reads the log and records for a while, and kills it. In one of five cases it is killed while
/// it starts or reads, otherwise while it records and signs.
fn strike(mut subject: Subject, dice: &mut Dice, oracle: &mut Oracle) {
    if dice.below(5) == 0 {
        subject.begins("load 8");
        std::thread::sleep(Duration::from_millis(dice.below(500)));
    } else {
        oracle.judge(&subject.entries().expect("it lives"));
        let callers = dice.of(&[1, 8, 60, 300]);
        subject.begins(&format!("load {callers}"));
        subject.until_acknowledged(dice.below(callers + 40) as usize, oracle);
        std::thread::sleep(Duration::from_micros(dice.below(8_000)));
    }
    subject.kill(oracle);
}
