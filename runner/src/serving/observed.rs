//! Numbers of a stage and of the run out of scrapes.
//!
//! Counters: what they rose by from the scrape before the first request to the one after the last has ended, each
//! series by itself; one that falls was reset, and what it shows afterwards is new. Gauges: the readings while the stage
//! ran.

use std::collections::BTreeMap;

use benchmark_schemas::config::ServerType;
use benchmark_schemas::record::{Nanos, Sample, Scrape, ScrapeMoment};

use super::names::{self, Meaning};

/// What a server's metrics page showed over a stage, or over the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// Scrapes that gave samples.
    pub succeeded: u64,
    /// Scrapes that did not.
    pub failed: u64,
    /// Why the last of those did not.
    pub last_fault: Option<String>,
    /// Readings of each gauge that the server has; `None` of the value if the stage was over before the first one.
    gauges: BTreeMap<Meaning, Readings>,
    /// What each counter that the server has rose by.
    increases: BTreeMap<Meaning, f64>,
    /// The scrapes at both ends succeeded, so the increases are whole.
    begun: bool,
    ended: bool,
}

/// Readings of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Readings {
    count: u64,
    sum: f64,
    max: f64,
}

/// A gauge over a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauge {
    /// Mean of the readings.
    pub mean: f64,
    /// Greatest of them.
    pub max: f64,
}

impl Observation {
    /// A gauge; `None` if it was never read.
    pub fn gauge(&self, meaning: Meaning) -> Option<Gauge> {
        let readings = self.gauges.get(&meaning).filter(|readings| readings.count > 0)?;
        Some(Gauge { mean: readings.sum / readings.count as f64, max: readings.max })
    }

    /// What a counter rose by; `None` if the server has none, or if it is not known from end to end.
    pub fn increase(&self, meaning: Meaning) -> Option<f64> {
        self.increases.get(&meaning).copied().filter(|_| self.begun && self.ended)
    }

    fn note_outcome(&mut self, scrape: &Scrape) {
        match &scrape.outcome {
            Ok(_) => self.succeeded += 1,
            Err(fault) => {
                self.failed += 1;
                self.last_fault = Some(fault.clone());
            }
        }
    }

    fn read_gauge(&mut self, meaning: Meaning, value: f64) {
        let readings = self.gauges.entry(meaning).or_default();
        readings.max = if readings.count == 0 { value } else { readings.max.max(value) };
        readings.count += 1;
        readings.sum += value;
    }
}

/// Gathers scrapes in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// By number of the stage.
    stages: BTreeMap<u32, Observation>,
    run: Observation,
    /// Newest value of each series; none before the first scrape that succeeded.
    newest: Option<BTreeMap<(String, String), f64>>,
    /// Gauges over time, thinned out so that there are never more than [`MAX_READINGS`].
    readings: Vec<Reading>,
    /// Of how many scrapes with gauges one is kept, less one, and how many have gone by since.
    skipped: (usize, usize),
}

/// Readings of gauges that are kept for pictures, at most.
const MAX_READINGS: usize = 512;

/// The gauges of a server at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When the page was asked for.
    pub at: Nanos,
    /// Those that the page had.
    pub gauges: Vec<(Meaning, f64)>,
}

impl Observations {
    /// Of a stage; `None` if it was not scraped.
    pub fn stage(&self, stage: u32) -> Option<&Observation> {
        self.stages.get(&stage)
    }

    /// Of the whole run, pauses between stages included; `None` if nothing was scraped.
    pub fn run(&self) -> Option<&Observation> {
        (!self.stages.is_empty()).then_some(&self.run)
    }

