//! Forwards a request to its upstream, and the answer back, without changing their content.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::uri::Scheme;
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri, Version, header, request};
use hyper::body::Incoming;
use mcp_audit_log_core::client_tls::Authorities;
use tokio::time::{Instant, timeout_at};

use super::answer::answer_body;
use super::connect::Reach;
use super::headers::{confine, end_to_end, keep_session, leave_session, wants_page};
use super::pool::{Connection, Held, Pool, Unanswered};
use super::shared_body::{Loan, SharedBody};
use super::sign_in::refusal;
use super::timeouts::Timeouts;
use super::upstream::{HostHeader, Upstream};
use crate::tap::transport::{FailureSlot, Transport};

/// A client for the upstreams. Connections are shared and kept for a short time.
pub(crate) struct Forwarder {
    routes: BTreeMap<String, Route>,
    timeouts: Timeouts,
}

/// What a request is for. Only MCP's requests have the upstream's own headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Mcp,
    Oauth,
}

/// How one upstream is reached.
struct Route {
    reach: Reach,
    pool: Arc<Pool>,
}

/// One request to one upstream.
struct ForwardedRequest<'a> {
    upstream: &'a Upstream,
    timeouts: Timeouts,
    route: &'a Route,
    slot: FailureSlot,
}

impl Forwarder {
    pub(crate) fn new<'a>(timeouts: Timeouts, upstreams: impl Iterator<Item = &'a Upstream> + Clone) -> Self {
        // The system's certificates are read once.
        let system = Authorities::default();
        let ordinary = Reach::new(upstreams.clone().any(Upstream::is_tls).then_some(&system), false);
        let route = |upstream: &Upstream| {
            let is_ordinary = !upstream.is_http2() && *upstream.authorities() == system;
            let own = || Reach::new(upstream.is_tls().then_some(upstream.authorities()), upstream.is_http2());
            Route { reach: if is_ordinary { ordinary.clone() } else { own() }, pool: Arc::default() }
        };
        Self { routes: upstreams.map(|upstream| (upstream.name().to_owned(), route(upstream))).collect(), timeouts }
    }

    /// Sends the request to `target`, which is on the host of `upstream`.
    pub(crate) async fn send(
        &self,
        upstream: &Upstream,
        purpose: Purpose,
        target: &Uri,
        request: Request<Body>,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let slot = parts.extensions.remove::<FailureSlot>().unwrap_or_default();
        let by_browser = wants_page(&parts.headers);
        prepare(&mut parts, upstream, purpose, target);
        let timeouts = upstream.timeouts().or(self.timeouts);
        let Some(route) = self.routes.get(upstream.name()) else {
            return own_answer(Transport::UpstreamUnreachable, upstream);
        };
        let way = ForwardedRequest { upstream, timeouts, route, slot };
        let body = Loan::new(body);
        match way.answer(&parts, &body).await {
            Ok((response, held)) => {
                body.forget();
                way.back(response, held, by_browser)
            }
            Err(failed) => {
                body.read_on().await;
                way.slot.set(failed);
                own_answer(failed, upstream)
            }
        }
    }
}

/// An answer, and its connection if the answer still needs it.
type Answered = (Response<Incoming>, Option<Held>);

/// Whether a request that has to be sent again had been sent.
struct Again {
    was_sent: bool,
}

