//! A run that was broken off goes on: what its spool says of the stages that it finished, and the spool to go on with.
//!
//! The seed, the identity and the clock's zero are those of the earlier run, so that what follows is what would have
//! followed; records of a stage that was not finished are left behind in the earlier spool, which is kept.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::Config;
use benchmark_schemas::record::{
    Nanos, PROBE_STAGE, RunFacts, ScrapeMoment, SpoolEntry, StageFacts, StageStatus, SweepFacts,
};
use serde_json::Value;

use crate::metrics::RecordSource;
use crate::spool::{SpoolError, SpoolReader, SpoolWriter};

/// What an earlier run left.
pub(super) struct Earlier {
    folder: PathBuf,
    facts: RunFacts,
    config: Value,
    pub(super) finished: Finished,
    /// Last instant that is known of it.
    end: Nanos,
}

/// What is done and need not be done again.
#[derive(Debug, Clone, Default)]
pub(super) struct Finished {
    pub(super) sweep: Option<SweepFacts>,
    /// The stages from the first on, up to the one that was not finished.
    pub(super) stages: Vec<StageFacts>,
}

impl Finished {
    /// What is known of `stage`, if it need not be run.
    pub(super) fn stage(&self, stage: u32) -> Option<&StageFacts> {
        self.stages.iter().find(|facts| facts.stage == stage)
    }

    /// Whether `entry` is about what is done.
    fn keeps(&self, entry: &SpoolEntry) -> bool {
        let of = match entry {
            SpoolEntry::Request(record) => record.stage,
            SpoolEntry::Stage(facts) => facts.stage,
            SpoolEntry::BreakerOpened(opened) => opened.stage,
            SpoolEntry::Scrape(scrape) => {
                let (ScrapeMoment::Before(of) | ScrapeMoment::During(of) | ScrapeMoment::After(of)) =
                    scrape.moment;
                of
            }
            SpoolEntry::Sweep(_) => PROBE_STAGE,
            SpoolEntry::Run(_) => return true,
            SpoolEntry::Finished(_) | SpoolEntry::PromQl(_) => return false,
        };
        if of == PROBE_STAGE { self.sweep.is_some() } else { self.stage(of).is_some() }
    }
}

