//! Rules for the storage of files: the bucket, its key and its queue, as far as the template
//! declares them.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use crate::none;
use crate::project::PROJECT;
use crate::rights::{actions, list, statements};

/// Returns a resource of the template, or `Null` if it doesn't exist.
fn resource(name: &str) -> &'static Value {
    &PROJECT.deployment["Resources"][name]
}

/// Returns the name of the parameter or resource that `value` refers to.
pub fn referred(value: &Value) -> &str {
    match value {
        Value::Tagged(tagged) => tagged.value.as_str().unwrap_or_default(),
        plain => plain.as_str().unwrap_or_default(),
    }
}

/// Returns the statements of a bucket's policy that deny access for all callers on all objects.
fn denied(policy: &str) -> impl Iterator<Item = Value> + use<> {
    let document = &resource(policy)["Properties"]["PolicyDocument"];
    list(&document["Statement"])
        .into_iter()
        .filter(|statement| statement["Effect"] == "Deny" && statement["Principal"] == "*")
}

#[test]
fn buckets_refuse_public_access_and_plain_http() {
    let mut problems = Vec::new();
    for (name, policy) in [
        ("FilesBucket", "FilesBucketPolicy"),
        ("AuditBucket", "AuditBucketPolicy"),
        ("FilesAccessLogs", "FilesAccessLogsPolicy"),
    ] {
        let properties = &resource(name)["Properties"];
        let block = &properties["PublicAccessBlockConfiguration"];
        for setting in [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ] {
            if block[setting] != Value::Bool(true) {
                problems.push(format!("{name}: {setting}"));
            }
        }
        let owner = &properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"];
        if owner != "BucketOwnerEnforced" {
            problems.push(format!("{name}: ObjectOwnership"));
        }
        let over_tls = denied(policy).any(|statement| {
            actions(&statement) == ["s3:*"]
                && list(&statement["Resource"]).len() == 2
                && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
        });
        if !over_tls {
            problems.push(format!("{policy} allows plain HTTP"));
        }
    }
    none(
        problems,
        "each bucket must block public access, enforce ownership by its owner, and require TLS",
    );
}

