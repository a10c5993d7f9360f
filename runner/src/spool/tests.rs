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

/// Entries of `source`, and what could not be read of it.
fn entries(source: &SpoolSource) -> Vec<SpoolEntry> {
    source.entries().expect("a spool").collect::<Result<_, _>>().expect("readable")
}

/// A writer on a device that is always full, as if it had written the head.
fn on_a_full_disk(folder: &Path) -> SpoolWriter {
    let full = std::fs::File::options().read(true).write(true).open("/dev/full").expect("Linux has it");
    SpoolWriter::on(full, file_in(folder))
}

#[test]
fn what_a_full_disk_refuses_is_held_within_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = on_a_full_disk(folder.path());
    writer.hold_at_most(1 << 20);
    let mut appended = 0;
    let error = loop {
        if let Err(error) = writer.append(&record(appended, 20)) {
            break error;
        }
        writer.sync().expect("it is held");
        appended += 1;
    };
    assert!(writer.position() > 1 << 20 && writer.position() < (1 << 20) + 1000);
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(writer.append(&record(0, 1)).expect_err("too much is held").to_string(), error.to_string());
    assert_eq!(writer.flush().expect_err("too much is held").to_string(), error.to_string());
    let source = writer.source();
    assert_eq!(source.fault(), Some(error.to_string().as_str()));
    // The device reads as zeros, so what is held is looked at by itself.
    let held = source.entries_from(MAGIC.len() as u64).expect("a spool");
    let held: Vec<_> = held.collect::<Result<_, _>>().expect("readable");
    assert_eq!(held, (0..=appended).map(|index| record(index, 20)).collect::<Vec<_>>());
}

/// The file is replaced by one that refuses, and back: as a disk that is full for a while.
#[test]
fn a_disk_that_is_full_for_a_while_leaves_no_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    writer.append(&record(0, 3)).expect("appended");
    writer.sync().expect("synced");
    let full = std::fs::File::options().read(true).write(true).open("/dev/full").expect("Linux has it");
    let file = writer.replace_file(full);
    for index in 1..600 {
        writer.append(&record(index, 20)).expect("held");
    }
    writer.flush().expect("held");
    assert!(writer.source().fault().expect("a fault").contains("No space left on device"));
    assert_eq!(read(folder.path()).0.len(), 1);
    writer.replace_file(file);
    assert_eq!(entries(&writer.source()).len(), 600, "before the file has them too");
    writer.append(&record(600, 1)).expect("appended");
    writer.sync().expect("synced");
    assert_eq!(writer.source().fault(), None);
    let (found, torn) = read(folder.path());
    assert_eq!((found.len(), torn), (601, None));
    assert_eq!(found, entries(&writer.source()));
}

#[test]
fn a_spool_whose_folder_is_gone_is_whole_elsewhere() {
    let [folder, refuge] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    writer.append(&record(0, 3)).expect("appended");
    writer.sync().expect("synced");
    fs_err::remove_dir_all(folder.path()).expect("removed");
    writer.append(&record(1, 3)).expect("appended");
    writer.sync().expect("synced");
    writer.append(&record(2, 3)).expect("appended, not flushed");
    let source = writer.source();
    let all: Vec<_> = (0..3).map(|index| record(index, 3)).collect();
    assert_eq!(entries(&source), all);
    assert!(source.fault().expect("a fault").ends_with("records.bin is gone"));
    source.rescue_to(refuge.path()).expect("written");
    assert_eq!(read(refuge.path()), (all, None));
}

#[test]
fn entries_are_read_from_any_of_them_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
    let mut starts = Vec::new();
    for index in 0..300 {
        starts.push(writer.position());
        writer.append(&record(index, 20)).expect("appended");
    }
    for source in [writer.source(), SpoolSource::in_folder(folder.path())] {
        let whole = entries(&source).len();
        for start in [0, 1, 150, 299].into_iter().filter(|start| *start < whole) {
            let from = source.entries_from(starts[start]).expect("a spool");
            let from: Vec<_> = from.collect::<Result<_, _>>().expect("readable");
            assert_eq!(from.first(), Some(&record(start as u64, 20)));
            assert_eq!(from.len(), whole - start);
        }
    }
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
