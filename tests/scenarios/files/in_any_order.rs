//! Events that arrive twice, late or in any order, and functions that are killed: the final state
//! is always the same.

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tests::passage::Passage;
use tests::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::process_scan_result::{guarded, guarding, result, tag};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Uploaded,
    Scanned,
    Schedule,
}

fn uploaded(owner: Uuid, id: Uuid) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2030-01-07T09:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "EXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"}, "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": "caretrail-files", "ownerIdentity": {"principalId": "EXAMPLE"},
                "arn": "arn:aws:s3:::caretrail-files"},
            "object": {"key": format!("files/{owner}/{id}"), "size": 1, "sequencer": "00"}
        }
    }]})
}

fn state(status: &str, reason: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), reason.map(str::to_owned))
}

#[tokio::test]
async fn reordered_and_repeated_events_lead_to_one_state() {
    let world = guarded("block").await;
    let ada = world.patient("Ada").await;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let sequences = (1..4_usize, 1..3_usize, 0..3_usize)
        .prop_map(|(uploads, scans, schedules)| {
            [
                vec![Event::Uploaded; uploads],
                vec![Event::Scanned; scans],
                vec![Event::Schedule; schedules],
            ]
            .concat()
        })
        .prop_shuffle();
    let sound = (files::PDF, "sound");
    let unsound = (&b"no PDF"[..], "unsound");
    for (bytes, result_, expected) in [
        (sound, "NO_THREATS_FOUND", state("AVAILABLE", None)),
        (
            sound,
            "THREATS_FOUND",
            state("QUARANTINED", Some("malware")),
        ),
        (
            unsound,
            "NO_THREATS_FOUND",
            state("REJECTED", Some("type-mismatch")),
        ),
        (
            unsound,
            "THREATS_FOUND",
            state("QUARANTINED", Some("malware")),
        ),
    ] {
        let tag = tag(&world, bytes.0).await;
        for _ in 0..8 {
            let sequence: Vec<Event> = sequences.new_tree(&mut runner).unwrap().current();
            let (id, _) = world.announced(&ada, "application/pdf", bytes.0).await;
            world.put_unseen(ada.user, id, bytes.0);
            // The file is overdue, so the schedule processes it too.
            world
                .sql(
                    "update file_metadata set expires_at = now() - interval '1 hour' where id = $1",
                    &[&id],
                )
                .await;
            for event in &sequence {
                let invoked = match event {
                    Event::Scanned => {
                        result(&world, ada.user, id, &tag, result_).await;
                        continue;
                    }
                    Event::Uploaded => ("process-upload", uploaded(ada.user, id)),
                    Event::Schedule => ("expire-uploads", json!({})),
                };
                world.cloud.invoke(invoked.0, &invoked.1).await.unwrap();
            }
            assert_eq!(
                world.file_state(id).await,
                expected,
                "{} {result_} {sequence:?}",
                bytes.1
            );
        }
    }
    world.verify_chains().await;
}

/// Starts a scanner that accepts everything and answers OK only when it is released.
async fn patient_scanner() -> (String, watch::Sender<bool>, watch::Receiver<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (allow, allowed) = watch::channel(false);
    let (asked, seen) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut allowed = allowed.clone();
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                let mut buffer = [0; 4096];
                while !taken.ends_with(&[0; 4]) {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => taken.extend_from_slice(&buffer[..count]),
                    }
                }
                asked.send_modify(|count| *count += 1);
                if allowed.wait_for(|allowed| *allowed).await.is_ok() {
                    let _ = stream.write_all(b"stream: OK\0").await;
                }
            });
        }
    });
    (address, allow, seen)
}

/// Kills the process-upload of this world, as the loss of a machine would.
fn kill(world: &World) {
    let ours = std::process::id().to_string();
    let mut killed = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let is_it = fs::read_link(path.join("exe"))
            .is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "process-upload"));
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        let is_ours = status
            .lines()
            .any(|line| line.strip_prefix("PPid:").map(str::trim) == Some(&ours));
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let of_world = String::from_utf8_lossy(&environment).contains(&world.cloud.secrets_url());
        if is_it && is_ours && of_world {
            let pid = entry.file_name().into_string().unwrap();
            let status = Command::new("kill").args(["-KILL", &pid]).status();
            assert!(status.unwrap().success());
            killed += 1;
        }
    }
    assert_eq!(killed, 1, "one process of this world");
}

