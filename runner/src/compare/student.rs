//! Student's t distribution, exactly, for whole degrees of freedom.

/// Beyond so many degrees of freedom the distribution hardly changes any more: the 97.5 % quantile by half a per cent.
const MOST: u32 = 200;

/// Probability that |T| is at most `t`, by the finite sums 26.7.3 and 26.7.4 of Abramowitz and Stegun.
fn within(t: f64, degrees_of_freedom: u32) -> f64 {
    let angle = (t / f64::from(degrees_of_freedom).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = !degrees_of_freedom.is_multiple_of(2);
    let (mut term, mut sum) = if is_odd { (cosine, 0.0) } else { (1.0, 0.0) };
    // Powers of the cosine from 1 or 0 up to the degrees of freedom less two.
    let mut power = u32::from(is_odd);
    while power + 2 <= degrees_of_freedom {
        sum += term;
        term *= cosine * cosine * f64::from(power + 1) / f64::from(power + 2);
        power += 2;
    }
    if is_odd { (angle + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum }
}

/// The value that T exceeds with the probability `tail`, which is below one half.
pub fn quantile(tail: f64, degrees_of_freedom: u32) -> f64 {
    let degrees_of_freedom = degrees_of_freedom.min(MOST);
    if degrees_of_freedom == 0 || tail <= 0.0 {
        return f64::INFINITY;
    }
    let wanted = 1.0 - 2.0 * tail;
    let (mut low, mut high) = (0.0, 1.0);
    while within(high, degrees_of_freedom) < wanted && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if within(middle, degrees_of_freedom) < wanted { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Two-sided 95 %, one-sided 95 % and 99.5 %: Abramowitz and Stegun, table 26.10.
        for (tail, degrees, expected) in [
            (0.025, 1, 12.706),
            (0.025, 2, 4.303),
            (0.025, 3, 3.182),
            (0.025, 4, 2.776),
            (0.025, 10, 2.228),
            (0.025, 30, 2.042),
            (0.05, 6, 1.943),
            (0.05, 7, 1.895),
            (0.005, 5, 4.032),
            (0.1, 20, 1.325),
            (0.025, 120, 1.980),
        ] {
            let found = quantile(tail, degrees);
            assert!((found - expected).abs() < 0.000_6, "{tail} {degrees}: {found}");
        }
        assert!((quantile(0.025, 1_000_000) - 1.96).abs() < 0.015);
        assert!(quantile(0.025, 0).is_infinite());
    }
}
