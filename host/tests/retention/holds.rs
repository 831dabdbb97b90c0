//! Legal holds: what they keep, and the rights to place and release them.

use mcp_audit_log::ChangeError;
use mcp_audit_log::event::Outcome;
use mcp_audit_log::field::Field;
use mcp_audit_log::hold::NewHold;
use mcp_audit_log::time::{Clock, DAY};

use crate::support::{CLEANUP, access, clock, has_tool, of_action, open, place_hold, record};

#[tokio::test]
async fn a_hold_keeps_entries_after_its_start_until_its_release() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let admin = access(&log, "admin");
    record(&log, "before").await;
    clock.advance(DAY);
    let hold = place_hold(&log, clock.now());
    record(&log, "within").await;
    clock.advance(10 * DAY);
    record(&log, "after").await;
    clock.advance(200 * DAY);
    let state = log.run_cron(&admin, CLEANUP).expect("run");
    assert_eq!(["before", "within", "after"].map(|tool| has_tool(&log, tool)), [false, true, true]);
    assert!(state.last_message.is_some_and(|message| message.contains("legal hold")));
    assert_eq!(of_action(&log, "retention.completed")[0].details["held_from"], hold.from.to_string());

    let placed = of_action(&log, "hold.placed").remove(0);
    assert_eq!((placed.text(Field::User), placed.text(Field::ResourceType)), (Some("anna"), Some("hold")));
    assert_eq!(placed.text(Field::ResourceId), Some(hold.id.to_string().as_str()));
    assert_eq!(
        (&placed.details["reason"], &placed.details["to"]),
        (&"case 7".into(), &hold.to.map(|to| to.to_string()).into())
    );

    for reason in ["", " "] {
        assert!(log.release_hold(&admin, hold.id, reason).is_err(), "no reason");
    }
    let released = log.release_hold(&admin, hold.id, "the case is closed").expect("released");
    assert_eq!(log.holds(&admin).expect("holds"), [released]);
    assert!(log.release_hold(&admin, hold.id, "again").is_err(), "released once");
    assert_eq!(of_action(&log, "hold.released")[0].details["reason"], "the case is closed");
    log.run_cron(&admin, CLEANUP).expect("run");
    assert!(!has_tool(&log, "within") && !has_tool(&log, "after"));
    assert!(of_action(&log, "retention.completed")[0].details.get("held_from").is_none());
}

#[tokio::test]
async fn holds_need_the_right_to_configure_and_a_valid_range() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let log = open(folder.path(), &clock);
    let hold = place_hold(&log, clock.now());
    let wanted = || NewHold::new(clock.now(), "case 8");
    for group in ["user", "auditor", "billing-admin", "nobody"] {
        let who = access(&log, group);
        assert!(matches!(log.place_hold(&who, wanted()), Err(ChangeError::Denied(_))), "{group}");
        assert!(matches!(log.release_hold(&who, hold.id, "x"), Err(ChangeError::Denied(_))), "{group}");
        assert_eq!(log.holds(&who).is_ok(), group == "auditor", "{group}");
    }
    let admin = access(&log, "admin");
    for bad in [NewHold { to: Some(clock.now()), ..wanted() }, NewHold { reason: " ".into(), ..wanted() }] {
        assert!(matches!(log.place_hold(&admin, bad), Err(ChangeError::Refused(_))));
    }
    let missing = log.release_hold(&admin, mcp_audit_log::event::new_id(clock.now()), "x");
    assert!(matches!(missing, Err(ChangeError::Missing(_))));
    // The refused ones are entries too, a little later.
    let placed = of_action(&log, "hold.placed").into_iter().filter(|entry| entry.outcome() == Outcome::Success);
    assert_eq!(placed.count(), 1);
    drop(log);
    assert_eq!(open(folder.path(), &clock).holds(&admin).expect("holds"), [hold], "a hold outlives the process");
}
