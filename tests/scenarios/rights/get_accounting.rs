//! `GET /v1/accountings/{id}`

use tests::prelude::*;

use super::{ACCOUNTINGS, DISCLOSURES, disclosure, recorded, requested};

#[tokio::test]
async fn representatives_act_for_the_patient_and_others_find_nothing() {
    let world = World::new().await;
    let (kim, ben) = (world.patient("Kim").await, world.patient("Ben").await);
    let (officer, vera) = (world.officer().await, world.provider("Vera").await);
    let parent = world.user("PATIENT", "Pat").await;
    world.represent(parent.user, &kim, None).await;
    world.assign(&kim, &vera).await;
    let id = requested(&parent, &kim).await.id();
    let path = format!("{ACCOUNTINGS}/{id}");
    officer
        .post_nothing(&format!("{path}/provide"))
        .await
        .expect(200);
    for caller in [&parent, &*kim] {
        caller.get(&path).await.expect(200);
        caller.get(&format!("{path}/report")).await.expect(200);
        assert_eq!(caller.get(ACCOUNTINGS).await.expect(200).ids(), [id]);
    }
    for path in [path.clone(), format!("{path}/report")] {
        ben.get(&path).await.problem(404, "not-found");
        vera.get(&path).await.problem(403, "forbidden");
    }
    let body = json!({"patient_id": kim.id});
    ben.post(ACCOUNTINGS, body).await.problem(404, "not-found");
    assert_eq!(
        ben.get(ACCOUNTINGS).await.expect(200).ids(),
        [] as [Uuid; 0]
    );
    let recorded = recorded(&officer, &kim, json!({})).await;
    for caller in [&*kim, &*vera] {
        caller.get(DISCLOSURES).await.problem(403, "forbidden");
        caller
            .get(&format!("{DISCLOSURES}/{recorded}"))
            .await
            .problem(403, "forbidden");
        let body = disclosure(&kim, json!({}));
        caller
            .post(DISCLOSURES, body)
            .await
            .problem(403, "forbidden");
    }
}
