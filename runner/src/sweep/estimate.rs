//! The rate at which a server completes requests while it has more than it can do, from when they began and ended.
//!
//! Completions are counted over the *busy period*, that is progress / time, where the answer of a streamed request
//! counts by its parts as they come (requests that started together would otherwise all be missing until they end
//! together). The period begins when 90 % of the greatest number in flight are, because before that the client is
//! still sending. Its end is the hard part: once nothing waits in the server, slots fall idle and completions become
//! rare, but from outside the number of slots is unknown. So it ends where everything ends (or is cut off), unless
//! the completions after some earlier instant are rarer than chance allows; then it ends there, and so on.
//!
//! Known weakness: answers that are not streamed and are alike but not equal in length are counted up to half a round
//! of the server's slots too few (5 % for 256 slots and 2,000 requests).

use benchmark_schemas::record::Nanos;

use super::poisson;

/// Fewer completions than this say nothing.
pub const FEWEST_COMPLETIONS: u64 = 5;
/// The number in flight counts as full from this share of its peak on.
const FULL: f64 = 0.9;
/// The busy period holds at least this share of all progress, however it falls off.
const LEAST_SHARE: f64 = 0.5;
/// How much likelier, as a logarithm, a fall of the rate must make what was seen for it to be believed.
const BELIEVED: f64 = 3.0;

/// A request that the server had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    /// It ended by success.
    pub(super) served: bool,
    /// Instants at which equal parts of its answer were there, in order; its end alone if it came in one piece. Empty
    /// if it was not served.
    pub(super) marks: Vec<Nanos>,
}

/// A rate with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// Requests/s.
    pub(super) rate: f64,
    /// 95 % interval of the rate if completions come at random; wider than that if they are more regular.
    pub(super) interval: [f64; 2],
    /// Completions in the busy period.
    pub(super) completions: u64,
    pub(super) busy_seconds: f64,
    pub(super) peak_in_flight: u64,
}

/// The completion rate of `requests`; all in flight were cut off at `cut`, if at all. `None` for fewer than
/// [`FEWEST_COMPLETIONS`].
pub(super) fn completion_rate(requests: &[Observed], cut: Option<Nanos>) -> Option<Estimate> {
    let last = requests.iter().filter(|request| request.served).map(|request| request.end).max()?;
    let end = cut.unwrap_or(last);
    let first = requests.iter().map(|request| request.start).min()?;
    let full = Full::of(requests, end);
    let steps = steps(requests);
    let completions = |begin: Nanos, end: Nanos| {
        let ended = requests.iter().filter(|request| request.served && begin < request.end && request.end <= end);
        ended.count() as u64
    };
    let busy = [(full.begin, full.end), (first, first)].into_iter().find_map(|(begin, not_before)| {
        let progress = Progress::after(begin, &steps);
        let end = progress.busy_until(not_before, end);
        let count = completions(begin, end);
        (count >= FEWEST_COMPLETIONS && end > begin).then(|| (progress.until(end), count, end - begin))
    });
    let (progress, count, length) = busy?;
    let busy_seconds = length as f64 / 1e9;
    let rate = progress / busy_seconds;
    let interval = poisson::interval(count).map(|bound| rate * bound / count as f64);
    Some(Estimate { rate, interval, completions: count, busy_seconds, peak_in_flight: full.peak })
}

/// When the number in flight is full.
struct Full {
    peak: u64,
    /// First instant.
    begin: Nanos,
    /// Last instant, or the end of the probe.
    end: Nanos,
}

impl Full {
    fn of(requests: &[Observed], probe_end: Nanos) -> Self {
        let mut changes: Vec<(Nanos, i64)> =
            requests.iter().flat_map(|request| [(request.start, 1), (request.end, -1)]).collect();
        changes.sort_unstable_by_key(|&(at, _)| at);
        let mut in_flight = 0;
        // One level for each instant: what ends and what takes its place at the same one make no dip.
        let levels: Vec<(Nanos, i64)> = changes
            .chunk_by(|a, b| a.0 == b.0)
            .map(|same| {
                in_flight += same.iter().map(|&(_, change)| change).sum::<i64>();
                (same[0].0, in_flight)
            })
            .collect();
        let peak = levels.iter().map(|&(_, level)| level).max().unwrap_or(0);
        let is_full = |level: &(Nanos, i64)| level.1 as f64 >= FULL * peak as f64;
        let begin = levels.iter().find(|level| is_full(level)).map_or(probe_end, |level| level.0);
        let last = levels.iter().rposition(is_full).and_then(|at| levels.get(at + 1));
        let end = last.map_or(probe_end, |level| level.0.min(probe_end));
        Self { peak: peak.unsigned_abs(), begin, end }
    }
}

/// All parts of answers in order of time: instant and share of a request.
fn steps(requests: &[Observed]) -> Vec<(Nanos, f64)> {
    let parts = |request: &Observed| 1.0 / request.marks.len() as f64;
    let mut steps: Vec<(Nanos, f64)> =
        requests.iter().flat_map(|request| request.marks.iter().map(|&at| (at, parts(request)))).collect();
    steps.sort_unstable_by_key(|&(at, _)| at);
    steps
}

/// Progress after an instant: for each later instant with any, the requests done from then on.
struct Progress {
    begin: Nanos,
    points: Vec<(Nanos, f64)>,
}

impl Progress {
    fn after(begin: Nanos, steps: &[(Nanos, f64)]) -> Self {
        let mut done = 0.0;
        let points = steps
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same[0].0 > begin)
            .map(|same| {
                done += same.iter().map(|&(_, share)| share).sum::<f64>();
                (same[0].0, done)
            })
            .collect();
        Self { begin, points }
    }

    /// Requests done until `at`.
    fn until(&self, at: Nanos) -> f64 {
        let after = self.points.partition_point(|&(when, _)| when <= at);
        if after == 0 { 0.0 } else { self.points[after - 1].1 }
    }

    /// The end of the busy period, not before `not_before` and at the latest `end`.
    fn busy_until(&self, not_before: Nanos, mut end: Nanos) -> Nanos {
        let least = LEAST_SHARE * self.until(end);
        let candidates: Vec<(Nanos, f64)> =
            self.points.iter().copied().filter(|&(at, done)| at >= not_before && done >= least).collect();
        loop {
            let (whole, length) = (self.until(end), (end - self.begin) as f64);
            let evidence = |&(at, done): &(Nanos, f64)| {
                let first = (done, (at - self.begin) as f64);
                fall_evidence(first, (whole - done, length - first.1))
            };
            let earlier = candidates.iter().take_while(|&&(at, _)| at < end);
            let strongest = earlier.map(|point| (point.0, evidence(point))).max_by(|a, b| a.1.total_cmp(&b.1));
            match strongest {
                Some((at, evidence)) if evidence > BELIEVED => end = at,
                _ => return end,
            }
        }
    }
}

/// How much likelier, as a logarithm, two Poisson processes of the rates seen make two counts in two times than one of
/// the common rate; 0 if the second rate is not the lower one.
fn fall_evidence((first, first_time): (f64, f64), (second, second_time): (f64, f64)) -> f64 {
    let common = (first + second) / (first_time + second_time);
    if second * first_time >= first * second_time {
        return 0.0;
    }
    let gain = |count: f64, time: f64| if count > 0.0 { count * (count / time / common).ln() } else { 0.0 };
    gain(first, first_time) + gain(second, second_time)
}

#[cfg(test)]
#[path = "estimate/tests.rs"]
mod tests;
