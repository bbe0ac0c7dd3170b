//! Compares free slots and bookings with one model, which looks at every minute.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::schedule::{Schedule, Wanted};
use domain::time::{TimeDelta, Timestamp};
use domain::zone::Zone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::prelude::*;

/// Time zones with every kind of clock change: by half an hour, at midnight, with a skipped day, with no
/// change at all, and with irregular changes.
const ZONES: [&str; 19] = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "Europe/London",
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
];

const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
const DAY: i64 = 24 * 60;

/// A day on which hours begin. Dates are counted in days since 1970.
#[derive(Debug, Clone, Copy)]
enum On {
    Weekday(i64),
    Date(i64),
}

/// Hours as minutes after midnight. They end on the next day unless `to` is later than `from`. None is a date
/// without hours.
#[derive(Debug, Clone, Copy)]
struct Hours {
    on: On,
    span: Option<(i64, i64)>,
}

/// A provider's schedule and visits, and what a caller asks for.
#[derive(Debug)]
struct Model {
    zone: &'static str,
    hours: Vec<Hours>,
    lead: i64,
    horizon: i64,
    longest: Option<i64>,
    step: Option<i64>,
    length: i64,
    within: Range<Timestamp>,
    taken: Vec<Range<Timestamp>>,
}

impl Model {
    fn is_exceptional(&self, day: i64) -> bool {
        let dates = self.hours.iter();
        dates
            .filter(|hours| matches!(hours.on, On::Date(date) if date == day))
            .count()
            > 0
    }

    /// The entries that are open in this local minute, each with the day on which it began.
    fn entries(&self, local: i64) -> Vec<(i64, usize)> {
        let today = local.div_euclid(DAY);
        let mut open = Vec::new();
        for day in [today - 1, today] {
            for (index, hours) in self.hours.iter().enumerate() {
                let Some((from, to)) = hours.span else {
                    continue;
                };
                let is_on = match hours.on {
                    On::Date(date) => date == day,
                    On::Weekday(weekday) => {
                        // 1 January 1970 was a Thursday.
                        weekday == (day + 3).rem_euclid(7)
                            && !self.is_exceptional(day)
                            && (day == today || !self.is_exceptional(today))
                    }
                };
                let begins = day * DAY + from;
                let ends = day * DAY + to + if to > from { 0 } else { DAY };
                if is_on && (begins..ends).contains(&local) {
                    open.push((day, index));
                }
            }
        }
        open
    }

    /// Each minute in the period and around it, with the entries that are open then.
    fn minutes(&self) -> BTreeMap<Timestamp, Vec<(i64, usize)>> {
        let zone = Zone::named(self.zone).unwrap();
        let minute = TimeDelta::minutes(1);
        let last = self.within.end + TimeDelta::minutes(DAY);
        // No entry is open for longer than this.
        let mut now = self.within.start - TimeDelta::hours(30);
        let mut minutes = BTreeMap::new();
        while now < last {
            let local = zone.local(now).and_utc().timestamp().div_euclid(60);
            minutes.insert(now, self.entries(local));
            now += minute;
        }
        minutes
    }

    /// Whether a patient can book this time at `now`.
    fn is_bookable(
        &self,
        minutes: &BTreeMap<Timestamp, Vec<(i64, usize)>>,
        begins: Timestamp,
        now: Timestamp,
    ) -> bool {
        let ends = begins + TimeDelta::minutes(self.length);
        self.length <= self.longest.unwrap_or(480)
            && begins >= now + TimeDelta::minutes(self.lead)
            && begins <= now + TimeDelta::days(self.horizon)
            && minutes
                .range(begins..ends)
                .all(|(_, entries)| !entries.is_empty())
            && self
                .taken
                .iter()
                .all(|taken| ends <= taken.start || taken.end <= begins)
    }

    /// The beginnings on the step: the first minute of each run of an entry, and every step after it.
    fn on_step(&self, minutes: &BTreeMap<Timestamp, Vec<(i64, usize)>>) -> Vec<Timestamp> {
        let step = self.step.unwrap_or(self.length);
        let mut ages: BTreeMap<(i64, usize), i64> = BTreeMap::new();
        let mut starts = Vec::new();
        for (minute, entries) in minutes {
            ages = entries
                .iter()
                .map(|entry| (*entry, ages.get(entry).map_or(0, |age| age + 1)))
                .collect();
            let fits = *minute >= self.within.start
                && *minute + TimeDelta::minutes(self.length) <= self.within.end;
            if fits && ages.values().any(|age| age % step == 0) {
                starts.push(*minute);
            }
        }
        starts
    }

    fn free_slots(&self, now: Timestamp) -> Vec<Timestamp> {
        let minutes = self.minutes();
        let mut starts = self.on_step(&minutes);
        starts.retain(|begins| self.is_bookable(&minutes, *begins, now));
        starts
    }

