//! A clinic day by day: who does what, legitimate or not. The same seed gives the same days.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fastrand::Rng;
use uuid::Uuid;

use crate::acts::{Act, Care, Row, Slice, VISIT, Visit, What};
use crate::cases::Case;
use crate::clinic::{self, Clinic, Size, Work};
use crate::clock::{DAY, HOUR, Millis, day_of, is_workday};
use crate::encounters::Calendar;

/// Care after a visit lasts 24 months, as a new installation has it.
const CARE_AFTER_VISIT: Millis = 730 * DAY;

/// What is simulated.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    /// The first day, a Monday, as its number since 1970.
    pub first_day: i64,
    pub weeks: i64,
    /// The first weeks only build the habits that some rules compare with. They have no case.
    pub warm_up_weeks: i64,
    pub teams: usize,
    /// For each provider.
    pub patients: usize,
    /// For each scenario and half.
    pub cases: usize,
}

impl Plan {
    pub fn end_day(&self) -> i64 {
        self.first_day + 7 * self.weeks
    }

    /// The first day of a half, and of what follows it.
    pub fn half(&self, half: usize) -> [i64; 2] {
        let first = self.first_day + 7 * self.warm_up_weeks;
        let middle = first + 7 * ((self.weeks - self.warm_up_weeks) / 2);
        match half {
            0 => [first, middle],
            _ => [middle, self.end_day()],
        }
    }
}

/// On what care is based.
#[derive(Clone, Copy)]
pub enum Basis {
    Assignment,
    Visit { id: Uuid, ends: Millis },
    Referral,
    Cover,
}

/// A day that was simulated.
pub struct Day {
    pub number: i64,
    pub slices: Vec<Slice>,
}

pub struct Simulation {
    pub plan: Plan,
    pub rng: Rng,
    pub clinic: Clinic,
    pub cases: Vec<Case>,
    /// What will happen on later days.
    queue: BTreeMap<i64, Vec<Act>>,
    /// What happened before the first day. Taken once.
    before: Vec<Act>,
    /// The times of visits, with the provider and with the patient.
    pub taken: BTreeSet<(usize, Millis)>,
    pub taken_by_patients: BTreeSet<(usize, Millis)>,
    /// Patient and wanted day of visits, by the day of the booking.
    pub bookings: BTreeMap<i64, Vec<(usize, i64)>>,
    /// Until when staff can reach a patient. Without it they would be refused.
    reach: HashMap<(usize, usize), Millis>,
    /// Whom each member of staff has seen, and when.
    pub seen: HashMap<usize, Vec<(usize, Millis)>>,
    /// Accounts of former staff that nobody used yet.
    pub former: Vec<usize>,
    next_day: i64,
}

impl Simulation {
    /// Makes the clinic and its past. `calendars` says when patients come.
    pub fn new(plan: Plan, calendars: &[Calendar]) -> Self {
        let mut rng = Rng::with_seed(plan.seed);
        let size = Size {
            teams: plan.teams,
            patients: plan.patients,
            former: 2 * plan.cases + usize::try_from(plan.weeks).unwrap_or_default(),
        };
        let (start, end) = (plan.first_day * DAY, plan.end_day() * DAY);
        let clinic = Clinic::new(&mut rng, size, start, end);
        let mut simulation = Self {
            plan,
            rng,
            former: clinic.working(Work::Former),
            clinic,
            cases: Vec::new(),
            queue: BTreeMap::new(),
            before: Vec::new(),
            taken: BTreeSet::new(),
            taken_by_patients: BTreeSet::new(),
            bookings: BTreeMap::new(),
            reach: HashMap::new(),
            seen: HashMap::new(),
            next_day: plan.first_day,
        };
        simulation.give_lasting_care();
        for patient in 0..simulation.clinic.patients.len() {
            let calendar = &calendars[simulation.rng.usize(0..calendars.len())];
            simulation.plan_visits(patient, calendar);
        }
        for (day, bookings) in std::mem::take(&mut simulation.bookings) {
            if day >= plan.first_day {
                simulation.bookings.insert(day, bookings);
                continue;
            }
            for (patient, wanted) in bookings {
                simulation.book(patient, day, wanted);
            }
        }
        simulation.plan_cases();
        simulation
    }

    /// What happened before the first day.
    pub fn take_past(&mut self) -> Slice {
        let mut acts = std::mem::take(&mut self.before);
        acts.sort_by_key(|act| act.at);
        Slice {
            ends: self.plan.first_day * DAY,
            acts,
        }
    }

