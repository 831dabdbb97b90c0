//! HTTP/2 without TLS, as load balancers and web servers speak it: with prior knowledge. TLS is theirs.

use std::time::Duration;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// The most requests at once over one connection.
const STREAMS: u32 = 256;
/// The most bytes of a request's headers.
const HEADERS: u32 = 64 << 10;
/// How many bytes of one request, and of all over one connection, wait to be read. One that is not read must not hold up
/// the others.
const REQUEST_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 32 << 20;
/// How often a client is asked whether it is there, and how long it may take to answer.
const ASKED_EVERY: Duration = Duration::from_secs(30);
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// Sets the limits of a connection that speaks HTTP/2.
pub(super) fn limit(builder: &mut Builder<TokioExecutor>) {
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .initial_stream_window_size(REQUEST_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(ASKED_EVERY)
        .keep_alive_timeout(ANSWERS_WITHIN);
}

/// Gives a request the form of HTTP/1.1, which everything behind this knows: a `Host`, a path, and one line of cookies
/// (RFC 9113, sections 8.3.1 and 8.2.3).
pub(super) fn as_http1<B>(request: &mut Request<B>) {
    if request.version() != Version::HTTP_2 {
        return;
    }
    *request.version_mut() = Version::HTTP_11;
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority {
        request.headers_mut().insert(header::HOST, authority);
    }
    if request.method() != Method::CONNECT {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    join_cookies(request.headers_mut());
}

fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_http_2_gets_the_form_of_http_1() {
        let request = Request::builder().version(Version::HTTP_2).uri("https://log.example.com/mcp/x?a=1");
        let mut request = request.header("cookie", "a=1").header("cookie", "session=2").body(()).expect("a request");
        as_http1(&mut request);
        assert_eq!((request.uri().to_string().as_str(), request.version()), ("/mcp/x?a=1", Version::HTTP_11));
        assert_eq!(request.headers()["host"], "log.example.com");
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; session=2"]);
        let mut old = Request::builder().uri("http://other/x").header("host", "log").body(()).expect("a request");
        as_http1(&mut old);
        assert_eq!(
            (old.uri().to_string().as_str(), &old.headers()["host"]),
            ("http://other/x", &"log".parse().expect("a value"))
        );
    }
}
