//! Charts of finished runs, from their reports on stages: upstream's set, as SVG and as PNG.
//!
//! Latencies are means, as upstream's charts have them. Stages of a closed loop have no rate of their own and stand in
//! the charts over concurrency. A value that a stage does not have is a point less, never a zero.

pub(crate) mod chart;
mod png;
mod read;
pub(crate) mod scale;
#[cfg(test)]
mod tests;

pub use png::{PngError, to_png};
pub use read::{ReadError, Report, ReportFiles, Stage, read, report_files};

/// A chart of one or more panels in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its files without ending.
    pub name: &'static str,
    /// Title over all panels.
    pub title: &'static str,
    panels: Vec<Panel>,
    /// Names of the lines if there are several reports, in the order of their colours.
    legend: Vec<String>,
}

impl Figure {
    /// The chart as SVG, with tooltips on its points.
    pub fn to_svg(&self) -> String {
        chart::draw(self)
    }
}

/// Two axes and lines.
#[derive(Debug, Clone, PartialEq)]
struct Panel {
    title: &'static str,
    x: Axis,
    y: Axis,
    lines: Vec<Line>,
}

/// What an axis shows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    label: &'static str,
    /// Greatest value that can be, if there is one.
    limit: Option<f64>,
}

/// The stages of one report in a panel, in the order of their load.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    /// Place of the report, which gives the colour.
    report: usize,
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    stage: u32,
    x: f64,
    y: f64,
}

/// A number of a stage that charts show.
struct Metric {
    title: &'static str,
    axis: Axis,
    of: fn(&Stage) -> Option<f64>,
}

const fn axis(label: &'static str) -> Axis {
    Axis { label, limit: None }
}

const TTFT: Metric =
    Metric { title: "Time to First Token", axis: axis("Mean TTFT (ms)"), of: |stage| stage.ttft_ms };
const NTPOT: Metric = Metric {
    title: "Normalized Time per Output Token",
    axis: axis("Mean NTPOT (ms/token)"),
    of: |stage| stage.ntpot_ms,
};
const ITL: Metric =
    Metric { title: "Inter-token Latency", axis: axis("Mean ITL (ms)"), of: |stage| stage.itl_ms };
const INPUT: Metric =
    Metric { title: "Input Tokens", axis: axis("Tokens/s"), of: |stage| stage.input_tokens_per_second };
const OUTPUT: Metric =
    Metric { title: "Output Tokens", axis: axis("Tokens/s"), of: |stage| stage.output_tokens_per_second };
const TOTAL: Metric =
    Metric { title: "All Tokens", axis: axis("Tokens/s"), of: |stage| stage.total_tokens_per_second };
const GOODPUT: Metric = Metric {
    title: "Share of Good Requests",
    axis: Axis { label: "Goodput (%)", limit: Some(100.0) },
    of: |stage| stage.goodput_percentage,
};
const GOOD_RATE: Metric = Metric {
    title: "Rate of Good Requests",
    axis: axis("Goodput (requests/s)"),
    of: |stage| stage.request_goodput,
};
const RATE: Metric = Metric {
    title: "",
    axis: axis("Achieved rate (requests/s)"),
    of: |stage| stage.concurrency.is_none().then_some(stage.achieved_rate),
};
const CONCURRENCY: Metric =
    Metric { title: "", axis: axis("Concurrency (requests in flight)"), of: |stage| stage.concurrency };
const OUTPUT_OVER: Metric =
    Metric { title: "", axis: axis("Output tokens/s"), of: |stage| stage.output_tokens_per_second };

/// The charts that `reports` have numbers for; more than one report is drawn as as many lines.
pub fn figures(reports: &[Report]) -> Vec<Figure> {
    let legend: Vec<String> = if reports.len() > 1 {
        (1..).zip(reports).map(|(number, report)| format!("Report {number}: {}", report.place)).collect()
    } else {
        Vec::new()
    };
    let figure = |name, title, panels: Vec<Option<Panel>>| {
        let panels: Vec<Panel> = panels.into_iter().flatten().collect();
        (!panels.is_empty()).then(|| Figure { name, title, panels, legend: legend.clone() })
    };
    let over = |x: &Metric, metrics: [&Metric; 3]| {
        metrics.iter().map(|y| panel(reports, y.title, x, y)).collect::<Vec<_>>()
    };
    let latencies = [&TTFT, &NTPOT, &ITL];
    let throughputs = [&INPUT, &OUTPUT, &TOTAL];
    let against = |x: &Metric| panel(reports, x.title, x, &OUTPUT_OVER);
    [
        figure("latency_vs_qps", "Latency over Request Rate", over(&RATE, latencies)),
        figure("throughput_vs_qps", "Throughput over Request Rate", over(&RATE, throughputs)),
        figure(
            "goodput_vs_qps",
            "Goodput over Request Rate",
            vec![
                panel(reports, GOODPUT.title, &RATE, &GOODPUT),
                panel(reports, GOOD_RATE.title, &RATE, &GOOD_RATE),
            ],
        ),
        figure("latency_vs_concurrency", "Latency over Concurrency", over(&CONCURRENCY, latencies)),
        figure("throughput_vs_concurrency", "Throughput over Concurrency", over(&CONCURRENCY, throughputs)),
        figure(
            "throughput_vs_latency",
            "Throughput over Latency",
            vec![against(&NTPOT), against(&TTFT), against(&ITL)],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The panel of `y` over `x`; `None` if no stage has both.
fn panel(reports: &[Report], title: &'static str, x: &Metric, y: &Metric) -> Option<Panel> {
    let lines: Vec<Line> = reports
        .iter()
        .enumerate()
        .map(|(report, stages)| {
            let mut stages: Vec<&Stage> = stages.stages.iter().collect();
            stages.sort_by(|a, b| a.load().total_cmp(&b.load()));
            let points = stages.into_iter().filter_map(|stage| {
                Some(Point { stage: stage.number, x: (x.of)(stage)?, y: (y.of)(stage)? })
            });
            Line { report, points: points.collect() }
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    (!lines.is_empty()).then_some(Panel { title, x: x.axis, y: y.axis, lines })
}
