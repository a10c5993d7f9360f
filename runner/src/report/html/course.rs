//! Figures of the run over time, and of how latencies are spread.

use benchmark_schemas::record::Nanos;

use super::axis::Axis;
use super::figures::load;
use super::plot::{Band, Line, Plot, STYLES, Size};
use super::text::number;
use super::view::Stage;
use crate::clock::seconds;
use crate::metrics::picture::{Bin, Curve, Spread};
use crate::report::RunReport;
use crate::serving::Reading;
use crate::serving::names::Meaning;

/// Points of a line over time, at most.
const MOST_POINTS: usize = 240;
/// Requests that fell due between two points, on average.
const REQUESTS_A_POINT: u64 = 8;
/// Stages that a figure can name.
const MOST_BANDS: usize = 400;

/// What the run did over time; none if it did nothing.
pub(super) fn over_time(run: &RunReport) -> Vec<Plot> {
    let course = run.metrics.picture.course.smoothed(MOST_POINTS, REQUESTS_A_POINT);
    let bins: Vec<Bin> = course.bins().collect();
    let Some(last) = bins.last() else { return Vec::new() };
    let time = Time {
        axis: Axis::exactly("Seconds since the start of the run", last.at + course.bin_seconds() / 2.0),
        bands: bands(run),
    };
    let line = |name: &str, style: usize, of: &dyn Fn(&Bin) -> Option<f64>| Line {
        name: name.to_owned(),
        style,
        points: bins.iter().map(|bin| (bin.at, of(bin))).collect(),
        tips: Vec::new(),
    };
    let per_second = |count: u64| Some(count as f64 / course.bin_seconds());
    let mut plots = vec![
        time.plot(
            "rates",
            "Requests",
            "Requests/s",
            vec![
                line("Due", 5, &|bin| per_second(bin.due)),
                line("Succeeded", 0, &|bin| per_second(bin.succeeded)),
                line("Failed", 1, &|bin| per_second(bin.failed)),
            ],
        ),
        time.plot(
            "backlog",
            "Requests that were not finished",
            "Requests",
            vec![
                line("Due and not finished", 1, &|bin| Some(bin.backlog as f64)),
                line("In flight", 0, &|bin| Some(bin.in_flight as f64)),
            ],
        ),
    ];
    let streamed = bins.iter().any(|bin| bin.time_to_first_token.is_some());
    let latency = |bin: &Bin| if streamed { bin.time_to_first_token } else { bin.request_latency };
    let name = if streamed { "Time to first token" } else { "Request latency" };
    plots.push(time.plot(
        "latency",
        &format!("{name} from the scheduled instant"),
        "Milliseconds",
        vec![
            line("p95", 1, &|bin| latency(bin).map(|[_, p95]| p95 * 1e3)),
            line("p50", 0, &|bin| latency(bin).map(|[p50, _]| p50 * 1e3)),
        ],
    ));
    plots.extend(time.server(run.metrics.asides.observed.readings()));
    plots
}

/// The axis that these figures share, with the stages behind it.
struct Time {
    axis: Axis,
    bands: Vec<Band>,
}

impl Time {
    fn plot(&self, id: &str, title: &str, y: &str, lines: Vec<Line>) -> Plot {
        let heights: Vec<f64> =
            lines.iter().flat_map(|line| &line.points).filter_map(|(_, height)| *height).collect();
        let greatest = heights.iter().copied().fold(0.0, f64::max);
        let vertical = if y == "Milliseconds" {
            Axis::fitting(y, heights.iter().copied())
        } else {
            Axis::linear(y, greatest, None)
        };
        Plot {
            id: format!("{id}-over-time"),
            title: title.to_owned(),
            description: format!("{title} over time; at most {} {}.", number(greatest), y.to_lowercase()),
            size: Size::Wide,
            x: self.axis.clone(),
            y: vertical,
            bands: self.bands.clone(),
            ranges: Vec::new(),
            limits: Vec::new(),
            lines,
        }
    }

