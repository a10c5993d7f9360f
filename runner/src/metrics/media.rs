//! Images, videos and sounds of successful requests.
//!
//! Most runs have none; pools are filled only once a request has some, with the zeros of those before it.

use benchmark_schemas::record::{Medium, Record};

use super::percentile::Percentiles;
use super::pool::Pool;

/// Aggregates of the media of successful requests.
#[derive(Debug, Clone, Default)]
pub struct MediaTotals {
    /// Images.
    pub images: MediumPools,
    /// Videos.
    pub videos: MediumPools,
    /// Sounds.
    pub audios: MediumPools,
    /// Requests before the first that had any.
    before: u64,
    any: bool,
}

/// Aggregates of the media of one kind.
#[derive(Debug, Clone, Default)]
pub struct MediumPools {
    /// How many each request had.
    pub count: Pool,
    /// Width times height.
    pub pixels: Pool,
    /// Bytes of files.
    pub bytes: Pool,
    /// Width / height.
    pub aspect_ratio: Pool,
    /// Images of a video.
    pub frames: Pool,
    /// Length of sounds.
    pub seconds: Pool,
}

impl MediaTotals {
    /// Adds those of `record`, or shows them again in a later pass.
    pub fn push(&mut self, record: &Record, first_pass: bool) {
        if !self.any && record.media.is_empty() {
            self.before += u64::from(first_pass);
            return;
        }
        if !std::mem::replace(&mut self.any, true) {
            for _ in 0..self.before {
                self.kinds().into_iter().for_each(|kind| kind.count.push(0.0));
            }
        }
        let mut counts = [0u32; 3];
        for medium in &record.media {
            match *medium {
                Medium::Image { width, height, bytes } => {
                    counts[0] += 1;
                    self.images.push_picture((width, height), bytes);
                }
                Medium::Video { width, height, frames, bytes } => {
                    counts[1] += 1;
                    self.videos.push_picture((width, height), bytes);
                    self.videos.frames.push(f64::from(frames));
                }
                Medium::Audio { seconds, bytes } => {
                    counts[2] += 1;
                    self.audios.seconds.push(seconds);
                    self.audios.bytes.push(bytes as f64);
                }
            }
        }
        for (kind, count) in self.kinds().into_iter().zip(counts) {
            kind.count.push(f64::from(count));
        }
    }

    /// True if a request had any.
    pub fn any(&self) -> bool {
        self.any
    }

    /// Ends a pass; true if the records must be pushed once more.
    pub fn end_pass(&mut self, percentiles: &Percentiles) -> bool {
        let pools = self.kinds().into_iter().flat_map(MediumPools::all);
        // Each pool must see the end of the pass.
        pools.filter_map(|pool| pool.end_pass(percentiles).then_some(())).count() > 0
    }

    fn kinds(&mut self) -> [&mut MediumPools; 3] {
        [&mut self.images, &mut self.videos, &mut self.audios]
    }
}

impl MediumPools {
    fn push_picture(&mut self, (width, height): (u32, u32), bytes: u64) {
        self.pixels.push(f64::from(width) * f64::from(height));
        self.aspect_ratio.push(f64::from(width) / f64::from(height.max(1)));
        self.bytes.push(bytes as f64);
    }

    fn all(&mut self) -> [&mut Pool; 6] {
        let Self { count, pixels, bytes, aspect_ratio, frames, seconds } = self;
        [count, pixels, bytes, aspect_ratio, frames, seconds]
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::record;
    use super::*;

    #[test]
    fn requests_without_media_count_once_one_has_some() {
        let mut totals = MediaTotals::default();
        let image = |width, height| Medium::Image { width, height, bytes: 100 };
        let media =
            [vec![], vec![image(4, 2), image(2, 2)], vec![], vec![Medium::Audio { seconds: 1.5, bytes: 44 }]];
        let wanted = Percentiles::new(&[50.0]);
        totals.push(&record(0, 0), true);
        assert!(!totals.any());
        for media in media {
            totals.push(&Record { media, ..record(1, 0) }, true);
        }
        assert!(!totals.end_pass(&wanted), "small samples need one pass");
        let dist = |pool: &Pool| pool.dist(&wanted).map(|dist| (dist.min, dist.mean, dist.max));
        assert_eq!(dist(&totals.images.count), Some((0.0, 0.4, 2.0)));
        assert_eq!(dist(&totals.images.pixels), Some((4.0, 6.0, 8.0)));
        assert_eq!(dist(&totals.images.aspect_ratio), Some((1.0, 1.5, 2.0)));
        assert_eq!(dist(&totals.videos.count), Some((0.0, 0.0, 0.0)));
        assert_eq!(dist(&totals.videos.frames), None);
        assert_eq!((totals.audios.seconds.sum(), totals.audios.bytes.sum()), (1.5, 44.0));
    }
}
