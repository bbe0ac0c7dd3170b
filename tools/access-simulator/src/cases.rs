//! The inappropriate accesses, a label for each, and when they happen. The labels never get into the database.

use crate::acts::{VISIT, What};
use crate::clinic::Work;
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND, day_of, is_workday, workday_from};
use crate::simulation::{Basis, Simulation};

#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Scenario {
    SameName,
    SameAddress,
    OtherRelative,
    Colleague,
    OwnChart,
    SoughtInADay,
    SoughtOverDays,
    AssignedAndUndone,
    BackDatedVisit,
    IdsQuickly,
    IdsSlowly,
    DownloadsQuickly,
    DownloadsSlowly,
    SlowBrowser,
    ClosedAccount,
}

impl Scenario {
    pub const ALL: [Self; 15] = [
        Self::SameName,
        Self::SameAddress,
        Self::OtherRelative,
        Self::Colleague,
        Self::OwnChart,
        Self::SoughtInADay,
        Self::SoughtOverDays,
        Self::AssignedAndUndone,
        Self::BackDatedVisit,
        Self::IdsQuickly,
        Self::IdsSlowly,
        Self::DownloadsQuickly,
        Self::DownloadsSlowly,
        Self::SlowBrowser,
        Self::ClosedAccount,
    ];

    pub fn describe(self) -> &'static str {
        match self {
            Self::SameName => "a relative of the same family name",
            Self::SameAddress => "another person at the same address",
            Self::OtherRelative => "a neighbour, or a relative with another name and address",
            Self::Colleague => "a colleague's chart",
            Self::OwnChart => "the own chart through an office or as a member of the care team",
            Self::SoughtInADay => "a well-known patient, sought by 3 to 6 persons within 10 hours",
            Self::SoughtOverDays => "a well-known patient, sought by one person a day on 4 days",
            Self::AssignedAndUndone => {
                "care that an administrator gave and took back, after 1 to 6 hours or 3 days"
            }
            Self::BackDatedVisit => {
                "a visit of the past that the desk entered, cancelled in half of the cases"
            }
            Self::IdsQuickly => "30 to 60 ids tried within half an hour",
            Self::IdsSlowly => "6 to 9 ids tried an hour, for 5 hours on 3 days",
            Self::DownloadsQuickly => "60 to 150 files downloaded within an hour",
            Self::DownloadsSlowly => "20 to 28 files downloaded an hour, for 5 hours",
            Self::SlowBrowser => "one unrelated patient a day, on 8 workdays",
            Self::ClosedAccount => "requests with a suspended account, at once or over 3 days",
        }
    }

    /// How many workdays a case takes at most.
    fn workdays(self) -> usize {
        match self {
            Self::SameName | Self::SameAddress | Self::OtherRelative => 11,
            Self::SlowBrowser => 8,
            Self::SoughtOverDays | Self::AssignedAndUndone => 5,
            Self::IdsSlowly | Self::ClosedAccount => 3,
            _ => 1,
        }
    }
}

/// An inappropriate access, or several that belong together.
pub struct Case {
    pub scenario: Scenario,
    /// In the first half of the cases, the thresholds are chosen. The other half is reported.
    pub half: usize,
    /// The number of its audit rows so far.
    pub rows: usize,
}

impl Simulation {
    /// Plans all cases on workdays of their half.
    pub fn plan_cases(&mut self) {
        for half in 0..2 {
            let [from, to] = self.plan.half(half);
            let days: Vec<i64> = (from..to).filter(|day| is_workday(*day)).collect();
            for scenario in Scenario::ALL {
                for number in 0..self.plan.cases {
                    let case = self.cases.len();
                    self.cases.push(Case {
                        scenario,
                        half,
                        rows: 0,
                    });
                    let first = days.len().saturating_sub(scenario.workdays());
                    let first = self.rng.usize(0..=first);
                    self.plan_case(case, number, &days[first..]);
                }
            }
        }
    }