    /// What the server's own metrics page showed.
    fn server(&self, readings: &[Reading]) -> Vec<Plot> {
        let line = |name: &str, style: usize, meaning: Meaning, scale: f64| {
            let of = |reading: &Reading| {
                let gauge = reading.gauges.iter().find(|(known, _)| *known == meaning);
                gauge.map(|(_, value)| value * scale)
            };
            let points: Vec<(f64, Option<f64>)> =
                readings.iter().map(|reading| (seconds(reading.at), of(reading))).collect();
            let known = points.iter().any(|(_, value)| value.is_some());
            known.then(|| Line { name: name.to_owned(), style, points, tips: Vec::new() })
        };
        let requests: Vec<Line> =
            [line("Waiting", 1, Meaning::Waiting, 1.0), line("Running", 0, Meaning::Running, 1.0)]
                .into_iter()
                .flatten()
                .collect();
        let mut plots = Vec::new();
        if !requests.is_empty() {
            plots.push(self.plot(
                "server",
                "Requests at the server, by its own metrics",
                "Requests",
                requests,
            ));
        }
        if let Some(cache) = line("KV cache", 2, Meaning::KvCacheUsage, 100.0) {
            let mut plot = self.plot("cache", "Use of the server's KV cache", "Per cent", vec![cache]);
            plot.y = Axis::linear("Per cent", 100.0, Some(100.0));
            plots.push(plot);
        }
        plots
    }
}

fn bands(run: &RunReport) -> Vec<Band> {
    let facts = run.metrics.stages.iter().filter_map(|stage| stage.facts.as_ref());
    let at = |instant: Nanos| seconds(instant);
    let bands: Vec<Band> = facts
        .map(|facts| Band {
            from: at(facts.window_start),
            to: at(facts.window_end),
            label: format!("Stage {}", facts.stage),
        })
        .collect();
    if bands.len() <= MOST_BANDS { bands } else { Vec::new() }
}

/// How the times to the first token and the gaps between tokens are spread, of at most six stages.
pub(super) fn distributions(run: &RunReport, stages: &[Stage]) -> Vec<Plot> {
    let mut known: Vec<(&Stage, &Spread)> =
        stages.iter().filter_map(|stage| Some((stage, run.metrics.picture.spread(stage.number)?))).collect();
    known.sort_by(|(a, _), (b, _)| a.load.value().total_cmp(&b.load.value()));
    let shown = evenly(&known);
    let of = |id: &str, title: &str, curve: fn(&Spread) -> &Curve| {
        let lines: Vec<Line> = shown
            .iter()
            .enumerate()
            .filter(|(_, (_, spread))| !curve(spread).is_empty())
            .map(|(style, (stage, spread))| Line {
                name: load(stage.load),
                style,
                points: curve(spread)
                    .iter()
                    .map(|(value, share)| (value * 1e3, Some(share * 100.0)))
                    .collect(),
                tips: Vec::new(),
            })
            .collect();
        // What came at once has no place on a logarithmic axis.
        let values = lines.iter().flat_map(|line| &line.points).map(|(value, _)| *value);
        let x = Axis::logarithmic("Milliseconds", values.filter(|value| *value > 0.001));
        (!lines.is_empty()).then(|| Plot {
            id: id.to_owned(),
            title: title.to_owned(),
            description: format!(
                "{title}: share of the sample that is not above a value. {}",
                medians(&lines)
            ),
            size: Size::Half,
            x,
            y: Axis::linear("Per cent", 100.0, Some(100.0)),
            bands: Vec::new(),
            ranges: Vec::new(),
            limits: Vec::new(),
            lines,
        })
    };
    [
        of("ttft-spread", "Spread of the time to first token from the scheduled instant", |spread| {
            &spread.time_to_first_token
        }),
        of("itl-spread", "Spread of the gaps between tokens", |spread| &spread.inter_token_latency),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// As many of `all` as there are styles, the first and the last among them.
fn evenly<T: Copy>(all: &[T]) -> Vec<T> {
    if all.len() <= STYLES {
        return all.to_vec();
    }
    (0..STYLES).filter_map(|place| all.get(place * (all.len() - 1) / (STYLES - 1)).copied()).collect()
}

fn medians(lines: &[Line]) -> String {
    let median = |line: &Line| {
        let half = line.points.iter().find(|(_, share)| share.is_some_and(|share| share >= 50.0))?;
        Some(format!("{} ms at {}", number(half.0), line.name))
    };
    let medians: Vec<String> = lines.iter().filter_map(median).collect();
    format!("The medians are {}.", medians.join(", "))
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn first_and_last_are_among_those_that_are_shown() {
        let all: Vec<usize> = (0..1000).collect();
        assert_eq!(evenly(&all), [0, 199, 399, 599, 799, 999]);
        assert_eq!(evenly(&all[..4]), all[..4]);
    }
}
