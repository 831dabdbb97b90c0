//! Destinations that accept checkpoints, that fail, and that never answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::sink::SinkError;
use mcp_audit_log_ledger::{Checkpoint, SignatureKind, SignedCheckpoint, SigningKey};

const SOON: Duration = Duration::from_secs(60);

fn checkpoint(number: u64) -> Published {
    signed(number, number * 10, "log", &root(number * 10))
}

/// The root of the log at a size.
fn root(size: u64) -> Hash {
    Hash::of(&size.to_be_bytes())
}

fn signed(number: u64, size: u64, origin: &str, root: &Hash) -> Published {
    let key = SigningKey::from_seed(origin, SignatureKind::Log, [1; 32]).expect("a key");
    let checkpoint = Checkpoint { origin: origin.to_owned(), size, root: *root };
    let note = SignedCheckpoint::sign(checkpoint, &[key], 0).expect("signed").to_string();
    Published { number, size, note }
}

fn folder_at(path: PathBuf) -> Folder {
    Folder::new(path, Arc::new(|size| Some(root(size))))
}

fn soon() -> Instant {
    Instant::now() + SOON
}

/// A publisher with one destination that is retried at once.
fn publisher(name: &'static str, place: impl Sink<Published>) -> Publisher {
    let pauses = Backoff { first: Duration::ZERO, longest: Duration::ZERO };
    Publisher { sinks: vec![SinkThread::start(name, place, pauses).expect("a thread")] }
}

fn arrives(publisher: &Publisher, number: u64) {
    assert!(
        publisher.sinks[0].wait_status(soon(), |status| status.arrived == Some(number)),
        "{number} does not arrive"
    );
}

fn endpoint(listener: &TcpListener, token: Option<&str>) -> Endpoint {
    let url = format!("http://{}/checkpoints?key=secret", listener.local_addr().expect("an address"));
    let options = EndpointOptions { url: url.parse().expect("an address"), token: token.map(ToOwned::to_owned) };
    Endpoint::new(&options).expect("a client")
}

/// Answers each request with the next of `answers`, and reports what was sent.
fn server(answers: Vec<&'static str>) -> (TcpListener, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (ours, (tell, told)) = (listener.try_clone().expect("a listener"), channel());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = ours.accept().expect("a request");
            tell.send(request(&mut stream)).expect("the receiver is open");
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("answered");
        }
    });
    (listener, told)
}

fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4_096];
    while !text.ends_with("=\n") {
        let read = stream.read(&mut bytes).expect("a request");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

#[test]
fn a_folder_has_each_checkpoint_and_the_newest() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("below/checkpoints");
    let publisher = publisher("folder", folder_at(path.clone()));
    publisher.publish(checkpoint(1));
    assert!(!publisher.wait_for(1, SOON) && !path.exists(), "a disk that is not mounted");
    let why = publisher.statuses().remove(0).failing.expect("it fails");
    assert!(why.contains("is missing: create it, or mount the disk"), "{why}");
    std::fs::create_dir_all(&path).expect("created");
    for number in [1, 2] {
        publisher.publish(checkpoint(number));
        arrives(&publisher, number);
    }
    let mut names: Vec<_> =
        std::fs::read_dir(&path).expect("files").map(|file| file.expect("a file").file_name()).collect();
    names.sort();
    assert_eq!(names, ["00000000000000000010-0000000001", "00000000000000000020-0000000002", "checkpoint"]);
    assert_eq!(std::fs::read_to_string(path.join("checkpoint")).expect("a file"), checkpoint(2).note);
}

/// What the folder has, what is to be published, and the expected error.
#[test]
fn another_history_never_overwrites_a_folder() {
    let other = Hash::of(b"another history");
    for (there, ours, said) in [
        (checkpoint(5), checkpoint(4), "has a checkpoint of 50 entries, but this log has signed only 40"),
        (signed(4, 40, "log", &other), checkpoint(4), "40 entries has a different root"),
        (signed(4, 30, "log", &other), checkpoint(4), "30 entries has a different root"),
        (signed(3, 30, "other", &root(30)), checkpoint(4), "another log, other"),
        (Published { note: "nonsense".into(), ..checkpoint(3) }, checkpoint(4), "is not a checkpoint"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("checkpoint"), &there.note).expect("written");
        let publisher = publisher("folder", folder_at(folder.path().to_owned()));
        let number = ours.number;
        publisher.publish(ours);
        assert!(!publisher.wait_for(number, SOON), "{said}");
        let status = publisher.statuses().remove(0);
        assert!(status.conflict && status.failing.as_deref().is_some_and(|why| why.contains(said)), "{status:?}");
        publisher.close();
        let files = std::fs::read_dir(folder.path()).expect("files").count();
        let kept = std::fs::read_to_string(folder.path().join("checkpoint")).expect("a file");
        assert_eq!((files, kept), (1, there.note), "nothing was written");
    }
    // A note that was written is written once.
    let folder = tempfile::tempdir().expect("a folder");
    let mut place = folder_at(folder.path().to_owned());
    place.put(&checkpoint(1)).expect("taken");
    place.put(&checkpoint(1)).expect("the same again");
    std::fs::write(folder.path().join("00000000000000000020-0000000002"), "another").expect("written");
    assert!(matches!(place.put(&checkpoint(2)), Err(SinkError::Conflict(_))));
}

