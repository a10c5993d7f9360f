//! Service-level objectives: a quantile of a latency and its limit, or a limit of the error rate.
//!
//! One type for `extensions.slo` of the configuration, for `--slo` and for gates. As text an objective is
//! `ttft:p95<500ms`, `latency:p99<2s` or `errors<1%`. Latencies count from the scheduled instant; a request that failed,
//! was cut off or never sent misses every latency objective. It knows limits, not how they are met.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Quantile of an objective that gives none.
pub const QUANTILE: f64 = 0.95;

/// What an objective is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloMetric {
    /// Scheduled instant to first token of a streamed answer.
    Ttft,
    /// (Last − first token) / (output tokens − 1).
    Tpot,
    /// Request latency from the scheduled instant / output tokens.
    Ntpot,
    /// Scheduled instant to last byte.
    Latency,
    /// Share of the requests that failed, timed out, were cut off or never sent; it has no quantile.
    Errors,
}

impl SloMetric {
    /// All metrics.
    pub const ALL: [Self; 5] = [Self::Ttft, Self::Tpot, Self::Ntpot, Self::Latency, Self::Errors];

    /// The name in configurations and texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Ntpot => "ntpot",
            Self::Latency => "latency",
            Self::Errors => "errors",
        }
    }
}

impl fmt::Display for SloMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A service-level objective: the quantile of the metric is not above the limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// What it is about.
    pub metric: SloMetric,
    /// Share of the requests that must keep within the limit, between 0 and 1: 0.95 for the 95th percentile, which is
    /// also taken if none is given. `errors` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub quantile: Option<f64>,
    /// The limit: seconds of a latency, a share between 0 and 1 of errors.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub limit: f64,
}

impl Slo {
    /// An objective on a quantile of a latency; `limit` in seconds.
    #[must_use]
    pub fn latency(metric: SloMetric, quantile: f64, limit: f64) -> Self {
        Self { metric, quantile: Some(quantile), limit }
    }

    /// A limit of the share of failed requests.
    #[must_use]
    pub fn errors(limit: f64) -> Self {
        Self { metric: SloMetric::Errors, quantile: None, limit }
    }

    /// Share of the requests that must be good: the quantile, or what errors leave.
    #[must_use]
    pub fn target(&self) -> f64 {
        match self.metric {
            SloMetric::Errors => 1.0 - self.limit,
            _ => self.quantile.unwrap_or(QUANTILE),
        }
    }

    /// Share of the requests that may miss it.
    #[must_use]
    pub fn allowed(&self) -> f64 {
        match self.metric {
            SloMetric::Errors => self.limit,
            _ => 1.0 - self.target(),
        }
    }

    /// What is wrong with its figures, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let between = |value: f64| value > 0.0 && value < 1.0;
        match self.metric {
            SloMetric::Errors if self.quantile.is_some() => Some("a limit of errors has no quantile"),
            SloMetric::Errors if !between(self.limit) => {
                Some("a limit of errors is a share between 0 and 1, for example 0.01")
            }
            _ if !(self.limit > 0.0 && self.limit.is_finite()) => {
                Some("a limit is a number of seconds above 0")
            }
            _ if self.quantile.is_some_and(|quantile| !between(quantile)) => {
                Some("a quantile is a share between 0 and 1, for example 0.95")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Slo {
    /// The text that is read as this objective.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.metric {
            SloMetric::Errors => write!(f, "errors<{}%", rounded(self.limit * 100.0)),
            metric => {
                let percentile = rounded(self.target() * 100.0);
                let (limit, unit) =
                    if self.limit < 1.0 { (self.limit * 1e3, "ms") } else { (self.limit, "s") };
                write!(f, "{metric}:p{percentile}<{}{unit}", rounded(limit))
            }
        }
    }
}

/// `value` without the noise of binary fractions.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// A text that is no objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSlo {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub fault: String,
}

impl fmt::Display for NoSlo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, fault } = self;
        write!(f, "{text:?} is no objective: {fault} (write for example ttft:p95<500ms or errors<1%)")
    }
}

impl std::error::Error for NoSlo {}

impl FromStr for Slo {
    type Err = NoSlo;

    /// Reads `METRIC[:pNN]<LIMIT`, the limit with a unit: `us`, `ms`, `s` or `min`, `%` for errors. `<=` is `<`: of a
    /// quantile it is the same.
    fn from_str(text: &str) -> Result<Self, NoSlo> {
        read(text).map_err(|fault| NoSlo { text: text.to_owned(), fault })
    }
}

