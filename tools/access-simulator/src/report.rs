//! Writes the result as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;

use crate::cases::{Case, Scenario};
use crate::figures::{Choice, Seen, THRESHOLDS};
use crate::wilson::Proportion;

/// The accesses by explanation: legitimate ones, and those of cases.
pub type Explanations = BTreeMap<Option<String>, [i64; 2]>;

/// What the second half of the cases showed.
pub struct Outcome {
    pub cases: Vec<Case>,
    pub accesses: i64,
    pub explanations: Explanations,
    /// The settings of the migration, and those that were chosen on the first half.
    pub before: Choice,
    pub chosen: Choice,
    /// The alerts under both, and under the chosen ones without explanations.
    pub with_before: Seen,
    pub with_chosen: Seen,
    pub without: Seen,
    pub budget: usize,
}

impl Outcome {
    pub fn report(&self) -> Result<String> {
        let mut text = String::new();
        self.explanations(&mut text)?;
        self.scenarios(&mut text)?;
        self.rules(&mut text)?;
        self.totals(&mut text)?;
        Ok(text)
    }

    fn explanations(&self, text: &mut String) -> Result<()> {
        writeln!(
            text,
            "| explanation | legitimate accesses | accesses of cases |"
        )?;
        writeln!(text, "|---|---:|---:|")?;
        let sums = [0, 1].map(|side| -> i64 {
            self.explanations
                .values()
                .map(|accesses| accesses[side])
                .sum()
        });
        let share = |accesses: i64, of: i64| 100.0 * accesses as f64 / of as f64;
        let mut explanations: Vec<_> = self.explanations.iter().collect();
        explanations.sort_by_key(|(_, accesses)| -accesses[0]);
        for (explanation, [legitimate, labelled]) in explanations {
            writeln!(
                text,
                "| {} | {:.2} % | {:.2} % |",
                explanation.as_deref().unwrap_or("none"),
                share(*legitimate, sums[0]),
                share(*labelled, sums[1])
            )?;
        }
        writeln!(text, "| all | {} | {} |\n", sums[0], sums[1])?;
        Ok(())
    }

    fn scenarios(&self, text: &mut String) -> Result<()> {
        writeln!(
            text,
            "| scenario | cases | raised an alert | reviewed | before the choice | reviewed | without explanations | reviewed |"
        )?;
        writeln!(text, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
        let seen = [&self.with_chosen, &self.with_before, &self.without];
        let found = seen.map(|seen| [seen.found(false), seen.found(true)]);
        let mut line = |what: &str, is_of: &dyn Fn(&Case) -> bool| {
            let numbers: Vec<usize> = (0..self.cases.len())
                .filter(|number| {
                    let case = &self.cases[*number];
                    case.half == 1 && is_of(case)
                })
                .collect();
            let share = |found: &BTreeSet<usize>| {
                Proportion::of(numbers.iter().map(|number| found.contains(number)))
            };
            write!(text, "| {what} | {} |", numbers.len())?;
            for found in found.iter().flatten() {
                write!(text, " {} |", share(found))?;
            }
            writeln!(text)
        };
        for scenario in Scenario::ALL {
            line(scenario.describe(), &|case| case.scenario == scenario)?;
        }
        line("all", &|_| true)?;
        writeln!(text)?;
        Ok(())
    }

    fn rules(&self, text: &mut String) -> Result<()> {
        writeln!(
            text,
            "| rule | threshold | weight | alerts | about a case | before: threshold | weight | alerts | about a case |"
        )?;
        writeln!(text, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for (rule, (name, thresholds)) in THRESHOLDS.iter().enumerate() {
            write!(text, "| `{name}` |")?;
            for (choice, seen) in [
                (&self.chosen, &self.with_chosen),
                (&self.before, &self.with_before),
            ] {
                let (place, weight) = choice[rule];
                let alerts = seen.alerts.iter().filter(|(alert, _)| alert.rule == rule);
                let right = Proportion::of(alerts.map(|(alert, _)| !alert.cases.is_empty()));
                let (threshold, number) = (thresholds[place], right.trials);
                write!(text, " {threshold} | {weight} | {number} | {right} |")?;
            }
            writeln!(text)?;
        }
        writeln!(text)?;
        Ok(())
    }

    fn totals(&self, text: &mut String) -> Result<()> {
        writeln!(
            text,
            "| | alerts | for 1,000 accesses | about a case | reviewed, at most {} a day | about a case |",
            self.budget
        )?;
        writeln!(text, "|---|---:|---:|---:|---:|---:|")?;
        for (what, seen) in [
            ("chosen", &self.with_chosen),
            ("before", &self.with_before),
            ("without explanations", &self.without),
        ] {
            let all = Proportion::of(seen.alerts.iter().map(|(alert, _)| !alert.cases.is_empty()));
            let reviewed = Proportion::of(seen.reviewed().map(|alert| !alert.cases.is_empty()));
            writeln!(
                text,
                "| {what} | {} | {:.2} | {all} | {} | {reviewed} |",
                all.trials,
                1000.0 * all.trials as f64 / self.accesses as f64,
                reviewed.trials
            )?;
        }
        Ok(())
    }
}
