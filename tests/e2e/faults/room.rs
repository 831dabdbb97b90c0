//! The disk fills up during a cleanup, which needs space itself to remove anything: it ends half done and reports that,
//! and is finished once there is space.

use mcp_audit_log_tests::fault::{Image, Oracle, Seen, Subject, verified};

use crate::old::fill;

/// The free space in KiB: enough for some steps of the cleanup, and not for all.
const SPARE: usize = 1_000;

#[test]
fn a_cleanup_on_a_full_disk_is_reported_and_finished_later() {
    let Some(image) = Image::new(32) else { return };
    let young = fill(&image.log(), 6_000, 40);
    let mut oracle = Oracle::default();
    let mut subject = Subject::start(&image.log());
    subject.does("hello", &mut oracle).expect("it lives");
    let ballast = image.fill(SPARE);
    let said = subject.does("clean", &mut oracle).expect("it lives").concat();
    assert!(said.contains("disk is full") || said.contains("is not writable"), "{said}");
    let halfway = subject.entries().expect("it lives");
    assert!(old(&halfway) > 0 && halfway[0].seq > 0, "{} old ones, from {} on", old(&halfway), halfway[0].seq);
    assert_eq!(places_of_young(&halfway), young);
    verified(&image.log());
    drop(ballast);
    subject.does("send 20", &mut oracle).expect("it lives");
    assert_eq!(oracle.acknowledged(), 20);
    let said = subject.does("clean", &mut oracle).expect("it lives").concat();
    assert!(said.starts_with("true "), "{said}");
    let cleaned = subject.entries().expect("it lives");
    assert_eq!((old(&cleaned), places_of_young(&cleaned)), (0, young));
    assert!(oracle.missing(&cleaned).is_empty());
    subject.close(&mut oracle);
    verified(&image.log());
}

fn old(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.user.starts_with("old-")).count()
}

/// The newest first.
fn places_of_young(seen: &[Seen]) -> Vec<u64> {
    seen.iter().rev().filter(|seen| seen.user == "young").map(|seen| seen.seq).collect()
}
