//! What happens legitimately: visits and what belongs to them, calls, reviews of charts, mistakes.

use uuid::Uuid;

use crate::acts::{Record, Row, VISIT, What};
use crate::clinic::{self, Work};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND, day_of, is_workday, workday_from};
use crate::encounters::Calendar;
use crate::simulation::{Basis, Simulation};

/// How long the history before the first day is.
const HISTORY_DAYS: i64 = 730;

/// The visits of a provider on one day, from eight o'clock on.
const SLOTS: i64 = 16;

impl Simulation {
    /// Assigns providers, lets nurses of the team cover, and lets providers have seen one of their own relatives once.
    pub fn give_lasting_care(&mut self) {
        for patient in 0..self.clinic.patients.len() {
            let (registered, provider, nurse) = {
                let patient = &self.clinic.patients[patient];
                (patient.registered, patient.provider, patient.nurse)
            };
            self.push(registered, What::Register(patient));
            if day_of(registered) >= self.plan.first_day {
                let desk = self.desk_of(patient);
                for (resource, application) in
                    [("USER", "create-user"), ("PATIENT", "create-patient")]
                {
                    let row = self.request(desk, patient, "CREATE", resource, application);
                    self.row(registered, row);
                }
            }
            if let Some(provider) = provider {
                self.give_care(provider, patient, Basis::Assignment, registered, None);
                // Nurses get a year at most, which is renewed before the first day.
                let since = registered.max((self.plan.first_day - 60) * DAY);
                self.give_care(nurse, patient, Basis::Cover, since, Some(since + 300 * DAY));
            }
        }
        for staff in 0..self.clinic.staff.len() {
            let (work, relatives) = {
                let staff = &self.clinic.staff[staff];
                let family = staff
                    .family
                    .iter()
                    .chain(&staff.household)
                    .chain(&staff.others);
                (staff.work, family.copied().collect::<Vec<_>>())
            };
            if work == Work::Provider {
                for patient in relatives {
                    let at = (self.plan.first_day - self.rng.i64(60..600)) * DAY + 9 * HOUR;
                    self.visit(staff, patient, at, at - 9 * DAY, None, "COMPLETED");
                }
            } else if matches!(work, Work::Nurse | Work::Lab) {
                let own = self.clinic.staff[staff].chart;
                let since = (self.plan.first_day - 60) * DAY;
                self.give_care(staff, own, Basis::Cover, since, Some(since + 300 * DAY));
            }
        }
    }

    pub fn plan_visits(&mut self, patient: usize, calendar: &Calendar) {
        let registered = day_of(self.clinic.patients[patient].registered);
        let from = (self.plan.first_day - HISTORY_DAYS).max(registered);
        for wanted in calendar.days(&mut self.rng, from, self.plan.end_day() + 40) {
            // On average two weeks ahead.
            let ahead = (-14.0 * (1.0 - self.rng.f64()).ln()) as i64;
            let booked = workday_from((wanted - 1 - ahead.min(60)).max(registered));
            let wanted = workday_from(wanted.max(booked + 1));
            self.bookings
                .entry(booked)
                .or_default()
                .push((patient, wanted));
        }
    }

    /// Books a visit on this day, and plans what follows from it.
    pub fn book(&mut self, patient: usize, day: i64, wanted: i64) {
        let (team, assigned, has_portal) = {
            let patient = &self.clinic.patients[patient];
            (patient.team, patient.provider, patient.has_portal)
        };
        let provider = match (self.rng.u32(0..20), assigned) {
            (0..14, Some(provider)) => provider,
            (0..19, _) => self.one_of_team(Work::Provider, team),
            _ => self.one_of(Work::Provider),
        };
        let at = self.free_time(provider, patient, wanted);
        let is_past = day_of(at) < self.plan.first_day;
        let booked_at = self.working_time(day);
        let desk = self.desk_of(patient);
        let by_portal = has_portal && self.rng.bool();
        let booked_by = if by_portal {
            self.clinic.patients[patient].person.user
        } else {
            self.clinic.staff[desk].person.user
        };
        let fate = match self.rng.u32(0..100) {
            0..6 => "CANCELLED",
            6..10 => "NO_SHOW",
            _ => "COMPLETED",
        };
        let status = if is_past { fate } else { "SCHEDULED" };
        let id = self.visit(provider, patient, at, booked_at, Some(booked_by), status);
        if by_portal {
            let row = self.of_patient(patient, "CREATE", "APPOINTMENT", "create-appointment");
            self.row(booked_at, row);
        } else {
            self.answer_phone(booked_at - 2 * MINUTE, desk, patient);
            let row = self.request(desk, patient, "CREATE", "APPOINTMENT", "create-appointment");
            self.row(booked_at, row);
        }
        if fate == "COMPLETED" {
            self.take_place(provider, patient, at, id);
        } else if !is_past {
            let when = match fate {
                "CANCELLED" => self.rng.i64(booked_at + HOUR..at.max(booked_at + 2 * HOUR)),
                _ => at + VISIT,
            };
            let row = self.request(desk, patient, "UPDATE", "APPOINTMENT", "cancel-appointment");
            self.row(when, row);
            self.push(when, What::Status(id, fate));
            self.end_care(when, provider, patient, id);
        }
    }

