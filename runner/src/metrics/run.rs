//! All aggregates of a run: of each stage, of each LoRA adapter, and of the whole, from as many passes as exact
//! percentiles need.

use std::collections::BTreeMap;

use benchmark_schemas::record::{Record, RunEnd, SpoolEntry, StageFacts};

use super::adapters::{AdapterMetrics, Adapters};
use super::{Aggregate, Asides, MetricOptions, Picture, RecordSource, RequestChecks, RequestMetrics};

/// The numbers of a run.
#[derive(Debug, Clone, Default)]
pub struct RunMetrics {
    /// How the run ended; `None` if the spool was cut off.
    pub end: Option<RunEnd>,
    /// All requests together. Times span the whole run, pauses between stages included.
    pub summary: Aggregate,
    /// The stages that scheduled a request, by number.
    pub stages: Vec<StageMetrics>,
    /// What the spool holds beside records and stages.
    pub asides: Asides,
    /// The LoRA adapters over the whole run, in the order of their first requests.
    pub adapters: Vec<AdapterMetrics>,
    /// The LoRA adapters in each stage, in that order.
    pub adapter_stages: Vec<AdapterMetrics>,
    /// Requests that are not as they should be.
    pub checks: RequestChecks,
    /// What pictures show beyond the statistics.
    pub picture: Picture,
}

/// The numbers of a stage.
#[derive(Debug, Clone)]
pub struct StageMetrics {
    /// Number of the stage.
    pub stage: u32,
    /// What is known of the stage besides its records; `None` if the spool was cut off within it.
    pub facts: Option<StageFacts>,
    /// Its requests.
    pub requests: Aggregate,
}

impl RunMetrics {
    /// True if the run did not come to its planned end.
    pub fn interrupted(&self) -> bool {
        self.end.is_none_or(|end| end.interrupted)
    }

    /// The stages that have a report: those of which a request ended by itself.
    pub fn recorded_stages(&self) -> impl Iterator<Item = &StageMetrics> {
        self.stages.iter().filter(|stage| stage.requests.recorded_count() > 0)
    }
}

/// Computes the aggregates of all records of `source`.
///
/// While a stage is read, its small samples are in memory; finished stages keep only their statistics. The numbers of a
/// run of one stage are those of the stage, and are not worked out twice.
pub fn summarise<S: RecordSource + ?Sized>(
    source: &S,
    options: &MetricOptions,
) -> Result<RunMetrics, S::Error> {
    let mut passes = Passes::new(options);
    for entry in source.entries()? {
        passes.read(entry?);
    }
    passes.end_first();
    while passes.unfinished() {
        for record in records(source)? {
            passes.read_again(&record?);
        }
        passes.end_later();
    }
    Ok(passes.into_metrics())
}

/// All aggregates of a run while its entries are read, once, and the records again as long as one needs them.
struct Passes<'a> {
    options: &'a MetricOptions,
    run: RunMetrics,
    stages: BTreeMap<u32, Open>,
    adapters: Adapters,
    /// Of all stages, once there is a second one.
    summary: Option<Open>,
    /// Until then, what the first one had when it ended.
    first_stage: Option<Aggregate>,
}

impl<'a> Passes<'a> {
    fn new(options: &'a MetricOptions) -> Self {
        Self {
            options,
            run: RunMetrics::default(),
            stages: BTreeMap::new(),
            adapters: Adapters::default(),
            summary: None,
            first_stage: None,
        }
    }

    fn read(&mut self, entry: SpoolEntry) {
        match entry {
            SpoolEntry::Request(record) => self.add(&record),
            SpoolEntry::Stage(facts) => self.end_stage(*facts),
            SpoolEntry::Run(_) | SpoolEntry::Sweep(_) => {}
            SpoolEntry::Finished(end) => self.run.end = Some(end),
            aside => self.run.asides.push(aside, self.options.server),
        }
    }

    fn add(&mut self, record: &Record) {
        let metrics = RequestMetrics::of(record, self.options);
        if self.summary.is_none() && self.stages.keys().any(|stage| *stage != record.stage) {
            let first = self.stages.values().next().map(|stage| &stage.requests);
            let requests = self.first_stage.take().or_else(|| first.cloned());
            self.summary = requests.map(|requests| Open { requests, ..Open::default() });
        }
        if let Some(summary) = &mut self.summary {
            summary.requests.push(record, &metrics, self.options);
        }
        let stage = self.stages.entry(record.stage).or_default();
        stage.requests.push(record, &metrics, self.options);
        self.adapters.push(record, &metrics, self.options, true);
        self.run.checks.push(record, &metrics);
        self.run.picture.push(record, &metrics);
    }

