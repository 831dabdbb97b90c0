//! What runs while a log is open: the recorder, the reader, the cleanup, the signer, and the ways out.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Files that are complete or absent.
mod atomic_file;
/// The components that judged, in the log's folder.
pub mod components;
/// Copies of files with their digests.
pub mod durable_copy;
/// The data folder's secret key.
pub mod secret;

/// TLS of the host's own clients.
#[cfg(feature = "http-client")]
pub mod client_tls;
/// The host's own HTTP requests.
#[cfg(feature = "http-client")]
pub mod http_client;

/// Signs checkpoints.
pub mod signer;

/// Signatures of policies.
pub mod policy_signature;

/// Ways out of the log.
pub mod sink;

/// Sends checkpoints to other systems.
pub mod publish;

/// How fast the log grows.
pub mod growth;
/// The one read path.
pub mod reader;

/// The one write path.
pub mod recorder;
/// The one deletion path.
pub mod retention;
