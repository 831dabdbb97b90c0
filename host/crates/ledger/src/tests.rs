//! The tree, compared with an independent implementation at every size; and the remaining tree after every prune.

use std::collections::HashMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;

use super::*;

/// A requested hash that was pruned.
#[derive(Debug)]
struct Gone;

/// The tiles of a tree that grows, as the store keeps them.
#[derive(Default)]
struct Tiles {
    frontier: Frontier,
    tiles: HashMap<Tile, Vec<Hash>>,
}

impl Tiles {
    fn of(leaves: u64) -> Self {
        let mut tiles = Self::default();
        (0..leaves).for_each(|at| tiles.push(at));
        tiles
    }

    fn push(&mut self, at: u64) {
        self.frontier.push(leaf(at), |node, hash| {
            if node.level.is_multiple_of(TILE_HEIGHT) {
                self.tiles.entry(Tile::of(node).0).or_default().push(hash);
            }
        });
    }

    fn prune(&mut self, pruned: u64) {
        self.tiles.retain(|tile, _| tile.number >= Tile::first_kept(tile.level, pruned));
    }
}

impl Nodes for Tiles {
    type Error = Gone;

    fn node(&self, node: Node) -> Result<Hash, Gone> {
        let (tile, part) = Tile::of(node);
        Ok(fold(self.tiles.get(&tile).and_then(|hashes| hashes.get(part)).ok_or(Gone)?))
    }
}

/// A map of every complete subtree, which is faster than tiles.
#[derive(Default)]
struct Everything {
    frontier: Frontier,
    hashes: HashMap<Node, Hash>,
}

impl Everything {
    fn push(&mut self, at: u64) {
        self.frontier.push(leaf(at), |node, hash| {
            self.hashes.insert(node, hash);
        });
    }
}

impl Nodes for Everything {
    type Error = Gone;

    fn node(&self, node: Node) -> Result<Hash, Gone> {
        self.hashes.get(&node).copied().ok_or(Gone)
    }
}

/// What must be kept of a log whose beginning is pruned: the frontier there, and everything after it.
struct Pruned<'a> {
    whole: &'a Everything,
    frontier: Vec<Node>,
    from: u64,
}

impl Nodes for Pruned<'_> {
    type Error = Gone;

    fn node(&self, node: Node) -> Result<Hash, Gone> {
        if node.index << node.level >= self.from || self.frontier.contains(&node) {
            return self.whole.node(node);
        }
        let level = node.level.checked_sub(1).ok_or(Gone)?;
        let child = |right: u64| self.node(Node { level, index: node.index * 2 + right });
        Ok(node_hash(&child(0)?, &child(1)?))
    }
}

fn leaf(at: u64) -> Hash {
    leaf_hash(&at.to_be_bytes())
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Some indexes below `size`, among them those where something changes.
fn some(size: u64) -> Vec<u64> {
    let edges = subtrees(size).map(|node| node.index << node.level).flat_map(|at| [at, at.wrapping_sub(1), at + 1]);
    let others = [size / 3, size.wrapping_mul(7919) % size.max(1)];
    let mut places: Vec<_> = edges.chain(others).filter(|at| *at < size).collect();
    places.sort_unstable();
    places.dedup();
    places
}

#[test]
fn roots_and_proofs_equal_another_implementations_at_every_size() {
    let mut theirs = MemoryBackedTree::<Sha256, [u8; 8]>::new();
    let mut ours = Everything::default();
    let mut roots = vec![Hash::of_nothing()];
    for size in 1..=2_000_u64 {
        theirs.push((size - 1).to_be_bytes());
        ours.push(size - 1);
        let root = super::root(size, &ours).expect("a root");
        assert_eq!(root.as_bytes().as_slice(), theirs.root().as_bytes().as_slice(), "{size}");
        assert_eq!(ours.frontier.root(), root, "{size}");
        for index in some(size) {
            let proof = inclusion(index, size, &ours).expect("a proof");
            assert_eq!(bytes(&proof), theirs.prove_inclusion(index as usize).as_bytes(), "{index} in {size}");
            assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()), "{index} in {size}");
        }
        for old in some(size).into_iter().filter(|old| *old > 0) {
            let proof = consistency(old, size, &ours).expect("a proof");
            let added = (size - old) as usize;
            assert_eq!(bytes(&proof), theirs.prove_consistency(added).as_bytes(), "{old} to {size}");
            let checked = verify_consistency((old, &roots[old as usize]), (size, &root), &proof);
            assert_eq!(checked, Ok(()), "{old} to {size}");
        }
        roots.push(root);
    }
}