/// A checkpoint that is reported as delivered must survive a power cut.
#[test]
fn a_rename_is_synced_before_it_counts_as_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    let roots: Roots = Arc::new(|size| Some(root(size)));
    let place = |sync| Folder::syncing(folder.path().to_owned(), Arc::clone(&roots), sync);
    let broken = |_: &std::path::Path| Err(std::io::Error::other("no sync"));
    let failed = place(broken).put(&checkpoint(1)).expect_err("it may be gone again");
    assert!(matches!(&failed, SinkError::Failed(why) if why.contains("no sync")), "{failed:?}");
    assert!(!folder.path().join("checkpoint").exists(), "the first of the two names did not last");
    place(broken).put(&checkpoint(1)).expect_err("nor does the second");
    let there = |folder: &std::path::Path| {
        let files = std::fs::read_dir(folder)?.filter_map(Result::ok).map(|file| file.file_name());
        let is_whole = files.into_iter().all(|name| !name.to_string_lossy().ends_with(".new"));
        is_whole.then_some(()).ok_or_else(|| std::io::Error::other("it is synced before it is renamed"))
    };
    place(there).put(&checkpoint(1)).expect("arrived");
}

#[test]
fn waiting_ends_at_the_first_delivery_or_when_all_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").expect("written");
    // A pause of an hour is cut short.
    let slow = Backoff { first: SOON * 60, longest: SOON * 60 };
    let sink =
        |path: &std::path::Path| SinkThread::start("folder", folder_at(path.to_owned()), slow).expect("a thread");
    let mut publisher = Publisher { sinks: vec![sink(&file)] };
    publisher.publish(checkpoint(1));
    assert!(publisher.sinks[0].wait_status(soon(), |status| status.failing.is_some()));
    publisher.publish(checkpoint(2));
    assert!(!publisher.wait_for(2, SOON), "it failed there");
    assert_eq!(publisher.statuses()[0].failures, 2);
    let (alive, never) = channel::<()>();
    publisher.sinks.push(SinkThread::start("http", Hanging(true, never), slow).expect("a thread"));
    std::fs::create_dir(folder.path().join("there")).expect("created");
    publisher.sinks.push(sink(&folder.path().join("there")));
    publisher.publish(checkpoint(3));
    assert!(publisher.wait_for(3, SOON), "one place is enough");
    publisher.sinks.pop();
    publisher.sinks.remove(0);
    publisher.publish(checkpoint(4));
    assert!(!publisher.wait_for(4, Duration::ZERO), "one that hangs is not waited for any longer than that");
    drop(alive);
}

#[test]
fn a_failing_endpoint_is_retried_until_it_accepts() {
    let (listener, told) = server(vec!["500 No", "302 Elsewhere", "204 Taken"]);
    let publisher = publisher("http", endpoint(&listener, Some("t0ken")));
    publisher.publish(checkpoint(1));
    arrives(&publisher, 1);
    let status = publisher.statuses().remove(0);
    assert_eq!((status.failures, status.failing, &*status.name), (2, None, "http"));
    let sent: Vec<_> = told.try_iter().collect();
    assert_eq!(sent.len(), 3);
    for request in sent {
        assert!(request.ends_with(&format!("\r\n\r\n{}", checkpoint(1).note)), "{request}");
        let request = request.to_lowercase();
        assert!(request.starts_with("post /checkpoints"), "{request}");
        assert!(request.contains("authorization: bearer t0ken") && request.contains("text/plain"), "{request}");
    }
}

#[test]
fn a_failure_message_contains_no_secret() {
    let (listener, _told) = server(vec!["500 No"; 1_000]);
    let publisher = publisher("http", endpoint(&listener, Some("t0ken")));
    publisher.publish(checkpoint(1));
    assert!(publisher.sinks[0].wait_status(soon(), |status| status.failing.is_some()), "it fails");
    let said = publisher.statuses().remove(0).failing.unwrap_or_default();
    assert!(said.contains("500") && !said.contains("secret") && !said.contains("t0ken"), "{said}");
}

/// Accepts one checkpoint, and hangs forever at the next one.
struct Hanging(bool, Receiver<()>);

impl Sink<Published> for Hanging {
    fn put(&mut self, _: &Published) -> Result<(), SinkError> {
        if std::mem::replace(&mut self.0, true) {
            let _ = self.1.recv();
        }
        Ok(())
    }
}

#[test]
fn a_hanging_destination_delays_neither_others_nor_closing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (alive, never) = channel();
    let mut publisher = publisher("http", Hanging(false, never));
    publisher.add("folder", folder_at(folder.path().to_owned())).expect("a thread");
    publisher.publish(checkpoint(1));
    // A newer one would replace it while it waits, and would be the one that arrives.
    arrives(&publisher, 1);
    for number in 2..=4 {
        publisher.publish(checkpoint(number));
        assert!(publisher.sinks[1].wait_status(soon(), |status| status.arrived == Some(number)), "the folder");
    }
    assert_eq!(publisher.statuses()[0].arrived, Some(1));
    publisher.close();
    drop(alive);
}

#[test]
fn closing_attempts_the_last_checkpoint_once() {
    let (listener, told) = server(vec!["500 No"]);
    let slow = Backoff { first: SOON * 60, longest: SOON * 60 };
    let sink = SinkThread::start("http", endpoint(&listener, None), slow).expect("a thread");
    let publisher = Publisher { sinks: vec![sink] };
    publisher.publish(checkpoint(1));
    told.recv().expect("a request");
    publisher.close();
    assert_eq!(publisher.statuses()[0].failures, 1, "the pause is cut short, and it is not tried for ever");
}

#[test]
fn endpoints_need_https_except_on_this_machine() {
    for (url, fits) in [
        ("http://127.0.0.1:1/x", true),
        ("http://localhost/x", true),
        ("https://witness.example.com/x", true),
        ("http://witness.example.com/x", false),
        ("http://127.0.0.1.example.com/x", false),
    ] {
        let options = EndpointOptions { url: url.parse().expect("an address"), token: None };
        assert_eq!(matches!(Endpoint::new(&options), Err(PublishError::Plain)), !fits, "{url}");
    }
}
