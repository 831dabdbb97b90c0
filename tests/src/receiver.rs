//! An HTTP server that takes batches of a sink, and that fails in every way in which a receiver can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What the receiver does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// It stores the batch and says so.
    None,
    /// It stores the batch, and hangs up instead of saying so.
    StoresAndDies,
    /// It stores the batch, and answers 500.
    StoresAndFails,
    /// It stores the batch, and answers nothing for longer than a sink waits.
    StoresAndHangs,
    /// It reads a part of the batch, and hangs up.
    TakesHalf,
    /// It stores nothing, and answers this status with these headers.
    Answers(u16, &'static str),
    /// It stores the batch, and answers 200 with this body.
    Says(&'static [u8]),
    /// It refuses a batch with this text in it with 422, and stores others.
    Refuses(&'static str),
}

/// Headers, their names in lower case.
type Headers = Vec<(String, String)>;

/// A request that was stored.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The headers, their names in lower case.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Delivered {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A running receiver. It ends with the test's process.
#[derive(Clone)]
pub struct Receiver {
    port: u16,
    state: Arc<Mutex<State>>,
}

type Choice = Box<dyn FnMut() -> Misdeed + Send>;

struct State {
    chooses: Choice,
    delivered: Vec<Delivered>,
    requests: usize,
}

impl Receiver {
    /// A receiver that asks `chooses` before each request what to do with it.
    pub fn start(chooses: impl FnMut() -> Misdeed + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = State { chooses: Box::new(chooses), delivered: Vec::new(), requests: 0 };
        let receiver = Self { port, state: Arc::new(Mutex::new(state)) };
        let ours = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ours = ours.clone();
                // A client that was killed does not matter here.
                thread::spawn(move || while let Ok(true) = ours.serve(&stream) {});
            }
        });
        receiver
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// From now on it chooses so.
    pub fn choose(&self, chooses: impl FnMut() -> Misdeed + Send + 'static) {
        self.state().chooses = Box::new(chooses);
    }

    /// All that it has stored, in order.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.state().delivered.clone()
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Reads one request and answers it. `false`: the connection is over.
    fn serve(&self, stream: &TcpStream) -> std::io::Result<bool> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let Some((headers, length)) = head(&mut reader)? else { return Ok(false) };
        let misdeed = {
            let mut state = self.state();
            state.requests += 1;
            (state.chooses)()
        };
        if misdeed == Misdeed::TakesHalf {
            reader.read_exact(&mut vec![0; length / 2])?;
            return Ok(false);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let is_refused = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
        let (stores, answer) = match &misdeed {
            Misdeed::None => (true, Some((200, ""))),
            Misdeed::StoresAndDies | Misdeed::StoresAndHangs => (true, None),
            Misdeed::StoresAndFails => (true, Some((500, ""))),
            Misdeed::TakesHalf => (false, None),
            Misdeed::Answers(status, headers) => (false, Some((*status, *headers))),
            Misdeed::Says(_) => (true, Some((200, ""))),
            Misdeed::Refuses(text) if is_refused(text) => (false, Some((422, ""))),
            Misdeed::Refuses(_) => (true, Some((200, ""))),
        };
        if stores {
            self.state().delivered.push(Delivered { headers, body });
        }
        if misdeed == Misdeed::StoresAndHangs {
            thread::sleep(Duration::from_secs(3));
        }
        let Some((status, headers)) = answer else { return Ok(false) };
        let mut stream = stream.try_clone()?;
        let said: &[u8] = if let Misdeed::Says(said) = misdeed { said } else { b"" };
        write!(stream, "HTTP/1.1 {status} So\r\n{headers}content-length: {}\r\n\r\n", said.len())?;
        stream.write_all(said)?;
        Ok(true)
    }
}

/// The headers of a request, and the length of the body that follows; `None` at the end of the connection.
fn head(reader: &mut impl BufRead) -> std::io::Result<Option<(Headers, usize)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().expect("a length"));
    Ok(Some((headers, length)))
}
