//! Shows how far the verifier is, on standard error if that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many items pass between two updates.
const STEP: u64 = 1024;

/// A bar that ends when it is dropped.
pub struct Bar {
    bar: ProgressBar,
    /// The next position that is shown.
    next: u64,
}

impl Bar {
    /// A bar without end.
    pub fn spinner(what: &'static str) -> Self {
        Self::with(
            None,
            "{spinner} {pos} {msg} {per_sec:.dim} {elapsed:.dim}",
            what,
        )
    }

    /// A bar of this length, or without end if it isn't known.
    pub fn of(length: u64, what: &'static str) -> Self {
        match length {
            0 => Self::spinner(what),
            length => Self::with(
                Some(length),
                "{bar:40} {pos}/{len} {msg} {per_sec:.dim} {eta:.dim}",
                what,
            ),
        }
    }

    fn with(length: Option<u64>, template: &str, what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar, next: 0 }
    }

    /// Shows this position, unless it is near the one shown last.
    pub fn set(&mut self, position: u64) {
        if position >= self.next {
            self.bar.set_position(position);
            self.next = position + STEP;
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
