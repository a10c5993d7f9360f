//! What a configuration must fulfil besides its shape: rules between keys. Each check sees only sections whose
//! shape is right and reports every fault it finds.

mod capacity;
mod data;
mod load;
mod multimodal;
mod sessions;
mod surroundings;

use super::read::{Broken, Sections, origin_of};
use crate::problem::Problem;
use crate::tree::Node;

/// Longest time that any setting may ask for, seconds (31 years): far from where nanoseconds overflow.
const MAX_SECONDS: f64 = 1e9;

/// What the checks found.
pub(super) struct Found {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What has no effect.
    pub(super) warnings: Vec<Problem>,
}

/// All faults of `sections`; `document` is where they were read from, without what is `broken`.
pub(super) fn run(sections: &Sections, document: &Node, broken: &Broken) -> Found {
    let mut faults = Faults { document, broken, problems: Vec::new(), warnings: Vec::new() };
    surroundings::check(sections, &mut faults);
    load::check(sections, &mut faults);
    capacity::check(sections, &mut faults);
    data::check(sections, &mut faults);
    if let Some(data) = &sections.data {
        sessions::check(data, &mut faults);
    }
    Found { problems: faults.problems, warnings: faults.warnings }
}

/// Collects problems with the place of their key.
struct Faults<'a> {
    document: &'a Node,
    broken: &'a Broken,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Faults<'_> {
    /// Notes that the value at `key` (dotted path) is wrong, unless its shape is, for that is known already.
    fn add(&mut self, key: impl Into<String>, fault: impl Into<String>, remedy: impl Into<String>) {
        let key = key.into();
        if self.broken.contains(&key) {
            return;
        }
        self.problems.push(Problem::new(origin_of(self.document, &key), key, fault, remedy));
    }

    /// Notes that the value at `key` has no effect, which upstream does not mind.
    fn warn(&mut self, key: impl Into<String>, fault: impl Into<String>, remedy: impl Into<String>) {
        let key = key.into();
        self.warnings.push(Problem::new(origin_of(self.document, &key), key, fault, remedy));
    }

    /// True if the value at `key` has the right shape or is not given. A check of one key that depends on another
    /// asks this of the other.
    fn is_sound(&self, key: &str) -> bool {
        !self.broken.contains(key)
    }

    /// Notes times that are longer than any run.
    fn add_long_times(&mut self, times: &[(String, f64)]) {
        for (key, seconds) in times {
            if *seconds > MAX_SECONDS {
                self.add(
                    key,
                    format!("{seconds} seconds are more than {MAX_SECONDS}"),
                    "give a shorter time",
                );
            }
        }
    }
}
