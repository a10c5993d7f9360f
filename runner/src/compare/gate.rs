//! Conditions on changes: what must not have got worse, and whether it has.

use std::fmt;
use std::str::FromStr;

use super::change::{Change, Comparison, TAIL};
use super::metric::Key;

/// A change that must not be: `ttft.p95>5%` fails when the time grew by more than 5 %, `requests_per_second<-5%` when
/// the rate fell by more. Of `error_rate` the per cents are those of all requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What may not change.
    pub key: Key,
    /// True if it may not grow beyond the limit, false if it may not fall below it.
    pub grows: bool,
    /// The limit as a part: 0.05 for 5 %.
    pub limit: f64,
    text: String,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault =
            |what: &str| format!("{what} (a condition is like 'ttft.p95>5%' or 'requests_per_second<-5%')");
        let at = text.find(['>', '<']).ok_or_else(|| fault("there is neither > nor <"))?;
        let key: Key = text[..at].trim().parse()?;
        let grows = text[at..].starts_with('>');
        let limit = text[at + 1..].trim();
        let limit = limit.strip_suffix('%').ok_or_else(|| fault("the limit is not in %"))?;
        let limit = limit.trim().parse::<f64>().ok().filter(|limit| limit.is_finite());
        let limit = limit.ok_or_else(|| fault("the limit is no number"))? / 100.0;
        if grows && limit < 0.0 || !grows && limit > 0.0 {
            return Err(fault("the limit has the wrong sign: it would fail without any change"));
        }
        if limit <= -1.0 {
            return Err(fault("nothing can fall by 100 % or more"));
        }
        Ok(Self { key, grows, limit, text: text.trim().to_owned() })
    }
}

/// What a condition came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The condition.
    pub condition: Condition,
    /// The stages that could decide it, in order.
    pub stages: Vec<Decided>,
    /// Stages that could not, with the reason.
    pub undecided: Vec<(u32, String)>,
}

/// A condition in a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    /// Number of the stage.
    pub stage: u32,
    /// The change.
    pub change: Change,
    /// The bound that is held against the limit: the change is beyond it unless chance was unkind.
    pub bound: f64,
    /// The bound is beyond the limit.
    pub fails: bool,
}

impl Outcome {
    /// True if the condition fails in any stage.
    pub fn fails(&self) -> bool {
        self.stages.iter().any(|stage| stage.fails)
    }

    /// True if no stage could decide it.
    pub fn is_undecided(&self) -> bool {
        self.stages.is_empty()
    }
}

/// Holds `condition` against the changes in `comparison`.
///
/// With several stages, each has its part of the 2.5 % that a bound may be wrong by chance, so that all together are no
/// likelier to raise a false alarm than one.
pub fn decide(condition: &Condition, comparison: &Comparison) -> Outcome {
    let mut outcome = Outcome { condition: condition.clone(), stages: Vec::new(), undecided: Vec::new() };
    let mut deciding: Vec<(u32, Change)> = Vec::new();
    for stage in &comparison.stages {
        let change =
            stage.changes.iter().find(|(key, _)| *key == condition.key).and_then(|(_, change)| *change);
        match (&stage.unfit, change) {
            (Some(reason), _) => outcome.undecided.push((stage.stage, reason.clone())),
            (None, None) => outcome.undecided.push((stage.stage, format!("a run has no {}", condition.key))),
            (None, Some(change)) if !change.enough => {
                let needed = condition.key.requests_needed();
                outcome.undecided.push((stage.stage, format!("a run has fewer than {needed} requests")));
            }
            (None, Some(change)) => deciding.push((stage.stage, change)),
        }
    }
    let tail = TAIL / deciding.len().max(1) as f64;
    outcome.stages = deciding
        .into_iter()
        .map(|(stage, change)| {
            let [lower, upper] = change.bounds(tail);
            let bound = if condition.grows { lower } else { upper };
            let fails = if condition.grows { bound > condition.limit } else { bound < condition.limit };
            Decided { stage, change, bound, fails }
        })
        .collect();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_with_their_signs() {
        let read = |text: &str| text.parse::<Condition>().map(|it| (it.key.to_string(), it.grows, it.limit));
        assert_eq!(read("ttft.p95>5%"), Ok(("ttft.p95".to_owned(), true, 0.05)));
        assert_eq!(
            read(" requests_per_second < -2.5 % "),
            Ok(("requests_per_second".to_owned(), false, -0.025))
        );
        assert_eq!(read("error_rate>0%"), Ok(("error_rate".to_owned(), true, 0.0)));
        for (text, part) in [
            ("ttft.p95", "neither"),
            ("ttft.p95>5", "not in %"),
            ("ttft.p95>much%", "no number"),
            ("ttft.p95>-5%", "wrong sign"),
            ("requests_per_second<5%", "wrong sign"),
            ("requests_per_second<-100%", "100 %"),
            ("speed>5%", "no metric"),
        ] {
            let fault = read(text).expect_err("refused");
            assert!(fault.contains(part), "{text}: {fault}");
        }
    }
}