    /// Takes the first time from the wanted day on at which both are free.
    fn free_time(&mut self, provider: usize, patient: usize, wanted: i64) -> Millis {
        let mut day = workday_from(wanted);
        loop {
            let first = self.rng.i64(0..SLOTS);
            for slot in 0..SLOTS {
                let at = day * DAY + 8 * HOUR + (first + slot) % SLOTS * VISIT;
                if !self.taken_by_patients.contains(&(patient, at))
                    && self.taken.insert((provider, at))
                {
                    self.taken_by_patients.insert((patient, at));
                    return at;
                }
            }
            day = workday_from(day + 1);
        }
    }

    /// The desk looks for the caller by name. In half of the cases it opens their registration.
    fn answer_phone(&mut self, at: Millis, desk: usize, patient: usize) {
        let mut row = self.search(desk, patient);
        if self.rng.bool() {
            let last = &self.clinic.patients[patient].person.last;
            let namesakes = &self.clinic.named[last];
            if namesakes.len() > 1 {
                let found = namesakes.iter().take(20);
                row.patients = found.map(|found| self.clinic.patients[*found].id).collect();
                row.patient = None;
            }
            row.resource_id = None;
        }
        self.row(at, row);
        if self.rng.bool() {
            self.open(at + MINUTE, desk, patient);
        }
    }

    /// A visit that takes place: preparation, reception, treatment, results, billing.
    fn take_place(&mut self, provider: usize, patient: usize, at: Millis, id: Uuid) {
        self.seen.entry(provider).or_default().push((patient, at));
        if day_of(at) < self.plan.first_day {
            if self.rng.u32(0..10) < 9 {
                self.write(at + 20 * MINUTE, provider, patient, "NOTE");
            }
            return;
        }
        let team = self.clinic.staff[provider].team;
        let nurse = if self.clinic.patients[patient].team == team {
            self.clinic.patients[patient].nurse
        } else {
            self.one_of_team(Work::Nurse, team)
        };
        // The day before.
        let eve = (day_of(at) - 3..day_of(at))
            .rev()
            .find(|day| is_workday(*day));
        let eve = self.working_time(eve.unwrap_or(day_of(at) - 1));
        if !self.reaches(nurse, patient, at) {
            self.grant(eve, nurse, patient, Basis::Cover, 30);
        }
        self.open(eve + HOUR / 2, nurse, patient);
        // The visit.
        let desk = self.one_of_team(Work::Desk, team);
        self.open(at - 9 * MINUTE, desk, patient);
        let row = self.request(
            desk,
            patient,
            "UPDATE",
            "APPOINTMENT",
            "check-in-appointment",
        );
        self.row(at - 8 * MINUTE, row);
        self.open(at, nurse, patient);
        self.write(at + 5 * MINUTE, nurse, patient, "NOTE");
        self.open(at + 7 * MINUTE, provider, patient);
        if self.rng.u32(0..10) < 9 {
            self.write(at + 20 * MINUTE, provider, patient, "NOTE");
        }
        if self.rng.u32(0..7) == 0 {
            self.download(at + 12 * MINUTE, provider, patient, None);
        }
        let row = self.request(
            provider,
            patient,
            "UPDATE",
            "APPOINTMENT",
            "complete-appointment",
        );
        self.row(at + 25 * MINUTE, row);
        self.push(at + 25 * MINUTE, What::Status(id, "COMPLETED"));
        if self.rng.u32(0..10) < 3 {
            self.examine(provider, patient, at);
        }
        if self.rng.u32(0..25) == 0 {
            let colleague = self.one_of(Work::Provider);
            let when = self.working_time(workday_from(day_of(at) + 3));
            self.grant(at + 22 * MINUTE, colleague, patient, Basis::Referral, 60);
            self.open(when, colleague, patient);
        }
        let billing = self.one_of(Work::Billing);
        let when = workday_from(day_of(at) + self.rng.i64(3..50));
        let when = self.working_time(when);
        self.open(when, billing, patient);
        let row = self.request(billing, patient, "READ", "APPOINTMENT", "get-appointment");
        self.row(when + MINUTE, row);
        if self.clinic.patients[patient].has_portal {
            let when = at + self.rng.i64(2 * HOUR..60 * HOUR);
            let row = self.of_patient(patient, "SEARCH", "MEDICAL_RECORD", "list-records");
            self.row(when, row);
        }
    }

