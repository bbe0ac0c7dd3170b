//! The output of a function's instances: the newest lines in memory, all lines in the log group, and in a file if
//! one is given.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::log_group::LogGroup;

/// Lines kept in memory per function. Older ones are only in the log group.
const KEPT: usize = 10_000;

/// The lines that all instances of one function wrote to standard output and standard error.
#[derive(Debug, Default)]
pub struct Logs {
    lines: Mutex<Lines>,
    group: Option<Arc<LogGroup>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    dropped: usize,
    file: Option<File>,
}

impl Logs {
    pub(crate) fn new(group: Option<Arc<LogGroup>>, file: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let lines = Lines {
            file: file.map(open).transpose()?,
            ..Lines::default()
        };
        Ok(Self {
            lines: Mutex::new(lines),
            group,
            news: Notify::new(),
        })
    }

    /// The name of the log group, if there is one.
    pub(crate) fn group(&self) -> Option<&str> {
        self.group.as_ref().map(|group| group.name())
    }

    /// The lines kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.lock().kept.iter().cloned().collect()
    }

    /// The first line, past or to come within `limit`, that contains `text`.
    pub async fn wait_for(&self, text: &str, limit: Duration) -> Option<String> {
        self.wait_until(|line| line.contains(text), limit).await
    }

    /// The first line, past or to come within `limit`, that `matches`.
    pub async fn wait_until(
        &self,
        matches: impl Fn(&str) -> bool,
        limit: Duration,
    ) -> Option<String> {
        let search = async {
            let mut seen = 0;
            loop {
                let news = self.news.notified();
                tokio::pin!(news);
                // Registered before the search, so that no line is missed between the two.
                news.as_mut().enable();
                if let Some(found) = self.find_from(&mut seen, &matches) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(limit, search).await.ok()
    }

    /// Adds a line of an instance to its stream.
    pub(crate) fn write(&self, stream: &str, line: String) {
        if let Some(group) = &self.group
            && let Err(error) = group.write(stream, &line)
        {
            // A full disk must not end a function.
            tracing::error!(%error, "a line of a function's log is lost");
        }
        self.push(line);
    }

    /// Adds a line of the local cloud about the function, which AWS doesn't write.
    pub(crate) fn push(&self, line: String) {
        {
            let mut lines = self.lock();
            if let Some(file) = &mut lines.file {
                let _ = file.write_all(format!("{line}\n").as_bytes());
            }
            if lines.kept.len() == KEPT {
                lines.kept.pop_front();
                lines.dropped += 1;
            }
            lines.kept.push_back(line);
        }
        self.news.notify_waiters();
    }

    /// Searches the lines from number `seen` on, counted from the function's first line.
    fn find_from(&self, seen: &mut usize, matches: impl Fn(&str) -> bool) -> Option<String> {
        let lines = self.lock();
        let skip = seen.saturating_sub(lines.dropped);
        *seen = lines.dropped + lines.kept.len();
        lines
            .kept
            .iter()
            .skip(skip)
            .find(|line| matches(line))
            .cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_found_before_and_after_it_is_written() {
        let logs = std::sync::Arc::new(Logs::default());
        logs.push("first".into());
        assert_eq!(
            logs.wait_for("irs", Duration::ZERO).await.as_deref(),
            Some("first")
        );
        let reader = tokio::spawn({
            let logs = logs.clone();
            async move { logs.wait_for("second", Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        logs.push("the second".into());
        assert_eq!(reader.await.unwrap().as_deref(), Some("the second"));
    }

    #[tokio::test]
    async fn old_lines_give_way() {
        let logs = Logs::default();
        for number in 0..=KEPT {
            logs.push(format!("line {number}."));
        }
        assert_eq!(logs.lines().len(), KEPT);
        assert_eq!(
            logs.wait_for("line 0.", Duration::from_millis(1)).await,
            None
        );
    }
}
