//! What a refusal must be: its problem, its audit row, and nothing besides.

use uuid::Uuid;

use crate::answer::Answer;
use crate::audit::Expected;
use crate::world::World;

impl World {
    /// The answer to this request, once it is seen to be the problem that its row has for a
    /// reason, and to have changed nothing.
    pub async fn refused(
        &self,
        request: impl Future<Output = Answer>,
        status: u16,
        row: Expected,
    ) -> Answer {
        let before = self.stored().await;
        let reason = row.details["reason"].as_str().unwrap();
        let answer = request.await.problem(status, reason);
        assert_eq!(self.stored().await, before, "{row:?}");
        self.audited(&answer, row).await;
        answer
    }

    /// The same of a request that is `invalid` for this field.
    pub async fn invalid(
        &self,
        request: impl Future<Output = Answer>,
        field: &str,
        row: Expected,
    ) -> Answer {
        let answer = self.refused(request, 422, row.failed("invalid")).await;
        answer.invalid(field)
    }

    /// Sees that who is denied the thing of this row can't tell it from one that there isn't: the
    /// audit log alone can. Asked for each by its id.
    pub async fn out_of_reach(&self, row: Expected, request: impl AsyncFn(Uuid) -> Answer) {
        let (there, nowhere) = (row.resource.unwrap(), Uuid::now_v7());
        let mut absent = row.clone().resource(nowhere).failed("not-found");
        absent.patients.clear();
        let denied = request(there);
        let denied = self.refused(denied, 404, row.denied("not-found")).await;
        let absent = self.refused(request(nowhere), 404, absent).await;
        denied.same_as(&absent);
    }
}
