//! Who may use the proxy: whoever brings a token or a JWT, whom a proxy in front has signed in, or everybody.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::caller::CallerSlot;
use crate::event::Caller;
use crate::identity::{Bearer, Identity, SignInError, Vouched, bearer};

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="mcp-audit""#);

const NEEDED: &str = "a valid token is needed: send it as Authorization: Bearer mcpa_…; an administrator can make one with mcp-audit token create";

/// How callers sign in.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// With a token of the log or a JWT. Either is for the proxy alone and not handed on to the upstream.
    Tokens(Identity),
    /// Not at all; whatever is in `Authorization` is handed on. A token of the log or a JWT for it that somebody sends
    /// all the same says who it is, and stays here.
    Open(Identity),
}

impl SignIn {
    /// Lets the request in, or answers it. Who it is goes into the slot.
    pub(super) async fn admit(&self, request: &mut Request) -> Result<(), Response> {
        let slot = request.extensions().get::<CallerSlot>().cloned();
        let is_caller = |caller: Caller| slot.iter().for_each(|slot| slot.set(caller.clone()));
        if let Some(Vouched(person)) = request.extensions().get::<Vouched>() {
            is_caller(person.caller());
            // A proxy in front did the sign-in, so that in an open door this is not ours to take.
            if matches!(self, Self::Tokens(_)) {
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            return Ok(());
        }
        let found = self.bearer(request.headers()).await;
        let is_ours = matches!(found, Ok(_) | Err(SignInError::Expired(_)));
        if is_ours || matches!(self, Self::Tokens(_)) {
            request.headers_mut().remove(header::AUTHORIZATION);
        }
        match &found {
            Ok(bearer) => is_caller(bearer.caller()),
            // Whose token it was is known, and worth knowing.
            Err(SignInError::Expired(token)) => is_caller(token.caller()),
            Err(_) => {}
        }
        found.err().and_then(|error| self.refusal(&error)).map_or(Ok(()), Err)
    }

    async fn bearer(&self, headers: &HeaderMap) -> Result<Bearer, SignInError> {
        let (Self::Tokens(identity) | Self::Open(identity)) = self;
        let secret = headers.get(header::AUTHORIZATION).and_then(|header| bearer(header.to_str().ok()?));
        identity.bearer(secret.ok_or(SignInError::Unknown)?).await
    }

    /// The answer to whoever is not known, unless everybody may come in.
    fn refusal(&self, error: &SignInError) -> Option<Response> {
        match (error, self) {
            (SignInError::Tokens(error), _) => {
                tracing::error!(%error, "nobody can sign in");
                let advice = "tokens cannot be checked at present; try again later";
                Some(refusal(StatusCode::SERVICE_UNAVAILABLE, advice))
            }
            (_, Self::Open(_)) => None,
            (SignInError::Unknown, Self::Tokens(_)) => Some(unauthorized(NEEDED)),
            (error, Self::Tokens(_)) => Some(unauthorized(&error.to_string())),
        }
    }
}

fn unauthorized(error: &str) -> Response {
    ([(header::WWW_AUTHENTICATE, CHALLENGE)], refusal(StatusCode::UNAUTHORIZED, error)).into_response()
}

/// An answer of the proxy's own.
pub(super) fn refusal(status: StatusCode, error: &str) -> Response {
    const CONTENT_TYPE: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [CONTENT_TYPE], json!({ "error": error }).to_string()).into_response()
}