fn read(text: &str) -> Result<Slo, String> {
    let (left, limit) = text.split_once('<').ok_or("it has no <")?;
    let limit = limit.strip_prefix('=').unwrap_or(limit).trim();
    let (name, quantile) = match left.split_once(':') {
        Some((name, quantile)) => (name.trim(), Some(quantile.trim())),
        None => (left.trim(), None),
    };
    let metric = SloMetric::ALL.into_iter().find(|metric| metric.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = SloMetric::ALL.iter().map(|metric| metric.as_str()).collect();
        format!("{name:?} is no metric, there are {}", names.join(", "))
    })?;
    let quantile = quantile.map(percentile).transpose()?;
    let limit = if metric == SloMetric::Errors { share(limit)? } else { seconds(limit)? };
    // Of a latency the quantile is written out, so that both spellings are one value.
    let quantile = quantile.or_else(|| (metric != SloMetric::Errors).then_some(QUANTILE));
    let slo = Slo { metric, quantile, limit };
    slo.fault().map_or(Ok(slo), |fault| Err(fault.to_owned()))
}

fn percentile(text: &str) -> Result<f64, String> {
    // By the decimal digits: 99.9 / 100 is not the number that 0.999 is.
    let digits = text
        .strip_prefix('p')
        .filter(|digits| digits.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()));
    digits
        .and_then(|digits| format!("{digits}e-2").parse().ok())
        .ok_or_else(|| format!("{text:?} is no percentile such as p95"))
}

fn seconds(text: &str) -> Result<f64, String> {
    // The longer endings first: `s` ends `ms` too.
    let units = [("us", 1e-6), ("ms", 1e-3), ("min", 60.0), ("s", 1.0)];
    let split = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim(), factor)));
    let (number, factor) = split.ok_or_else(|| format!("{text:?} has no unit (us, ms, s, min)"))?;
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is no time"))?;
    Ok(number * factor)
}

fn share(text: &str) -> Result<f64, String> {
    let no_share = |_| format!("{text:?} is no share");
    match text.strip_suffix('%') {
        Some(percent) => Ok(percent.trim().parse::<f64>().map_err(no_share)? / 100.0),
        None => text.parse().map_err(no_share),
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact values are known")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slo(text: &str) -> Slo {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn texts_are_read() {
        assert_eq!(slo("ttft:p95<500ms"), Slo::latency(SloMetric::Ttft, 0.95, 0.5));
        assert_eq!(slo("ttft < 500ms"), Slo::latency(SloMetric::Ttft, 0.95, 0.5));
        assert_eq!(slo("latency:p99.9 <= 2 s"), Slo::latency(SloMetric::Latency, 0.999, 2.0));
        assert_eq!(slo("tpot:p50<40ms"), Slo::latency(SloMetric::Tpot, 0.5, 0.04));
        assert_eq!(slo("ntpot:p95<1min"), Slo::latency(SloMetric::Ntpot, 0.95, 60.0));
        assert_eq!((slo("errors<1%"), slo("errors<0.01")), (Slo::errors(0.01), Slo::errors(0.01)));
        assert_eq!(slo("errors<1%").allowed(), 0.01);
        assert_eq!(slo("ttft:p90<1s").target(), 0.9);
    }

    #[test]
    fn what_is_no_objective_is_told() {
        let fault = |text: &str| text.parse::<Slo>().expect_err("none").to_string();
        insta::assert_snapshot!(fault("ttft"), @r#""ttft" is no objective: it has no < (write for example ttft:p95<500ms or errors<1%)"#);
        insta::assert_snapshot!(fault("itl<1s"), @r#""itl<1s" is no objective: "itl" is no metric, there are ttft, tpot, ntpot, latency, errors (write for example ttft:p95<500ms or errors<1%)"#);
        for bad in
            ["ttft:95<1s", "ttft:p95<500", "ttft:p100<1s", "ttft:p95<0ms", "errors:p95<1%", "errors<100%"]
        {
            assert!(bad.parse::<Slo>().is_err(), "{bad}");
        }
        insta::assert_snapshot!(fault("ttft:p95<500"), @r#""ttft:p95<500" is no objective: "500" has no unit (us, ms, s, min) (write for example ttft:p95<500ms or errors<1%)"#);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(metric in 0usize..5, tenths in 1u32..1000, micros in 1u32..100_000_000) {
            let limit = f64::from(micros) / 1e6;
            let shown = match SloMetric::ALL[metric] {
                SloMetric::Errors => Slo::errors(f64::from(tenths) / 1000.0),
                metric => Slo::latency(metric, f64::from(tenths) / 1000.0, limit),
            };
            let read = slo(&shown.to_string());
            prop_assert_eq!(read.metric, shown.metric);
            prop_assert!((read.target() - shown.target()).abs() < 1e-9);
            prop_assert!((read.limit / shown.limit - 1.0).abs() < 1e-9);
        }
    }
}