    /// The lab examines a sample the next day, and the provider reads the result days later. A colleague does if the
    /// provider is away.
    fn examine(&mut self, provider: usize, patient: usize, at: Millis) {
        let lab = self.one_of(Work::Lab);
        self.grant(at + 21 * MINUTE, lab, patient, Basis::Referral, 30);
        let result = self.working_time(workday_from(day_of(at) + 1));
        self.open(result, lab, patient);
        self.write(result + 6 * MINUTE, lab, patient, "LAB_RESULT");
        let day = workday_from(day_of(result) + self.rng.i64(1..6));
        let when = self.working_time(day);
        let reader = if self.rng.u32(0..12) == 0 {
            let colleague = self.one_of_team(Work::Provider, self.clinic.staff[provider].team);
            if colleague != provider {
                self.grant(when - HOUR / 2, colleague, patient, Basis::Cover, 14);
            }
            colleague
        } else {
            provider
        };
        self.open(when, reader, patient);
    }

    /// What staff do on a workday apart from visits.
    pub fn work(&mut self, day: i64) {
        for staff in 0..self.clinic.staff.len() {
            let work = self.clinic.staff[staff].work;
            if work == Work::Former {
                continue;
            }
            // Mistyped or outdated addresses.
            if self.rng.u32(0..10) == 0 {
                for _ in 0..self.rng.u32(1..4) {
                    let at = self.working_time(day);
                    let row = self.not_found(staff);
                    self.row(at, row);
                }
            }
            match work {
                // A call about something else than a visit. The log has no reason for it.
                Work::Desk if self.rng.bool() => {
                    let at = self.working_time(day);
                    let patient = self.any_patient(at);
                    self.answer_phone(at, staff, patient);
                }
                Work::Provider => self.follow_up(day, staff),
                // A patient asks for a copy of their files.
                Work::Nurse if self.rng.u32(0..50) == 0 => {
                    let mut at = self.working_time(day);
                    let patient = self.patient_in_reach(staff, at);
                    self.open(at, staff, patient);
                    for _ in 0..self.rng.u32(15..45) {
                        at += self.rng.i64(10 * SECOND..MINUTE);
                        self.download(at, staff, patient, None);
                    }
                }
                Work::Administrator => {
                    for _ in 0..self.rng.u32(0..5) {
                        let at = self.working_time(day);
                        let patient = self.any_patient(at);
                        let row = self.request(staff, patient, "UPDATE", "USER", "update-user");
                        self.row(at, row);
                    }
                }
                Work::Officer => {
                    for _ in 0..self.rng.u32(0..5) {
                        let at = self.working_time(day);
                        let patient = self.any_patient(at);
                        let row =
                            self.request(staff, patient, "SEARCH", "AUDIT_LOG", "list-audit-logs");
                        self.row(at, row);
                    }
                }
                _ => {}
            }
        }
        // Once in three weeks, a team vaccinates: a nurse has many more patients than usual.
        for team in 0..self.plan.teams {
            if self.rng.u32(0..15) == 0 {
                let nurse = self.one_of_team(Work::Nurse, team);
                for _ in 0..self.rng.u32(50..90) {
                    let at = self.working_time(day);
                    let patient = self.patient_in_reach(nurse, at);
                    self.open(at, nurse, patient);
                    self.write(at + 2 * MINUTE, nurse, patient, "IMMUNIZATION");
                }
            }
        }
        // Emergency access to somebody who has never been here as their patient.
        if self.rng.u32(0..3) == 0 {
            let provider = self.one_of(Work::Provider);
            let at = self.working_time(day);
            let patient = self.any_patient(at);
            for (action, resource, application) in [
                ("CREATE", "EMERGENCY_ACCESS", "grant-emergency-access"),
                ("READ", "PATIENT", "get-patient"),
                ("SEARCH", "MEDICAL_RECORD", "list-records"),
            ] {
                let mut row = self.request(provider, patient, action, resource, application);
                row.relation = Some("EMERGENCY");
                self.row(at, row);
            }
        }
        // Somebody tries to sign in by habit after their account was suspended.
        if self.rng.u32(0..10) == 0
            && let Some(staff) = self.former.pop()
        {
            let at = self.working_time(day);
            self.push(
                at - HOUR,
                What::Suspend(self.clinic.staff[staff].person.user),
            );
            let patient = self.any_patient(at);
            let row = self.refused(staff, patient);
            self.row(at, row);
        }
    }

