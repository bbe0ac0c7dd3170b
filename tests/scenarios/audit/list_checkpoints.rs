//! `GET /v1/audit-checkpoints`

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tests::audit::Expected;
use tests::prelude::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::note::Note;
use transparency_log::proof::is_consistent;

const LIST: &str = "/v1/audit-checkpoints";

fn row() -> Expected {
    audit("list-checkpoints", "SEARCH", "AUDIT_LOG")
}

/// Seals this many batches, each with a row of the caller.
async fn seal(world: &World, caller: &Actor, batches: usize) {
    for _ in 0..batches {
        caller.get("/v1/me").await.expect(200);
        world.seal().await;
    }
}

fn checkpoint(world: &World, item: &Value) -> Checkpoint {
    let note = Note::parse(item["checkpoint"].as_str().unwrap().as_bytes()).unwrap();
    Checkpoint::verify(&note, &world.log_key()).unwrap()
}

fn proof(item: &Value) -> Vec<[u8; 32]> {
    let hashes = item["consistency"].as_array().unwrap().iter();
    hashes
        .map(|hash| {
            BASE64_STANDARD
                .decode(hash.as_str().unwrap())
                .unwrap()
                .try_into()
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn an_officer_lists_signed_checkpoints_newest_first() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let none = officer.get(LIST).await.expect(200);
    assert_eq!(none.body["items"], json!([]));
    seal(&world, &ada, 3).await;

    let answer = officer.get(LIST).await.expect(200);
    let items = answer.body["items"].as_array().unwrap();
    let batches: Vec<_> = items
        .iter()
        .map(|item| item["batch"].as_i64().unwrap())
        .collect();
    assert_eq!(batches, [2, 1, 0]);
    for item in items {
        let checkpoint = checkpoint(&world, item);
        assert_eq!(item["size"], checkpoint.size);
        assert_eq!(item["root"], hex::encode(checkpoint.root));
        assert_eq!(item["consistency"], Value::Null);
    }
    world.audited(&answer, row().by(&officer)).await;

    // Page by page.
    let page = officer.get(&format!("{LIST}?limit=2")).await.expect(200);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = officer
        .get(&format!("{LIST}?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(rest.body["items"], json!([items[2]]));
}

#[tokio::test]
async fn newer_checkpoints_are_proven_to_continue_the_one_that_the_caller_kept() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    seal(&world, &ada, 4).await;
    let list = officer.get(LIST).await.expect(200);
    let kept = checkpoint(&world, &list.body["items"][2]);

    let answer = officer
        .get(&format!("{LIST}?consistent_with=1"))
        .await
        .expect(200);
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    for item in items {
        let is_newer = item["batch"].as_i64().unwrap() >= 1;
        assert_eq!(item["consistency"].is_array(), is_newer, "{item}");
        if is_newer {
            assert!(
                is_consistent(&proof(item), &kept, &checkpoint(&world, item)),
                "{item}"
            );
        }
    }
}

#[tokio::test]
async fn only_an_officer_lists_checkpoints_and_an_unknown_one_is_named() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    seal(&world, &ada, 1).await;
    for caller in [&*ada, &*vera, &admin] {
        let answer = caller.get(LIST).await.problem(403, "forbidden");
        world
            .audited(&answer, row().by(caller).denied("forbidden"))
            .await;
    }
    for wrong in [
        "consistent_with=7",
        "consistent_with=-1",
        "consistent_with=x",
        "from=yesterday",
    ] {
        let answer = officer
            .get(&format!("{LIST}?{wrong}"))
            .await
            .problem(422, "invalid");
        world
            .audited(&answer, row().by(&officer).failed("invalid"))
            .await;
    }
}
