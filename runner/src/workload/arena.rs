//! `data.type: visionarena`: questions with pictures that people asked, one user's message each, round and round.
//!
//! The pictures, as parts of messages, lie in a file without a name: only their places are in memory. It knows nothing of
//! where the data set comes from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use benchmark_schemas::config::{ImageRepresentation, PointOrDistribution, VisionArena as Settings};
use benchmark_schemas::record::Medium;
use parquet::record::{Field, Row};

use super::body::BodyOptions;
use super::dataset::parquet_rows;
use super::media::{Encoded, Item, Shape, image_part, is_image, point, woven};
use super::{Drawn, Prepared, Workload};
use crate::seed::{Purpose, Seed};

/// Why there are no questions.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// A file cannot be read.
    #[error("data.visionarena: {}: {fault} (remove it from the cache, so that it is fetched again)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// No row can be asked.
    #[error(
        "data.visionarena: none of the {rows} rows of {name} has a question and a picture in PNG, JPEG or WebP (name another data set)"
    )]
    Nothing {
        /// Rows that there are.
        rows: u64,
        /// The data set.
        name: String,
    },
}

/// Questions with pictures.
#[derive(Debug)]
pub struct Arena {
    questions: Vec<Question>,
    pictures: File,
    /// Bytes of pictures so far.
    end: u64,
    /// Rows gone through.
    rows: u64,
    most_rows: usize,
    most_pictures: usize,
    point: Option<PointOrDistribution>,
}

#[derive(Debug)]
struct Question {
    text: String,
    pictures: Vec<Picture>,
}

/// A picture as a part of a message.
#[derive(Debug)]
struct Picture {
    offset: u64,
    bytes: usize,
    medium: Medium,
}

impl Arena {
    /// Nothing is read yet.
    ///
    /// # Errors
    ///
    /// If there is no room on disk.
    pub fn new(settings: &Settings) -> io::Result<Self> {
        let most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Self {
            questions: Vec::new(),
            pictures: tempfile::tempfile()?,
            end: 0,
            rows: 0,
            most_rows: most(settings.num_rows),
            most_pictures: most(settings.max_images_per_request),
            point: settings.insertion_point.clone(),
        })
    }

    /// Takes the rows of the Parquet file `path`; true if there are enough.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<bool, ArenaError> {
        let unusable = |fault: String| ArenaError::File { path: path.to_owned(), fault };
        let file = File::open(path).map_err(|error| unusable(error.to_string()))?;
        for row in parquet_rows(file).map_err(unusable)? {
            if self.questions.len() >= self.most_rows {
                return Ok(true);
            }
            self.rows += 1;
            let row = row.map_err(|error| unusable(format!("row {}: {error}", self.rows)))?;
            self.take(&row).map_err(|error| unusable(format!("row {}: {error}", self.rows)))?;
        }
        Ok(self.questions.len() >= self.most_rows)
    }

    /// Makes sure that there is something to ask.
    ///
    /// # Errors
    ///
    /// If there is not.
    pub fn checked(&self, settings: &Settings) -> Result<(), ArenaError> {
        if self.questions.is_empty() {
            return Err(ArenaError::Nothing { rows: self.rows, name: settings.hf_dataset_name.clone() });
        }
        Ok(())
    }

    /// Takes a row if it has a question and a picture.
    fn take(&mut self, row: &Row) -> io::Result<()> {
        let field =
            |name: &str| row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field);
        let Some(text) = field("conversation").and_then(question) else { return Ok(()) };
        let mut pictures = Vec::new();
        for file in field("images").map(files).unwrap_or_default() {
            if pictures.len() >= self.most_pictures {
                break;
            }
            let Some((media_type, (width, height))) = is_image(file) else { continue };
            let part = image_part(media_type, file);
            self.pictures.write_all_at(part.as_bytes(), self.end)?;
            let medium = Medium::Image { width, height, bytes: file.len() as u64 };
            pictures.push(Picture { offset: self.end, bytes: part.len(), medium });
            self.end += part.len() as u64;
        }
        if !pictures.is_empty() {
            self.questions.push(Question { text, pictures });
        }
        Ok(())
    }

    fn part(&self, picture: &Picture) -> io::Result<String> {
        let mut part = vec![0; picture.bytes];
        self.pictures.read_exact_at(&mut part, picture.offset)?;
        String::from_utf8(part).map_err(io::Error::other)
    }
}

/// The text of the first message of a user that says something; turns may be lists of messages.
fn question(conversation: &Field) -> Option<String> {
    match conversation {
        Field::ListInternal(list) => list.elements().iter().find_map(question),
        Field::Group(message) => {
            let text = |name: &str| {
                let mut columns = message.get_column_iter();
                columns.find(|(column, _)| *column == name).and_then(|(_, field)| match field {
                    Field::Str(text) => Some(text.clone()),
                    _ => None,
                })
            };
            let said = text("content").filter(|content| !content.trim().is_empty());
            said.filter(|_| text("role").is_some_and(|role| role == "user"))
        }
        _ => None,
    }
}

/// The contents of the files of a list: binary columns, or groups with one named `bytes`.
fn files(list: &Field) -> Vec<&[u8]> {
    let Field::ListInternal(list) = list else { return Vec::new() };
    list.elements().iter().filter_map(content).collect()
}

