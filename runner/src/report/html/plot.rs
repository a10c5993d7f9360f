//! Draws a plot as SVG within a page: colours come from the page's style, so that they follow light, dark and paper.

use std::fmt::Write as _;

use benchmark_schemas::report::Estimate;

use super::axis::Axis;
use crate::report::figures::chart::escape;

/// A plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    /// Name within the page.
    pub(super) id: String,
    /// What it shows.
    pub(super) title: String,
    /// What can be seen in it, for those who cannot see it.
    pub(super) description: String,
    pub(super) size: Size,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Stages behind the lines.
    pub(super) bands: Vec<Band>,
    /// Ranges of the horizontal axis, in rows above the field.
    pub(super) ranges: Vec<Range>,
    /// Values of the vertical axis.
    pub(super) limits: Vec<Limit>,
    pub(super) lines: Vec<Line>,
}

/// Width and height of the field in which lines are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// As wide as a page.
    Wide,
    /// Two in a row.
    Half,
}

/// A part of the horizontal axis, shaded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Empty where there is no room for it.
    pub(super) label: String,
}

/// A range of the horizontal axis; without an end it is open there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    /// What is written beside it.
    pub(super) label: String,
    /// Class of its colour.
    pub(super) class: &'static str,
    pub(super) from: Option<f64>,
    pub(super) to: Option<f64>,
    /// Where within it.
    pub(super) estimate: Option<Estimate>,
}

/// A value of the vertical axis that should not be exceeded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub(super) at: f64,
    pub(super) label: String,
}

/// A line through points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// Place among the styles.
    pub(super) style: usize,
    /// From left to right; a missing height is a gap.
    pub(super) points: Vec<(f64, Option<f64>)>,
    /// Whether the points themselves are shown, with what a pointer on them reads.
    pub(super) tips: Vec<String>,
}

/// Styles that the page has for lines.
pub(super) const STYLES: usize = 6;
/// Points of a line that are shown each, at most.
pub(super) const MARKED: usize = 60;

const LEFT: f64 = 66.0;
const RIGHT: f64 = 20.0;
const BELOW: f64 = 48.0;
const ROW: f64 = 20.0;
/// Width of a character, about.
const CHARACTER: f64 = 7.2;

impl Size {
    fn field(self) -> (f64, f64) {
        match self {
            Self::Wide => (820.0, 320.0),
            Self::Half => (394.0, 230.0),
        }
    }

    /// Class of the picture.
    fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Half => "half",
        }
    }
}

impl Plot {
    /// The picture.
    pub(super) fn to_svg(&self) -> String {
        let (width, height) = self.size.field();
        let legend = self.legend(width);
        let above = legend.rows as f64 * ROW
            + self.ranges.len() as f64 * ROW
            + if self.bands.is_empty() { 12.0 } else { 26.0 };
        let (all_width, all_height) = (LEFT + width + RIGHT, above + height + BELOW);
        let (id, title, description) = (&self.id, escape(&self.title), escape(&self.description));
        let mut svg = format!(
            "<svg class=\"{}\" viewBox=\"0 0 {all_width} {all_height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{description}</desc>{}",
            self.size.class(),
            legend.svg
        );
        let rows = legend.rows as f64 * ROW;
        // Writing to a string cannot fail, here and below.
        let _ = write!(svg, "<g transform=\"translate({LEFT} {rows})\">");
        self.draw_ranges(above - rows, &mut svg);
        let _ = write!(svg, "</g><g transform=\"translate({LEFT} {above})\">");
        self.draw_bands(&mut svg);
        self.draw_axes(&mut svg);
        self.draw_limits(&mut svg);
        for line in &self.lines {
            self.draw_line(line, &mut svg);
        }
        svg.push_str("</g></svg>");
        svg
    }

    fn across(&self, x: f64) -> f64 {
        self.x.place(x) * self.size.field().0
    }

    fn up(&self, y: f64) -> f64 {
        (1.0 - self.y.place(y)) * self.size.field().1
    }

