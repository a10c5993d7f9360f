//! Order, rounds, limits, lengths, bodies, faults.

use benchmark_schemas::config::DistributionType;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::fixtures;
use super::*;

/// A folder with files of these names and texts.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs_err::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn open(path: &Path, format: RowFormat, api: ApiType, limits: LengthLimits) -> Result<Dataset, DatasetError> {
    let options = BodyOptions::new(api, "m");
    Dataset::new(DatasetFiles::open(path, format)?, Arc::new(fixtures::word_level()), limits, options)
}

fn body(dataset: &Dataset, index: u64) -> Value {
    serde_json::from_slice(&dataset.prepare(0, index).body).expect("JSON")
}

fn prompts(dataset: &Dataset, count: u64) -> Vec<String> {
    (0..count).map(|index| body(dataset, index)["prompt"].as_str().expect("a prompt").to_owned()).collect()
}

/// Two conversations as the data set's own file has them.
const CONVERSATIONS: &str = r#"[
  {"id": "a", "conversations": [
    {"from": "human", "value": "wa wb"}, {"from": "gpt", "value": "wc wd we"},
    {"from": "human", "value": "wf"}, {"from": "gpt", "value": "wg wh"}]},
  {"id": "b", "conversations": [{"from": "human", "value": "alone"}]},
  {"id": "c", "conversations": ["{\"from\": \"human\", \"value\": \"wi\"}", {"from": "gpt", "value": "wj"}]}
]"#;

