//! Authentication: finds the visitor of a request by its token, its session, or the embedder's sign-in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use mcp_audit_log_contract::access::{Grant, Viewer};
use mcp_audit_log_identity::{
    Bearer, ConnectionStanding, JwtError, Person, RequestOrigin, SignInError, VouchedUser, bearer, is_own,
    request_origin,
};
use mcp_audit_log_model::event::Client;
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_service::AuditLog;

use super::cookie;
use super::cookie::Session;
use super::page_clock::PageClock;
use super::times;
use super::times::TimePreferences;
use crate::openapi::{Input, Operation};
use crate::problem::{CROSS_SITE, INTERNAL, Problem, TOO_MANY, UNAUTHENTICATED};
use crate::site::Site;
use crate::site::read_scheduler::WaitLimit;
use crate::site::sign_in_audit::client;

/// The time that an external sign-in is trusted during a long request. A proxy may have locked the user out, or an
/// issuer revoked its key, and the log would not know.
const WORD: i64 = 3_600 * SECOND;

/// A signed-in viewer and their rights: computed for every request, and again during long ones.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) site: Arc<Site>,
    pub(crate) access: Arc<Grant>,
    pub(crate) times: TimePreferences,
    credential: Arc<Credential>,
    client: Client,
    request_origin: RequestOrigin,
}

/// The credential of a visitor.
enum Credential {
    /// A user that the embedder, a trusted proxy, or the issuer of a JWT signed in, and the time until which this is
    /// trusted.
    Word(Person, Timestamp),
    /// The same, sent deliberately by a program.
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
        times: TimePreferences,
    ) -> Result<Self, Problem> {
        let log = site.log.clone();
        let viewer = person.viewer;
        let access = site.scheduler.briefly(move || Ok(log.view().access(&viewer))).await?;
        let access = Arc::new(access.came_by(person.connection, &client).in_zone(times.zone));
        Ok(Self { site, access, times, credential, client, request_origin })
    }

    /// The same visitor with current rights, or a problem if the credential is no longer valid.
    pub(crate) async fn again(&self) -> Result<Self, Problem> {
        let person = self.credential.person(&self.site).await?;
        let came = (self.client.clone(), self.request_origin);
        Self::new(Arc::clone(&self.site), Arc::clone(&self.credential), person, came, self.times).await
    }

    /// The same visitor, whose days are those of `zone`.
    #[cfg(feature = "mcp")]
    pub(crate) fn in_zone(self, zone: TimeZone) -> Self {
        let access = Arc::new(Grant::clone(&self.access).in_zone(zone));
        Self { access, times: TimePreferences { zone, ..self.times }, ..self }
    }

    /// The clock of the pages that this visitor sees.
    pub(crate) fn clock(&self) -> PageClock {
        PageClock::new(self.site.log.view().now(), &self.access)
    }

    /// The parameter that names the visitor's zone to the API, where it is not UTC.
    pub(crate) fn zone_parameter(&self) -> Option<(&'static str, &'static str)> {
        let zone = self.access.zone();
        (zone != TimeZone::UTC).then(|| (TimeZone::PARAMETER, zone.name()))
    }

    /// Whether a page of another site may have sent the viewer's browser here without their knowledge. A mere link then
    /// must not run an action that records an entry or costs much.
    pub(crate) fn may_be_sent_by_others(&self) -> bool {
        match self.request_origin {
            RequestOrigin::Here => false,
            RequestOrigin::Elsewhere => self.credential.comes_by_itself(),
            // Programs send no origin, and have no session.
            RequestOrigin::Unsaid => matches!(*self.credential, Credential::Session(_)),
        }
    }

    /// Checks that the viewer made this request on purpose.
    ///
    /// # Errors
    /// A page of another site may have caused their browser to send it.
    pub(crate) fn require_own_will(&self) -> Result<(), Problem> {
        if self.may_be_sent_by_others() { Err(Problem::cross_site()) } else { Ok(()) }
    }

    /// Runs a search when it is this viewer's turn, or refuses it if too many wait.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.search_with(WaitLimit::Short, work).await
    }

    /// The same for the next piece of a long answer, which waits for its turn.
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
        self.site.scheduler.search(self.access.viewer(), patience, move || work(&site.log, &access)).await
    }

    /// Runs a change, which may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { site, access, .. } = self.clone();
        self.site.scheduler.change(move || work(&site.log, &access)).await
    }

    /// Runs an operation that is always short.
    pub(crate) async fn briefly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AuditLog, &Grant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self { site, access, .. } = self.clone();
        self.site.scheduler.briefly(move || work(&site.log, &access)).await
    }
}

/// Present on every route inside the gate of API and pages.
impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

impl Input for Visitor {
    fn describe(operation: &mut Operation<'_>) {
        operation.signed_in();
        operation.refuses(UNAUTHENTICATED);
        operation.refuses(TOO_MANY);
        operation.refuses(INTERNAL);
        if operation.changes() {
            operation.refuses(CROSS_SITE);
        }
    }
}

/// Finds the visitor of a request, and adds it to the request. `kept` is what their browser keeps; programs get UTC.
/// The address overrides the zone of both.
pub(crate) async fn admit(site: &Arc<Site>, parts: &mut Parts, kept: TimePreferences) -> Result<Visitor, Problem> {
    let (credential, person) = credential(site, parts).await?;
    if credential.comes_by_itself() && !parts.method.is_safe() && !is_own(&parts.headers) {
        return Err(Problem::cross_site());
    }
    ConnectionStanding::is_known_by(&parts.extensions);
    let came = (client(parts), request_origin(&parts.headers));
    let times = TimePreferences { zone: times::named(&parts.uri)?.unwrap_or(kept.zone), ..kept };
    let visitor = Visitor::new(Arc::clone(site), Arc::new(credential), person, came, times).await?;
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
            site.sign_in_audit.refused_for(&site.log, parts, "token", error);
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

/// The user that the embedder or a trusted proxy signed in. The request's own credentials cannot override it.
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

pub(crate) fn sent_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer)
}
