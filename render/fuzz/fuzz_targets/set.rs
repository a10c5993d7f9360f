//! Any text as an argument of the `--set` family, onto a tree that holds a little of everything: nothing panics, a fault
//! names the argument, and an argument given twice changes nothing the second time.
//!
//! The first byte chooses the argument's kind, the rest is its text.

#![no_main]

use std::collections::BTreeMap;

use benchmark_render::set::{Kind, apply, paths};
use benchmark_schemas::problem::Origin;
use benchmark_schemas::tree::Node;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const KINDS: [Kind; 5] = [Kind::Typed, Kind::Text, Kind::Json, Kind::File, Kind::Literal];

fuzz_target!(|data: &[u8]| {
    let [choice, text @ ..] = data else { return };
    let Ok(argument) = str::from_utf8(text) else { return };
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
    let mut contents = BTreeMap::new();
    if kind == Kind::File {
        let Ok(paths) = paths(argument) else { return };
        contents.extend(paths.into_iter().map(|path| (path, "content".to_owned())));
    }
    let given = json!({ "a": { "b": 1, "c": [{ "d": "x" }, [2], null] }, "e": "text", "f": null });
    let mut tree = Node::from_json(&given, &Origin::Derived);
    match apply(&mut tree, argument, kind, &contents) {
        Ok(()) => {
            let once = tree.to_json();
            assert!(once.is_object());
            let again = apply(&mut tree, argument, kind, &contents);
            // Several assignments of one argument may replace what an earlier one needs: then it is refused.
            if again.is_ok() {
                assert_eq!(tree.to_json(), once);
            }
        }
        Err(problem) => {
            assert!(matches!(&problem.origin, Origin::Argument(said) if said.starts_with(kind.flag())));
            assert!(!problem.fault.is_empty());
        }
    }
});
