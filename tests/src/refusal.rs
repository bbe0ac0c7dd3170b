//! The checks of a refusal: its problem, its audit row, and that nothing changed.

use uuid::Uuid;

use crate::answer::Answer;
use crate::audit::Expected;
use crate::world::World;

impl World {
    /// Asserts that the answer is the problem for the reason in `row`, and that the request changed
    /// nothing. Returns the answer.
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

    /// Asserts the same for a request that is `invalid` for this field.
    pub async fn invalid(
        &self,
        request: impl Future<Output = Answer>,
        field: &str,
        row: Expected,
    ) -> Answer {
        let answer = self.refused(request, 422, row.failed("invalid")).await;
        answer.invalid(field)
    }

    /// Asserts that a denied caller can't distinguish an existing resource from an absent one. Only
    /// the audit log can. `request` sends the request for an id.
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
