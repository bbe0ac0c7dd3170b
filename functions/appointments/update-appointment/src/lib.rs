//! `PATCH /v1/appointments/{id}`: moves a visit, with the reason, or changes its place or notes.

use api::prelude::*;
use domain::appointment::{Appointment, BOOKING_CONFLICTS, Location, booking_rule};
use domain::custom_data::{CustomData, CustomDataTable};
use domain::select_appointment;
use domain::text::Text;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/appointments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Moves a visit, with the reason, or changes its place or notes")
    .needs("appointments:write")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[BOOKING_CONFLICTS, &[NOT_SCHEDULED, PAST]]);

const NOT_SCHEDULED: &str = "Only a SCHEDULED appointment can be moved.";
const PAST: &str = "A patient can change only an appointment that has not started.";

row! {
/// What can be changed.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// When it begins.
    pub scheduled_at: Timestamp,
    /// How long, in minutes.
    pub duration_minutes: i32,
    /// Where.
    pub location: Option<Jsonb<Location>>,
    /// Notes for both.
    pub notes: Option<Text<10000>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
    /// Why it is moved: both read it. Needed for that, and for nothing else.
    pub reason: Option<Text<500>>,
}
}

row! {
    /// What else the change depends on.
    pub struct Extra {
        /// The version of the registered schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
    }
}

// Locks the row for the caller whose it is to change.
const CURRENT: &str = "
    select scheduled_at, duration_minutes, location, notes, custom_data, null::text as reason,
      custom_data_version, version
    from appointments
    where id = $1 and not is_archived and changes_visit(patient_id, provider_id)
    for update";
const UPDATE: &str = "
    update appointments
    set scheduled_at = $2, duration_minutes = $3, location = $4, notes = $5,
      custom_data = $6, custom_data_version = $7, change_reason = coalesce($8, change_reason)
    where id = $1";
const READ: &str = select_appointment!("where id = $1");

/// Editable the visit.
pub async fn handle(
    call: Call,
    Path(id): Path<AppointmentId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Appointment>> {
    let mut access = call.authorize(id);
    let Current {
        editable: current,
        extra,
        ..
    }: Current<Editable, Extra> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let changed = access.apply(&patch, &current)?;
    let moved = (changed.scheduled_at, changed.duration_minutes)
        != (current.scheduled_at, current.duration_minutes);
    if moved != changed.reason.is_some() {
        return Err(Error::invalid(
            "reason",
            "Expected if the appointment is moved, and only then.",
        ));
    }
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Appointments,
        &patch,
        changed.custom_data,
        extra.custom_data_version,
    )
    .await?;
    let appointment: Appointment = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &id,
                    &changed.scheduled_at,
                    &changed.duration_minutes,
                    &changed.location,
                    &changed.notes,
                    &custom.data,
                    &custom.version,
                    &changed.reason,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(booking_rule)
        .on_constraint(
            "appointments_moved_scheduled",
            Error::Conflict(NOT_SCHEDULED),
        )
        .on_constraint("appointments_changed_to_come", Error::Conflict(PAST))?
        .row;
    access.commit(Json(appointment)).await
}
