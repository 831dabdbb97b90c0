//! The log after trusted proxies: takes the caller and the address only from their headers.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::identity::{Front, Vouched};

/// Puts the whole `router` behind the trusted proxies of `front`. This belongs outermost, next to the server:
/// everything inside relies on the headers that it removes or adds.
pub fn behind(router: Router, front: Front) -> Router {
    router.layer(from_fn_with_state(front, look))
}

async fn look(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    match peer.filter(|peer| front.trusts(peer.ip())) {
        Some(peer) => {
            let client = front.client(peer.ip(), request.headers());
            // Its port is not known.
            let port = if client == peer.ip() { peer.port() } else { 0 };
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, port)));
            match front.person(request.headers()) {
                Some(person) => drop(request.extensions_mut().insert(Vouched(person))),
                // Nothing inside may trust these headers.
                None => front.strip(request.headers_mut()),
            }
        }
        None => front.strip(request.headers_mut()),
    }
    next.run(request).await
}
