//! `PATCH /v1/patients/{id}`: corrects the registration, or keeps the clinical summary up to date.

use serde::{Deserialize, Serialize};
use shared::domain::custom_data::{CustomData, CustomDataTable};
use shared::domain::patient::{Allergy, Gender, HealthGoal, PastCondition, Patient, RiskFactor};
use shared::domain::text::Text;
use shared::prelude::*;
use shared::sql::{FromRow, Jsonb, postgres};
use shared::{row, select_patient};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint {
    name: "update-patient",
    permission: "patients:update",
    action: Action::Update,
    resource: ResourceType::Patient,
};

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
pub async fn handle(call: Call) -> Reply<Json<Patient>> {
    let id: PatientId = call.path("id")?;
    let patch = call.merge_patch()?;
    let if_match = call.if_match()?;
    let mut access = call.authorize(InChart {
        resource: id,
        patient: id,
    });
    let current: Current = access.one(sql(CURRENT, &[&id])).await?;
    if_match.check(current.version)?;
    let new = patch.apply(&current.editable)?;
    let fields = patch.fields();
    access.note("fields", fields.clone());
    for field in &fields {
        let registration = REGISTRATION.contains(&field.as_str());
        if registration && !current.registers {
            return Err(Error::Forbidden(
                "only who keeps the register changes this field",
            ));
        }
        if !registration && !current.treats {
            return Err(Error::Forbidden(
                "only who treats the patient changes this field",
            ));
        }
    }
    let custom = custom_data::accept_change(
        &mut access,
        CustomDataTable::Patients,
        &patch,
        new.custom_data,
        current.custom_data_version,
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
            Error::AlreadyExists("this patient_number is taken"),
        )
        .on_constraint(
            "patients_date_of_birth_range",
            Error::invalid("date_of_birth", "expected a date since 1850"),
        )?;
    access.commit(Json(patient)).await
}

/// The patient as she stands, and which of her fields the caller changes.
struct Current {
    editable: Editable,
    custom_data_version: Option<i32>,
    version: i32,
    registers: bool,
    treats: bool,
}

impl FromRow for Current {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            editable: Editable::from_row(row)?,
            custom_data_version: row.try_get("custom_data_version")?,
            version: row.try_get("version")?,
            registers: row.try_get("registers")?,
            treats: row.try_get("treats")?,
        })
    }
}
