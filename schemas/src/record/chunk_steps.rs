//! Chunks are stored as steps from one to the next: a step takes three bytes where an instant takes seven. The kind shares
/// a number with the count, for most counts are small.
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};

use super::{Chunk, ChunkKind, Nanos};

/// Chunks for which room is made ahead, whatever a file says.
const MOST_EXPECTED: usize = 1 << 16;
/// Kinds by their number.
const KINDS: [ChunkKind; 3] = [ChunkKind::Content, ChunkKind::Reasoning, ChunkKind::ToolCall];

pub(super) fn serialize<S: Serializer>(chunks: &[Chunk], serializer: S) -> Result<S::Ok, S::Error> {
    let mut before: Nanos = 0;
    serializer.collect_seq(chunks.iter().map(|chunk| {
        let step = chunk.at.wrapping_sub(before);
        before = chunk.at;
        (step, u64::from(chunk.tokens) * KINDS.len() as u64 + chunk.kind as u64)
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Chunk>, D::Error> {
    deserializer.deserialize_seq(Steps)
}

struct Steps;

impl<'de> Visitor<'de> for Steps {
    type Value = Vec<Chunk>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("steps from chunk to chunk")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut steps: A) -> Result<Vec<Chunk>, A::Error> {
        let mut chunks = Vec::with_capacity(steps.size_hint().unwrap_or(0).min(MOST_EXPECTED));
        let mut at: Nanos = 0;
        while let Some((step, number)) = steps.next_element::<(Nanos, u64)>()? {
            at = at.wrapping_add(step);
            let tokens = u32::try_from(number / KINDS.len() as u64).map_err(A::Error::custom)?;
            // The rest is below the number of kinds.
            let kind = KINDS[usize::try_from(number % KINDS.len() as u64).unwrap_or(0)];
            chunks.push(Chunk { at, tokens, kind });
        }
        Ok(chunks)
    }
}
