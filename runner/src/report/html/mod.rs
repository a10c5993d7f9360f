//! `report.html`: the run on one page, which needs neither scripts nor a network: the answer first, then what it rests on.
//!
//! What stands in it is worked out here and in the modules below; how it is laid out, the template and its style say.
//! Figures and tables are small enough that a run of a thousand stages stays below two megabytes.

mod axis;
mod course;
mod figures;
pub mod foreign;
mod judged;
mod other;
mod page;
mod plot;
mod table;
mod text;
mod view;

#[cfg(test)]
mod tests;

use benchmark_schemas::config::Limited;
use benchmark_schemas::report::Capacity;
use benchmark_schemas::yaml;
use jiff::Timestamp;
use serde_json::Value;

pub use self::foreign::Foreign;
pub use self::other::{answer as foreign_answer, page as foreign_page};

use self::figures::{LatencyLimit, OTHERS, Over, TTFT};
use self::page::{Fact, Figure, Page, Part};
use self::plot::Size;
use self::text::{count, duration, number};
use self::view::Stage;
use super::validation::{Severity, Validation};
use super::{Document, RunReport, answer, config, gates, tables};
use crate::clock::seconds;

/// Name of the file.
pub const NAME: &str = "report.html";

/// The page on `run`, whose reports say `validation` about one another.
pub fn document(run: &RunReport, validation: &Validation) -> Document {
    let stages = view::of_run(run);
    let limits = limits(run);
    let capacity = Some(&run.capacity);
    let page = Page {
        title: title(&run.config),
        subtitle: subtitle(run),
        interrupted: run.metrics.interrupted(),
        gates: gates::broken(run),
        answer: text::answer(&run.capacity, &stages),
        main: main_figure(&stages, (capacity, &limits)),
        findings: findings(&run.capacity),
        parts: vec![
            search_part(&run.capacity, &stages),
            load_part(&stages, (capacity, &limits)),
            stages_part(run, &stages),
            drawn(
                &course::distributions(run, &stages),
                SPREAD,
                Part::new("spread", "How latencies are spread"),
            ),
            Part {
                tables: table::server(run, &stages).into_iter().collect(),
                ..drawn(&course::over_time(run), OVER_TIME, Part::new("time", "Over time"))
            },
            validity_part(&run.capacity, &stages, validation),
            configuration_part(run),
            again_part(run),
        ],
        footer: format!(
            "Made by inference-perf {} from the records of run {}.",
            run.facts.version, run.facts.run_id
        ),
    };
    Document::text(NAME, page.render())
}

const OVER_TIME: &str = "Every second stage is shaded. Latencies stand where their requests were due.";
const SPREAD: &str = "The share of requests, or of gaps between tokens, that is not above a value. Of many stages six are shown.";
const OVER_LOAD: &str = "Each point is a stage.";

/// `part` with `plots`, about which there is `remark` to make.
fn drawn(plots: &[plot::Plot], remark: &str, part: Part) -> Part {
    if plots.is_empty() {
        return part;
    }
    let figures = plots.iter().map(|plot| Figure::of(plot, plot.title.clone())).collect();
    Part { texts: vec![remark.to_owned()], figures, ..part }
}

/// The parts of the answer.
fn findings(capacity: &Capacity) -> Vec<Fact> {
    let findings = answer::findings(capacity).into_iter();
    findings.map(|(name, text)| Fact { name, text }).collect()
}

