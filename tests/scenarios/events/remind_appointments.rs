//! Schedule, every minute: `remind-appointments`

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::time::{TimeDelta, Timestamp};
use domain::zone::Zone;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use tests::audit::Expected;
use tests::prelude::*;

use super::types_of;

async fn remind(world: &World) -> Result<Value, String> {
    let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
    let done = world.cloud.invoke("remind-appointments", &schedule).await;
    done.map_err(|failure| failure.to_string())
}

/// Lets time pass for all visits.
async fn pass(world: &World, interval: &str) {
    world
        .rewrite_history(&format!(
            "update appointments set scheduled_at = scheduled_at - interval '{interval}',
               slot = tstzrange(lower(slot) - interval '{interval}', upper(slot) - interval '{interval}');
             update appointment_reminders set due_at = due_at - interval '{interval}'"
        ))
        .await;
}

/// A time this many hours from now, in the clinic's default zone, UTC.
fn ahead(hours: i64) -> String {
    (Timestamp::now() + TimeDelta::hours(hours)).to_string()
}

async fn visit_in(world: &World, ada: &Patient, vera: &Provider, hours: i64) -> Uuid {
    world.visit(ada, vera, &ahead(hours), "SCHEDULED").await
}

/// The offsets of the reminders of a visit that were written, in their order.
async fn written(world: &World, visit: Uuid) -> Vec<String> {
    let events = world
        .rows(
            "select data ->> 'offset' as before from business_events
             where subject = 'appointments/' || $1::uuid and type = 'appointment.due.v1' order by sequence",
            &[&visit],
        )
        .await;
    texts(&events, "before")
}

/// The offsets of the reminders of a visit that are planned, the first first.
async fn planned(world: &World, visit: Uuid) -> Vec<String> {
    world.sql("set intervalstyle = 'iso_8601'", &[]).await;
    let reminders = world
        .rows(
            "select reminder_offset::text as before from appointment_reminders
             where appointment_id = $1 order by due_at",
            &[&visit],
        )
        .await;
    texts(&reminders, "before")
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    let texts = rows.iter().map(|row| row[column].as_str().unwrap());
    texts.map(str::to_owned).collect()
}

async fn set_offsets(world: &World, offsets: &[&str]) -> Result<(), String> {
    let set = migrations::set_reminder_offsets(&world.superuser_url(), None, offsets).await;
    set.map_err(|error| format!("{error:#}"))
}

async fn set_zone(world: &World, zone: &str) -> Result<(), String> {
    let set = migrations::set_time_zone(&world.superuser_url(), None, zone).await;
    set.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn a_visit_is_announced_once_at_each_offset_with_ids_and_its_status() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = visit_in(&world, &ada, &vera, 72).await;
    assert_eq!(planned(&world, visit).await, ["P2D", "PT2H"]);

    for (passed, expected) in [
        ("23 hours 59 minutes", &[][..]),
        ("2 minutes", &["P2D"]),
        ("45 hours 57 minutes", &["P2D"]),
        ("3 minutes", &["P2D", "PT2H"]),
        ("2 hours", &["P2D", "PT2H"]),
    ] {
        pass(&world, passed).await;
        for _ in 0..2 {
            remind(&world).await.unwrap();
            assert_eq!(written(&world, visit).await, expected, "after {passed}");
        }
    }
    assert_eq!(
        types_of(&world, &format!("appointments/{visit}")).await,
        [
            "appointment.booked.v1",
            "appointment.due.v1",
            "appointment.due.v1"
        ]
    );
    let event = world
        .row(
            "select e.data, a.version from business_events e cross join appointments a
             where e.data ->> 'offset' = 'P2D'",
            &[],
        )
        .await;
    assert_eq!(
        event["data"],
        json!({
            "appointment_id": visit, "patient_id": ada.id, "provider_id": vera.id, "status": "SCHEDULED",
            "offset": "P2D", "version": event["version"]
        })
    );
    // A run that has nothing to do writes no row.
    let row = audit("remind-appointments", "PROCESS", "APPOINTMENT").by_system();
    let row = row
        .patient(ada.id)
        .detail("visits", 1)
        .detail("reminders", 1);
    let log = world.audit_log().await;
    assert_eq!(
        log.iter().map(Expected::of).collect::<Vec<_>>(),
        [row.clone(), row]
    );
}

