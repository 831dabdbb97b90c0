//! The ledger's tree over a store: tiles and the edge that grows, leaves made again from rows, and proofs.

pub(crate) mod edge;
pub(crate) mod leaves;
pub(crate) mod old_roots;
pub(crate) mod proofs;
pub(crate) mod tiles;
