//! Simulates weeks of a clinic, lets the rules of docs/oversight.md review them, and measures what they find. Who acted
//! inappropriately is known to the simulator and not to the rules.
#![expect(clippy::print_stdout, reason = "it prints its result")]

mod acts;
mod cases;
mod clinic;
mod clock;
mod encounters;
mod figures;
mod report;
mod simulation;
mod store;
mod traffic;
mod wilson;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use local_cloud::postgres::{Options, Server};
use local_cloud::workspace;
use uuid::Uuid;

use crate::acts::What;
use crate::encounters::Calendar;
use crate::figures::{Alert, Choice, PLACES, Seen, THRESHOLDS, choose};
use crate::report::{Explanations, Outcome};
use crate::simulation::{Plan, Simulation};
use crate::store::Store;

/// Measures the rules that find inappropriate accesses, on simulated accesses.
#[derive(Parser)]
struct Command {
    /// Seed of all that is random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of weeks. The first two have no case, the others are divided into two halves.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(i64).range(8..=50))]
    weeks: i64,
    /// Number of care teams. Each has three providers, three nurses and two desk clerks.
    #[arg(long, default_value_t = 8)]
    teams: usize,
    /// Number of patients for each provider.
    #[arg(long, default_value_t = 1000)]
    patients: usize,
    /// Number of cases of each scenario in each half.
    #[arg(long, default_value_t = 30)]
    cases: usize,
    /// Number of alerts that officers can review on a day.
    #[arg(long, default_value_t = 10)]
    budget: usize,
    /// Folder of FHIR R4 bundles (gzip JSON). Patients come as often as the people in them.
    #[arg(long)]
    encounters: Option<PathBuf>,
}

const WARM_UP_WEEKS: i64 = 2;

/// The database that has the clinic and its past. Each run begins with a copy of it.
const PAST: &str = "past";

#[tokio::main]
async fn main() -> Result<()> {
    let command = Command::parse();
    ensure!(
        command.teams > 0 && command.patients >= 50,
        "a clinic has at least one team, and 50 patients for each provider"
    );
    let folder = command.encounters.clone();
    let folder = folder.unwrap_or_else(|| workspace::root().join("data/synthea-r4"));
    let calendars = encounters::read(&folder)?;
    let today = i64::from(chrono::Utc::now().date_naive().to_epoch_days());
    // The last day is the Sunday before today.
    let monday = today - (today + 3).rem_euclid(7);
    let plan = Plan {
        seed: command.seed,
        first_day: monday - 7 * command.weeks,
        weeks: command.weeks,
        warm_up_weeks: WARM_UP_WEEKS,
        teams: command.teams,
        patients: command.patients,
        cases: command.cases,
    };
    let server = Server::start(Options::default()).await?;
    let measured = measure(&server, plan, &calendars, command.budget).await;
    server.stop().await;
    print!("{}", measured?);
    Ok(())
}

async fn measure(
    server: &Server,
    plan: Plan,
    calendars: &[Calendar],
    budget: usize,
) -> Result<String> {
    server.create_database(PAST, None).await?;
    migrations::run(&server.superuser_url(PAST), None).await?;
    let store = Store::open(&server.superuser_url(PAST)).await?;
    let mut simulation = Simulation::new(plan, calendars);
    let past = simulation.take_past();
    store
        .fill(&simulation.clinic, &past, plan.first_day)
        .await?;
    let before = settings(&store).await?;
    let head = format!(
        "simulated: seed {}, {} weeks, {} members of staff, {} patients",
        plan.seed,
        plan.weeks,
        simulation.clinic.staff.len(),
        simulation.clinic.patients.len()
    );
    drop((store, past, simulation));

    let days = (plan.weeks * 7).unsigned_abs();
    let bar = ProgressBar::with_draw_target(
        Some(days * (PLACES as u64 + 1)),
        ProgressDrawTarget::stderr(),
    );
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} days {elapsed} {eta:.dim}")
    {
        bar.set_style(style);
    }
    let mut runs = Vec::new();
    let mut first = None;
    for place in 0..PLACES {
        let thresholds = THRESHOLDS.map(|(_, thresholds)| thresholds[place]);
        let run = run(server, plan, calendars, thresholds, Kind::of(place), &bar).await?;
        runs.push(run.alerts.clone());
        first.get_or_insert(run);
    }
    let first = first.context("there was no run")?;
    let chosen = choose(&runs, before, plan.half(0), budget);
    let mut thresholds = THRESHOLDS.map(|(_, thresholds)| thresholds[0]);
    for (rule, threshold) in thresholds.iter_mut().enumerate() {
        *threshold = THRESHOLDS[rule].1[chosen[rule].0];
    }
    let without = run(server, plan, calendars, thresholds, Kind::Unexplained, &bar).await?;
    bar.finish_and_clear();

    let half = plan.half(1);
    let rows = first.rows;
    let outcome = Outcome {
        cases: first.cases,
        accesses: first.accesses,
        explanations: first.explanations,
        before,
        chosen,
        with_before: Seen::new(&runs, &before, half, budget),
        with_chosen: Seen::new(&runs, &chosen, half, budget),
        without: Seen::new(&[without.alerts], &chosen, half, budget),
        budget,
    };
    Ok(format!(
        "{head}, {rows} audit rows, {} cases\n\n{}",
        outcome.cases.len(),
        outcome.report()?
    ))
}

