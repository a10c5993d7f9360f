//! From the bytes of a file to its text.

use crate::problem::{Origin, Problem, Problems};

/// `bytes` as UTF-8 text; `file` names it in the problem.
///
/// # Errors
///
/// The place of the first byte that is no UTF-8.
pub fn decode<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Problems> {
    str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let origin = Origin::File { file: file.into(), line: place(line), column: place(column) };
        let fault = format!("the byte 0x{:02x} here is no UTF-8 text", bytes[error.valid_up_to()]);
        Problem::new(origin, "", fault, "save the file as UTF-8").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_byte_is_named_by_its_place() {
        assert_eq!(decode("a: é\n".as_bytes(), "f.yml").expect("text"), "a: é\n");
        let problems = decode(b"a: \xc3\xa9\nb: \xff\n", "f.yml").expect_err("not text");
        insta::assert_snapshot!(problems, @"f.yml:2:4: the byte 0xff here is no UTF-8 text (save the file as UTF-8)");
    }
}
