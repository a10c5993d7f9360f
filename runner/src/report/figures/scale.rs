//! Scales from zero to a round number, with round numbers in between.

use crate::report::decimals::decimals_for;

/// An axis from zero on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// End of the axis.
    pub(crate) end: f64,
    /// Places of the ticks, with their text.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// A scale that shows all up to `greatest` in four to eight steps, and ends at `limit` at the latest.
    pub(crate) fn up_to(greatest: f64, limit: Option<f64>) -> Self {
        let greatest = if greatest > 0.0 { greatest } else { 1.0 };
        // Room above the highest point, so that it does not sit on the edge.
        let wanted = limit.map_or(greatest * 1.04, |limit| limit.max(greatest));
        let rough = wanted / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [5.0, 2.5, 2.0, 1.0].into_iter().map(|factor| factor * power).find(|step| *step <= rough);
        let step = step.unwrap_or(power);
        let steps = (wanted / step - 1e-9).ceil();
        let decimals = decimals(step);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a scale has few steps")]
        let ticks = (0..=steps as u32).map(|at| f64::from(at) * step);
        Self { end: steps * step, ticks: ticks.map(|at| (at, grouped(at, decimals))).collect() }
    }
}

/// Decimals that multiples of `step` need.
fn decimals(step: f64) -> usize {
    (0..12)
        .find(|decimals| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below twelve")]
            let scaled = step * 10_f64.powi(*decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
        .unwrap_or(12)
}

/// `value` with commas between thousands.
pub(crate) fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// `value` with four significant digits, for a tooltip.
pub(crate) fn four_digits(value: f64) -> String {
    grouped(value, decimals_for(value, 4))
}
