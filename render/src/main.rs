//! `benchmark-render`: arguments to library calls to standard output.

mod cli;
mod inputs;

use std::io::{self, Write as _};
use std::process::ExitCode;

use benchmark_render::{Manifest, Release, manifest};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use clap::Parser as _;

use cli::{Cli, Command, Output, ReleaseArgs, TemplateArgs};

fn main() -> ExitCode {
    let output = match run(Cli::parse().command) {
        Ok(output) => output,
        Err(problems) => return fail(&problems.to_string()),
    };
    match io::stdout().lock().write_all(output.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(&format!("standard output: {error}")),
        _ => ExitCode::SUCCESS,
    }
}

#[expect(clippy::print_stderr, reason = "this is where a command-line program says what is wrong")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}

fn run(command: Command) -> Result<String, Problems> {
    match command {
        Command::Template(arguments) => template(arguments),
        Command::Config(arguments) => {
            let (release, layers) = open(arguments)?;
            benchmark_render::config(&release, &layers)
        }
    }
}

fn template(arguments: TemplateArgs) -> Result<String, Problems> {
    let TemplateArgs { release, show_only, output } = arguments;
    let (release, layers) = open(release)?;
    let mut manifests = benchmark_render::render(&release, &layers)?;
    if !show_only.is_empty() {
        manifests = chosen(&manifests, &show_only)?;
    }
    Ok(match output {
        Output::Yaml => manifest::to_yaml(&manifests),
        Output::Json => manifest::to_json(&manifests),
    })
}

fn open(arguments: ReleaseArgs) -> Result<(Release, benchmark_render::Layers), Problems> {
    let release = Release::new(arguments.name, arguments.namespace)?;
    if let Some(chart) = &arguments.chart {
        inputs::check_chart(chart)?;
    }
    Ok((release, inputs::layers(arguments.values)?))
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
