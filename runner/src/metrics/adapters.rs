//! Aggregates of LoRA adapters: of each adapter over the whole run, and of each in each stage.

use benchmark_schemas::record::Record;

use super::run::Open;
use super::{Aggregate, MetricOptions, RequestMetrics};

/// The numbers of an adapter.
#[derive(Debug, Clone)]
pub struct AdapterMetrics {
    /// Name of the adapter.
    pub adapter: String,
    /// Stage that the numbers are of; `None` for the whole run.
    pub stage: Option<u32>,
    /// Its requests.
    pub requests: Aggregate,
}

/// All adapters' aggregates while records are read, in the order of their first records.
#[derive(Default)]
pub(super) struct Adapters(Vec<Entry>);

struct Entry {
    adapter: String,
    stage: Option<u32>,
    open: Open,
}

impl Adapters {
    /// Adds `record` where it belongs; in later passes: shows it to the aggregates that need it once more.
    pub(super) fn push(
        &mut self,
        record: &Record,
        metrics: &RequestMetrics,
        options: &MetricOptions,
        first_pass: bool,
    ) {
        let Some(adapter) = &record.adapter else { return };
        let scopes =
            [options.per_adapter.then_some(None), options.per_adapter_stage.then_some(Some(record.stage))];
        for stage in scopes.into_iter().flatten() {
            let known = self.0.iter().position(|entry| entry.stage == stage && entry.adapter == *adapter);
            let place = known.unwrap_or_else(|| {
                self.0.push(Entry { adapter: adapter.clone(), stage, open: Open::default() });
                self.0.len() - 1
            });
            let open = &mut self.0[place].open;
            if first_pass || open.unfinished {
                open.requests.push(record, metrics, options);
            }
        }
    }

    /// Ends the first pass of what belongs to `stage`: no further record of it will come.
    pub(super) fn end_stage(&mut self, stage: u32, options: &MetricOptions) {
        for entry in self.0.iter_mut().filter(|entry| entry.stage == Some(stage)) {
            entry.open.end_pass(options);
        }
    }

    /// Ends the first pass of all that are still in it.
    pub(super) fn end_first_pass(&mut self, options: &MetricOptions) {
        for entry in self.0.iter_mut().filter(|entry| !entry.open.pass_over) {
            entry.open.end_pass(options);
        }
    }

    /// Ends a later pass.
    pub(super) fn end_pass(&mut self, options: &MetricOptions) {
        for entry in self.0.iter_mut().filter(|entry| entry.open.unfinished) {
            entry.open.end_pass(options);
        }
    }

    /// True if the records must be pushed once more.
    pub(super) fn unfinished(&self) -> bool {
        self.0.iter().any(|entry| entry.open.unfinished)
    }

    /// The finished numbers: those of the whole run, then those of the stages.
    pub(super) fn into_metrics(self) -> (Vec<AdapterMetrics>, Vec<AdapterMetrics>) {
        let metrics = self.0.into_iter().map(|Entry { adapter, stage, open }| AdapterMetrics {
            adapter,
            stage,
            requests: open.requests,
        });
        metrics.partition(|metrics| metrics.stage.is_none())
    }
}
