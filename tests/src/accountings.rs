//! Disclosures and accountings as tests make them, without an officer.

use uuid::Uuid;

use crate::world::World;

impl World {
    /// Records a disclosure to public health of the patient's data in January 2026.
    pub async fn disclosure(&self, patient: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let record = "insert into disclosures (id, patient_id, disclosed_on, recipient_name, description, purpose, basis)
                      values ($1, $2, '2026-01-05', 'Department of Health', 'A result', 'A report', 'PUBLIC_HEALTH')";
        self.sql(record, &[&id, &patient]).await;
        id
    }

    /// Requests an accounting of the disclosures of the patient's data.
    pub async fn accounting(&self, patient: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let request = "insert into accountings (id, patient_id) values ($1, $2)";
        self.sql(request, &[&id, &patient]).await;
        id
    }

    /// Requests the same, and provides it.
    pub async fn provided_accounting(&self, patient: Uuid) -> Uuid {
        let id = self.accounting(patient).await;
        let provide = "update accountings set status = 'PROVIDED' where id = $1";
        self.sql(provide, &[&id]).await;
        id
    }
}
