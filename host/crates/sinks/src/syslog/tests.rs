//! A receiver that hangs up: what it may not have read comes again, and before what follows.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::*;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

fn batch(seqs: std::ops::Range<u64>) -> EntryBatch {
    let entry = |seq: u64| {
        let mut entry = Entry::new(Uuid::from_u128(seq.into()), Timestamp::EPOCH, Timestamp::EPOCH);
        entry.seq = seq;
        entry
    };
    EntryBatch::new("siem".into(), "gateway-1".into(), seqs.clone(), seqs.map(entry).collect())
}

/// The seqs of the next messages.
fn seqs(reader: &mut BufReader<TcpStream>, messages: usize) -> Vec<u64> {
    let mut read = || {
        let mut length = Vec::new();
        reader.read_until(b' ', &mut length).expect("a length");
        let length = String::from_utf8_lossy(&length).trim().parse().expect("a number");
        let mut message = vec![0; length];
        reader.read_exact(&mut message).expect("a message");
        let message = String::from_utf8(message).expect("UTF-8");
        let (_, json) = message.split_once("] ").expect("a text");
        let json: Value = serde_json::from_str(json).expect("JSON");
        json["seq"].as_u64().expect("a seq")
    };
    (0..messages).map(|_| read()).collect()
}

fn receiver() -> (TcpListener, Syslog) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let patience = Duration::from_secs(10);
    let authorities = Authorities::default();
    let options = SyslogOptions { host: "127.0.0.1".into(), port, tls: false, authorities, patience };
    (listener, Syslog::new(options).expect("a receiver"))
}

fn accepted(listener: &TcpListener) -> BufReader<TcpStream> {
    let connection = listener.accept().expect("a connection").0;
    // A test that waits for what never comes fails instead.
    connection.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    BufReader::new(connection)
}

/// Hangs up, and waits until the sink's side has noticed.
fn hang_up(syslog: &mut Syslog, reader: BufReader<TcpStream>) {
    reader.get_ref().shutdown(Shutdown::Both).expect("cut");
    drop(reader);
    while syslog.runtime.block_on(is_open(syslog.connection.as_mut().expect("a connection"))) {}
}

#[test]
fn what_a_broken_connection_may_have_lost_comes_again_first() {
    let (listener, mut syslog) = receiver();
    syslog.put(&batch(0..3)).expect("written");
    syslog.put(&batch(3..5)).expect("written");
    let mut first = accepted(&listener);
    assert_eq!(seqs(&mut first, 5), [0, 1, 2, 3, 4], "over one connection");
    hang_up(&mut syslog, first);
    syslog.put(&batch(5..6)).expect("written over the next one");
    let mut second = accepted(&listener);
    assert_eq!(seqs(&mut second, 6), [0, 1, 2, 3, 4, 5]);
    syslog.put(&batch(6..7)).expect("written");
    assert_eq!(seqs(&mut second, 1), [6], "once is enough while the connection holds");
}

#[test]
fn what_came_again_comes_once_more_if_that_connection_breaks_too() {
    let (listener, mut syslog) = receiver();
    syslog.put(&batch(0..3)).expect("written");
    let mut first = accepted(&listener);
    assert_eq!(seqs(&mut first, 3), [0, 1, 2]);
    hang_up(&mut syslog, first);
    // An outage that is longer than messages are in doubt.
    syslog.in_doubt.iter_mut().for_each(|(written, _)| *written = written.checked_sub(2 * IN_DOUBT).expect("a time"));
    for last in 3..5 {
        syslog.put(&batch(last..last + 1)).expect("written over the next connection");
        let mut next = accepted(&listener);
        assert_eq!(seqs(&mut next, last as usize + 1), (0..=last).collect::<Vec<_>>());
        hang_up(&mut syslog, next);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_breaks_before_its_messages_are_forgotten() {
    let (_listener, syslog) = receiver();
    let stream = syslog.runtime.block_on(tcp(&syslog.options)).expect("a connection");
    let unconfirmed = SockRef::from(&stream).tcp_user_timeout().expect("an option");
    assert!(unconfirmed.is_some_and(|unconfirmed| unconfirmed < IN_DOUBT), "{unconfirmed:?}");
}

#[test]
fn what_was_written_long_before_the_last_message_is_not_kept() {
    let (_listener, mut syslog) = receiver();
    let (frame, now): (Arc<[u8]>, _) = (vec![0; 10].into(), Instant::now());
    for seconds in [0, 10, 31, 35] {
        syslog.keep(Arc::clone(&frame), now + Duration::from_secs(seconds));
    }
    assert_eq!((syslog.in_doubt.len(), syslog.kept), (3, 30), "30 seconds before the last");
    let much: Arc<[u8]> = vec![0; KEPT].into();
    syslog.keep(much, now + Duration::from_secs(36));
    assert_eq!((syslog.in_doubt.len(), syslog.kept), (1, KEPT), "and not more than there is room for");
}

#[test]
fn a_receiver_elsewhere_needs_tls_and_one_that_is_away_is_a_failure() {
    let options = |host: &str, tls| SyslogOptions {
        host: host.into(),
        port: 1,
        tls,
        authorities: Authorities::default(),
        patience: Duration::from_secs(1),
    };
    assert!(matches!(Syslog::new(options("siem.example.com", false)), Err(DestinationError::Plain)));
    let away = Syslog::new(options("127.0.0.1", false)).expect("a receiver").put(&batch(0..1));
    assert!(matches!(away, Err(SinkError::Failed(why)) if why.contains("cannot be connected to")));
}
