//! A plain HTTP client with a token, for the API, the pages, and requests that no MCP client would send.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;
use ureq::{Agent, AsSendBody};

/// A caller over HTTP.
#[derive(Clone, Debug)]
pub struct Api {
    address: String,
    headers: Vec<(String, String)>,
    agent: Agent,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub text: String,
}

impl Api {
    /// A caller with a token.
    pub fn new(address: &str, token: &str) -> Self {
        Self::anonymous(address).with("authorization", &format!("Bearer {token}"))
    }

    /// A caller without one.
    pub fn anonymous(address: &str) -> Self {
        Self { address: address.trim_end_matches('/').to_owned(), headers: Vec::new(), agent: agent(30) }
    }

    /// The same with one more header on every request.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, but it disconnects after this many seconds.
    pub fn impatient(mut self, seconds: u64) -> Self {
        self.agent = agent(seconds);
        self
    }

    /// Sends a GET to `path`, which may be a whole URL.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, ())
    }

    /// Sends a body with the content type of JSON.
    pub fn post(&self, path: &str, body: impl AsSendBody) -> Answer {
        let json = self.clone().with("content-type", "application/json");
        json.with("accept", "application/json, text/event-stream").send("POST", path, body)
    }

    /// Sends any request.
    pub fn send(&self, method: &str, path: &str, body: impl AsSendBody) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends any request, which may get no answer.
    ///
    /// # Errors
    /// No complete answer came.
    pub fn try_send(&self, method: &str, path: &str, body: impl AsSendBody) -> Result<Answer, ureq::Error> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.address) };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = self.agent.run(request.body(body)?)?;
        let text = response.body_mut().read_to_vec()?;
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = response.headers().iter().map(header).collect();
        Ok(Answer { status: response.status().as_u16(), headers, text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// A page of entries, newest first. `query` is the text after the question mark.
    pub fn entries(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/entries?{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["entries"].as_array().expect("a list of entries").clone()
    }

    /// One entry with all its details.
    pub fn entry(&self, id: &str) -> Answer {
        self.get(&format!("/api/v1/entries/{id}"))
    }

    /// Changes settings, and expects success.
    pub fn set(&self, settings: Value) {
        let json = self.clone().with("content-type", "application/json");
        let answer = json.send("PATCH", "/api/v1/settings", settings.to_string());
        assert_eq!(answer.status, 200, "{settings}: {}", answer.text);
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn agent(seconds: u64) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    // A redirect is returned as it is, and every request has a timeout.
    config.max_redirects_will_error(false).timeout_global(Some(Duration::from_secs(seconds))).build().into()
}