#[test]
fn a_proof_about_anything_else_is_refused() {
    let tree = Tiles::of(40);
    let roots: Vec<_> = (0..=40).map(|size| super::root(size, &tree).expect("a root")).collect();
    for size in 1..=40_u64 {
        let root = &roots[size as usize];
        for index in 0..size {
            let proof = inclusion(index, size, &tree).expect("a proof");
            let check = |leaf: &Hash, index, size, proof: &[Hash]| verify_inclusion(leaf, index, size, proof, root);
            assert!(check(&leaf(index + 1), index, size, &proof).is_err());
            assert!(check(&leaf(index), index ^ 1, size, &proof).is_err());
            assert!(check(&leaf(index), size, size, &proof).is_err());
            for at in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[at].0[7] ^= 1;
                assert_eq!(check(&leaf(index), index, size, &wrong), Err(ProofError::Root));
                wrong.remove(at);
                assert!(check(&leaf(index), index, size, &wrong).is_err());
            }
            let longer = [proof.as_slice(), &[leaf(0)]].concat();
            assert_eq!(check(&leaf(index), index, size, &longer), Err(ProofError::Length { found: longer.len() }));
        }
        for old in 0..=size {
            let proof = consistency(old, size, &tree).expect("a proof");
            let check = verify_consistency;
            let other = leaf(3);
            let old_root = &roots[old as usize];
            assert_eq!(check((old, old_root), (size, root), &proof), Ok(()));
            assert!(check((old, &other), (size, root), &proof).is_err(), "{old} to {size}");
            assert!(old == 0 || check((old, old_root), (size, &other), &proof).is_err(), "{old} to {size}");
            assert!(old == size || check((size, root), (old, old_root), &proof).is_err());
            let longer = [proof.as_slice(), &[leaf(0)]].concat();
            assert!(check((old, old_root), (size, root), &longer).is_err(), "{old} to {size}");
            for at in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[at].0[7] ^= 1;
                assert!(check((old, old_root), (size, root), &wrong).is_err(), "{old} to {size}");
                wrong.remove(at);
                assert!(check((old, old_root), (size, root), &wrong).is_err(), "{old} to {size}");
            }
        }
    }
}

/// Every prune point, every older size from there on, every newer one.
#[test]
fn the_frontier_and_later_hashes_suffice_for_every_proof() {
    let mut whole = Everything::default();
    (0..70).for_each(|at| whole.push(at));
    let roots: Vec<_> = (0..=70).map(|size| super::root(size, &whole).expect("a root")).collect();
    let leaves: Vec<_> = (0..70).map(leaf).collect();
    for from in 0..=70_u64 {
        let pruned = Pruned { whole: &whole, frontier: subtrees(from).collect(), from };
        assert_eq!(pruned.frontier.len(), from.count_ones() as usize);
        for new in from..=70 {
            let root = &roots[new as usize];
            assert_eq!(super::root(new, &pruned).ok().as_ref(), Some(root));
            for old in from..=new {
                let proof = consistency(old, new, &pruned).unwrap_or_else(|Gone| panic!("{from}: {old} to {new}"));
                assert_eq!(verify_consistency((old, &roots[old as usize]), (new, root), &proof), Ok(()));
                if old < new {
                    let proof = inclusion(old, new, &pruned).unwrap_or_else(|Gone| panic!("{from}: {old} in {new}"));
                    assert_eq!(verify_inclusion(&leaves[old as usize], old, new, &proof, root), Ok(()));
                }
            }
        }
    }
}

/// The same with tiles, at tile boundaries: they keep a little more than the frontier.
#[test]
fn the_kept_tiles_suffice_for_every_proof() {
    const SIZE: u64 = 2 * 65_536 + 300;
    let places =
        [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_791, 65_792, 131_071, 131_072, 131_328, SIZE - 1, SIZE];
    let mut tree = Tiles::of(SIZE);
    let roots: HashMap<_, _> = places.map(|size| (size, super::root(size, &tree).expect("a root"))).into();
    for pruned in places {
        tree.prune(pruned);
        let last = tree.tiles.keys().map(|tile| tile.level).max().expect("a tile");
        assert!(tree.tiles.keys().filter(|tile| tile.begin() < pruned).count() <= usize::from(last) + 1);
        for new in places.into_iter().filter(|new| *new >= pruned) {
            for old in places.into_iter().filter(|old| (pruned..=new).contains(old)) {
                let proof = consistency(old, new, &tree).unwrap_or_else(|Gone| panic!("{pruned}: {old} to {new}"));
                assert_eq!(verify_consistency((old, &roots[&old]), (new, &roots[&new]), &proof), Ok(()));
                if old < new {
                    let proof = inclusion(old, new, &tree).unwrap_or_else(|Gone| panic!("{pruned}: {old} in {new}"));
                    assert_eq!(verify_inclusion(&leaf(old), old, new, &proof, &roots[&new]), Ok(()));
                }
            }
        }
    }
}

