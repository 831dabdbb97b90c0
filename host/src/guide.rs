//! The log in seven steps. Each compiles and runs as it stands here.
//!
//! 1. [Record](record) what happens. 2. [Read](read) it, as a viewer. 3. [Capture](capture) MCP traffic.
//! 4. [Serve](serve) API and pages. 5. [Decide](decide) what is kept. 6. [Prove](prove) it. 7. [Send it on](send_on).

/// Opening a log, and recording events.
///
/// A log is a folder. One process writes it; others may read it meanwhile, with [`Options::view`](crate::Options::view).
/// [`record`](crate::AuditLog::record) returns at once: two threads judge, seal and store behind a bounded queue. An event
/// that does not fit is refused and counted, and an entry reports the count.
///
/// ```
/// use mcp_audit_log::event::{Caller, Resource};
/// use mcp_audit_log::time::{Clock, SystemClock};
/// use mcp_audit_log::{Event, Options};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// let now = SystemClock.now();
/// let uma = Caller::user("uma").connection("umas-laptop");
/// let call = Event::tool_call(now, "cluster", "troubleshoot").by(uma.clone());
/// let parent = call.id;
/// log.record(call)?;
/// // What the call caused names it as its parent.
/// log.record(Event::api_call(now, "GET", "/v1/pods", 200).by(uma).under(parent))?;
/// log.record(Event::admin(now, "api_key.revoked", Resource::api_key("key-7").named("CI")).by(Caller::user("ada")))?;
/// // Everything is on the disk when this returns.
/// log.close();
/// # Ok(())
/// # }
/// ```
///
/// In asynchronous code, [`record_durably`](crate::AuditLog::record_durably) waits until the entry is on the disk.
pub mod record {}

/// Viewers, and what they see.
///
/// Every reading needs a [`Grant`](crate::Grant): the policy makes it for a [`Viewer`](crate::Viewer), and a record rule in
/// it limits each answer, counts and menus included. Filters are [domains](crate::filter::Domain), and texts in the
/// filter language can be parsed into them.
///
/// ```
/// use mcp_audit_log::event::Caller;
/// use mcp_audit_log::field::Field;
/// use mcp_audit_log::filter::Domain;
/// use mcp_audit_log::reader::{GroupBy, GroupSort};
/// use mcp_audit_log::time::{Clock, SystemClock};
/// use mcp_audit_log::{Event, Options, Viewer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let log = Options::new(folder.path()).open()?;
/// for user in ["uma", "otto"] {
///     log.record(Event::tool_call(SystemClock.now(), "crm", "search").by(Caller::user(user)))?;
/// }
/// log.close();
/// let calls = Domain::equals(Field::Method, "tools/call");
/// // By the default policy a user sees their own entries, and an admin all of them.
/// for (viewer, seen) in [(Viewer::new("uma", ["user"]), 1), (Viewer::new("ada", ["admin"]), 2)] {
///     let grant = log.view().access(&viewer);
///     let reader = log.view().reader(&grant);
///     assert_eq!(reader.page(calls.clone(), None, 10)?.entries.len(), seen);
///     let groups = reader.groups(calls.clone(), &[GroupBy::Field(Field::Tool)], GroupSort::Count, 10)?;
///     assert_eq!(groups.groups[0].count, seen as u64);
/// }
/// # Ok(())
/// # }
/// ```
pub mod read {}

/// Layers around an MCP server and around your own API.
///
/// `AuditLayer` forwards every byte unchanged, streams included, and records what it saw when an answer has ended. Put
/// your sign-in inside of it: refused requests are entries too, and a `CallerSlot` in the request takes the caller's name.
///
/// ```
/// use axum::{Extension, Router, routing::post};
/// use mcp_audit_log::capture::{ApiLayer, AuditLayer, CallerSlot};
/// use mcp_audit_log::event::Caller;
/// use mcp_audit_log::{AuditLog, Options};
///
/// async fn mcp(Extension(slot): Extension<CallerSlot>, _message: String) -> &'static str {
///     slot.set(Caller::user("uma"));
///     r#"{"jsonrpc":"2.0","id":1,"result":{}}"#
/// }
///
/// fn app(log: &AuditLog) -> Router {
///     let api = Router::new().route("/v1/orders", post(async || "made")).layer(ApiLayer::new(log.clone(), "shop"));
///     Router::new().route("/mcp", post(mcp)).layer(AuditLayer::new(log.clone(), "shop")).merge(api)
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// let app: Router = app(&log);
/// # drop(app);
/// # log.close();
/// # Ok(())
/// # }
/// ```
pub mod capture {}