    /// Plans a case from the first of these workdays on. `number` counts the cases of the scenario and half.
    fn plan_case(&mut self, case: usize, number: usize, days: &[i64]) {
        let at = self.working_time(days[0]) - HOUR;
        match self.cases[case].scenario {
            Scenario::SameName | Scenario::SameAddress | Scenario::OtherRelative => {
                let staff = self.snooper(number);
                let patient = self.relative(staff, self.cases[case].scenario);
                self.snoop(case, at, staff, patient);
                // Some look again, a week later each time.
                if self.rng.u32(0..10) < 3 {
                    self.snoop(case, at + 7 * DAY, staff, patient);
                    self.snoop(case, at + 14 * DAY, staff, patient);
                }
            }
            Scenario::Colleague => {
                let staff = self.clerk();
                let colleague = loop {
                    let other = self.rng.usize(0..self.clinic.staff.len());
                    if other != staff && self.clinic.staff[other].work != Work::Former {
                        break self.clinic.staff[other].chart;
                    }
                };
                self.snoop(case, at, staff, colleague);
            }
            Scenario::OwnChart => {
                let staff = if number.is_multiple_of(3) {
                    self.one_of(Work::Nurse)
                } else {
                    self.clerk()
                };
                let own = self.clinic.staff[staff].chart;
                self.snoop(case, at, staff, own);
            }
            Scenario::SoughtInADay => {
                let patient = self.any_patient(at);
                for staff in self.clerks(3, 6) {
                    let when = days[0] * DAY + self.rng.i64(7 * HOUR..17 * HOUR);
                    self.look(case, when, staff, patient);
                }
            }
            Scenario::SoughtOverDays => {
                let patient = self.any_patient(at);
                for (staff, day) in self.clerks(4, 4).into_iter().zip(days) {
                    let when = self.working_time(*day);
                    self.look(case, when, staff, patient);
                }
            }
            Scenario::AssignedAndUndone => self.undo_assignment(case, at),
            Scenario::BackDatedVisit => self.back_date(case, at),
            Scenario::IdsQuickly => {
                let staff = self.clinician();
                let mut when = at;
                for _ in 0..self.rng.u32(30..60) {
                    when += self.rng.i64(4 * SECOND..40 * SECOND);
                    self.try_id(case, when, staff);
                }
            }
            Scenario::IdsSlowly => {
                let staff = self.clinician();
                for day in &days[..days.len().min(3)] {
                    for hour in 9..14 {
                        for _ in 0..self.rng.u32(6..10) {
                            let when = day * DAY + hour * HOUR + self.rng.i64(0..HOUR);
                            self.try_id(case, when, staff);
                        }
                    }
                }
            }
            Scenario::DownloadsQuickly => {
                let files = self.rng.u32(60..150);
                self.take_files(case, at, files);
            }
            Scenario::DownloadsSlowly => {
                for hour in 0..5 {
                    let files = self.rng.u32(20..29);
                    self.take_files(case, days[0] * DAY + (9 + hour) * HOUR, files);
                }
            }
            Scenario::SlowBrowser => {
                let staff = self.clerk();
                for day in &days[..days.len().min(8)] {
                    let when = self.working_time(*day);
                    let patient = self.any_patient(when);
                    self.look(case, when, staff, patient);
                }
            }
            Scenario::ClosedAccount => self.use_closed_account(case, at, days),
        }
    }

    /// Three of four are in an office. The others are providers who saw the relative once.
    fn snooper(&mut self, number: usize) -> usize {
        if number.is_multiple_of(4) {
            self.one_of(Work::Provider)
        } else {
            self.clerk()
        }
    }

    fn relative(&mut self, staff: usize, scenario: Scenario) -> usize {
        let staff = &self.clinic.staff[staff];
        let relatives = match scenario {
            Scenario::SameName => &staff.family,
            Scenario::SameAddress => &staff.household,
            _ => &staff.others,
        };
        relatives[self.rng.usize(0..relatives.len())]
    }

    /// Somebody who reaches all patients' registration.
    fn clerk(&mut self) -> usize {
        let work = match self.rng.u32(0..6) {
            0 => Work::Administrator,
            1 => Work::Billing,
            _ => Work::Desk,
        };
        self.one_of(work)
    }

    /// Several of them.
    fn clerks(&mut self, least: usize, most: usize) -> Vec<usize> {
        let number = self.rng.usize(least..=most);
        let mut chosen = Vec::new();
        while chosen.len() < number {
            let clerk = self.clerk();
            if !chosen.contains(&clerk) {
                chosen.push(clerk);
            }
        }
        chosen
    }

    fn clinician(&mut self) -> usize {
        let work = if self.rng.bool() {
            Work::Provider
        } else {
            Work::Nurse
        };
        self.one_of(work)
    }

    /// Opens the registration or the chart.
    fn look(&mut self, case: usize, at: Millis, staff: usize, patient: usize) {
        let mut row = self.read(staff, patient);
        row.case = Some(case);
        self.row(at, row.clone());
        if !self.clinic.staff[staff].work.is_office() {
            let mut records = self.list_records(staff, patient);
            records.case = Some(case);
            self.row(at + MINUTE, records);
        }
        if self.rng.bool() {
            let again = at + self.rng.i64(MINUTE..20 * MINUTE);
            self.row(again, row);
        }
    }