    /// Simulates the next day in slices of an hour. None after the last.
    pub fn next_day(&mut self) -> Option<Day> {
        let number = self.next_day;
        if number >= self.plan.end_day() {
            return None;
        }
        self.next_day += 1;
        for (patient, wanted) in self.bookings.remove(&number).unwrap_or_default() {
            self.book(patient, number, wanted);
        }
        if is_workday(number) {
            self.work(number);
        }
        self.read_at_home(number);
        let mut acts = self.queue.remove(&number).unwrap_or_default();
        acts.sort_by_key(|act| act.at);
        let mut slices: Vec<Slice> = Vec::new();
        for mut act in acts {
            let ends = (act.at.div_euclid(HOUR) + 1) * HOUR;
            if let What::Row(row) = &mut act.what {
                row.id = self.row_id(act.at);
                if let Some(case) = row.case {
                    self.cases[case].rows += 1;
                }
            }
            match slices.last_mut() {
                Some(slice) if slice.ends == ends => slice.acts.push(act),
                _ => slices.push(Slice {
                    ends,
                    acts: vec![act],
                }),
            }
        }
        Some(Day { number, slices })
    }

    /// A UUIDv7 of this time (RFC 9562), as `append_audit` asks for.
    fn row_id(&mut self, at: Millis) -> Uuid {
        let random = self.rng.u128(..).to_be_bytes();
        let mut rest = [0; 10];
        rest.copy_from_slice(&random[..10]);
        uuid::Builder::from_unix_timestamp_millis(at.unsigned_abs(), &rest).into_uuid()
    }

    /// Lets something happen. Requests of the past are left out, and so is what is after the end.
    pub fn push(&mut self, at: Millis, what: What) {
        let day = day_of(at);
        if day >= self.plan.end_day() {
            return;
        }
        if day >= self.plan.first_day {
            self.queue.entry(day).or_default().push(Act { at, what });
        } else if !matches!(what, What::Row(_)) {
            self.before.push(Act { at, what });
        }
    }

    pub fn row(&mut self, at: Millis, row: Row) {
        self.push(at, What::Row(row));
    }

    /// A successful request of a member of staff about one patient.
    pub fn request(
        &self,
        staff: usize,
        patient: usize,
        action: &'static str,
        resource: &'static str,
        application: &'static str,
    ) -> Row {
        let staff = &self.clinic.staff[staff];
        let patient = self.clinic.patients[patient].id;
        Row {
            user: staff.person.user,
            role: staff.work.role(),
            relation: Some(if staff.work.is_office() {
                "OFFICE"
            } else {
                "CARE"
            }),
            action,
            resource,
            resource_id: (resource == "PATIENT").then_some(patient),
            patient: Some(patient),
            outcome: "SUCCESS",
            application,
            ..Row::default()
        }
    }

    pub fn read(&self, staff: usize, patient: usize) -> Row {
        self.request(staff, patient, "READ", "PATIENT", "get-patient")
    }

    pub fn list_records(&self, staff: usize, patient: usize) -> Row {
        self.request(staff, patient, "SEARCH", "MEDICAL_RECORD", "list-records")
    }

    /// A search by name that answers one patient.
    pub fn search(&self, staff: usize, patient: usize) -> Row {
        self.request(staff, patient, "SEARCH", "PATIENT", "search-patients")
    }

    /// A request that is refused, because the patient is out of reach.
    pub fn refused(&self, staff: usize, patient: usize) -> Row {
        Row {
            relation: None,
            outcome: "DENIED",
            ..self.read(staff, patient)
        }
    }

    /// A request for an id that nothing has.
    pub fn not_found(&mut self, staff: usize) -> Row {
        Row {
            relation: None,
            outcome: "FAILURE",
            reason: Some("not-found"),
            patient: None,
            resource_id: Some(clinic::id(&mut self.rng)),
            ..self.read(staff, 0)
        }
    }

    pub fn reaches(&self, staff: usize, patient: usize, at: Millis) -> bool {
        let care = self.reach.get(&(staff, patient));
        self.clinic.staff[staff].work.is_office() || care.is_some_and(|until| *until > at)
    }

    /// Gives care. An assignment has no end.
    pub fn give_care(
        &mut self,
        staff: usize,
        patient: usize,
        basis: Basis,
        since: Millis,
        until: Option<Millis>,
    ) {
        let member = &self.clinic.staff[staff];
        let chart = &self.clinic.patients[patient];
        let (basis, source, counted_from) = match basis {
            Basis::Assignment => ("ASSIGNMENT", member.provider, None),
            Basis::Visit { id, ends } => ("VISIT", id, Some(ends)),
            Basis::Referral => ("REFERRAL", member.person.user, None),
            Basis::Cover => ("COVER", member.person.user, None),
        };
        let care = Care {
            member: member.person.user,
            patient: chart.id,
            account: chart.person.user,
            basis,
            source,
            since,
            until,
            counted_from,
        };
        let reach = self.reach.entry((staff, patient)).or_default();
        *reach = (*reach).max(until.unwrap_or(Millis::MAX));
        self.push(since, What::Care(care));
    }