/// Whom the run was about.
fn title(config: &Value) -> String {
    let text =
        |pointer: &str| config.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mock = text("/server/type") == Some("mock");
    match (text("/server/model_name"), text("/server/base_url").filter(|_| !mock)) {
        (Some(model), Some(url)) => format!("{model} at {url}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Inference server".to_owned(),
    }
}

/// When, how long, how much.
fn subtitle(run: &RunReport) -> String {
    let started = Timestamp::from_microsecond(run.facts.started_epoch_ns.div_euclid(1_000))
        .map_or_else(|_| String::new(), |at| format!("{}, ", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
    let took = run.metrics.end.map_or_else(|| "cut off".to_owned(), |end| duration(seconds(end.at)));
    let summary = &run.metrics.summary;
    let stages = run.metrics.stages.len();
    let noun = if stages == 1 { "stage" } else { "stages" };
    format!(
        "{started}{took}; {stages} {noun}, {} requests answered, {} failed",
        count(summary.successes.count()),
        count(summary.failures.count())
    )
}

/// The objectives, and limits of the configuration on latencies of single requests.
fn limits(run: &RunReport) -> Vec<LatencyLimit> {
    let given = Limited::ALL.into_iter().zip(run.options.limits);
    let limit = |(limited, seconds): (Limited, Option<f64>)| {
        let seconds = seconds?;
        let text = format!("goodput: at most {} ms", number(seconds * 1e3));
        Some(LatencyLimit { metric: limited.name().to_owned(), seconds, text })
    };
    run.objectives.iter().filter_map(LatencyLimit::of_objective).chain(given.filter_map(limit)).collect()
}

/// What the figures over the load are drawn with beside the stages.
type Marks<'a> = (Option<&'a Capacity>, &'a [LatencyLimit]);

/// The figure of the answer: what gets worse first, over the load.
fn main_figure(stages: &[Stage], marks: Marks<'_>) -> Option<Figure> {
    let first = [TTFT].into_iter().chain(OTHERS);
    let plots = first.flat_map(|latency| {
        Over::ALL.map(|over| figures::percentiles(latency, over, stages, marks, Size::Wide))
    });
    let plot = plots.flatten().next()?;
    let clock = if stages.iter().any(|stage| stage.scheduled.is_some()) {
        "from the scheduled instant"
    } else {
        "from the sending"
    };
    let ranges = if plot.ranges.iter().any(|range| range.estimate.is_some()) {
        " Above it the ranges of the answer; a diamond marks the estimate within, its line the 95 % interval."
    } else if plot.ranges.is_empty() {
        ""
    } else {
        " Above it the ranges of the answer."
    };
    Some(Figure::of(
        &plot,
        format!("{} {clock}: percentiles of each stage over its load.{ranges}", plot.title),
    ))
}

/// What a search did, step by step; empty if the run was none.
fn search_part(capacity: &Capacity, stages: &[Stage]) -> Part {
    let part = Part::new("search", "Search for the capacity");
    let Some(search) = &capacity.search else { return part };
    Part {
        texts: vec![judged::asked(search)],
        facts: judged::found(search),
        tables: judged::steps(search, stages).into_iter().collect(),
        ..part
    }
}

fn load_part(stages: &[Stage], marks: Marks<'_>) -> Part {
    let latencies = OTHERS.into_iter().flat_map(|latency| {
        Over::ALL.map(|over| figures::percentiles(latency, over, stages, marks, Size::Half))
    });
    let throughput = Over::ALL.into_iter().flat_map(|over| figures::throughput(over, stages));
    let plots: Vec<plot::Plot> = throughput.chain(latencies.flatten()).collect();
    drawn(&plots, OVER_LOAD, Part::new("load", "Over the load"))
}

fn stages_part(run: &RunReport, stages: &[Stage]) -> Part {
    let mut tables = vec![table::verdicts(stages)];
    tables.extend(judged::objectives(stages));
    tables.push(table::service(stages));
    tables.extend(table::scheduled(stages));
    tables.push(table::throughput(stages));
    tables.extend(table::failures(run));
    Part { tables, ..Part::new("stages", "Stages") }
}

fn validity_part(capacity: &Capacity, stages: &[Stage], validation: &Validation) -> Part {
    let mut list = capacity.notes.clone();
    list.extend(judged::descriptive(capacity));
    list.extend(validation.findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        };
        format!("{severity} ({}): {}", finding.check, finding.message)
    }));
    let texts = vec![
        format!("{}.", sentence(&answer::validity(capacity))),
        tables::limits(capacity),
        format!(
            "{} files were checked against themselves and one another: {} errors, {} warnings.",
            validation.inspected.len(),
            validation.count(Severity::Error),
            validation.count(Severity::Warning)
        ),
    ];
    Part {
        texts,
        list,
        tables: table::sending(stages).into_iter().collect(),
        ..Part::new("validity", "Validity")
    }
}

/// `text` with a capital at its start.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn configuration_part(run: &RunReport) -> Part {
    Part {
        texts: vec![
            "The effective configuration, config.yaml beside this page; secrets are masked.".to_owned(),
        ],
        code: vec![Fact { name: "config.yaml", text: yaml::emit(config::document(run).tree()) }],
        ..Part::new("configuration", "Configuration")
    }
}

fn again_part(run: &RunReport) -> Part {
    let seed =
        run.config.pointer("/load/base_seed").map_or_else(|| "not recorded".to_owned(), Value::to_string);
    let facts = vec![
        Fact { name: "Program", text: format!("inference-perf {}", run.facts.version) },
        Fact { name: "Seed of the load and the prompts", text: seed },
        Fact { name: "Tokenizer", text: run.facts.tokenizer.clone().unwrap_or_else(|| "none".to_owned()) },
        Fact { name: "Run", text: run.facts.run_id.clone() },
    ];
    let commands = "# The same load again: the same instants, the same prompts.\n\
                    # Secrets are masked in the file: give them again (INFERENCE_PERF_API_KEY, HF_TOKEN, flags).\n\
                    inference-perf -c config.yaml --storage.local_storage.path again\n\n\
                    # All reports again, this page included, from the records in spool/.\n\
                    inference-perf report .\n";
    Part {
        facts,
        code: vec![Fact { name: "Commands", text: commands.to_owned() }],
        ..Part::new("again", "How to reproduce")
    }
}
