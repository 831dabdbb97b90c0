//! CORS: the sites whose scripts may call, and the parts of an answer that they may read.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::identity::Origins;

/// For how long a browser need not ask again.
const AGE: Duration = Duration::from_secs(600);

/// Lets scripts of these origins call what `router` serves, refusals included. They send a token on purpose: cookies are
/// not among what they may use. Put this around all that answers, so that a preflight meets no sign-in.
pub fn across(router: Router, origins: &Origins) -> Router {
    let list: Vec<_> = origins.iter().map(|origin| origin.value().clone()).collect();
    if list.is_empty() {
        return router;
    }
    let exposed = [
        HeaderName::from_static("mcp-session-id"),
        HeaderName::from_static("mcp-protocol-version"),
        header::WWW_AUTHENTICATE,
        header::RETRY_AFTER,
        header::CONTENT_DISPOSITION,
    ];
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(list))
        .allow_methods(methods)
        // Clients name headers after a tool's parameters (Mcp-Param-…), so there is no list of them.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(AGE);
    router.layer(layer)
}
