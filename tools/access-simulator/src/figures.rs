//! What the alerts of a simulation are worth: which cases they find, all together and within what officers can review a
//! day. Chooses thresholds and weights.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A rule with the thresholds that are tried. The review runs once for each place of this table, because each rule looks at
/// its own threshold only.
pub const THRESHOLDS: [(&str, [i32; PLACES]); 10] = [
    ("bulk-download", [20, 30, 50, 80]),
    ("closed-account", [1, 2, 3, 5]),
    ("colleague-access", [1, 2, 3, 5]),
    ("family-access", [1, 2, 3, 5]),
    ("id-enumeration", [5, 10, 20, 30]),
    ("many-patients", [30, 50, 80, 120]),
    ("own-chart", [1, 2, 3, 5]),
    ("short-care", [1, 2, 3, 5]),
    ("sought-patient", [2, 3, 4, 5]),
    ("unexplained-access", [1, 2, 3, 5]),
];

pub const PLACES: usize = 4;

const WEIGHTS: [i32; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/// An alert of a day.
#[derive(Clone, Debug)]
pub struct Alert {
    pub day: i64,
    /// Its place in [`THRESHOLDS`].
    pub rule: usize,
    /// The cases of its evidence.
    pub cases: Vec<usize>,
}

/// Place of the threshold and weight, for each rule.
pub type Choice = [(usize, i32); THRESHOLDS.len()];

/// What officers see under a choice.
pub struct Seen {
    /// The alerts in the order of the review, with whether they are within the day's budget.
    pub alerts: Vec<(Alert, bool)>,
}

impl Seen {
    /// `runs` has the alerts of each place of thresholds, in the order of time. Of the alerts of a day, officers review
    /// those with the highest score, the first ones first.
    pub fn new(runs: &[Vec<Alert>], choice: &Choice, [from, to]: [i64; 2], budget: usize) -> Self {
        let mut alerts: Vec<Alert> = Vec::new();
        for (place, run) in runs.iter().enumerate() {
            let chosen = run.iter().filter(|alert| {
                // A single run has only one threshold for each rule.
                (runs.len() == 1 || choice[alert.rule].0 == place)
                    && (from..to).contains(&alert.day)
            });
            alerts.extend(chosen.cloned());
        }
        // The sort is stable.
        alerts.sort_by_key(|alert| (alert.day, -choice[alert.rule].1));
        let (mut day, mut number) = (i64::MIN, 0);
        let alerts = alerts.into_iter().map(|alert| {
            if alert.day != day {
                (day, number) = (alert.day, 0);
            }
            number += 1;
            (alert, number <= budget)
        });
        Self {
            alerts: alerts.collect(),
        }
    }

    /// The cases that an alert names, or a reviewed alert.
    pub fn found(&self, reviewed_only: bool) -> BTreeSet<usize> {
        let alerts = self.alerts.iter();
        let alerts = alerts.filter(|(_, is_reviewed)| *is_reviewed || !reviewed_only);
        alerts
            .flat_map(|(alert, _)| alert.cases.iter().copied())
            .collect()
    }

    pub fn reviewed(&self) -> impl Iterator<Item = &Alert> {
        let alerts = self.alerts.iter();
        alerts
            .filter(|(_, is_reviewed)| *is_reviewed)
            .map(|(alert, _)| alert)
    }
}

/// Chooses the thresholds and weights under which officers find most cases within their budget. If several find as many,
/// those that find most by any alert are better, and then those with the fewest alerts about no case. It begins with the
/// present ones and changes one rule at a time until none gets better.
pub fn choose(runs: &[Vec<Alert>], begin: Choice, days: [i64; 2], budget: usize) -> Choice {
    let worth = |choice: &Choice| {
        let seen = Seen::new(runs, choice, days, budget);
        let is_false = |(alert, _): &&(Alert, bool)| alert.cases.is_empty();
        let false_alarms = seen.alerts.iter().filter(is_false).count();
        let (reviewed, raised) = (seen.found(true).len(), seen.found(false).len());
        (reviewed, raised, Reverse(false_alarms))
    };
    let mut best = (worth(&begin), begin);
    loop {
        let before = best.0;
        for rule in 0..THRESHOLDS.len() {
            for place in 0..PLACES {
                for weight in WEIGHTS {
                    let mut choice = best.1;
                    choice[rule] = (place, weight);
                    let its_worth = worth(&choice);
                    if its_worth > best.0 {
                        best = (its_worth, choice);
                    }
                }
            }
        }
        if best.0 == before {
            return best.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(rule: usize, cases: &[usize]) -> Alert {
        Alert {
            day: 1,
            rule,
            cases: cases.to_vec(),
        }
    }

    #[test]
    fn the_highest_scores_of_a_day_are_reviewed_first() {
        let run = vec![alert(0, &[]), alert(0, &[]), alert(1, &[7])];
        let mut choice: Choice = [(0, 40); THRESHOLDS.len()];
        let late = Seen::new(std::slice::from_ref(&run), &choice, [1, 2], 2);
        assert!(late.found(true).is_empty());
        assert_eq!(late.found(false), BTreeSet::from([7]));
        choice[1].1 = 50;
        let early = Seen::new(&[run], &choice, [1, 2], 2);
        assert_eq!(early.found(true), BTreeSet::from([7]));
        assert_eq!(early.reviewed().count(), 2);
    }

    #[test]
    fn the_choice_finds_most_with_the_fewest_false_alarms() {
        // The first threshold of rule 0 has a false alarm before the case, the second only the case.
        let runs = [
            vec![alert(0, &[]), alert(0, &[3])],
            vec![alert(0, &[3])],
            vec![],
            vec![],
        ];
        let choice = choose(&runs, [(0, 40); THRESHOLDS.len()], [1, 2], 1);
        assert_eq!(choice[0].0, 1);
        assert_eq!(choice[1], (0, 40));
    }
}