    /// The schedule as the API reads it.
    fn schedule(&self) -> Value {
        let time = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let (mut weekly, mut exceptions) = (Vec::new(), Vec::new());
        for Hours { on, span } in &self.hours {
            let mut entry = match span {
                Some((from, to)) => json!({"from": time(*from), "to": time(*to)}),
                None => json!({}),
            };
            match on {
                On::Weekday(day) => {
                    entry["weekday"] = json!(DAYS[usize::try_from(*day).unwrap()]);
                    weekly.push(entry);
                }
                On::Date(day) => {
                    let first: Timestamp = "1970-01-01T00:00:00Z".parse().unwrap();
                    let date = (first + TimeDelta::days(*day)).to_string();
                    entry["date"] = json!(date[..10]);
                    exceptions.push(entry);
                }
            }
        }
        json!({
            "time_zone": self.zone, "weekly": weekly, "exceptions": exceptions,
            "lead_minutes": self.lead, "horizon_days": self.horizon,
            "max_minutes": self.longest, "step_minutes": self.step
        })
    }

    /// The schedule, if it is valid.
    fn read(&self) -> Option<Schedule> {
        serde_json::from_value(self.schedule()).ok()
    }
}

/// Two times of a day, often the same as those of other entries. Hours can end at 24:00, and after midnight.
fn span() -> impl Strategy<Value = (i64, i64)> {
    let time = || {
        select(vec![
            0, 1, 30, 120, 360, 485, 540, 720, 1020, 1320, 1350, 1439,
        ])
    };
    (time(), time(), any::<bool>()).prop_map(|(from, to, to_midnight)| match to_midnight {
        true => (from, DAY),
        false if from == to => (from, 0),
        false => (from, to),
    })
}

fn models() -> impl Strategy<Value = Model> {
    let calendar = (
        select(ZONES.to_vec()),
        // The days until the period, and the hours from its beginning to a change of the clock.
        (30_i64..900, 0_i64..72, 1_i64..100),
        vec((0_i64..7, span()), 1..14),
        vec((-2_i64..6, prop::option::of(span())), 0..4),
    );
    let rules = (
        select(vec![5_i64, 7, 15, 30, 45, 60, 90, 240, 480, 1440]),
        select(vec![None, Some(240_i64), Some(1440)]),
        select(vec![None, Some(5_i64), Some(10), Some(50), Some(1440)]),
        // The minutes from the beginning of the period to the end of the notice and to the horizon.
        (-3000_i64..1500, prop::option::of(0_i64..6000)),
        vec((0_i64..7200, 1_i64..300), 0..6),
    );
    (calendar, rules).prop_map(|(calendar, rules)| {
        let (zone, (days, before, range), weekly, exceptions) = calendar;
        let (length, longest, step, (notice, horizon), taken) = rules;
        let tz = Zone::named(zone).unwrap();
        let now = this_minute();
        let around = now + TimeDelta::days(days);
        let changes = tz.changes(&(around..around + TimeDelta::days(400)));
        let start = changes.first().copied().unwrap_or(around) - TimeDelta::hours(before);
        let minutes = (start - now).num_minutes();
        let today = tz.local(start).and_utc().timestamp().div_euclid(60 * DAY);
        let mut model = Model {
            zone,
            hours: Vec::new(),
            // Both are counted from now.
            lead: (minutes + notice).clamp(0, 525_600),
            horizon: match horizon {
                Some(horizon) => (minutes + horizon) / DAY,
                None => 3650,
            },
            longest,
            step,
            length,
            within: start..start + TimeDelta::hours(range),
            taken: taken
                .iter()
                .map(|(from, minutes)| {
                    let begins = start + TimeDelta::minutes(*from);
                    begins..begins + TimeDelta::minutes(*minutes)
                })
                .collect(),
        };
        let weekly = weekly.into_iter().map(|(day, span)| Hours {
            on: On::Weekday(day),
            span: Some(span),
        });
        let exceptions = exceptions.into_iter().map(|(day, span)| Hours {
            on: On::Date(today + day),
            span,
        });
        // Overlapping entries are refused, so leave them out.
        for hours in weekly.chain(exceptions) {
            model.hours.push(hours);
            if model.read().is_none() {
                model.hours.pop();
            }
        }
        model
    })
}

fn this_minute() -> Timestamp {
    let now = Timestamp::now().to_string();
    format!("{}:00Z", &now[..16]).parse().unwrap()
}

/// The same random models in each run of the tests on a day.
fn random_models(count: usize) -> Vec<Model> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = models();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn free_slots_are_those_of_the_model() {
    let now = this_minute();
    let mut found = 0;
    for model in random_models(400) {
        let schedule = model.read().unwrap();
        let wanted = Wanted {
            within: model.within.clone(),
            length: TimeDelta::minutes(model.length),
            now,
        };
        let zone = Zone::named(model.zone).unwrap();
        let slots = schedule.free_slots(&zone, &model.taken, &wanted);
        let starts: Vec<_> = slots.iter().map(|slot| slot.start).collect();
        assert_eq!(starts, model.free_slots(now), "{model:?}");
        found += starts.len();
    }
    assert!(found > 1000, "{found}");
}