/// Thresholds and weights as the migration has them.
async fn settings(store: &Store) -> Result<Choice> {
    let rules = store.rules().await?;
    let mut choice = [(0, 0); THRESHOLDS.len()];
    for (setting, (name, thresholds)) in choice.iter_mut().zip(THRESHOLDS) {
        let (_, threshold, weight) = rules
            .iter()
            .find(|(rule, _, _)| rule == name)
            .with_context(|| format!("there is no rule {name}"))?;
        let place = thresholds.iter().position(|tried| tried == threshold);
        let place = place.with_context(|| {
            format!("figures.rs doesn't try {threshold}, which is the threshold of {name}")
        })?;
        *setting = (place, *weight);
    }
    Ok(choice)
}

/// What a run is for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// It also counts what explains the accesses.
    Counting,
    Plain,
    /// No access has an explanation.
    Unexplained,
}

impl Kind {
    fn of(place: usize) -> Self {
        match place {
            0 => Self::Counting,
            _ => Self::Plain,
        }
    }
}

struct Run {
    alerts: Vec<Alert>,
    cases: Vec<cases::Case>,
    /// All audit rows.
    rows: i64,
    /// The accesses of the second half, and what explains them.
    accesses: i64,
    explanations: Explanations,
}

/// Simulates all days under these thresholds. Each hour is written and then reviewed.
async fn run(
    server: &Server,
    plan: Plan,
    calendars: &[Calendar],
    thresholds: [i32; THRESHOLDS.len()],
    kind: Kind,
    bar: &ProgressBar,
) -> Result<Run> {
    const DATABASE: &str = "run";
    server.create_database(DATABASE, Some(PAST)).await?;
    let store = Store::open(&server.superuser_url(DATABASE)).await?;
    for ((rule, _), threshold) in THRESHOLDS.iter().zip(thresholds) {
        store.set_threshold(rule, threshold).await?;
    }
    if kind == Kind::Unexplained {
        store.explain_nothing().await?;
    }
    let mut simulation = Simulation::new(plan, calendars);
    drop(simulation.take_past());
    let [half, _] = plan.half(1);
    let mut labels: HashMap<Uuid, usize> = HashMap::new();
    let mut run = Run {
        alerts: Vec::new(),
        cases: Vec::new(),
        rows: 0,
        accesses: 0,
        explanations: Explanations::new(),
    };
    while let Some(day) = simulation.next_day() {
        for slice in &day.slices {
            for act in &slice.acts {
                if let What::Row(row) = &act.what
                    && let Some(case) = row.case
                {
                    labels.insert(row.id, case);
                }
            }
            store.write(&simulation.clinic, slice).await?;
            let reviewed = store.review().await?;
            run.rows += reviewed.rows;
            if day.number >= half {
                run.accesses += reviewed.accesses;
                if kind == Kind::Counting {
                    for found in store.explain(slice).await? {
                        let accesses = run.explanations.entry(found.explanation).or_default();
                        accesses[usize::from(found.is_labelled)] += found.accesses;
                    }
                }
            }
        }
        for raised in store.take_alerts().await? {
            let rule = THRESHOLDS.iter().position(|(name, _)| *name == raised.rule);
            let mut cases: Vec<usize> = raised
                .evidence
                .iter()
                .filter_map(|id| labels.get(id).copied())
                .collect();
            cases.sort_unstable();
            cases.dedup();
            run.alerts.push(Alert {
                day: day.number,
                rule: rule.with_context(|| format!("figures.rs has no rule {}", raised.rule))?,
                cases,
            });
        }
        if (day.number - plan.first_day).rem_euclid(7) == 6 {
            store.analyze().await?;
        }
        bar.inc(1);
    }
    run.cases = simulation.cases;
    drop(store);
    server.drop_database(DATABASE).await?;
    Ok(run)
}
