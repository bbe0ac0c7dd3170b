//! `PATCH /v1/patients/{id}`: corrects the registration, or keeps the clinical summary up to date.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::patient::{self, Allergy, Gender, HealthGoal, PastCondition, Patient, RiskFactor};
use domain::select_patient;
use domain::text::Text;
use sql::Jsonb;
use sql::row;

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::patch("/v1/patients/{id}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Corrects the registration, or keeps the clinical summary up to date")
    .needs("patients:update")
    .recorded_as(Action::Update, ResourceType::Patient)
    .conflicts(&[&[patient::NUMBER_TAKEN]]);

row! {
    /// The fields that a patch may name.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Editable {
        /// The medical record number.
        pub patient_number: Text<100>,
        /// Date of birth.
        pub date_of_birth: Date,
        /// Administrative gender.
        pub gender: Gender,
        /// Past conditions.
        pub medical_history: Option<Jsonb<Vec<PastCondition>>>,
        /// Allergies.
        pub allergies: Option<Jsonb<Vec<Allergy>>>,
        /// Goals.
        pub health_goals: Option<Jsonb<Vec<HealthGoal>>>,
        /// Risks.
        pub risk_factors: Option<Jsonb<Vec<RiskFactor>>>,
        /// The clinic's own fields, as its registered schema has them.
        pub custom_data: Option<CustomData>,
    }
}

row! {
    /// What the caller may change of this patient.
    pub struct Rights {
        /// The version of the registered schema that the custom data satisfied.
        pub custom_data_version: Option<i32>,
        /// Whether the caller manages patient registration.
        pub registers: bool,
        /// Whether the caller treats the patient.
        pub treats: bool,
    }
}

/// The fields of who keeps the register; the others are of who treats the patient.
const REGISTRATION: [&str; 4] = ["patient_number", "date_of_birth", "gender", "custom_data"];

const CURRENT: &str = "
    select patient_number, date_of_birth, gender::text, medical_history, allergies, health_goals,
      risk_factors, custom_data, custom_data_version, version,
      coalesce(reach('patients:write') = 'ALL', false) as registers,
      reaches('patients:clinical', id) as treats
    from patients
    where id = $1 and reaches('patients:update', id) and not is_archived
    for update";
const UPDATE: &str = "
    update patients
    set patient_number = $2, date_of_birth = $3, gender = $4::text::administrative_gender,
      medical_history = $5, allergies = $6, health_goals = $7, risk_factors = $8,
      custom_data = $9, custom_data_version = $10
    where id = $1";
const READ: &str = select_patient!("where id = $1");

/// Answers the patient as changed.
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
                    &id,
                    &new.patient_number,
                    &new.date_of_birth,
                    &new.gender,
                    &new.medical_history,
                    &new.allergies,
                    &new.health_goals,
                    &new.risk_factors,
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint(
            "patients_patient_number_key",
            Error::AlreadyExists(patient::NUMBER_TAKEN),
        )
        .on_constraint(
            "patients_date_of_birth_range",
            Error::invalid("date_of_birth", "expected a date since 1850"),
        )?
        .row;
    access.commit(Json(patient)).await
}
