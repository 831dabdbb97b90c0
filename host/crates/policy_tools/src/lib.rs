//! Tries a policy without a log: what it declares, whether it makes a typical mistake, whether it judges as its author
//! wrote down, and what it costs; and explains entries. Nothing here records, and nothing prints.
//!
//! The modules, from the bottom up; each uses only those above it:

/// Events that every policy is tried with.
pub mod golden;
/// Whether an entry holds a verdict.
mod recorded;
/// Events made again from their entries.
pub mod remade;
/// Texts and values of verdicts, grants and declarations, for reports.
pub mod shown;

/// What is different between two policies, in words.
pub mod difference;
/// Golden events before a policy.
mod judging;

/// Policies and extensions that are written as TOML.
pub mod declared;
/// The folder that a new policy begins with.
pub mod new;

/// What a policy costs.
pub mod bench;
/// An author's cases.
pub mod cases;
/// Typical mistakes.
pub mod check;
/// Why an entry is as it is, and who sees it.
pub mod explain;
/// A shadow on its way through a log.
pub mod follower;
/// What a policy declares and grants.
pub mod inspect;
/// Judgements made again from a bundle, without the log.
pub mod rejudge;
/// What another policy would have done.
pub mod replay;
/// What another policy would do with what is recorded now.
pub mod shadow;
