//! `GET /v1/providers/{id}/availability`: lists the free slots in a provider's hours.

use api::prelude::*;
use domain::number::Whole;
use domain::schedule::{Schedule, Wanted};
use domain::text::ZoneName;
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::get("/v1/providers/{id}/availability")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Lists the free slots in a provider's hours")
    .needs("providers:read")
    .recorded_as(Action::Read, ResourceType::Provider);

const MOST_DAYS: i64 = 31;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The beginning of the period in which slots are listed (RFC 3339).
    pub from: Timestamp,
    /// The end of the period in which slots are listed (RFC 3339), at most 31 days after `from`.
    pub to: Timestamp,
    /// The length of the appointment to be booked in minutes, 5 to 1440.
    pub duration_minutes: Whole<5, 1440>,
}

impl Check for Filter {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        let fits = self.from < self.to && self.to - self.from <= TimeDelta::days(MOST_DAYS);
        match fits || !sound.are(&["from", "to"]) {
            true => Ok(()),
            false => Err(Error::invalid_parameter(
                "to",
                "expected a time after from, at most 31 days later",
            )),
        }
    }
}

/// The times at which an appointment with a provider can be booked.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Availability {
    /// The provider to whom the slots belong.
    pub provider_id: ProviderId,
    /// The IANA time zone of the provider's hours. Null if the provider has no hours.
    pub time_zone: Option<ZoneName>,
    /// The free slots, in the order in which they begin. They can overlap each other, and each of them
    /// can be booked. The list is also empty if the provider is not verified, has no hours or has no
    /// active account, or if `duration_minutes` is more than the provider's `max_minutes`.
    pub slots: Vec<Slot>,
}

/// A period in which an appointment with the provider can be booked.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Slot {
    /// The time at which the slot begins (RFC 3339, UTC).
    pub starts_at: Timestamp,
    /// The time at which the slot ends (RFC 3339, UTC).
    pub ends_at: Timestamp,
}

impl Content for Availability {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

row! {
    /// The provider's hours and booked appointments.
    pub struct Calendar {
        /// The hours in which appointments can be booked.
        pub schedule: Option<Jsonb<Schedule>>,
        /// Whether appointments with the provider can be booked at all.
        pub practises: bool,
        /// The times at which booked appointments begin.
        pub begins: Vec<Timestamp>,
        /// The times at which they end, in the same order.
        pub ends: Vec<Timestamp>,
        /// The time of the database's clock, because bookings are checked against it.
        pub now: Timestamp,
    }
}

const CALENDAR: &str = "
    select schedule, is_verified and status = 'ACTIVE' and not user_profiles.is_archived as practises,
      taken.begins, taken.ends, now() as now
    from providers
    join user_profiles on user_profiles.id = user_id
    cross join lateral (
      select coalesce(array_agg(begins), '{}') as begins, coalesce(array_agg(ends), '{}') as ends
      from taken_times(providers.id, $1, $2)
    ) as taken
    where providers.id = $3 and not providers.is_archived";

pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    CheckedQuery(filter): CheckedQuery<Filter>,
) -> Reply<Json<Availability>> {
    let mut access = call.authorize(id);
    let calendar: Calendar = access
        .one(sql(CALENDAR, &[&filter.from, &filter.to, &id]))
        .await?;
    access.commit(Json(free(id, calendar, &filter)?)).await
}

fn free(id: ProviderId, calendar: Calendar, filter: &Filter) -> Result<Availability, Error> {
    let schedule = calendar.schedule.map(|Jsonb(schedule)| schedule);
    let mut slots = Vec::new();
    if let Some(schedule) = schedule.as_ref().filter(|_| calendar.practises) {
        let taken = calendar.begins.into_iter().zip(calendar.ends);
        let taken: Vec<_> = taken.map(|(begins, ends)| begins..ends).collect();
        let wanted = Wanted {
            within: filter.from..filter.to,
            length: TimeDelta::minutes(filter.duration_minutes.get().into()),
            now: calendar.now,
        };
        let zone = schedule.time_zone.time_zone()?;
        let free = schedule.free_slots(&zone, &taken, &wanted).into_iter();
        slots = free
            .map(|slot| Slot {
                starts_at: slot.start,
                ends_at: slot.end,
            })
            .collect();
    }
    Ok(Availability {
        provider_id: id,
        time_zone: schedule.map(|schedule| schedule.time_zone),
        slots,
    })
}