#[tokio::test]
async fn a_visit_that_is_no_longer_scheduled_is_not_announced() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let mut visits = Vec::new();
    for hours in [3, 4, 5, 6] {
        visits.push(visit_in(&world, &ada, &vera, hours).await);
    }
    let path = |at: usize| format!("/v1/appointments/{}", visits[at]);
    let reason = json!({"reason": "Travelling that day"});
    for cancelled in [0, 1] {
        let cancel = format!("{}/cancel", path(cancelled));
        ada.post(&cancel, reason.clone()).await.expect(200);
    }
    admin.delete(&path(1), 2).await.expect(200);
    vera.post_nothing(&format!("{}/check-in", path(2)))
        .await
        .expect(200);
    pass(&world, "4 hours 30 minutes").await;
    remind(&world).await.unwrap();
    for visit in &visits[..3] {
        assert_eq!(written(&world, *visit).await, Vec::<String>::new());
        assert_eq!(planned(&world, *visit).await, Vec::<String>::new());
    }
    assert_eq!(written(&world, visits[3]).await, ["PT2H"]);
}

#[tokio::test]
async fn nobody_is_reminded_of_the_visit_of_a_patient_who_has_died() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let admin = world.admin().await;
    let visit = visit_in(&world, &ada, &vera, 72).await;
    let death = json!({"deceased": {"at": "2024-05"}});
    let path = format!("/v1/patients/{}", ada.id);
    admin.patch(&path, 1, death).await.expect(200);
    pass(&world, "71 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, Vec::<String>::new());
    assert_eq!(planned(&world, visit).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_moved_visit_is_announced_ahead_of_its_new_time_alone() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = visit_in(&world, &ada, &vera, 72).await;
    let path = format!("/v1/appointments/{visit}");
    let to = |hours| json!({"scheduled_at": ahead(hours), "reason": "Travelling that day"});
    ada.patch(&path, 1, to(240)).await.expect(200);
    pass(&world, "71 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, Vec::<String>::new());
    pass(&world, "122 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, ["P2D"]);
    // Moved after the moment of one offset, and before that of the other
    ada.patch(&path, 2, to(24)).await.expect(200);
    assert_eq!(planned(&world, visit).await, ["PT2H"]);
    // What isn't its time moves nothing.
    vera.patch(&path, 3, json!({"notes": "Room 3"}))
        .await
        .expect(200);
    let longer = json!({"duration_minutes": 40, "reason": "More to discuss"});
    vera.patch(&path, 4, longer).await.expect(200);
    assert_eq!(planned(&world, visit).await, ["PT2H"]);
}

#[tokio::test]
async fn a_visit_that_is_moved_back_is_announced_as_if_it_were_booked_then() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = visit_in(&world, &ada, &vera, 72).await;
    let path = format!("/v1/appointments/{visit}");
    let away_and_back = async |version| {
        let time = "select scheduled_at from appointments where id = $1";
        let former = world.row(time, &[&visit]).await["scheduled_at"].clone();
        for (version, at) in [(version, json!(ahead(240))), (version + 1, former)] {
            let to = json!({"scheduled_at": at, "reason": "Travelling that day"});
            ada.patch(&path, version, to).await.expect(200);
        }
    };
    away_and_back(1).await;
    assert_eq!(planned(&world, visit).await, ["P2D", "PT2H"]);
    pass(&world, "25 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, ["P2D"]);
    // The moment of the first offset is over, so it is not written again.
    away_and_back(3).await;
    assert_eq!(planned(&world, visit).await, ["PT2H"]);
    pass(&world, "46 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, ["P2D", "PT2H"]);
}

#[tokio::test]
async fn a_visit_that_is_booked_after_the_moment_of_an_offset_is_not_announced_for_it() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = json!({
        "patient_id": ada.id, "provider_id": vera.id, "scheduled_at": ahead(24), "duration_minutes": 30
    });
    let tomorrow = ada.post("/v1/appointments", visit).await.expect(201).id();
    let soon = visit_in(&world, &ada, &vera, 1).await;
    let past = visit_in(&world, &ada, &vera, -1).await;
    assert_eq!(planned(&world, tomorrow).await, ["PT2H"]);
    for visit in [soon, past] {
        assert_eq!(planned(&world, visit).await, Vec::<String>::new());
    }
    assert_eq!(remind(&world).await.unwrap(), json!({"steps": []}));
}

#[tokio::test]
async fn after_a_pause_of_the_schedule_only_the_reminder_nearest_to_a_visit_to_come_is_written() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut visits = Vec::new();
    for hours in [72, 95, 120] {
        visits.push(visit_in(&world, &ada, &vera, hours).await);
    }
    pass(&world, "94 hours").await;
    let report = remind(&world).await.unwrap();
    assert_eq!(
        report["steps"][0]["details"],
        json!({"visits": 3, "reminders": 2})
    );
    let expected: [&[&str]; 3] = [&[], &["PT2H"], &["P2D"]];
    for (visit, expected) in visits.iter().zip(expected) {
        assert_eq!(written(&world, *visit).await, expected);
    }
    assert_eq!(planned(&world, visits[1]).await, Vec::<String>::new());
    assert_eq!(planned(&world, visits[2]).await, ["PT2H"]);
}

#[tokio::test]
async fn two_runs_at_once_announce_each_of_many_visits_once() {
    let world = World::with(Setup {
        instances: 2,
        ..Setup::default()
    })
    .await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    world
        .sql(
            "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
             select gen_random_uuid(), $1, $2, now() + interval '72 hours' + i * interval '1 minute', 1
             from generate_series(1, 700) as i",
            &[&ada.id, &vera.id],
        )
        .await;
    pass(&world, "36 hours").await;
    let (one, other) = tokio::join!(remind(&world), remind(&world));
    let mut visits = Vec::new();
    for report in [one.unwrap(), other.unwrap()] {
        for step in report["steps"].as_array().unwrap() {
            assert_eq!(step["details"]["visits"], step["details"]["reminders"]);
            visits.push(step["details"]["visits"].as_i64().unwrap());
        }
    }
    assert_eq!(visits.iter().sum::<i64>(), 700);
    assert!(visits.iter().all(|visits| *visits <= 300), "{visits:?}");
    let events = world
        .row(
            "select count(*), count(distinct subject) as visits from business_events where type = 'appointment.due.v1'",
            &[],
        )
        .await;
    assert_eq!(events, json!({"count": 700, "visits": 700}));
}

#[tokio::test]
async fn a_run_skips_a_visit_that_somebody_is_changing_and_the_next_one_takes_it() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (held, free) = (
        visit_in(&world, &ada, &vera, 72).await,
        visit_in(&world, &ada, &vera, 73).await,
    );
    pass(&world, "30 hours").await;
    let other = world.connect().await;
    let cancel = format!(
        "begin; update appointments set status = 'CANCELLED', change_reason = 'x' where id = '{held}'"
    );
    other.batch_execute(&cancel).await.unwrap();
    remind(&world).await.unwrap();
    assert_eq!(written(&world, held).await, Vec::<String>::new());
    assert_eq!(written(&world, free).await, ["P2D"]);
    other.batch_execute("rollback").await.unwrap();
    remind(&world).await.unwrap();
    assert_eq!(written(&world, held).await, ["P2D"]);
}

#[tokio::test]
async fn a_run_that_fails_leaves_neither_events_nor_marks_and_the_next_one_writes_them() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let first = visit_in(&world, &ada, &vera, 72).await;
    let last = visit_in(&world, &ada, &vera, 73).await;
    pass(&world, "30 hours").await;
    // The event of the second visit is refused, after that of the first.
    let subject = format!("appointments/{last}");
    let refuse = format!(
        "alter table business_events add constraint refused check (subject <> '{subject}') not valid"
    );
    world.sql(&refuse, &[]).await;
    remind(&world).await.unwrap_err();
    for visit in [first, last] {
        assert_eq!(written(&world, visit).await, Vec::<String>::new());
        assert_eq!(planned(&world, visit).await, ["P2D", "PT2H"]);
    }
    let log = world.audit_log().await;
    assert!(log.iter().all(|row| row.entry.outcome.label() == "FAILURE"));

    world
        .sql("alter table business_events drop constraint refused", &[])
        .await;
    remind(&world).await.unwrap();
    for visit in [first, last] {
        assert_eq!(written(&world, visit).await, ["P2D"]);
    }
}

