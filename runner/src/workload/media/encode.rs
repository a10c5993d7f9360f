//! Items as the parts of a message: files in base64 within JSON. It knows nothing of requests.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use benchmark_schemas::config::ImageRepresentation;
use benchmark_schemas::record::Medium;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult, Rgb, RgbImage};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{Item, Shape};

/// Samples of a sound, each of two bytes, per second.
const SAMPLE_RATE: u32 = 16_000;
const BYTES_PER_SAMPLE: u32 = 2;
const CHANNELS: u16 = 1;
/// Quality of JPEG images: Pillow's default, as upstream has it.
const JPEG_QUALITY: u8 = 75;
/// Longest sound: what 2 GiB hold.
const MOST_SECONDS: f64 = 60_000.0;

/// An item as parts of a message.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Encoded {
    /// JSON objects in order, as they stand in a body.
    pub(in super::super) parts: Vec<String>,
    /// What reports say of it.
    pub(in super::super) medium: Medium,
}

/// The parts of `item`.
///
/// # Errors
///
/// If it is larger than its format can be.
pub(in super::super) fn encode(item: &Item) -> ImageResult<Encoded> {
    let mut rng = ChaCha8Rng::seed_from_u64(item.seed);
    match item.shape {
        Shape::Image { size, format } => {
            let file = image(size, format, &mut rng)?;
            let (width, height) = size;
            let medium = Medium::Image { width, height, bytes: file.len() as u64 };
            Ok(Encoded { parts: vec![image_part(media_type(format), &file)], medium })
        }
        Shape::Frames { size, count, format } => {
            let frames: Vec<Vec<u8>> =
                (0..count.max(1)).map(|_| image(size, format, &mut rng)).collect::<ImageResult<_>>()?;
            let bytes = frames.iter().map(|frame| frame.len() as u64).sum();
            let parts = frames.iter().map(|frame| image_part(media_type(format), frame)).collect();
            let (width, height) = size;
            Ok(Encoded { parts, medium: Medium::Video { width, height, frames: count.max(1), bytes } })
        }
        Shape::Sound { seconds } => {
            let file = silence(seconds);
            let data = BASE64.encode(&file);
            let part = format!(
                "{{\"type\": \"input_audio\", \"input_audio\": {{\"data\": \"{data}\", \"format\": \"wav\"}}}}"
            );
            Ok(Encoded { parts: vec![part], medium: Medium::Audio { seconds, bytes: file.len() as u64 } })
        }
    }
}

/// An image file as a part of a message.
pub(in super::super) fn image_part(media_type: &str, file: &[u8]) -> String {
    let data = BASE64.encode(file);
    format!(
        "{{\"type\": \"image_url\", \"image_url\": {{\"url\": \"data:image/{media_type};base64,{data}\"}}}}"
    )
}

/// Media type and size in pixels of an image file that servers take, `None` if it is none: PNG, JPEG or WebP.
pub(in super::super) fn is_image(file: &[u8]) -> Option<(&'static str, (u32, u32))> {
    let reader = image::ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    let media_type = match reader.format()? {
        image::ImageFormat::Png => "png",
        image::ImageFormat::Jpeg => "jpeg",
        image::ImageFormat::WebP => "webp",
        _ => return None,
    };
    Some((media_type, reader.into_dimensions().ok()?))
}

fn media_type(format: ImageRepresentation) -> &'static str {
    match format {
        ImageRepresentation::Png => "png",
        ImageRepresentation::Jpeg => "jpeg",
        ImageRepresentation::Webp => "webp",
    }
}

/// An image of one random colour, as upstream's are.
fn image(
    (width, height): (u32, u32),
    format: ImageRepresentation,
    rng: &mut ChaCha8Rng,
) -> ImageResult<Vec<u8>> {
    let pixels = RgbImage::from_pixel(width, height, Rgb(rng.random()));
    let mut file = Vec::new();
    let colours = ExtendedColorType::Rgb8;
    match format {
        ImageRepresentation::Png => {
            let encoder =
                PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::NoFilter);
            encoder.write_image(&pixels, width, height, colours)?;
        }
        ImageRepresentation::Jpeg => {
            JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY)
                .write_image(&pixels, width, height, colours)?;
        }
        ImageRepresentation::Webp => {
            WebPEncoder::new_lossless(&mut file).write_image(&pixels, width, height, colours)?;
        }
    }
    Ok(file)
}

/// A WAV file of silence: a header of 44 bytes and at least one sample.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded first")]
fn silence(seconds: f64) -> Vec<u8> {
    const HEADER_BYTES: u32 = 44;
    let samples = (seconds.clamp(0.0, MOST_SECONDS) * f64::from(SAMPLE_RATE)).round().max(1.0) as u32;
    let data = samples * BYTES_PER_SAMPLE;
    let mut file = Vec::with_capacity((HEADER_BYTES + data) as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(HEADER_BYTES - 8 + data).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    // Length of the format's description, PCM, channels.
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&CHANNELS.to_le_bytes());
    file.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    file.extend_from_slice(&(SAMPLE_RATE * BYTES_PER_SAMPLE).to_le_bytes());
    // Bytes of a sample of all channels, bits of one.
    file.extend_from_slice(&2u16.to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data.to_le_bytes());
    file.resize((HEADER_BYTES + data) as usize, 0);
    file
}