impl ForwardedRequest<'_> {
    /// The upstream's answer. If the upstream closed a reused connection meanwhile, the request is sent once more, on a
    /// new connection.
    ///
    /// A POST may have had an effect, so it is resent only if it did not arrive: the connection had carried another
    /// exchange before, ended at once, and brought no byte for this one. Browsers do the same. One risk remains: an
    /// upstream that reads a request from an idle connection, acts on it, and closes the connection within moments
    /// without a byte. The entry is marked `resent`. A body that is too long to keep uses a new connection from the
    /// start.
    async fn answer(&self, parts: &request::Parts, body: &Loan) -> Result<Answered, Transport> {
        if body.is_kept()
            && let Some(used) = self.route.pool.take()
        {
            match self.over(used, parts, body).await? {
                Ok(answered) => return Ok(answered),
                Err(Again { was_sent: true }) => self.slot.resent(),
                Err(Again { was_sent: false }) => {}
            }
        }
        let connecting = self.route.reach.connect(self.upstream.url(), self.upstream.is_tls(), self.timeouts);
        let connected = body.read_during(connecting).await;
        let Some(wire) = connected else { return Err(body.failed().unwrap_or(Transport::ClientClosed)) };
        let scheme = if self.upstream.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
        let fresh = match self.upstream.is_http2() {
            true => Connection::http2(wire?, scheme).await?,
            false => Connection::http1(wire?).await?,
        };
        self.over(fresh, parts, body).await?.map_err(|_| Transport::UpstreamClosed)
    }

    /// Sends the request over `connection`: an answer, or that it may be sent again.
    async fn over(
        &self,
        mut connection: Connection,
        parts: &request::Parts,
        body: &Loan,
    ) -> Result<Result<Answered, Again>, Transport> {
        let request = Request::from_parts(parts.clone(), body.lend());
        match self.first_byte(&mut connection, request, body).await? {
            Ok(response) => Ok(Ok((response, self.route.pool.keep(connection, body)))),
            Err(Unanswered { error, unsent, stale }) => match body.failed() {
                Some(client) => Err(client),
                None if (unsent || stale) && body.is_kept() && connection.is_used() => {
                    Ok(Err(Again { was_sent: !unsent }))
                }
                None => {
                    let (upstream, url) = (self.upstream.name(), self.upstream.url());
                    tracing::warn!(upstream, %url, error = &error as &dyn std::error::Error, "an upstream did not \
                                                                                              respond");
                    Err(if error.is_parse() { Transport::UpstreamNoHttp } else { Transport::UpstreamClosed })
                }
            },
        }
    }

    /// Sends the request and waits for the answer to begin, which counts from the last piece of the request on.
    async fn first_byte(
        &self,
        connection: &mut Connection,
        request: Request<SharedBody>,
        body: &Loan,
    ) -> Result<Result<Response<Incoming>, Unanswered>, Transport> {
        let begun = Instant::now();
        let mut answer = std::pin::pin!(connection.send(request));
        let Some(limit) = self.timeouts.first_byte() else { return Ok(answer.await) };
        loop {
            let until = body.moved().max(begun) + limit;
            match timeout_at(until, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if body.moved() + limit > until => {}
                Err(_) => return Err(Transport::UpstreamFirstByteTimeout),
            }
        }
    }

    fn back(&self, response: Response<Incoming>, held: Option<Held>, by_browser: bool) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        end_to_end(&mut parts.headers);
        leave_session(&mut parts.headers);
        confine(&mut parts.headers, by_browser);
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        Response::from_parts(parts, answer_body(body, self.slot.clone(), self.timeouts.idle(), held))
    }
}

/// Rewrites the head of a request for the upstream.
fn prepare(parts: &mut request::Parts, upstream: &Upstream, purpose: Purpose, target: &Uri) {
    parts.uri = target.path_and_query().map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    end_to_end(&mut parts.headers);
    keep_session(&mut parts.headers);
    host(&mut parts.headers, upstream);
    // Behind what a caller's `Connection` takes off.
    if purpose == Purpose::Mcp {
        upstream.put_on(&mut parts.headers);
    }
}

/// Servers check `Host` against DNS rebinding, and know only their own name. If `Origin` is still present, the proxy
/// has not checked it, and the server sees both unchanged.
fn host(headers: &mut HeaderMap, upstream: &Upstream) {
    let own = match upstream.host_header() {
        HostHeader::Upstream => upstream.is_tls() || !headers.contains_key(header::ORIGIN),
        HostHeader::Client => false,
    };
    if own || !headers.contains_key(header::HOST) {
        headers.insert(header::HOST, upstream.authority());
    }
}

/// The proxy's own answer. Only the process log has details, because they reveal the upstream's address.
fn own_answer(failed: Transport, upstream: &Upstream) -> Response<Body> {
    let name = upstream.name();
    let (status, what) = match failed {
        Transport::ClientClosed => return client_failed("ended early; send the whole request again"),
        Transport::ClientBrokenBody => return client_failed("has invalid HTTP framing; fix the client"),
        Transport::ProxyNoCertificates => {
            (StatusCode::BAD_GATEWAY, "cannot be reached: this machine has no trusted certificates")
        }
        Transport::UpstreamName => (StatusCode::BAD_GATEWAY, "cannot be reached: its host name does not resolve"),
        Transport::UpstreamRefused => (StatusCode::BAD_GATEWAY, "cannot be reached: it refused the connection"),
        Transport::UpstreamConnectTimeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "cannot be reached: the connection timed \
                                                                            out",
        ),
        Transport::UpstreamCertificate => (StatusCode::BAD_GATEWAY, "has a certificate that is not trusted"),
        Transport::UpstreamTls => (StatusCode::BAD_GATEWAY, "failed the TLS handshake"),
        Transport::UpstreamTlsTimeout => (StatusCode::GATEWAY_TIMEOUT, "did not finish the TLS handshake in time"),
        Transport::UpstreamFirstByteTimeout => (StatusCode::GATEWAY_TIMEOUT, "did not respond in time"),
        Transport::UpstreamNoHttp => (StatusCode::BAD_GATEWAY, "returned a response that is not HTTP"),
        Transport::UpstreamClosed => (StatusCode::BAD_GATEWAY, "closed the connection before it responded"),
        _ => (StatusCode::BAD_GATEWAY, "cannot be reached"),
    };
    refusal(status, &format!("the MCP server {name:?} {what}; check that it runs and that its URL is right"))
}

fn client_failed(what: &str) -> Response<Body> {
    refusal(StatusCode::BAD_REQUEST, &format!("the request body {what}"))
}
