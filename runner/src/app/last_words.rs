//! The container's last words: what the run found, as JSON small enough for the file from which Kubernetes takes them, so
//! that the answer outlives the pod's log. A run without reports leaves none; Kubernetes takes the end of the log then.

use benchmark_schemas::report::{Bracket, Capacity, Verdict};
use benchmark_schemas::variables::TERMINATION_LOG;
use serde::Serialize;

use super::Exit;
use crate::report::RunReport;

/// Bytes that Kubernetes takes.
const MOST_BYTES: usize = 4096;

/// What is left to say at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct LastWords {
    /// Version of this structure: 1.
    format: u32,
    run_id: String,
    exit_code: u8,
    interrupted: bool,
    /// Requests that succeeded and that failed, in all stages.
    succeeded: u64,
    failed: u64,
    /// Brackets and range in requests/s, as in `capacity.json`.
    saturation: Bracket,
    knee: Bracket,
    recommended: Option<[f64; 2]>,
    stages: Vec<Stage>,
    /// Stages for which there was no room.
    #[serde(skip_serializing_if = "is_zero")]
    stages_left_out: usize,
    /// Where the results lie.
    results: Vec<String>,
    /// What went wrong with storing them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Stage {
    #[serde(rename = "stage")]
    number: u32,
    offered_rate: Option<f64>,
    completed_rate: f64,
    verdict: Verdict,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like this")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl LastWords {
    /// On `run`, whose results lie in `results`.
    pub(super) fn of(run: &RunReport, results: Vec<String>, problems: Vec<String>) -> Self {
        let Capacity { run_id, interrupted, stages, saturation, knee, .. } = &run.capacity;
        let stages = stages.iter().map(|stage| Stage {
            number: stage.stage,
            offered_rate: stage.offered_rate.map(rounded),
            completed_rate: rounded(stage.completed_rate),
            verdict: stage.verdict,
        });
        Self {
            format: 1,
            run_id: run_id.clone(),
            exit_code: 0,
            interrupted: *interrupted,
            succeeded: run.metrics.summary.successes.count(),
            failed: run.metrics.summary.failures.count(),
            saturation: saturation.bracket,
            knee: knee.bracket,
            recommended: knee.recommended,
            stages: stages.collect(),
            stages_left_out: 0,
            results,
            problems,
        }
    }

    /// Leaves them where the environment says, if it does.
    pub(super) fn leave(mut self, exit: Exit) {
        let Some(file) = std::env::var_os(TERMINATION_LOG).filter(|file| !file.is_empty()) else { return };
        self.exit_code = exit.code();
        if let Err(error) = fs_err::write(&file, self.text()) {
            tracing::warn!("{TERMINATION_LOG}: {error}");
        }
    }

    /// JSON text of at most [`MOST_BYTES`]: what is least worth knowing is left out first.
    fn text(mut self) -> String {
        loop {
            // A structure of numbers and texts is always JSON.
            let text = serde_json::to_string(&self).unwrap_or_default();
            if text.len() <= MOST_BYTES {
                return text;
            }
            let over = text.len() - MOST_BYTES;
            if self.stages.len() > 1 {
                self.stages.remove(0);
                self.stages_left_out += 1;
            } else if let Some(longest) =
                self.problems.iter_mut().chain(&mut self.results).max_by_key(|text| text.len())
            {
                let keep = longest.len().saturating_sub(over + '…'.len_utf8() + 1);
                let keep = (0..=keep).rev().find(|end| longest.is_char_boundary(*end)).unwrap_or(0);
                if keep == 0 {
                    self.problems.clear();
                    self.results.clear();
                } else {
                    longest.truncate(keep);
                    longest.push('…');
                }
            } else {
                self.stages.clear();
            }
        }
    }
}

/// Three decimals are enough to tell rates apart.
fn rounded(rate: f64) -> f64 {
    (rate * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(stages: u32, problems: Vec<String>) -> LastWords {
        let stage = |number| Stage {
            number,
            offered_rate: Some(10.0),
            completed_rate: 9.991,
            verdict: Verdict::Sustained,
        };
        LastWords {
            format: 1,
            run_id: "0123abcd".to_owned(),
            exit_code: 0,
            interrupted: false,
            succeeded: 9,
            failed: 1,
            saturation: [Some(10.0), None],
            knee: [None, Some(20.0)],
            recommended: None,
            stages: (0..stages).map(stage).collect(),
            stages_left_out: 0,
            results: vec!["s3://b/p".to_owned(), "/results/r".to_owned()],
            problems,
        }
    }

    #[test]
    fn a_short_run_is_told_whole() {
        insta::assert_snapshot!(words(1, Vec::new()).text(), @r#"{"format":1,"run_id":"0123abcd","exit_code":0,"interrupted":false,"succeeded":9,"failed":1,"saturation":[10.0,null],"knee":[null,20.0],"recommended":null,"stages":[{"stage":0,"offered_rate":10.0,"completed_rate":9.991,"verdict":"sustained"}],"results":["s3://b/p","/results/r"]}"#);
    }

    proptest::proptest! {
        #[test]
        fn whatever_there_is_to_tell_fits(
            stages in 0u32..300, problems in proptest::collection::vec("[ -~äß\"\\\\\u{1}€]{0,3000}", 0..6),
        ) {
            let text = words(stages, problems).text();
            proptest::prop_assert!(text.len() <= MOST_BYTES);
            let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            proptest::prop_assert_eq!(&told["knee"], &serde_json::json!([null, 20.0]));
            let left_out = told["stages_left_out"].as_u64().unwrap_or(0);
            let shown = told["stages"].as_array().expect("a list").len() as u64;
            proptest::prop_assert!(shown + left_out == u64::from(stages) || shown == 0);
        }
    }
}
