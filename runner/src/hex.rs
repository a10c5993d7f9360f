//! Bytes as hexadecimal digits, as digests are written.

use std::fmt::Write as _;

/// `bytes` in lower-case hexadecimal digits, two each.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(super::encode(&[0, 9, 0xa0, 0xff]), "0009a0ff");
        assert_eq!(super::encode(&[]), "");
    }
}