#[tokio::test]
async fn other_offsets_apply_to_all_visits_and_repeat_nothing() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (near, far) = (
        visit_in(&world, &ada, &vera, 72).await,
        visit_in(&world, &ada, &vera, 240).await,
    );
    pass(&world, "25 hours").await;
    remind(&world).await.unwrap();
    assert_eq!(written(&world, near).await, ["P2D"]);

    set_offsets(&world, &["P7D", "P1D", "PT120M"])
        .await
        .unwrap();
    // The moment of a week is over for the near visit.
    assert_eq!(planned(&world, near).await, ["P1D", "PT2H"]);
    assert_eq!(planned(&world, far).await, ["P7D", "P1D", "PT2H"]);
    let next = visit_in(&world, &ada, &vera, 50).await;
    assert_eq!(planned(&world, next).await, ["P1D", "PT2H"]);

    // One day and 24 hours differ, and what was written before is not written again.
    set_offsets(&world, &["P2D", "PT24H"]).await.unwrap();
    assert_eq!(planned(&world, near).await, ["PT24H"]);
    assert_eq!(planned(&world, far).await, ["P2D", "PT24H"]);

    set_offsets(&world, &[]).await.unwrap();
    pass(&world, "46 hours").await;
    assert_eq!(remind(&world).await.unwrap(), json!({"steps": []}));
}

