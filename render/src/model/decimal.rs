//! Arithmetic as the chart does it: with the decimal numbers that the doubles print as.

/// The sum: ten times 0.1 is 1.
pub(super) fn sum(numbers: &[f64]) -> f64 {
    exact_sum(numbers).unwrap_or_else(|| numbers.iter().sum())
}

/// The product: 3 times 0.1 is 0.3.
pub(super) fn product(numbers: &[f64]) -> f64 {
    exact_product(numbers).unwrap_or_else(|| numbers.iter().product())
}

fn exact_sum(numbers: &[f64]) -> Option<f64> {
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    let scale = texts.iter().map(|text| decimals(text)).max()?;
    let mut total: i128 = 0;
    for text in &texts {
        let digits = format!("{}{}", digits(text), "0".repeat(scale - decimals(text)));
        total = total.checked_add(digits.parse().ok()?)?;
    }
    format!("{total}e-{scale}").parse().ok()
}

fn exact_product(numbers: &[f64]) -> Option<f64> {
    let mut total: i128 = 1;
    let mut scale = 0;
    for text in numbers.iter().map(f64::to_string) {
        total = total.checked_mul(digits(&text).parse().ok()?)?;
        scale += decimals(&text);
    }
    format!("{total}e-{scale}").parse().ok()
}

fn digits(text: &str) -> String {
    text.replacen('.', "", 1)
}

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_add_up() {
        let tenths = [0.1; 10];
        assert!((tenths.iter().sum::<f64>() - 1.0).abs() > 0.0);
        assert_eq!(sum(&tenths).to_string(), "1");
        assert_eq!(sum(&[1e300, 1.0]).to_string(), 1e300.to_string());
        assert_eq!(sum(&[1.5, -0.25]).to_string(), "1.25");
    }

    #[test]
    fn decimals_multiply() {
        assert_eq!(product(&[0.1, 3.0]).to_string(), "0.3");
        assert_eq!(product(&[1e300, 1e300]).to_string(), "inf");
        assert_eq!(product(&[]).to_string(), "1");
    }
}
