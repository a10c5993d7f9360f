//! What is drawn, what becomes of it, and where it stands.

use std::collections::HashSet;

use base64::Engine as _;
use benchmark_schemas::record::Medium;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::encode::encode;
use super::*;
use crate::seed::{Purpose, Seed};

fn source(settings: &Value) -> MediaSource {
    let settings: Multimodal = serde_json::from_value(settings.clone()).expect("settings");
    MediaSource::new(Some(&settings))
}

fn drawn(source: &MediaSource, index: u64) -> Vec<Item> {
    source.draw(&mut Seed(5).rng(Purpose::Media, 0, index))
}

fn uniform(min: i64, max: i64) -> Value {
    json!({"type": "uniform", "min": min, "max": max})
}

#[test]
fn counts_shapes_and_points_are_drawn_as_asked() {
    let source = source(&json!({
        "image": {
            "count": uniform(0, 2), "insertion_point": uniform(0, 1),
            "resolutions": [{"resolution": "360p", "weight": 3}, {"resolution": {"width": 10, "height": 20}}, {"resolution": "4k", "weight": 0}],
        },
        "audio": {"count": 1, "durations": 2.5},
    }));
    let all: Vec<Vec<Item>> = (0..3_000).map(|index| drawn(&source, index)).collect();
    let images =
        |items: &[Item]| items.iter().filter(|item| matches!(item.shape, Shape::Image { .. })).count();
    let counts: Vec<usize> = all.iter().map(|items| images(items)).collect();
    for count in 0..=2 {
        let share = counts.iter().filter(|&&c| c == count).count() as f64 / 3_000.0;
        // Six standard errors of a third.
        assert!((share - 1.0 / 3.0).abs() < 0.052, "{count}: {share}");
    }
    let items: Vec<&Item> = all.iter().flatten().collect();
    let of_size = |wanted: (u32, u32)| {
        items.iter().filter(|item| matches!(item.shape, Shape::Image { size, .. } if size == wanted)).count()
            as f64
    };
    let share = of_size((640, 360)) / (of_size((640, 360)) + of_size((10, 20)));
    assert!((share - 0.75).abs() < 0.05, "{share}");
    assert!(of_size((3840, 2160)) == 0.0);
    assert!(items.iter().any(|item| item.shape == Shape::Sound { seconds: 2.5 }));
    let points: HashSet<u64> = items.iter().map(|item| item.point.to_bits()).collect();
    assert!(points.len() > 2_000, "points are no whole numbers");
    assert!(items.iter().all(|item| (0.0..=1.0).contains(&item.point)));
    assert_eq!(drawn(&source, 7), drawn(&source, 7));
}

#[test]
fn without_a_count_there_is_none() {
    assert!(MediaSource::new(None).is_empty());
    assert!(
        source(&json!({"image": {}, "video": {"representation": "png_frames"}, "audio": {"durations": 3}}))
            .is_empty()
    );
}

/// The files within the parts of an item, and their media types.
fn files(encoded: &Encoded) -> Vec<(String, Vec<u8>)> {
    let file = |part: &String| {
        let part: Value = serde_json::from_str(part).expect("JSON");
        let data = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
        match part["type"].as_str() {
            Some("image_url") => {
                let url = part["image_url"]["url"].as_str().expect("a URL");
                let (kind, content) =
                    url.strip_prefix("data:").and_then(|url| url.split_once(";base64,")).expect("data");
                (kind.to_owned(), data(content))
            }
            Some("input_audio") => {
                assert_eq!(part["input_audio"]["format"], "wav");
                ("wav".to_owned(), data(part["input_audio"]["data"].as_str().expect("data")))
            }
            other => panic!("{other:?}"),
        }
    };
    encoded.parts.iter().map(file).collect()
}

