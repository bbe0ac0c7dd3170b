//! Files to create and to change, written only once all are planned.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The planned texts of files, by their paths relative to the root.
pub struct Changes {
    root: PathBuf,
    texts: BTreeMap<String, String>,
}

impl Changes {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            texts: BTreeMap::new(),
        }
    }

    /// Plans a new file.
    ///
    /// # Errors
    /// It exists.
    pub fn create(&mut self, path: String, text: String) -> Result<()> {
        if self.root.join(&path).exists() {
            bail!("{path} exists already: remove it, or choose another name");
        }
        self.texts.insert(path, text);
        Ok(())
    }

    /// Plans to replace a file's text by what `edit` makes of it.
    ///
    /// # Errors
    /// The file can't be read, or `edit` fails; names the file.
    pub fn edit(&mut self, path: &str, edit: impl FnOnce(&str) -> Result<String>) -> Result<()> {
        let text = match self.texts.get(path) {
            Some(text) => text.clone(),
            None => self.text(path)?,
        };
        let text = edit(&text).with_context(|| format!("{path} was not understood"))?;
        self.texts.insert(path.to_owned(), text);
        Ok(())
    }

    /// The text of an existing file.
    ///
    /// # Errors
    /// It can't be read.
    pub fn text(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("{path} can't be read"))
    }

    /// The texts of the existing files in a folder, by name.
    pub fn texts_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .collect()
    }

    /// Whether the project has this file.
    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The paths, each with whether the file is new.
    pub fn paths(&self) -> impl Iterator<Item = (&str, bool)> {
        self.texts.keys().map(|path| (&**path, !self.has(path)))
    }

    /// Writes all files.
    ///
    /// # Errors
    /// A file can't be written; names it.
    pub fn write(&self) -> Result<()> {
        for (path, text) in &self.texts {
            let file = self.root.join(path);
            let folder = file.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(&file, text))
                .with_context(|| format!("{path} can't be written"))?;
        }
        Ok(())
    }
}

/// Rust source as rustfmt writes it.
///
/// # Errors
/// rustfmt isn't installed, or the source isn't Rust.
pub fn formatted(source: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("rustfmt can't be run: install it with `rustup component add rustfmt`")?;
    let mut input = rustfmt.stdin.take().context("rustfmt has no input")?;
    let text = source.to_owned();
    // From a thread: rustfmt may write before it has read everything.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output()?;
    let _ = writer.join();
    if !output.status.success() {
        bail!(
            "rustfmt refuses the source: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// `text` with one more line in the sorted list of the lines that `is_of_list` names.
///
/// # Errors
/// There is no such line.
pub fn insert_sorted(text: &str, line: &str, is_of_list: impl Fn(&str) -> bool) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let before = |at: &usize| is_of_list(lines[*at]) && lines[*at] > line;
    let after = || (0..lines.len()).rev().find(|at| is_of_list(lines[*at]));
    let at = (0..lines.len())
        .find(before)
        .or_else(|| after().map(|at| at + 1))
        .context("its list was not found")?;
    Ok(insert_at(&lines, at, line))
}

/// The lines as a text, with `inserted` in front of the line `at`.
pub fn insert_at(lines: &[&str], at: usize, inserted: &str) -> String {
    let (before, after) = lines.split_at(at);
    let all: Vec<_> = before
        .iter()
        .chain([&inserted])
        .chain(after)
        .copied()
        .collect();
    all.join("\n") + "\n"
}
