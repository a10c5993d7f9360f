//! The renderer is a function of its input: the same arguments and files give the same bytes, wherever and whenever it runs,
//! and its library and what it stands on have no way to anything else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use benchmark_tests::{program, root, run};

use crate::helm::{Case, ci_cases, guide_cases};

/// Ways out of a pure function. Maps without an order are among them: they are seeded at random.
const WAYS_OUT: [&str; 15] = [
    "std::env::",
    "std::fs",
    "fs_err",
    "std::io",
    "std::net",
    "std::os",
    "std::path",
    "std::process",
    "std::thread",
    "std::time",
    "jiff",
    "rand::",
    "HashMap",
    "HashSet",
    "unsafe",
];

/// Files of the program around the library: they read arguments and files, and write.
const PROGRAM: [&str; 4] = ["main.rs", "cli.rs", "inputs.rs", "outputs.rs"];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "bin" | "tests") {
                sources(&path, into)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            into.push(path);
        }
    }
    Ok(())
}

/// The code before a file's tests, without its comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_library_has_no_clock_environment_network_or_chance() -> Result<()> {
    let render = root().join("render/src");
    let mut files = Vec::new();
    sources(&render, &mut files)?;
    files.retain(|file| !PROGRAM.iter().any(|name| *file == render.join(name)));
    sources(&root().join("schemas/src"), &mut files)?;
    assert!(files.len() > 80, "only {} files", files.len());
    for file in files {
        let code = code(&fs_err::read_to_string(&file)?);
        let found: Vec<_> = WAYS_OUT.iter().filter(|way| code.contains(*way)).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
    Ok(())
}

/// What the renderer prints for a case, by another program in front of it where there is one.
fn printed(case: &Case, command: &str, before: &[&str]) -> Result<Vec<u8>> {
    let mut words: Vec<String> = before.iter().map(|&word| word.to_owned()).collect();
    words.extend([
        program("benchmark-render").to_string_lossy().into_owned(),
        command.to_owned(),
        case.release.clone(),
    ]);
    words.extend(case.arguments.iter().cloned());
    let output = Command::new(&words[0]).args(&words[1..]).output()?;
    ensure!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

#[test]
fn the_same_input_gives_the_same_bytes() -> Result<()> {
    // Another environment, and no network where the machine lets a user take it away.
    let elsewhere =
        ["env", "-i", "TZ=Asia/Seoul", "LANG=ko_KR.UTF-8", "HOME=/nonexistent", "HELM_NAMESPACE=other"];
    let alone = ["unshare", "--map-root-user", "--net"];
    let may = run("unshare".as_ref(), ["--map-root-user", "--net", "true"])
        .is_ok_and(|output| output.status.success());
    for case in guide_cases().into_iter().chain(ci_cases()?) {
        for command in ["template", "notes"] {
            let first = printed(&case, command, &[])?;
            assert!(first == printed(&case, command, &elsewhere)?, "case {:?}", case.name);
            if may {
                assert!(first == printed(&case, command, &alone)?, "case {:?} without a network", case.name);
            }
        }
    }
    Ok(())
}
