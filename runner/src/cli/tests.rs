//! Command lines: what argparse would make of them, and every flag from its text to the effective configuration.

mod every_flag;

use benchmark_schemas::config;
use benchmark_schemas::problem::Origin;
use benchmark_schemas::tree::Node;

use super::*;

fn read(arguments: &[&str]) -> Result<Cli, clap::Error> {
    let all = ["inference-perf"].iter().chain(arguments);
    Cli::try_read(all.map(|argument| OsString::from(*argument)))
}

/// The keys that `arguments` set.
fn set(arguments: &[&str]) -> serde_json::Value {
    let cli = read(arguments).unwrap_or_else(|error| panic!("{error}"));
    let settings = match cli.command {
        Some(Command::Validate(config)) => config.settings,
        _ => cli.run.config.settings,
    };
    let mut document = Node::empty_map(Origin::Derived);
    config::apply(&mut document, settings);
    document.to_json()
}

/// What is wrong with `arguments`, without the usage that follows it.
fn fault(arguments: &[&str]) -> String {
    let error = read(arguments).expect_err("a fault");
    assert_eq!(error.exit_code(), 2, "{error}");
    let text = error.to_string();
    text.split("\n\nUsage").next().unwrap_or_default().trim_end().to_owned()
}

#[test]
fn flags_are_cut_short_as_argparse_has_it() {
    let json = set(&["--load.inter=2", "--server.base", "http://h", "--load.base_s", "-5", "-c", "f.yml"]);
    insta::assert_snapshot!(json, @r#"{"load":{"interval":2,"base_seed":-5},"server":{"base_url":"http://h"}}"#);
    // An option that is named in full is not ambiguous, whatever begins with it.
    assert_eq!(set(&["--data.path", "p=q"])["data"]["path"], "p=q");
    assert_eq!(set(&["--data.path=--x=y"])["data"]["path"], "--x=y");
    assert_eq!(set(&["--data.path", "-a b"])["data"]["path"], "-a b");
    let cli = read(&["--conf", "f.yml", "--log", "DEBUG"]).expect("options of the program too");
    assert_eq!(cli.run.config.config_file, Some(PathBuf::from("f.yml")));
    assert_eq!(cli.run.log_level, LogLevel::Debug);
    assert_eq!(read(&["-cf.yml", "--len"]).expect("read").run.config.config_file, Some("f.yml".into()));
    assert_eq!(set(&["--extensions.load.pac", "even"])["extensions"]["load"]["pacing"], "even");
    assert!(
        read(&["--hel"]).expect_err("help").exit_code() == 0,
        "--help-config does not make --hel ambiguous"
    );
}

#[test]
fn options_beside_flags_of_keys_are_all_known() {
    let mut command = Cli::command();
    command.build();
    let mut ours: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let mut known: Vec<&str> = arguments::UPSTREAM.iter().chain(&arguments::OWN).copied().collect();
    ours.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, ours);
}

#[test]
fn flags_that_cannot_be_understood_end_with_the_usage() {
    insta::assert_snapshot!(fault(&["--server", "x"]), @"error: --server is ambiguous: it could be --server.type, --server.model_name, --server.base_url, --server.ignore_eos, --server.api_key, --server.cert_path, --server.key_path");
    insta::assert_snapshot!(fault(&["--load.num_wrkers", "2", "--load.stages", "[", "--api.streaming", "maybe", "--load.type", "const"]), @r#"
    error: --load.num_wrkers: there is no such key (did you mean --load.num_workers?)
           --load.stages: is not JSON: EOF while parsing a list at line 1 column 1 (quote the whole value for the shell, for example '[{"rate": 5, "duration": 180}]')
           --api.streaming: must be true or false, is `maybe`
           --load.type: must be one of constant, poisson, trace_replay, concurrent, trace_session_replay; is `const`
    "#);
    insta::assert_snapshot!(fault(&["--load.interval", "--api.streaming", "true"]), @"error: --load.interval: a value must follow");
    insta::assert_snapshot!(fault(&["--load.interval"]), @"error: --load.interval: a value must follow");
    insta::assert_snapshot!(fault(&["--data"]).split(", ").count(), @"8");
    insta::assert_snapshot!(fault(&["--nonsense"]), @"error: unexpected argument '--nonsense' found");
    insta::assert_snapshot!(fault(&["--log-level", "info"]), @r"
    error: invalid value 'info' for '--log-level <LEVEL>'
      [possible values: DEBUG, INFO, WARNING, ERROR, CRITICAL]

    For more information, try '--help'.
    ");
}

#[test]
fn secrets_are_in_no_message() {
    let shown = fault(&["--api.headers", "{secret", "--server.api_ke", "--load.interval", "x"]);
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_run_needs_no_file_and_analysis_needs_a_folder() {
    assert!(read(&[]).expect("read").run.config.config_file.is_none());
    let cli = read(&["-a", "one", "two", "-u", "together"]).expect("read");
    assert_eq!(cli.run.analysis.analyze, [PathBuf::from("one"), PathBuf::from("two")]);
    assert_eq!(cli.run.analysis.unified_analysis_dir, Some("together".into()));
    insta::assert_snapshot!(fault(&["-a"]), @r"
    error: a value is required for '--analyze <DIR>...' but none was supplied

    For more information, try '--help'.
    ");
    fault(&["-u", "x"]);
}

#[test]
fn commands_other_than_runs_keep_their_arguments() {
    let cli = read(&["simulate", "--port", "0", "--model", "m"]).expect("read");
    assert!(matches!(cli.command, Some(Command::Simulate(arguments)) if arguments.model == "m"));
    assert_eq!(set(&["validate", "-c", "f", "--load.type=poisson"])["load"]["type"], "poisson");
}

#[test]
fn the_list_of_flags_comes_by_section() {
    let help = |arguments: &[&str]| read(arguments).expect("read").run.flags_help.expect("a list");
    insta::assert_snapshot!(help(&["--help-config", "load.sweep"]), @r"
    --load.sweep.type geometric|linear      How the rates are spread.
    --load.sweep.num_requests INTEGER       Requests of the burst.
    --load.sweep.timeout NUMBER             Longest time that the burst may take, seconds.
    --load.sweep.num_stages INTEGER         Stages to run after the burst.
    --load.sweep.stage_duration INTEGER     Length of each stage, whole seconds.
    --load.sweep.saturation_percentile NUMBER
                                            Percentile of observed rates taken as the limit, by upstream's estimator alone.
    ");
    assert_eq!(
        help(&["--help-config", "data.input_distribution"]),
        "  --data.input_distribution.KEY VALUE     Lengths of the prompts, tokens.\n\n\
         KEY is one of min, max, mean, std_dev, total_count, type, variance, skew.\n"
    );
    let sections = help(&["--help-config"]);
    assert!(sections.contains("\n  data.shared_prefix                55 flags\n"), "{sections}");
    let all = help(&["--help-config", "all"]);
    assert!(all.lines().count() < flags().len(), "a distribution is one line");
    assert_eq!(all.matches(".KEY VALUE").count(), 26);
    let error = read(&["--help"]).expect_err("help");
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::DisplayHelp, 0));
    assert!(error.to_string().lines().count() < 48, "the help is one screen");
    assert!(fault(&["--help-config", "lod"]).contains("there is no such section"));
}