#[test]
fn completions_ask_the_first_turn_and_chats_all_but_the_last_answer() {
    let folder = folder(&[("a.json", CONVERSATIONS)]);
    let path = folder.path().join("a.json");
    let dataset =
        open(&path, RowFormat::ShareGpt, ApiType::Completion, LengthLimits::default()).expect("opened");
    let golden: Vec<_> =
        (0..3).map(|index| String::from_utf8_lossy(&dataset.prepare(9, index).body).into_owned()).collect();
    insta::assert_snapshot!(golden.join("\n"), @r#"
    {"model": "m", "prompt": "wa wb", "max_tokens": 3, "ignore_eos": true, "stream": false}
    {"model": "m", "prompt": "wi", "max_tokens": 1, "ignore_eos": true, "stream": false}
    {"model": "m", "prompt": "wa wb", "max_tokens": 3, "ignore_eos": true, "stream": false}
    "#);
    let prepared = dataset.prepare(0, 0);
    // BOS and two words.
    assert_eq!((prepared.prompt_tokens, prepared.drawn), (3, Drawn { prompt_tokens: 3, output_tokens: 3 }));
    let dataset = open(&path, RowFormat::ShareGpt, ApiType::Chat, LengthLimits::default()).expect("opened");
    let asked = body(&dataset, 0);
    assert_eq!(
        (&asked["messages"], &asked["max_tokens"]),
        (
            &json!([{"role": "user", "content": "wa wb"}, {"role": "assistant", "content": "wc wd we"}, {"role": "user", "content": "wf"}]),
            &json!(2)
        )
    );
}

#[test]
fn files_of_a_folder_follow_one_another_by_name() {
    let files = [
        ("b.jsonl", "{\"prompt\": \"wc\"}\n"),
        ("a.json", "[{\"prompt\": \"wa\"}, {\"prompt\": \"wb\"}]"),
        ("notes.txt", "not a row"),
    ];
    let folder = folder(&files);
    let dataset =
        open(folder.path(), RowFormat::Own, ApiType::Completion, LengthLimits::default()).expect("opened");
    assert_eq!(prompts(&dataset, 5), ["wa", "wb", "wc", "wa", "wb"]);
    let after = |before| {
        let prepared = dataset.prepare_after(before, 1, 1);
        assert_eq!(prepared.index, 1, "its place in its stage");
        String::from_utf8_lossy(&prepared.body).into_owned()
    };
    assert!(
        after(1).contains("\"wc\"") && after(2).contains("\"wa\""),
        "a stage goes on where the one before ended"
    );
    assert_eq!(body(&dataset, 0)["max_tokens"], 30, "the row has no answer");
}

#[test]
fn rows_outside_the_limits_are_left_out() {
    let row = |words: usize, answer: usize| {
        let text = |count: usize| vec!["wa"; count].join(" ");
        format!("{}\n", json!({"prompt": text(words), "completion": text(answer)}))
    };
    let text: String =
        [(1, 5), (2, 5), (3, 5), (4, 5), (3, 1)].map(|(words, answer)| row(words, answer)).concat();
    let folder = folder(&[("a.jsonl", &text)]);
    let limit = |min, max| {
        Some(Distribution { min, max, kind: DistributionType::Uniform, ..Distribution::default() })
    };
    let opened = |input, output| {
        open(folder.path(), RowFormat::Own, ApiType::Completion, LengthLimits { input, output })
    };
    // With BOS.
    let dataset = opened(limit(3, 4), limit(2, 9)).expect("opened");
    assert_eq!(prompts(&dataset, 3), ["wa wa", "wa wa wa", "wa wa"]);
    let fault = opened(limit(10, 20), None).err().expect("nothing is left").to_string();
    let fault = fault.replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(fault, @"data.path: FOLDER/a.jsonl: none of its 5 rows can be asked: 5 are outside the limits of input_distribution and output_distribution, which without min and max are 10 to 1024 tokens, and 0 ask nothing (widen the limits, or give other data)");
}

#[test]
fn faults_name_file_and_line() {
    let folder = folder(&[
        ("text.jsonl", "{\"prompt\": \"a\"}\nprompt\n"),
        ("comma.jsonl", "{\"prompt\": \"a\"}\n\n{\"prompt\": \"a\",}\n"),
        ("field.json", "[\n{\"prompt\": \"a\"},\n{\"text\": \"a\"}\n]"),
        ("cut.json", "[\n{\"prompt\": \"a\"},\n{\"prompt\": \"b"),
        ("empty.json", ""),
        ("nothing.json", "[{\"prompt\": \"\"}]"),
        ("rows.parquet", "PAR1"),
    ]);
    let faults: Vec<_> = [
        "text.jsonl",
        "comma.jsonl",
        "field.json",
        "cut.json",
        "empty.json",
        "nothing.json",
        "rows.parquet",
        "none.json",
    ]
    .iter()
    .map(|name| {
        let opened =
            open(&folder.path().join(name), RowFormat::Own, ApiType::Completion, LengthLimits::default());
        let fault = opened.err().expect("a fault").to_string();
        fault.replace(&folder.path().display().to_string(), "FOLDER")
    })
    .collect();
    insta::assert_snapshot!(faults.join("\n"), @r"
    data.path: FOLDER/text.jsonl:2: there must be an object in braces, not `prompt` (mend this line, or remove it)
    data.path: FOLDER/comma.jsonl:3: trailing comma (mend this line, or remove it)
    data.path: FOLDER/field.json:3: a row needs `prompt` (text), `messages` (a list of role and content) or `instruction` (text) (mend this line, or remove it)
    data.path: FOLDER/cut.json:3: the object that begins here has no end: the file is cut off, or a bracket is missing (mend this line, or remove it)
    data.path: FOLDER/empty.json: none of its 0 rows can be asked: 0 are outside the limits of input_distribution and output_distribution, which without min and max are 10 to 1024 tokens, and 0 ask nothing (widen the limits, or give other data)
    data.path: FOLDER/nothing.json: none of its 1 rows can be asked: 0 are outside the limits of input_distribution and output_distribution, which without min and max are 10 to 1024 tokens, and 1 ask nothing (widen the limits, or give other data)
    data.path: FOLDER/rows.parquet: it is no whole Parquet file: EOF: Parquet file too small. Size is 4 but need 8 (give a file of JSON, JSON lines or Parquet that this process can read, or a folder of them)
    data.path: FOLDER/none.json: No such file or directory (os error 2) (give a file of JSON, JSON lines or Parquet that this process can read, or a folder of them)
    ");
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workload/testdata").join(name)
}

/// The files are pyarrow's (`tests/tools/parquet.py`).
#[test]
fn parquet_is_read_as_it_was_written() {
    let limits = LengthLimits::default;
    let dataset = open(&testdata("articles.parquet"), RowFormat::CnnDailymail, ApiType::Completion, limits());
    let dataset = dataset.expect("opened");
    // Rows without an article or a summary are none.
    let asked = prompts(&dataset, 64);
    assert_eq!(asked[..3], ["wa wb wc", "we wf", "wa wz"]);
    assert_eq!((asked[61].as_str(), asked[62].as_str()), ("wh wz", "wa wb wc"), "62 rows, then again");
    assert_eq!(body(&dataset, 1)["max_tokens"], 3);
    let path = testdata("conversations.parquet");
    let chats = open(&path, RowFormat::ShareGpt, ApiType::Chat, limits()).expect("opened");
    assert_eq!(body(&chats, 0)["messages"], json!([{"role": "user", "content": "wa é"}]));
    assert_eq!(body(&chats, 1)["messages"], json!([{"role": "user", "content": "wd"}]));
    let fault = open(&path, RowFormat::CnnDailymail, ApiType::Chat, limits()).map(drop);
    assert!(fault.is_err(), "no articles: none of the rows can be asked");
    let fault = open(&testdata("articles.parquet"), RowFormat::ShareGpt, ApiType::Chat, limits()).err();
    let fault = fault.expect("no conversations").to_string();
    assert!(fault.contains("articles.parquet, row 1: missing field `conversations`"), "{fault}");
}

#[test]
fn a_parquet_file_that_was_cut_off_is_named() {
    let whole = fs_err::read(testdata("articles.parquet")).expect("a file");
    for length in [0, 3, whole.len() / 2, whole.len() - 1] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cut.parquet");
        fs_err::write(&path, &whole[..length]).expect("a file");
        let opened = open(&path, RowFormat::CnnDailymail, ApiType::Completion, LengthLimits::default());
        let fault = opened.err().expect("cut off").to_string();
        assert!(fault.contains("cut.parquet: it is no whole Parquet file: "), "{fault}");
    }
}

#[test]
fn compressed_rows_are_read_as_if_they_were_not() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().expect("a folder");
    let compress = |name: &str, text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("compressed");
        fs_err::write(folder.path().join(name), encoder.finish().expect("compressed")).expect("a file");
    };
    let row = |i: usize| format!("{}\n", json!({"prompt": format!("p{i}")}));
    let rows = |from: usize| (from..from + 50).map(row).collect::<Vec<_>>().concat();
    compress("a.jsonl.gz", rows(0).as_bytes());
    fs_err::write(folder.path().join("b.jsonl"), rows(50)).expect("a file");
    let dataset =
        open(folder.path(), RowFormat::Own, ApiType::Completion, LengthLimits::default()).expect("opened");
    let expected: Vec<String> = (0..100).chain(0..20).map(|i| format!("p{i}")).collect();
    assert_eq!(prompts(&dataset, 120), expected);
    compress("c.jsonl.gz", b"{\"prompt\": \"x\"}\n{\"text\": 1}\n");
    let fault =
        open(&folder.path().join("c.jsonl.gz"), RowFormat::Own, ApiType::Completion, LengthLimits::default())
            .err();
    let fault = fault.expect("a wrong row").to_string();
    assert!(fault.contains("c.jsonl.gz:2: a row needs `prompt`"), "{fault}");
    let cut = fs_err::read(folder.path().join("a.jsonl.gz")).expect("a file");
    fs_err::write(folder.path().join("d.json.gz"), &cut[..cut.len() / 2]).expect("a file");
    let fault =
        open(&folder.path().join("d.json.gz"), RowFormat::Own, ApiType::Completion, LengthLimits::default())
            .err();
    assert!(fault.expect("cut off").to_string().contains("d.json.gz:"), "named");
}

