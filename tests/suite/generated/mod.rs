//! Generated values: the renderer gives the objects and the notes that Helm gives, and refuses what Helm refuses.
//!
//! Every key of the schema has its turn, in files and in arguments of every form, with hostile texts, numbers in every
//! spelling, nulls, and scenarios of the user's own. `make parity` runs more of them.

mod case;
mod dice;
mod generator;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use benchmark_render::Release;
use benchmark_schemas::problem::Problems;
use benchmark_schemas::values;
use benchmark_tests::{documents, root, tool};
use serde_json::Value;

use crate::helm::ChartWithNotes;
use crate::parity::differences;
use case::{Case, Form};
use generator::{Generator, keys};

/// Cases for Helm 4, unless `PARITY_CASES` says otherwise.
const CASES: usize = 300;

/// For Helm 3 one of so many.
const HELM_3: usize = 6;

/// Given through its keys only: a whole one made by chance is refused.
const WHOLE: &str = "benchmark";

/// Helm 3 writes the values as YAML before it holds them against the schema, and cannot read back some characters. Helm 4 can,
/// and where the chart looks at the text it refuses it.
const ONLY_HELM_3: &str = "yaml: control characters are not allowed";

/// Objects and notes; what is said by who refuses.
type Verdict = Result<(Vec<Value>, String), String>;

fn by_renderer(case: &Case) -> Verdict {
    let release =
        Release::new(case.release, case.namespace.unwrap_or_default()).map_err(|error| error.to_string())?;
    let layers = case.layers();
    let manifests = benchmark_render::render(&release, &layers).map_err(|problems| problems.to_string())?;
    let notes = benchmark_render::notes(&release, &layers).map_err(|problems| problems.to_string())?;
    Ok((manifests.into_iter().map(|manifest| manifest.object).collect(), notes))
}

fn by_helm(helm: &str, chart: &ChartWithNotes, case: &Case) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    case.write(folder.path())?;
    let output = Command::new(tool(helm))
        .args(["template", case.release])
        .arg(chart.folder())
        .args(case.arguments())
        .current_dir(folder.path())
        .output()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(Ok(ChartWithNotes::apart(documents(&String::from_utf8(output.stdout)?)?)?))
}

/// How the two verdicts differ; nothing if they do not.
fn disagreement(ours: &Verdict, theirs: &Verdict) -> Result<Vec<String>> {
    Ok(match (ours, theirs) {
        (Ok((objects, notes)), Ok((their_objects, their_notes))) => {
            let mut found = differences(objects, their_objects)?;
            if notes.trim() != their_notes.trim() {
                let line = notes.lines().zip(their_notes.trim().lines()).find(|(one, other)| one != other);
                found.push(format!("notes: {line:?}"));
            }
            found
        }
        (Err(_), Err(said))
            if said.contains("nil pointer")
                || said.contains("YAML parse error on")
                || said.contains("wrong type for value") =>
        {
            vec![format!("refused by accident: {said}")]
        }
        (Err(_), Err(_)) => Vec::new(),
        (Ok(_), Err(said)) => vec![format!("only Helm refuses it: {said}")],
        (Err(said), Ok(_)) => vec![format!("only the renderer refuses it: {said}")],
    })
}

fn compared(helm: &str, chart: &ChartWithNotes, case: &Case) -> Result<Vec<String>> {
    let theirs = by_helm(helm, chart, case)?;
    if helm == "helm3" && theirs.as_ref().is_err_and(|said| said.contains(ONLY_HELM_3)) {
        return Ok(Vec::new());
    }
    disagreement(&by_renderer(case), &theirs)
}

/// The case without what the disagreement does not need, described.
fn described(helm: &str, chart: &ChartWithNotes, mut case: Case) -> Result<String> {
    let mut at = 0;
    while at < case.assignments.len() {
        let mut less = case.clone();
        less.assignments.remove(at);
        if compared(helm, chart, &less)?.is_empty() {
            at += 1;
        } else {
            case = less;
        }
    }
    let mut text = format!("{helm}: {:?}\n", case.arguments());
    for file in case.files() {
        let _ = writeln!(text, "---\n{file}");
    }
    for found in compared(helm, chart, &case)?.iter().take(6) {
        let _ = writeln!(text, "  {found}");
    }
    Ok(text)
}

/// Compares all cases, on every core; gives the disagreements.
fn disagreements(chart: &ChartWithNotes, cases: &[(&'static str, Case)]) -> Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        while let Some((helm, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !compared(helm, chart, case)?.is_empty() {
                let text = described(helm, chart, case.clone())?;
                found.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a comparison panicked"))?)
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn every_key_has_a_description_and_explain_prints_it() -> Result<()> {
    let text = fs_err::read_to_string(root().join("schemas/values.schema.json"))?;
    let keys = keys(&serde_json::from_str(&text)?);
    ensure!(keys.len() > 700, "{} keys", keys.len());
    for key in keys {
        let description = key.schema["description"].as_str().with_context(|| key.path.clone())?;
        let explained = benchmark_render::explain::explain(&key.path).map_err(Problems::from)?;
        ensure!(!description.is_empty() && explained.contains(description), "{}: {explained}", key.path);
    }
    Ok(())
}

#[test]
fn generated_values_are_rendered_and_refused_alike() -> Result<()> {
    let count =
        std::env::var("PARITY_CASES").ok().map_or(Ok(CASES), |text| text.parse().context("PARITY_CASES"))?;
    let seed = std::env::var("PARITY_SEED").ok().map_or(Ok(1), |text| text.parse().context("PARITY_SEED"))?;
    let keys = keys(&values::json_schema());
    let mut open: BTreeSet<String> = keys.iter().map(|key| key.path.clone()).collect();
    let mut generator = Generator::new(keys, seed);
    let mut cases = Vec::new();
    let (mut refused, mut forms) = (0, [0; 6]);
    for number in 0..count {
        let case = generator.case();
        match by_renderer(&case) {
            Ok((objects, _)) if objects.is_empty() => open.retain(|key| key != "benchmark.enabled"),
            Ok(_) => open.retain(|key| case.assignments.iter().all(|assignment| assignment.key != *key)),
            Err(_) => refused += 1,
        }
        for assignment in &case.assignments {
            let form = [Form::Set, Form::SetString, Form::SetJson, Form::SetFile, Form::SetLiteral];
            forms[form.iter().position(|form| *form == assignment.form).unwrap_or(5)] += 1;
        }
        if number % HELM_3 == 0 {
            cases.push(("helm3", case.clone()));
        }
        cases.push(("helm", case));
    }
    let open: Vec<_> = open.iter().filter(|key| *key != WHOLE).collect();
    ensure!(open.is_empty() || count < CASES, "keys that no rendered case has: {open:?}");
    ensure!((count / 10..count / 2).contains(&refused), "{refused} of {count} are refused");
    ensure!(forms.iter().all(|uses| *uses >= count / 8), "uses of the forms: {forms:?}");
    let found = disagreements(&ChartWithNotes::new()?, &cases)?;
    ensure!(found.is_empty(), "{} of {} disagree:\n{}", found.len(), cases.len(), found.join("\n"));
    Ok(())
}
