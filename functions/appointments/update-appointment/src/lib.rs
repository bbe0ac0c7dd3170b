//! `PATCH /v1/appointments/{id}`: moves a visit, with the reason, or changes its place or notes.

use serde::{Deserialize, Serialize};
use shared::domain::appointment::{Appointment, Location, booking_rule};
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::sql::Jsonb;
use shared::{row, select_appointment};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "update-appointment",
    permission: "appointments:write",
    action: Action::Update,
    resource: ResourceType::Appointment,
};

/// What can be changed.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// When it begins.
    pub scheduled_at: Timestamp,
    /// How long, in minutes.
    pub duration_minutes: i32,
    /// Where.
    pub location: Option<Location>,
    /// Notes for both.
    pub notes: Option<Text<10000>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
    /// Why it is moved: both read it. Needed for that, and for nothing else.
    pub reason: Option<Text<500>>,
}

row! {
    /// What stands.
    pub struct Current {
        /// As [`Editable`].
        pub fields: Jsonb<Editable>,
        /// The version that the custom data satisfied.
        pub custom_data_version: Option<i32>,
        /// To be changed from.
        pub version: i32,
    }
}

// Locks the row for the caller whose it is to change.
const CURRENT: &str = "
    select jsonb_build_object('scheduled_at', scheduled_at, 'duration_minutes', duration_minutes,
      'location', location, 'notes', notes, 'custom_data', custom_data, 'reason', null) as fields,
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
pub async fn handle(call: Call) -> Reply<Json<Appointment>> {
    let id: AppointmentId = call.path("id")?;
    let (patch, if_match) = (call.merge_patch()?, call.if_match()?);
    let mut access = call.authorize(id);
    let Current {
        fields: Jsonb(current),
        custom_data_version,
        version,
    } = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(version)?;
    let changed: Editable = patch.apply(&current)?;
    let moved = (changed.scheduled_at, changed.duration_minutes)
        != (current.scheduled_at, current.duration_minutes);
    if moved != changed.reason.is_some() {
        return Err(Error::invalid(
            "reason",
            "expected with a move, and only then",
        ));
    }
    access.note("fields", patch.fields());
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Appointments,
        &patch,
        changed.custom_data,
        custom_data_version,
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
                    &changed.location.map(Jsonb),
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
            Error::Conflict("only a scheduled visit can be moved"),
        )
        .on_constraint(
            "appointments_changed_to_come",
            Error::Conflict("a patient changes visits to come"),
        )?;
    access.commit(Json(appointment)).await
}
