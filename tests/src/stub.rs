//! The smallest upstream: it reads one request on each connection, waits, and reports how much it read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A running stub. It ends with the test's process.
#[derive(Debug)]
pub struct Stub {
    port: u16,
}

impl Stub {
    /// An upstream that answers `delay` after it has read the whole request.
    pub fn answering_after(delay: Duration) -> Self {
        Self::start(move |stream| {
            serve(stream, "application/json", |read| {
                thread::sleep(delay);
                format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"read":{read}}}}}"#)
            })
        })
    }

    /// A site with one page.
    pub fn page(html: &'static str) -> Self {
        Self::start(move |stream| serve(stream, "text/html", |_| html.to_owned()))
    }

    fn start(serve: impl Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                // A client that hung up does not matter here.
                thread::spawn(move || serve(stream));
            }
        });
        Self { port }
    }

    /// Its MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}

fn serve(mut stream: TcpStream, kind: &str, answer: impl Fn(u64) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let length = head(&mut reader)?;
    let body = answer(std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?);
    let length = body.len();
    let head = format!("content-type: {kind}\r\ncontent-length: {length}\r\nconnection: close");
    write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}")
}

/// Reads the head and returns the length of the body that follows.
fn head(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            return Ok(length);
        }
        if let Some((name, value)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().unwrap_or_else(|_| panic!("{name} is no number: {value}"));
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
