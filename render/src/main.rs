//! `benchmark-render`: arguments to library calls to standard output.

mod cli;
mod inputs;
mod outputs;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use benchmark_render::diff::{self, Colours};
use benchmark_render::plan::Plan;
use benchmark_render::{Layers, Manifest, Release, chart, explain, manifest, release, scenarios};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use clap::{CommandFactory as _, Parser as _};
use serde_json::Value;

use cli::{
    Cli, Command, DiffArgs, Findings, Output, PlanArgs, PlanOutput, ReleaseArgs, TemplateArgs, ValidateArgs,
    ValuesArgs, When,
};

/// `diff` found differences.
const DIFFERENT: u8 = 4;

/// What a command prints, and how it ends.
struct Done {
    output: String,
    /// Said on standard error beside it.
    notes: Vec<String>,
    code: ExitCode,
}

impl From<String> for Done {
    fn from(output: String) -> Self {
        Self { output, notes: Vec::new(), code: ExitCode::SUCCESS }
    }
}

fn main() -> ExitCode {
    let done = match run(Cli::parse().command) {
        Ok(done) => done,
        Err(problems) => return fail(&problems.to_string()),
    };
    done.notes.iter().for_each(|note| say(note));
    match io::stdout().lock().write_all(done.output.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&format!("standard output: {error}")),
        _ => done.code,
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command-line program says what is wrong")]
fn say(message: &str) {
    eprintln!("{message}");
}

fn fail(message: &str) -> ExitCode {
    say(message);
    ExitCode::FAILURE
}

fn run(command: Command) -> Result<Done, Problems> {
    Ok(match command {
        Command::Template(arguments) => template(arguments)?.into(),
        Command::Config(arguments) => {
            let (release, layers) = open(&arguments)?;
            benchmark_render::config(&release, &layers)?.into()
        }
        Command::Notes(arguments) => {
            let (release, layers) = open(&arguments)?;
            benchmark_render::notes(&release, &layers)?.into()
        }
        Command::Validate(arguments) => validate(arguments)?,
        Command::Plan(arguments) => plan(arguments)?.into(),
        Command::Diff(arguments) => difference(arguments)?,
        Command::Explain { key } => explain::explain(&key)?.into(),
        Command::Scenarios { values } => scenarios::scenarios(&inputs::layers(values)?)?.into(),
        Command::Schema => format!("{:#}\n", benchmark_schemas::values::json_schema()).into(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "benchmark-render", &mut script);
            String::from_utf8_lossy(&script).into_owned().into()
        }
    })
}

/// Assumptions play no part in whether a plan is valid.
fn validate(arguments: ValidateArgs) -> Result<Done, Problems> {
    let ValidateArgs { output, release } = arguments;
    let (release, layers) = open(&release)?;
    let assumptions = benchmark_schemas::plan::Assumptions { latency_seconds: 0.0, service_cv2: 1.0 };
    let found = Plan::new(&release, &layers, assumptions);
    if output == Findings::Text {
        let notes = found?.doubts.into_iter().map(|doubt| format!("note: {doubt}"));
        return Ok(Done { output: "valid\n".to_owned(), notes: notes.collect(), code: ExitCode::SUCCESS });
    }
    let (problems, doubts) = match found {
        Ok(plan) => (Vec::new(), plan.doubts),
        Err(problems) => (problems.into_vec(), Vec::new()),
    };
    let valid = problems.is_empty();
    let problems: Vec<Value> = problems.iter().map(Problem::to_json).collect();
    let text = serde_json::json!({ "valid": valid, "problems": problems, "notes": doubts });
    let code = if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Ok(Done { output: format!("{text:#}\n"), notes: Vec::new(), code })
}

fn plan(arguments: PlanArgs) -> Result<String, Problems> {
    let PlanArgs { output, given, release } = arguments;
    let (release, layers) = open(&release)?;
    let plan = Plan::new(&release, &layers, given.into())?;
    Ok(match output {
        PlanOutput::Table => plan.to_table(),
        PlanOutput::Json => plan.to_json(),
        PlanOutput::Svg => plan.to_svg(),
    })
}

