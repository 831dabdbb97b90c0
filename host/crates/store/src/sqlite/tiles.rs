//! The ledger's tiles in the file, as whoever makes proofs or checks them sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Doing, Files, tree};
use crate::StoreError;
use mcp_audit_log_ledger::{Hash, Node, Nodes, TILE_HEIGHT, TILE_WIDTH, Tile, fold};

/// The tiles of a log, each read once.
pub struct Tiles<'c> {
    connection: &'c Connection,
    read: RefCell<HashMap<Tile, Rc<Vec<Hash>>>>,
}

/// How many tiles are remembered: more than a proof needs, and not all of a log.
const REMEMBERED: usize = 64;

impl<'c> Tiles<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, read: RefCell::default() }
    }

    /// Where they are read from.
    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// The hashes of a tile; none where it is not there.
    pub(super) fn get(&self, tile: Tile) -> Result<Rc<Vec<Hash>>, StoreError> {
        if let Some(hashes) = self.read.borrow().get(&tile) {
            return Ok(Rc::clone(hashes));
        }
        let hashes = Rc::new(read(self.connection, tile)?);
        let mut read = self.read.borrow_mut();
        if read.len() >= REMEMBERED {
            read.clear();
        }
        read.insert(tile, Rc::clone(&hashes));
        Ok(hashes)
    }

    /// Whether the tiles are whole from `tile` up: where one is full, the level above has its hash. The frontier, which
    /// has what is left, is held against the head's root where it is loaded.
    pub(super) fn check_above(&self, mut tile: Tile) -> Result<(), StoreError> {
        loop {
            let hashes = self.get(tile)?;
            if (hashes.len() as u64) < TILE_WIDTH {
                return Ok(());
            }
            let above = Node { level: (tile.level + 1) * TILE_HEIGHT, index: tile.number };
            let found = self.node(above)?;
            if found != fold(&hashes) {
                return Err(unlike(tile.begin(), format!("tile {} of level {} was changed", tile.number, tile.level)));
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
            unlike(node.index << node.level, what)
        };
        Ok(fold(self.get(tile)?.get(part).ok_or_else(missing)?))
    }
}

impl Files {
    /// Asks the tree as it is now, of so many leaves.
    ///
    /// # Errors
    /// The database fails, or `ask` does.
    pub fn tree<T>(&self, ask: impl FnOnce(u64, &Tiles<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.read(|connection| ask(tree::head(connection)?.size, &Tiles::new(connection)))
    }
}

pub(super) fn unlike(seq: u64, what: impl Into<String>) -> StoreError {
    StoreError::Ledger { seq, what: what.into() }
}

fn read(connection: &Connection, tile: Tile) -> Result<Vec<Hash>, StoreError> {
    let sql = "SELECT hashes FROM tile WHERE level = ?1 AND number = ?2";
    let mut statement = connection.prepare_cached(sql).doing("reading the ledger")?;
    let key = params![tile.level, tile.number];
    let bytes: Option<Vec<u8>> = statement.query_row(key, |row| row.get(0)).optional().doing("reading the ledger")?;
    Ok(bytes.unwrap_or_default().chunks_exact(Hash::LENGTH).filter_map(Hash::from_slice).collect())
}
