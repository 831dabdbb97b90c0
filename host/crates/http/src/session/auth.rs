//! The door: from a request to the visitor that its token, its session or its embedder vouches for.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_identity::{
    Bearer, ConnectionStanding, JwtError, Person, RequestOrigin, SignInError, VouchedUser, bearer, is_own,
    request_origin,
};
use mcp_audit_log_model::event::Client;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_service::AuditLog;

use super::cookie::Session;
use super::sign_in_audit::client;
use super::{cookie, sign_in};
use crate::problem::Problem;
use crate::server::read_scheduler::WaitLimit;
use crate::{Site, ui};

/// How long an external sign-in is trusted while a request lasts: a proxy may have locked the user out, or an issuer
/// revoked its key, and the log would not learn it.
const WORD: i64 = 3_600 * SECOND;

/// A signed-in viewer and their rights: computed for every request, and again during long ones.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) site: Arc<Site>,
    pub(crate) access: Arc<Grant>,
    credential: Arc<Credential>,
    client: Client,
    request_origin: RequestOrigin,
}

/// What a visitor came in by.
enum Credential {
    /// A user that the embedder, a trusted proxy, or an issuer in a JWT vouches for, and until when that is trusted.
    Word(Person, Timestamp),
    /// The same, sent by a program on purpose.
    Jwt(Person, Timestamp),
    /// The token with this id.
    Token(String),
    /// A browser's session.
    Session(Session),
}

impl Visitor {
    async fn new(
        site: Arc<Site>,
        credential: Arc<Credential>,
        person: Person,
        (client, request_origin): (Client, RequestOrigin),
    ) -> Result<Self, Problem> {
        let log = site.log.clone();
        let viewer = person.viewer;
        let access = site.room.briefly(move || Ok(log.view().access(&viewer))).await?;
        let access = Arc::new(access.came_by(person.connection, &client));
        Ok(Self { site, access, credential, client, request_origin })
    }

    /// The same visitor with the rights of now; a problem when the credential is not valid any more.
    pub(crate) async fn again(&self) -> Result<Self, Problem> {
        let person = self.credential.person(&self.site).await?;
        let came = (self.client.clone(), self.request_origin);
        Self::new(Arc::clone(&self.site), Arc::clone(&self.credential), person, came).await
    }

    /// Whether a page of another site may have sent the viewer's browser here without their knowledge. What leaves an
    /// entry or costs much is then not done for a mere link.
    pub(crate) fn may_be_sent_by_others(&self) -> bool {
        match self.request_origin {
            RequestOrigin::Here => false,
            RequestOrigin::Elsewhere => self.credential.comes_by_itself(),
            // Programs send no origin, and have no session.
            RequestOrigin::Unsaid => matches!(*self.credential, Credential::Session(_)),
        }
    }

    /// The request was meant by the viewer.
    ///
    /// # Errors
    /// A page of another site may have sent their browser here.
    pub(crate) fn require_own_will(&self) -> Result<(), Problem> {
        if self.may_be_sent_by_others() { Err(Problem::cross_site()) } else { Ok(()) }
    }

    /// Runs a search when it is this viewer's turn, or answers that there are too many at once.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.search_with(WaitLimit::Short, work).await
    }

    /// The same for the next piece of something long, which waits for its turn.
    pub(crate) async fn search_on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.search_with(WaitLimit::Endless, work).await
    }

    async fn search_with<T: Send + 'static>(
        &self,
        patience: WaitLimit,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { site, access, .. } = self.clone();
        self.site.room.search(self.access.viewer(), patience, move || work(&site.log, &access)).await
    }

    /// Changes something, which may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { site, access, .. } = self.clone();
        self.site.room.change(move || work(&site.log, &access)).await
    }

    /// Does something that is short whatever is asked for.
    pub(crate) async fn briefly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { site, access, .. } = self.clone();
        self.site.room.briefly(move || work(&site.log, &access)).await
    }
}

/// Present on every route inside [`for_api`] and [`for_pages`].
impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// Lets signed-in programs through to the API.
pub(crate) async fn for_api(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&site, &mut parts).await {
        Ok(_) => answer(&site, next.run(Request::from_parts(parts, body))).await,
        Err(problem) => {
            // People without a session are on their way to the sign-in; a program without a token is turned away. One
            // with a wrong token is recorded where that is found.
            if problem.status() == StatusCode::UNAUTHORIZED && sent_token(&parts.headers).is_none() {
                site.witness.refused(&site.log, &parts, "token");
            }
            problem.into_response()
        }
    }
}

