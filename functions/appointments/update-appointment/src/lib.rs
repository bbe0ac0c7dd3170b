//! `PATCH /v1/appointments/{id}`: moves an appointment, or changes its location, notes or custom data.

use api::prelude::*;
use domain::appointment::{Appointment, BOOKING_CONFLICTS, Location, booking_rule};
use domain::care::WithCare;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::number::Whole;
use domain::text::Text;
use domain::{select_appointment, with_care_given};
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/appointments/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Moves an appointment, or changes its location, notes or custom data")
    .needs("appointments:write")
    .recorded_as(Action::Update, ResourceType::Appointment)
    .conflicts(&[
        BOOKING_CONFLICTS,
        &[NOT_SCHEDULED, PAST],
        &[CHANGED_SINCE_IMPORT],
    ]);

const NOT_SCHEDULED: &str = "Only a SCHEDULED appointment can be moved.";
const PAST: &str = "A patient can change only a SCHEDULED appointment that has not started.";

row! {
/// The fields of an appointment that a patch can change.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// The time at which the appointment begins (RFC 3339), for example `2026-03-02T09:30:00Z`.
    pub scheduled_at: Timestamp,
    /// The length of the appointment in minutes, 1 to 1440.
    pub duration_minutes: Whole<1, 1440>,
    /// The place or the link where the patient and the provider meet. Null removes it.
    pub location: Option<Jsonb<Location>>,
    /// Free-text notes that both the patient and the provider can read. Null removes them.
    pub notes: Option<Text<10000>>,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `appointments`. Null removes them.
    pub custom_data: Option<CustomData>,
    /// The reason for moving the appointment. The patient and the provider can read it. It is required
    /// if `scheduled_at` or `duration_minutes` changes, and not accepted otherwise.
    pub reason: Option<Text<500>>,
}
}

row! {
    /// The other columns that the change depends on.
    pub struct Extra {
        /// The version of the JSON Schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
    }
}

const CURRENT: &str = "
    select scheduled_at, duration_minutes, location, notes, custom_data, null::text as reason,
      custom_data_version, version
    from appointments
    where id = $1 and not is_archived and changes_visit(patient_id, provider_id, source_system)
    for update";
const UPDATE: &str = "
    update appointments
    set scheduled_at = $1, duration_minutes = $2, location = $3, notes = $4,
      custom_data = $5, custom_data_version = $6, change_reason = coalesce($7, change_reason)
    where id = $8";
const READ: &str = with_care_given!(
    select_appointment!("where id = $1"),
    patient: "patient_id",
    source: "found.id"
);

/// Moves or changes the appointment. Errors: it is moved without a reason, or the new time is not free.
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
    let changed = access.apply_checked(&patch, &current, |changed, sound| {
        let moved = (changed.scheduled_at, changed.duration_minutes)
            != (current.scheduled_at, current.duration_minutes);
        let is_known = sound.are(&["scheduled_at", "duration_minutes"]);
        match !is_known || moved == changed.reason.is_some() {
            true => Ok(()),
            false => Err(Error::invalid(
                "reason",
                "expected a reason if the appointment is moved, and none otherwise",
            )),
        }
    })?;
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Appointments,
        &patch,
        changed.custom_data,
        extra.custom_data_version,
    )
    .await?;
    let WithCare {
        row: appointment,
        care,
    }: WithCare<Appointment> = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &changed.scheduled_at,
                    &changed.duration_minutes,
                    &changed.location,
                    &changed.notes,
                    &custom.data,
                    &custom.version,
                    &changed.reason,
                    &id,
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
    if let Some(care) = care {
        access.add_note("care", care);
    }
    access.commit(Json(appointment)).await
}
