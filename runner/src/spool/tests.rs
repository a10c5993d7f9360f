//! What is written is read, and what is cut off costs no more than the last entry.

use benchmark_schemas::record::{
    Chunk, ChunkKind, Failure, Medium, Outcome, Record, Retries, RunEnd, SpoolEntry, TokenRules, TurnFacts,
    Usage,
};
use proptest::prelude::*;

use super::*;

const KINDS: [ChunkKind; 3] = [ChunkKind::Reasoning, ChunkKind::Content, ChunkKind::ToolCall];

fn record(index: u64, chunks: usize) -> SpoolEntry {
    let at = |step: usize| 1_000_000 * i64::try_from(step).expect("few");
    SpoolEntry::Request(Box::new(Record {
        stage: 1,
        index,
        due: -5,
        permitted: Some(3),
        start: Some(4),
        connected: Some(5),
        sent: None,
        head: None,
        end: at(chunks + 1),
        adapter: None,
        objectives: None,
        outcome: if index.is_multiple_of(2) {
            Outcome::Success
        } else {
            let error_type = "HTTP Error 503".to_owned();
            Outcome::Failure(Failure { error_type, message: "busy".to_owned() })
        },
        streamed: true,
        request_bytes: 100,
        prompt_tokens: 7,
        drawn_prompt_tokens: 7,
        max_tokens: 16,
        rules: TokenRules::default(),
        output_tokens: Some(2),
        usage: Some(Usage { completion_tokens: Some(2), raw: "{}".to_owned(), ..Usage::default() }),
        chunks: (0..chunks).map(|step| Chunk { at: at(step), tokens: 1, kind: KINDS[step % 3] }).collect(),
        done_seen: true,
        retries: index.is_multiple_of(3).then_some(Retries { count: 2, last_start: 4 }),
        bodies: None,
        turn: index.is_multiple_of(2).then_some(TurnFacts { speaker: 3, round: index, ready: Some(4) }),
        media: vec![Medium::Audio { seconds: 0.5, bytes: 7 }; usize::from(index.is_multiple_of(5))],
    }))
}

fn written(entries: &[SpoolEntry]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    for entry in entries {
        writer.append(entry).expect("appended");
    }
    writer.sync().expect("synced");
    folder
}

fn read(folder: &Path) -> (Vec<SpoolEntry>, Option<Torn>) {
    let mut reader = SpoolReader::open(folder).expect("a spool");
    let entries = reader.by_ref().collect::<Result<_, _>>().expect("readable");
    (entries, reader.torn())
}

#[test]
fn entries_come_back_in_order() {
    let mut entries: Vec<_> = (0..3_000).map(|index| record(index, 20)).collect();
    entries.push(SpoolEntry::Finished(RunEnd { at: 9, interrupted: false }));
    let folder = written(&entries);
    assert_eq!(read(folder.path()), (entries, None));
}

#[test]
fn what_was_flushed_outlives_a_writer_that_never_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    writer.append(&record(0, 1)).expect("appended");
    writer.flush().expect("flushed");
    std::mem::forget(writer);
    assert_eq!(read(folder.path()), (vec![record(0, 1)], None));
}

#[test]
fn a_spool_is_never_overwritten_and_a_foreign_file_is_refused() {
    let folder = written(&[record(0, 1)]);
    for _ in 0..2 {
        drop(SpoolWriter::create(folder.path()).expect("a new spool"));
    }
    assert_eq!(read(folder.path()).0, []);
    let kept = file_in(folder.path()).with_file_name("records-1.bin");
    fs_err::rename(kept, file_in(folder.path())).expect("the first run's facts are there");
    assert_eq!(read(folder.path()).0, [record(0, 1)]);
    fs_err::write(file_in(folder.path()), "IPSPOOL9").expect("a file");
    assert!(matches!(SpoolReader::open(folder.path()), Err(SpoolError::Format { .. })));
    fs_err::write(file_in(folder.path()), "IP").expect("a file");
    assert!(matches!(SpoolReader::open(folder.path()), Err(SpoolError::Format { .. })));
    let none = tempfile::tempdir().expect("a folder");
    assert!(matches!(SpoolReader::open(none.path()), Err(SpoolError::File { .. })));
}

#[test]
fn a_write_error_is_final() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    writer.append(&record(0, 1)).expect("appended");
    let error = writer.fail("No space left on device");
    assert_eq!(writer.append(&record(1, 1)).expect_err("failed").to_string(), error.to_string());
    assert_eq!(writer.flush().expect_err("failed").to_string(), error.to_string());
    drop(writer);
    assert_eq!(read(folder.path()).0.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_spool_cut_anywhere_gives_its_whole_entries(
        chunks in proptest::collection::vec(0usize..6, 1..8), cut in any::<prop::sample::Index>(), garbage: bool,
    ) {
        let entries: Vec<_> = (0..).zip(&chunks).map(|(index, &chunks)| record(index, chunks)).collect();
        let folder = written(&entries);
        let path = file_in(folder.path());
        let bytes = fs_err::read(&path).expect("bytes");
        let ends: Vec<usize> = (0..=entries.len())
            .map(|n| fs_err::read(file_in(written(&entries[..n]).path())).expect("bytes").len())
            .collect();
        let cut = MAGIC.len() + cut.index(bytes.len() - MAGIC.len() + 1);
        let mut torn = bytes[..cut].to_vec();
        if garbage {
            torn.extend_from_slice(&[7; 24]);
        }
        fs_err::write(&path, &torn).expect("written");

        let whole = ends.iter().rposition(|&end| end <= cut).expect("the head at least");
        let (found, tail) = read(folder.path());
        prop_assert_eq!(&found[..], &entries[..whole]);
        let lost = torn.len() - ends[whole];
        let expected = (lost > 0).then(|| Torn { offset: ends[whole] as u64, lost_bytes: lost as u64 });
        prop_assert_eq!(tail, expected);
    }
}

#[test]
fn reading_ahead_gives_the_same_entries() {
    for count in [0, 1, 64, 65, 1000] {
        let entries: Vec<_> = (0..count).map(|index| record(index, 2)).collect();
        let folder = written(&entries);
        let ahead = || ReadAhead::new(SpoolReader::open(folder.path()).expect("a spool")).expect("a thread");
        assert_eq!(ahead().collect::<Result<Vec<_>, _>>().expect("readable"), entries);
        // Whoever stops early leaves nobody waiting.
        let first = ahead().next().transpose().expect("readable");
        assert_eq!(first.as_ref(), entries.first());
    }
}
