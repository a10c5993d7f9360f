//! Bodies of answers that are read beside the measured path: whole, but no larger than can be meant.

use reqwest::Response;

/// Why a body is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The connection failed within it.
    #[error("broke off")]
    Broken(#[source] reqwest::Error),
    /// It has more bytes than are read.
    #[error("has more than {} MiB", .most_bytes >> 20)]
    TooLarge {
        /// How many those are.
        most_bytes: usize,
    },
}

/// The body of `answer`, at most `most_bytes` of it.
///
/// # Errors
///
/// If it breaks off or is larger.
pub async fn bounded(mut answer: Response, most_bytes: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(Unread::Broken)? {
        if body.len() + piece.len() > most_bytes {
            return Err(Unread::TooLarge { most_bytes });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(body: &'static str, most_bytes: usize) -> Result<Vec<u8>, Unread> {
        bounded(http::Response::new(body).into(), most_bytes).await
    }

    #[tokio::test]
    async fn a_body_is_read_whole_or_not_at_all() {
        assert_eq!(read("abcd", 4).await.expect("short enough"), b"abcd");
        let fault = read("abcde", 4).await.expect_err("too large");
        assert!(matches!(fault, Unread::TooLarge { most_bytes: 4 }));
    }
}
