//! Data that were archived long ago, and the job that deletes them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::Expected;
use crate::people::{Patient, Provider};
use crate::world::World;

/// A day after which everything that was archived then has long been deletable, for adults.
pub const LONG_AGO: &str = "2001-03-05T10:00:00Z";

impl World {
    /// Runs `apply-retention` as its schedule does. Returns the details of the steps that it reports.
    pub async fn apply_retention(&self) -> Vec<Value> {
        let report = self.try_retention().await.unwrap();
        let steps = report["steps"].as_array().unwrap().iter();
        steps.map(|step| step["details"].clone()).collect()
    }

    /// Runs `apply-retention`. Errors: a step failed.
    pub async fn try_retention(&self) -> Result<Value, String> {
        let schedule = json!({"source": "aws.scheduler", "detail": "{}"});
        let report = self.cloud.invoke("apply-retention", &schedule).await;
        report.map_err(|error| error.to_string())
    }

    /// Runs the job so that it lists what has ended, and lets so many days pass.
    pub async fn list_and_wait(&self, days: i32) {
        self.apply_retention().await;
        self.rewrite_history(&format!(
            "update retention_listings set listed_at = listed_at - interval '{days} days';
             update legal_holds set
               placed_at = placed_at - interval '{days} days', released_at = released_at - interval '{days} days'"
        ))
        .await;
    }

    /// Turns the deletion of rows on, as an operator does.
    pub async fn turn_deletion_on(&self) {
        migrations::set_deletion(&self.superuser_url(), None, true)
            .await
            .unwrap();
    }

    /// Runs statements without triggers, to write what was true in the past.
    pub async fn rewrite_history(&self, statements: &str) {
        self.connect()
            .await
            .batch_execute(&format!(
                "set session_replication_role = replica; {statements}"
            ))
            .await
            .unwrap();
    }

    /// Creates a record of this time that was archived at once.
    pub async fn archived_record(&self, patient: &Patient, provider: &Provider, at: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into medical_records
               (id, patient_id, provider_id, record_type, content, created_at, is_archived, archived_at)
             values ($1, $2, $3, 'NOTE', '{\"text\": \"Old\"}', $4::text::timestamptz, true, $4::text::timestamptz)",
            &[&id, &patient.id, &provider.id, &at],
        )
        .await;
        id
    }

    /// Creates a completed visit of this time that was archived at once.
    pub async fn archived_visit(&self, patient: &Patient, provider: &Provider, at: &str) -> Uuid {
        let id = Uuid::now_v7();
        self.sql(
            "insert into appointments
               (id, patient_id, provider_id, scheduled_at, duration_minutes, status, is_archived, archived_at)
             values ($1, $2, $3, $4::text::timestamptz, 30, 'COMPLETED', true, $4::text::timestamptz)",
            &[&id, &patient.id, &provider.id, &at],
        )
        .await;
        id
    }

    /// Uploads a file of the patient, and makes it one of [`LONG_AGO`] that was archived at once.
    pub async fn archived_file(&self, patient: &Patient) -> Uuid {
        let id = self
            .uploaded(patient, "application/pdf", crate::files::PDF)
            .await;
        self.rewrite_history(&format!(
            "update file_metadata set is_archived = true, created_at = '{LONG_AGO}', archived_at = '{LONG_AGO}'
             where id = '{id}';
             update chart_spans set begins = '{LONG_AGO}', ends = '{LONG_AGO}' where patient_id = '{}'",
            patient.id
        ))
        .await;
        id
    }

    /// Archives a patient and their account at this time.
    pub async fn archive_person(&self, patient: &Patient, at: &str) {
        self.sql(
            "update patients set is_archived = true, archived_at = $2::text::timestamptz where id = $1",
            &[&patient.id, &at],
        )
        .await;
        self.sql(
            "update user_profiles set is_archived = true, archived_at = $2::text::timestamptz where id = $1",
            &[&patient.user, &at],
        )
        .await;
    }

    /// Returns the listings as `kind: id`, in the order in which they can be deleted.
    pub async fn listed(&self) -> Vec<(String, Uuid)> {
        let rows = self
            .sql(
                "select resource_type::text, resource_id from retention_listings order by resource_type, resource_id",
                &[],
            )
            .await;
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Whether the table has a row with this id.
    pub async fn has(&self, table: &str, id: Uuid) -> bool {
        let query = format!("select from {table} where id = $1");
        !self.sql(&query, &[&id]).await.is_empty()
    }

    /// Returns the row counts and the hash that the deletion of these resources must record.
    pub async fn proof(&self, kind: &str, ids: &[Uuid]) -> (Value, String) {
        let row = self
            .sql(
                "select parts, digest from retention_proof($1::text::retained_type, $2)",
                &[&kind, &ids],
            )
            .await;
        (row[0].get("parts"), row[0].get("digest"))
    }

    /// Returns what the rows of `apply-retention` with a deletion say.
    pub async fn deletions(&self) -> Vec<Expected> {
        let log = self.audit_log().await;
        let rows = log.iter().filter(|row| {
            row.entry.application == "apply-retention" && row.entry.details.contains_key("sha256")
        });
        rows.map(Expected::of).collect()
    }

    /// Whether S3 keeps any version of the object of the owner's file, or a delete marker.
    pub fn has_object(&self, owner: Uuid, id: Uuid) -> bool {
        let key = format!("caretrail-files/files/{owner}/{id}");
        let objects = self.cloud.objects();
        let versions = std::fs::read_dir(objects.path(".versions", &key));
        versions.is_ok_and(|mut versions| versions.next().is_some())
            || objects
                .path("caretrail-files", &format!("files/{owner}/{id}"))
                .exists()
    }
}