#[tokio::test]
async fn an_overdue_reminder_survives_a_change_of_the_settings() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let visit = visit_in(&world, &ada, &vera, 72).await;
    pass(&world, "25 hours").await;
    set_offsets(&world, &["P2D"]).await.unwrap();
    set_zone(&world, "Asia/Kolkata").await.unwrap();
    remind(&world).await.unwrap();
    assert_eq!(written(&world, visit).await, ["P2D"]);
}

#[tokio::test]
async fn wrong_offsets_and_time_zones_are_refused_with_what_is_expected() {
    let world = World::new().await;
    let eleven: Vec<_> = (1..=11).map(|days| format!("P{days}D")).collect();
    let eleven: Vec<_> = eleven.iter().map(String::as_str).collect();
    let wrong: [&[&str]; 12] = [
        &["PT4M"],
        &["P31D"],
        &["PT721H"],
        &["P1M"],
        &["P1Y"],
        &["-P1D"],
        &["P2DT-1H"],
        &["P-1DT48H"],
        &["P1D", "PT24H"],
        &["PT2H", "PT120M"],
        &["soon"],
        &eleven,
    ];
    for offsets in wrong {
        let refused = set_offsets(&world, offsets).await.unwrap_err();
        assert!(
            refused.contains("at most 10 different durations"),
            "{offsets:?}: {refused}"
        );
    }
    for zone in [
        "",
        "Mars/Olympus",
        "CET",
        "EST5",
        "posix/Europe/Berlin",
        "europe/berlin",
        "+01:00",
    ] {
        let refused = set_zone(&world, zone).await.unwrap_err();
        assert!(refused.contains("no IANA time zone"), "{zone}: {refused}");
    }
    let settings = "select time_zone, reminder_offsets = '{P2D,PT2H}' as is_default from settings";
    assert_eq!(
        world.row(settings, &[]).await,
        json!({"time_zone": "UTC", "is_default": true})
    );
    set_offsets(&world, &eleven[..10]).await.unwrap();
    for right in [&["PT5M", "P30D"], &["P1DT12H", "P4W"]] {
        set_offsets(&world, right).await.unwrap();
    }
    for right in ["America/Argentina/Buenos_Aires", "Etc/GMT-14", "UTC"] {
        set_zone(&world, right).await.unwrap();
    }
}

