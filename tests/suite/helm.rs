//! Runs real Helm and the renderer with the same arguments.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{chart, documents, program, run, run_ok, tool};
use serde_json::Value;

/// The versions of Helm that the chart supports, by the name of their binary.
pub(crate) const HELMS: [&str; 2] = ["helm", "helm3"];

/// A copy of the chart that renders its notes as one more document: so `helm template` of either version gives them.
pub(crate) struct ChartWithNotes(tempfile::TempDir);

impl ChartWithNotes {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        run_ok("cp".as_ref(), ["-r".as_ref(), chart().as_os_str(), folder.path().as_os_str()])?;
        let copy = Self(folder);
        let notes = r#"{{ dict "kind" "Notes" "text" (include (printf "%s/NOTES.txt" .Template.BasePath) .) | toJson | replace "\ufeff" "\\ufeff" }}"#;
        fs_err::write(copy.folder().join("templates/notes.yaml"), notes)?;
        Ok(copy)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("benchmark-charts")
    }

    /// Objects and notes of what it renders.
    pub(crate) fn apart(documents: Vec<Value>) -> Result<(Vec<Value>, String)> {
        let (notes, objects): (Vec<Value>, _) = documents
            .into_iter()
            .partition(|document| document["kind"] == "Notes" && document["text"].is_string());
        let text = notes.first().and_then(|notes| notes["text"].as_str()).context("the notes")?;
        Ok((objects, format!("{}\n", text.trim())))
    }
}

/// Arguments behind `template`, the release name included; `{chart}` stands for the chart's folder.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What the case is about.
    pub(crate) name: String,
    /// Release name.
    pub(crate) release: String,
    /// `-f`, `--set`, `-n` and their values.
    pub(crate) arguments: Vec<String>,
}

impl Case {
    pub(crate) fn new<S: Into<String>>(
        name: impl Into<String>,
        release: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { name: name.into(), release: release.to_owned(), arguments }
    }

    /// The objects that `helm template` gives.
    pub(crate) fn by_helm(&self, helm: &str) -> Result<Vec<Value>> {
        documents(&run_ok(&tool(helm), self.helm_arguments())?)
    }

    /// What `helm install` prints to its user: the notes, and what it says on standard error. Only Helm 4 does so without
    /// a cluster.
    pub(crate) fn notes(&self) -> Result<(String, String)> {
        let mut arguments = self.helm_arguments();
        "install".clone_into(&mut arguments[0]);
        arguments.extend(["--dry-run=client", "--kubeconfig=/dev/null"].map(str::to_owned));
        let output = run(&tool("helm"), arguments)?;
        let (text, said) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(output.status.success(), "case {:?}: {said}", self.name);
        let notes = text.split_once("\nNOTES:\n").map(|(_, notes)| notes.to_owned());
        Ok((notes.context("no notes")?, said))
    }

    /// What Helm says who refuses the case.
    pub(crate) fn refusal_of(&self, helm: &str) -> Result<String> {
        let output = run(&tool(helm), self.helm_arguments())?;
        ensure!(!output.status.success(), "case {:?} is not refused by {helm}", self.name);
        Ok(String::from_utf8(output.stderr)?)
    }

    fn helm_arguments(&self) -> Vec<String> {
        let mut arguments =
            vec!["template".to_owned(), self.release.clone(), chart().to_string_lossy().into_owned()];
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }

    /// The objects that `benchmark-render template` gives.
    pub(crate) fn by_renderer(&self) -> Result<Vec<Value>> {
        documents(&run_ok(&program("benchmark-render"), self.renderer_arguments("template"))?)
    }

    /// The notes that `benchmark-render notes` gives.
    pub(crate) fn notes_by_renderer(&self) -> Result<String> {
        run_ok(&program("benchmark-render"), self.renderer_arguments("notes"))
    }

    /// The notes that a version of Helm gives with this copy of the chart.
    pub(crate) fn notes_by(&self, helm: &str, chart: &ChartWithNotes) -> Result<String> {
        let mut arguments = self.helm_arguments();
        arguments[2] = chart.folder().to_string_lossy().into_owned();
        let documents = documents(&run_ok(&tool(helm), arguments)?)?;
        Ok(ChartWithNotes::apart(documents)?.1)
    }

    /// The `config.yml` that `benchmark-render config` gives.
    pub(crate) fn config_by_renderer(&self) -> Result<String> {
        run_ok(&program("benchmark-render"), self.renderer_arguments("config"))
    }

    /// What each of the three says who refuses the case: the renderer, then Helm by version.
    ///
    /// # Errors
    ///
    /// If one of them accepts it.
    pub(crate) fn refusals(&self) -> Result<Vec<String>> {
        let mut outputs = vec![run(&program("benchmark-render"), self.renderer_arguments("template"))?];
        for helm in HELMS {
            outputs.push(run(&tool(helm), self.helm_arguments())?);
        }
        let refusal = |output: Output| {
            ensure!(output.status.code() == Some(1), "case {:?} is not refused by all", self.name);
            Ok(String::from_utf8(output.stderr)?)
        };
        outputs.into_iter().map(refusal).collect()
    }

    fn renderer_arguments(&self, command: &str) -> Vec<String> {
        let mut arguments = vec![command.to_owned(), self.release.clone()];
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// The guide's installation of each scenario.
pub(crate) fn guide_cases() -> Vec<Case> {
    let scenarios = [
        ("baseline", "baseline-test"),
        ("saturation", "saturation-test"),
        ("sweep", "sweep-test"),
        ("production", "production-sim"),
    ];
    let case = |(scenario, release): (&str, &str)| {
        let arguments = [
            format!("--set=benchmark.scenario={scenario}"),
            "--set=benchmark.target.baseUrl=http://qwen3-vllm.default:8000".to_owned(),
            "--set=benchmark.target.modelName=qwen3-8b".to_owned(),
            "--set=benchmark.target.tokenizerPath=Qwen/Qwen3-8B".to_owned(),
            "--namespace=benchmarking".to_owned(),
        ];
        Case::new(format!("guide: {scenario}"), release, arguments)
    };
    scenarios.map(case).to_vec()
}

/// One case for each values file of the chart's `ci` folder, named by the file.
pub(crate) fn ci_cases() -> Result<Vec<Case>> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(chart().join("ci"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    let case = |file: &PathBuf| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let arguments = vec!["-f".to_owned(), file.to_string_lossy().into_owned()];
        Case::new(format!("ci/{name}"), "ci-release", arguments)
    };
    Ok(files.iter().map(case).collect())
}
