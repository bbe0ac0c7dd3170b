//! One log group of CloudWatch Logs on disk: every line of a cloud's life, also of earlier processes.
//!
//! A group is a folder. Each minute with lines is a file in it, named by its minutes since 1970, so that a search
//! reads only the minutes that it is about. Each line of a file is one event: its time in milliseconds, its stream,
//! and its message as a JSON text, separated by spaces.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;

const MINUTE: i64 = 60_000;

/// A log group. Several streams may write at once.
#[derive(Debug)]
pub struct LogGroup {
    name: String,
    folder: PathBuf,
    open: Mutex<Option<Segment>>,
}

/// The file of the current minute.
#[derive(Debug)]
struct Segment {
    minute: i64,
    file: File,
    /// Its bytes so far. A search reads no further, because a line may be on its way.
    length: u64,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Where it is. No two events of a group have the same place.
    pub place: Place,
    /// Milliseconds since 1970, when the line was written.
    pub timestamp: i64,
    /// The stream that wrote it.
    pub stream: String,
    /// The line without its end.
    pub message: String,
}

/// A place in a group. Later events have greater places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Minutes since 1970.
    pub minute: i64,
    /// Bytes from the start of the minute's file.
    pub offset: u64,
}

impl LogGroup {
    /// Opens the group in `folder`, with the lines that an earlier process left there.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(name: &str, folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            open: Mutex::default(),
        })
    }

    /// The name in CloudWatch Logs, such as `/caretrail/local/functions`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a line of `stream` with the current time.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write(&self, stream: &str, message: &str) -> io::Result<()> {
        let mut open = self.lock();
        // Read while no other line can be written, so that the order on disk is the order in time.
        let now = Utc::now().timestamp_millis();
        let minute = now.div_euclid(MINUTE);
        let segment = match &mut *open {
            Some(segment) if segment.minute == minute => segment,
            former => former.insert(Segment::open(&self.folder, minute)?),
        };
        let message = serde_json::to_string(message)?;
        let line = format!("{now} {stream} {message}\n");
        let written = segment.file.write_all(line.as_bytes());
        if written.is_ok() {
            segment.length += line.len() as u64;
        } else {
            // What was written of the line is cut off when the file is opened again.
            *open = None;
        }
        written
    }

    /// Calls `take` with each event from `from` on whose time is in `start..=end`, in their order, until it returns
    /// false. Returns the place of the event that it refused; `None` if there are no more events.
    ///
    /// # Errors
    /// The disk can't be read.
    pub fn search(
        &self,
        from: Place,
        start: i64,
        end: i64,
        mut take: impl FnMut(LogEvent) -> bool,
    ) -> io::Result<Option<Place>> {
        let now = self
            .lock()
            .as_ref()
            .map(|segment| (segment.minute, segment.length));
        for minute in self.minutes(from.minute.max(start.div_euclid(MINUTE)), end)? {
            let mut file = File::open(self.folder.join(minute.to_string()))?;
            let mut offset = match from.minute == minute {
                true => from.offset,
                false => 0,
            };
            file.seek(SeekFrom::Start(offset))?;
            let length = match now {
                Some((open, length)) if open == minute => length,
                _ => file.metadata()?.len(),
            };
            let mut lines = BufReader::new(file.take(length.saturating_sub(offset)));
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line)? > 0 {
                let place = Place { minute, offset };
                offset += line.len() as u64;
                let event = LogEvent::read(place, &line);
                line.clear();
                let Some(event) = event.filter(|event| (start..=end).contains(&event.timestamp))
                else {
                    continue;
                };
                if !take(event) {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }

    /// The minutes that have lines, from `first` to the one of the time `end`.
    fn minutes(&self, first: i64, end: i64) -> io::Result<Vec<i64>> {
        let last = end.div_euclid(MINUTE);
        let mut minutes = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let minute = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            minutes.extend(minute.filter(|minute| (first..=last).contains(minute)));
        }
        minutes.sort_unstable();
        Ok(minutes)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Segment>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segment {
    /// Opens the file of a minute. A line that an earlier process could not finish is cut off.
    fn open(folder: &Path, minute: i64) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(folder.join(minute.to_string()))?;
        let length = whole_lines(&mut file)?;
        file.set_len(length)?;
        Ok(Self {
            minute,
            file,
            length,
        })
    }
}

/// The bytes up to the end of the last whole line.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut content = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut content)?;
    let last = content.iter().rposition(|byte| *byte == b'\n');
    Ok(last.map_or(0, |end| end as u64 + 1))
}