    pub fn end_care(&mut self, at: Millis, staff: usize, patient: usize, source: Uuid) {
        let end = What::EndCare {
            member: self.clinic.staff[staff].person.user,
            patient: self.clinic.patients[patient].id,
            source,
        };
        self.push(at, end);
    }

    pub fn one_of(&mut self, work: Work) -> usize {
        let all = self.clinic.working(work);
        all[self.rng.usize(0..all.len())]
    }

    pub fn one_of_team(&mut self, work: Work, team: usize) -> usize {
        let all = self.clinic.of_team(work, team);
        all[self.rng.usize(0..all.len())]
    }

    /// A time on this day while the clinic is open.
    pub fn working_time(&mut self, day: i64) -> Millis {
        day * DAY + self.rng.i64(8 * HOUR..17 * HOUR)
    }

    pub fn any_patient(&mut self, at: Millis) -> usize {
        loop {
            let patient = self.rng.usize(0..self.clinic.patients.len());
            if self.clinic.patients[patient].registered < at {
                return patient;
            }
        }
    }

    /// A visit with its care.
    pub fn visit(
        &mut self,
        staff: usize,
        patient: usize,
        at: Millis,
        booked_at: Millis,
        booked_by: Option<Uuid>,
        status: &'static str,
    ) -> Uuid {
        let id = clinic::id(&mut self.rng);
        let visit = Visit {
            id,
            patient: self.clinic.patients[patient].id,
            provider: self.clinic.staff[staff].provider,
            scheduled_at: at,
            status,
            booked_at,
            booked_by,
        };
        self.push(booked_at, What::Visit(visit));
        let end = at + VISIT;
        let until = match status {
            "CANCELLED" | "NO_SHOW" => at,
            _ => end + CARE_AFTER_VISIT,
        };
        self.give_care(
            staff,
            patient,
            Basis::Visit { id, ends: end },
            booked_at,
            Some(until),
        );
        id
    }

    pub fn patient_in_reach(&mut self, staff: usize, at: Millis) -> usize {
        loop {
            let patient = self.any_patient(at);
            if self.reaches(staff, patient, at) {
                return patient;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Scenario;

    /// Time, id, patient and case of an audit row.
    type Told = (Millis, Uuid, Option<Uuid>, Option<usize>);

    /// The rows of a small clinic, and the simulation at its end.
    fn simulated(seed: u64) -> (Vec<Told>, Simulation) {
        let plan = Plan {
            seed,
            first_day: 20_454,
            weeks: 8,
            warm_up_weeks: 2,
            teams: 2,
            patients: 60,
            cases: 2,
        };
        let calendars: Vec<_> = [vec![0, 200, 500], vec![3, 40, 41, 90]]
            .into_iter()
            .filter_map(Calendar::new)
            .collect();
        let mut simulation = Simulation::new(plan, &calendars);
        let past = simulation.take_past();
        assert!(past.acts.iter().all(|act| act.at < past.ends));
        let mut rows = Vec::new();
        while let Some(day) = simulation.next_day() {
            let mut before = day.number * DAY;
            for act in day.slices.iter().flat_map(|slice| &slice.acts) {
                assert!(
                    act.at >= before && day_of(act.at) == day.number,
                    "acts are in order"
                );
                before = act.at;
                if let What::Row(row) = &act.what {
                    rows.push((act.at, row.id, row.patient, row.case));
                }
            }
        }
        (rows, simulation)
    }

    #[test]
    fn the_same_seed_gives_the_same_days_and_another_seed_others() {
        let (one, same, other) = (simulated(1).0, simulated(1).0, simulated(2).0);
        assert!(one.len() > 1000, "{} rows", one.len());
        assert!(one == same);
        assert!(one != other);
    }

    #[test]
    fn each_scenario_has_its_cases_in_each_half_and_all_their_rows_are_in_it() {
        let (rows, simulation) = simulated(3);
        for scenario in Scenario::ALL {
            for half in 0..2 {
                let of_half = |case: &&Case| case.scenario == scenario && case.half == half;
                let cases: Vec<_> = simulation.cases.iter().filter(of_half).collect();
                assert_eq!(cases.len(), 2);
                assert!(cases.iter().all(|case| case.rows > 0), "{scenario:?}");
            }
        }
        for (at, _, _, case) in rows {
            if let Some(case) = case {
                let [from, to] = simulation.plan.half(simulation.cases[case].half);
                assert!(
                    (from..to).contains(&day_of(at)),
                    "{:?}",
                    simulation.cases[case].scenario
                );
            }
        }
    }
}
