//! The renderer is a function of its input: the same arguments and files give the same bytes, wherever and whenever it runs,
//! and its library and what it stands on have no way to anything else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use benchmark_tests::{program, root};

use crate::helm::{Case, ci_cases, guide_cases};

/// Ways out of a pure function. Maps without an order are among them: they are seeded at random. What is used of `std` is
/// named in full, so that each way is seen.
const WAYS_OUT: [&str; 16] = [
    "std::{",
    "std::env",
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
/// What they need for it.
const READS_AND_WRITES: [&str; 4] = ["fs_err", "std::io", "std::path", "std::process"];

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

fn ways_out(code: &str) -> Vec<&'static str> {
    WAYS_OUT.into_iter().filter(|way| code.contains(way)).collect()
}

#[test]
fn a_way_out_is_seen_however_it_is_written() {
    assert_eq!(ways_out("use std::env;\n"), ["std::env"]);
    assert_eq!(ways_out("let it = std::env::var(\"X\");\n"), ["std::env"]);
    assert_eq!(ways_out("pub(crate) use std::{\n    env,\n    fmt::Write,\n};\n"), ["std::{"]);
    assert_eq!(ways_out("use std::fmt::Write as _;\nuse crate::{env, net};\n"), [""; 0]);
}

#[test]
fn the_library_has_no_clock_environment_network_or_chance() -> Result<()> {
    let render = root().join("render/src");
    let mut files = Vec::new();
    sources(&render, &mut files)?;
    sources(&root().join("schemas/src"), &mut files)?;
    assert!(files.len() > 84, "only {} files", files.len());
    let around = PROGRAM.map(|name| render.join(name));
    assert!(around.iter().all(|file| files.contains(file)), "{around:?}");
    for file in files {
        let mut found = ways_out(&code(&fs_err::read_to_string(&file)?));
        if around.contains(&file) {
            found.retain(|way| !READS_AND_WRITES.contains(way));
        }
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
    let elsewhere =
        ["env", "-i", "TZ=Asia/Seoul", "LANG=ko_KR.UTF-8", "HOME=/nonexistent", "HELM_NAMESPACE=other"];
    for case in guide_cases().into_iter().chain(ci_cases()?) {
        for command in ["template", "notes"] {
            let first = printed(&case, command, &[])?;
            assert!(first == printed(&case, command, &elsewhere)?, "case {:?}", case.name);
        }
    }
    Ok(())
}
