//! From files to points, and from points to pictures.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::scale::{Scale, four_digits, grouped};
use super::*;

/// A report on a stage at `rate`, or of a closed loop.
fn report(rate: f64, concurrency: Option<u64>) -> Value {
    let mut tree = json!({
        "load_summary": {"achieved_rate": rate},
        "successes": {
            "latency": {
                "time_to_first_token": {"mean": 0.05 + rate / 1e3},
                "normalized_time_per_output_token": {"mean": 0.01},
                "inter_token_latency": {"mean": 0.008},
            },
            "throughput": {
                "input_tokens_per_sec": rate * 100.0, "output_tokens_per_sec": rate * 50.0,
                "total_tokens_per_sec": rate * 150.0,
            },
        },
    });
    if let Some(concurrency) = concurrency {
        tree["load_summary"]["concurrency"] = json!(concurrency);
    }
    tree
}

fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, tree) in files {
        fs_err::write(folder.path().join(name), tree.to_string()).expect("written");
    }
    folder
}

fn names(figures: &[Figure]) -> Vec<&str> {
    figures.iter().map(|figure| figure.name).collect()
}

#[test]
fn stages_are_drawn_in_the_order_of_their_load() {
    let folder = folder(&[
        ("stage_0_lifecycle_metrics.json", report(20.0, None)),
        ("stage_1_lifecycle_metrics.json", report(10.0, None)),
        ("stage_10_lifecycle_metrics.json", report(5.0, None)),
        ("stage_0_session_lifecycle_metrics.json", json!({})),
        ("adapter_sql_stage_0_lifecycle_metrics.json", report(3.0, None)),
        ("summary_lifecycle_metrics.json", report(4.0, None)),
    ]);
    let read = read(folder.path()).expect("stages");
    assert_eq!(read.skipped, [String::new(); 0]);
    let figures = figures(&[read]);
    assert_eq!(names(&figures), ["latency_vs_qps", "throughput_vs_qps", "throughput_vs_latency"]);
    let ttft = &figures[0].panels[0];
    assert_eq!((ttft.title, ttft.x.label), ("Time to First Token", "Achieved rate (requests/s)"));
    let points: Vec<(u32, f64, f64)> =
        ttft.lines[0].points.iter().map(|point| (point.stage, point.x, point.y.round())).collect();
    assert_eq!(points, [(10, 5.0, 55.0), (1, 10.0, 60.0), (0, 20.0, 70.0)]);
    assert!(figures[0].legend.is_empty(), "one line needs no name");
}

#[test]
fn closed_loops_and_goodput_have_charts_of_their_own() {
    let mut good = report(10.0, None);
    good["successes"]["goodput_metrics"] = json!({"goodput_percentage": 80.0, "request_goodput": 8.0});
    let folder = folder(&[
        ("stage_0_lifecycle_metrics.json", good),
        ("stage_1_lifecycle_metrics.json", report(30.0, Some(8))),
    ]);
    let figures = figures(&[read(folder.path()).expect("stages")]);
    assert_eq!(
        names(&figures),
        [
            "latency_vs_qps",
            "throughput_vs_qps",
            "goodput_vs_qps",
            "latency_vs_concurrency",
            "throughput_vs_concurrency",
            "throughput_vs_latency",
        ]
    );
    let stages = |figure: &Figure| {
        figure.panels[0].lines[0].points.iter().map(|point| point.stage).collect::<Vec<_>>()
    };
    assert_eq!(
        (stages(&figures[0]), stages(&figures[3]), stages(&figures[5])),
        (vec![0], vec![1], vec![1, 0])
    );
    assert_eq!(figures[2].panels.len(), 2);
}

#[test]
fn what_a_run_did_not_measure_is_left_out() {
    let mut unary = report(10.0, None);
    unary["successes"]["latency"]["time_to_first_token"] = Value::Null;
    unary["successes"]["latency"]["inter_token_latency"] = Value::Null;
    let unary = folder(&[("stage_0_lifecycle_metrics.json", unary)]);
    let streamed = folder(&[("stage_0_lifecycle_metrics.json", report(10.0, None))]);
    let [unary, streamed] = [unary, streamed].map(|folder| read(folder.path()).expect("stages"));
    let alone = figures(std::slice::from_ref(&unary));
    let titles = |figure: &Figure| figure.panels.iter().map(|panel| panel.title).collect::<Vec<_>>();
    assert_eq!(titles(&alone[0]), ["Normalized Time per Output Token"]);
    let together = figures(&[unary, streamed]);
    let lines = |figure: &Figure| -> Vec<Vec<usize>> {
        figure.panels.iter().map(|panel| panel.lines.iter().map(|line| line.report).collect()).collect()
    };
    assert_eq!(lines(&together[0]), [vec![1], vec![0, 1], vec![1]], "lines keep their report's colour");
    assert_eq!(together[0].legend.len(), 2);
    assert!(together[0].legend[0].starts_with("Report 1: "));
}

