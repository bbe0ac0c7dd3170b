//! Incidents as tests make them, without an officer.

use serde_json::Value;
use uuid::Uuid;

use crate::world::World;

impl World {
    /// Gives the clinic contact data for letters.
    pub async fn set_clinic_contact(&self) {
        migrations::set_clinic_contact(
            &self.superuser_url(),
            None,
            "Sample Clinic",
            [
                Some("1-800-555-0100"),
                Some("privacy@clinic.example"),
                Some("https://clinic.example/privacy"),
                Some("1 Sample Street, Springfield, OH 45501"),
            ],
        )
        .await
        .unwrap();
    }

    /// Opens an incident that affects these patients, with the texts of its letter.
    pub async fn incident(&self, patients: &[Uuid]) -> Uuid {
        self.set_clinic_contact().await;
        let id = Uuid::now_v7();
        let open = "insert into incidents (id, summary, letter_happened, letter_data, letter_steps, letter_response)
                    values ($1, 'A clerk read a chart.', 'A clerk read your chart.', 'The clerk saw your notes.',
                      'You need to do nothing now.', 'The clerk can see no chart any more.')";
        self.sql(open, &[&id]).await;
        let affect =
            "insert into incident_patients (incident_id, patient_id) select $1, unnest($2::uuid[])";
        self.sql(affect, &[&id, &patients]).await;
        id
    }

    /// Opens the same incident, and decides that it is a breach. Its version is 3.
    pub async fn breach(&self, patients: &[Uuid]) -> Uuid {
        let id = self.incident(patients).await;
        for step in [
            "update incidents set status = 'ASSESSED', decision = 'BREACH', decision_reason = 'Notes were read.'
             where id = $1",
            "update incidents set status = 'NOTIFYING' where id = $1",
        ] {
            self.sql(step, &[&id]).await;
        }
        id
    }

    /// The stored incident with its clock.
    pub async fn stored_incident(&self, id: Uuid) -> Value {
        let stored = "select i.*, c.* from incidents i cross join lateral incident_clock(i) as c where i.id = $1";
        self.row(stored, &[&id]).await
    }
}
