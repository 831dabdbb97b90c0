//! Access to the proxy: with a token, with a JWT, through a trusted proxy, or for every caller.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mcp_audit_log_identity::{
    ConnectionStanding, Identity, Lease, Origins, SignInError, VouchedUser, bearer, is_foreign,
};
use mcp_audit_log_model::event::Caller;
use serde_json::json;

use crate::tap::slots::CallerSlot;

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="mcp-audit-log""#);

const NEEDED: &str = "no valid token; send one as Authorization: Bearer mcpa_…; an administrator can create one with \
                      mcp-audit-log token create";

/// A browser sends its credentials whichever page triggers the request.
const FOREIGN: &str = "cross-origin request refused: a page of another site sent it; call from a program, or add the \
                       page's origin to [cors] origins";

/// How callers sign in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignIn {
    /// With a token of the log or a JWT. Both are for the proxy only and are not forwarded to the upstream.
    Tokens(Identity),
    /// No sign-in; `Authorization` is forwarded. A token of the log, or a JWT for it, still identifies the caller and
    /// is not forwarded.
    Open(Identity),
}

impl SignIn {
    /// Admits the request, or answers it. The caller goes into the slot.
    pub(crate) async fn admit(&self, request: &mut Request, origins: &Origins) -> Result<(), Response> {
        let slot = request.extensions().get::<CallerSlot>().cloned();
        let is_caller = |caller: Caller| slot.iter().for_each(|slot| slot.set(caller.clone()));
        let secret = secret(request.headers());
        // An open proxy forwards foreign credentials, and none that would open this log.
        if matches!(self, Self::Tokens(_)) || secret.as_ref().is_some_and(|secret| self.identity().is_ours(secret)) {
            request.headers_mut().remove(header::AUTHORIZATION);
        }
        if let Some(VouchedUser(person)) = request.extensions().get::<VouchedUser>() {
            is_caller(person.caller());
            ConnectionStanding::is_known_by(request.extensions());
            let foreign = is_foreign(request.headers()) && !origins.list(request.headers());
            return if foreign { Err(refusal(StatusCode::FORBIDDEN, FOREIGN)) } else { Ok(()) };
        }
        // Without sign-in, a page from outside must not use an inside browser to get in.
        if matches!(self, Self::Open(_)) && !origins.accept(request.headers()) {
            return Err(refusal(StatusCode::FORBIDDEN, FOREIGN));
        }
        let found = match &secret {
            Some(secret) => self.identity().bearer(secret).await,
            None => Err(SignInError::Unknown),
        };
        match (&found, self) {
            (Ok(bearer), _) => {
                is_caller(bearer.caller());
                if let Self::Tokens(identity) = self {
                    request.extensions_mut().insert(Lease::of(identity, bearer));
                }
            }
            // The owner of an expired token is known, and helps to explain the refusal.
            (Err(SignInError::Expired(token)), Self::Tokens(_)) => is_caller(token.caller()),
            (Err(SignInError::Revoked(caller)), Self::Tokens(_)) => is_caller(caller.clone()),
            (Err(_), _) => {}
        }
        let Some(refusal) = found.err().and_then(|error| self.refusal(&error)) else {
            ConnectionStanding::is_known_by(request.extensions());
            return Ok(());
        };
        slot.iter().for_each(CallerSlot::refuse);
        Err(refusal)
    }

    fn identity(&self) -> &Identity {
        let (Self::Tokens(identity) | Self::Open(identity)) = self;
        identity
    }

    /// The answer to an unknown caller, unless the proxy is open.
    fn refusal(&self, error: &SignInError) -> Option<Response> {
        match (error, self) {
            (SignInError::Tokens(error), _) => {
                tracing::error!(%error, "sign-in fails: the token store is unavailable");
                let advice = "tokens cannot be checked now; try again later";
                Some(refusal(StatusCode::SERVICE_UNAVAILABLE, advice))
            }
            (_, Self::Open(_)) => None,
            (error, _) if error.is_failure() => Some(refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
            (SignInError::Unknown, Self::Tokens(_)) => Some(unauthorized(NEEDED)),
            (error, Self::Tokens(_)) => Some(unauthorized(&error.to_string())),
        }
    }
}

fn secret(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION).and_then(|header| bearer(header.to_str().ok()?)).map(str::to_owned)
}

/// The answer when the caller's access ends while it waits.
pub(crate) fn signed_out() -> Response {
    unauthorized("the token was revoked or expired during the request; ask an administrator for a new one")
}

fn unauthorized(error: &str) -> Response {
    ([(header::WWW_AUTHENTICATE, CHALLENGE)], refusal(StatusCode::UNAUTHORIZED, error)).into_response()
}

/// An answer of the proxy's own, in the form of RFC 9457.
pub(crate) fn refusal(status: StatusCode, detail: &str) -> Response {
    const CONTENT_TYPE: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let title = status.canonical_reason().unwrap_or_default();
    let problem = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [CONTENT_TYPE], problem.to_string()).into_response()
}