#[tokio::test]
async fn the_database_has_the_hours_of_the_model() {
    let world = World::new().await;
    let mut open = 0;
    for model in random_models(60) {
        let minutes = model.minutes();
        let step = TimeDelta::minutes(30);
        let last = model.within.end - TimeDelta::minutes(model.length);
        let rows = world
            .sql(
                "select moment, within_hours($1, moment, $2::bigint::integer) as is_open
                 from generate_series($3::timestamptz, $4, '30 minutes') as moment",
                &[&model.schedule(), &model.length, &model.within.start, &last],
            )
            .await;
        let mut begins = model.within.start;
        for row in rows {
            let moment: Timestamp = row.get("moment");
            assert_eq!(moment, begins);
            let ends = begins + TimeDelta::minutes(model.length);
            let mut all = minutes.range(begins..ends);
            let is_open = all.all(|(_, entries)| !entries.is_empty());
            assert_eq!(row.get::<_, bool>("is_open"), is_open, "{begins} {model:?}");
            open += usize::from(is_open);
            begins += step;
        }
    }
    assert!(open > 500, "{open}");
}

#[tokio::test]
async fn what_is_offered_can_be_booked_and_what_can_be_booked_on_the_step_is_offered() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    let (mut booked, mut refused) = (0, 0);
    for model in random_models(25) {
        let (ben, vera) = (world.patient("Ben").await, world.provider("Vera").await);
        world
            .sql(
                "update providers set schedule = $1 where id = $2",
                &[&model.schedule(), &vera.id],
            )
            .await;
        let taken = visits(&world, &ben, &vera, &model).await;
        let model = Model { taken, ..model };
        let path = format!(
            "/v1/providers/{}/availability?from={}&to={}&duration_minutes={}",
            vera.id, model.within.start, model.within.end, model.length
        );
        let now = Timestamp::now();
        let answer = ada.get(&path).await.expect(200);
        let slots = answer.body["slots"].as_array().unwrap().iter();
        let offered: Vec<Timestamp> = slots
            .map(|slot| slot["starts_at"].as_str().unwrap().parse().unwrap())
            .collect();

        // The time goes on between the requests, so times close to the limits are left out.
        let is_certain = |begins: &Timestamp| {
            let minutes = (*begins - now).num_minutes();
            [model.lead, model.horizon * DAY]
                .iter()
                .all(|limit| (minutes - limit).abs() > 3)
        };
        let minutes = model.minutes();
        let on_step = model.on_step(&minutes);
        let expected = model.free_slots(now);
        assert_eq!(
            offered
                .iter()
                .filter(|begins| is_certain(begins))
                .collect::<Vec<_>>(),
            expected
                .iter()
                .filter(|begins| is_certain(begins))
                .collect::<Vec<_>>(),
            "{model:?}"
        );

        let every = on_step.len().div_ceil(8).max(1);
        for begins in on_step
            .iter()
            .step_by(every)
            .filter(|begins| is_certain(begins))
        {
            let is_bookable = model.is_bookable(&minutes, *begins, now);
            assert_eq!(offered.contains(begins), is_bookable);
            let answer = ada
                .post(
                    "/v1/appointments",
                    json!({
                        "patient_id": ada.id, "provider_id": vera.id,
                        "scheduled_at": begins, "duration_minutes": model.length
                    }),
                )
                .await;
            let status = if is_bookable { 201 } else { 409 };
            assert_eq!(answer.status, status, "{begins} {} {model:?}", answer.text);
            booked += usize::from(is_bookable);
            refused += usize::from(!is_bookable);
            let cancel = "update appointments set status = 'CANCELLED' where patient_id = $1";
            world.sql(cancel, &[&ada.id]).await;
        }
    }
    assert!(booked > 20 && refused > 20, "{booked} {refused}");
}

/// Creates the visits of the model that don't overlap each other, and some that take nobody's time. Returns those
/// that take time.
async fn visits(
    world: &World,
    patient: &Patient,
    provider: &Provider,
    model: &Model,
) -> Vec<Range<Timestamp>> {
    let mut taken: Vec<Range<Timestamp>> = Vec::new();
    for (index, visit) in model.taken.iter().enumerate() {
        let is_free = taken
            .iter()
            .all(|other| visit.end <= other.start || other.end <= visit.start);
        let statuses = match is_free {
            true => ["SCHEDULED", "CHECKED_IN"],
            false => ["CANCELLED", "NO_SHOW"],
        };
        world
            .sql(
                "insert into appointments
                   (id, patient_id, provider_id, scheduled_at, duration_minutes, status)
                 values (gen_random_uuid(), $1, $2, $3, $4::bigint::integer, $5::text::appointment_status)",
                &[
                    &patient.id,
                    &provider.id,
                    &visit.start,
                    &(visit.end - visit.start).num_minutes(),
                    &statuses[index % 2],
                ],
            )
            .await;
        if is_free {
            taken.push(visit.clone());
        }
    }
    taken
}
