//! A table of counts by 16 bits, most of which never occur.

use super::slice::STEP_BITS;

/// How many numbers have each of the values that the next [`STEP_BITS`] bits can have. Numbers of one kind crowd into few
/// of them, so only the pages that are used take memory.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
}

/// Counts in a page.
const PAGE: usize = 256;

impl Counts {
    /// All zero.
    pub(super) fn new() -> Self {
        Self { pages: vec![None; (1 << STEP_BITS) / PAGE] }
    }

    /// Counts one more number whose next bits are the last ones of `bits`.
    pub(super) fn add(&mut self, bits: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "the last 16 bits are what is meant")]
        let place = usize::from(bits as u16);
        let page = self.pages[place / PAGE].get_or_insert_with(|| Box::new([0; PAGE]));
        page[place % PAGE] += 1;
    }

    /// Bits and count of all that occur, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let pages = self.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_ref()?)));
        pages.flat_map(|(number, page)| {
            let counts = page.iter().enumerate().filter(|(_, count)| **count > 0);
            counts.map(move |(place, count)| ((number * PAGE + place) as u64, *count))
        })
    }
}