impl LogEvent {
    /// Reads a line of a file; `None` for a line that breaks off.
    fn read(place: Place, line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let (timestamp, line) = line.split_once(' ')?;
        let (stream, message) = line.split_once(' ')?;
        Some(Self {
            place,
            timestamp: timestamp.parse().ok()?,
            stream: stream.to_owned(),
            message: serde_json::from_str(message).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(group: &LogGroup) -> Vec<LogEvent> {
        let mut events = Vec::new();
        let rest = group.search(Place::default(), 0, i64::MAX, |event| {
            events.push(event);
            true
        });
        assert_eq!(rest.unwrap(), None);
        events
    }

    #[test]
    fn every_line_of_many_writers_is_kept_once_and_in_the_order_of_its_time() {
        const WRITERS: usize = 8;
        const LINES: usize = 25_000;
        let folder = tempfile::tempdir().unwrap();
        let group = LogGroup::open("/a", folder.path()).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let group = &group;
                scope.spawn(move || {
                    for line in 0..LINES {
                        group
                            .write(&format!("stream-{writer}"), &format!("line {line}\n\"é"))
                            .unwrap();
                    }
                });
            }
        });
        let mut next = [0; WRITERS];
        let mut before = (0, Place::default());
        let rest = group.search(Place::default(), 0, i64::MAX, |event| {
            let writer: usize = event
                .stream
                .strip_prefix("stream-")
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(event.message, format!("line {}\n\"é", next[writer]));
            next[writer] += 1;
            assert!(before <= (event.timestamp, event.place));
            before = (event.timestamp, event.place);
            true
        });
        assert_eq!(rest.unwrap(), None);
        assert_eq!(next, [LINES; WRITERS]);
    }

    #[test]
    fn the_next_process_goes_on_where_a_line_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        LogGroup::open("/a", folder.path())
            .unwrap()
            .write("one", "first")
            .unwrap();
        let minute = all(&LogGroup::open("/a", folder.path()).unwrap())[0]
            .place
            .minute;
        // The clock may reach the next minute during the test, so the next minute has half a line, too.
        for minute in [minute, minute + 1] {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.path().join(minute.to_string()))
                .unwrap();
            file.write_all(b"17 one \"half").unwrap();
        }
        let group = LogGroup::open("/a", folder.path()).unwrap();
        group.write("two", "second").unwrap();
        let lines: Vec<_> = all(&group)
            .into_iter()
            .map(|event| (event.stream, event.message))
            .collect();
        let line = |stream: &str, message: &str| (stream.to_owned(), message.to_owned());
        assert_eq!(lines, [line("one", "first"), line("two", "second")]);
    }

    #[test]
    fn a_search_is_about_its_time_and_goes_on_at_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let group = LogGroup::open("/a", folder.path()).unwrap();
        for minute in [10, 11, 13] {
            let lines: String = (0..3)
                .map(|line| format!("{} s \"{minute}.{line}\"\n", minute * MINUTE + line))
                .collect();
            fs::write(folder.path().join(minute.to_string()), lines).unwrap();
        }
        let mut found = Vec::new();
        let mut from = Place::default();
        loop {
            let mut one = None;
            let rest = group.search(from, 10 * MINUTE + 1, 13 * MINUTE + 1, |event| {
                let is_first = one.is_none();
                one.get_or_insert(event.message);
                is_first
            });
            found.extend(one);
            match rest.unwrap() {
                Some(place) => from = place,
                None => break,
            }
        }
        assert_eq!(
            found,
            ["10.1", "10.2", "11.0", "11.1", "11.2", "13.0", "13.1"]
        );
    }
}
