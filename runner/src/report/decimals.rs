//! How many decimals a number is shown with.

/// Decimals that `value` needs to have `digits` significant digits, at most nine.
pub(crate) fn decimals_for(value: f64, digits: i32) -> usize {
    let digits_before = value.abs().max(f64::MIN_POSITIVE).log10().floor() + 1.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
    let decimals = (f64::from(digits) - digits_before).clamp(0.0, 9.0) as usize;
    decimals
}

#[cfg(test)]
mod tests {
    use super::decimals_for;

    #[test]
    fn as_many_as_make_up_the_digits() {
        for (value, digits, decimals) in [
            (1.0, 3, 2),
            (99.9, 3, 1),
            (-0.05, 3, 4),
            (1234.5, 4, 0),
            (1e9, 4, 0),
            (0.0, 3, 9),
            (1e-30, 4, 9),
        ] {
            assert_eq!(decimals_for(value, digits), decimals, "{value} with {digits} digits");
        }
    }
}
