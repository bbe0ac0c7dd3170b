//! Progress bars on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::Plan;
use crate::summary::Complaint;

/// Two bars on standard error. Draws nothing where that is no terminal.
pub struct Bars {
    all: MultiProgress,
    /// Files done.
    pub files: ProgressBar,
    entries: ProgressBar,
}

impl Bars {
    pub fn new(files: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let bar = |length: usize, what: &'static str| {
            let bar = all.add(ProgressBar::new(length as u64));
            if let Ok(style) =
                ProgressStyle::with_template("{msg:8} {bar:40} {pos}/{len} {elapsed:.dim}")
            {
                bar.set_style(style);
            }
            bar.with_message(what)
        };
        let files = bar(files, "files");
        let entries = bar(0, "entries");
        // Shown before the first file is done.
        files.tick();
        Self {
            all,
            files,
            entries,
        }
    }

    pub fn begin(&self, plan: &Plan) {
        self.entries.reset();
        self.entries.set_length(plan.entries as u64);
    }

    pub fn done(&self, entries: usize) {
        self.entries.inc(entries as u64);
    }

    pub fn complain(&self, complaint: &Complaint) {
        self.all.suspend(|| eprintln!("{complaint}"));
    }

    pub fn finish(&self) {
        self.entries.finish_and_clear();
        self.files.finish_and_clear();
    }
}