impl Earlier {
    /// What the run left whose results lie in `folder`.
    ///
    /// # Errors
    ///
    /// If there is no spool, or it cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut entries =
            SpoolReader::open(folder).with_context(|| format!("{} holds no run", folder.display()))?;
        let Some(SpoolEntry::Run(facts)) = entries.next().transpose()? else {
            bail!("{} holds no run: its spool was cut off before the run started", folder.display());
        };
        let config = serde_json::from_str(&facts.config_json)?;
        let (mut finished, mut end) = (Finished::default(), 0);
        for entry in entries {
            match entry? {
                SpoolEntry::Request(record) => end = end.max(record.end),
                SpoolEntry::Sweep(found) => finished.sweep = Some(*found),
                SpoolEntry::Stage(stage) if stage.stage != PROBE_STAGE => {
                    end = end.max(stage.window_end.saturating_add(stage.teardown_ns));
                    if stage.status != StageStatus::Stopped {
                        finished.stages.push(*stage);
                    }
                }
                SpoolEntry::Finished(run) => end = end.max(run.at),
                _ => {}
            }
        }
        Ok(Self { folder: folder.to_owned(), facts: *facts, config, finished, end })
    }

    /// Puts into `config` what only the earlier run knew, and its folder.
    pub(super) fn complete(&self, config: &mut Config) {
        let number = |key: &str| self.config.pointer(key).and_then(Value::as_i64);
        let load = &mut config.load;
        load.base_seed = load.base_seed.or_else(|| number("/load/base_seed"));
        load.num_workers = load.num_workers.or_else(|| number("/load/num_workers"));
        let local = &mut config.storage.get_or_insert_default().local_storage;
        local.path = self.folder.to_string_lossy().into_owned();
        let prefix = self.config.pointer("/storage/local_storage/report_file_prefix");
        local.report_file_prefix = prefix.and_then(Value::as_str).map(str::to_owned);
    }

    /// Compares the `effective` configuration with the earlier run's.
    ///
    /// # Errors
    ///
    /// If another load would follow than would have followed, or there is nothing to go on with: `planned` stages, if the
    /// number is known.
    pub(super) fn check(&self, effective: &Value, planned: Option<usize>) -> Result<()> {
        let mut keys = Vec::new();
        for section in ["api", "data", "load", "circuit_breakers"] {
            differences(section, &self.config[section], &effective[section], &mut keys);
        }
        for key in ["type", "model_name", "ignore_eos"] {
            let key = format!("server.{key}");
            let of = |config: &Value| config.pointer(&format!("/{}", key.replace('.', "/"))).cloned();
            differences(
                &key,
                &of(&self.config).unwrap_or_default(),
                &of(effective).unwrap_or_default(),
                &mut keys,
            );
        }
        // Stages of a search follow from its objectives; it may go on for longer than was first allowed.
        let searches = ["capacity/profile", "capacity/max_concurrency", "slo"];
        let searches = searches.into_iter().filter(|_| self.is_search());
        let keys_of_load = ["load", "data_format", "answer_tokens", "token_counts", "trace_format"];
        for key in keys_of_load.into_iter().chain(searches) {
            let of = |config: &Value| config.pointer(&format!("/extensions/{key}")).cloned();
            let key = key.replace('/', ".");
            differences(
                &format!("extensions.{key}"),
                &of(&self.config).unwrap_or_default(),
                &of(effective).unwrap_or_default(),
                &mut keys,
            );
        }
        let folder = self.folder.display();
        if !keys.is_empty() {
            bail!(
                "the run in {folder} had another load: {} differ (give the configuration that it had, or start anew without \
                 --resume)",
                keys.join(", ")
            );
        }
        if planned.is_some_and(|planned| self.finished.stages.len() >= planned) {
            bail!(
                "the run in {folder} has finished all its stages (`inference-perf report {folder}` makes its reports)"
            );
        }
        Ok(())
    }

    /// The folder of its results, to be named.
    pub(super) fn folder(&self) -> impl std::fmt::Display + '_ {
        self.folder.display()
    }

    /// What its spool holds of finished stages, as the spool to go on with will begin; `facts` are the run's.
    pub(super) fn kept<'a>(&'a self, facts: &'a RunFacts) -> impl RecordSource<Error = SpoolError> + 'a {
        Kept { earlier: self, facts }
    }

    /// Whether the run searched for its stages.
    fn is_search(&self) -> bool {
        self.config.pointer("/extensions/capacity").is_some_and(|search| !search.is_null())
    }

    /// Name of the run.
    pub(super) fn run_id(&self) -> &str {
        &self.facts.run_id
    }

    /// Wall clock at the zero of the run's clock, nanoseconds since the Unix epoch.
    pub(super) fn started_epoch_ns(&self) -> i64 {
        self.facts.started_epoch_ns
    }

    /// The present instant on the run's clock, if it is `now` on the wall clock: never before what is known already.
    pub(super) fn instant_of(&self, now: i64) -> Nanos {
        now.saturating_sub(self.facts.started_epoch_ns).max(self.end)
    }

    /// The spool to go on with, which begins with what the earlier one holds of `finished` stages; `facts` are the run's.
    ///
    /// # Errors
    ///
    /// If it cannot be written; the earlier one is as it was then.
    pub(super) fn spool(&self, facts: &RunFacts) -> Result<SpoolWriter> {
        Ok(SpoolWriter::resume(&self.folder, &mut |entry| self.kept_of(entry, facts))?)
    }

    /// What becomes of an entry of the earlier spool: it is gone, or kept; `facts` are now the run's.
    fn kept_of(&self, entry: SpoolEntry, facts: &RunFacts) -> Option<SpoolEntry> {
        match entry {
            SpoolEntry::Run(_) => Some(SpoolEntry::Run(Box::new(facts.clone()))),
            entry => self.finished.keeps(&entry).then_some(entry),
        }
    }

    /// Says what goes on.
    pub(super) fn tell(&self) {
        let (run, folder) = (&self.facts.run_id, self.folder.display());
        let stages = self.finished.stages.len();
        tracing::info!("Going on with run {run} in {folder}: {stages} stages are finished");
    }
}

/// The entries of an earlier spool that are kept.
struct Kept<'a> {
    earlier: &'a Earlier,
    facts: &'a RunFacts,
}

impl RecordSource for Kept<'_> {
    type Error = SpoolError;

    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, SpoolError>>, SpoolError> {
        let entries = SpoolReader::open(&self.earlier.folder)?;
        Ok(entries.filter_map(|entry| match entry {
            Ok(entry) => self.earlier.kept_of(entry, self.facts).map(Ok),
            Err(error) => Some(Err(error)),
        }))
    }
}

