//! `POST /v1/appointments`: books a free slot, or writes up a visit that took place.

use serde::Deserialize;
use shared::domain::appointment::{Appointment, Location, booking_rule};
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::select_appointment;
use shared::sql::Jsonb;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "create-appointment",
    permission: "appointments:write",
    action: Action::Create,
    resource: ResourceType::Appointment,
};

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
pub async fn handle(call: Call) -> Reply<Created<Appointment>> {
    let new: NewAppointment = call.body()?;
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
            Error::AlreadyExists("this external_id is taken"),
        )
        .on_constraint(
            "appointments_provider_id_fkey",
            Error::invalid("provider_id", "expected a provider"),
        )?;
    access
        .commit(Created {
            location: format!("/v1/appointments/{id}"),
            body: appointment,
        })
        .await
}