    /// Gauges over the run, in order of time; of long runs not every reading.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    fn keep(&mut self, reading: Reading) {
        let (leave_out, gone_by) = self.skipped;
        if gone_by < leave_out {
            self.skipped = (leave_out, gone_by + 1);
            return;
        }
        self.readings.push(reading);
        self.skipped = (leave_out, 0);
        if self.readings.len() == MAX_READINGS {
            let mut place = 0..;
            self.readings.retain(|_| place.next().is_some_and(|place: usize| place.is_multiple_of(2)));
            // The last one went: it counts as gone by.
            self.skipped = (2 * leave_out + 1, leave_out + 1);
        }
    }

    /// Adds the next scrape of a server of the kind `server`.
    pub fn push(&mut self, scrape: &Scrape, server: ServerType) {
        let (ScrapeMoment::Before(number) | ScrapeMoment::During(number) | ScrapeMoment::After(number)) =
            scrape.moment;
        let stage = self.stages.entry(number).or_default();
        stage.note_outcome(scrape);
        self.run.note_outcome(scrape);
        let succeeded = scrape.outcome.is_ok();
        let is_first = self.run.succeeded + self.run.failed == 1;
        match scrape.moment {
            ScrapeMoment::Before(_) => {
                stage.begun = succeeded;
                self.run.begun |= is_first && succeeded;
            }
            ScrapeMoment::During(_) => {}
            ScrapeMoment::After(_) => {
                stage.ended = succeeded;
                self.run.ended = succeeded;
            }
        }
        let Ok(samples) = &scrape.outcome else { return };
        let before = self.newest.take();
        let has_gauges = matches!(scrape.moment, ScrapeMoment::During(_));
        // What happened before a stage is the run's alone.
        let of_stage = !matches!(scrape.moment, ScrapeMoment::Before(_));
        let mut gauges = Vec::new();
        for (meaning, name) in names::resolve(server, &samples.iter().map(|sample| sample.name.as_str())) {
            let Some(name) = name else { continue };
            let series = samples.iter().filter(|sample| sample.name == name && sample.value.is_finite());
            if meaning.is_gauge() {
                let value = gauge_value(meaning, series);
                gauges.extend(value.map(|value| (meaning, value)));
                if let Some(value) = value.filter(|_| has_gauges) {
                    stage.read_gauge(meaning, value);
                    self.run.read_gauge(meaning, value);
                }
                continue;
            }
            let rise = before.as_ref().map_or(0.0, |before| series.map(|sample| risen(before, sample)).sum());
            *self.run.increases.entry(meaning).or_default() += rise;
            *stage.increases.entry(meaning).or_default() += if of_stage { rise } else { 0.0 };
        }
        let key = |sample: &Sample| (sample.name.clone(), sample.labels.clone());
        self.newest = Some(samples.iter().map(|sample| (key(sample), sample.value)).collect());
        if !gauges.is_empty() {
            self.keep(Reading { at: scrape.at, gauges });
        }
    }
}

/// Over all series of the server: requests add up, shares of a cache do not.
fn gauge_value<'a>(meaning: Meaning, series: impl Iterator<Item = &'a Sample>) -> Option<f64> {
    let (count, sum) = series.fold((0_u32, 0.0), |(count, sum), sample| (count + 1, sum + sample.value));
    let whole = if meaning == Meaning::KvCacheUsage { sum / f64::from(count) } else { sum };
    (count > 0).then_some(whole)
}

