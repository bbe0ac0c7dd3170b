//! Reads of the chart. Each is a transaction of its own, whose audit row is committed before anything leaves.

use std::collections::{HashMap, HashSet};

use api::job::Job;
use api::prelude::*;
use chart_export::Amendment;
use domain::export::Exclusion;
use domain::patient::Patient;
use domain::provider::Provider;
use domain::user::User;
use files::{ByteStream, Store, StoredFile};
use sql::{FromRow, Jsonb, Parameter, row};
use uuid::Uuid;

use crate::statements::{ABOUT, AMENDMENTS, Entry, PATIENT, PROGRESS, PROVIDERS, USER};
use crate::{About, Begun, amendments};

/// The number of entries that one transaction reads. It bounds the memory that they take.
pub const PAGE: i64 = 50;

row! {
    /// What the package says about itself and the clinic.
    pub struct Facts {
        /// The third party who gets it.
        pub recipient_name: Option<String>,
        /// What is left out.
        pub exclusions: Jsonb<Vec<Exclusion>>,
        /// The name of the clinic's time zone.
        pub time_zone: String,
        /// The name of the clinic.
        pub clinic_name: Option<String>,
        /// Its telephone number.
        pub clinic_phone: Option<String>,
        /// Its e-mail address.
        pub clinic_email: Option<String>,
        /// Its website.
        pub clinic_website: Option<String>,
        /// Its postal address.
        pub clinic_address: Option<String>,
    }
}

/// The chart that a package is made of.
pub struct Chart<'j> {
    pub job: &'j Job,
    pub store: &'j Store,
    pub begun: Begun,
    /// The files whose object is gone.
    pub missing: HashSet<FileId>,
}

impl Chart<'_> {
    /// Reads rows. `kind` is what the audit row calls them, and `id` the id that it names.
    async fn read<R: FromRow>(
        &self,
        kind: &'static str,
        text: &str,
        parameters: &[&dyn Parameter],
        id: fn(&R) -> Option<Uuid>,
        done: i32,
    ) -> Result<Vec<R>, Error> {
        let begun = self.begun;
        let read = async |mut access: Access<InChart<ExportId>>| {
            access.add_note("attempt", begun.attempt);
            let _: Option<()> = access
                .optional(sql(PROGRESS, &[&begun.id, &begun.attempt, &done]))
                .await?;
            let rows: Vec<R> = access.all(sql(text, parameters)).await?;
            let ids: Vec<_> = rows
                .iter()
                .filter_map(id)
                .map(|id| id.to_string())
                .collect();
            access.add_note(kind, ids);
            access.commit(Json(About(begun.patient_id))).await?;
            Ok(rows)
        };
        self.job.audited(begun.target(), read).await
    }

    async fn first<R: FromRow>(&self, kind: &'static str, text: &str) -> Result<R, Error> {
        let (id, attempt) = (self.begun.id, self.begun.attempt);
        let rows = self.read(kind, text, &[&id, &attempt], |_| None, 0).await?;
        rows.into_iter().next().ok_or(Error::NotFound)
    }

    pub async fn facts(&self) -> Result<Facts, Error> {
        self.first("facts", ABOUT).await
    }

    pub async fn patient(&self) -> Result<Patient, Error> {
        self.first("patient", PATIENT).await
    }

    pub async fn user(&self) -> Result<User, Error> {
        self.first("user", USER).await
    }

    /// A page of the providers whom the chart names.
    pub async fn providers(&self, after: ProviderId) -> Result<Vec<Provider>, Error> {
        let (id, attempt) = (self.begun.id, self.begun.attempt);
        let parameters: [&dyn Parameter; 4] = [&id, &attempt, &after, &(PAGE as i32)];
        self.read(
            "providers",
            PROVIDERS,
            &parameters,
            |one: &Provider| Some(one.id.into()),
            0,
        )
        .await
    }

    /// All amendments, by the entry that they are about. The patient's id stands for their profile.
    pub async fn amendments(&self) -> Result<HashMap<Uuid, Vec<Amendment>>, Error> {
        let (id, attempt) = (self.begun.id, self.begun.attempt);
        let rows: Vec<amendments::Travelling> = self
            .read(
                "amendments",
                AMENDMENTS,
                &[&id, &attempt],
                |row: &amendments::Travelling| Some(row.entry),
                0,
            )
            .await?;
        Ok(amendments::by_entry(rows))
    }

    /// The page of entries after this key.
    pub async fn page<E: Entry>(
        &self,
        after: Option<(Timestamp, Uuid)>,
        types: Option<&[&str]>,
        done: i32,
    ) -> Result<Vec<E>, Error> {
        let (id, attempt) = (self.begun.id, self.begun.attempt);
        let (after_time, after_id) = after.unzip();
        let types: Option<Vec<String>> =
            types.map(|types| types.iter().map(|name| (*name).to_owned()).collect());
        let parameters: [&dyn Parameter; 6] = [
            &id,
            &attempt,
            &after_time,
            &after_id,
            &(PAGE as i32),
            &types,
        ];
        self.read(
            E::KIND,
            E::SELECT,
            &parameters,
            |one: &E| Some(one.key().1),
            done,
        )
        .await
    }

    /// The bytes of a file.
    pub async fn content(&self, stored: &StoredFile) -> Result<ByteStream, Error> {
        let begun = self.begun;
        let open = async |mut access: Access<InChart<ExportId>>| {
            let version = stored.object_version.as_deref();
            let content = self
                .store
                .content(&access, &stored.location, version)
                .await?;
            access.add_note("attempt", begun.attempt);
            access.add_note("content_of", stored.file.id.to_string());
            access.commit(Json(About(begun.patient_id))).await?;
            content.ok_or(Error::Unavailable("the object of a file is gone"))
        };
        self.job.audited(begun.target(), open).await
    }

    /// Whether the object of a file is there.
    pub async fn has_object(&self, stored: &StoredFile) -> Result<bool, Error> {
        let begun = self.begun;
        let look = async |mut access: Access<InChart<ExportId>>| {
            let version = stored.object_version.as_deref();
            let object = self
                .store
                .arrived(&access, &stored.location, version)
                .await?;
            access.add_note("looked_for", stored.file.id.to_string());
            access.commit(Json(About(begun.patient_id))).await?;
            Ok(object.is_some_and(|object| object.size == stored.file.file_size))
        };
        self.job.audited(begun.target(), look).await
    }
}