    /// A stage without a request has no report, as upstream has none for it.
    fn end_stage(&mut self, facts: StageFacts) {
        self.run.picture.end_stage(facts.stage);
        let Some(stage) = self.stages.get_mut(&facts.stage) else { return };
        if self.summary.is_none() {
            self.first_stage = Some(stage.requests.clone());
        }
        stage.end_pass(self.options);
        self.adapters.end_stage(facts.stage, self.options);
        stage.facts = Some(facts);
    }

    /// The summary and the stages.
    fn open(&mut self) -> impl Iterator<Item = &mut Open> {
        self.summary.iter_mut().chain(self.stages.values_mut())
    }

    fn end_first(&mut self) {
        self.first_stage = None;
        self.run.picture.end();
        let options = self.options;
        self.open().filter(|open| !open.pass_over).for_each(|open| open.end_pass(options));
        self.adapters.end_first_pass(options);
    }

    fn unfinished(&mut self) -> bool {
        self.adapters.unfinished() || self.open().any(|open| open.unfinished)
    }

    fn read_again(&mut self, record: &Record) {
        let metrics = RequestMetrics::of(record, self.options);
        let of = self.summary.iter_mut().chain(self.stages.get_mut(&record.stage));
        for open in of.filter(|open| open.unfinished) {
            open.requests.push(record, &metrics, self.options);
        }
        self.adapters.push(record, &metrics, self.options, false);
    }

    fn end_later(&mut self) {
        let options = self.options;
        self.open().filter(|open| open.unfinished).for_each(|open| open.end_pass(options));
        self.adapters.end_pass(options);
    }

    fn into_metrics(self) -> RunMetrics {
        let Self { mut run, stages, adapters, summary, .. } = self;
        run.stages = stages
            .into_iter()
            .map(|(stage, open)| StageMetrics { stage, facts: open.facts, requests: open.requests })
            .collect();
        (run.adapters, run.adapter_stages) = adapters.into_metrics();
        let only_stage = || run.stages.first().map(|stage| stage.requests.clone());
        run.summary = summary.map(|summary| summary.requests).or_else(only_stage).unwrap_or_default();
        run
    }
}

