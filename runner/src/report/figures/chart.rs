//! Draws a figure as SVG.

use std::fmt::Write as _;

use super::scale::{Scale, four_digits};
use super::{Axis, Figure, Line, Panel};

/// Font of all text; [`super::png`] has the first one built in.
const FONT: &str = "Roboto, 'Helvetica Neue', Arial, sans-serif";
/// Colours of lines, told apart also by eyes that see fewer of them (Okabe and Ito's, the lightest left out).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444"];
/// From the second round of colours on, lines are dashed.
const DASHES: [&str; 3] = ["", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 4\""];

/// Size of the field in which lines are drawn, pixels.
const PLOT: (f64, f64) = (400.0, 300.0);
/// Space around the field of a panel: left (without the numbers), right, above, below.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 26.0;
const ABOVE: f64 = 94.0;
const BELOW: f64 = 62.0;
/// Height of a row of the legend.
const LEGEND_ROW: f64 = 24.0;
/// Width of a character of the usual text, about.
const CHARACTER: f64 = 7.0;

/// The figure as SVG.
pub(super) fn draw(figure: &Figure) -> String {
    let scaled: Vec<Scaled<'_>> = figure.panels.iter().map(Scaled::of).collect();
    let width: f64 = scaled.iter().map(Scaled::width).sum();
    let legend = legend(&figure.legend, width);
    let height = ABOVE + PLOT.1 + BELOW + legend.height;
    let mut svg = String::new();
    let title = escape(figure.title);
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONT}\" font-size=\"13\" fill=\"#222222\" role=\"img\">\n\
         <title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{}\" y=\"36\" font-size=\"21\" font-weight=\"500\" text-anchor=\"middle\">{title}</text>\n",
        width / 2.0
    );
    let mut left = 0.0;
    for panel in &scaled {
        panel.draw(left, &mut svg);
        left += panel.width();
    }
    let _ = writeln!(svg, "<g transform=\"translate(0 {})\">\n{}</g>", ABOVE + PLOT.1 + BELOW, legend.svg);
    svg.push_str("</svg>\n");
    svg
}

/// A panel with its scales.
struct Scaled<'a> {
    panel: &'a Panel,
    x: Scale,
    y: Scale,
}

impl<'a> Scaled<'a> {
    fn of(panel: &'a Panel) -> Self {
        let scale = |axis: Axis, of: fn(&super::Point) -> f64| {
            let values = panel.lines.iter().flat_map(|line| &line.points).map(of);
            Scale::up_to(values.fold(0.0, f64::max), axis.limit)
        };
        Self { panel, x: scale(panel.x, |point| point.x), y: scale(panel.y, |point| point.y) }
    }

    /// Room for the numbers at the left.
    fn numbers(&self) -> f64 {
        let longest = self.y.ticks.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
        longest as f64 * CHARACTER + 8.0
    }

    fn width(&self) -> f64 {
        LEFT + self.numbers() + PLOT.0 + RIGHT
    }

    fn across(&self, x: f64) -> f64 {
        x / self.x.end * PLOT.0
    }

    fn up(&self, y: f64) -> f64 {
        PLOT.1 - y / self.y.end * PLOT.1
    }

    fn draw(&self, left: f64, svg: &mut String) {
        let (width, height) = PLOT;
        let _ = writeln!(svg, "<g transform=\"translate({} {ABOVE})\">", left + LEFT + self.numbers());
        for (at, text) in &self.y.ticks {
            let y = self.up(*at);
            let _ = writeln!(
                svg,
                "<path d=\"M0 {y:.1}H{width}\" stroke=\"#e3e3e3\"/>\
                 <text x=\"-8\" y=\"{:.1}\" fill=\"#555555\" text-anchor=\"end\">{text}</text>",
                y + 4.5
            );
        }
        for (at, text) in &self.x.ticks {
            let x = self.across(*at);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} 0V{height}\" stroke=\"#efefef\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" fill=\"#555555\" text-anchor=\"middle\">{text}</text>",
                height + 19.0
            );
        }
        let (x_label, y_label) = (escape(self.panel.x.label), escape(self.panel.y.label));
        let _ = writeln!(
            svg,
            "<path d=\"M0 0V{height}H{width}\" fill=\"none\" stroke=\"#888888\"/>\n\
             <text x=\"{middle}\" y=\"-14\" font-size=\"15\" font-weight=\"500\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{x_label}</text>\n\
             <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{y_label}</text>",
            escape(self.panel.title),
            height + 43.0,
            -self.numbers() - 14.0,
            height / 2.0,
            middle = width / 2.0,
        );
        for line in &self.panel.lines {
            self.draw_line(line, svg);
        }
        svg.push_str("</g>\n");
    }

    fn draw_line(&self, line: &Line, svg: &mut String) {
        let (colour, dash) = style(line.report);
        let place = |point: &super::Point| format!("{:.1} {:.1}", self.across(point.x), self.up(point.y));
        let path: Vec<String> = line.points.iter().map(place).collect();
        let _ = writeln!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.2\" stroke-linejoin=\"round\"{dash}/>",
            path.join("L")
        );
        for point in &line.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"1.5\">\
                 <title>Stage {}: {} {}, {} {}</title></circle>",
                self.across(point.x),
                self.up(point.y),
                point.stage,
                escape(self.panel.x.label),
                four_digits(point.x),
                escape(self.panel.y.label),
                four_digits(point.y),
            );
        }
    }
}

fn style(report: usize) -> (&'static str, &'static str) {
    (COLOURS[report % COLOURS.len()], DASHES[(report / COLOURS.len()) % DASHES.len()])
}

/// The rows that name the lines.
struct Legend {
    svg: String,
    height: f64,
}

/// As many names in a row as fit into `width`, all of one size.
fn legend(names: &[String], width: f64) -> Legend {
    const MARGIN: f64 = 30.0;
    const SAMPLE: f64 = 34.0;
    let Some(longest) = names.iter().map(|name| name.chars().count()).max() else {
        return Legend { svg: String::new(), height: 0.0 };
    };
    let cell = SAMPLE + longest as f64 * CHARACTER + 24.0;
    let fits = (1..=names.len()).take_while(|n| *n as f64 * cell <= width - 2.0 * MARGIN).count();
    let in_row = fits.max(1);
    let start = (width - in_row as f64 * cell).max(2.0 * MARGIN) / 2.0;
    let mut svg = String::new();
    for (at, name) in names.iter().enumerate() {
        let (colour, dash) = style(at);
        let (x, y) = (start + (at % in_row) as f64 * cell, (at / in_row) as f64 * LEGEND_ROW);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y}h26\" stroke=\"{colour}\" stroke-width=\"2.2\"{dash}/>\
             <circle cx=\"{:.1}\" cy=\"{y}\" r=\"4.5\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            x + 13.0,
            x + SAMPLE,
            y + 4.5,
            escape(name)
        );
    }
    Legend { svg, height: names.len().div_ceil(in_row) as f64 * LEGEND_ROW + 10.0 }
}

/// `text` as XML has it.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no other control characters than these, not even escaped.
            c if c.is_control() && !matches!(c, '\t' | '\n') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
