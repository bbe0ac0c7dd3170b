//! S3 with Object Lock and KMS, as an emulator of AWS at the URL in `AWS_EMULATOR` has them. `tests/transparency/run`
//! starts one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws::{Credentials, Service};
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::types::ObjectLockMode;
use aws_sdk_s3::{Client, Config};
use aws_smithy_http_client::Builder;
use serde::Deserialize;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::log::{
    BATCHES, CHECKPOINT, Fault, Log, batch_key, checkpoint_key, read_batch, read_note, replaced,
};
use transparency_log::proof::{inclusion, is_included};
use transparency_log::signer::{KmsSigner, Signer};
use transparency_log::store::{Creation, ObjectStore, S3};
use transparency_log::tree::leaf_hash;

use crate::samples::{ORIGIN, YEARS, leaves, run};

const REGION: &str = "us-east-1";

fn url() -> String {
    std::env::var("AWS_EMULATOR").unwrap()
}

fn credentials() -> Credentials {
    Credentials::from_keys("test", "test", None)
}

/// A new bucket with Object Lock: a client, its name, and the store in it.
async fn bucket(name: &str) -> (Client, String, Arc<S3>) {
    let settings = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .endpoint_url(url())
        .force_path_style(true)
        .http_client(Builder::new().build_http());
    let client = Client::from_conf(settings.build());
    let bucket = format!("{name}-{}", uuid::Uuid::new_v4());
    let create = client.create_bucket().bucket(&bucket);
    create
        .object_lock_enabled_for_bucket(true)
        .send()
        .await
        .unwrap();
    let store = S3::new(
        bucket.clone(),
        "audit/".to_owned(),
        REGION.to_owned(),
        Some(url()),
        credentials(),
        true,
    );
    (client, bucket, Arc::new(store))
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "KeyMetadata")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "KeyId")]
    key_id: String,
}

async fn kms_key() -> KmsSigner {
    let service = || Service {
        url: url(),
        region: REGION.to_owned(),
        name: "kms",
        credentials: credentials(),
    };
    let question = BTreeMap::from([
        ("KeySpec", "ECC_NIST_EDWARDS25519"),
        ("KeyUsage", "SIGN_VERIFY"),
    ]);
    let created: Created = service()
        .call("TrentService.CreateKey", &question)
        .await
        .unwrap();
    KmsSigner::new(service(), created.metadata.key_id)
        .await
        .unwrap()
}

#[test]
#[ignore = "needs an emulator of AWS"]
fn a_log_in_s3_with_a_key_in_kms_is_sealed_locked_and_proven() {
    run(async {
        let (client, bucket, store) = bucket("sealed").await;
        let signer = Arc::new(kms_key().await);
        let log = Log::new(store.clone(), signer.clone(), ORIGIN, YEARS).unwrap();
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_micros() as u64;
        let mut tip = log.recover().await.unwrap();
        for round in 0..3 {
            let batch = tip.next(now, round, leaves(round, 200)).unwrap();
            tip = log.publish(&tip, batch).await.unwrap().tip().clone();
        }
        // Another environment of the function finds the same end.
        let other = Log::new(store.clone(), signer, ORIGIN, YEARS).unwrap();
        assert_eq!(other.recover().await.unwrap(), tip);

        let note = read_note(&*store, CHECKPOINT).await.unwrap().unwrap();
        let checkpoint = Checkpoint::verify(&note, log.key()).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (600, tip.tree().root()));
        let batch = read_batch(&*store, 1).await.unwrap().unwrap();
        let (index, leaf) = batch.entries().nth(3).unwrap();
        let proof = inclusion(&*store, &checkpoint, index).await.unwrap();
        assert!(is_included(&proof, &checkpoint, index, leaf_hash(leaf)));

        for key in [batch_key(2), checkpoint_key(2), "tile/0/001".to_owned()] {
            let head = client
                .head_object()
                .bucket(&bucket)
                .key(format!("audit/{key}"));
            let head = head.send().await.unwrap();
            assert_eq!(
                head.object_lock_mode(),
                Some(&ObjectLockMode::Compliance),
                "{key}"
            );
            let until = head.object_lock_retain_until_date().unwrap().secs();
            assert_eq!(until as u64, now / 1_000_000 + YEARS.as_secs(), "{key}");
        }
        for key in [CHECKPOINT, "tile/0/002.p/88"] {
            let head = client
                .head_object()
                .bucket(&bucket)
                .key(format!("audit/{key}"));
            assert_eq!(head.send().await.unwrap().object_lock_mode(), None, "{key}");
        }
    });
}

#[test]
#[ignore = "needs an emulator of AWS"]
fn objects_in_s3_are_created_once_replaced_by_tag_and_listed_in_order() {
    run(async {
        let (_, _, store) = bucket("objects").await;
        assert_eq!(store.get("a").await.unwrap(), None);
        let until = Some(SystemTime::now() + Duration::from_secs(60));
        assert_eq!(
            store.create("a", "1".into(), until).await.unwrap(),
            Creation::Created
        );
        assert_eq!(
            store.create("a", "2".into(), until).await.unwrap(),
            Creation::Exists
        );
        assert_eq!(store.get("a").await.unwrap().unwrap().bytes, "1");

        store.put("b/1", "3".into()).await.unwrap();
        let third = store.get("b/1").await.unwrap().unwrap();
        assert!(store.replace("b/1", &third.tag, "4".into()).await.unwrap());
        assert!(!store.replace("b/1", &third.tag, "5".into()).await.unwrap());
        assert_eq!(store.get("b/1").await.unwrap().unwrap().bytes, "4");

        assert!(
            !store
                .replace("absent", &third.tag, "5".into())
                .await
                .unwrap()
        );

        store.put("b/2", "6".into()).await.unwrap();
        assert_eq!(store.list("b/", None).await.unwrap(), ["b/1", "b/2"]);
        assert_eq!(store.list("b/", Some("b/1")).await.unwrap(), ["b/2"]);
        assert_eq!(store.list("b/", Some("b/2")).await.unwrap().len(), 0);
    });
}

#[test]
#[ignore = "needs an emulator of AWS"]
fn a_batch_in_s3_that_was_overwritten_or_hidden_is_named() {
    run(async {
        let (client, bucket, store) = bucket("tampered").await;
        for number in 0..3 {
            let key = batch_key(number);
            store.create(&key, "a batch".into(), None).await.unwrap();
        }
        assert_eq!(replaced(&*store, BATCHES).await.unwrap(), None);

        let hidden = format!("audit/{}", batch_key(2));
        client
            .delete_object()
            .bucket(&bucket)
            .key(hidden)
            .send()
            .await
            .unwrap();
        assert_eq!(store.get(&batch_key(2)).await.unwrap(), None);
        let found = replaced(&*store, BATCHES).await.unwrap();
        assert_eq!(found, Some((batch_key(2), Fault::Replaced)));

        store
            .put(&batch_key(1), "another batch".into())
            .await
            .unwrap();
        let found = replaced(&*store, BATCHES).await.unwrap();
        assert_eq!(found, Some((batch_key(1), Fault::Replaced)));
    });
}

#[test]
#[ignore = "needs an emulator of AWS"]
fn a_key_in_kms_signs_as_its_public_key_verifies() {
    run(async {
        let signer = kms_key().await;
        let signature = signer.sign(b"a message").await.unwrap();
        aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            signer.public_key(),
        )
        .verify(b"a message", &signature)
        .unwrap();
        assert_eq!(signer.sign(b"a message").await.unwrap(), signature);
    });
}