/// The records of `source` alone.
pub fn records<S: RecordSource + ?Sized>(
    source: &S,
) -> Result<impl Iterator<Item = Result<Record, S::Error>>, S::Error> {
    Ok(source.entries()?.filter_map(|entry| match entry {
        Ok(SpoolEntry::Request(record)) => Some(Ok(*record)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }))
}

/// A stage whose numbers are not complete yet.
#[derive(Default)]
pub(super) struct Open {
    facts: Option<StageFacts>,
    pub(super) requests: Aggregate,
    pub(super) pass_over: bool,
    pub(super) unfinished: bool,
}

impl Open {
    pub(super) fn end_pass(&mut self, options: &MetricOptions) {
        self.pass_over = true;
        self.unfinished = self.requests.end_pass(options);
    }
}

#[cfg(test)]
mod tests {
    use super::super::percentile::quantile;
    use super::super::source::tests::{S, record, run_end, run_facts, stage};
    use super::*;
    use benchmark_schemas::record::{Chunk, ChunkKind};

    fn spool(stages: u32, requests: u64) -> Vec<SpoolEntry> {
        let mut entries = vec![run_facts()];
        for number in 0..stages {
            let start = i64::from(number) * 100 * S;
            for index in 0..requests {
                let due = start + i64::try_from(index).expect("few requests") * S / 10;
                entries.push(SpoolEntry::Request(Box::new(Record { stage: number, ..record(index, due) })));
            }
            entries.push(SpoolEntry::Stage(Box::new(stage(number, 10.0, 10.0, start))));
        }
        entries.push(run_end(1000 * S, false));
        entries
    }

    #[test]
    fn stages_and_summary() {
        let options = MetricOptions::default();
        let Ok(run) = summarise(&spool(3, 50), &options);
        assert_eq!(run.stages.iter().map(|stage| stage.stage).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(
            run.stages.iter().all(|stage| stage.facts.is_some() && stage.requests.recorded_count() == 50)
        );
        assert_eq!(run.summary.recorded_count(), 150);
        assert!(!run.interrupted());
        assert_eq!(run.summary.successes.inter_token_latency.count(), 450);
    }

    #[test]
    fn percentiles_over_more_numbers_than_fit_take_further_passes_and_stay_exact() {
        let mut entries = spool(1, 0);
        let mut gaps = Vec::new();
        for index in 0..300_u32 {
            let mut record = record(u64::from(index), i64::from(index) * S);
            // 1,000 gaps a request, 300,000 in all: more than a pool keeps.
            let mut at = record.due;
            record.chunks = (0..1001_u32)
                .map(|token| {
                    if token > 0 {
                        let gap = 1_000_000 + i64::from((token * 7919 + index * 104_729) % 65_537) * 31;
                        gaps.push(gap as f64 / 1e9);
                        at += gap;
                    }
                    Chunk::content(at, 1)
                })
                .collect();
            entries.insert(1, SpoolEntry::Request(Box::new(record)));
        }
        let options = MetricOptions::default();
        let Ok(run) = summarise(&entries, &options);
        gaps.sort_by(f64::total_cmp);
        for requests in [&run.summary, &run.stages[0].requests] {
            let pool = &requests.successes.inter_token_latency;
            assert_eq!(pool.count(), 300_000);
            let found = pool.dist(&options.percentiles).expect("gaps");
            for (wanted, (key, value)) in options.percentiles.as_slice().iter().zip(&found.percentiles) {
                assert_eq!(Some(*value), quantile(&gaps, wanted.percent), "{key}");
            }
            assert!((found.mean - gaps.iter().sum::<f64>() / 300_000.0).abs() < 1e-12);
        }
    }

    #[test]
    fn spool_that_was_cut_off_within_a_stage_keeps_every_record() {
        let mut entries = spool(2, 20);
        entries.truncate(1 + 20 + 1 + 7);
        let options = MetricOptions::default();
        let Ok(run) = summarise(&entries, &options);
        assert!(run.interrupted());
        assert_eq!(run.stages.len(), 2);
        let last = &run.stages[1];
        assert!(last.facts.is_none());
        assert_eq!(last.requests.recorded_count(), 7);
        assert!(last.requests.schedule_delay(&options).is_some());
    }

    #[test]
    fn adapters_have_their_own_numbers_over_the_run_and_in_each_stage() {
        let mut entries = spool(2, 20);
        for entry in &mut entries {
            if let SpoolEntry::Request(record) = entry {
                let adapter = ["sql", "chat", "sql"][usize::try_from(record.index % 3).expect("small")];
                record.adapter = Some(adapter.to_owned());
            }
        }
        let counts = |metrics: &[AdapterMetrics]| -> Vec<(String, Option<u32>, u64)> {
            let count = |metrics: &AdapterMetrics| metrics.requests.recorded_count();
            metrics.iter().map(|of| (of.adapter.clone(), of.stage, count(of))).collect()
        };
        let options = MetricOptions { per_adapter_stage: true, ..MetricOptions::default() };
        let Ok(run) = summarise(&entries, &options);
        assert_eq!(counts(&run.adapters), [("sql".into(), None, 26), ("chat".into(), None, 14)]);
        let stages = [0, 1].map(|stage| [("sql".into(), Some(stage), 13), ("chat".into(), Some(stage), 7)]);
        assert_eq!(counts(&run.adapter_stages), stages.concat());
        assert!(run.adapters.iter().all(|of| of.requests.schedule_delay(&options).is_some()));
        let Ok(run) = summarise(&entries, &MetricOptions { per_adapter: false, ..MetricOptions::default() });
        assert!(run.adapters.is_empty() && run.adapter_stages.is_empty());
    }

    #[test]
    fn large_samples_of_adapters_take_further_passes_too() {
        let mut entries = spool(2, 40);
        let mut gaps: Vec<f64> = Vec::new();
        for entry in &mut entries {
            let SpoolEntry::Request(record) = entry else { continue };
            record.adapter = Some("sql".to_owned());
            let mut at = record.due;
            record.chunks = (0..2001_u32)
                .map(|token| {
                    let gap = 1_000 + i64::from(token * 7919 % 65_537) * i64::from(record.stage + 1);
                    gaps.extend((token > 0 && record.stage == 1).then_some(gap as f64 / 1e9));
                    at += gap;
                    Chunk { at, tokens: 1, kind: ChunkKind::Content }
                })
                .collect();
        }
        let options = MetricOptions { per_adapter_stage: true, ..MetricOptions::default() };
        let Ok(run) = summarise(&entries, &options);
        let median = |of: &Aggregate| {
            let pool = &of.successes.inter_token_latency;
            (pool.count(), pool.dist(&options.percentiles).and_then(|dist| dist.percentile("median")))
        };
        gaps.sort_by(f64::total_cmp);
        let expected = (80_000, quantile(&gaps, 50.0));
        assert_eq!(median(&run.adapter_stages[1].requests), expected);
        assert_eq!(median(&run.stages[1].requests), expected);
        assert_eq!(median(&run.adapters[0].requests), median(&run.summary));
        assert_eq!(median(&run.summary).0, 160_000);
    }
}
