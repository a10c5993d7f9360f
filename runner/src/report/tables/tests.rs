//! Tables at the width of a pod log, over stages with gaps and failures.

use benchmark_schemas::record::{ClientFacts, Record, Retries, SpoolEntry};

use super::*;
use crate::metrics::source::tests::{S, failure, record, run_end, stage, usage};
use crate::report::tests::{run_of, run_with};

fn run(scale: i64) -> RunReport {
    run_of(entries(scale))
}

fn entries(scale: i64) -> Vec<SpoolEntry> {
    let mut entries = Vec::new();
    for number in 0..2_u32 {
        let start = i64::from(number) * 1000 * S;
        for index in 0..80 {
            let due = start + i64::try_from(index).expect("few") * S / 8;
            let mut record = Record { stage: number, usage: Some(usage(120, 4)), ..record(index, due) };
            record.end = due + (record.end - due) * scale;
            for chunk in &mut record.chunks {
                chunk.at = due + (chunk.at - due) * scale;
            }
            if (number, index) == (1, 5) {
                record.retries = Some(Retries { count: 1, last_start: due });
            }
            if (number, index) == (1, 6) {
                record.connected = Some(due + 3 * S / 1000);
            }
            entries.push(SpoolEntry::Request(Box::new(record)));
        }
        let failed = Record { stage: number, ..failure(80, start + 10 * S, "HTTP Error 503", "busy") };
        entries.push(SpoolEntry::Request(Box::new(failed)));
        let mut facts = stage(number, 8.0, 10.1, start);
        // The second stage's client had its troubles: one in flight at most, prompts and records late.
        if number == 1 {
            facts.client =
                ClientFacts { in_flight_cap: 1, late_bodies: 12, recorder_waits: 1, ..facts.client };
        }
        entries.push(SpoolEntry::Stage(Box::new(facts)));
    }
    entries.push(run_end(2000 * S, false));
    entries
}