#[test]
fn eight_threads_make_the_bodies_that_one_makes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.jsonl");
    let row = |i: usize| format!("{}\n", json!({"prompt": format!("p{i}")}));
    let rows = (0..500).map(row).collect::<Vec<_>>().concat();
    fs_err::write(&path, rows).expect("a file");
    let made = |threads: u64| {
        let dataset =
            open(&path, RowFormat::Own, ApiType::Completion, LengthLimits::default()).expect("opened");
        let mut bodies = std::thread::scope(|scope| {
            let make = |first| {
                let dataset = &dataset;
                scope.spawn(move || -> Vec<_> {
                    (first..1_200)
                        .step_by(usize::try_from(threads).expect("few"))
                        .map(|index| (index, dataset.prepare(2, index).body))
                        .collect()
                })
            };
            let threads: Vec<_> = (0..threads).map(make).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        bodies.sort_by_key(|(index, _)| *index);
        bodies
    };
    assert_eq!(made(1), made(8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn each_row_is_asked_once_a_round_in_its_order_whoever_asks_first(
        rows in prop::collection::vec("[a-z\"\\\\\n{}é]{1,20}", 1..30), order in prop::collection::vec(0u64..200, 1..50),
        lines: bool,
    ) {
        let values: Vec<Value> = rows.iter().map(|prompt| json!({"prompt": prompt})).collect();
        let text = if lines {
            values.iter().flat_map(|value| [value.to_string(), "\n".to_owned()]).collect()
        } else {
            serde_json::to_string_pretty(&values).expect("JSON")
        };
        let folder = folder(&[("a.json", &text)]);
        let dataset = open(folder.path(), RowFormat::Own, ApiType::Completion, LengthLimits::default()).expect("opened");
        for index in order {
            let asked = body(&dataset, index);
            prop_assert_eq!(asked["prompt"].as_str(), rows.iter().cycle().nth(usize::try_from(index).expect("small")).map(String::as_str));
        }
    }
}
