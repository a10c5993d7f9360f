//! Images, videos and sounds that go with prompts: which ones a request has, drawn from the distributions of the
//! configuration as a function of (seed, stage, index). It knows how many, how large and where in the text, not how they
//! are encoded.

mod encode;
mod weave;

use benchmark_schemas::config::{
    Audio, Distribution, DistributionType, Durations, Image, ImageRepresentation, LengthOrDistribution,
    Multimodal, PointOrDistribution, Resolution, ResolutionPreset, Resolutions, Video, VideoProfiles,
    VideoRepresentation,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::encode::encode;
pub(super) use self::encode::{Encoded, image_part, is_image};
pub(super) use self::weave::{Part, joined, woven};
use super::lengths;

/// Width and height of an image or a frame where none is given, pixels.
const USUAL_SIZE: (u32, u32) = (512, 512);
/// Frames of a video where none are given.
const USUAL_FRAMES: u32 = 10;
/// Length of a sound where none is given, seconds.
const USUAL_SECONDS: f64 = 1.0;
/// Items of one kind that a request has at most: more fit into no model, and would fill the memory.
const MOST_ITEMS: u32 = 1024;

/// One image, video or sound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) shape: Shape,
    /// Where in the text, 0 to 1.
    pub(super) point: f64,
    /// What its content is drawn from.
    pub(super) seed: u64,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// An image of so many pixels.
    Image {
        /// Width and height, pixels.
        size: (u32, u32),
        format: ImageRepresentation,
    },
    /// Images one after another.
    Frames {
        /// Width and height, pixels.
        size: (u32, u32),
        count: u32,
        format: ImageRepresentation,
    },
    /// Silence.
    Sound {
        /// Length.
        seconds: f64,
    },
}

/// Where the items of requests come from.
#[derive(Debug, Clone, Default)]
pub(super) struct MediaSource {
    /// Images, videos, sounds, in this order.
    kinds: Vec<Kind>,
}

/// Items of one kind.
#[derive(Debug, Clone)]
struct Kind {
    count: LengthOrDistribution,
    point: Option<PointOrDistribution>,
    /// What they may be, with weights.
    shapes: Vec<(Shape, f64)>,
}

impl MediaSource {
    /// The items that `settings` describe; none if there are no settings.
    pub(super) fn new(settings: Option<&Multimodal>) -> Self {
        let Some(Multimodal { image, video, audio }) = settings else { return Self::default() };
        let kinds = [
            image.as_ref().and_then(of_images),
            video.as_ref().and_then(of_videos),
            audio.as_ref().and_then(of_sounds),
        ];
        Self { kinds: kinds.into_iter().flatten().collect() }
    }

    /// True if no request has any.
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The items that `rng` draws, encoded. One that cannot be is left out, with a word in the log.
    pub(super) fn encoded(&self, rng: &mut ChaCha8Rng) -> Vec<(Item, Encoded)> {
        let encoded = |item: Item| match encode(&item) {
            Ok(encoded) => Some((item, encoded)),
            Err(error) => {
                tracing::error!("{:?} is left out: {error}", item.shape);
                None
            }
        };
        self.draw(rng).into_iter().filter_map(encoded).collect()
    }

    /// The items that `rng` draws.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Item> {
        let mut items = Vec::new();
        for kind in &self.kinds {
            for _ in 0..count(&kind.count, rng) {
                let shape = chosen(&kind.shapes, rng);
                let point = point(kind.point.as_ref(), rng);
                items.push(Item { shape, point, seed: rng.random() });
            }
        }
        items
    }
}

fn of_images(image: &Image) -> Option<Kind> {
    let format = image.representation;
    let shape = |resolution: &Resolution| Shape::Image { size: size(resolution), format };
    let shapes = match &image.resolutions {
        None => vec![(Shape::Image { size: USUAL_SIZE, format }, 1.0)],
        Some(Resolutions::One(resolution)) => vec![(shape(resolution), 1.0)],
        Some(Resolutions::Weighted(all)) => {
            all.iter().map(|one| (shape(&one.resolution), one.weight)).collect()
        }
    };
    Some(Kind { count: image.count.clone()?, point: image.insertion_point.clone(), shapes })
}

