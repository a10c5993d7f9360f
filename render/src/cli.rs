//! The command line.

use std::path::PathBuf;

use benchmark_schemas::plan::Assumptions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Renders and validates the benchmark-charts manifests without Helm and without a cluster.
#[derive(Debug, Parser)]
#[command(name = "benchmark-render", version, about, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 invalid input, 2 wrong usage, 4 `diff` found differences.";

const TEMPLATE_HELP: &str = "\
Examples:
  benchmark-render template saturation-test --set benchmark.scenario=saturation
  benchmark-render template nightly -f values.yaml -n benchmarking | kubectl apply -f -
  benchmark-render template nightly -f values.yaml --show-only templates/job.yaml

Values are layered as Helm does it: the chart's defaults, then all -f files in order, then
--set-json, --set, --set-string, --set-file and --set-literal, each kind in order.
Maps merge, lists replace, null takes a default away.";

const CONFIG_HELP: &str = "\
Examples:
  benchmark-render config saturation-test --set benchmark.scenario=saturation > config.yml
  inference-perf --config_file config.yml";

const NOTES_HELP: &str = "\
Examples:
  benchmark-render notes nightly -f values.yaml -n benchmarking

The text is the chart's NOTES.txt as `helm install` prints it after `NOTES:`.";

const VALIDATE_HELP: &str = "\
Examples:
  benchmark-render validate nightly -f values.yaml
  benchmark-render validate nightly -f values.yaml -o json | jq '.problems[].key'

Checks the values against the schema and the chart's rules, and the config.yml that they give against the runner's,
which Helm cannot. What is doubtful but allowed is printed as a note.";

const PLAN_HELP: &str = "\
Examples:
  benchmark-render plan nightly --set benchmark.scenario=saturation
  benchmark-render plan nightly -f values.yaml --latency-seconds 4 --service-cv2 0.5
  benchmark-render plan nightly -f values.yaml -o svg > arrivals.svg";

const DIFF_HELP: &str = "\
Examples:
  benchmark-render diff nightly -f new.yaml --old-values old.yaml
  benchmark-render diff nightly --set benchmark.scenario=saturation
  kubectl get job,configmap,serviceaccount -l app.kubernetes.io/instance=nightly -o yaml \\
    | benchmark-render diff nightly -f values.yaml --manifests -

Without --old-… and --manifests the values are compared with the chart's defaults.";

const EXPLAIN_HELP: &str = "\
Examples:
  benchmark-render explain benchmark.target.baseUrl
  benchmark-render explain benchmark.scenarios.saturation.load.stages[0].rate";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the Kubernetes objects, as `helm template` does
    #[command(after_help = TEMPLATE_HELP)]
    Template(TemplateArgs),
    /// Print only config.yml, what the runner in the pod reads
    #[command(after_help = CONFIG_HELP)]
    Config(ReleaseArgs),
    /// Print what `helm install` tells its user: how to follow the run, where its results are, what is risky
    #[command(after_help = NOTES_HELP)]
    Notes(ReleaseArgs),
    /// Check values and the config.yml that they give, and print every problem
    #[command(after_help = VALIDATE_HELP)]
    Validate(ValidateArgs),
    /// Say what a release will do: requests, tokens, time, and which overload its stages can tell from chance
    #[command(after_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Compare two sets of values, or values with manifests, key by key
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArgs),
    /// Say what a key of the values means, its default, and what it becomes in config.yml
    #[command(after_help = EXPLAIN_HELP)]
    Explain {
        /// Dotted path of a key; the keys at the top if absent
        #[arg(default_value = "", hide_default_value = true)]
        key: String,
    },
    /// List the scenarios and what each sends
    Scenarios {
        #[command(flatten)]
        values: ValuesArgs,
    },
    /// Print the JSON Schema of the values (draft-07)
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Findings::Text)]
    pub(crate) output: Findings,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

/// Form of what `validate` finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Findings {
    /// One problem a line, on standard error
    Text,
    /// One JSON object on standard output
    Json,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Form of the output; svg is a picture of the offered rate over time
    #[arg(short, long, value_enum, default_value_t = PlanOutput::Table)]
    pub(crate) output: PlanOutput,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

/// What a plan takes as given.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct GivenArgs {
    /// Time that a request takes, from which the requests in flight follow
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = above_zero)]
    latency_seconds: f64,
    /// Squared coefficient of variation of the server's completions: 0 for a clockwork, 1 for a Poisson process
    #[arg(long, value_name = "C2", default_value_t = 1.0, value_parser = not_negative)]
    service_cv2: f64,
}

