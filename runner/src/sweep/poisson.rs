//! The exact interval of a Poisson count. Knows numbers only.

/// Chance that is left out at each end of the interval.
const TAIL: f64 = 0.025;
/// Halvings of the bracket in which a bound is searched: beyond the precision of a double.
const HALVINGS: u32 = 100;
/// Terms of a sum that are less than this share of it are left out, with all that are less still.
const NEGLIGIBLE: f64 = 1e-14;

/// 95 % interval of the mean of a Poisson variate of which `count` was seen (Garwood): between the mean for which so
/// many or more have a chance of 2.5 %, and that for which so many or fewer have it.
///
/// It holds the true mean with 95 % or more; for counts that are more regular than random ones, with far more.
pub(super) fn interval(count: u64) -> [f64; 2] {
    let k = count as f64;
    let ln_factorial: f64 = (1..=count).map(|i| (i as f64).ln()).sum();
    let ln_chance = |mean: f64| k * mean.ln() - mean - ln_factorial;
    // Chance of `count` or more at a mean below it: the terms fall from the first on.
    let upper_tail = |mean: f64| {
        let mut next = k;
        sum(ln_chance(mean), || {
            next += 1.0;
            mean / next
        })
    };
    // Chance of `count` or fewer at a mean above it: the terms fall from the last on.
    let lower_tail = |mean: f64| {
        let mut next = k + 1.0;
        sum(ln_chance(mean), || {
            next -= 1.0;
            next / mean
        })
    };
    let lower = if count == 0 { 0.0 } else { boundary(0.0, k, |mean| upper_tail(mean) < TAIL) };
    // 6 standard deviations and the 3.7 of a count of nothing.
    let upper = boundary(k, k + 6.0 * k.sqrt() + 10.0, |mean| lower_tail(mean) > TAIL);
    [lower, upper]
}

/// exp(`ln_first`) · (1 + r₁ + r₁r₂ + …), the factors given in turn by `ratio`; ends with a factor of 0 at the latest.
fn sum(ln_first: f64, mut ratio: impl FnMut() -> f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    loop {
        term *= ratio();
        sum += term;
        if term <= NEGLIGIBLE * sum {
            return ln_first.exp() * sum;
        }
    }
}

/// Where `is_below` turns from true to false between `low` and `high`.
fn boundary(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if is_below(middle) { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_equal_half_the_quantiles_of_chi_square() {
        // χ²(0.025; 2k) / 2 and χ²(0.975; 2k + 2) / 2, by sums of the Poisson distribution in another language.
        let cases = [
            (0, 0.0, 3.688_879_454_1),
            (1, 0.025_317_808_0, 5.571_643_390_9),
            (5, 1.623_486_390_1, 11.668_332_079_3),
            (18, 10.667_940_780_4, 28.447_760_267_5),
            (100, 81.363_991_250_9, 121.626_793_792_4),
            (2000, 1_913.298_709_625_8, 2_089.617_439_445_8),
        ];
        for (count, lower, upper) in cases {
            let [found_lower, found_upper] = interval(count);
            assert!((found_lower - lower).abs() <= 1e-8 * lower.max(1.0), "{count}: {found_lower}");
            assert!((found_upper - upper).abs() <= 1e-8 * upper, "{count}: {found_upper}");
        }
    }

    #[test]
    fn large_counts_have_the_normal_distributions_width() {
        let [lower, upper] = interval(1_000_000);
        assert!((lower - 998_041.0).abs() < 3.0 && (upper - 1_001_961.0).abs() < 3.0, "{lower} {upper}");
    }
}