/// Adds the keys under `key` in which `one` and `other` differ to `keys`.
fn differences(key: &str, one: &Value, other: &Value, keys: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut names: Vec<&String> = one.keys().chain(other.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                differences(&format!("{key}.{name}"), &of(one), &of(other), keys);
            }
        }
        (one, other) if one == other => {}
        _ => keys.push(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::source::tests::{S, record, run_end, run_facts, stage};

    fn earlier(entries: &[SpoolEntry]) -> (tempfile::TempDir, Earlier) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
        for entry in entries {
            writer.append(entry).expect("appended");
        }
        drop(writer);
        let earlier = Earlier::read(folder.path()).expect("a run");
        (folder, earlier)
    }

    fn entries() -> Vec<SpoolEntry> {
        let of = |number: u32, index| {
            let mut record = record(index, 10 * S * i64::from(number + 1));
            record.stage = number;
            SpoolEntry::Request(Box::new(record))
        };
        let stopped = StageFacts { status: StageStatus::Stopped, ..stage(2, 1.0, 2.0, 30 * S) };
        let mut entries = vec![run_facts()];
        for number in 0..2 {
            entries.extend([of(number, 0), of(number, 1)]);
            entries.push(SpoolEntry::Stage(Box::new(stage(
                number,
                1.0,
                2.0,
                10 * S * i64::from(number + 1),
            ))));
        }
        entries.extend([of(2, 0), SpoolEntry::Stage(Box::new(stopped)), run_end(90 * S, true)]);
        entries
    }

    #[test]
    fn what_is_finished_is_kept_and_the_rest_is_left_behind() {
        let entries = entries();
        let (folder, earlier) = earlier(&entries);
        assert_eq!(earlier.finished.stages.iter().map(|facts| facts.stage).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(earlier.instant_of(earlier.started_epoch_ns() + 5), 90 * S, "time does not go back");
        let mut facts = earlier.facts.clone();
        facts.version = "next".to_owned();
        let mut writer = earlier.spool(&facts).expect("a spool");
        writer.append(&run_end(99 * S, false)).expect("appended");
        drop(writer);
        let read = |name: &str| {
            fs_err::copy(folder.path().join("spool").join(name), folder.path().join("spool/x"))
                .expect("there");
            let at = folder.path().join("y");
            fs_err::create_dir_all(at.join("spool")).expect("made");
            fs_err::rename(folder.path().join("spool/x"), at.join("spool/records.bin")).expect("moved");
            let reader = SpoolReader::open(&at).expect("a spool");
            reader.collect::<Result<Vec<_>, _>>().expect("readable")
        };
        let mut expected = entries[..7].to_vec();
        expected[0] = SpoolEntry::Run(Box::new(facts));
        expected.push(run_end(99 * S, false));
        assert_eq!(read("records.bin"), expected);
        assert_eq!(read("records-1.bin"), entries, "nothing is lost");
    }

    #[test]
    fn another_load_is_refused_by_its_keys() {
        let (_folder, mut earlier) = earlier(&entries());
        earlier.config =
            json!({"load": {"type": "constant", "stages": [{"rate": 1}]}, "api": {"type": "chat"}});
        let mut effective = earlier.config.clone();
        earlier.check(&effective, Some(3)).expect("the same");
        let message = earlier.check(&effective, Some(2)).expect_err("nothing is left").to_string();
        assert!(message.contains("has finished all its stages"), "{message}");
        effective["load"]["stages"] = json!([{"rate": 2}]);
        effective["server"] = json!({"model_name": "m"});
        effective["report"] = json!({});
        let message = earlier.check(&effective, Some(3)).expect_err("another load").to_string();
        assert!(message.contains("load.stages, server.model_name differ"), "{message}");
    }

    #[test]
    fn a_search_goes_on_by_its_objectives_and_for_longer() {
        let (_folder, mut earlier) = earlier(&entries());
        earlier.config = json!({"extensions": {
            "capacity": {"profile": "coarse", "budget_minutes": 1.0}, "slo": [{"metric": "errors", "limit": 0.1}],
        }});
        let mut effective = earlier.config.clone();
        effective["extensions"]["capacity"]["budget_minutes"] = json!(9.0);
        earlier.check(&effective, None).expect("the same search");
        effective["extensions"]["slo"][0]["limit"] = json!(0.2);
        effective["extensions"]["capacity"]["profile"] = json!("tight");
        let message = earlier.check(&effective, None).expect_err("another search").to_string();
        assert!(message.contains("extensions.capacity.profile, extensions.slo differ"), "{message}");
        // Without a search objectives only judge.
        earlier.config["extensions"]["capacity"].take();
        effective["extensions"]["capacity"].take();
        earlier.check(&effective, Some(3)).expect("the same load");
    }
}