    /// Looks for a person whom the snooper knows. In an office, 15 of a hundred only search by name, and 15 only list the
    /// visits. The others open the registration after the search.
    fn snoop(&mut self, case: usize, at: Millis, staff: usize, patient: usize) {
        if !self.clinic.staff[staff].work.is_office() {
            return self.look(case, at, staff, patient);
        }
        let way = self.rng.u32(0..100);
        let mut row = if way < 15 {
            self.request(staff, patient, "SEARCH", "APPOINTMENT", "list-appointments")
        } else {
            self.search(staff, patient)
        };
        row.case = Some(case);
        self.row(at, row);
        if way >= 30 {
            self.look(case, at + MINUTE, staff, patient);
        }
    }

    fn unreached_patient(&mut self, staff: usize, at: Millis) -> usize {
        loop {
            let patient = self.any_patient(at);
            if !self.reaches(staff, patient, at) {
                return patient;
            }
        }
    }

    fn undo_assignment(&mut self, case: usize, at: Millis) {
        let provider = self.one_of(Work::Provider);
        let administrator = self.one_of(Work::Administrator);
        let patient = self.unreached_patient(provider, at);
        let source = self.clinic.staff[provider].provider;
        let row = self.request(
            administrator,
            patient,
            "UPDATE",
            "PATIENT",
            "assign-provider",
        );
        self.row(at, row);
        self.give_care(provider, patient, Basis::Assignment, at, None);
        self.look(case, at + 5 * MINUTE, provider, patient);
        let end = if self.rng.u32(0..10) < 7 {
            at + self.rng.i64(HOUR..6 * HOUR)
        } else {
            workday_from(day_of(at) + 3) * DAY + 10 * HOUR
        };
        let row = self.request(
            administrator,
            patient,
            "UPDATE",
            "PATIENT",
            "unassign-provider",
        );
        self.row(end, row);
        self.end_care(end, provider, patient, source);
    }

    fn back_date(&mut self, case: usize, at: Millis) {
        let provider = self.one_of(Work::Provider);
        let desk = self.one_of(Work::Desk);
        let patient = self.unreached_patient(provider, at);
        let by = self.clinic.staff[desk].person.user;
        let row = self.request(desk, patient, "CREATE", "APPOINTMENT", "create-appointment");
        self.row(at, row);
        let before = at - 5 * DAY - at.rem_euclid(VISIT);
        let visit = self.visit(provider, patient, before, at, Some(by), "COMPLETED");
        self.look(case, at + 5 * MINUTE, provider, patient);
        if self.rng.bool() {
            let end = at + self.rng.i64(HOUR..5 * HOUR);
            let row = self.request(desk, patient, "UPDATE", "APPOINTMENT", "cancel-appointment");
            self.row(end, row);
            self.push(end, What::Status(visit, "CANCELLED"));
            self.end_care(end, provider, patient, visit);
        }
    }

    /// An id of a patient out of reach, or of nobody.
    fn try_id(&mut self, case: usize, at: Millis, staff: usize) {
        let mut row = if self.rng.bool() {
            let patient = self.unreached_patient(staff, at);
            self.refused(staff, patient)
        } else {
            self.not_found(staff)
        };
        row.case = Some(case);
        self.row(at, row);
    }

    /// Downloads files of patients in care within less than an hour.
    fn take_files(&mut self, case: usize, at: Millis, files: u32) {
        // The same person in all hours of a case.
        let providers = self.clinic.working(Work::Provider);
        let staff = providers[case % providers.len()];
        for file in 0..files {
            let when = at + i64::from(file) * 58 * MINUTE / i64::from(files);
            let patient = self.patient_in_reach(staff, when);
            let when = when + self.rng.i64(0..10 * SECOND);
            self.download(when, staff, patient, Some(case));
        }
    }

    fn use_closed_account(&mut self, case: usize, at: Millis, days: &[i64]) {
        let Some(staff) = self.former.pop() else {
            return;
        };
        self.push(
            at - HOUR,
            What::Suspend(self.clinic.staff[staff].person.user),
        );
        let is_slow = self.rng.bool();
        for (request, day) in (0..3).zip(days.iter().cycle()) {
            let when = if is_slow {
                day * DAY + 18 * HOUR
            } else {
                at + request * MINUTE
            };
            let mut row = if request == 0 {
                let patient = self.any_patient(when);
                self.refused(staff, patient)
            } else {
                self.not_found(staff)
            };
            row.outcome = "DENIED";
            row.reason = None;
            row.case = Some(case);
            self.row(when, row);
        }
    }
}