    fn draw_axes(&self, svg: &mut String) {
        let (width, height) = self.size.field();
        for (at, text) in &self.y.ticks {
            let y = self.up(*at);
            let _ = write!(
                svg,
                "<path class=\"g\" d=\"M0 {y:.1}H{width}\"/><text x=\"-8\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                y + 4.5
            );
        }
        let mut taken = f64::NEG_INFINITY;
        for (at, text) in &self.x.ticks {
            let (x, half) = (self.across(*at), text.len() as f64 * CHARACTER / 2.0);
            let _ = write!(svg, "<path class=\"g\" d=\"M{x:.1} 0V{height}\"/>");
            if x - half > taken {
                taken = x + half + 6.0;
                let _ = write!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                    height + 18.0
                );
            }
        }
        let _ = write!(
            svg,
            "<path class=\"a\" d=\"M0 0V{height}H{width}\"/><text class=\"l\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text class=\"l\" transform=\"translate(-53 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            width / 2.0,
            height + 40.0,
            escape(&self.x.label),
            height / 2.0,
            escape(&self.y.label),
        );
    }

    /// Every second band is shaded; each is named.
    fn draw_bands(&self, svg: &mut String) {
        let height = self.size.field().1;
        for (index, band) in self.bands.iter().enumerate() {
            let (from, to) = (self.across(band.from), self.across(band.to));
            let class = if index.is_multiple_of(2) { "b0" } else { "b1" };
            let _ = write!(svg, "<path class=\"{class}\" d=\"M{from:.1} 0H{to:.1}V{height}H{from:.1}z\"/>");
            if band.label.len() as f64 * CHARACTER <= to - from {
                let _ = write!(
                    svg,
                    "<text x=\"{:.1}\" y=\"-8\" text-anchor=\"middle\">{}</text>",
                    f64::midpoint(from, to),
                    escape(&band.label)
                );
            }
        }
    }

    /// Bars in rows of their own, and lines from their ends down through the field, which begins `depth` below.
    fn draw_ranges(&self, depth: f64, svg: &mut String) {
        let (width, height) = self.size.field();
        for (row, range) in self.ranges.iter().enumerate() {
            let top = row as f64 * ROW + 4.0;
            let ends = [range.from, range.to].map(|end| end.map(|end| self.across(end)));
            let (from, to) = (ends[0].unwrap_or(0.0), ends[1].unwrap_or(width));
            let class = range.class;
            let _ = write!(
                svg,
                "<path class=\"r {class}\" d=\"M{from:.1} {top}H{:.1}v12H{from:.1}z\"/>",
                to.max(from + 2.0)
            );
            for end in ends.into_iter().flatten() {
                let _ = write!(svg, "<path class=\"e {class}\" d=\"M{end:.1} {top}V{}\"/>", depth + height);
            }
            if let Some(estimate) = &range.estimate {
                let (at, middle) = (self.across(estimate.value), top + 6.0);
                let [lower, upper] = estimate.interval.map(|end| self.across(end));
                let _ = write!(
                    svg,
                    "<path class=\"i {class}\" d=\"M{lower:.1} {middle}H{upper:.1}\"/><path class=\"d {class}\" d=\"M{:.1} \
                     {middle}l5 -5l5 5l-5 5z\"/>",
                    at - 5.0
                );
            }
            // Beside the bar where there is more room.
            let (x, anchor) = if width - to >= from { (to + 6.0, "start") } else { (from - 6.0, "end") };
            let room = if width - to >= from { width - to } else { from };
            let (x, anchor) = if room > range.label.chars().count() as f64 * CHARACTER {
                (x, anchor)
            } else {
                (f64::midpoint(from, to), "middle")
            };
            let _ = write!(
                svg,
                "<text class=\"n\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                top + 11.0,
                escape(&range.label)
            );
        }
    }

    fn draw_limits(&self, svg: &mut String) {
        let width = self.size.field().0;
        for limit in &self.limits {
            let y = self.up(limit.at);
            // Below the line where it would leave the field.
            let text = if y < 16.0 { y + 15.0 } else { y - 5.0 };
            let _ = write!(
                svg,
                "<path class=\"m\" d=\"M0 {y:.1}H{width}\"/><text class=\"ml\" x=\"6\" y=\"{text:.1}\">{}</text>",
                escape(&limit.label)
            );
        }
    }

    fn draw_line(&self, line: &Line, svg: &mut String) {
        let style = line.style % STYLES;
        let mut path = String::new();
        let mut pen_is_down = false;
        for (x, y) in &line.points {
            let Some(y) = y else {
                pen_is_down = false;
                continue;
            };
            let command = if pen_is_down { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {:.1}", self.across(*x), self.up(*y));
            pen_is_down = true;
        }
        if !path.is_empty() {
            let _ = write!(svg, "<path class=\"s s{style}\" d=\"{path}\"/>");
        }
        for ((x, y), tip) in line.points.iter().zip(&line.tips) {
            let Some(y) = y else { continue };
            let (x, y) = (self.across(*x), self.up(*y));
            let _ = write!(
                svg,
                "<g class=\"p s{style}\">{}<title>{}</title></g>",
                mark(style, x, y),
                escape(tip)
            );
        }
    }

    /// The names of the lines, if there are several.
    fn legend(&self, width: f64) -> Legend {
        let mut legend = Legend { svg: String::new(), rows: 0 };
        if self.lines.len() < 2 {
            return legend;
        }
        let (mut x, mut row) = (LEFT, 0_usize);
        for line in &self.lines {
            let needed = 40.0 + line.name.chars().count() as f64 * CHARACTER;
            if x > LEFT && x + needed > LEFT + width + RIGHT {
                (x, row) = (LEFT, row + 1);
            }
            let y = row as f64 * ROW + 12.0;
            let style = line.style % STYLES;
            let mark = if line.tips.is_empty() { String::new() } else { mark(style, x + 13.0, y) };
            let _ = write!(
                legend.svg,
                "<path class=\"s s{style}\" d=\"M{x:.1} {y}h26\"/><g class=\"p s{style}\">{mark}</g><text x=\"{:.1}\" y=\"{}\">{}</text>",
                x + 32.0,
                y + 4.5,
                escape(&line.name)
            );
            x += needed + 10.0;
        }
        legend.rows = row + 1;
        legend
    }
}

/// The sign of a style at a point: lines are told apart without their colours too.
fn mark(style: usize, x: f64, y: f64) -> String {
    match style % 3 {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.8\"/>"),
        1 => format!("<path d=\"M{:.1} {:.1}h7.4v7.4h-7.4z\"/>", x - 3.7, y - 3.7),
        _ => format!("<path d=\"M{x:.1} {:.1}l4.6 8h-9.2z\"/>", y - 5.2),
    }
}

struct Legend {
    svg: String,
    rows: usize,
}
