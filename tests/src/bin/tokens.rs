//! Prints the token ids of strings as the program sees them, one list a line: `tokens TOKENIZER < STRINGS`, each line of which is
//! a string in JSON. `tests/tools/tokens.py` compares them with Python's.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use inference_perf::workload::{SpecialTokens, Tokenizer};

fn main() -> Result<()> {
    let path =
        std::env::args_os().nth(1).map(PathBuf::from).context("name a tokenizer: tokens FILE < STRINGS")?;
    let tokenizer = Tokenizer::load(&path)?;
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let ids = tokenizer.ids(&text, SpecialTokens::Counted)?;
        writeln!(output, "{}", serde_json::to_string(&ids)?)?;
    }
    output.flush()?;
    Ok(())
}
