//! Amendments as tests make them, without a caller.

use uuid::Uuid;

use crate::world::World;

impl World {
    /// Requests an amendment of this record, as if it came on paper today. It has one recipient, with the same id.
    pub async fn amendment(&self, record: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let request = "insert into amendments (id, patient_id, record_id, statement, correction, reason)
                       select $1, r.patient_id, r.id, 'It says that I smoke.', 'I have never smoked.', 'A mistake'
                       from medical_records r where r.id = $2";
        self.sql(request, &[&id, &record]).await;
        let recipient = "insert into amendment_recipients (id, amendment_id, source, name)
                         values ($1, $1, 'NAMED', 'Dr. Sample')";
        self.sql(recipient, &[&id]).await;
        id
    }

    /// Requests the same amendment, which is accepted.
    pub async fn accepted_amendment(&self, record: Uuid) -> Uuid {
        let id = self.amendment(record).await;
        let accept =
            "update amendments set status = 'ACCEPTED', addendum = 'Never smoked' where id = $1";
        self.sql(accept, &[&id]).await;
        id
    }

    /// Requests the same amendment, which is denied.
    pub async fn denied_amendment(&self, record: Uuid) -> Uuid {
        self.set_clinic_contact().await;
        let id = self.amendment(record).await;
        let deny =
            "update amendments set status = 'DENIED', denial_ground = 'ACCURATE_AND_COMPLETE',
                      denial_basis = 'It was asked twice.' where id = $1";
        self.sql(deny, &[&id]).await;
        id
    }

    /// Requests the same amendment, which is denied, and the patient disagrees.
    pub async fn disputed_amendment(&self, record: Uuid) -> Uuid {
        let id = self.denied_amendment(record).await;
        let disagree = "update amendments set disagreement = 'I disagree.' where id = $1";
        self.sql(disagree, &[&id]).await;
        id
    }
}
