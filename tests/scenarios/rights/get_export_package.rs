//! `GET /v1/exports/{id}/package`

use tests::prelude::*;

use super::exports::{build, export_path, requested_by};

#[tokio::test]
async fn a_download_is_a_disclosure_with_its_row_and_only_for_who_may() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    world.assign(&ada, &vera).await;
    let id = requested_by(&ada, &ada).await;
    let path = export_path(id, "/package");
    ada.get(&path).await.problem(409, "conflict");
    build(&world).await.unwrap();

    for caller in [&*ada, &*vera] {
        let answer = caller.get(&path).await.expect(200);
        let row = audit("get-export-package", "DISCLOSE", "EXPORT").by(caller);
        world
            .audited(&answer, row.resource(id).patient(ada.id))
            .await;
    }
    ben.get(&path).await.problem(404, "not-found");
    world
        .admin()
        .await
        .get(&path)
        .await
        .problem(403, "forbidden");

    // Thirty days later there is no package any more.
    world
        .rewrite_history("update exports set available_until = now() - interval '1 second'")
        .await;
    ada.get(&path).await.problem(409, "conflict");
}
