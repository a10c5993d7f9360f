//! Sub-seeds by purpose.
//!
//! Every random choice of a run is a function of (seed, purpose, stage, index), so the same seed gives the same
//! workload whatever the number of workers, pods or restarts. It knows nothing of what is drawn.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// `load.base_seed`: the seed of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

/// What a random stream is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Gaps between the arrivals of a stage.
    Arrivals = 1,
    /// Length of a prompt.
    InputLength = 2,
    /// Length of an answer.
    OutputLength = 3,
    /// Words of a prompt.
    Prompt = 4,
    /// Which words number the prompts of a stage.
    Numbering = 5,
    /// Name of the run.
    RunId = 6,
    /// Pauses between the attempts of a request.
    RetryPause = 7,
    /// LoRA adapter of a request.
    Adapter = 20,
    /// Length of the beginning that a group of prompts has in common.
    PrefixLength = 30,
    /// Words of that beginning.
    Prefix = 31,
    /// Words of what follows it.
    Question = 32,
    /// Order in which the prompts of groups are asked.
    Order = 33,
    /// Number of turns of a conversation.
    Turns = 40,
    /// Length of the system prompt that a conversation has for itself.
    OwnPrefixLength = 41,
    /// Words of that.
    OwnPrefix = 42,
    /// Pause before a turn.
    Pause = 43,
    /// Images, videos and sounds of a request.
    Media = 44,
    /// Images, videos and sounds of the beginning that a group of prompts has in common.
    PrefixMedia = 45,
}

impl Seed {
    /// The stream of `purpose` for item `index` of stage `stage`.
    ///
    /// The four numbers are the key of the cipher itself, so no two streams are related and none costs more than
    /// another to reach.
    #[must_use]
    pub fn rng(self, purpose: Purpose, stage: u32, index: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        key[12..16].copy_from_slice(&stage.to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_every_part_of_their_name() {
        let first = |seed: u64, purpose, stage, index| Seed(seed).rng(purpose, stage, index).next_u64();
        let base = first(1, Purpose::Prompt, 2, 3);
        assert_eq!(base, first(1, Purpose::Prompt, 2, 3));
        for other in [
            first(2, Purpose::Prompt, 2, 3),
            first(1, Purpose::Arrivals, 2, 3),
            first(1, Purpose::Prompt, 3, 3),
            first(1, Purpose::Prompt, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }
}
