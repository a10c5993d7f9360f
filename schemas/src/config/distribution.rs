//! A distribution of whole numbers: lengths in tokens, counts, times in seconds.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Least value where the configuration gives none.
pub(super) const MIN: i64 = 10;
/// Greatest value where the configuration gives none.
pub(super) const MAX: i64 = 1024;
/// Mean where the configuration gives none.
pub(super) const MEAN: f64 = 512.0;
/// Standard deviation where the configuration gives neither it nor a variance.
pub(super) const STD_DEV: f64 = 200.0;

/// A distribution of whole numbers. Keys that are not given keep their defaults: `{type: uniform}` draws from 10
/// to 1024.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Distribution {
    /// Least value; not used by `fixed`.
    pub min: i64,
    /// Greatest value, not below `min`; not used by `fixed`.
    pub max: i64,
    /// Mean; `fixed` gives its whole part.
    pub mean: f64,
    /// Standard deviation.
    #[schemars(range(min = 0.0))]
    pub std_dev: f64,
    /// How many values are prepared; raised to what the longest stage needs.
    pub total_count: Option<u64>,
    /// Shape.
    #[serde(rename = "type")]
    pub kind: DistributionType,
    /// Square of the standard deviation, in its place: give one of the two.
    #[schemars(range(min = 0.0))]
    pub variance: Option<f64>,
    /// Skewness parameter of `skew_normal`: above 0 leans to great values, below 0 to small ones.
    pub skew: f64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            min: MIN,
            max: MAX,
            mean: MEAN,
            std_dev: STD_DEV,
            total_count: None,
            kind: DistributionType::Normal,
            variance: None,
            skew: 0.0,
        }
    }
}

impl Distribution {
    /// True if `std_dev` and `variance` are both given and say different things.
    pub(super) fn contradicts_itself(&self) -> bool {
        self.variance.is_some_and(|variance| {
            let implied = variance.max(0.0).sqrt();
            (self.std_dev - implied).abs() > 1e-9 * implied.max(1.0)
        })
    }
}

/// What was written: only here can "not given" be told from "given as 200".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "default_min")]
    min: i64,
    #[serde(default = "default_max")]
    max: i64,
    #[serde(default = "default_mean")]
    mean: f64,
    #[serde(default)]
    std_dev: Option<f64>,
    #[serde(default)]
    total_count: Option<u64>,
    #[serde(rename = "type", default)]
    kind: DistributionType,
    #[serde(default)]
    variance: Option<f64>,
    #[serde(default)]
    skew: f64,
}

fn default_min() -> i64 {
    MIN
}

fn default_max() -> i64 {
    MAX
}

fn default_mean() -> f64 {
    MEAN
}

impl<'de> Deserialize<'de> for Distribution {
    /// The standard deviation is the root of the variance if only that was given; upstream's spelling of the same,
    /// a variance beside `std_dev: 0`, counts as not given.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let implied = written.variance.map(|variance| variance.max(0.0).sqrt());
        let std_dev = match (written.std_dev, implied) {
            (None | Some(0.0), Some(implied)) => implied,
            (Some(given), _) => given,
            (None, None) => STD_DEV,
        };
        Ok(Self {
            min: written.min,
            max: written.max,
            mean: written.mean,
            std_dev,
            total_count: written.total_count,
            kind: written.kind,
            variance: written.variance,
            skew: written.skew,
        })
    }
}

/// Shape of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistributionType {
    /// Normal, cut to the limits.
    #[default]
    Normal,
    /// Skew normal: `mean` and `std_dev` are its location and scale.
    SkewNormal,
    /// Log-normal with the given mean and standard deviation.
    Lognormal,
    /// All values from `min` to `max` alike.
    Uniform,
    /// Poisson with the given mean.
    Poisson,
    /// Always the mean.
    Fixed,
}

/// One number, or a distribution to draw it from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LengthOrDistribution {
    /// Always this length, tokens.
    Length(i64),
    /// Drawn anew each time.
    Distribution(Distribution),
}

/// One number, or a distribution to draw it from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PointOrDistribution {
    /// Always this value.
    Point(f64),
    /// Drawn anew each time.
    Distribution(Distribution),
}
