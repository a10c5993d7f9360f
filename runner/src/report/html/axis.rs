//! Axes: where a value lies on them, and which values are named.

use crate::report::figures::scale::{Scale, grouped};

/// An axis of a plot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub(super) label: String,
    from: f64,
    to: f64,
    is_logarithmic: bool,
    /// Values that are named.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Greatest quotient of two values that a linear axis shows well.
const LINEAR_SPAN: f64 = 20.0;

impl Axis {
    /// From zero to beyond `greatest`; at most to `limit`, if there is one.
    pub(super) fn linear(label: &str, greatest: f64, limit: Option<f64>) -> Self {
        let scale = Scale::up_to(greatest, limit);
        Self { label: label.to_owned(), from: 0.0, to: scale.end, is_logarithmic: false, ticks: scale.ticks }
    }

    /// From zero to `end` exactly.
    pub(super) fn exactly(label: &str, end: f64) -> Self {
        let end = if end > 0.0 { end } else { 1.0 };
        let mut scale = Scale::up_to(end, Some(end));
        scale.ticks.retain(|(at, _)| *at <= end * (1.0 + 1e-9));
        Self { label: label.to_owned(), from: 0.0, to: end, is_logarithmic: false, ticks: scale.ticks }
    }

    /// Logarithmic, around all positive `values`; linear if there are none.
    pub(super) fn logarithmic(label: &str, values: impl Iterator<Item = f64>) -> Self {
        let (least, greatest) = extremes(values);
        if greatest <= 0.0 {
            return Self::linear(label, 1.0, None);
        }
        let (from, to) = (step_below(least), step_above(greatest));
        let (from, to) = if from < to { (from, to) } else { (from / 2.0, to * 2.0) };
        let label = format!("{label}, logarithmic");
        Self { label, from, to, is_logarithmic: true, ticks: logarithmic_ticks(from, to) }
    }

    /// Linear from zero, or logarithmic where small values could not be told apart otherwise.
    pub(super) fn fitting(label: &str, values: impl Iterator<Item = f64> + Clone) -> Self {
        let (least, greatest) = extremes(values.clone());
        if greatest > least * LINEAR_SPAN {
            Self::logarithmic(label, values)
        } else {
            Self::linear(label, greatest, None)
        }
    }

    /// Where `value` lies, from 0 to 1; values beyond an end lie on it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.is_logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }
}

/// Least and greatest of the positive `values`; zeros if there are none.
fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let positive = values.filter(|value| *value > 0.0 && value.is_finite());
    let (least, greatest) = positive
        .fold((f64::INFINITY, 0.0_f64), |(least, greatest), value| (least.min(value), greatest.max(value)));
    if greatest > 0.0 { (least, greatest) } else { (0.0, 0.0) }
}

/// Steps of a decade at which an axis may end.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

fn decade(value: f64) -> f64 {
    10_f64.powf(value.log10().floor())
}

fn step_below(value: f64) -> f64 {
    let decade = decade(value);
    STEPS.into_iter().map(|step| step * decade).rfind(|step| *step <= value * 1.001).unwrap_or(decade)
}

fn step_above(value: f64) -> f64 {
    let decade = decade(value);
    STEPS.into_iter().map(|step| step * decade).find(|step| *step >= value * 0.999).unwrap_or(10.0 * decade)
}

/// The steps between `from` and `to`; of many decades the decades alone, of very many every second or third.
fn logarithmic_ticks(from: f64, to: f64) -> Vec<(f64, String)> {
    let decades = (to / from).log10();
    let steps: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    #[expect(clippy::cast_possible_truncation, reason = "exponents of finite numbers")]
    let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
    let stride = usize::try_from((last - first) / 8 + 1).unwrap_or(1);
    let named = |value: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "the exponent of a finite number")]
        let exponent = value.log10().floor() as i32;
        let decimals = usize::try_from(-exponent).unwrap_or(0);
        (value, grouped(value, decimals))
    };
    (first..=last)
        .step_by(stride)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10_f64.powi(exponent)))
        .filter(|value| *value >= from * 0.999 && *value <= to * 1.001)
        .map(named)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_narrow_ones_begin_at_zero() {
        let wide = Axis::fitting("ms", [30.0, 4_000.0].into_iter());
        assert_eq!(names(&wide), ["20", "50", "100", "200", "500", "1,000", "2,000", "5,000"]);
        assert_eq!(wide.label, "ms, logarithmic");
        let narrow = Axis::fitting("ms", [30.0, 90.0].into_iter());
        assert_eq!((narrow.place(0.0), narrow.label.as_str()), (0.0, "ms"));
        let tiny = Axis::logarithmic("s", [0.002, 7.0].into_iter());
        assert_eq!(names(&tiny), ["0.01", "0.1", "1", "10"]);
        assert_eq!(names(&Axis::logarithmic("s", [5.0].into_iter())), ["5", "10"]);
        assert_eq!(Axis::fitting("s", std::iter::empty()).label, "s");
    }

    proptest! {
        #[test]
        fn all_values_lie_on_the_axis_in_their_order(mut values in prop::collection::vec(1e-5_f64..1e8, 1..20)) {
            values.sort_by(f64::total_cmp);
            for axis in [
                Axis::logarithmic("", values.iter().copied()),
                Axis::fitting("", values.iter().copied()),
                Axis::linear("", values.iter().copied().fold(0.0, f64::max), None),
            ] {
                let places: Vec<f64> = values.iter().map(|value| axis.place(*value)).collect();
                prop_assert!(places.iter().all(|place| (0.0..=1.0).contains(place)), "{places:?}");
                prop_assert!(places.is_sorted(), "{:?}", places);
                prop_assert!((1..=13).contains(&axis.ticks.len()), "{:?}", axis);
            }
        }
    }
}
