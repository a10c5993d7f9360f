//! Figures over the load: percentiles with brackets and limits, throughput, errors.

use benchmark_schemas::report::{Capacity, Estimate};
use benchmark_schemas::slo::{Slo, SloMetric};

use super::axis::Axis;
use super::plot::{Limit, Line, MARKED, Plot, Range, Size};
use super::text::{maybe, number};
use super::view::{Latencies, Load, Quantiles, Stage};

/// A latency that has a figure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    /// Name within the page, also that of limits on it.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    of: fn(&Latencies) -> Option<Quantiles>,
}

/// Time to the first token: the first thing that gets worse.
pub(super) const TTFT: Latency =
    Latency { id: "ttft", title: "Time to first token", of: |latencies| latencies.time_to_first_token };
/// What comes after it.
pub(super) const OTHERS: [Latency; 3] = [
    Latency {
        id: "tpot",
        title: "Time per output token after the first",
        of: |latencies| latencies.time_per_output_token,
    },
    Latency {
        id: "ntpot",
        title: "Request latency per output token",
        of: |latencies| latencies.normalized_time_per_output_token,
    },
    Latency { id: "request_latency", title: "Request latency", of: |latencies| latencies.request_latency },
];

/// What the horizontal axis shows: an open and a closed loop have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Rate,
    InFlight,
}

/// A limit on a quantile of a latency.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LatencyLimit {
    /// Name of the latency.
    pub(super) metric: String,
    /// The limit, seconds.
    pub(super) seconds: f64,
    /// What is written beside it.
    pub(super) text: String,
}

impl LatencyLimit {
    /// The limit of an objective; `None` if it is none of a latency.
    pub(super) fn of_objective(slo: &Slo) -> Option<Self> {
        let metric = match slo.metric {
            SloMetric::Ttft => "ttft",
            SloMetric::Tpot => "tpot",
            SloMetric::Ntpot => "ntpot",
            SloMetric::Latency => "request_latency",
            SloMetric::Errors => return None,
        };
        Some(Self { metric: metric.to_owned(), seconds: slo.limit, text: format!("SLO {slo}") })
    }
}

impl Over {
    pub(super) const ALL: [Self; 2] = [Self::Rate, Self::InFlight];

    fn label(self) -> &'static str {
        match self {
            Self::Rate => "Offered rate (requests/s)",
            Self::InFlight => "Requests in flight",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::InFlight => "in-flight",
        }
    }

    /// The stages that belong here, by their load.
    pub(super) fn stages(self, stages: &[Stage]) -> Vec<&Stage> {
        let belongs = |stage: &&Stage| match stage.load {
            Load::Rate(_) => self == Self::Rate,
            Load::InFlight(_) => self == Self::InFlight,
        };
        let mut stages: Vec<&Stage> = stages.iter().filter(belongs).collect();
        stages.sort_by(|a, b| a.load.value().total_cmp(&b.load.value()));
        stages
    }

    fn axis(self, stages: &[&Stage]) -> Axis {
        let greatest = stages.iter().map(|stage| stage.load.value()).fold(0.0, f64::max);
        Axis::linear(self.label(), greatest, None)
    }
}

/// p50, p95 and p99 of `latency` over the load; `None` if no stage has it.
pub(super) fn percentiles(
    latency: Latency,
    over: Over,
    stages: &[Stage],
    (capacity, limits): (Option<&Capacity>, &[LatencyLimit]),
    size: Size,
) -> Option<Plot> {
    const NAMES: [&str; 3] = ["p50", "p95", "p99"];
    let of: [fn(&Quantiles) -> Option<f64>; 3] = [|it| it.p50, |it| it.p95, |it| it.p99];
    let stages: Vec<&Stage> = over.stages(stages);
    let known: Vec<(&Stage, Quantiles)> =
        stages.iter().filter_map(|stage| Some((*stage, (latency.of)(stage.felt())?))).collect();
    if known.is_empty() {
        return None;
    }
    let lines: Vec<Line> = NAMES
        .into_iter()
        .zip(of)
        .enumerate()
        .map(|(style, (name, of))| {
            let values = known.iter().map(|(stage, quantiles)| (*stage, of(quantiles).map(|it| it * 1e3)));
            line(name, style, values, "ms")
        })
        .collect();
    let limits: Vec<Limit> = limits
        .iter()
        .filter(|limit| limit.metric == latency.id)
        .map(|limit| Limit { at: limit.seconds * 1e3, label: limit.text.clone() })
        .collect();
    let heights: Vec<f64> = heights(&lines).chain(limits.iter().map(|limit| limit.at)).collect();
    let scheduled = known.iter().all(|(stage, _)| stage.scheduled.is_some());
    let clock = if scheduled { "from the scheduled instant" } else { "from the sending" };
    Some(Plot {
        id: format!("{}-over-{}", latency.id, over.id()),
        title: latency.title.to_owned(),
        description: described(latency.title, clock, &known),
        size,
        x: over.axis(&stages),
        y: Axis::fitting("Milliseconds", heights.iter().copied()),
        bands: Vec::new(),
        ranges: capacity.filter(|_| over == Over::Rate && size == Size::Wide).map(ranges).unwrap_or_default(),
        limits,
        lines,
    })
}

