//! Everything that is drawn, each draw from the seed, a purpose and a number: no draw depends on another.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a draw is for; part of the sub-seed, so the values are contract for equal results by equal seeds.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Failure = 1,
    ServiceTime = 2,
    Text = 3,
    Candidates = 4,
    Vocabulary = 5,
    Jitter = 6,
}

/// Whether request `number` is one of the failing share.
pub(crate) fn fails(seed: u64, number: u64, error_rate: f64) -> bool {
    error_rate > 0.0 && generator(seed, Purpose::Failure, number).random::<f64>() < error_rate
}

/// The exponentially distributed factor, of mean 1, on the service times of request `number`.
pub(crate) fn exponential_factor(seed: u64, number: u64) -> f64 {
    // `random` is below 1, so the logarithm is finite.
    -(1.0 - generator(seed, Purpose::ServiceTime, number).random::<f64>()).ln()
}

/// A normally distributed number of mean 0 and deviation 1 for token `index` of request `number`.
pub(crate) fn normal(seed: u64, number: u64, index: u32) -> f64 {
    // Streams of their own up to a million tokens and 2^44 requests.
    let mut generator = generator(seed, Purpose::Jitter, (number << 20) | u64::from(index & 0xF_FFFF));
    let (radius, angle): (f64, f64) = (generator.random(), generator.random());
    // Box and Muller; `random` is below 1, so the logarithm is finite.
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// Generator for the words of an answer to a prompt with checksum `prompt`.
pub(crate) fn text(seed: u64, prompt: u32) -> ChaCha8Rng {
    generator(seed, Purpose::Text, u64::from(prompt))
}

/// Generator for the choice of the words from which answers are made.
pub(crate) fn candidates(seed: u64) -> ChaCha8Rng {
    generator(seed, Purpose::Candidates, 0)
}

/// Generator for the words of a small tokenizer.
pub(crate) fn vocabulary(seed: u64) -> ChaCha8Rng {
    generator(seed, Purpose::Vocabulary, 0)
}

fn generator(seed: u64, purpose: Purpose, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(number);
    generator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_seed_and_their_laws() {
        let share = |seed| (0..20_000).filter(|&n| fails(seed, n, 0.1)).count();
        assert_eq!(share(1), share(1));
        // Five standard deviations of a binomial count around 2,000.
        assert!(share(1).abs_diff(2_000) < 212);
        assert!((0..100).all(|n| !fails(1, n, 0.0) && fails(1, n, 1.0)));
        let mean = (0..20_000).map(|n| exponential_factor(1, n)).sum::<f64>() / 20_000.0;
        assert!((mean - 1.0).abs() < 5.0 / 20_000_f64.sqrt());
        let draws: Vec<f64> =
            (0..20_000).map(|n| normal(1, n / 100, u32::try_from(n % 100).unwrap())).collect();
        let moment = |power| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / 20_000.0;
        assert!(moment(1).abs() < 0.04 && (moment(2) - 1.0).abs() < 0.05, "{} {}", moment(1), moment(2));
        assert!((exponential_factor(1, 7) - exponential_factor(2, 7)).abs() > f64::EPSILON);
    }
}