#[tokio::test]
async fn a_booking_during_a_change_of_the_settings_follows_the_new_ones() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (changing, booking) = (world.connect().await, world.connect().await);
    changing
        .batch_execute("begin; update settings set reminder_offsets = '{P1D}'")
        .await
        .unwrap();
    let visit = Uuid::now_v7();
    let insert = format!(
        "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
         values ('{visit}', '{}', '{}', now() + interval '9 days', 30)",
        ada.id, vera.id
    );
    let booked = booking.batch_execute(&insert);
    let released = async {
        eventually("the booking waits", async || {
            let waits = "select from pg_stat_activity
                 where wait_event_type = 'Lock' and datname = current_database()";
            !world.sql(waits, &[]).await.is_empty()
        })
        .await;
        changing.batch_execute("commit").await.unwrap();
    };
    let (booked, ()) = tokio::join!(booked, released);
    booked.unwrap();
    assert_eq!(planned(&world, visit).await, ["P1D"]);
}

#[tokio::test]
async fn days_are_counted_on_the_clinics_clock_also_over_a_change_of_daylight_saving_time() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let mut visits = Vec::new();
    for (zone, at, expected) in [
        (
            "Europe/Berlin",
            "2030-04-01T08:00Z",
            ["2030-03-30T09:00", "2030-04-01T06:00"],
        ),
        (
            "Europe/Berlin",
            "2030-10-28T09:00Z",
            ["2030-10-26T08:00", "2030-10-28T07:00"],
        ),
        (
            "America/New_York",
            "2030-03-11T13:00Z",
            ["2030-03-09T14:00", "2030-03-11T11:00"],
        ),
        (
            "America/New_York",
            "2030-11-04T14:00Z",
            ["2030-11-02T13:00", "2030-11-04T12:00"],
        ),
        // Hours are elapsed time, also if the clock is put back between them.
        (
            "America/New_York",
            "2030-11-03T06:30Z",
            ["2030-11-01T05:30", "2030-11-03T04:30"],
        ),
    ] {
        let visit = world.visit(&ada, &vera, at, "SCHEDULED").await;
        visits.push((zone, visit, expected));
    }
    for zone in ["Europe/Berlin", "America/New_York"] {
        // The visits to come follow the clinic's clock, too.
        set_zone(&world, zone).await.unwrap();
        for (_, visit, expected) in visits.iter().filter(|visit| visit.0 == zone) {
            let due = world
                .rows(
                    "select to_char(due_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') as due
                     from appointment_reminders where appointment_id = $1 order by due_at",
                    &[visit],
                )
                .await;
            assert_eq!(texts(&due, "due"), *expected, "{zone}");
        }
    }
}

/// Time zones with changes by an hour and by half an hour, at night and at midnight, and with none.
const ZONES: [&str; 9] = [
    "UTC",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Chatham",
];

/// A visit, and how many days and minutes before it a reminder is due.
#[derive(Debug, Clone, Copy)]
struct Case {
    zone: &'static str,
    visit: Timestamp,
    days: i32,
    minutes: i32,
}

