//! Reads the lines of a log out of files, in the forms in which logs are exported.
//!
//! * A line of the log as it is: JSON.
//! * An event as CloudWatch Logs returns it: a JSON object with `timestamp` in milliseconds and `message`.
//! * A line of an export to S3: an RFC 3339 time, a space, and the message.
//! * A line of the local cloud: milliseconds since 1970, the name of the stream, and the message as a JSON text.
//!
//! A file that ends with `.gz` is decompressed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, in milliseconds since 1970, if the file says so.
    pub time: Option<i64>,
    /// The stream that wrote it: one for each execution environment.
    pub stream: Option<String>,
    /// The message.
    pub message: String,
}

#[derive(Deserialize)]
struct Event {
    timestamp: i64,
    message: String,
    #[serde(rename = "logStreamName")]
    stream: Option<String>,
}

/// The lines of files, one file after the other.
pub struct Lines {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<io::Lines<Box<dyn BufRead + Send>>>,
}

impl Lines {
    /// The lines of these files, and of all files in these folders in the order of their names. Errors: a path can't be
    /// read.
    pub fn open(paths: &[PathBuf]) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            collect(path, &mut files)?;
        }
        Ok(Self {
            files: files.into_iter(),
            open: None,
        })
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<io::Result<Line>> {
        loop {
            if let Some(line) = self.open.as_mut().and_then(Iterator::next) {
                match line {
                    Ok(line) if line.is_empty() => continue,
                    Ok(line) => return Some(Ok(Line::parse(&line))),
                    Err(error) => return Some(Err(error)),
                }
            }
            match open(&self.files.next()?) {
                Ok(file) => self.open = Some(file.lines()),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries?;
    entries.sort();
    entries.iter().try_for_each(|path| collect(path, files))
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let file = File::open(path)?;
    Ok(
        match path.extension().is_some_and(|ending| ending == "gz") {
            true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
            false => Box::new(BufReader::new(file)),
        },
    )
}

impl Line {
    fn parse(line: &str) -> Self {
        Self::event(line)
            .or_else(|| Self::exported(line))
            .unwrap_or_else(|| Self {
                time: None,
                stream: None,
                message: line.to_owned(),
            })
    }

    /// A line of JSON whose `timestamp` is a text is no event, but a line of the log as it is.
    fn event(line: &str) -> Option<Self> {
        let event: Event = serde_json::from_str(line).ok()?;
        Some(Self {
            time: Some(event.timestamp),
            stream: event.stream,
            message: event.message,
        })
    }

    fn exported(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        if let Ok(time) = DateTime::parse_from_rfc3339(time) {
            return Some(Self {
                time: Some(time.timestamp_millis()),
                stream: None,
                message: rest.to_owned(),
            });
        }
        let (stream, message) = rest.split_once(' ')?;
        Some(Self {
            time: Some(time.parse().ok()?),
            stream: Some(stream.to_owned()),
            message: serde_json::from_str(message).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_in_each_form_in_which_logs_are_exported() {
        let message = r#"{"timestamp":"2026-01-07T09:05:03.25Z","message":"audit row committed"}"#;
        let text = serde_json::to_string(message).unwrap();
        let (time, stream) = (Some(1_767_776_703_250), Some("a/b".to_owned()));
        for (line, time, stream) in [
            (message.to_owned(), None, None),
            (
                format!(
                    r#"{{"logStreamName":"a/b","timestamp":1767776703250,"message":{text},"eventId":"1"}}"#
                ),
                time,
                stream.clone(),
            ),
            (format!("2026-01-07T09:05:03.250Z {message}"), time, None),
            (format!("1767776703250 a/b {text}"), time, stream),
        ] {
            let expected = Line {
                time,
                stream,
                message: message.to_owned(),
            };
            assert_eq!(Line::parse(&line), expected, "{line}");
        }
    }

    #[test]
    fn files_of_a_folder_are_read_in_the_order_of_their_names() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("2")).unwrap();
        fs::write(folder.path().join("2/b"), "third\n\n").unwrap();
        fs::write(folder.path().join("3"), "fourth").unwrap();
        let compressed = File::create(folder.path().join("1.gz")).unwrap();
        let mut compressed = flate2::write::GzEncoder::new(compressed, flate2::Compression::fast());
        compressed.write_all(b"first\nsecond\n").unwrap();
        compressed.finish().unwrap();
        let lines = Lines::open(&[folder.path().to_owned()]).unwrap();
        let messages: Vec<_> = lines.map(|line| line.unwrap().message).collect();
        assert_eq!(messages, ["first", "second", "third", "fourth"]);
    }
}