fn content(field: &Field) -> Option<&[u8]> {
    match field {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Group(file) => {
            let mut columns = file.get_column_iter();
            columns.find(|(column, _)| *column == "bytes").and_then(|(_, field)| match field {
                Field::Bytes(bytes) => Some(bytes.data()),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Requests with these questions.
pub struct VisionArena {
    arena: Arena,
    seed: Seed,
    options: BodyOptions,
}

impl VisionArena {
    /// Requests by the chat API.
    #[must_use]
    pub fn new(seed: Seed, arena: Arena, options: BodyOptions) -> Self {
        Self { arena, seed, options }
    }
}

impl Workload for VisionArena {
    fn drawn(&self, _stage: u32, _index: u64) -> Drawn {
        Drawn { prompt_tokens: 0, output_tokens: self.options.max_tokens(0) }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let drawn = self.drawn(stage, index);
        let questions = &self.arena.questions;
        let place = index.checked_rem(questions.len() as u64).and_then(|place| usize::try_from(place).ok());
        let Some(question) = place.and_then(|place| questions.get(place)) else {
            return Prepared::new(index, self.options.of_parts((stage, index), &[], 0), 0, drawn);
        };
        // The same pictures at the same places whatever the stage.
        let mut rng = self.seed.rng(Purpose::Media, 0, index);
        let items: Vec<(Item, Encoded)> = question
            .pictures
            .iter()
            .filter_map(|picture| {
                let point = point(self.arena.point.as_ref(), &mut rng);
                let Medium::Image { width, height, .. } = picture.medium else { return None };
                let shape = Shape::Image { size: (width, height), format: ImageRepresentation::default() };
                match self.arena.part(picture) {
                    Ok(part) => {
                        let encoded = Encoded { parts: vec![part], medium: picture.medium };
                        Some((Item { shape, point, seed: 0 }, encoded))
                    }
                    Err(error) => {
                        tracing::error!("a picture cannot be read any more: {error}");
                        None
                    }
                }
            })
            .collect();
        let parts = woven(&question.text, &items);
        let body = self.options.of_parts((stage, index), &parts, drawn.output_tokens);
        let media = items.into_iter().map(|(_, encoded)| encoded.medium).collect();
        Prepared { media, ..Prepared::new(index, body, 0, drawn) }
    }
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::config::ApiType;
    use serde_json::Value;

    use super::*;

    /// Its rows are pyarrow's (`tests/tools/parquet.py`): two pictures; none that servers take; one; no question.
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workload/testdata/pictures.parquet")
    }

    fn arena(settings: &Settings) -> (Arena, bool) {
        let mut arena = Arena::new(settings).expect("a file");
        let enough = arena.read(&path()).expect("rows");
        (arena, enough)
    }

    #[test]
    fn rows_with_a_question_and_a_picture_are_asked_in_turn() {
        let settings = Settings { max_images_per_request: 2, ..Settings::default() };
        let (arena, enough) = arena(&settings);
        assert!(!enough);
        arena.checked(&settings).expect("two questions");
        let workload = VisionArena::new(Seed(3), arena, BodyOptions::new(ApiType::Chat, "m"));
        let shown = |index| {
            let prepared = workload.prepare(1, index);
            let body: Value = serde_json::from_slice(&prepared.body).expect("JSON");
            let parts = body["messages"][0]["content"].as_array().expect("parts").clone();
            let shown: Vec<String> = parts
                .iter()
                .map(|part| match part["text"].as_str() {
                    Some(text) => text.to_owned(),
                    None => part["image_url"]["url"].as_str().expect("a URL").chars().take(15).collect(),
                })
                .collect();
            (shown.join(" | "), prepared.media.len())
        };
        assert_eq!(shown(0), ("data:image/png; | data:image/jpeg | What is it?".to_owned(), 2));
        assert_eq!(shown(1), ("data:image/webp | Which é?".to_owned(), 1));
        assert_eq!(shown(2), shown(0));
        assert!(matches!(workload.prepare(0, 1).media[..], [Medium::Image { width: 5, height: 5, .. }]));
    }

    #[test]
    fn no_more_is_read_than_is_wanted() {
        let settings = Settings { num_rows: 1, ..Settings::default() };
        let (arena, enough) = arena(&settings);
        assert!(enough);
        assert_eq!((arena.questions.len(), arena.questions[0].pictures.len()), (1, 1));
        assert!(arena.rows < 4, "{} rows", arena.rows);
    }

    #[test]
    fn a_set_without_pictures_is_refused() {
        let settings = Settings::default();
        let mut arena = Arena::new(&settings).expect("a file");
        arena.read(&path().with_file_name("articles.parquet")).expect("rows");
        let fault = arena.checked(&settings).expect_err("no pictures").to_string();
        insta::assert_snapshot!(fault, @"data.visionarena: none of the 64 rows of lmarena-ai/VisionArena-Chat has a question and a picture in PNG, JPEG or WebP (name another data set)");
        let fault = arena.read(Path::new("/none.parquet")).expect_err("no file").to_string();
        assert!(fault.starts_with("data.visionarena: /none.parquet: "), "{fault}");
    }
}
