//! `data.multimodal`: made-up images, videos and sounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::distribution::{LengthOrDistribution, PointOrDistribution};

/// Images, videos and sounds that go with a prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Multimodal {
    /// Images; none if not given.
    pub image: Option<Image>,
    /// Videos; none if not given.
    pub video: Option<Video>,
    /// Sounds; none if not given.
    pub audio: Option<Audio>,
}

/// Images of a prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Image {
    /// How many; none if not given.
    pub count: Option<LengthOrDistribution>,
    /// Where in the text they stand, 0 (start) to 1 (end).
    pub insertion_point: Option<PointOrDistribution>,
    /// Their size, or sizes to choose from; 512 × 512 if not given.
    pub resolutions: Option<Resolutions>,
    /// Their file format.
    pub representation: ImageRepresentation,
}

/// Videos of a prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Video {
    /// How many; none if not given.
    pub count: Option<LengthOrDistribution>,
    /// Where in the text they stand, 0 (start) to 1 (end).
    pub insertion_point: Option<PointOrDistribution>,
    /// Their size and length, or several to choose from; 10 frames of 512 × 512 if not given.
    pub profiles: Option<VideoProfiles>,
    /// Their file format.
    pub representation: VideoRepresentation,
}

/// Sounds of a prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audio {
    /// How many; none if not given.
    pub count: Option<LengthOrDistribution>,
    /// Where in the text they stand, 0 (start) to 1 (end).
    pub insertion_point: Option<PointOrDistribution>,
    /// Their length in seconds, or lengths to choose from; 1 if not given.
    pub durations: Option<Durations>,
}

/// One size, or sizes to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Resolutions {
    /// Always this size.
    One(Resolution),
    /// Chosen by weight.
    Weighted(Vec<WeightedResolution>),
}

/// A size in pixels, or the name of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Resolution {
    /// A usual size.
    Preset(ResolutionPreset),
    /// Any size.
    Size(Size),
}

/// A usual size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResolutionPreset {
    /// 3840 × 2160.
    #[serde(rename = "4k")]
    P2160,
    /// 1920 × 1080.
    #[serde(rename = "1080p")]
    P1080,
    /// 1280 × 720.
    #[serde(rename = "720p")]
    P720,
    /// 640 × 360.
    #[serde(rename = "360p")]
    P360,
}

/// A size in pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Height, pixels.
    pub height: u64,
    /// Width, pixels.
    pub width: u64,
}

/// A size and how often it is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedResolution {
    /// The size.
    pub resolution: Resolution,
    /// Weight against the others.
    #[serde(default = "one")]
    pub weight: f64,
}

/// File format of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageRepresentation {
    /// PNG.
    #[default]
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

/// One kind of video, or several to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VideoProfiles {
    /// Always this one.
    One(VideoProfile),
    /// Chosen by weight.
    Weighted(Vec<WeightedVideoProfile>),
}

/// Size and length of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VideoProfile {
    /// Size of a frame.
    pub resolution: Resolution,
    /// Number of frames.
    pub frames: u64,
}

/// A kind of video and how often it is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedVideoProfile {
    /// The kind.
    pub profile: VideoProfile,
    /// Weight against the others.
    #[serde(default = "one")]
    pub weight: f64,
}

/// File format of videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VideoRepresentation {
    /// MP4.
    #[default]
    Mp4,
    /// One PNG image per frame.
    PngFrames,
    /// One JPEG image per frame.
    JpegFrames,
}

/// One length, or lengths to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Durations {
    /// Always this length, seconds.
    One(f64),
    /// Chosen by weight.
    Weighted(Vec<WeightedDuration>),
}

/// A length of sound and how often it is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedDuration {
    /// The length, seconds.
    pub duration: f64,
    /// Weight against the others.
    #[serde(default = "one")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}
