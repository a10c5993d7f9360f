//! What else a request sent: media, and its place in a conversation.

use serde::{Deserialize, Serialize};

use super::Nanos;

/// An image, a video or a sound of a request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Medium {
    /// An image.
    Image {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Length of its file before it was written in base64.
        bytes: u64,
    },
    /// A video.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Number of images.
        frames: u32,
        /// Length of all its files before they were written in base64.
        bytes: u64,
    },
    /// A sound.
    Audio {
        /// Its length.
        seconds: f64,
        /// Length of its file before it was written in base64.
        bytes: u64,
    },
}

/// One turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnFacts {
    /// Number of the speaker, whose turns follow one another.
    pub speaker: u64,
    /// Turns of the same conversation before it.
    pub round: u64,
    /// Instant from which it could be sent, if it had to wait for the turn before it; else it could when it was due.
    pub ready: Option<Nanos>,
}
