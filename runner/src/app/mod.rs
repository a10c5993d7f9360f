//! The program's commands: wiring of the modules, messages to the person, exit codes. No measuring, no arithmetic.

pub mod llm_d;
mod model;
mod results;
mod run;
mod simulate;
mod stages;
mod start;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, Command};
use crate::progress::Progress;

/// How a command ended, as an exit code (README, "Exit codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, results stored.
    Done,
    /// Invalid input or start-up failure.
    Invalid,
    /// Results could not be stored where asked.
    NotStored,
    /// Interrupted; 128 + the signal's number.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Invalid => 1,
            Exit::NotStored => 3,
            Exit::Signal(code) => code,
        })
    }
}

/// Does what the command line asks for. Errors are printed to standard error, one a line.
pub fn main(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        None => {
            let Some(config_file) = cli.run.config_file else {
                let missing = "a run needs --config_file PATH (-c PATH); see --help for the other commands";
                Cli::command().error(ErrorKind::MissingRequiredArgument, missing).exit();
            };
            let progress = Progress::new();
            crate::logging::start(cli.run.log_level, progress.bars());
            run::run(&config_file, &progress)
        }
        Some(Command::Validate { config_file }) => validate(&config_file),
        Some(Command::Report { directory }) => results::rebuild(&directory),
        Some(Command::Simulate(arguments)) => {
            crate::logging::start(crate::cli::LogLevel::Warning, Progress::new().bars());
            simulate::run(*arguments).map(|()| Exit::Done).map_err(Into::into)
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            Exit::Invalid.into()
        }
    }
}

/// Checks a configuration file as a run would before it starts, tokenizer, headers and TLS files included.
fn validate(config_file: &Path) -> anyhow::Result<Exit> {
    let start = start::read(config_file)?;
    run::transports(&start.config)?;
    say(&format!("{}: valid", config_file.display()));
    Ok(Exit::Done)
}

/// Prints a line, or a text of several, to standard output. A reader that has gone away is no error.
fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// Prints a line, or a text of several, to standard error.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
