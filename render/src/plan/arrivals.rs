//! The offered rate over time as a picture: one step for each stage, its requests written on it.

use std::fmt::Write as _;

use super::Plan;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 340.0;
/// Left, top, right and bottom of the plot.
const PLOT: [f64; 4] = [70.0, 44.0, 840.0, 290.0];

/// A step of the picture: start, end, rate, label.
struct Step {
    from: f64,
    until: f64,
    rate: f64,
    label: String,
}

/// A self-contained SVG document.
pub(super) fn svg(plan: &Plan) -> String {
    let steps = steps(plan);
    let end = steps.iter().map(|step| step.until).fold(1.0, f64::max);
    let most = round_up(steps.iter().map(|step| step.rate).fold(0.0, f64::max));
    let [left, top, right, bottom] = PLOT;
    let x = |seconds: f64| left + (right - left) * seconds / end;
    let y = |rate: f64| bottom - (bottom - top) * rate / most;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{left}\" y=\"24\" font-size=\"15\" fill=\"#1f2933\">Offered load of scenario {}</text>\n",
        escaped(&plan.scenario)
    );
    for tick in 0..=4 {
        let rate = most * f64::from(tick) / 4.0;
        let at = y(rate);
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#e4e7eb\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#52606d\">{}</text>",
            left - 8.0,
            at + 4.0,
            short(rate)
        );
        let seconds = end * f64::from(tick) / 4.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#52606d\">{}</text>",
            x(seconds),
            bottom + 18.0,
            short(seconds)
        );
    }
    for Step { from, until, rate, label } in &steps {
        let (start, width, height) = (x(*from), x(*until) - x(*from), bottom - y(*rate));
        let _ = writeln!(
            out,
            "<rect x=\"{start:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#2f80c2\" fill-opacity=\"0.75\">\
             <title>{}</title></rect>",
            y(*rate),
            escaped(label)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#52606d\">seconds from the start</text>\n\
         <text x=\"18\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#52606d\" transform=\"rotate(-90 18 {:.1})\">requests/s</text>\n</svg>",
        f64::midpoint(left, right),
        bottom + 38.0,
        f64::midpoint(top, bottom),
        f64::midpoint(top, bottom)
    );
    out
}

/// Stages that offer a rate at a known time: those of closed loops and sweeps do not.
fn steps(plan: &Plan) -> Vec<Step> {
    let stages = plan.outlook.stages.iter().filter_map(|stage| {
        let (from, seconds, rate) = (stage.starts_at_seconds?, stage.seconds?, stage.rate?);
        let label = format!("stage {}: {} requests at {}/s", stage.stage, stage.requests, short(rate));
        Some(Step { from, until: from + seconds, rate, label })
    });
    stages.collect()
}

/// The next greater 1, 2, 4 or 8 times a power of ten, so that a quarter of it reads well.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let factor =
        [1.0, 2.0, 4.0, 8.0, 10.0].into_iter().find(|factor| factor * power >= value * (1.0 - 1e-12));
    factor.unwrap_or(10.0) * power
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end) in
            [(0.0, 1.0), (0.3, 0.4), (1.0, 1.0), (7.0, 8.0), (9.0, 10.0), (25.0, 40.0), (400.0, 400.0)]
        {
            assert!((round_up(most) - end).abs() < 1e-12, "{most}: {}", round_up(most));
        }
    }
}