fn of_videos(video: &Video) -> Option<Kind> {
    let format = match video.representation {
        // Others are refused before the start.
        VideoRepresentation::Mp4 | VideoRepresentation::PngFrames => ImageRepresentation::Png,
        VideoRepresentation::JpegFrames => ImageRepresentation::Jpeg,
    };
    let shape = |resolution: &Resolution, frames: u64| {
        let count = u32::try_from(frames).unwrap_or(MOST_ITEMS).min(MOST_ITEMS);
        Shape::Frames { size: size(resolution), count, format }
    };
    let shapes = match &video.profiles {
        None => vec![(Shape::Frames { size: USUAL_SIZE, count: USUAL_FRAMES, format }, 1.0)],
        Some(VideoProfiles::One(profile)) => vec![(shape(&profile.resolution, profile.frames), 1.0)],
        Some(VideoProfiles::Weighted(all)) => {
            all.iter().map(|one| (shape(&one.profile.resolution, one.profile.frames), one.weight)).collect()
        }
    };
    Some(Kind { count: video.count.clone()?, point: video.insertion_point.clone(), shapes })
}

fn of_sounds(audio: &Audio) -> Option<Kind> {
    let shapes = match &audio.durations {
        None => vec![(Shape::Sound { seconds: USUAL_SECONDS }, 1.0)],
        Some(Durations::One(seconds)) => vec![(Shape::Sound { seconds: *seconds }, 1.0)],
        Some(Durations::Weighted(all)) => {
            all.iter().map(|one| (Shape::Sound { seconds: one.duration }, one.weight)).collect()
        }
    };
    Some(Kind { count: audio.count.clone()?, point: audio.insertion_point.clone(), shapes })
}

/// Width and height, pixels; the configuration's checks bound them.
fn size(resolution: &Resolution) -> (u32, u32) {
    let pixels = |given: u64| u32::try_from(given).unwrap_or(1).max(1);
    match resolution {
        Resolution::Preset(ResolutionPreset::P2160) => (3840, 2160),
        Resolution::Preset(ResolutionPreset::P1080) => (1920, 1080),
        Resolution::Preset(ResolutionPreset::P720) => (1280, 720),
        Resolution::Preset(ResolutionPreset::P360) => (640, 360),
        Resolution::Size(size) => (pixels(size.width), pixels(size.height)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
fn count(count: &LengthOrDistribution, rng: &mut ChaCha8Rng) -> u32 {
    let drawn = match count {
        LengthOrDistribution::Length(count) => *count as f64,
        LengthOrDistribution::Distribution(distribution) => lengths::draw(distribution, rng),
    };
    drawn.clamp(0.0, f64::from(MOST_ITEMS)) as u32
}

/// One of `shapes` by its weight; the first if all weights together are nothing.
fn chosen(shapes: &[(Shape, f64)], rng: &mut ChaCha8Rng) -> Shape {
    let whole: f64 = shapes.iter().map(|(_, weight)| weight.max(0.0)).sum();
    let mut left = rng.random::<f64>() * whole;
    let found = shapes.iter().find(|(_, weight)| {
        left -= weight.max(0.0);
        left < 0.0
    });
    found.or(shapes.first()).map_or(Shape::Sound { seconds: USUAL_SECONDS }, |(shape, _)| *shape)
}

/// Where an item stands: anywhere if nothing is said about it.
pub(super) fn point(point: Option<&PointOrDistribution>, rng: &mut ChaCha8Rng) -> f64 {
    let drawn = match point {
        None => rng.random(),
        Some(PointOrDistribution::Point(point)) => *point,
        Some(PointOrDistribution::Distribution(distribution)) => fraction(distribution, rng),
    };
    drawn.clamp(0.0, 1.0)
}

/// A number of `distribution` that is not rounded.
fn fraction(distribution: &Distribution, rng: &mut ChaCha8Rng) -> f64 {
    let (min, max) = (distribution.min as f64, distribution.max.max(distribution.min) as f64);
    match distribution.kind {
        DistributionType::Fixed => distribution.mean,
        DistributionType::Uniform => rng.random_range(min..=max),
        _ => lengths::unbounded(distribution, rng).clamp(min, max),
    }
}

#[cfg(test)]
mod tests;