#[test]
fn tables_fit_into_a_pods_log() {
    let text = all(&run(1), WIDTH);
    insta::assert_snapshot!(text, @r"
Throughput and Goodput Summary
Stage   Req  Achieved  Error  Req/s        In       Out       Tot
       Rate      Rate   Rate         Tokens/s  Tokens/s  Tokens/s
-----------------------------------------------------------------
    0   8.0       8.1   1.2%    7.9     952.9      31.8     984.6
    1   8.0       8.1   1.2%    7.9     952.9      31.8     984.6

Request & Token Latency (ms)
Stage  Req Lat  Req Lat  Req Lat  TTFT  TTFT  TTFT   ITL   ITL   ITL
          Mean      Med      P90  Mean   Med   P90  Mean   Med   P90
--------------------------------------------------------------------
    0    200.0    200.0    200.0  50.0  50.0  50.0  10.0  10.0  10.0
    1    200.0    200.0    200.0  50.0  50.0  50.0  10.0  10.0  10.0

Token Generation Speed (ms)
Stage  TPOT  TPOT  TPOT  Norm TPOT  Norm TPOT  Norm TPOT
       Mean   Med   P90       Mean        Med        P90
--------------------------------------------------------
    0  10.0  10.0  10.0       50.0       50.0       50.0
    1  10.0  10.0  10.0       50.0       50.0       50.0

Token Length Aggregates
Stage  Prompt  Prompt  Prompt     Out     Out     Out     Out     Out     Out
         Mean     Med     P90    Mean     Med     P90    Mean     Med     P90
                               client  client  client  server  server  server
-----------------------------------------------------------------------------
    0   120.0   120.0   120.0     4.0     4.0     4.0     4.0     4.0     4.0
    1   120.0   120.0   120.0     4.0     4.0     4.0     4.0     4.0     4.0
Prompt: server's usage, else client's tokenizer (0 requests). Out server: usage,
  else client's tokenizer (0 requests).

Request Error Summary
Stage  Successes      Retried          503
                  (recovered)      Service
                               Unavailable
------------------------------------------
    0         80        0 (0)            1
    1         80        1 (1)            1

Sending
Stage  Late  Late   Late  Late      No  Wait  No con-  Wait  Busy  Throt-
        p50   p99  p99.9   max  permit   p99  nection   max          tled
-------------------------------------------------------------------------
    0  0.00  0.00   0.00  0.00       0     -        0   0.0   10%    0.0%
    1  0.00  0.00   0.00  0.00      80     0        1   3.0   10%    0.0%
Late and Wait in ms. Late: off the schedule although a permit was free; No
  permit: fell due while all permits were taken; No connection: waited more than
  1 ms for one; Busy: busiest runtime; Throttled: by the CPU quota.
Stage 1: 12 late prompts, 1 held up by records

Saturation and Knee
Stage  Offered   Sent   Done  TTFT  TTFT  TTFT  Backlog    Verdict
         req/s  req/s  req/s   p50   p95   p99   growth
------------------------------------------------------------------
    0     8.02   8.02   7.92  50.0  50.0  50.0     0.0%  undecided
    1     8.02   8.02   7.92  50.0  50.0  50.0     0.0%  undecided
TTFT in ms from the scheduled instant; Done: answered within the sending window;
  Backlog growth: share of the offered rate.
Stage 0: the backlog grew by 0.0 % of the offered rate (95 % bounds 0.0 and 0.0
  %); 1.2 % of the requests failed (95 % lower bound 0.1 %, limit 1 %: too few
  to be sure); a stage of about 267 s would decide
Stage 1: the backlog grew by 0.0 % of the offered rate (95 % bounds 0.0 and 0.0
  %); 1.2 % of the requests failed (95 % lower bound 0.1 %, limit 1 %: too few
  to be sure); a stage of about 267 s would decide
Limits: saturated = backlog growth's 95 % lower bound above 2 %; degraded = p95
  of TTFT or NTPOT above 2x the baseline's with lower bound above 1.5x, or error
  rate's lower bound above 1 %; invalid (client) = send error p99 above 5 ms
  while permits were free, throttled above 1 %, or busiest runtime above 50 %.
");
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
}

#[test]
fn large_numbers_widen_a_table_and_stay_whole() {
    let text = all(&run(100_000), WIDTH);
    assert!(text.contains("20000000.0"), "{text}");
    assert!(!text.contains('…') && !text.contains("..."), "{text}");
}

#[test]
fn a_run_without_requests_says_so() {
    let text = all(&run_of(Vec::new()), WIDTH);
    assert!(text.starts_with("No per-stage lifecycle metrics found"), "{text}");
}

#[test]
fn goodput_stands_beside_throughput_where_there_is_room() {
    let limits = serde_json::json!({"goodput": {"constraints": {"ttft": 0.06}}});
    let run = run_with(entries(1), &limits);
    let first = |width, lines| all(&run, width).lines().take(lines).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(first(100, 6), @r"
    Throughput and Goodput Summary
    Stage   Req  Achieved  Error  Req/s        In       Out       Tot  Goodput      Req    Token
           Rate      Rate   Rate         Tokens/s  Tokens/s  Tokens/s        %  Goodput  Goodput
    --------------------------------------------------------------------------------------------
        0   8.0       8.1   1.2%    7.9     952.9      31.8     984.6    100.0      7.9    984.6
        1   8.0       8.1   1.2%    7.9     952.9      31.8     984.6    100.0      7.9    984.6
    ");
    insta::assert_snapshot!(first(80, 12), @r"
    Throughput and Goodput Summary
    Stage   Req  Achieved  Error  Req/s        In       Out       Tot
           Rate      Rate   Rate         Tokens/s  Tokens/s  Tokens/s
    -----------------------------------------------------------------
        0   8.0       8.1   1.2%    7.9     952.9      31.8     984.6
        1   8.0       8.1   1.2%    7.9     952.9      31.8     984.6

    Stage  Goodput      Req    Token
                 %  Goodput  Goodput
    --------------------------------
        0    100.0      7.9    984.6
        1    100.0      7.9    984.6
    ");
}

#[test]
fn median_and_p90_are_known_although_no_report_has_them() {
    let run = run_with(entries(1), &serde_json::json!({"request_lifecycle": {"percentiles": [99]}}));
    assert!(
        all(&run, WIDTH).contains("    0    200.0    200.0    200.0  50.0  50.0  50.0  10.0  10.0  10.0")
    );
}

#[test]
fn objectives_have_a_table() {
    let slo = serde_json::json!([
        {"metric": "ttft", "quantile": 0.95, "limit": 0.5}, {"metric": "latency", "quantile": 0.9, "limit": 0.1},
        {"metric": "errors", "limit": 0.01},
    ]);
    let config = serde_json::json!({"extensions": {"slo": slo}});
    let mut facts = crate::metrics::source::tests::run_facts();
    if let SpoolEntry::Run(facts) = &mut facts {
        facts.config_json = config.to_string();
    }
    let run = RunReport::read(&[vec![facts], entries(1)].concat()).expect("a run");
    let text = all(&run, WIDTH);
    let begin = text.find("Objectives").expect("the table");
    let table: Vec<&str> = text[begin..].lines().take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
Objectives
Stage    Load          Objective        Is  Kept        Bounds  Must     Met
                                               %             %     %
----------------------------------------------------------------------------
    0  8.02/s     ttft:p95<500ms   50.0 ms  98.8  94.3 to 99.9  95.0  unsure
    0  8.02/s  latency:p90<100ms  200.0 ms   0.0    0.0 to 3.6  90.0      no
    0  8.02/s          errors<1%    1.23 %  98.8  94.3 to 99.9  99.0  unsure
    1  8.02/s     ttft:p95<500ms   50.0 ms  98.8  94.3 to 99.9  95.0  unsure
    1  8.02/s  latency:p90<100ms  200.0 ms   0.0    0.0 to 3.6  90.0      no
    1  8.02/s          errors<1%    1.23 %  98.8  94.3 to 99.9  99.0  unsure
Is: what so many requests as must kept to, from the scheduled instant; of errors
  the share that failed. Bounds: 95 %. A request that failed, was cut off or
  never sent keeps to nothing.
");
    assert!(table.iter().all(|line| line.chars().count() <= WIDTH));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("degraded = an objective kept to by fewer"), "{text}");
}
