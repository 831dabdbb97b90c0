//! A TCP proxy that cuts its connections when the test says so: what it had read and not written on is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy. It ends with the test's process.
#[derive(Debug, Clone)]
pub struct Cutter {
    port: u16,
    streams: Arc<Mutex<Vec<[TcpStream; 2]>>>,
    swallows: Arc<AtomicBool>,
}

impl Cutter {
    /// A proxy in front of this port.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let cutter = Self {
            port: listener.local_addr().expect("an address").port(),
            streams: Arc::default(),
            swallows: Arc::default(),
        };
        let (streams, swallows) = (Arc::clone(&cutter.streams), Arc::clone(&cutter.swallows));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A receiver that is away looks like a connection that ends at once.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let copy = |stream: &TcpStream| stream.try_clone().expect("a stream");
                streams.lock().expect("no panic").push([copy(&client), copy(&server)]);
                for (from, to) in [(copy(&client), copy(&server)), (server, client)] {
                    let swallows = Arc::clone(&swallows);
                    thread::spawn(move || forward(from, to, &swallows));
                }
            }
        });
        cutter
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it reads and writes nothing on, or writes again.
    pub fn swallow(&self, swallows: bool) {
        self.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Cuts all connections; returns how many there were.
    pub fn cut(&self) -> usize {
        let streams = std::mem::take(&mut *self.streams.lock().expect("no panic"));
        // One that is over already cannot be cut.
        let is_cut = |pair: &&[TcpStream; 2]| pair.each_ref().map(|stream| stream.shutdown(Shutdown::Both).is_ok())[0];
        streams.iter().filter(is_cut).count()
    }
}

/// Copies until one side is over, and ends the other one.
fn forward(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut bytes = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if swallows.load(Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
