//! How many requests a server works on at once, as far as it shows from outside.
//!
//! Three signs, of a server that takes its queue in order of arrival:
//!
//! - Where fewer requests are left than slots, completions become rarer in proportion. Of the numbers of slots that the
//!   other signs leave, that one is taken under which what was seen is likeliest (completions at random, as many a
//!   second as slots are busy).
//! - A request can only end before older ones that are in a slot as well: so there are more slots than it leaves
//!   unfinished behind it. As few overtake all but the youngest, a margin is added; too many slots by that much do the
//!   rate no harm, too few do.
//! - Behind a full cap of `n` every later request finds `n − c` waiting, those of the first burst half as many on
//!   average: their mean latencies are as `(n + c) / 2` to `n`. That is too coarse for few slots, but it tells whether
//!   there is a queue at all.
//!
//! The order within the first burst is left out: many connections at once reach a server in any order.

use benchmark_schemas::record::Nanos;

use super::Observed;

/// Share of completions that may overtake more requests than there are slots: a few out of turn are no sign.
const OUT_OF_TURN: f64 = 0.005;
/// Slots for each older request that was overtaken.
const MARGIN: f64 = 1.25;
/// Later completions from which on their mean latency says something.
const FEWEST_LATER: usize = 20;
/// Share of the cap from which on the number of slots that latencies tell is believed.
const HARDLY_QUEUED: f64 = 0.5;
/// Share of completions before which at least as many requests as slots were in flight: the rate with all slots busy
/// is not concluded from less.
const SEEN_BUSY: f64 = 0.25;

/// Numbers in flight over time.
pub(super) struct Levels {
    /// Each level that occurred, in rising order, with the time spent at it or above, in nanoseconds, and the time at
    /// lower levels weighted by them.
    times: Vec<LevelTime>,
    /// The level before each completion, in rising order, each with the sum of logarithms of it and all below.
    before: Vec<(u64, f64)>,
    /// When the greatest number was first in flight.
    full_at: Nanos,
}

struct LevelTime {
    level: u64,
    /// ∫ n dt over the time below this level.
    below: f64,
    /// Time at this level and above.
    at_least: f64,
}

impl Levels {
    /// The numbers of `requests` in flight until `end`.
    pub(super) fn of(requests: &[Observed], end: Nanos) -> Self {
        let mut changes: Vec<(Nanos, i64, u64)> = requests
            .iter()
            .flat_map(|request| {
                let counted = u64::from(request.served && request.end <= end);
                [(request.start, 1, 0), (request.end, -1, counted)]
            })
            .filter(|&(at, ..)| at <= end)
            .collect();
        changes.sort_unstable_by_key(|&(at, ..)| at);
        let (mut level, mut since) = (0_i64, changes.first().map_or(end, |&(at, ..)| at));
        let (mut times, mut before) = (Vec::new(), Vec::new());
        let (mut peak, mut full_at) = (0, end);
        // What happens at one instant happens at once: a wave that ends together leaves no slot idle in between.
        for same in changes.chunk_by(|a, b| a.0 == b.0) {
            times.push((level.unsigned_abs(), same[0].0 - since));
            since = same[0].0;
            let ended: u64 = same.iter().map(|&(_, _, counted)| counted).sum();
            let come: i64 = same.iter().map(|&(_, change, _)| change.max(0)).sum();
            // A request that came and went within the instant was in flight too.
            let most = if level == 0 { come } else { level };
            before.extend((0..ended).map(|_| most.unsigned_abs()));
            level += same.iter().map(|&(_, change, _)| change).sum::<i64>();
            if level > peak {
                (peak, full_at) = (level, since);
            }
        }
        times.push((level.unsigned_abs(), end - since));
        Self { times: Self::accumulated(times), before: with_logarithms(before), full_at }
    }

    fn accumulated(mut times: Vec<(u64, Nanos)>) -> Vec<LevelTime> {
        times.retain(|&(_, time)| time > 0);
        times.sort_unstable();
        let (mut below, mut at_least) = (0.0, times.iter().map(|&(_, time)| time as f64).sum());
        times
            .chunk_by(|a, b| a.0 == b.0)
            .map(|same| {
                let entry = LevelTime { level: same[0].0, below, at_least };
                let time: f64 = same.iter().map(|&(_, time)| time as f64).sum();
                below += entry.level as f64 * time;
                at_least -= time;
                entry
            })
            .collect()
    }

    /// Greatest number in flight.
    pub(super) fn peak(&self) -> u64 {
        self.times.last().map_or(0, |entry| entry.level)
    }

