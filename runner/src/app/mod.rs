//! The program's commands: wiring of the modules, messages to the person, exit codes. No measuring, no arithmetic.

mod analyze;
mod benchmark;
mod checked;
mod compare;
mod datasets;
mod environment;
mod keeper;
mod last_words;
pub mod llm_d;
mod model;
mod report;
mod results;
mod resume;
mod run;
mod search;
mod selfcheck;
mod serving;
mod simulate;
mod stages;
mod start;
mod templates;
mod traces;
mod workload;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{Cli, Command, ConfigArgs};
use crate::preflight::NotReady;
use crate::progress::Progress;
use checked::Checked;

/// How a command ended, as an exit code (README, "Exit codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done, results stored.
    Done,
    /// Invalid input or start-up failure.
    Invalid,
    /// Results could not be stored where asked.
    NotStored,
    /// A condition that the user set does not hold.
    ConditionFails,
    /// The target is not ready; worth another try.
    NotReady,
    /// Interrupted; 128 + the signal's number.
    Signal(u8),
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Invalid => 1,
            Self::NotStored => 3,
            Self::ConditionFails => 4,
            Self::NotReady => 5,
            Self::Signal(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Does what the command line asks for. Errors are printed to standard error, one a line.
pub fn main(cli: Cli) -> ExitCode {
    if let Some(text) = &cli.run.flags_help {
        say(text.trim_end());
        return Exit::Done.into();
    }
    let outcome = match cli.command {
        None if !cli.run.analysis.analyze.is_empty() => {
            crate::logging::start(cli.run.log_level, Progress::new().bars());
            analyze::run(&cli.run.analysis)
        }
        None => {
            let progress = Progress::new();
            crate::logging::start(cli.run.log_level, progress.bars());
            run::run(cli.run.config, cli.run.resume.as_deref(), &progress)
        }
        Some(Command::Validate(config)) => validate(config),
        Some(Command::Preflight { config, wait_seconds }) => {
            crate::logging::start(crate::cli::LogLevel::Info, Progress::new().bars());
            run::preflight(config, Duration::from_secs(wait_seconds))
        }
        Some(Command::Selfcheck { seconds, tokens }) => {
            crate::logging::start(crate::cli::LogLevel::Warning, Progress::new().bars());
            selfcheck::run(crate::selfcheck::Options { seconds, tokens })
        }
        Some(Command::Report { directory, slo }) => report::run(&directory, slo),
        Some(Command::Compare(arguments)) => compare::run(&arguments),
        Some(Command::Simulate(arguments)) => {
            crate::logging::start(crate::cli::LogLevel::Warning, Progress::new().bars());
            simulate::run(*arguments).map(|()| Exit::Done).map_err(Into::into)
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            match error.downcast_ref() {
                Some(NotReady::InTime { .. }) => Exit::NotReady.into(),
                _ => Exit::Invalid.into(),
            }
        }
    }
}

/// Checks a configuration as a run would before it starts, with the files that it names.
fn validate(arguments: ConfigArgs) -> anyhow::Result<Exit> {
    crate::logging::start(crate::cli::LogLevel::Warning, Progress::new().bars());
    let name = start::name_of(arguments.config_file.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let start = runtime.block_on(start::read(arguments))?;
    Checked::of(&start.config)?;
    for warning in &start.warnings {
        complain(&format!("warning: {warning}"));
    }
    say(&format!("{name}: valid"));
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
