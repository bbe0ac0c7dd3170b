//! The checkpoint that `seal-audit` sends by e-mail each day.

use std::path::Path;
use std::process::Output;

use chrono::Utc;
use tests::calls::Calls;
use tests::prelude::*;
use tests::sealed_log::*;
use tokio::process::Command;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{CHECKPOINT, read_note, sent_key};
use verify::Kept;

async fn read(ada: &Patient) {
    ada.get(&format!("/v1/patients/{}", ada.id))
        .await
        .expect(200);
}

fn today() -> String {
    Utc::now().date_naive().to_string()
}

/// Runs the auditor's program on this world's log with a checkpoint that came by e-mail.
async fn verify_with(world: &World, mail: &Path) -> Output {
    let program = local_cloud::workspace::binaries().join("caretrail-verify");
    let credentials = world.cloud.credentials();
    Command::new(program)
        .env_remove("DATABASE_URL")
        .env("AWS_ACCESS_KEY_ID", &credentials.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
        .args(["--bucket", local_cloud::cloud::AUDIT_BUCKET])
        .args(["--endpoint", &world.cloud.objects().url()])
        .args(["--key", &world.log_key().to_string()])
        .args(["--require", "authenticity,freshness"])
        .args(["--checkpoint", mail.to_str().unwrap()])
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_first_run_of_a_day_sends_a_checkpoint_that_the_verifier_accepts_as_it_came() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    read(&ada).await;
    world.seal().await;
    let mails = world.checkpoint_mails();
    assert_eq!(mails.len(), 1);
    let kept = Kept::open(&mails[0]).unwrap();
    let newest = read_note(&world.log_store(), CHECKPOINT).await.unwrap();
    assert_eq!(Some(&kept.note), newest.as_ref());
    // The bucket has what was sent.
    let sent = read_note(&world.log_store(), &sent_key(&today())).await;
    assert_eq!(sent.unwrap(), Some(kept.note));

    // Later runs of the day send nothing, also those of another environment.
    read(&ada).await;
    world.seal().await;
    world.restart("seal-audit").await;
    read(&ada).await;
    world.seal().await;
    assert_eq!(world.checkpoint_mails().len(), 1);

    let accepted = verify_with(&world, &mails[0]).await;
    assert_eq!(accepted.status.code(), Some(0), "{accepted:?}");
    // A log that was rewritten since contradicts the e-mail.
    let mail = std::fs::read_to_string(&mails[0]).unwrap();
    let checkpoint = Checkpoint::parse(newest.unwrap().text()).unwrap();
    let root = checkpoint.to_string().lines().nth(2).unwrap().to_owned();
    let other = Checkpoint {
        root: [7; 32],
        ..checkpoint
    };
    let other = other.to_string().lines().nth(2).unwrap().to_owned();
    let changed = world.folder().join("changed.eml");
    std::fs::write(&changed, mail.replace(&root, &other)).unwrap();
    let refused = verify_with(&world, &changed).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

#[tokio::test]
async fn a_checkpoint_is_sent_again_on_the_next_day_and_if_it_is_unknown_whether_it_was_sent() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    read(&ada).await;
    world.seal().await;
    let move_sent = |to: &str| {
        let s3 = world.folder().join("s3");
        for folder in [s3.clone(), s3.join(".versions")] {
            let bucket = folder.join(local_cloud::cloud::AUDIT_BUCKET);
            let [from, to] = [today(), to.to_owned()].map(|day| bucket.join(sent_key(&day)));
            std::fs::rename(from, to).unwrap();
        }
    };
    // As if it was sent on another day.
    move_sent("2020-01-01");
    world.restart("seal-audit").await;
    world.seal().await;
    assert_eq!(world.checkpoint_mails().len(), 2);
    // As if the sealer ended before it kept what it sent.
    move_sent("2020-01-02");
    world.restart("seal-audit").await;
    world.seal().await;
    world.seal().await;
    assert_eq!(world.checkpoint_mails().len(), 3);
}

#[tokio::test]
async fn a_topic_that_fails_raises_an_alarm_and_sealing_goes_on() {
    let calls = Calls::new().await;
    let world = World::with(Setup {
        environment: [("AWS_ENDPOINT_URL_SNS".to_owned(), calls.url())].into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    for failed in 1..=2 {
        read(&ada).await;
        world.seal().await;
        assert_eq!(world.sealer_lines(NOT_SENT), failed);
    }
    calls.lead_to(&world.cloud.topics_url());
    world.seal().await;
    assert_eq!(world.checkpoint_mails().len(), 1);
    assert_eq!(world.sealer_lines(NOT_SENT), 2);
}

#[tokio::test]
async fn an_installation_without_topic_sends_nothing() {
    let world = World::with(Setup {
        environment: [("CHECKPOINT_TOPIC".to_owned(), String::new())].into(),
        ..Setup::default()
    })
    .await;
    let ada = world.patient("Ada").await;
    read(&ada).await;
    world.seal().await;
    assert_eq!(world.checkpoint_mails().len(), 0);
    assert_eq!(world.sealer_lines(NOT_SENT), 0);
}

/// Amazon SNS and SQS, as an emulator of AWS at the URL in `AWS_EMULATOR` has them. `tests/transparency/run` starts one.
mod emulated {
    use aws::{Credentials, Service};
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn service(name: &'static str) -> Service {
        Service {
            url: std::env::var("AWS_EMULATOR").unwrap(),
            region: "us-east-1".to_owned(),
            name,
            credentials: Credentials::new("test", "test", None, None, "test"),
        }
    }

    #[tokio::test]
    #[ignore = "needs an emulator of AWS"]
    async fn a_subscriber_of_the_topic_gets_a_checkpoint_that_the_verifier_accepts() {
        let name = format!("checkpoints-{}", Uuid::new_v4());
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{name}");
        let queue = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
        let (sns, sqs) = (service("sns"), service("sqs"));
        let version = ("Version", "2010-03-31");
        sns.submit(&[("Action", "CreateTopic"), version, ("Name", &name)])
            .await
            .unwrap();
        let policy = json!({"Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": queue,
        }]});
        let created: Value = sqs
            .call(
                "AmazonSQS.CreateQueue",
                &json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}}),
            )
            .await
            .unwrap();
        sns.submit(&[
            ("Action", "Subscribe"),
            version,
            ("TopicArn", &topic),
            ("Protocol", "sqs"),
            ("Endpoint", &queue),
        ])
        .await
        .unwrap();

        let environment = [
            ("AWS_ENDPOINT_URL_SNS".to_owned(), sns.url.clone()),
            ("CHECKPOINT_TOPIC".to_owned(), topic),
        ];
        let world = World::with(Setup {
            environment: environment.into(),
            ..Setup::default()
        })
        .await;
        let ada = world.patient("Ada").await;
        read(&ada).await;
        world.seal().await;
        assert_eq!(world.sealer_lines(NOT_SENT), 0);
        let received: Value = sqs
            .call(
                "AmazonSQS.ReceiveMessage",
                &json!({"QueueUrl": created["QueueUrl"], "WaitTimeSeconds": 5}),
            )
            .await
            .unwrap();
        let body = received["Messages"][0]["Body"].as_str().unwrap();
        let notification: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            notification["Subject"],
            format!("Audit log checkpoint of {}", today())
        );
        let message = notification["Message"].as_str().unwrap();
        let text = BASE64_STANDARD.encode(message.replace('\n', "\r\n"));
        let mail = world.folder().join("checkpoint.eml");
        let head = "Subject: Checkpoint\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\n";
        std::fs::write(&mail, format!("{head}{text}\r\n")).unwrap();
        let accepted = verify_with(&world, &mail).await;
        assert_eq!(accepted.status.code(), Some(0), "{accepted:?}");
    }
}
