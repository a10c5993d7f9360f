//! From judgements to the two brackets and the recommended range.
//!
//! Saturation: last stage that keeps up, first that does not. Knee: last sustained stage, first that is degraded or
//! worse. "Last" and "first" go by offered rate; the first bad rate rules, so that a good stage above a bad one
//! moves nothing and is only noted. Stages that are invalid or undecided move no bracket.

use benchmark_schemas::report::{Bracket, Verdict};

use super::verdict::{Answer, Judgement};

/// A stage's rate and what was concluded from it.
pub struct Judged<'a> {
    /// Number of the stage.
    pub stage: u32,
    /// Offered rate, requests/s.
    pub offered_rate: f64,
    /// The conclusion.
    pub judgement: &'a Judgement,
}

/// Bracket of the saturation.
pub fn saturation(stages: &[Judged<'_>], notes: &mut Vec<String>) -> Bracket {
    bracket("saturation", stages, notes, |judgement| match judgement.keeps_up {
        _ if !judgement.valid => None,
        Answer::Yes => Some(true),
        Answer::No => Some(false),
        Answer::Unclear => None,
    })
}

/// Bracket of the knee.
pub fn knee(stages: &[Judged<'_>], notes: &mut Vec<String>) -> Bracket {
    bracket("knee", stages, notes, |judgement| match judgement.verdict {
        Verdict::Sustained => Some(true),
        Verdict::Degraded | Verdict::Saturated => Some(false),
        Verdict::Undecided | Verdict::InvalidClient => None,
    })
}

/// The highest good rate below the lowest bad one, and the lowest bad one.
fn bracket(
    name: &str,
    stages: &[Judged<'_>],
    notes: &mut Vec<String>,
    good: impl Fn(&Judgement) -> Option<bool>,
) -> Bracket {
    let rates = |wanted: bool| {
        let good = &good;
        stages.iter().filter(move |stage| good(stage.judgement) == Some(wanted))
    };
    let upper = rates(false).map(|stage| stage.offered_rate).min_by(f64::total_cmp);
    let below = |rate: f64| upper.is_none_or(|upper| rate < upper);
    let lower =
        rates(true).map(|stage| stage.offered_rate).filter(|rate| below(*rate)).max_by(f64::total_cmp);
    for stage in rates(true).filter(|stage| !below(stage.offered_rate)) {
        notes.push(format!(
            "{name}: stage {} was good at {:.2} requests/s although a stage at {:.2} was not; the lower rate rules",
            stage.stage,
            stage.offered_rate,
            upper.unwrap_or_default()
        ));
    }
    [lower, upper]
}

/// Recommended production range: `share` of the knee's lower end; `None` where that is.
pub fn recommended(knee: Bracket, share: [f64; 2]) -> Option<[f64; 2]> {
    knee[0].map(|lower| share.map(|share| lower * share))
}
