//! From pairs of keys and values to mappings: equal keys and `<<`.

use indexmap::IndexMap;
use indexmap::map::Entry as Slot;

use super::Dialect;
use crate::tree::{Content, Entry, Node};

/// A value in a mapping's order: an ordinary pair, or `<<` and what it merges.
pub(super) enum Pair {
    Plain(String, Entry),
    /// Mappings, weakest first.
    Merge(Vec<Node>),
}

/// Mapping of `pairs`; of equal keys the last one wins.
///
/// PyYAML lets a mapping's own keys win over merged ones wherever they stand. Helm goes by the order in the text.
pub(super) fn collect(pairs: Vec<Pair>, dialect: Dialect) -> IndexMap<String, Entry> {
    let mut map = IndexMap::with_capacity(pairs.len());
    let (first, second): (Vec<_>, Vec<_>) = match dialect {
        Dialect::Config => pairs.into_iter().partition(|pair| matches!(pair, Pair::Merge(_))),
        Dialect::Values => (pairs, Vec::new()),
    };
    for pair in first.into_iter().chain(second) {
        match pair {
            Pair::Plain(key, entry) => put(&mut map, key, entry),
            Pair::Merge(nodes) => {
                for node in nodes {
                    if let Content::Map(entries) = node.content {
                        entries.into_iter().for_each(|(key, entry)| put(&mut map, key, entry));
                    }
                }
            }
        }
    }
    map
}

fn put(map: &mut IndexMap<String, Entry>, key: String, entry: Entry) {
    match map.entry(key) {
        Slot::Occupied(mut slot) => {
            slot.insert(entry);
        }
        Slot::Vacant(slot) => {
            slot.insert(entry);
        }
    }
}