async fn waits_for_the_row(world: &World) {
    eventually("process-upload waits for the row", async || {
        let waiting = world
            .sql(
                "select from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'",
                &[],
            )
            .await;
        !waiting.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_replacement_during_the_inspection_is_not_made_available() {
    let (address, allow, mut asked) = patient_scanner().await;
    let world = World::with(Setup {
        environment: [("CLAMD_ADDRESS".to_owned(), address)].into(),
        instances: 3,
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    let (id, _) = world.announced(&ada, "text/plain", b"announced").await;
    world.put_unseen(ada.user, id, b"announced");
    let event = uploaded(ada.user, id);
    let deliver = || world.cloud.invoke("process-upload", &event);
    let (first, second, ()) = tokio::join!(deliver(), deliver(), async {
        asked.wait_for(|count| *count == 2).await.unwrap();
        // Both invocations have read the announced object. A third one reads the other object.
        let other = world.put_unseen(ada.user, id, b"announceD");
        let (third, ()) = tokio::join!(deliver(), async {
            eventually("the third has taken the row", async || {
                world.file_version(id).await.as_deref() == Some(&*other)
            })
            .await;
            allow.send_replace(true);
        });
        third.unwrap();
    });
    first.unwrap();
    second.unwrap();
    assert_eq!(
        world.file_state(id).await,
        state("REJECTED", Some("checksum-mismatch"))
    );
    world.verify_chains().await;
}

#[tokio::test]
async fn a_replacement_during_the_scan_is_inspected_before_it_becomes_available() {
    let passage = Passage::new().await;
    let mut setup = guarding("allow");
    let endpoint = ("S3_ENDPOINT".to_owned(), passage.url());
    setup.environment.extend([endpoint]);
    let world = World::with(setup).await;
    passage.lead_to(&world.cloud.objects().url());
    let ada = world.patient("Ada").await;
    let (text, other) = (vec![b'a'; 3 * 1024 * 1024], vec![b'b'; 3 * 1024 * 1024]);
    let id = world.uploaded(&ada, "text/plain", &text).await;
    let waiting = state("SCANNING", Some("awaiting-scan"));
    assert_eq!(world.file_state(id).await, waiting);

    // The other object is taken up, and reading it breaks off.
    world.put_unseen(ada.user, id, &other);
    passage.break_after(1024 * 1024);
    let event = uploaded(ada.user, id);
    world
        .cloud
        .invoke("process-upload", &event)
        .await
        .unwrap_err();
    passage.mend();
    let tag = tag(&world, &other).await;
    result(&world, ada.user, id, &tag, "NO_THREATS_FOUND").await;
    assert_eq!(world.file_state(id).await, state("SCANNING", None));

    let age = "update file_metadata set upload_date = now() - interval '21 minutes' where id = $1";
    world.sql(age, &[&id]).await;
    world.expire_uploads().await;
    assert_eq!(
        world.file_state(id).await,
        state("REJECTED", Some("checksum-mismatch"))
    );
    world.verify_chains().await;
}

#[tokio::test]
async fn after_a_kill_at_any_step_the_next_delivery_completes_the_work() {
    for step in ["taking", "reading", "concluding"] {
        let (address, allow, mut asked) = patient_scanner().await;
        let world = World::with(Setup {
            environment: [("CLAMD_ADDRESS".to_owned(), address)].into(),
            ..Setup::default()
        })
        .await;
        let ada = world.patient("Ada").await;
        let (id, upload) = world.announced(&ada, "application/pdf", files::PDF).await;
        let holder = world.connect().await;
        let hold = format!("begin; select from file_metadata where id = '{id}' for update");
        if step == "taking" {
            holder.batch_execute(&hold).await.unwrap();
        }
        assert_eq!(ada.upload(&upload, files::PDF).await, 200);
        match step {
            "taking" => waits_for_the_row(&world).await,
            _ => {
                asked.wait_for(|count| *count == 1).await.unwrap();
                assert_eq!(world.file_state(id).await.0, "SCANNING");
            }
        }
        if step == "concluding" {
            holder.batch_execute(&hold).await.unwrap();
            allow.send_replace(true);
            waits_for_the_row(&world).await;
        }
        kill(&world);
        if step != "reading" {
            holder.batch_execute("rollback").await.unwrap();
        }
        allow.send_replace(true);
        world.cloud.settled().await;
        assert_eq!(
            world.file_state(id).await,
            state("AVAILABLE", None),
            "{step}"
        );
        assert!(world.cloud.dead_letters().is_empty(), "{step}");
        world.verify_chains().await;
    }
}
