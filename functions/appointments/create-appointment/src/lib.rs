//! `POST /v1/appointments`: books an appointment, or records one that took place.

use api::prelude::*;
use domain::appointment::{Appointment, BOOKING_CONFLICTS, Location, booking_rule};
use domain::care::WithCare;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::external_id::{EXTERNAL_ID_TAKEN, external_id_rule, with_its_system};
use domain::number::Whole;
use domain::text::{Identifier, Text};
use domain::{select_appointment, with_care_given};
use sql::Jsonb;

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/appointments")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Books an appointment, or records one that took place")
    .needs("appointments:write")
    .recorded_as(Action::Create, ResourceType::Appointment)
    .conflicts(&[BOOKING_CONFLICTS, &[EXTERNAL_ID_TAKEN]])
    .idempotent(READ);

/// A new appointment of one patient with one provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// The patient who has the appointment.
    pub patient_id: PatientId,
    /// The provider whom the patient sees.
    pub provider_id: ProviderId,
    /// The time at which the appointment begins (RFC 3339), for example `2026-03-02T09:30:00Z`. A
    /// patient can book only a time in the future. Other callers can also record an appointment in the
    /// past.
    pub scheduled_at: Timestamp,
    /// The length of the appointment in minutes, 1 to 1440.
    pub duration_minutes: Whole<1, 1440>,
    /// The place or the link where the patient and the provider meet. Null if none is known.
    pub location: Option<Location>,
    /// Free-text notes that both the patient and the provider can read. Null if there are none.
    pub notes: Option<Text<10000>>,
    /// The system that the appointment is imported from, a URI such as `https://hospital.example/visits`. Null if
    /// it is not imported.
    pub source_system: Option<Identifier<255>>,
    /// The identifier of the appointment in that system, which is unique there. Only a role with the permission
    /// `external-ids:write` can set it. Null if the appointment is not imported.
    pub external_id: Option<Identifier<255>>,
    /// Additional fields that the clinic defines, valid against the JSON Schema registered for
    /// `appointments`. Null if there are none.
    pub custom_data: Option<CustomData>,
}

// Inserts no row if the caller may not book for this patient. Row-level security is the second barrier.
const BOOK: &str = "
    insert into appointments
      (id, patient_id, provider_id, scheduled_at, duration_minutes, location, notes, source_system,
       external_id, custom_data, custom_data_version)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
    from patients
    where id = $2 and not is_archived and reaches('appointments:write', id)
      and writes_from('appointments:write', $3, $8)";
const READ: &str = with_care_given!(
    select_appointment!(
        "where id = $1 and not is_archived
           and (provider_id = actor_provider() or reaches('appointments:read', patient_id, source_system))"
    ),
    patient: "patient_id",
    source: "found.id"
);

/// Books or records the appointment.
pub async fn handle(call: Call, Body(new): Body<NewAppointment>) -> Reply<Created<Appointment>> {
    with_its_system(new.source_system.as_ref(), new.external_id.as_ref())?;
    let id = AppointmentId::generate();
    let mut access = call.authorize(InChart {
        resource: id,
        patient: new.patient_id,
    });
    let custom =
        custom_data::accept(&mut access, CustomDataTable::Appointments, new.custom_data).await?;
    let WithCare {
        row: appointment,
        care,
    }: WithCare<Appointment> = access
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
                    &new.source_system,
                    &new.external_id,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(booking_rule)
        .on_constraints(external_id_rule)
        .on_constraint(
            "appointments_provider_id_fkey",
            Error::invalid("provider_id", "expected the id of a provider"),
        )?
        .row;
    if let Some(care) = care {
        access.add_note("care", care);
    }
    access
        .commit(Created {
            location: format!("/v1/appointments/{id}"),
            body: appointment,
        })
        .await
}
