//! A search is a function of its stages: from the spool it is what it was, and goes on from where it broke off.

use anyhow::{Context as _, Result};
use benchmark_schemas::config::Config;
use benchmark_schemas::record::{RunFacts, SpoolEntry};
use inference_perf::capacity::{self, Replayed, Search};
use inference_perf::metrics::MetricOptions;
use inference_perf::schedule::of_stage;
use inference_perf::seed::Seed;
use inference_perf::spool::SpoolReader;

use crate::cases::{Case, Kind, Law};
use crate::{memory, scratch};

const CASE: Case = Case { kind: Kind::Queue, law: Law::Poisson };
const CONFIG: &str = "
api: {type: completion, streaming: true}
load: {type: poisson}
server: {base_url: 'http://h', model_name: m}
extensions:
  slo: [{metric: ttft, quantile: 0.95, limit: 0.5}]
  capacity: {profile: tight}
";

fn facts() -> Result<RunFacts> {
    let config = Config::from_yaml(CONFIG, "config.yml").map_err(|problems| anyhow::anyhow!("{problems}"))?;
    Ok(RunFacts {
        version: String::new(),
        started_epoch_ns: 0,
        run_id: "00c0ffee".to_owned(),
        config_json: serde_json::to_string(&config)?,
        tokenizer: None,
    })
}

fn replayed(entries: &Vec<SpoolEntry>) -> Result<Replayed> {
    let Ok(replayed) = capacity::replay(entries, &MetricOptions::default());
    replayed.context("a search")
}

#[test]
fn a_search_goes_on_from_its_spool() -> Result<()> {
    let [first, second] = [tempfile::tempdir_in(scratch())?, tempfile::tempdir_in(scratch())?];
    let whole = memory::go_on(CASE, 1, first.path(), Some(facts()?), Search::new(CASE.settings()))?;
    let entries: Vec<SpoolEntry> = SpoolReader::open(first.path())?.collect::<Result<_, _>>()?;
    let all = replayed(&entries)?;
    assert_eq!(all.search.report(), whole.report(), "what it decided is in its stages");
    // The stages are those that were run, so that whoever goes on asks what would have been asked.
    let facts = entries.iter().filter_map(|entry| match entry {
        SpoolEntry::Stage(facts) => {
            Some((facts.stage, facts.rate, facts.duration_seconds, facts.concurrency))
        }
        _ => None,
    });
    let taken = all.taken.iter().map(|plan| (plan.id, plan.rate, plan.duration_seconds, plan.concurrency));
    assert!(facts.eq(taken), "{:?}", all.taken);
    let counted = |stage: u32| {
        let of = |entry: &&SpoolEntry| matches!(entry, SpoolEntry::Request(record) if record.stage == stage);
        entries.iter().filter(of).count() as u64
    };
    for plan in &all.taken {
        assert_eq!(of_stage(plan, Seed(1)).count(), counted(plan.id), "{plan:?}");
    }

    // Broken off within a stage, whose records are there without an end.
    let ends: Vec<usize> =
        (0..entries.len()).filter(|at| matches!(entries[*at], SpoolEntry::Stage(_))).collect();
    let part = entries[..ends[9] - 3].to_vec();
    let Replayed { search: broken_off, taken, .. } = replayed(&part)?;
    assert_eq!(taken, all.taken[..9]);
    assert_eq!(broken_off.steps(), &whole.steps()[..9]);
    assert_eq!(broken_off.ending(), None);
    let went_on = memory::go_on(CASE, 2, second.path(), None, broken_off)?;
    assert_eq!(&went_on.steps()[..9], &whole.steps()[..9]);
    assert!(went_on.ending().is_some_and(|ending| ending.decided), "{:?}", went_on.ending());
    Ok(())
}
