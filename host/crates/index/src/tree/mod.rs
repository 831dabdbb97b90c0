//! The ledger's tree in a store: tiles and the growing edge, leaves computed from rows, and proofs.

pub(crate) mod edge;
pub(crate) mod leaves;
pub(crate) mod old_roots;
pub(crate) mod proofs;
pub(crate) mod tiles;
