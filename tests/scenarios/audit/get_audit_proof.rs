//! `GET /v1/audit-logs/{id}/proof`

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tests::audit::{AuditRow, Expected};
use tests::prelude::*;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::leaf::Leaf;
use transparency_log::note::Note;
use transparency_log::proof::{TlogProof, is_included};
use transparency_log::tree::leaf_hash;

fn row() -> Expected {
    audit("get-audit-proof", "READ", "AUDIT_LOG")
}

fn proof_of(row: &AuditRow) -> String {
    format!("/v1/audit-logs/{}/proof", Uuid::from(row.entry.id))
}

/// Reads the caller's own profile, and returns the audit row of it.
async fn read(world: &World, caller: &Actor) -> AuditRow {
    let answer = caller.get("/v1/me").await.expect(200);
    world.audit_of(&answer).await.remove(0)
}

#[tokio::test]
async fn an_officer_gets_a_proof_that_anybody_can_verify() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let mut rows = Vec::new();
    for _ in 0..3 {
        rows.push(read(&world, &ada).await);
        world.seal().await;
    }
    for stored in &rows {
        let answer = officer.get(&proof_of(stored)).await.expect(200);
        let body = &answer.body;
        // The leaf is that of the row.
        let leaf = BASE64_STANDARD
            .decode(body["leaf"].as_str().unwrap())
            .unwrap();
        let Leaf::Row(sealed) = Leaf::decode(&leaf).unwrap() else {
            panic!("{body}");
        };
        assert_eq!(
            (
                sealed.chain_id,
                sealed.seq,
                sealed.row_hash,
                sealed.signature
            ),
            (
                stored.position.chain_id,
                stored.position.seq,
                stored.row_hash,
                stored.signature
            )
        );
        // The checkpoint is signed with the log's key, and the log has the leaf.
        let note = Note::parse(body["checkpoint"].as_str().unwrap().as_bytes()).unwrap();
        let checkpoint = Checkpoint::verify(&note, &world.log_key()).unwrap();
        let hashes: Vec<[u8; 32]> = body["hashes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| {
                BASE64_STANDARD
                    .decode(hash.as_str().unwrap())
                    .unwrap()
                    .try_into()
                    .unwrap()
            })
            .collect();
        let index = body["leaf_index"].as_u64().unwrap();
        assert!(is_included(&hashes, &checkpoint, index, leaf_hash(&leaf)));
        let file = TlogProof::parse(body["tlog_proof"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(
            (file.index, file.hashes, file.checkpoint),
            (index, hashes, note)
        );
        let expected = row().by(&officer).resource(stored.entry.id.into());
        world.audited(&answer, expected).await;
    }
}

#[tokio::test]
async fn a_proof_can_refer_to_an_older_checkpoint() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let (first, _) = (read(&world, &ada).await, world.seal().await);
    let (second, _) = (read(&world, &ada).await, world.seal().await);
    let oldest = format!("{}?batch=0", proof_of(&first));
    let answer = officer.get(&oldest).await.expect(200);
    assert_eq!(answer.body["batch"], 0);
    let later = format!("{}?batch=0", proof_of(&second));
    let refused = officer.get(&later).await.problem(409, "conflict");
    let failed = row().by(&officer).resource(second.entry.id.into());
    world.audited(&refused, failed.failed("conflict")).await;
    // A batch beyond the newest is refused, and not answered with the newest.
    for unknown in ["2", "2147483647"] {
        let path = format!("{}?batch={unknown}", proof_of(&first));
        let answer = officer.get(&path).await.problem(422, "invalid");
        assert_eq!(answer.body["errors"][0]["parameter"], "batch", "{unknown}");
        let failed = row().by(&officer).resource(first.entry.id.into());
        world.audited(&answer, failed.failed("invalid")).await;
    }
    for no_number in ["-1", "x", "2147483648"] {
        let path = format!("{}?batch={no_number}", proof_of(&first));
        let answer = officer.get(&path).await.problem(422, "invalid");
        assert_eq!(
            answer.body["errors"][0]["parameter"], "batch",
            "{no_number}"
        );
        let failed = row().by(&officer).failed("invalid");
        world.audited(&answer, failed).await;
    }
    let newest = format!("{}?batch=1", proof_of(&second));
    assert_eq!(officer.get(&newest).await.expect(200).body["batch"], 1);
}

#[tokio::test]
async fn a_proof_and_a_list_refuse_a_batch_that_the_log_does_not_have_in_the_same_words() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let stored = read(&world, &ada).await;
    for sealed in [false, true] {
        if sealed {
            world.seal().await;
        }
        let batch = i32::from(sealed);
        let proof = officer
            .get(&format!("{}?batch={batch}", proof_of(&stored)))
            .await
            .problem(422, "invalid");
        let list = officer
            .get(&format!("/v1/audit-checkpoints?consistent_with={batch}"))
            .await
            .problem(422, "invalid");
        let words = |answer: &Answer| answer.body["errors"][0]["message"].clone();
        assert_eq!(words(&proof), words(&list));
        assert_eq!(
            words(&proof),
            "expected the number of a batch that is in the log"
        );
    }
}

#[tokio::test]
async fn a_row_that_is_not_sealed_or_was_changed_has_no_proof() {
    let world = World::new().await;
    let (ada, officer) = (world.patient("Ada").await, world.officer().await);
    let stored = read(&world, &ada).await;
    let unsealed = officer
        .get(&proof_of(&stored))
        .await
        .problem(409, "conflict");
    assert!(unsealed.text.contains("not sealed"), "{}", unsealed.text);
    world.seal().await;
    officer.get(&proof_of(&stored)).await.expect(200);

    let superuser = world.connect().await;
    superuser
        .batch_execute(
            "set session_replication_role = replica;
             update audit_logs set row_hash = sha256('other') where application = 'get-me'",
        )
        .await
        .unwrap();
    let changed = officer
        .get(&proof_of(&stored))
        .await
        .problem(409, "conflict");
    assert!(changed.text.contains("differs"), "{}", changed.text);
}

#[tokio::test]
async fn only_an_officer_gets_a_proof_and_an_unknown_row_has_none() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let (admin, officer) = (world.admin().await, world.officer().await);
    let stored = read(&world, &ada).await;
    world.seal().await;
    for caller in [&*ada, &*vera, &admin] {
        let answer = caller
            .get(&proof_of(&stored))
            .await
            .problem(403, "forbidden");
        let denied = row().by(caller).resource(stored.entry.id.into());
        world.audited(&answer, denied.denied("forbidden")).await;
    }
    let unknown = Uuid::now_v7();
    let answer = officer
        .get(&format!("/v1/audit-logs/{unknown}/proof"))
        .await
        .problem(404, "not-found");
    let failed = row().by(&officer).resource(unknown);
    world.audited(&answer, failed.failed("not-found")).await;
    officer
        .get("/v1/audit-logs/first/proof")
        .await
        .problem(404, "not-found");
}
