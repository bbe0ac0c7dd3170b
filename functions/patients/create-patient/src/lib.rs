//! `POST /v1/patients`: registers a user of role PATIENT as a patient.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::patient::{self, Allergy, Gender, HealthGoal, PastCondition, Patient, RiskFactor};
use domain::select_patient;
use domain::text::Text;
use sql::{FromRow, Jsonb, postgres};

/// What this function is.
pub const ENDPOINT: Endpoint = Endpoint::post("/v1/patients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers a user of role PATIENT as a patient")
    .needs("patients:write")
    .recorded_as(Action::Create, ResourceType::Patient)
    .conflicts(&[&[IS_PATIENT, patient::NUMBER_TAKEN]])
    .idempotent();

const IS_PATIENT: &str = "This user is already registered as a patient.";

/// The body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPatient {
    /// The account, of role PATIENT.
    pub user_id: UserId,
    /// The medical record number.
    pub patient_number: Text<100>,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Administrative gender.
    pub gender: Gender,
    /// Past conditions, as told at intake.
    pub medical_history: Option<Vec<PastCondition>>,
    /// Allergies, as told at intake.
    pub allergies: Option<Vec<Allergy>>,
    /// Goals.
    pub health_goals: Option<Vec<HealthGoal>>,
    /// Risks.
    pub risk_factors: Option<Vec<RiskFactor>>,
    /// The clinic's own fields, as its registered schema has them.
    pub custom_data: Option<CustomData>,
}

const CREATE: &str = "
    insert into patients
      (id, user_id, patient_number, date_of_birth, gender,
       medical_history, allergies, health_goals, risk_factors, custom_data, custom_data_version)
    values ($1, $2, $3, $4, $5::text::administrative_gender, $6, $7, $8, $9, $10, $11)";
const READ: &str = concat!(
    "select registered.*, likely_duplicates(registered.id) as possible_duplicates from (",
    select_patient!("where id = $1"),
    ") as registered"
);

/// Registers the patient, also where she resembles another: who is the same person, people decide.
pub async fn handle(call: Call, Body(new): Body<NewPatient>) -> Reply<Created<Registered>> {
    let id = PatientId::generate();
    let mut access = call.authorize(id);
    let custom =
        custom_data::accept(&mut access, CustomDataTable::Patients, new.custom_data).await?;
    let registered: Registered = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &id,
                    &new.user_id,
                    &new.patient_number,
                    &new.date_of_birth,
                    &new.gender,
                    &new.medical_history.map(Jsonb),
                    &new.allergies.map(Jsonb),
                    &new.health_goals.map(Jsonb),
                    &new.risk_factors.map(Jsonb),
                    &custom.data,
                    &custom.version,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraint("patients_user_id_key", Error::AlreadyExists(IS_PATIENT))
        .on_constraint(
            "patients_patient_number_key",
            Error::AlreadyExists(patient::NUMBER_TAKEN),
        )
        .on_constraint(
            "patients_user_is_patient",
            Error::invalid("user_id", "expected a user of role PATIENT"),
        )
        .on_constraint(
            "patients_date_of_birth_range",
            Error::invalid("date_of_birth", "expected a date since 1850"),
        )?
        .row;
    if !registered.possible_duplicates.is_empty() {
        let ids = registered.possible_duplicates.iter();
        access.add_note(
            "possible_duplicates",
            ids.map(PatientId::to_string).collect::<Vec<_>>(),
        );
    }
    access
        .commit(Created {
            location: format!("/v1/patients/{id}"),
            body: registered,
        })
        .await
}

/// The new patient, and whom she may already be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Registered {
    /// The patient.
    #[serde(flatten)]
    pub patient: Patient,
    /// Patients of the same birth date with a similar name, the likest first, ten at most.
    pub possible_duplicates: Vec<PatientId>,
}

impl FromRow for Registered {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            patient: Patient::from_row(row)?,
            possible_duplicates: row.try_get("possible_duplicates")?,
        })
    }
}

impl Content for Registered {
    fn patients(&self) -> Vec<PatientId> {
        self.patient.patients()
    }

    fn version(&self) -> Option<i32> {
        self.patient.version()
    }
}
