//! `POST /v1/patients`: registers a user with the role PATIENT as a patient.

use api::prelude::*;
use domain::custom_data::{CustomData, CustomDataTable};
use domain::date_time::BirthDate;
use domain::patient::{
    Allergy, Deceased, Gender, HealthGoal, PATIENT_CONFLICTS, PastCondition, Patient, RiskFactor,
    patient_rule,
};
use domain::select_patient;
use domain::text::Identifier;
use sql::{FromRow, Jsonb, postgres};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/patients")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Registers a user with the role PATIENT as a patient")
    .needs("patients:write")
    .recorded_as(Action::Create, ResourceType::Patient)
    .conflicts(&[&[IS_PATIENT], PATIENT_CONFLICTS])
    .idempotent(READ);

const IS_PATIENT: &str = "This user is already registered as a patient.";

/// The identity data of the new patient and, if known, their clinical data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPatient {
    /// The id of the user account of the patient. The account must have the role `PATIENT`.
    pub user_id: UserId,
    /// The medical record number of the patient, which must be unique in the clinic.
    pub patient_number: Identifier<100>,
    /// The patient's date of birth as exactly as it is known: a day, a month or a year, for example `1984-07-21`,
    /// `1984-07` or `1984`. It isn't before 1850 or in the future.
    pub date_of_birth: BirthDate,
    /// The patient's administrative gender, as in FHIR R4.
    pub gender: Gender,
    /// The fact that the patient has died, with the time of death if it is known. Absent or null if the patient is
    /// alive or nothing else is known.
    pub deceased: Option<Deceased>,
    /// The patient's past conditions, as known at registration. Absent or null if none are known.
    pub medical_history: Option<Vec<PastCondition>>,
    /// The patient's allergies and intolerances, as known at registration. Absent or null if none
    /// are known.
    pub allergies: Option<Vec<Allergy>>,
    /// The patient's health goals. Absent or null if there are none.
    pub health_goals: Option<Vec<HealthGoal>>,
    /// The patient's risk factors. Absent or null if none are known.
    pub risk_factors: Option<Vec<RiskFactor>>,
    /// Additional non-clinical fields that the clinic defines, valid against the JSON Schema
    /// registered for `patients`. Absent or null if there are none.
    pub custom_data: Option<CustomData>,
}

const CREATE: &str = "
    insert into patients
      (id, user_id, patient_number, date_of_birth, gender, deceased,
       medical_history, allergies, health_goals, risk_factors, custom_data, custom_data_version)
    values ($1, $2, $3, $4, $5::text::administrative_gender, $6, $7, $8, $9, $10, $11, $12)";
const READ: &str = concat!(
    "select registered.*, likely_duplicates(registered.id) as possible_duplicates from (",
    select_patient!("where id = $1 and not is_archived"),
    ") as registered"
);

/// Registers the patient even if they resemble another one: only people can tell whether both are the
/// same person.
pub async fn handle(call: Call, Body(new): Body<NewPatient>) -> Reply<Created<RegisteredPatient>> {
    let id = PatientId::generate();
    let mut access = call.authorize(id);
    let custom =
        custom_data::accept(&mut access, CustomDataTable::Patients, new.custom_data).await?;
    let registered: RegisteredPatient = access
        .write_then_read(
            sql(
                CREATE,
                &[
                    &id,
                    &new.user_id,
                    &new.patient_number,
                    &new.date_of_birth,
                    &new.gender,
                    &new.deceased.map(Jsonb),
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
        .on_constraints(patient_rule)
        .on_constraint("patients_user_id_key", Error::AlreadyExists(IS_PATIENT))
        .on_constraint(
            "patients_user_is_patient",
            Error::invalid("user_id", "expected a user with the role PATIENT"),
        )?
        .row;
    access
        .commit(Created {
            location: format!("/v1/patients/{id}"),
            body: registered,
        })
        .await
}

/// The new patient, with the patients who may be the same person.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RegisteredPatient {
    /// The patient as registered.
    #[serde(flatten)]
    pub patient: Patient,
    /// The patients who can have the same date of birth and have a similar name, at most ten, the most similar
    /// first. Empty if there are none.
    pub possible_duplicates: Vec<PatientId>,
}

impl FromRow for RegisteredPatient {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            patient: Patient::from_row(row)?,
            possible_duplicates: row.try_get("possible_duplicates")?,
        })
    }
}

impl Content for RegisteredPatient {
    fn patients(&self) -> Vec<PatientId> {
        self.patient.patients()
    }

    fn possible_duplicates(&self) -> &[PatientId] {
        &self.possible_duplicates
    }

    fn version(&self) -> Option<i32> {
        self.patient.version()
    }
}
