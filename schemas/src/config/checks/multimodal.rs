//! Rules of images, videos and sounds.

use super::Faults;
use crate::config::{
    Data, DataType, Distribution, DistributionType, Durations, LengthOrDistribution, Multimodal,
    PointOrDistribution, Resolution, Resolutions, VideoProfiles,
};

/// Longest side of an image, pixels: what WebP can hold.
const MOST_SIDE: u64 = 16_383;
/// Pixels of an image at most: about 8k × 4k.
const MOST_PIXELS: u64 = 1 << 25;
/// Images of a video at most.
const MOST_FRAMES: u64 = 1024;
/// Longest sound, seconds.
const MOST_SECONDS: f64 = 3600.0;

pub(super) fn check(data: &Data, faults: &mut Faults<'_>) {
    let takes = matches!(data.kind, DataType::Synthetic | DataType::SharedPrefix);
    if let Some(multimodal) = &data.multimodal {
        if !takes {
            faults.warn(
                "data.multimodal",
                "has no effect: this data type sends text alone",
                "remove it, or set data.type: synthetic",
            );
        }
        check_block("data.multimodal", multimodal, faults);
    }
    let Some(prefix) = &data.shared_prefix else { return };
    if let Some(multimodal) = &prefix.multimodal {
        check_block("data.shared_prefix.multimodal", multimodal, faults);
    }
    if data.kind == DataType::SharedPrefix && data.has_media() && prefix.enable_multi_turn_chat {
        faults.add(
            "data.shared_prefix.enable_multi_turn_chat",
            "conversations of many turns have no images, videos or sounds",
            "keep one of the two",
        );
    }
}

fn check_block(section: &str, multimodal: &Multimodal, faults: &mut Faults<'_>) {
    let Multimodal { image, video, audio } = multimodal;
    if let Some(image) = image {
        let key = format!("{section}.image");
        check_count(&key, image.count.as_ref(), faults);
        check_point(&key, image.insertion_point.as_ref(), faults);
        let key = format!("{key}.resolutions");
        match &image.resolutions {
            None => {}
            Some(Resolutions::One(resolution)) => check_size(&key, resolution, faults),
            Some(Resolutions::Weighted(all)) => {
                check_weights(&key, all.iter().map(|one| one.weight), faults);
                for one in all {
                    check_size(&key, &one.resolution, faults);
                }
            }
        }
    }
    if let Some(video) = video {
        let key = format!("{section}.video");
        check_count(&key, video.count.as_ref(), faults);
        check_point(&key, video.insertion_point.as_ref(), faults);
        let key = format!("{key}.profiles");
        let profiles: Vec<_> = match &video.profiles {
            None => Vec::new(),
            Some(VideoProfiles::One(profile)) => vec![profile],
            Some(VideoProfiles::Weighted(all)) => {
                check_weights(&key, all.iter().map(|one| one.weight), faults);
                all.iter().map(|one| &one.profile).collect()
            }
        };
        for profile in profiles {
            check_size(&key, &profile.resolution, faults);
            if !(1..=MOST_FRAMES).contains(&profile.frames) {
                let fault = format!("a video has 1 to {MOST_FRAMES} frames, not {}", profile.frames);
                faults.add(key.clone(), fault, "give another number of frames");
            }
        }
    }
    if let Some(audio) = audio {
        let key = format!("{section}.audio");
        check_count(&key, audio.count.as_ref(), faults);
        check_point(&key, audio.insertion_point.as_ref(), faults);
        let key = format!("{key}.durations");
        let durations: Vec<f64> = match &audio.durations {
            None => Vec::new(),
            Some(Durations::One(seconds)) => vec![*seconds],
            Some(Durations::Weighted(all)) => {
                check_weights(&key, all.iter().map(|one| one.weight), faults);
                all.iter().map(|one| one.duration).collect()
            }
        };
        if durations.iter().any(|seconds| !(0.0..=MOST_SECONDS).contains(seconds)) {
            faults.add(key, format!("a sound lasts 0 to {MOST_SECONDS} s"), "give another length in seconds");
        }
    }
}

fn check_count(key: &str, count: Option<&LengthOrDistribution>, faults: &mut Faults<'_>) {
    if let Some(LengthOrDistribution::Length(count @ ..0)) = count {
        faults.add(
            format!("{key}.count"),
            format!("must be 0 or greater, is {count}"),
            "give a number of items",
        );
    }
}

/// A point lies in the text, from 0 to 1.
fn check_point(key: &str, point: Option<&PointOrDistribution>, faults: &mut Faults<'_>) {
    let is_within = |number: f64| (0.0..=1.0).contains(&number);
    let holds = |distribution: &Distribution| match distribution.kind {
        DistributionType::Fixed => is_within(distribution.mean),
        _ => is_within(distribution.min as f64) && is_within(distribution.max as f64),
    };
    let is_fine = match point {
        None => true,
        Some(PointOrDistribution::Point(point)) => is_within(*point),
        Some(PointOrDistribution::Distribution(distribution)) => holds(distribution),
    };
    if !is_fine {
        faults.add(
            format!("{key}.insertion_point"),
            "lies outside the text, which is from 0 to 1",
            "give a number between 0 and 1, or a distribution with min: 0 and max: 1",
        );
    }
}

fn check_size(key: &str, resolution: &Resolution, faults: &mut Faults<'_>) {
    let Resolution::Size(size) = resolution else { return };
    let range = 1..=MOST_SIDE;
    let fits = range.contains(&size.width)
        && range.contains(&size.height)
        && size.width * size.height <= MOST_PIXELS;
    if !fits {
        faults.add(
            key,
            format!(
                "{} × {} is no size that images can have: 1 to {MOST_SIDE} pixels a side, {MOST_PIXELS} in all",
                size.width, size.height
            ),
            "give another size",
        );
    }
}

fn check_weights(key: &str, mut weights: impl Iterator<Item = f64>, faults: &mut Faults<'_>) {
    if weights.any(|weight| weight < 0.0) {
        faults.add(key, "a weight is below 0", "give weights of 0 or more");
    }
}