#[test]
fn files_of_a_prefix_are_found_by_their_configuration() {
    let folder = folder(&[
        ("run-7-config.yaml", json!({})),
        ("run-7-stage_0_lifecycle_metrics.json", report(7.0, None)),
        ("run-7-adapter_sql_stage_0_lifecycle_metrics.json", report(1.0, None)),
    ]);
    let stages = read(folder.path()).expect("stages").stages;
    assert_eq!(stages.iter().map(Stage::load).collect::<Vec<_>>(), [7.0]);
}

#[test]
fn unusable_files_are_named() {
    let folder = folder(&[
        ("stage_0_lifecycle_metrics.json", report(7.0, None)),
        ("stage_1_lifecycle_metrics.json", json!({})),
    ]);
    fs_err::write(folder.path().join("stage_2_lifecycle_metrics.json"), "{").expect("written");
    let report = read(folder.path()).expect("one is fine");
    assert_eq!(report.stages.len(), 1);
    assert_eq!(report.skipped[0], "stage_1_lifecycle_metrics.json: it has no load_summary.achieved_rate");
    assert!(report.skipped[1].starts_with("stage_2_lifecycle_metrics.json: EOF"), "{:?}", report.skipped);
    fs_err::remove_file(folder.path().join("stage_0_lifecycle_metrics.json")).expect("removed");
    let error = read(folder.path()).expect_err("none left").to_string();
    assert!(
        error.contains("has no report on a stage to draw") && error.contains("left out: stage_1"),
        "{error}"
    );
    let error = read(Path::new("/no/such/folder")).expect_err("no folder").to_string();
    assert!(error.starts_with("the folder /no/such/folder cannot be read"), "{error}");
}

fn some_figure() -> Figure {
    let folder = folder(&[
        ("stage_0_lifecycle_metrics.json", report(10.0, None)),
        ("stage_1_lifecycle_metrics.json", report(20.0, None)),
    ]);
    let report = read(folder.path()).expect("stages");
    let reports = [Report { place: "a <b> & \"c\"".to_owned(), ..report.clone() }, report];
    figures(&reports).remove(0)
}

#[test]
fn drawings_say_what_their_points_are() {
    let svg = some_figure().to_svg();
    assert!(svg.contains("Report 1: a &lt;b&gt; &amp; &quot;c&quot;"), "{svg}");
    assert!(
        svg.contains("<title>Stage 1: Achieved rate (requests/s) 20.00, Mean TTFT (ms) 70.00</title>"),
        "{svg}"
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

/// Width and height of a PNG file.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[test]
fn pictures_have_twice_the_size_and_text_in_two_weights() {
    let svg = some_figure().to_svg();
    let png = to_png(&svg).expect("a picture");
    let of = |key: &str| -> f64 {
        let from = svg.find(key).expect("its size") + key.len();
        svg[from..from + svg[from..].find('"').expect("a quote")].parse().expect("a number")
    };
    let (width, height) = size(&png);
    assert_eq!(
        (f64::from(width), f64::from(height)),
        ((of("width=\"") * 2.0).ceil(), (of("height=\"") * 2.0).ceil())
    );
    let light = to_png(&svg.replace(" font-weight=\"500\"", "")).expect("a picture");
    let mute = to_png(&svg.replace("<text", "<g").replace("</text", "</g")).expect("a picture");
    assert!(png != light && light != mute, "the fonts are there");
    assert!(matches!(to_png("no drawing"), Err(PngError::Svg(_))));
}

#[test]
fn numbers_are_grouped() {
    let texts = |greatest, limit| -> Vec<String> {
        Scale::up_to(greatest, limit).ticks.into_iter().map(|(_, text)| text).collect()
    };
    assert_eq!(texts(4_500.0, None), ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]);
    assert_eq!(texts(0.93, None), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    assert_eq!(texts(63.0, Some(100.0)), ["0", "25", "50", "75", "100"]);
    assert_eq!(texts(0.0, None).last().map(String::as_str), Some("1.25"));
    assert_eq!([grouped(1_234_567.0, 0), grouped(123.0, 1), grouped(0.0, 0)], ["1,234,567", "123.0", "0"]);
    assert_eq!(
        [0.0, 0.012_345, 12.345, 12_345.6].map(four_digits),
        ["0.000000000", "0.01235", "12.35", "12,346"]
    );
}

proptest! {
    #[test]
    fn scales_hold_all_values_in_few_round_steps(greatest in prop_oneof![1e-6_f64..1e9, 0.5_f64..200.0]) {
        let scale = Scale::up_to(greatest, None);
        prop_assert!(scale.end >= greatest && scale.end <= greatest * 1.6, "{scale:?}");
        prop_assert!((4..=12).contains(&scale.ticks.len()), "{scale:?}");
        let mut texts: Vec<&String> = scale.ticks.iter().map(|(_, text)| text).collect();
        texts.dedup();
        prop_assert_eq!(texts.len(), scale.ticks.len(), "every tick reads differently: {:?}", scale);
    }
}