impl From<GivenArgs> for Assumptions {
    fn from(given: GivenArgs) -> Self {
        Self { latency_seconds: given.latency_seconds, service_cv2: given.service_cv2 }
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    finite(text).filter(|value| *value > 0.0).ok_or_else(|| "a number above 0 is needed".to_owned())
}

fn not_negative(text: &str) -> Result<f64, String> {
    finite(text).filter(|value| *value >= 0.0).ok_or_else(|| "a number not below 0 is needed".to_owned())
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    Table,
    Json,
    Svg,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Old file of values; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) old_values: Vec<String>,
    /// Old value, as for --set
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) old_set: Vec<String>,
    /// Old value, as for --set-string
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) old_set_string: Vec<String>,
    /// Old value, as for --set-json
    #[arg(long, value_name = "KEY=JSON", allow_hyphen_values = true)]
    pub(crate) old_set_json: Vec<String>,
    /// Compare with these manifests (`-`: standard input) instead; what a cluster adds to them does not count
    #[arg(long, value_name = "FILE", conflicts_with_all = ["old_values", "old_set", "old_set_string", "old_set_json"])]
    pub(crate) manifests: Option<String>,
    /// Colours
    #[arg(long, value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    Always,
    Never,
}

/// Arguments of `template`.
#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// Print only the objects of this template, for example templates/job.yaml; may be repeated
    #[arg(short = 's', long, value_name = "TEMPLATE")]
    pub(crate) show_only: Vec<String>,
    /// Form of the output: YAML documents, or one JSON object of kind List
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    pub(crate) output: Output,
    /// Write each template's objects to a file under this folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Leave out what Helm runs as hooks
    #[arg(long)]
    pub(crate) no_hooks: bool,
    /// Leave out the pods of `helm test`
    #[arg(long)]
    pub(crate) skip_tests: bool,
    #[command(flatten)]
    pub(crate) release: ReleaseArgs,
}

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Yaml,
    Json,
}

/// Which release of which chart, with which values.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// Name of the release
    #[arg(required_unless_present_any = ["generate_name", "name_template"])]
    pub(crate) name: Option<String>,
    /// The chart, as given to Helm. Only benchmark-charts is known, and it is built in; a folder must hold the same
    pub(crate) chart: Option<String>,
    /// Make up the name: benchmark-charts- and ten zeros, where Helm puts the time
    #[arg(short, long)]
    pub(crate) generate_name: bool,
    /// Name of the release, as text; Helm's template actions are not known
    #[arg(long, value_name = "TEXT", conflicts_with = "generate_name")]
    pub(crate) name_template: Option<String>,
    /// Version of Kubernetes that the chart has to suit; the objects are the same for all that it does
    #[arg(long, value_name = "VERSION")]
    pub(crate) kube_version: Option<String>,
    /// Accepted as Helm does; no object depends on it
    #[arg(short, long, value_name = "API")]
    pub(crate) api_versions: Vec<String>,
    /// Accepted as Helm does; no object depends on it
    #[arg(long)]
    pub(crate) is_upgrade: bool,
    /// Namespace of the release
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) values: ValuesArgs,
}

/// Values, in Helm's forms.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValuesArgs {
    /// File of values, `-` for standard input; may be repeated or separated by commas, the last wins
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    pub(crate) files: Vec<String>,
    /// Set a value: integers, booleans and null are recognised (`a.b=1,c[0].d=x,e={p,q}`); may be repeated
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) set: Vec<String>,
    /// Set a value that is a string whatever it looks like
    #[arg(long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) set_string: Vec<String>,
    /// Set JSON values (`a.b={"x":1}`), or a whole object (`{"a":{"b":1}}`)
    #[arg(long, value_name = "KEY=JSON", allow_hyphen_values = true)]
    pub(crate) set_json: Vec<String>,
    /// Set a value to the contents of a file
    #[arg(long, value_name = "KEY=PATH", allow_hyphen_values = true)]
    pub(crate) set_file: Vec<String>,
    /// Set a value to everything after the first `=`, as it stands
    #[arg(long, value_name = "KEY=TEXT", allow_hyphen_values = true)]
    pub(crate) set_literal: Vec<String>,
    /// Do not hold the values against the schema: unknown keys, anything under benchmark.config and figures out of range
    /// pass. What the chart itself refuses stays refused, and so do values of a type that cannot be rendered
    #[arg(long)]
    pub(crate) skip_schema_validation: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
