//! `PATCH /v1/patients/{id}`: changes a patient's identity data or clinical summary.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::date_time::BirthDate;
use domain::patient::{
    Allergy, Deceased, Gender, HealthGoal, PATIENT_CONFLICTS, PastCondition, Patient, RiskFactor,
    patient_rule,
};
use domain::select_patient;
use domain::text::Identifier;
use sql::Jsonb;
use sql::row;

pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/patients/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Changes a patient's identity data or clinical summary")
    .needs("patients:update")
    .recorded_as(Action::Update, ResourceType::Patient)
    .conflicts(&[PATIENT_CONFLICTS, &[CHANGED_SINCE_IMPORT]]);

row! {
    /// The fields of a patient that can be changed. Users who manage patient registration can change
    /// the identity data and `custom_data`. Providers who treat the patient can change the clinical
    /// fields.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The medical record number of the patient, which must be unique in the clinic.
        pub patient_number: Identifier<100>,
        /// The patient's date of birth as exactly as it is known: a day, a month or a year, for example
        /// `1984-07-21`, `1984-07` or `1984`. It isn't before 1850 or in the future.
        pub date_of_birth: BirthDate,
        /// The patient's administrative gender, as in FHIR R4.
        pub gender: Gender,
        /// The fact that the patient has died, with the time of death if it is known. Null removes it.
        pub deceased: Option<Jsonb<Deceased>>,
        /// The patient's past conditions, as a complete list. Null removes the list.
        pub medical_history: Option<Jsonb<Vec<PastCondition>>>,
        /// The patient's allergies and intolerances, as a complete list. Null removes the list.
        pub allergies: Option<Jsonb<Vec<Allergy>>>,
        /// The patient's health goals, as a complete list. Null removes the list.
        pub health_goals: Option<Jsonb<Vec<HealthGoal>>>,
        /// The patient's risk factors, as a complete list. Null removes the list.
        pub risk_factors: Option<Jsonb<Vec<RiskFactor>>>,
        /// Additional non-clinical fields that the clinic defines, valid against the JSON Schema
        /// registered for `patients`. Null removes them.
        pub custom_data: Option<CustomData>,
    }
}

row! {
    /// What the change depends on besides the current values.
    pub struct Rights {
        /// The version of the JSON Schema that the stored custom data satisfies.
        pub custom_data_version: Option<i32>,
        /// Whether the caller manages patient registration.
        pub registers: bool,
        /// Whether the caller treats the patient.
        pub treats: bool,
    }
}

/// The fields that need the right to manage patient registration. The others need clinical access.
const REGISTRATION: [&str; 5] = [
    "patient_number",
    "date_of_birth",
    "gender",
    "deceased",
    "custom_data",
];

const CURRENT: &str = "
    select patient_number, date_of_birth, gender::text, deceased, medical_history, allergies, health_goals,
      risk_factors, custom_data, custom_data_version, version,
      reaches('patients:write', id) as registers,
      reaches('patients:clinical', id) as treats
    from patients
    where id = $1 and reaches('patients:update', id) and not is_archived
    for update";
const UPDATE: &str = "
    update patients
    set patient_number = $1, date_of_birth = $2, gender = $3::text::administrative_gender,
      deceased = $4, medical_history = $5, allergies = $6, health_goals = $7, risk_factors = $8,
      custom_data = $9, custom_data_version = $10
    where id = $11";
const READ: &str = select_patient!("where id = $1");

pub async fn handle(
    call: Call,
    Path(id): Path<PatientId>,
    patch: Patch<Editable>,
    if_match: IfMatch,
) -> Reply<Json<Patient>> {
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    let current: Current<Editable, Rights> = access.load(if_match, sql(CURRENT, &[&id])).await?;
    let new = access.apply(&patch, &current.editable)?;
    for field in patch.fields() {
        let is_registration = REGISTRATION.contains(&field.as_str());
        if is_registration && !current.extra.registers {
            return Err(Error::Forbidden(
                "Only users who manage patient registration can change this field.",
            ));
        }
        if !is_registration && !current.extra.treats {
            return Err(Error::Forbidden(
                "Only providers who treat the patient can change this field.",
            ));
        }
    }
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Patients,
        &patch,
        new.custom_data,
        current.extra.custom_data_version,
    )
    .await?;
    let patient: Patient = access
        .write_then_read(
            sql(
                UPDATE,
                &[
                    &new.patient_number,
                    &new.date_of_birth,
                    &new.gender,
                    &new.deceased,
                    &new.medical_history,
                    &new.allergies,
                    &new.health_goals,
                    &new.risk_factors,
                    &custom.data,
                    &custom.version,
                    &id,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(patient_rule)?
        .row;
    access.commit(Json(patient)).await
}