fn difference(arguments: DiffArgs) -> Result<Done, Problems> {
    let DiffArgs { old_values, old_set, old_set_string, old_set_json, manifests, color, release } = arguments;
    let skip_schema_validation = release.values.skip_schema_validation;
    let (release, layers) = open(&release)?;
    let objects = |layers: &Layers| -> Result<Vec<Value>, Problems> {
        let manifests = benchmark_render::render(&release, layers)?;
        Ok(manifests.into_iter().map(|manifest| manifest.object).collect())
    };
    let mut new = objects(&layers)?;
    let old = if let Some(file) = manifests {
        let text = inputs::read(&file, &format!("--manifests {file}"))?;
        // Hooks come and go: whether one stands in a cluster says nothing about the release.
        new.retain(|object| !manifest::is_hook(object));
        let mut old = diff::objects(&text, inputs::shown(&file))?;
        old.retain(|object| !manifest::is_hook(object));
        diff::of_cluster(&old, &new)
    } else {
        let old = ValuesArgs {
            files: old_values,
            set: old_set,
            set_string: old_set_string,
            set_json: old_set_json,
            skip_schema_validation,
            ..ValuesArgs::default()
        };
        objects(&inputs::layers(old)?)?
    };
    let changes = diff::changes(&old, &new);
    let colours = match color {
        When::Always => Colours::On,
        When::Auto if io::stdout().is_terminal() => Colours::On,
        When::Auto | When::Never => Colours::Off,
    };
    let code = if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) };
    Ok(Done { output: diff::to_text(&changes, colours), notes: Vec::new(), code })
}

fn template(arguments: TemplateArgs) -> Result<String, Problems> {
    let TemplateArgs { release, show_only, output, output_dir, no_hooks, skip_tests } = arguments;
    let (release, layers) = open(&release)?;
    let mut manifests = benchmark_render::render(&release, &layers)?;
    manifests.retain(|manifest| !(no_hooks && manifest.is_hook() || skip_tests && manifest.is_test()));
    if !show_only.is_empty() {
        manifests = chosen(&manifests, &show_only)?;
    }
    if let Some(folder) = output_dir {
        return Ok(outputs::write(&folder, &manifests)?);
    }
    Ok(match output {
        Output::Yaml => manifest::to_yaml(&manifests),
        Output::Json => manifest::to_json(&manifests),
    })
}

fn open(arguments: &ReleaseArgs) -> Result<(Release, Layers), Problems> {
    let ReleaseArgs { namespace, values, .. } = arguments;
    let (name, chart) = names(arguments)?;
    let release = Release::new(name, namespace)?;
    if let Some(chart) = chart {
        inputs::check_chart(chart)?;
    }
    if let Some(version) = &arguments.kube_version {
        chart::check_kube_version(version)?;
    }
    Ok((release, inputs::layers(values.clone())?))
}

/// Name of the release and reference of the chart: where the name is made up, the only positional argument is the chart.
fn names(arguments: &ReleaseArgs) -> Result<(String, Option<&str>), Problem> {
    let ReleaseArgs { name, chart, generate_name, name_template, .. } = arguments;
    let made_up = match name_template {
        Some(template) => Some(("--name-template", release::literal_name(template)?)),
        None => generate_name.then(|| ("--generate-name", release::generated_name())),
    };
    match (made_up, name, chart) {
        (Some((argument, _)), Some(_), Some(_)) => {
            let fault = "a name is given too";
            Err(Problem::new(Origin::Argument(argument.into()), "", fault, "leave one of the two out"))
        }
        (Some((_, made_up)), reference, None) => Ok((made_up, reference.as_deref())),
        (None, name, chart) => Ok((name.clone().unwrap_or_default(), chart.as_deref())),
        (Some((_, made_up)), None, chart) => Ok((made_up, chart.as_deref())),
    }
}

/// The manifests of the templates asked for, in the order of the questions, as Helm prints them.
fn chosen(manifests: &[Manifest], templates: &[String]) -> Result<Vec<Manifest>, Problems> {
    let mut chosen = Vec::new();
    let mut problems = Vec::new();
    for template in templates {
        let found = manifests.iter().filter(|manifest| manifest.template == template);
        let before = chosen.len();
        chosen.extend(found.cloned());
        if chosen.len() == before {
            let known: Vec<&str> = manifests.iter().map(|manifest| manifest.template).collect();
            let remedy = if known.is_empty() {
                "nothing is rendered with these values".to_owned()
            } else {
                format!("rendered are {}", known.join(", "))
            };
            let origin = Origin::Argument(format!("--show-only {template}").into());
            problems.push(Problem::new(origin, "", "no object comes from this template", remedy));
        }
    }
    Problems::check(problems)?;
    Ok(chosen)
}
