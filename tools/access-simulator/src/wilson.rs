//! The Wilson score interval of a proportion (E. B. Wilson, JASA 1927).

use std::fmt;

/// The 97.5th percentile of the standard normal distribution, for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A proportion with its interval of 95 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Proportion {
    pub hits: usize,
    pub trials: usize,
}

impl Proportion {
    pub fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        let mut all = Self::default();
        for outcome in outcomes {
            all.trials += 1;
            all.hits += usize::from(outcome);
        }
        all
    }

    pub fn share(self) -> f64 {
        self.hits as f64 / self.trials as f64
    }

    /// The lower and the upper end. Not a number without a trial.
    pub fn interval(self) -> (f64, f64) {
        let (share, trials) = (self.share(), self.trials as f64);
        let middle = share + Z * Z / (2.0 * trials);
        let half = Z * (share * (1.0 - share) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
        let scale = 1.0 + Z * Z / trials;
        ((middle - half) / scale, (middle + half) / scale)
    }
}

impl fmt::Display for Proportion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.trials == 0 {
            return f.write_str("–");
        }
        let (least, most) = self.interval();
        write!(
            f,
            "{:.0} % ({:.0}–{:.0})",
            100.0 * self.share(),
            100.0 * least.max(0.0),
            100.0 * most.min(1.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Proportion;

    #[test]
    fn the_interval_is_that_of_the_literature() {
        // R. G. Newcombe, Statistics in Medicine 1998, table I, method 3.
        for (hits, trials, least, most) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (found_least, found_most) = Proportion { hits, trials }.interval();
            assert!(
                (found_least - least).abs() < 0.00006,
                "{hits}/{trials}: {found_least}"
            );
            assert!(
                (found_most - most).abs() < 0.00006,
                "{hits}/{trials}: {found_most}"
            );
        }
    }

    #[test]
    fn a_proportion_without_trials_has_no_interval() {
        assert_eq!(Proportion::of([]).to_string(), "–");
        assert_eq!(Proportion::of([true; 30]).to_string(), "100 % (89–100)");
    }
}