/// Visits and reminders around each change of each clock in some years, and at random times.
fn cases() -> Vec<Case> {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let (first, last) = (at("2029-01-01T00:00:00Z"), at("2032-01-01T00:00:00Z"));
    let mut cases = Vec::new();
    for zone in ZONES {
        for change in Zone::named(zone).unwrap().changes(&(first..last)) {
            for quarter in -16..=16 {
                for (days, after) in [(1, 0), (1, 1), (2, 1), (2, 2), (7, 7), (30, 30)] {
                    let visit = change + TimeDelta::minutes(15 * quarter + after * 24 * 60);
                    cases.push(Case {
                        zone,
                        visit,
                        days,
                        minutes: 0,
                    });
                }
            }
        }
    }
    assert!(cases.len() > 7 * 6 * 33);
    let at_random = (
        proptest::sample::select(ZONES.to_vec()),
        0..3 * 365 * 24 * 60_i64,
        0..=30_i32,
        0..24 * 60_i32,
    )
        .prop_map(move |(zone, minute, days, minutes)| Case {
            zone,
            visit: first + TimeDelta::minutes(minute),
            days,
            minutes,
        });
    let mut runner = TestRunner::default();
    for _ in 0..3000 {
        cases.push(at_random.new_tree(&mut runner).unwrap().current());
    }
    cases
}

/// All moments at which the clock of the zone shows this, in order.
fn shown(zone: &Zone, clock: NaiveDateTime) -> Vec<Timestamp> {
    let near = Timestamp::from(clock.and_utc());
    let mut moments: Vec<_> = [-24, 24]
        .map(|hours| zone.offset(near + TimeDelta::hours(hours)))
        .map(|offset| near - TimeDelta::seconds(offset.local_minus_utc().into()))
        .into_iter()
        .filter(|moment| zone.local(*moment) == clock)
        .collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

#[tokio::test]
async fn a_reminder_some_days_ahead_is_due_at_the_visits_time_of_day_in_every_zone() {
    let world = World::new().await;
    let (cases, minute) = (cases(), TimeDelta::minutes(1));
    let times: Vec<DateTime<Utc>> = cases.iter().map(|case| case.visit.into()).collect();
    let column = |of: fn(&Case) -> i32| cases.iter().map(of).collect::<Vec<i32>>();
    let (days, minutes) = (column(|case| case.days), column(|case| case.minutes));
    let zones: Vec<_> = cases.iter().map(|case| case.zone).collect();
    let moments = world
        .sql(
            "select reminder_at(c.visit, make_interval(days => c.days, mins => c.minutes), c.zone)
             from unnest($1::timestamptz[], $2::integer[], $3::integer[], $4::text[]) with ordinality
               as c (visit, days, minutes, zone, place)
             order by place",
            &[&times, &days, &minutes, &zones],
        )
        .await;
    let (mut twice, mut never) = (0, 0);
    for (case, row) in cases.iter().zip(&moments) {
        let moment: DateTime<Utc> = row.get(0);
        // Minutes are elapsed time after the days.
        let moment = Timestamp::from(moment + TimeDelta::minutes(case.minutes.into()));
        let zone = Zone::named(case.zone).unwrap();
        if case.days == 0 {
            assert_eq!(moment, case.visit, "{case:?}");
            continue;
        }
        let clock = zone.local(case.visit) - TimeDelta::days(case.days.into());
        let shown = shown(&zone, clock);
        match shown.last() {
            Some(last) => assert_eq!(moment, *last, "{case:?}"),
            // The clock was put forward. It shows as much more as it skipped.
            None => {
                let skipped = zone.local(moment) - clock;
                let before = moment - TimeDelta::minutes(skipped.num_minutes());
                let forward = zone.offset(moment).local_minus_utc()
                    - zone.offset(before - minute).local_minus_utc();
                assert_eq!(skipped.num_seconds(), i64::from(forward), "{case:?}");
                assert!(forward > 0, "{case:?}");
                never += 1;
            }
        }
        twice += usize::from(shown.len() == 2);
    }
    assert!(twice > 50 && never > 50, "{twice} {never}");
}
