//! Answers that fail on purpose: which requests do, and how.

use super::*;

#[test]
fn the_failing_share_follows_the_seed() {
    let outcome = |seed| -> Vec<u16> {
        let server = spawn(SimulatorConfig { seed, error_rate: 0.5, error_status: 502, ..config() }).unwrap();
        (0..40).map(|_| complete(&server, &json!({"prompt": "a", "max_tokens": 1})).status).collect()
    };
    let first = outcome(1);
    assert!(first.contains(&200) && first.contains(&502));
    assert_eq!(first, outcome(1));
    assert_ne!(first, outcome(2));
}

#[test]
fn faults_come_in_turn() {
    use Fault::{
        BrokenJson, ContextWindow, Cut, Disconnect, Echo, ErrorBody, ErrorEvent, NoChoices, RateLimit,
    };
    let faults =
        vec![RateLimit, ContextWindow, Echo, ErrorBody, NoChoices, BrokenJson, ErrorEvent, Cut, Disconnect];
    let count = faults.len();
    let server = spawn(SimulatorConfig { error_rate: 1.0, faults, ..config() }).unwrap();
    let body = json!({"prompt": "a", "max_tokens": 8, "stream": true}).to_string();
    let answers: Vec<String> = (0..2 * count)
        .map(|_| {
            let mut bytes = Vec::new();
            let _ = connect(server.addr(), "POST", "/v1/completions", &body).read_to_end(&mut bytes);
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    for (i, answer) in answers.iter().enumerate() {
        let (status, text) = match i % count {
            0 => ("429", "Slow down."),
            1 => ("400", "maximum context length"),
            2 => ("401", "host: "),
            3 => ("200", "\"error\""),
            4 => ("200", "\"choices\":[]"),
            5 => ("200", "{\"choices\": ["),
            6 => ("200", "data: {\"error\":"),
            7 => ("200", "\"text\""),
            _ => ("", ""),
        };
        assert_eq!(answer.get(9..12).unwrap_or_default(), status, "{answer}");
        assert!(answer.contains(text), "{i}: {answer}");
        assert!(!answer.contains("[DONE]"), "{answer}");
    }
    assert_eq!(server.stats().totals.failed, 2 * count as u64);
}