/// API and pages below a path of your application, with your own sign-in.
///
/// ```
/// use axum::Router;
/// use mcp_audit_log::http::{self, Site};
/// use mcp_audit_log::{AuditLog, Options, Viewer};
///
/// fn pages(log: &AuditLog) -> Router {
///     let site = Site::embedded(log.clone(), |request| {
///         let user = request.headers.get("x-your-session").and_then(|value| value.to_str().ok());
///         let viewer = user.map(|user| Viewer::new(user, ["user"]));
///         async move { viewer }
///     });
///     Router::new().nest("/audit", http::router(site.mounted_at("/audit").over_https()))
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// let pages: Router = pages(&log);
/// # drop(pages);
/// # log.close();
/// # Ok(())
/// # }
/// ```
pub mod serve {}

/// Settings, payloads, retention and legal holds.
///
/// A policy declares settings; the default one has a switch for payloads, which is off, and the days that entries are kept.
/// Each change is an entry. The cleanup runs daily by itself, and nothing else deletes; a hold keeps what it covers.
///
/// ```
/// use mcp_audit_log::hold::NewHold;
/// use mcp_audit_log::time::{Clock, SystemClock};
/// use mcp_audit_log::{Options, Viewer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// let admin = log.view().access(&Viewer::new("ada", ["admin"]));
/// let wanted = [("log_payloads".to_owned(), true.into()), ("retention_days".to_owned(), 30.into())];
/// log.change_settings(&admin, &wanted.into_iter().collect())?;
/// assert!(log.keeps_payloads());
/// let hold = log.place_hold(&admin, NewHold::new(SystemClock.now(), "case 7"))?;
/// log.release_hold(&admin, hold.id, "case 7 is closed")?;
/// // Another policy is a component: `Options::new(folder).policy(bytes)`, and `.extend(bytes)` puts extensions over it.
/// log.close();
/// # Ok(())
/// # }
/// ```
pub mod decide {}

/// Checkpoints, and verifying.
///
/// Entries are leaves of a Merkle tree (RFC 6962). The log signs size and root every minute while entries come in. Who kept
/// a checkpoint can later check that the log still has everything that it is about.
///
/// ```
/// use mcp_audit_log::event::Caller;
/// use mcp_audit_log::signer::SignerOptions;
/// use mcp_audit_log::time::{Clock, SystemClock};
/// use mcp_audit_log::{Event, Options, verify_log};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// log.record(Event::tool_call(SystemClock.now(), "crm", "search").by(Caller::user("uma")))?;
/// log.sign()?;
/// log.close();
/// let found = verify_log(folder.path(), &SignerOptions::default(), Vec::new(), &|_check, _done, _all| {})?;
/// assert!(found.head.size >= 1);
/// # Ok(())
/// # }
/// ```
pub mod prove {}

/// Files of entries.
///
/// An export is written by parts, so that its size does not matter, and an entry before and after it says who exported what.
///
/// ```
/// use mcp_audit_log::export::{Columns, ExportRequest, Format};
/// use mcp_audit_log::filter::Domain;
/// use mcp_audit_log::{Options, Viewer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = Options::new(folder.path()).open()?;
/// let admin = log.view().access(&Viewer::new("ada", ["admin"]));
/// let wanted = ExportRequest { domain: Domain::TRUE, columns: Columns::parse("seq,action,user", false)?, format: Format::JsonLines };
/// let mut export = log.begin_export(&admin, wanted)?;
/// let mut file = Vec::new();
/// while let Some(part) = export.step(&log.view().reader(&admin))? {
///     file.extend(part);
/// }
/// log.end_export(&admin, &export)?;
/// assert!(file.starts_with(b"{\"seq\":"));
/// log.close();
/// # Ok(())
/// # }
/// ```
///
/// To send entries on as they come, give the log a [`Sink`](crate::sink::Sink).
pub mod send_on {}