fn risen(before: &BTreeMap<(String, String), f64>, sample: &Sample) -> f64 {
    let old = before.get(&(sample.name.clone(), sample.labels.clone())).copied().unwrap_or(0.0);
    if sample.value < old { sample.value } else { sample.value - old }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(moment: ScrapeMoment, samples: &[(&str, &str, f64)]) -> Scrape {
        let sample = |&(name, labels, value): &(&str, &str, f64)| Sample {
            name: format!("vllm:{name}"),
            labels: labels.to_owned(),
            value,
        };
        Scrape { at: 0, end: 1, moment, outcome: Ok(samples.iter().map(sample).collect()) }
    }

    fn observed(scrapes: &[Scrape]) -> Observations {
        let mut all = Observations::default();
        for scrape in scrapes {
            all.push(scrape, ServerType::Vllm);
        }
        all
    }

    use ScrapeMoment::{After, Before, During};

    #[test]
    fn counters_are_what_they_rose_by_and_gauges_what_was_read_meanwhile() {
        let all = observed(&[
            scrape(Before(0), &[("prompt_tokens_total", "", 100.0), ("num_requests_waiting", "", 9.0)]),
            scrape(During(0), &[("prompt_tokens_total", "", 150.0), ("num_requests_waiting", "", 1.0)]),
            scrape(During(0), &[("prompt_tokens_total", "", 170.0), ("num_requests_waiting", "", 4.0)]),
            scrape(After(0), &[("prompt_tokens_total", "", 200.0), ("num_requests_waiting", "", 0.0)]),
            // Somebody else's, between the stages.
            scrape(Before(1), &[("prompt_tokens_total", "", 207.0)]),
            scrape(After(1), &[("prompt_tokens_total", "", 210.0)]),
        ]);
        let stage = |stage| all.stage(stage).expect("scraped");
        assert_eq!(stage(0).increase(Meaning::PromptTokens), Some(100.0));
        assert_eq!(stage(0).gauge(Meaning::Waiting), Some(Gauge { mean: 2.5, max: 4.0 }));
        assert_eq!(stage(0).gauge(Meaning::Running), None);
        assert_eq!(stage(0).increase(Meaning::Preemptions), None);
        assert_eq!(
            (stage(1).increase(Meaning::PromptTokens), stage(1).gauge(Meaning::Waiting)),
            (Some(3.0), None)
        );
        let run = all.run().expect("scraped");
        assert_eq!((run.increase(Meaning::PromptTokens), run.succeeded), (Some(110.0), 6));
        assert_eq!(observed(&[]).run(), None);
    }

    #[test]
    fn readings_of_a_long_run_are_thinned_out_evenly() {
        for count in [1_usize, 511, 512, 1_000, 5_000] {
            let mut all = Observations::default();
            for at in 0..count {
                let scrape = scrape(During(0), &[("num_requests_waiting", "", at as f64)]);
                all.push(&Scrape { at: i64::try_from(at).expect("small"), ..scrape }, ServerType::Vllm);
            }
            let instants: Vec<i64> = all.readings().iter().map(|reading| reading.at).collect();
            assert!(
                instants.len() < MAX_READINGS && instants.len() >= count.min(MAX_READINGS / 2),
                "{count}"
            );
            let steps: Vec<i64> = instants.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(steps.windows(2).all(|pair| pair[0] == pair[1]), "{count}: {steps:?}");
        }
    }

    #[test]
    fn series_add_up_come_later_and_start_anew() {
        let (a, b) = (r#"engine="0""#, r#"engine="1""#);
        let all = observed(&[
            scrape(Before(0), &[("generation_tokens_total", a, 10.0)]),
            scrape(
                During(0),
                &[
                    ("generation_tokens_total", a, 30.0),
                    ("generation_tokens_total", b, 5.0),
                    ("kv_cache_usage_perc", a, 0.5),
                    ("kv_cache_usage_perc", b, 0.1),
                    ("num_requests_running", a, 2.0),
                    ("num_requests_running", b, 3.0),
                ],
            ),
            // The first engine has restarted.
            scrape(After(0), &[("generation_tokens_total", a, 4.0), ("generation_tokens_total", b, 6.0)]),
        ]);
        let stage = all.stage(0).expect("scraped");
        assert_eq!(stage.increase(Meaning::GenerationTokens), Some(20.0 + 5.0 + 4.0 + 1.0));
        assert_eq!(stage.gauge(Meaning::KvCacheUsage).map(|gauge| gauge.mean), Some(0.3));
        assert_eq!(stage.gauge(Meaning::Running).map(|gauge| gauge.mean), Some(5.0));
    }

    #[test]
    fn without_both_ends_nothing_is_claimed() {
        let failed = |moment| Scrape { at: 0, end: 1, moment, outcome: Err("HTTP 404".to_owned()) };
        let tokens = |value| [("prompt_tokens_total", "", value)];
        for scrapes in [
            [failed(Before(0)), scrape(During(0), &tokens(5.0)), scrape(After(0), &tokens(9.0))],
            [scrape(Before(0), &tokens(1.0)), scrape(During(0), &tokens(5.0)), failed(After(0))],
        ] {
            let all = observed(&scrapes);
            let stage = all.stage(0).expect("scraped");
            assert_eq!(stage.increase(Meaning::PromptTokens), None);
            assert_eq!((stage.failed, stage.last_fault.as_deref()), (1, Some("HTTP 404")));
            assert_eq!(all.run().and_then(|run| run.increase(Meaning::PromptTokens)), None);
        }
    }
}
