//! What a configuration must fulfil besides its shape: rules between keys. Each check sees only sections whose
//! shape is right and reports every fault it finds.

mod data;
mod load;
mod sessions;
mod surroundings;

use super::read::{Sections, origin_of};
use crate::problem::Problem;
use crate::tree::Node;

/// Longest time that any setting may ask for, seconds (31 years): far from where nanoseconds overflow.
const MAX_SECONDS: f64 = 1e9;

/// All faults of `sections`; `document` is where they were read from.
pub(super) fn run(sections: &Sections, document: &Node) -> Vec<Problem> {
    let mut faults = Faults { document, problems: Vec::new() };
    surroundings::check(sections, &mut faults);
    load::check(sections, &mut faults);
    data::check(sections, &mut faults);
    if let Some(data) = &sections.data {
        sessions::check(data, &mut faults);
    }
    faults.problems
}

/// Collects problems with the place of their key.
struct Faults<'a> {
    document: &'a Node,
    problems: Vec<Problem>,
}

impl Faults<'_> {
    /// Notes that the value at `key` (dotted path) is wrong.
    fn add(&mut self, key: impl Into<String>, fault: impl Into<String>, remedy: impl Into<String>) {
        let key = key.into();
        self.problems.push(Problem::new(origin_of(self.document, &key), key, fault, remedy));
    }

    /// Notes times that are longer than any run.
    fn add_long_times(&mut self, times: &[(String, f64)]) {
        for (key, seconds) in times {
            if *seconds > MAX_SECONDS {
                self.add(key, format!("{seconds} seconds are more than {MAX_SECONDS}"), "give a shorter time");
            }
        }
    }
}
