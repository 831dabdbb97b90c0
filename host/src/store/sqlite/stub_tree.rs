//! Stand-in.
use std::collections::HashMap;

use super::Files;
use crate::domain::Domain;
use crate::ledger::{Content, Frontier, Hash, Leaf, Node, Nodes};
use crate::store::StoreError;

pub(crate) struct Mem(HashMap<Node, Hash>);

impl Nodes for Mem {
    type Error = StoreError;
    fn node(&self, node: Node) -> Result<Hash, StoreError> {
        self.0.get(&node).copied().ok_or(StoreError::Corrupt { seq: node.index, reason: "gone".to_owned() })
    }
}

impl Files {
    pub(crate) fn tree<T>(&self, ask: impl FnOnce(u64, &Mem) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (mut frontier, mut nodes, mut after) = (Frontier::default(), HashMap::new(), None);
        loop {
            let entries = self.after(&Domain::TRUE, after, 500)?;
            let Some(last) = entries.last() else { break };
            after = Some(last.seq);
            for entry in &entries {
                let leaf = Leaf::new(entry.seq, entry.recorded_at.as_micros(), Content::of(entry).hash());
                frontier.push(leaf.hash(), |node, hash| drop(nodes.insert(node, hash)));
            }
        }
        ask(frontier.size(), &Mem(nodes))
    }
}