    /// ∫ min(n, slots) dt / slots: the time in which all slots, busy, would have done the work, nanoseconds.
    pub(super) fn busy_ns(&self, slots: u64) -> f64 {
        let reached = self.times.partition_point(|entry| entry.level < slots);
        let slots = slots as f64;
        match self.times.get(reached) {
            Some(entry) => entry.below / slots + entry.at_least,
            None => {
                self.times.last().map_or(0.0, |last| (last.below + last.level as f64 * last.at_least) / slots)
            }
        }
    }

    /// Logarithm of how likely what was seen is with so many slots, up to a constant.
    fn log_likelihood(&self, slots: u64) -> f64 {
        let below = self.before.partition_point(|&(level, _)| level < slots);
        let logarithms = if below == 0 { 0.0 } else { self.before[below - 1].1 };
        let count = self.before.len();
        let all_busy = (count - below) as f64 * (slots as f64).ln();
        logarithms + all_busy - count as f64 * (self.busy_ns(slots) * slots as f64).ln()
    }

    /// The greatest number of slots about which something was seen.
    fn most_slots(&self) -> u64 {
        self.before.get(rank(self.before.len(), 1.0 - SEEN_BUSY)).map_or(1, |&(level, _)| level.max(1))
    }
}

fn with_logarithms(mut levels: Vec<u64>) -> Vec<(u64, f64)> {
    levels.sort_unstable();
    let mut sum = 0.0;
    let with_sum = levels.into_iter().map(|level| {
        sum += (level.max(1) as f64).ln();
        (level, sum)
    });
    with_sum.collect()
}

/// The number of slots, at least 1.
pub(super) fn estimate(requests: &[Observed], levels: &Levels) -> u64 {
    let most = levels.most_slots();
    let least = overtaking(requests, levels.full_at).max(queueing(requests, levels)).clamp(1, most);
    let mut best = (least, levels.log_likelihood(least));
    for slots in least + 1..=most {
        let likelihood = levels.log_likelihood(slots);
        if likelihood > best.1 {
            best = (slots, likelihood);
        }
    }
    best.0
}

/// The least number of slots by which requests begun after `full_at` overtook older ones.
fn overtaking(requests: &[Observed], full_at: Nanos) -> u64 {
    let mut in_order: Vec<&Observed> = requests.iter().collect();
    in_order.sort_by_key(|request| request.sent);
    let mut ends: Vec<Nanos> = in_order.iter().map(|request| request.end).collect();
    ends.sort_unstable();
    let mut ended = Counts::new(ends.len());
    let mut overtaken: Vec<u64> = Vec::new();
    for (older, request) in (0..).zip(in_order) {
        if request.served && request.start > full_at {
            let not_later = ends.partition_point(|&end| end <= request.end);
            overtaken.push(older - ended.up_to(not_later));
        }
        ended.add(ends.partition_point(|&end| end < request.end));
    }
    overtaken.sort_unstable();
    overtaken
        .iter()
        .rev()
        .nth(rank(overtaken.len(), OUT_OF_TURN))
        .map_or(1, |&count| 1 + whole(count as f64 * MARGIN))
}

/// The number of slots by which later requests took longer than the first burst; 1 if that is too few to tell.
fn queueing(requests: &[Observed], levels: &Levels) -> u64 {
    let served = requests.iter().filter(|request| request.served);
    let (first, later): (Vec<&Observed>, Vec<&Observed>) =
        served.partition(|request| request.start <= levels.full_at);
    if first.is_empty() || later.len() < FEWEST_LATER {
        return 1;
    }
    let mean = |of: &[&Observed]| {
        of.iter().map(|request| (request.end - request.sent) as f64).sum::<f64>() / of.len() as f64
    };
    let share = 2.0 * mean(&first) / mean(&later) - 1.0;
    if share >= HARDLY_QUEUED { whole(share.min(1.0) * levels.peak() as f64) } else { 1 }
}

/// The whole part.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// The place that divides `count` values so that `share` of them come before it.
fn rank(count: usize, share: f64) -> usize {
    usize::try_from(whole(count as f64 * share)).unwrap_or(usize::MAX)
}

/// Counts by place, whose sums up to any place are cheap (a Fenwick tree).
struct Counts(Vec<u64>);

impl Counts {
    fn new(places: usize) -> Self {
        Self(vec![0; places + 1])
    }

    /// Adds one at `place`, from 0.
    fn add(&mut self, place: usize) {
        let mut i = place + 1;
        while let Some(count) = self.0.get_mut(i) {
            *count += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// Sum of the first `places`.
    fn up_to(&self, places: usize) -> u64 {
        let (mut i, mut sum) = (places, 0);
        while i > 0 {
            sum += self.0[i];
            i &= i - 1;
        }
        sum
    }
}
