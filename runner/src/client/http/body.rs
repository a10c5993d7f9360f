//! The body of a response: bytes as they come from the socket to the bytes of the message (RFC 9112, sections 6 and 7.1).
//!
//! Data is handed on where it lies, without copying, chunk by chunk. It knows nothing of sockets and of what it hands on.

use super::response::{Framing, Malformed};

/// Takes a body out of its framing.
#[derive(Debug)]
pub(super) struct Body(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes are still to come.
    Length(u64),
    UntilClose,
    /// In the line that gives a chunk's size; the digits so far, none if `None`.
    Size(Option<u64>),
    /// Behind the digits of that line.
    Extension(u64),
    /// So many bytes of a chunk are still to come.
    Data(u64),
    /// Between a chunk and the next size.
    DataEnd,
    /// In the lines after the last chunk; true if the present one is empty so far.
    Trailer(bool),
    Done,
}

impl Body {
    /// A body in `framing`.
    pub(super) fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(bytes) => State::Length(bytes),
            Framing::Chunked => State::Size(None),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// It has come whole.
    pub(super) fn is_done(&self) -> bool {
        self.0 == State::Done
    }

    /// The end of the connection is its end too.
    pub(super) fn may_end_here(&self) -> bool {
        matches!(self.0, State::UntilClose | State::Done)
    }

    /// Takes the next bytes and hands the data in them to `on_data`; gives what lies behind the end of the body.
    ///
    /// # Errors
    ///
    /// If chunks are not framed as they must be.
    pub(super) fn take<'a>(
        &mut self,
        mut bytes: &'a [u8],
        mut on_data: impl FnMut(&'a [u8]),
    ) -> Result<&'a [u8], Malformed> {
        while !bytes.is_empty() {
            match self.0 {
                State::Done => break,
                State::UntilClose => {
                    on_data(bytes);
                    return Ok(&[]);
                }
                State::Length(left) => {
                    let (data, rest) = split(bytes, left);
                    on_data(data);
                    bytes = rest;
                    let left = left - data.len() as u64;
                    self.0 = if left == 0 { State::Done } else { State::Length(left) };
                }
                State::Data(left) => {
                    let (data, rest) = split(bytes, left);
                    on_data(data);
                    bytes = rest;
                    let left = left - data.len() as u64;
                    self.0 = if left == 0 { State::DataEnd } else { State::Data(left) };
                }
                between => {
                    self.0 = step(between, bytes[0])?;
                    bytes = &bytes[1..];
                }
            }
        }
        Ok(bytes)
    }
}

/// The first `most` bytes, and the rest.
fn split(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len()))
}

/// The state after one byte of framing.
fn step(state: State, byte: u8) -> Result<State, Malformed> {
    let after_size = |size| if size == 0 { State::Trailer(true) } else { State::Data(size) };
    Ok(match (state, byte) {
        (State::Size(digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
            let size = digits.unwrap_or(0).checked_mul(16).and_then(|size| size.checked_add(digit));
            State::Size(Some(size.ok_or_else(|| Malformed("the size of a chunk is too large".to_owned()))?))
        }
        (State::Size(Some(size)) | State::Extension(size), b'\n') => after_size(size),
        (State::Size(Some(size)), b'\r' | b';' | b' ' | b'\t') | (State::Extension(size), _) => {
            State::Extension(size)
        }
        (State::DataEnd, b'\r') => State::DataEnd,
        (State::DataEnd, b'\n') => State::Size(None),
        (State::Trailer(true), b'\n') => State::Done,
        (State::Trailer(false), b'\n') | (State::Trailer(true), b'\r') => State::Trailer(true),
        (State::Trailer(_), _) => State::Trailer(false),
        (_, other) => {
            return Err(Malformed(format!("the framing of a chunk holds {:?}", char::from(other))));
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data of a body that comes in `pieces`, whether it is done, and what lies behind it.
    fn decode<'a>(
        framing: Framing,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Vec<u8>, bool, Vec<u8>), Malformed> {
        let (mut body, mut data, mut behind) = (Body::new(framing), Vec::new(), Vec::new());
        for piece in pieces {
            behind.extend_from_slice(body.take(piece, |part| data.extend_from_slice(part))?);
        }
        Ok((data, body.is_done(), behind))
    }

    #[test]
    fn bodies_of_each_framing() {
        let whole = |framing, text: &str| {
            let (data, done, behind) = decode(framing, [text.as_bytes()]).expect("well formed");
            (String::from_utf8(data).expect("text"), done, String::from_utf8(behind).expect("text"))
        };
        let expect = |data: &str, done, behind: &str| (data.to_owned(), done, behind.to_owned());
        assert_eq!(whole(Framing::Length(3), "abcd"), expect("abc", true, "d"));
        assert_eq!(whole(Framing::Length(3), "ab"), expect("ab", false, ""));
        assert_eq!(whole(Framing::Length(0), "x"), expect("", true, "x"));
        assert_eq!(whole(Framing::UntilClose, "abc"), expect("abc", false, ""));
        assert!(Body::new(Framing::UntilClose).may_end_here());
        let chunked = |text| whole(Framing::Chunked, text);
        assert_eq!(
            chunked("3\r\nabc\r\nA;x=\"1\"\r\n0123456789\r\n0\r\n\r\n"),
            expect("abc0123456789", true, "")
        );
        assert_eq!(chunked("3\nabc\n00\nDigest: x\r\nb: c\n\r\nnext"), expect("abc", true, "next"));
        assert_eq!(chunked("3 \r\nabc\r\n"), expect("abc", false, ""));
        assert!(!Body::new(Framing::Chunked).may_end_here());
    }

    #[test]
    fn bad_chunks_are_refused() {
        for text in ["x", "\r\n", ";", "3\r\nabcd", "-1\r\n", "fffffffffffffffff\r\n"] {
            assert!(decode(Framing::Chunked, [text.as_bytes()]).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn chunks_in_any_pieces_give_the_data(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            trailer: bool,
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let mut stream = Vec::new();
            for chunk in &chunks {
                stream.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                stream.extend_from_slice(chunk);
                stream.extend_from_slice(b"\r\n");
            }
            stream.extend_from_slice(if trailer { b"0\r\na: b\r\n\r\nZ" } else { b"0\r\n\r\nZ" });
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
            prop_assert_eq!(decode(Framing::Chunked, pieces), Ok((chunks.concat(), true, b"Z".to_vec())));
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5)) {
            let _ = decode(Framing::Chunked, pieces.iter().map(Vec::as_slice));
        }
    }
}