#[test]
fn tiles_match_the_specification() {
    let tile = |level, index| Tile::of(Node { level, index });
    assert_eq!(tile(0, 300), (Tile { level: 0, number: 1 }, 44..45));
    assert_eq!(tile(3, 32), (Tile { level: 0, number: 1 }, 0..8));
    assert_eq!(tile(7, 3), (Tile { level: 0, number: 1 }, 128..256));
    assert_eq!(tile(8, 1), (Tile { level: 1, number: 0 }, 1..2));
    let open: Vec<_> = Tile::open(65_536 + 256).collect();
    assert_eq!(open, [Tile { level: 1, number: 1 }, Tile { level: 2, number: 0 }]);
    let widths = [0, 1].map(|level| Tile { level, number: 1 }.width(65_536 + 256 + 3));
    assert_eq!((widths, Tile { level: 0, number: 257 }.width(65_536 + 256 + 3)), ([256, 1], 3));
    assert_eq!(Tile::open(u64::MAX).map(Tile::begin).last(), Some(0));
}

#[test]
fn a_frontier_grows_as_the_tree_does() {
    let tree = Tiles::of(70);
    for size in 0..=70 {
        let frontier = Frontier::of(size, &tree).expect("a frontier");
        assert_eq!(Some(&frontier), Frontier::from_hashes(size, frontier.hashes().to_vec()).as_ref());
        assert_eq!(frontier.root(), super::root(size, &tree).expect("a root"));
        let mut grown = frontier.clone();
        (size..70).for_each(|at| grown.push(leaf(at), |_, _| {}));
        assert_eq!(grown, tree.frontier);
    }
    assert_eq!(Frontier::from_hashes(3, vec![leaf(0)]), None);
}

/// The known answers of RFC 6962's authors, and one leaf written out: a change of the encoding changes these.
#[test]
fn the_encoding_matches_the_specification() {
    use mcp_audit_log_model::entry::Entry;
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_model::time::Timestamp;
    assert_eq!(leaf_hash(b"").to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let mut entry = Entry::new(uuid::Uuid::from_u128(1), Timestamp::from_micros(2), Timestamp::from_micros(3));
    entry.set_text(Field::Channel, Some("mcp"));
    entry.status_code = Some(404);
    entry.payload_commitment = Some([9; 32]);
    entry.details.insert("a".to_owned(), 1.into());
    let content = Content::of(&entry);
    let mut expected = vec![1, 0, 0, 0, 16];
    expected.extend([&[0; 15][..], &[1]].concat());
    expected.extend([2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2]);
    expected.extend([&[4, 0, 0, 0, 3][..], b"mcp"].concat());
    expected.extend([17, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0x94]);
    expected.extend([&[64, 0, 0, 0, 32][..], &[9; 32]].concat());
    expected.extend([&[65, 0, 0, 0, 7][..], b"{\"a\":1}"].concat());
    assert_eq!(content.as_bytes(), expected);
    let leaf = Leaf::new(7, 3, content.hash());
    let bytes = [&[0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3][..], content.hash().as_bytes()].concat();
    assert_eq!((leaf.to_bytes().as_slice(), leaf.hash()), (bytes.as_slice(), leaf_hash(&bytes)));
}

/// Authors of verifiers follow the specification, so its table must be the field table.
#[test]
fn the_specification_lists_every_field_with_its_number() {
    use mcp_audit_log_model::field::{Field, FieldType};
    let specification = include_str!("../../../../docs/ledger.md");
    let mut rows = specification.lines().filter(|line| line.starts_with("| ") && line.contains(" | `"));
    for field in Content::fields() {
        let value = match field.kind() {
            FieldType::Id => "16 bytes",
            FieldType::Integer if field == Field::StatusCode => "8 bytes: number",
            FieldType::Integer => "number",
            FieldType::Time => "8 bytes: microseconds",
            FieldType::Text => "text",
        };
        let row = format!("| {} | `{}` | {value}", field as u8, field.name());
        assert!(rows.next().is_some_and(|found| found.starts_with(&row)), "{row} is not in docs/ledger.md");
    }
    assert_eq!(rows.next(), Some("| 65 | `details` | text: the JSON object as it is stored |"));
}
