//! What the README shows is what happens: its console blocks are run and their output compared, its verbs exist, and
//! its cluster commands render.
//!
//! In a `console` block a line that starts with `$ ` is a command for bash; the lines below it are its output, in
//! which `...` stands for any lines. All blocks run in one folder, one after another.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{program, root, run_ok, tool};

fn readme() -> Result<String> {
    Ok(fs_err::read_to_string(root().join("README.md"))?)
}

/// Bodies of the fenced blocks whose information string is `info`.
fn blocks<'a>(text: &'a str, info: &str) -> Vec<&'a str> {
    let opening = format!("```{info}\n");
    text.split(opening.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Commands of a console block with the output that is shown for each.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else if let Some((command, output)) = found.last_mut() {
            if command.ends_with('\\') {
                command.truncate(command.len() - 1);
                command.push_str(line.trim_start());
            } else {
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    found
}

/// True if `given` is what `shown` shows, `...` standing for any text.
fn agrees(shown: &str, given: &str) -> bool {
    let parts: Vec<&str> = shown.split("...").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == given };
    let Some(mut rest) = given.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    assert!(agrees("a\nb\n", "a\nb\n"));
    assert!(!agrees("a\nb\n", "a\nc\n"));
    assert!(agrees("a\n...\nc\n", "a\nb\nb\nc\n"));
    assert!(!agrees("a\n...\nd\n", "a\nb\nc\n"));
    assert!(agrees("... done\n... done\n", "12:00 done\n12:01 done\n"));
    assert!(!agrees("... done\n... done\n", "12:00 done\n"));
}

#[test]
fn console_blocks_show_what_happens() -> Result<()> {
    let text = readme()?;
    let folder = tempfile::tempdir()?;
    let programs = program("inference-perf").parent().map(Path::to_owned).context("the programs' folder")?;
    let path = std::env::join_paths(
        [programs].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    let mut count = 0;
    for (command, shown) in blocks(&text, "console").into_iter().flat_map(commands) {
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("COLUMNS", "100")
            .output()?;
        let refused = shown.starts_with("--set ");
        ensure!(output.status.success() != refused, "$ {command}: {}", output.status);
        let given = format!("{}{}", String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        ensure!(agrees(&shown, &given), "$ {command}\nshown:\n{shown}\ngiven:\n{given}");
        count += 1;
    }
    ensure!(count >= 4, "only {count} commands found");
    Ok(())
}

#[test]
fn the_two_commands_are_verbs_and_the_packages_are_those_asked_for() -> Result<()> {
    let text = readme()?;
    let makefile = fs_err::read_to_string(root().join("Makefile"))?;
    let prerequisites = fs_err::read_to_string(root().join("tests/tools/prerequisites.sh"))?;
    let ci = fs_err::read_to_string(root().join(".ci/run"))?;
    let block = *blocks(&text, "sh").first().context("the commands")?;
    let mut lines = block.lines();
    let install = lines.next().context("the line of packages")?;
    ensure!(
        prerequisites.contains(&format!("apt_line='{install}'")),
        "prerequisites.sh names other packages"
    );
    let verbs: Vec<&str> = lines.filter_map(|line| line.strip_prefix("make ")).collect();
    assert_eq!(verbs, ["demo", "test"]);
    for verb in &verbs {
        ensure!(makefile.contains(&format!("\n{verb}: ")), "the Makefile has no verb {verb}");
    }
    let last = ci.lines().last().context(".ci/run has lines")?;
    assert_eq!(last, "make test", "CI ends with exactly the README's test command");
    Ok(())
}

#[test]
fn cluster_commands_render() -> Result<()> {
    let text = readme()?;
    let mut installs = 0;
    for block in blocks(&text, "sh cluster") {
        let joined = block.replace("\\\n", " ");
        for line in joined.lines().filter(|line| line.starts_with("helm install ")) {
            let words: Vec<&str> =
                line.split_whitespace().skip(2).filter(|w| *w != "--create-namespace").collect();
            let arguments = ["template"].iter().chain(&words).map(|word| word.replace("charts/", &charts()));
            let manifests = run_ok(&tool("helm"), arguments)?;
            for name in joined.lines().filter(|line| line.starts_with("kubectl ")).filter_map(job_name) {
                ensure!(manifests.contains(&format!("name: {name}")), "{line} renders no {name}");
            }
            installs += 1;
        }
    }
    ensure!(installs > 0, "no installation is shown");
    Ok(())
}

fn charts() -> String {
    format!("{}/", root().join("charts").display())
}

/// `NAME` of `job/NAME` in a kubectl command.
fn job_name(line: &str) -> Option<&str> {
    line.split_whitespace().find_map(|word| word.strip_prefix("job/"))
}