#[test]
fn images_are_files_of_their_format_and_size_in_one_colour_each() {
    for (format, name) in [
        (ImageRepresentation::Png, "image/png"),
        (ImageRepresentation::Jpeg, "image/jpeg"),
        (ImageRepresentation::Webp, "image/webp"),
    ] {
        let item = |seed| Item { shape: Shape::Image { size: (48, 32), format }, point: 0.0, seed };
        let encoded = encode(&item(1)).expect("encoded");
        let files = files(&encoded);
        let [(kind, file)] = files.as_slice() else { panic!("one part") };
        assert_eq!(kind, name);
        assert_eq!(encoded.medium, Medium::Image { width: 48, height: 32, bytes: file.len() as u64 });
        assert_eq!(is_image(file), Some((name.trim_start_matches("image/"), (48, 32))));
        let pixels = image::load_from_memory(file).expect("an image").to_rgb8();
        let first = pixels.get_pixel(0, 0);
        // JPEG is not exact.
        assert!(pixels.pixels().all(|pixel| pixel.0.iter().zip(first.0).all(|(a, b)| a.abs_diff(b) <= 2)));
        assert_eq!(encode(&item(1)).expect("encoded"), encoded);
        assert_ne!(encode(&item(2)).expect("encoded"), encoded);
    }
    assert_eq!(is_image(b"GIF89a"), None);
    assert_eq!(is_image(b""), None);
}

#[test]
fn videos_are_their_frames_and_sounds_are_silence() {
    let shape = Shape::Frames { size: (8, 4), count: 3, format: ImageRepresentation::Jpeg };
    let encoded = encode(&Item { shape, point: 0.0, seed: 1 }).expect("encoded");
    let frames = files(&encoded);
    assert_eq!(frames.len(), 3);
    assert_ne!(frames[0], frames[1], "each has a colour of its own");
    let bytes = frames.iter().map(|(_, file)| file.len() as u64).sum();
    assert_eq!(encoded.medium, Medium::Video { width: 8, height: 4, frames: 3, bytes });

    let encoded =
        encode(&Item { shape: Shape::Sound { seconds: 0.5 }, point: 0.0, seed: 1 }).expect("encoded");
    let (_, file) = files(&encoded).remove(0);
    assert_eq!(file.len(), 44 + 16_000);
    assert_eq!((&file[..4], &file[8..16], &file[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((number(4), number(24), number(28), number(40)), (16_036, 16_000, 32_000, 16_000));
    assert!(file[44..].iter().all(|&byte| byte == 0));
    assert_eq!(encoded.medium, Medium::Audio { seconds: 0.5, bytes: 16_044 });
}

fn items(points: &[f64]) -> Vec<(Item, Encoded)> {
    let item = |(number, &point): (usize, &f64)| {
        let medium = Medium::Audio { seconds: 1.0, bytes: 1 };
        let shape = Shape::Sound { seconds: 1.0 };
        (Item { shape, point, seed: 0 }, Encoded { parts: vec![number.to_string()], medium })
    };
    points.iter().enumerate().map(item).collect()
}

fn shown(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => format!("{text:?}"),
        Part::Object(object) => object.clone(),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

#[test]
fn items_stand_at_their_points() {
    for (text, points, expected) in [
        ("abcd", &[][..], "\"abcd\""),
        ("abcd", &[0.5], "\"ab\" 0 \"cd\""),
        ("abcd", &[1.0, 0.0, 0.26], "1 \"a\" 2 \"bcd\" 0"),
        ("ééé語", &[0.75, 0.75], "\"ééé\" 0 1 \"語\""),
        ("", &[0.3], "0"),
        ("", &[], ""),
    ] {
        assert_eq!(shown(&woven(text, &items(points))), expected, "{text} {points:?}");
    }
    let text = |text: &str| Part::Text(text.to_owned());
    let object = || Part::Object("{}".to_owned());
    assert_eq!(
        joined(vec![object(), text("a")], vec![text("b"), object()]),
        [object(), text("a b"), object()]
    );
    assert_eq!(joined(vec![object()], vec![text("b")]), [object(), text(" "), text("b")]);
    assert_eq!(joined(vec![], vec![text("b")]), [text("b")]);
    assert_eq!(joined(vec![text("a")], vec![]), [text("a")]);
}

proptest! {
    #[test]
    fn no_character_is_lost(text in "\\PC{0,40}", points in prop::collection::vec(0.0..=1.0f64, 0..6)) {
        let parts = woven(&text, &items(&points));
        let texts: String = parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Object(_) => None,
        }).collect();
        prop_assert_eq!(texts, text);
        prop_assert_eq!(parts.iter().filter(|part| matches!(part, Part::Object(_))).count(), points.len());
    }
}
