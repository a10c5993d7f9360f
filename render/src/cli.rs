//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Renders and validates the benchmark-charts manifests without Helm and without a cluster.
#[derive(Debug, Parser)]
#[command(name = "benchmark-render", version, about, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 invalid input, 2 wrong usage.";

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

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the Kubernetes objects, as `helm template` does
    #[command(after_help = TEMPLATE_HELP)]
    Template(TemplateArgs),
    /// Print only config.yml, what the runner in the pod reads
    #[command(after_help = CONFIG_HELP)]
    Config(ReleaseArgs),
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
    pub(crate) name: String,
    /// The chart, as given to Helm. Only benchmark-charts is known, and it is built in; a folder must hold the same
    pub(crate) chart: Option<String>,
    /// Namespace of the release
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) values: ValuesArgs,
}

/// Values, in Helm's forms.
#[derive(Debug, Args)]
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
