//! Any bytes as YAML of either dialect: nothing panics, every fault has its place, and what is read is written so that it
//! reads back as the same.

#![no_main]

use benchmark_schemas::problem::{Origin, Problems};
use benchmark_schemas::tree::Node;
use benchmark_schemas::yaml::{Dialect, decode, emit, parse, parse_all};
use libfuzzer_sys::fuzz_target;

const FILE: &str = "input.yaml";

fuzz_target!(|data: &[u8]| {
    let text = match decode(data, FILE) {
        Ok(text) => text,
        Err(problems) => return placed(&problems),
    };
    for dialect in [Dialect::Config, Dialect::Values] {
        let documents = match parse_all(text, FILE, dialect) {
            Ok(documents) => documents,
            Err(problems) => {
                placed(&problems);
                continue;
            }
        };
        if let Ok(one) = parse(text, FILE, dialect) {
            assert!(documents.len() <= 1);
            assert_eq!(documents.first().map_or(serde_json::Value::Null, Node::to_json), one.to_json());
        }
        for value in documents.iter().map(Node::to_json) {
            let written = emit(&value);
            let read =
                parse(&written, FILE, dialect).unwrap_or_else(|problems| panic!("{written}\n{problems}"));
            assert_eq!(read.to_json(), value, "{written}");
        }
    }
});

fn placed(problems: &Problems) {
    assert!(!problems.as_slice().is_empty());
    for problem in problems.as_slice() {
        assert!(
            matches!(&problem.origin, Origin::File { file, line, column } if &**file == FILE && *line > 0 && *column > 0)
        );
        assert!(!problem.fault.is_empty());
    }
}
