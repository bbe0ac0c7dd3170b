//! Requests for access as tests make them, without a caller.

use uuid::Uuid;

use crate::world::World;

impl World {
    /// Records an open request of the patient for their data, received today.
    pub async fn export(&self, patient: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let request = "insert into exports (id, patient_id, requested_by, received_on, due_on)
                       select $1, p.id, p.user_id, clinic_day(now()), clinic_day(now()) + 30
                       from patients p where p.id = $2";
        self.sql(request, &[&id, &patient]).await;
        id
    }

    /// The same, denied by nobody in particular on a ground that is reviewed.
    pub async fn denied_export(&self, patient: Uuid) -> Uuid {
        self.set_clinic_contact().await;
        let id = self.export(patient).await;
        let deny = "update exports set status = 'DENIED', denial_ground = 'ENDANGERS_LIFE',
                      denial_basis = 'It could do harm.', denied_at = now() where id = $1";
        self.sql(deny, &[&id]).await;
        id
    }

    /// The same, with a review that was asked for.
    pub async fn disputed_export(&self, patient: Uuid) -> Uuid {
        let id = self.denied_export(patient).await;
        let ask = "update exports set review_requested_at = now() where id = $1";
        self.sql(ask, &[&id]).await;
        id
    }

    /// A request that is answered, without an object in S3.
    pub async fn answered_export(&self, patient: Uuid) -> Uuid {
        let id = self.export(patient).await;
        let answer = "update exports set status = 'READY', attempts = 1, contents = '{}', package_size = 1,
                        package_sha256 = sha256('x'), ready_at = now(), available_until = now() + interval '1 day'
                      where id = $1";
        self.sql(answer, &[&id]).await;
        id
    }
}
