//! What an error says at its root.

use std::error::Error;

/// The innermost cause of `error`: it says what happened, while those around it only say that a request failed, and
/// repeat its address.
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("around")]
    struct Around(#[source] std::io::Error);

    #[test]
    fn the_root_is_found_however_deep_it_lies() {
        let root = || std::io::Error::other("root");
        assert_eq!(innermost(&root()).to_string(), "root");
        let deep = Around(std::io::Error::other(Around(root())));
        assert_eq!(innermost(&deep).to_string(), "root");
    }
}