/// The brackets and the recommended range, as far as there are any.
fn ranges(capacity: &Capacity) -> Vec<Range> {
    let range = |name: &str, class, [from, to]: [Option<f64>; 2], estimate: Option<Estimate>| {
        let ends = match (from, to) {
            (Some(from), Some(to)) => format!("{} to {}", number(from), number(to)),
            (Some(from), None) => format!("above {}", number(from)),
            (None, Some(to)) => format!("below {}", number(to)),
            (None, None) => return None,
        };
        let about = estimate.map_or_else(String::new, |it| format!(", about {}", number(it.value)));
        Some(Range { label: format!("{name}: {ends}{about}"), class, from, to, estimate })
    };
    let Capacity { knee, saturation, .. } = capacity;
    [
        range("Recommended", "good", knee.recommended.map_or([None, None], |ends| ends.map(Some)), None),
        range("Knee", "fair", knee.bracket, knee.estimate),
        range("Saturation", "bad", saturation.bracket, saturation.estimate),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first and the last point in words.
fn described(title: &str, clock: &str, known: &[(&Stage, Quantiles)]) -> String {
    let point = |(stage, quantiles): &(&Stage, Quantiles)| {
        let [p50, p95, p99] =
            [quantiles.p50, quantiles.p95, quantiles.p99].map(|it| maybe(it.map(|it| it * 1e3)));
        format!("{p50}, {p95} and {p99} ms at {}", load(stage.load))
    };
    let ends: Vec<String> = match known {
        [only] => vec![point(only)],
        [first, .., last] => vec![point(first), point(last)],
        [] => Vec::new(),
    };
    format!("{title} {clock}: p50, p95 and p99 are {}.", ends.join(", and "))
}

/// What was asked of the server, in words.
pub(super) fn load(load: Load) -> String {
    match load {
        Load::Rate(rate) => format!("{} requests/s", number(rate)),
        Load::InFlight(requests) => format!("{} requests in flight", number(requests)),
    }
}

/// What was sent and completed, requests/s; output tokens/s; errors, per cent.
pub(super) fn throughput(over: Over, stages: &[Stage]) -> Vec<Plot> {
    let stages: Vec<&Stage> = over.stages(stages);
    if stages.is_empty() {
        return Vec::new();
    }
    let plot = |id: &str, title: &str, y: &str, limit: Option<f64>, lines: Vec<Line>| {
        let greatest = heights(&lines).fold(0.0, f64::max);
        Plot {
            id: format!("{id}-over-{}", over.id()),
            title: title.to_owned(),
            description: ends(title, &lines),
            size: Size::Half,
            x: over.axis(&stages),
            y: Axis::linear(y, greatest, limit),
            bands: Vec::new(),
            ranges: Vec::new(),
            limits: Vec::new(),
            lines,
        }
    };
    let values = |of: fn(&Stage) -> Option<f64>| stages.iter().map(move |stage| (*stage, of(stage)));
    let rate = "requests/s";
    let mut rates = vec![
        line("Completed", 0, values(|stage| Some(stage.completed_rate)), rate),
        line("Sent", 1, values(|stage| Some(stage.achieved_rate)), rate),
    ];
    if over == Over::Rate {
        let ends = stages.iter().map(|stage| stage.load.value()).fold(0.0, f64::max);
        let points = vec![(0.0, Some(0.0)), (ends, Some(ends))];
        rates.push(Line { name: "Offered".to_owned(), style: 5, points, tips: Vec::new() });
    }
    let tokens = line("Output", 0, values(|stage| Some(stage.output_tokens_per_second)), "tokens/s");
    let errors = line("Failed", 1, values(|stage| stage.error_rate().map(|rate| rate * 100.0)), "%");
    let mut plots = vec![plot("throughput", "Requests sent and completed", "Requests/s", None, rates)];
    if heights(std::slice::from_ref(&tokens)).any(|height| height > 0.0) {
        plots.push(plot("tokens", "Output tokens", "Tokens/s", None, vec![tokens]));
    }
    // Of no errors at all an axis up to one per cent, so that it looks like none.
    let greatest = heights(std::slice::from_ref(&errors)).fold(1.0, f64::max);
    let mut errors = plot("errors", "Failed requests", "Per cent", None, vec![errors]);
    errors.y = Axis::linear("Per cent", greatest, (greatest > 90.0).then_some(100.0));
    plots.push(errors);
    plots
}

/// A line through `values`, of which each has its stage; the points are shown if they are few enough.
fn line<'a>(
    name: &str,
    style: usize,
    values: impl Iterator<Item = (&'a Stage, Option<f64>)> + Clone,
    unit: &str,
) -> Line {
    let points: Vec<(f64, Option<f64>)> =
        values.clone().map(|(stage, value)| (stage.load.value(), value)).collect();
    let tip = |(stage, value): (&Stage, Option<f64>)| {
        format!("Stage {}, {}: {name} {} {unit}", stage.number, load(stage.load), maybe(value))
    };
    let tips = if points.len() <= MARKED { values.map(tip).collect() } else { Vec::new() };
    Line { name: name.to_owned(), style, points, tips }
}

fn heights(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines.iter().flat_map(|line| &line.points).filter_map(|(_, height)| *height)
}

/// The last point of each line, in words.
fn ends(title: &str, lines: &[Line]) -> String {
    let ends =
        lines.iter().filter(|line| !line.tips.is_empty() || line.points.len() > MARKED).filter_map(|line| {
            let (x, y) = line.points.last()?;
            Some(format!("{} {} at {}", line.name, maybe(*y), number(*x)))
        });
    format!("{title}: {}.", ends.collect::<Vec<_>>().join(", "))
}
