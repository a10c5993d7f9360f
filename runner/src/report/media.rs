//! What reports say of images, videos and sounds.

use benchmark_schemas::record::{Medium, Record};
use serde_json::{Map, Value, json};

use crate::metrics::percentile::Percentiles;
use crate::metrics::pool::Pool;
use crate::metrics::{Dist, MediumPools, Successes};

/// `image`, `video` and `audio` of the successes; `show` writes a distribution.
pub(super) fn of_successes(
    successes: &Successes,
    percentiles: &Percentiles,
    show: impl Fn(Option<Dist>) -> Value,
) -> [Value; 3] {
    // Text alone: none in every request, so there is nothing to say about their properties.
    let none_each = (successes.count() > 0).then(|| Dist {
        mean: 0.0,
        min: 0.0,
        max: 0.0,
        percentiles: percentiles.as_slice().iter().map(|wanted| (wanted.key.clone(), 0.0)).collect(),
    });
    let media = &successes.media;
    let tree = |pools: &MediumPools, properties: &[(&str, &Pool)]| {
        let count = if media.any() { pools.count.dist(percentiles) } else { none_each.clone() };
        let mut tree = Map::new();
        tree.insert("count".to_owned(), show(count));
        let shown = properties.iter().map(|(name, pool)| ((*name).to_owned(), show(pool.dist(percentiles))));
        tree.extend(shown);
        Value::Object(tree)
    };
    let MediumPools { pixels, bytes, aspect_ratio, .. } = &media.images;
    let image = tree(&media.images, &[("pixels", pixels), ("bytes", bytes), ("aspect_ratio", aspect_ratio)]);
    let MediumPools { frames, pixels, bytes, aspect_ratio, .. } = &media.videos;
    let video = [("frames", frames), ("pixels", pixels), ("bytes", bytes), ("aspect_ratio", aspect_ratio)];
    let MediumPools { seconds, bytes, .. } = &media.audios;
    let audio = tree(&media.audios, &[("seconds", seconds), ("bytes", bytes)]);
    [image, tree(&media.videos, &video), audio]
}

/// `image`, `video` and `audio` of one request; null for what it has none of.
pub(super) fn of_request(record: &Record) -> [Value; 3] {
    let mut instances: [Vec<Value>; 3] = Default::default();
    let picture = |(width, height): (u32, u32), bytes: u64| {
        let pixels = u64::from(width) * u64::from(height);
        json!({"pixels": pixels, "bytes": bytes, "aspect_ratio": f64::from(width) / f64::from(height.max(1))})
    };
    for medium in &record.media {
        match *medium {
            Medium::Image { width, height, bytes } => instances[0].push(picture((width, height), bytes)),
            Medium::Video { width, height, frames, bytes } => {
                let mut video = picture((width, height), bytes);
                video["frames"] = json!(frames);
                instances[1].push(video);
            }
            Medium::Audio { seconds, bytes } => {
                instances[2].push(json!({"bytes": bytes, "seconds": seconds}));
            }
        }
    }
    instances.map(|instances| match instances.len() {
        0 => Value::Null,
        count => json!({"count": count, "instances": instances}),
    })
}
