//! The answer's lines for each way in which a run can end.

use benchmark_schemas::report::{Attainment, Binding, Knee, Saturation};

use super::*;
use crate::analysis::limits::LIMITS;
use crate::report::tests::{run_of, two_stages};

fn capacity(saturation: Bracket, knee: Bracket) -> Capacity {
    let recommended = knee[0].map(|lower| LIMITS.recommended_share.map(|share| lower * share));
    Capacity {
        saturation: Saturation { bracket: saturation, estimate: None },
        knee: Knee { bracket: knee, estimate: None, binding: None, recommended, baseline_stage: Some(0) },
        interrupted: false,
        ..run_of(Vec::new()).capacity
    }
}

#[test]
fn both_ends() {
    let found = capacity([Some(10.0), Some(20.0)], [Some(5.0), Some(10.0)]);
    let text =
        of_capacity(&found, &["s3://bucket/path".to_owned(), "/results/reports-1".to_owned()]).join("\n");
    insta::assert_snapshot!(text, @r"
Run 00c0ffee: no stage was finished
Saturation: between 10.00 and 20.00 requests/s (the server kept up at the lower rate and not at the upper one)
Knee: between 5.00 and 10.00 requests/s (latencies and errors were good at the lower rate and not at the upper one)
Recommended production range: 3.50 to 4.00 requests/s (70 to 80 % of 5.00)
Validity: no stage to judge
Resolution: no stage shows that the server keeps up
Results: s3://bucket/path
Results: /results/reports-1
");
}

#[test]
fn open_ends() {
    let easy = of_capacity(&capacity([Some(4.0), None], [Some(4.0), None]), &[]).join("\n");
    insta::assert_snapshot!(easy, @r"
Run 00c0ffee: no stage was finished
Saturation: above 4.00 requests/s (no stage saturated the server)
Knee: above 4.00 requests/s (no stage was worse than at low load)
Recommended production range: 2.80 to 3.20 requests/s (70 to 80 % of 4.00; more may be possible, no stage showed the knee)
Validity: no stage to judge
Resolution: no stage shows that the server keeps up
");
    let hard = of_capacity(&capacity([None, Some(20.0)], [None, Some(20.0)]), &[]).join("\n");
    insta::assert_snapshot!(hard, @r"
Run 00c0ffee: no stage was finished
Saturation: below 20.00 requests/s (the server did not keep up with the lowest rate that could be judged)
Knee: below 20.00 requests/s (the service was bad at the lowest rate that could be judged)
Recommended production range: none, even the lowest rate that could be judged was too much: offer less
Validity: no stage to judge
Resolution: no stage shows that the server keeps up
");
    let nothing = of_capacity(&capacity([None, None], [None, None]), &[]).join("\n");
    insta::assert_snapshot!(nothing, @r"
Run 00c0ffee: no stage was finished
Saturation: not found (no stage could be judged)
Knee: not found (no stage could be judged)
Recommended production range: none, for no stage could be judged
Validity: no stage to judge
Resolution: no stage shows that the server keeps up
");
}

#[test]
fn estimates_signals_objectives_and_replicas_are_told() {
    let mut found = run_of(two_stages()).capacity;
    let about = |value| Some(Estimate { value, interval: [value - 1.0, value + 1.0] });
    (found.saturation.bracket, found.saturation.estimate) = ([Some(10.0), Some(20.0)], about(15.0));
    (found.knee.bracket, found.knee.estimate) = ([Some(10.0), Some(20.0)], about(12.5));
    found.knee.binding = Some(Binding::Ttft);
    found.knee.recommended = Some([7.0, 8.0]);
    found.production = Some(ProductionNeed {
        peak_rate: 100.0,
        tested_replicas: 1,
        rate_per_replica: 8.0,
        replicas: 13,
        replicas_with_spare: 14,
        in_flight_per_replica: Some(4.0),
    });
    let kept = |text: &str, met| Attainment {
        slo: text.parse().expect("an objective"),
        requests: 10,
        value: Some(0.1),
        share: 1.0,
        bounds: [0.9, 1.0],
        met,
    };
    for (stage, met) in [Some(true), Some(false)].into_iter().enumerate() {
        found.stages[stage].offered_rate = Some(10.0 * (stage as f64 + 1.0));
        found.stages[stage].objectives =
            vec![kept("ttft:p95<500ms", met), kept("errors<1%", Some(true)), kept("latency<9s", None)];
    }
    insta::assert_snapshot!(of_capacity(&found, &[]).join("\n"), @r"
Run 00c0ffee: 2 stages: 2 undecided
Saturation: between 10.00 and 20.00 requests/s, about 15.00 (95 % interval 14.00 to 16.00); the server kept up at the lower rate and not at the upper one
Knee: between 10.00 and 20.00 requests/s, about 12.50 (95 % interval 11.50 to 13.50); at the upper rate the time to first token was too long
Objectives: ttft:p95<500ms met up to 10.00 requests/s, missed from 20.00 on; errors<1% met up to 20.00 requests/s, and never missed; latency:p95<9s undecided in every stage
Recommended production range: 7.00 to 8.00 requests/s (70 to 80 % of 10.00)
Production: 13 replicas for 100.00 requests/s at 8.00 each, 14 with one to spare; scale out at 4.00 requests in flight each
Validity: the load generator kept its schedule; stage 0, 1 undecided
Resolution: no stage shows that the server keeps up
");
}

#[test]
fn stages_are_counted_and_doubts_are_named() {
    let mut found = run_of(two_stages()).capacity;
    found.stages[1].verdict = Verdict::InvalidClient;
    found.notes.push("x".to_owned());
    let lines = of_capacity(&found, &[]);
    assert_eq!(lines[0], "Run 00c0ffee: 2 stages: 1 undecided, 1 invalid (client)");
    assert_eq!(
        lines[4],
        "Validity: stage 1 not counted, the load generator was too slow; stage 0 undecided; see the notes in \
         capacity.json"
    );
}

#[test]
fn never_more_than_ten_lines() {
    let mut found = capacity([None, None], [None, None]);
    found.interrupted = true;
    let places: Vec<String> = (0..20).map(|i| format!("/results/{i}")).collect();
    for count in 0..20 {
        let lines = of_capacity(&found, &places[..count]);
        assert!(lines.len() <= MAX_LINES);
        assert!(lines.iter().all(|line| !line.contains('\n')));
    }
    assert_eq!(
        of_capacity(&found, &places).last().map(String::as_str),
        Some("Results: /results/3 and 16 more places")
    );
    assert!(of_capacity(&found, &places[..1]).contains(&"Results: /results/0".to_owned()));
}

#[test]
fn closed_loops_have_no_brackets() {
    let mut entries = two_stages();
    for entry in &mut entries {
        if let benchmark_schemas::record::SpoolEntry::Stage(facts) = entry {
            facts.concurrency = Some(4);
        }
    }
    insta::assert_snapshot!(of_capacity(&run_of(entries).capacity, &[]).join("\n"), @r"
Run 00c0ffee: 2 stages: 2 undecided
Saturation: not looked for (a closed loop has no offered rate, the server sets the pace)
Knee: not looked for (a closed loop has no offered rate)
Recommended production range: none, for no stage could be judged
Validity: the load generator kept its schedule; stage 0, 1 undecided
");
}
