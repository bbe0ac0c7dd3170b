//! Shows a step that takes time.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A running step: a spinner on standard error if that is a terminal.
#[derive(Debug)]
pub struct Step(ProgressBar);

/// Begins a step, for example "Starting PostgreSQL".
pub fn step(what: impl Into<Cow<'static, str>>) -> Step {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.set_message(what.into());
    bar.enable_steady_tick(Duration::from_millis(100));
    Step(bar)
}

impl Step {
    /// Ends the step and prints a line.
    pub fn done(self, what: impl Into<Cow<'static, str>>) {
        self.0.finish_and_clear();
        eprintln!("✓ {}", what.into());
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
