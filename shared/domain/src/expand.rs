//! The persons whom an answer names beside their ids, if the caller asks for it: a calendar with names is one request.

use std::borrow::Cow;

use parsing::expected;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use sql::{FromRow, Jsonb, postgres, text_enum};

use crate::date_time::BirthDate;
use crate::disclosure::Content;
use crate::ids::{PatientId, ProviderId};

text_enum! {
    /// A person whom an answer can name.
    pub enum Person: "snake_case" {
        /// The patient.
        Patient,
        /// The provider.
        Provider,
    }
}

/// The parameter `expand`: the persons whom the answer names, separated by commas.
#[derive(Clone, Debug, Default)]
pub struct Expand(pub Vec<Person>);

impl<'de> Deserialize<'de> for Expand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let persons: Result<Vec<Person>, _> = text.split(',').map(str::parse).collect();
        persons.map(Self).map_err(|_| {
            expected(
                "patient, provider or both, separated by a comma",
                "patient,provider",
            )
        })
    }
}

impl JsonSchema for Expand {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Expand".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(patient|provider)(,(patient|provider))*$",
            "examples": ["patient,provider"],
        })
    }
}

/// The name of a patient, with the data that tells patients of one name apart.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct PatientName {
    /// The id of the patient, a UUID.
    pub id: PatientId,
    /// The medical record number of the patient.
    pub patient_number: String,
    /// The given name of the patient. Null if the patient has only a family name.
    pub first_name: Option<String>,
    /// The family name of the patient. Null if the patient has only a given name.
    pub last_name: Option<String>,
    /// The patient's date of birth as exactly as it is known, for example `1984-07-21` or `1984`.
    pub date_of_birth: BirthDate,
}

/// The name of a provider, with their medical specialties.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
pub struct ProviderName {
    /// The id of the provider, a UUID.
    pub id: ProviderId,
    /// The given name of the provider. Null if the provider has only a family name.
    pub first_name: Option<String>,
    /// The family name of the provider. Null if the provider has only a given name.
    pub last_name: Option<String>,
    /// The medical specialties of the provider, for example `Cardiology`. Empty if none are stored.
    pub specialties: Vec<String>,
}

/// A resource with the persons whom the caller asked for.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "{T}WithNames")]
pub struct Expanded<T> {
    /// The resource.
    #[serde(flatten)]
    pub row: T,
    /// The patient of the resource. Present only if `expand` names `patient` and the caller can read the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<Jsonb<PatientName>>,
    /// The provider of the resource. Present only if `expand` names `provider` and the caller can read the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Jsonb<ProviderName>>,
    /// Whether the caller asked for a person.
    #[serde(skip)]
    pub is_expanded: bool,
}

impl<T> Expanded<T> {
    /// Changes the resource.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Expanded<U> {
        Expanded {
            row: change(self.row),
            patient: self.patient,
            provider: self.provider,
            is_expanded: self.is_expanded,
        }
    }
}

impl<T: FromRow> FromRow for Expanded<T> {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            row: T::from_row(row)?,
            patient: row.try_get("patient")?,
            provider: row.try_get("provider")?,
            is_expanded: row.try_get("is_expanded")?,
        })
    }
}

impl<T: Content> Content for Expanded<T> {
    fn patients(&self) -> Vec<PatientId> {
        self.row.patients()
    }

    /// None with names, because they can change while the resource stays as it is.
    fn version(&self) -> Option<i32> {
        match self.is_expanded {
            true => None,
            false => self.row.version(),
        }
    }
}

/// Adds the columns of [`Expanded`] to a statement. `persons` is the parameter with the [`Expand`], `provider` the
/// condition that finds the provider `v` of the `item`, and `order` the order of the statement. The names are read
/// under the caller's policies, and archived persons are left out as in the reads of one patient or provider.
#[macro_export]
macro_rules! expand {
    (select: $select:expr, persons: $persons:literal, provider: $provider:literal, order: $order:literal $(,)?) => {
        concat!(
            "select item.*, cardinality(", $persons, ") > 0 as is_expanded,
               case when 'patient' = any (", $persons, ") then (
                 select jsonb_build_object('id', p.id, 'patient_number', p.patient_number,
                   'first_name', u.first_name, 'last_name', u.last_name, 'date_of_birth', p.date_of_birth)
                 from patients p join user_profiles u on u.id = p.user_id
                 where p.id = item.patient_id and (not p.is_archived or reaches('patients:write', p.id))
               ) end as patient,
               case when 'provider' = any (", $persons, ") then (
                 select jsonb_build_object('id', v.id, 'first_name', u.first_name, 'last_name', u.last_name,
                   'specialties', v.specialties)
                 from providers v join user_profiles u on u.id = v.user_id
                 where ", $provider, " and (not v.is_archived or reach('providers:write') in ('SOURCE', 'ALL'))
               ) end as provider
             from (", $select, ") as item ", $order
        )
    };
}
