//! SVG to pixels, with the program's own fonts: the image that it runs in has none.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

const FONTS: [&[u8]; 2] =
    [include_bytes!("../../../fonts/Roboto-Regular.ttf"), include_bytes!("../../../fonts/Roboto-Medium.ttf")];

/// Pixels of the picture for one of the SVG's, so that it is sharp on screens and in print.
const SCALE: f32 = 2.0;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is no SVG.
    #[error("the chart is no SVG: {0}")]
    Svg(#[from] usvg::Error),
    /// Its pixels could not be stored.
    #[error("a picture of {width} by {height} pixels cannot be made{fault}")]
    Pixels {
        /// Width, pixels.
        width: u32,
        /// Height, pixels.
        height: u32,
        /// More about it, after a colon.
        fault: String,
    },
}

/// The picture of `svg` as a PNG file, two pixels for one.
pub fn to_png(svg: &str) -> Result<Vec<u8>, PngError> {
    let mut options = usvg::Options::default();
    let fonts = Arc::make_mut(&mut options.fontdb);
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    let tree = usvg::Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let (width, height) = size.map_or((0, 0), |size| (size.width(), size.height()));
    let fail = |fault: String| PngError::Pixels { width, height, fault };
    let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or_else(|| fail(String::new()))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| fail(format!(": {error}")))
}