/// Lets signed-in people through to the pages, sends others to the sign-in, and shows problems as pages.
pub(crate) async fn for_pages(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // If there is no page, a program gets a problem in JSON, and no visitor is sent to the sign-in in vain.
    let is_page = parts.extensions.get::<MatchedPath>().is_some();
    if !is_page && !wants_page(&parts.headers) {
        return Problem::no_route().into_response();
    }
    match admit(&site, &mut parts).await {
        Ok(visitor) => {
            let answered = answer(&site, next.run(Request::from_parts(parts, body))).await;
            ui::frame::as_page(&site, Some(&visitor), answered)
        }
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED && !is_page => {
            ui::frame::as_page(&site, None, Problem::no_route().into_response())
        }
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            let wanted =
                parts.uri.path_and_query().filter(|_| parts.method.is_safe()).map_or("/", |path| path.as_str());
            Redirect::to(&sign_in::address(&site, wanted)).into_response()
        }
        Err(problem) => ui::frame::as_page(&site, None, problem.into_response()),
    }
}

/// Whether it is a browser that asks for a page.
fn wants_page(headers: &HeaderMap) -> bool {
    let wanted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    wanted.flat_map(|value| value.split(',')).any(|kind| kind.trim_start().starts_with("text/html"))
}

/// Reading, counting and rendering never delay callers of an MCP server.
async fn answer(site: &Site, answering: impl Future<Output = Response> + Send + 'static) -> Response {
    site.room.answer(answering).await.unwrap_or_else(Problem::into_response)
}

async fn admit(site: &Arc<Site>, parts: &mut Parts) -> Result<Visitor, Problem> {
    let (credential, person) = credential(site, parts).await?;
    if credential.comes_by_itself() && !parts.method.is_safe() && !is_own(&parts.headers) {
        return Err(Problem::cross_site());
    }
    ConnectionStanding::is_known_by(&parts.extensions);
    let visitor =
        Visitor::new(Arc::clone(site), Arc::new(credential), person, (client(parts), request_origin(&parts.headers)))
            .await?;
    parts.extensions.insert(visitor.clone());
    Ok(visitor)
}

/// The credential of a request, and its user.
async fn credential(site: &Site, parts: &Parts) -> Result<(Credential, Person), Problem> {
    if let Some(person) = word(site, parts).await {
        return Ok((Credential::Word(person.clone(), site.log.view().now().plus(WORD)), person));
    }
    // A token in the request counts alone: with a wrong one, a cookie does not sign in.
    if let Some(secret) = sent_token(&parts.headers) {
        let bearer = site.identity.bearer(secret).await.inspect_err(|error| {
            site.witness.refused_for(&site.log, parts, "token", error);
        })?;
        let person = bearer.person();
        return Ok(match bearer {
            Bearer::Token(token) => (Credential::Token(token.id.clone()), person),
            Bearer::Jwt(_, until) => {
                (Credential::Jwt(person.clone(), until.min(site.log.view().now().plus(WORD))), person)
            }
        });
    }
    let mut refusal = Problem::unauthenticated();
    for credential in cookie::of(site, &parts.headers).into_iter().map(Credential::Session) {
        match credential.person(site).await {
            Ok(person) => return Ok((credential, person)),
            Err(problem) => refusal = problem,
        }
    }
    Err(refusal)
}

/// The user that the embedder or a trusted proxy vouches for. The request's own credentials cannot override it.
async fn word(site: &Site, parts: &Parts) -> Option<Person> {
    if let Some(viewer) = parts.extensions.get::<Viewer>() {
        return Some(Person { viewer: viewer.clone(), connection: None });
    }
    if let Some(VouchedUser(person)) = parts.extensions.get::<VouchedUser>() {
        return Some(person.clone());
    }
    let viewer = site.embedder.as_ref()?(parts).await?;
    Some(Person { viewer, connection: None })
}

impl Credential {
    /// Its user, as long as it is valid.
    async fn person(&self, site: &Site) -> Result<Person, Problem> {
        let found = match self {
            Self::Word(person, until) | Self::Jwt(person, until) if site.log.view().now() < *until => {
                return Ok(person.clone());
            }
            Self::Word(..) => return Err(Problem::unauthenticated()),
            Self::Jwt(..) => return Err(SignInError::Jwt(JwtError::Expired).into()),
            Self::Token(id) => site.identity.by_id(id).await,
            Self::Session(session) => session.token(site).await,
        };
        match found {
            Ok(token) => Ok(Person::from(&*token)),
            Err(SignInError::Unknown) => Err(Problem::unauthenticated()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a browser may have sent it without its user's knowledge.
    fn comes_by_itself(&self) -> bool {
        !matches!(self, Self::Token(_) | Self::Jwt(..))
    }
}

fn sent_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer)
}
