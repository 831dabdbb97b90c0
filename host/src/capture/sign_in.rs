//! Who may use the proxy: holders of a token, or everybody.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::caller::CallerSlot;
use crate::identity::{Identity, bearer};

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="mcp-audit""#);

/// How callers sign in.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// With a token of the log. It is for the proxy alone and not handed on to the upstream.
    Tokens(Identity),
    /// Not at all; whatever is in `Authorization` is handed on. A token of the log that somebody sends all the same says
    /// who it is, and stays here.
    Open(Identity),
}

impl SignIn {
    /// Lets the request in, or answers it. Who it is goes into the slot.
    pub(super) async fn admit(&self, headers: &mut HeaderMap, slot: Option<&CallerSlot>) -> Result<(), Response> {
        let (Self::Tokens(identity) | Self::Open(identity)) = self;
        let secret = headers.get(header::AUTHORIZATION).and_then(|header| bearer(header.to_str().ok()?));
        let token = match secret {
            Some(secret) => identity.by_secret(secret).await.map_err(|error| {
                tracing::error!(%error, "nobody can sign in");
                refusal(StatusCode::SERVICE_UNAVAILABLE, "tokens cannot be checked at present; try again later")
            })?,
            None => None,
        };
        if token.is_some() || matches!(self, Self::Tokens(_)) {
            headers.remove(header::AUTHORIZATION);
        }
        match token {
            Some(token) => slot.into_iter().for_each(|slot| slot.set(token.caller())),
            None if matches!(self, Self::Tokens(_)) => return Err(unauthorized()),
            None => {}
        }
        Ok(())
    }
}

fn unauthorized() -> Response {
    let body = refusal(
        StatusCode::UNAUTHORIZED,
        "a valid token is needed: send it as Authorization: Bearer mcpa_…; an administrator can make one with mcp-audit token create",
    );
    (([(header::WWW_AUTHENTICATE, CHALLENGE)]), body).into_response()
}

/// An answer of the proxy's own.
pub(super) fn refusal(status: StatusCode, error: &str) -> Response {
    const CONTENT_TYPE: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [CONTENT_TYPE], json!({ "error": error }).to_string()).into_response()
}
