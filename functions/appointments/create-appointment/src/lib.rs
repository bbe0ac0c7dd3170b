//! `POST /v1/appointments`: books a free slot, or writes up a visit that took place.

use api::prelude::*;
use domain::appointment::{Appointment, BOOKING_CONFLICTS, Location, booking_rule};
use domain::custom_data::{CustomData, CustomDataTable};
use domain::select_appointment;
use domain::text::Text;
use sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Books a free slot, or writes up a visit that took place")
    .needs("appointments:write")
    .recorded_as(Action::Create, ResourceType::Appointment)
    .conflicts(&[BOOKING_CONFLICTS, &[EXTERNAL_ID_TAKEN]])
    .idempotent();

const EXTERNAL_ID_TAKEN: &str = "Another resource already has this external_id.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// Whose visit.
    pub patient_id: PatientId,
    /// With whom.
    pub provider_id: ProviderId,
    /// When it begins; in the past only for who writes up a visit afterwards.
    pub scheduled_at: Timestamp,
    /// How long, in minutes.
    pub duration_minutes: i32,
    /// Where.
    pub location: Option<Location>,
    /// Notes for both.
    pub notes: Option<Text<10000>>,
    /// Its identifier in the system it came from.
    pub external_id: Option<Text<255>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

// Writes no row where the caller may not book for this patient: the insert's policy is the second
// wall, not the first.
const BOOK: &str = "
    insert into appointments
      (id, patient_id, provider_id, scheduled_at, duration_minutes, location, notes, external_id,
       custom_data, custom_data_version)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
    from patients where id = $2 and not is_archived and reaches('appointments:write', id)";
const READ: &str = select_appointment!("where id = $1");

/// Books the visit.
pub async fn handle(call: Call, Body(new): Body<NewAppointment>) -> Reply<Created<Appointment>> {
    let id = AppointmentId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let custom =
        custom_data::accept(&mut access, CustomDataTable::Appointments, new.custom_data).await?;
    let appointment: Appointment = access
        .write_then_read(
            sql(
                BOOK,
                &[
                    &id,
                    &new.patient_id,
                    &new.provider_id,
                    &new.scheduled_at,
                    &new.duration_minutes,
                    &new.location.map(Jsonb),
                    &new.notes,
                    &new.external_id,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(booking_rule)
        .on_constraint(
            "appointments_external_id_key",
            Error::AlreadyExists(EXTERNAL_ID_TAKEN),
        )
        .on_constraint(
            "appointments_provider_id_fkey",
            Error::invalid("provider_id", "expected a provider"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/appointments/{id}"),
            body: appointment,
        })
        .await
}