#[test]
fn files_and_the_audit_log_are_encrypted_with_the_data_key_alone() {
    let default = |bucket: &str| {
        let encryption = &resource(bucket)["Properties"]["BucketEncryption"];
        &encryption["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    };
    let rules = ["FilesBucket", "AuditBucket"].map(default);
    let with_another = |condition: &Value| {
        let key = "s3:x-amz-server-side-encryption-aws-kms-key-id";
        condition["Null"]["s3:x-amz-server-side-encryption"] == "false"
            && referred(&condition["StringNotEquals"][key]) == "DataKey.Arn"
    };
    let by_the_caller = |condition: &Value| {
        condition["Null"]["s3:x-amz-server-side-encryption-customer-algorithm"] == "false"
    };
    let is_denied = |matches: &dyn Fn(&Value) -> bool| {
        ["FilesBucketPolicy", "AuditBucketPolicy"]
            .iter()
            .all(|policy| {
                denied(policy).any(|statement| {
                    actions(&statement) == ["s3:PutObject"] && matches(&statement["Condition"])
                })
            })
    };
    let key = &resource("DataKey")["Properties"];
    let queue = &resource("UploadFailures")["Properties"];
    let checks = [
        (
            "the default encryption is KMS",
            rules.iter().all(|rule| rule["SSEAlgorithm"] == "aws:kms"),
        ),
        (
            "the default key is the data key",
            rules
                .iter()
                .all(|rule| referred(&rule["KMSMasterKeyID"]) == "DataKey.Arn"),
        ),
        ("other encryption is denied", is_denied(&with_another)),
        ("keys of callers are denied", is_denied(&by_the_caller)),
        (
            "the key rotates",
            key["EnableKeyRotation"] == Value::Bool(true),
        ),
        (
            "the dead-letter queue uses the data key too",
            referred(&queue["KmsMasterKeyId"]) == "DataKey.Arn",
        ),
    ];
    let missing = checks.into_iter().filter(|(_, holds)| !holds);
    none(
        missing.map(|(what, _)| format!("not true: {what}")),
        "see FilesBucket, AuditBucket, their policies, DataKey and UploadFailures in template.yaml",
    );
}

#[test]
fn nothing_stored_is_lost_by_deployment_or_by_rule() {
    let mut problems = Vec::new();
    for name in [
        "FilesBucket",
        "AuditBucket",
        "FilesAccessLogs",
        "DataKey",
        "UploadFailures",
    ] {
        for (policy, kept) in [
            ("DeletionPolicy", "RetainExceptOnCreate"),
            ("UpdateReplacePolicy", "Retain"),
        ] {
            if resource(name)[policy] != kept {
                problems.push(format!("{name}: {policy}"));
            }
        }
    }
    for bucket in ["FilesBucket", "AuditBucket"] {
        let properties = &resource(bucket)["Properties"];
        if properties["VersioningConfiguration"]["Status"] != "Enabled" {
            problems.push(format!("{bucket} keeps no versions"));
        }
        let rules = list(&properties["LifecycleConfiguration"]["Rules"]);
        // A package is a copy, which the function build-exports makes again if somebody asks for it.
        let kept = rules.iter().filter(|rule| rule["Prefix"] != "exports/");
        for rule in kept.filter_map(Value::as_mapping) {
            let names = rule.keys().filter_map(Value::as_str);
            let ending = names.filter(|name| name.contains("Expir"));
            problems.extend(ending.map(|name| format!("{bucket}: {name} deletes objects")));
        }
        let abandoned = rules.iter().any(|rule| {
            rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"].as_u64() == Some(1)
        });
        if !abandoned {
            problems.push(format!("{bucket} keeps the parts of abandoned uploads"));
        }
    }
    none(
        problems,
        "files and their resources must outlive the stack; only packages and abandoned parts may expire",
    );
}

#[test]
fn the_sealed_audit_log_can_be_locked_and_nobody_may_delete_of_it() {
    let properties = &resource("AuditBucket")["Properties"];
    let years = &PROJECT.deployment["Parameters"]["AuditRetentionYears"];
    let allowed = list(&years["AllowedValues"]);
    let days = &PROJECT.deployment["Mappings"]["AuditRetention"];
    let is_denied = |action: &str| {
        denied("AuditBucketPolicy").any(|statement| {
            actions(&statement).iter().any(|denied| denied == action)
                && statement["Condition"].is_null()
        })
    };
    let mut problems = Vec::new();
    if properties["ObjectLockEnabled"] != Value::Bool(true) {
        problems.push("AuditBucket has no Object Lock".to_owned());
    }
    if !properties["ObjectLockConfiguration"].is_null() {
        problems.push("AuditBucket has a default retention, which its writer must set".to_owned());
    }
    for action in [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "s3:DeleteBucket",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
    ] {
        if !is_denied(action) {
            problems.push(format!("AuditBucketPolicy allows {action}"));
        }
    }
    let by_others = denied("AuditBucketPolicy").any(|statement| {
        let exempt = &statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"];
        actions(&statement) == ["s3:DeleteObjectVersion"]
            && referred(&statement["Resource"]).ends_with("/archive/*")
            && matches!(exempt, Value::Tagged(tagged) if tagged.value[0] == "DeletesAuditArchives")
    });
    if !by_others {
        problems
            .push("AuditBucketPolicy lets others than archive-audit delete archives".to_owned());
    }
    for years in &allowed {
        let years = years.as_u64().unwrap_or_default();
        if years < 6 || days[years.to_string().as_str()]["Days"].as_u64() != Some(years * 365) {
            problems.push(format!(
                "{years} years: at least 6, with its days in Mappings"
            ));
        }
    }
    let is_enforced = denied("AuditBucketPolicy").any(|statement| {
        !statement["Condition"]["NumericLessThan"]["s3:object-lock-remaining-retention-days"]
            .is_null()
    });
    if !is_enforced || allowed.is_empty() {
        problems
            .push("AuditBucketPolicy allows a shorter lock than AuditRetentionYears".to_owned());
    }
    none(
        problems,
        "the audit log is kept for at least six years (45 CFR 164.316(b)(2)(i))",
    );
}

#[test]
fn only_pages_of_the_allowed_origin_may_call_and_upload() {
    let api = &resource("Api")["Properties"]["CorsConfiguration"]["AllowOrigins"];
    let files = &resource("FilesBucket")["Properties"]["CorsConfiguration"]["CorsRules"];
    let mut problems = Vec::new();
    for (what, origins) in [("Api", api), ("FilesBucket", &files[0]["AllowedOrigins"])] {
        let origins = list(origins);
        if origins.iter().map(referred).ne(["AllowedOrigin"]) {
            problems.push(format!("{what}: {origins:?}"));
        }
    }
    if list(files).len() != 1 {
        problems.push(
            "FilesBucket must have exactly one CORS rule, because the local S3 supports one".into(),
        );
    }
    none(problems, "allow only !Ref AllowedOrigin");
}

/// The calls of the SDK in `files`, and the right that S3 requires for each.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
const CALLS: &[(&str, &str)] = &[
    ("abort_multipart_upload", "s3:AbortMultipartUpload"),
    ("complete_multipart_upload", "s3:PutObject"),
    ("create_multipart_upload", "s3:PutObject"),
    // The code always names the version.
    ("delete_object", "s3:DeleteObjectVersion"),
    ("get_object", "s3:GetObject"),
    ("get_object_tagging", "s3:GetObjectTagging"),
    ("head_object", "s3:GetObject"),
    ("list_object_versions", "s3:ListBucketVersions"),
    ("list_objects_v2", "s3:ListBucket"),
    ("list_parts", "s3:ListMultipartUploadParts"),
    ("put_object", "s3:PutObject"),
    ("put_object_tagging", "s3:PutObjectTagging"),
    ("upload_part", "s3:PutObject"),
];

#[test]
fn only_the_jobs_of_retention_may_delete_objects() {
    let others = PROJECT
        .functions
        .iter()
        .filter(|function| !["apply-retention", "archive-audit"].contains(&function.name()));
    let may_delete = others.flat_map(|function| {
        let rights = statements(function).flat_map(|statement| actions(&statement));
        rights
            .filter(|action| action.starts_with("s3:Delete"))
            .map(|action| format!("{}: {action}", function.name()))
    });
    none(
        may_delete,
        "archive the file: apply-retention deletes its object after the retention, and archive-audit months of the audit log",
    );
}

const OF_VERSIONS: [&str; 3] = [
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectVersionTagging",
];

#[test]
fn every_right_on_s3_is_used_and_every_call_has_its_right() {
    let folders = ["shared/files/src", "shared/transparency-log/src/store"];
    let files = folders
        .iter()
        .flat_map(|folder| PROJECT.files(folder, ".rs"));
    let sources: String = files
        .map(|path| PROJECT.text(&path.to_string_lossy()))
        .collect();
    let called = |call: &str| sources.contains(&format!(".{call}()"));
    let granted: BTreeSet<String> = PROJECT
        .functions
        .iter()
        .flat_map(statements)
        .flat_map(|statement| actions(&statement))
        .filter(|action| action.starts_with("s3:"))
        .collect();
    let mut used: BTreeSet<String> = CALLS
        .iter()
        .filter(|(call, _)| called(call))
        .map(|(_, right)| (*right).to_owned())
        .collect();
    // The same right for a version, if the code names one.
    if sources.contains("version_id(") {
        used.extend(OF_VERSIONS.map(str::to_owned));
    }
    // To lock an object when it is stored is a right of its own.
    if sources.contains(".object_lock_mode(") {
        used.insert("s3:PutObjectRetention".to_owned());
    }
    let unused = granted
        .difference(&used)
        .map(|right| format!("nothing uses {right}"));
    let missing = used
        .difference(&granted)
        .map(|right| format!("no function has {right}"));
    none(
        unused.chain(missing),
        "template.yaml must grant exactly the rights that files and transparency-log use; add new calls to CALLS",
    );
}
