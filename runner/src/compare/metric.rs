//! What is compared: metrics, statistics of them, and their names.

use std::fmt;
use std::str::FromStr;

/// A quantity of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Time to the first token from the scheduled instant, seconds.
    Ttft,
    /// Time per output token after the first, seconds.
    Tpot,
    /// Mean gap between the tokens of a request, seconds.
    Itl,
    /// Request latency from the scheduled instant per output token, seconds.
    Ntpot,
    /// Request latency from the scheduled instant, seconds.
    RequestLatency,
    /// Successful requests, requests/s.
    Requests,
    /// Output tokens of successful requests, tokens/s.
    OutputTokens,
    /// Failures among what was sent and ended by itself, 0 to 1.
    ErrorRate,
}

impl Metric {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Ttft,
        Self::Tpot,
        Self::Itl,
        Self::Ntpot,
        Self::RequestLatency,
        Self::Requests,
        Self::OutputTokens,
        Self::ErrorRate,
    ];

    /// Name in conditions and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Itl => "itl",
            Self::Ntpot => "ntpot",
            Self::RequestLatency => "request_latency",
            Self::Requests => "requests_per_second",
            Self::OutputTokens => "output_tokens_per_second",
            Self::ErrorRate => "error_rate",
        }
    }

    /// True for latencies, which have quantiles.
    pub fn is_latency(self) -> bool {
        match self {
            Self::Ttft | Self::Tpot | Self::Itl | Self::Ntpot | Self::RequestLatency => true,
            Self::Requests | Self::OutputTokens | Self::ErrorRate => false,
        }
    }

    /// True for what should be great.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::Requests | Self::OutputTokens)
    }

    /// True for what is compared by its difference; all else is by its quotient.
    pub fn is_share(self) -> bool {
        self == Self::ErrorRate
    }
}

/// What is worked out of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// Arithmetic mean; of rates and shares the rate or share itself.
    Mean,
    /// Percentile, above 0 and below 100.
    Percentile(f64),
}

/// A statistic of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// The metric.
    pub metric: Metric,
    /// The statistic.
    pub statistic: Statistic,
}

impl Key {
    /// What a comparison shows unless asked for more.
    pub fn usual() -> Vec<Self> {
        let latencies = [Metric::Ttft, Metric::Itl, Metric::Ntpot, Metric::RequestLatency];
        let percentiles = latencies.into_iter().flat_map(|metric| {
            [50.0, 95.0, 99.0].map(|percent| Self { metric, statistic: Statistic::Percentile(percent) })
        });
        let others = [Metric::Requests, Metric::OutputTokens, Metric::ErrorRate];
        percentiles.chain(others.map(|metric| Self { metric, statistic: Statistic::Mean })).collect()
    }

    /// Requests that must have the metric, lest a few decide: ten on the rarer side of a percentile.
    pub fn requests_needed(self) -> usize {
        const BEYOND: f64 = 10.0;
        match self.statistic {
            Statistic::Mean => 30,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive; saturates"
            )]
            Statistic::Percentile(percent) => {
                let rarer = percent.min(100.0 - percent) / 100.0;
                (BEYOND / rarer - 1e-9).ceil() as usize
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.name())?;
        match self.statistic {
            Statistic::Percentile(percent) => write!(f, ".p{percent}"),
            Statistic::Mean if self.metric.is_latency() => f.write_str(".mean"),
            Statistic::Mean => Ok(()),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, statistic) = text.split_once('.').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        let names = || Metric::ALL.map(Metric::name).join(", ");
        let metric = metric.ok_or_else(|| format!("there is no metric {name:?} (one of {})", names()))?;
        let statistic = match (metric.is_latency(), statistic) {
            (false, None) | (true, Some("mean")) => Statistic::Mean,
            (true, Some("median")) => Statistic::Percentile(50.0),
            (true, Some(other)) => {
                let percent = other.strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok());
                let percent = percent.filter(|percent| *percent > 0.0 && *percent < 100.0);
                let percent = percent.ok_or_else(|| {
                    format!("there is no statistic {other:?} of {name} (mean, median, or p95 and its like)")
                })?;
                Statistic::Percentile(percent)
            }
            (true, None) => return Err(format!("{name} needs a statistic ({name}.p95, {name}.mean)")),
            (false, Some(_)) => return Err(format!("{name} has no statistics (write {name} alone)")),
        };
        Ok(Self { metric, statistic })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for key in Key::usual() {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for (text, same) in
            [("ttft.median", "ttft.p50"), ("itl.mean", "itl.mean"), ("tpot.p99.9", "tpot.p99.9")]
        {
            assert_eq!(text.parse::<Key>().map(|key| key.to_string()), Ok(same.to_owned()));
        }
        for (text, part) in [
            ("latency.p95", "no metric \"latency\""),
            ("ttft", "needs a statistic"),
            ("ttft.95", "no statistic \"95\""),
            ("ttft.p100", "no statistic"),
            ("error_rate.p95", "has no statistics"),
        ] {
            let fault = text.parse::<Key>().expect_err("refused");
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn rare_events_need_many_requests() {
        let needed = |text: &str| text.parse::<Key>().expect("good").requests_needed();
        assert_eq!(
            [needed("ttft.p50"), needed("ttft.p95"), needed("ttft.p99"), needed("ttft.p5")],
            [20, 200, 1000, 200]
        );
    }
}
