//! Medians with their range, and the ratio of two series that were measured alternately.

use std::fmt;
use std::time::Duration;

/// The number of blocks that a series is divided into to find the range of its ratio.
const BLOCKS: usize = 10;

/// Converts a duration to milliseconds.
pub fn median(times: Vec<Duration>) -> f64 {
    middle(
        times
            .iter()
            .map(|time| time.as_secs_f64() * 1000.0)
            .collect(),
    )
}

/// Returns how many times longer the second series takes than the first: the ratio of the medians,
/// and the lowest and highest ratio of ten blocks of the run.
pub struct Ratio {
    pub first: f64,
    pub second: f64,
    least: f64,
    greatest: f64,
}

impl Ratio {
    pub fn of(pairs: &[(Duration, Duration)]) -> Self {
        let medians = |pairs: &[(Duration, Duration)]| {
            let (first, second) = pairs.iter().copied().unzip();
            (median(first), median(second))
        };
        let blocks: Vec<f64> = pairs
            .chunks((pairs.len() / BLOCKS).max(1))
            .map(medians)
            .map(|(first, second)| second / first)
            .collect();
        let (first, second) = medians(pairs);
        Self {
            first,
            second,
            least: blocks.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: blocks.iter().copied().fold(0.0, f64::max),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            first,
            second,
            least,
            greatest,
        } = self;
        write!(
            out,
            "{first:.2} | {second:.2} | {:.2} ({least:.2}–{greatest:.2})",
            second / first
        )
    }
}

/// Returns the median.
pub fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of several rounds, and the lowest and highest of them.
pub struct Spread {
    least: f64,
    middle: f64,
    greatest: f64,
}

impl Spread {
    pub fn of(figures: Vec<f64>) -> Self {
        Self {
            least: figures.iter().copied().fold(f64::INFINITY, f64::min),
            greatest: figures.iter().copied().fold(0.0, f64::max),
            middle: middle(figures),
        }
    }

    /// Writes the figures with this number of decimal places.
    pub fn to_string_with(&self, places: usize) -> String {
        let Self {
            least,
            middle,
            greatest,
        } = self;
        format!("{middle:.places$} ({least:.places$}–{greatest:.places$})")
    }
}