    /// Patients whom the provider saw before: a call on three days of ten, and a review of eight charts once in four weeks.
    fn follow_up(&mut self, day: i64, provider: usize) {
        let charts = match self.rng.u32(0..20) {
            0 => 8,
            1..7 => 1,
            _ => 0,
        };
        for _ in 0..charts {
            let at = self.working_time(day);
            let seen = self.seen.get(&provider).map_or(&[][..], Vec::as_slice);
            let seen: Vec<_> = seen.iter().filter(|(_, when)| *when < at - DAY).collect();
            if seen.is_empty() {
                return;
            }
            let patient = seen[self.rng.usize(0..seen.len())].0;
            self.open(at, provider, patient);
        }
    }

    /// Patients read their charts at any time, also at the weekend.
    pub fn read_at_home(&mut self, day: i64) {
        for _ in 0..self.clinic.patients.len() / 200 {
            let at = day * DAY + self.rng.i64(6 * HOUR..23 * HOUR);
            let patient = self.any_patient(at);
            if self.clinic.patients[patient].has_portal {
                for (action, resource, application) in [
                    ("READ", "PATIENT", "get-patient"),
                    ("SEARCH", "APPOINTMENT", "list-appointments"),
                ] {
                    let row = self.of_patient(patient, action, resource, application);
                    self.row(at, row);
                }
            }
        }
    }

    /// Opens a chart as a clinician, or the registration in an office. Sometimes it is at first that of somebody with a
    /// similar name, which is corrected within a minute.
    fn open(&mut self, at: Millis, staff: usize, patient: usize) {
        if self.rng.u32(0..200) == 0 {
            let last = &self.clinic.patients[patient].person.last;
            let namesakes = self.clinic.named[last].clone();
            let wrong = namesakes[self.rng.usize(0..namesakes.len())];
            let early = at - self.rng.i64(10 * SECOND..50 * SECOND);
            let row = if self.reaches(staff, wrong, at) {
                self.read(staff, wrong)
            } else {
                self.refused(staff, wrong)
            };
            self.row(early, row);
        }
        let row = self.read(staff, patient);
        self.row(at, row);
        if !self.clinic.staff[staff].work.is_office() {
            let row = self.list_records(staff, patient);
            let later = at + self.rng.i64(5 * SECOND..MINUTE);
            self.row(later, row);
        }
    }

    /// A referral or cover, which the front desk enters.
    fn grant(&mut self, at: Millis, staff: usize, patient: usize, basis: Basis, days: i64) {
        let desk = self.desk_of(patient);
        let row = self.request(desk, patient, "UPDATE", "PATIENT", "grant-care");
        self.row(at, row);
        self.give_care(staff, patient, basis, at, Some(at + days * DAY));
    }

    fn write(&mut self, at: Millis, staff: usize, patient: usize, kind: &'static str) {
        let record = Record {
            id: clinic::id(&mut self.rng),
            patient: self.clinic.patients[patient].id,
            provider: Some(self.clinic.staff[staff].provider).filter(|id| !id.is_nil()),
            author: self.clinic.staff[staff].person.user,
            kind,
            at,
        };
        let mut row = self.request(staff, patient, "CREATE", "MEDICAL_RECORD", "create-record");
        row.resource_id = Some(record.id);
        self.row(at, row);
        self.push(at, What::Record(record));
    }

    pub fn download(&mut self, at: Millis, staff: usize, patient: usize, case: Option<usize>) {
        let mut row = self.request(staff, patient, "DISCLOSE", "FILE", "get-file");
        row.resource_id = Some(clinic::id(&mut self.rng));
        row.case = case;
        self.row(at, row);
    }

    /// A request of the patient, or of a parent.
    fn of_patient(
        &self,
        patient: usize,
        action: &'static str,
        resource: &'static str,
        application: &'static str,
    ) -> Row {
        let patient = &self.clinic.patients[patient];
        Row {
            user: patient.parent.unwrap_or(patient.person.user),
            role: "PATIENT",
            relation: Some(if patient.parent.is_some() {
                "REPRESENTATION"
            } else {
                "SELF"
            }),
            action,
            resource,
            patient: Some(patient.id),
            outcome: "SUCCESS",
            application,
            ..Row::default()
        }
    }

    fn desk_of(&mut self, patient: usize) -> usize {
        let team = self.clinic.patients[patient].team;
        self.one_of_team(Work::Desk, team)
    }
}
