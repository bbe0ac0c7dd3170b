//! `GET /v1/providers/{id}/availability`: the free slots in a provider's hours.

use api::prelude::*;
use domain::schedule::{Schedule, Wanted};
use domain::text::ZoneName;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::get("/v1/providers/{id}/availability")
    .named(env!("CARGO_PKG_NAME"))
    .summary("The free slots in a provider's hours")
    .needs("providers:read")
    .recorded_as(Action::Read, ResourceType::Provider);

const MOST_DAYS: i64 = 31;

/// The filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Slots that begin at this time or later.
    pub from: Timestamp,
    /// Slots that end by this time, at most 31 days later.
    pub to: Timestamp,
    /// How long the visit is to be, 5 to 1440 minutes.
    pub duration_minutes: i64,
}

/// When a visit can be booked.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Availability {
    /// With whom.
    pub provider_id: ProviderId,
    /// The zone of her hours; null without any.
    pub time_zone: Option<ZoneName>,
    /// In the order they begin; none where she isn't verified, has no hours or can't sign in.
    pub slots: Vec<Slot>,
}

/// A free slot.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Slot {
    /// Its beginning.
    pub starts_at: Timestamp,
    /// Its end.
    pub ends_at: Timestamp,
}

impl Content for Availability {
    fn patients(&self) -> Vec<PatientId> {
        Vec::new()
    }
}

row! {
    /// What is known of her time.
    pub struct Calendar {
        /// Her hours.
        pub schedule: Option<Jsonb<Schedule>>,
        /// Whether she can be booked with.
        pub practises: bool,
        /// When her visits begin.
        pub begins: Vec<Timestamp>,
        /// When they end.
        pub ends: Vec<Timestamp>,
        /// The database's clock, by which bookings are checked.
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
      from taken_times(providers.id, $2, $3)
    ) as taken
    where providers.id = $1 and not providers.is_archived";

/// Answers the free slots.
pub async fn handle(
    call: Call,
    Path(id): Path<ProviderId>,
    Query(filter): Query<Filter>,
) -> Reply<Json<Availability>> {
    if filter.to <= filter.from || filter.to - filter.from > TimeDelta::days(MOST_DAYS) {
        return Err(Error::invalid("to", "expected at most 31 days behind from"));
    }
    if !(5..=1440).contains(&filter.duration_minutes) {
        return Err(Error::invalid("duration_minutes", "expected 5 to 1440"));
    }
    let mut access = call.authorize(id);
    let calendar: Calendar = access
        .one(sql(CALENDAR, &[&id, &filter.from, &filter.to]))
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
            length: TimeDelta::minutes(filter.duration_minutes),
            earliest: calendar.now + schedule.lead(),
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
