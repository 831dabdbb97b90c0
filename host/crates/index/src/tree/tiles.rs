//! The ledger's tiles in the store, for proofs and for verification.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::StoreError;
use crate::snapshot::{Blob, Snapshot, read_blob};
use mcp_audit_log_ledger::{Hash, Node, Nodes, TILE_HEIGHT, TILE_WIDTH, Tile, fold};

/// The tiles of a log, each read once.
pub struct Tiles<'c> {
    log: &'c dyn Snapshot,
    read: RefCell<HashMap<Tile, Rc<Vec<Hash>>>>,
}

/// The most tiles in the cache: more than a proof needs, and fewer than a whole log has.
const REMEMBERED: usize = 64;

impl<'c> Tiles<'c> {
    /// The tiles of `log`.
    pub fn new(log: &'c dyn Snapshot) -> Self {
        Self { log, read: RefCell::default() }
    }

    /// The snapshot that they are read from.
    pub(crate) fn log(&self) -> &'c dyn Snapshot {
        self.log
    }

    /// The hashes of a tile; `None` if it is not stored.
    ///
    /// # Errors
    /// The store fails.
    pub fn get(&self, tile: Tile) -> Result<Rc<Vec<Hash>>, StoreError> {
        if let Some(hashes) = self.read.borrow().get(&tile) {
            return Ok(Rc::clone(hashes));
        }
        let hashes = Rc::new(read(self.log, tile)?);
        let mut read = self.read.borrow_mut();
        if read.len() >= REMEMBERED {
            read.clear();
        }
        read.insert(tile, Rc::clone(&hashes));
        Ok(hashes)
    }

    /// Checks the tiles from `tile` up: for each full tile, the level above must have its hash. The remaining hashes
    /// form the frontier, which is compared with the head's root when it is loaded.
    ///
    /// # Errors
    /// A tile was changed, or the store fails.
    pub fn check_above(&self, mut tile: Tile) -> Result<(), StoreError> {
        loop {
            let hashes = self.get(tile)?;
            if (hashes.len() as u64) < TILE_WIDTH {
                return Ok(());
            }
            let above = Node { level: (tile.level + 1) * TILE_HEIGHT, index: tile.number };
            let found = self.node(above)?;
            if found != fold(&hashes) {
                return Err(StoreError::unlike(
                    tile.begin(),
                    format!("tile {} of level {} was changed", tile.number, tile.level),
                ));
            }
            tile = Tile::of(above).0;
        }
    }
}

impl Nodes for Tiles<'_> {
    type Error = StoreError;

    fn node(&self, node: Node) -> Result<Hash, StoreError> {
        let (tile, part) = Tile::of(node);
        let missing = || {
            let what = format!("the hash of subtree {} of level {} is missing", node.index, node.level);
            StoreError::unlike(node.index << node.level, what)
        };
        Ok(fold(self.get(tile)?.get(part).ok_or_else(missing)?))
    }
}

fn read(log: &dyn Snapshot, tile: Tile) -> Result<Vec<Hash>, StoreError> {
    let hashes = |bytes: &[u8]| bytes.chunks_exact(Hash::LENGTH).filter_map(Hash::from_slice).collect();
    Ok(read_blob(log, Blob::Tile(tile), hashes)?.unwrap_or_default())
}
