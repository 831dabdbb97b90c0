//! The log as MCP tools, at `/api/mcp`: what the API reads, under the caller's own grant, for assistants.
//!
//! A tool turns its arguments into the parameters of the API's own operation and shortens the result, so there is one
//! way to ask the log. Below `/api` no upstream of the proxy can have its path, and no page.

mod arguments;
mod describe;
mod prompts;
mod results;
mod schemas;
mod server;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::sign_in::gate;
use crate::site::Site;

/// The path of the endpoint, below the site.
pub(crate) const PATH: &str = "/api/mcp";

/// The endpoint, behind the same sign-in as the API: each request has its own.
pub(crate) fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    Router::new().route_service(PATH, server::service()).layer(from_fn_with_state(Arc::clone(site), gate::for_api))
}
