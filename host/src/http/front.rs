//! Behind a proxy: what it says about who is calling, and from where, is taken from it and from nobody else.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::identity::{Front, Vouched};

/// Puts `router`, all of it, behind the proxies of `front`. This belongs outermost, next to the server: what it takes
/// away or adds is what everything inside goes by.
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
                // Nobody behind this may believe what was not believed here.
                None => front.strip(request.headers_mut()),
            }
        }
        None => front.strip(request.headers_mut()),
    }
    next.run(request).await
}
