//! A dependency gives a right: to open a connection, to use S3, to know another crate. These tests
//! limit who has which.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;

use crate::none;
use crate::project::{Function, PROJECT};
use crate::storage::referred;

#[test]
fn no_function_opens_its_own_connection() {
    // The crate `database` is in the list, because it hands out connections of its pool.
    let drivers = [
        "database",
        "tokio-postgres",
        "deadpool-postgres",
        "postgres",
        "sqlx",
    ];
    none(
        PROJECT.functions.iter().flat_map(|function| {
            let used = drivers
                .iter()
                .filter(|driver| function.package.dependencies.contains(**driver));
            used.map(|driver| format!("{} depends on {driver}", function.name()))
        }),
        "use Access of the crate api: only its commit writes the audit row",
    );
}

#[test]
fn no_crate_depends_on_a_function() {
    let functions: BTreeSet<_> = PROJECT.functions.iter().map(Function::name).collect();
    // One describes all functions, the other checks the plans of their statements. Neither is deployed.
    let may = ["openapi-document", "tests"];
    let others = PROJECT
        .packages
        .iter()
        .filter(|package| !may.contains(&package.name.as_str()));
    none(
        others.flat_map(|package| {
            let used = package
                .dependencies
                .iter()
                .filter(|name| functions.contains(name.as_str()));
            used.map(|name| format!("{} depends on {name}", package.name))
        }),
        "move the code that both need into shared",
    );
}

/// The crates of shared/, each with those that it may know. A crate knows only crates below it in the
/// picture of ARCHITECTURE.md, which come before it in this table.
const SHARED: [(&str, &[&str]); 22] = [
    ("settings", &[]),
    ("sql", &[]),
    ("errors", &[]),
    ("https", &[]),
    ("aws", &["https", "settings"]),
    ("secrets", &["aws", "settings"]),
    ("transparency-log", &["aws"]),
    ("identity", &["https"]),
    ("parsing", &["errors"]),
    ("database", &["errors", "settings", "sql"]),
    ("domain", &["errors", "parsing", "sql"]),
    ("fhir", &["domain", "parsing", "sql"]),
    ("chart-export", &["domain", "fhir", "sql"]),
    ("letters", &["domain", "errors", "sql"]),
    ("audit", &["domain", "errors", "sql"]),
    ("audit-archive", &["audit", "domain", "transparency-log"]),
    (
        "api",
        &[
            "audit", "database", "domain", "errors", "identity", "parsing", "secrets", "settings",
            "sql",
        ],
    ),
    ("business-events", &["api", "domain", "settings", "sql"]),
    (
        "webhooks",
        &[
            "api", "domain", "errors", "https", "parsing", "secrets", "settings", "sql",
        ],
    ),
    (
        "custom-data",
        &["api", "domain", "errors", "parsing", "sql"],
    ),
    (
        "sealed-log",
        &[
            "api",
            "audit",
            "audit-archive",
            "domain",
            "errors",
            "settings",
            "sql",
            "transparency-log",
        ],
    ),
    (
        "files",
        &["api", "domain", "errors", "parsing", "settings", "sql"],
    ),
];

#[test]
fn a_shared_crate_knows_only_crates_below_it() {
    let ours: BTreeSet<_> = PROJECT
        .packages
        .iter()
        .map(|package| &package.name)
        .collect();
    let mut problems = Vec::new();
    for package in PROJECT
        .packages
        .iter()
        .filter(|package| package.folder.starts_with("shared"))
    {
        let Some((_, known)) = SHARED.iter().find(|(name, _)| *name == package.name) else {
            problems.push(format!("{} is not in the table of this test", package.name));
            continue;
        };
        let known_of_ours = package
            .dependencies
            .iter()
            .filter(|name| ours.contains(name));
        // For its tests, a crate may depend on itself with all features.
        let surplus =
            known_of_ours.filter(|name| **name != package.name && !known.contains(&name.as_str()));
        problems.extend(surplus.map(|name| format!("{} depends on {name}", package.name)));
    }
    none(
        problems,
        "move what both need into a crate below them in the picture of ARCHITECTURE.md. Give a new crate its row in \
         SHARED (tests/tidy/rights.rs)",
    );
}

/// The crates that use a bucket, with the variable and the parameter that name it.
const BUCKETS: [(&[&str], &str, &str); 2] = [
    (&["files"], "FILES_BUCKET", "FilesBucketName"),
    (
        &["sealed-log", "transparency-log"],
        "AUDIT_BUCKET",
        "AuditBucketName",
    ),
];

#[test]
fn a_function_has_rights_on_a_bucket_if_and_only_if_it_depends_on_its_crate() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        for (crates, variable, parameter) in BUCKETS {
            let dependencies = &function.package.dependencies;
            let depends = crates.iter().any(|name| dependencies.contains(*name));
            let may = statements(function).any(|statement| {
                let of_s3 = actions(&statement)
                    .iter()
                    .any(|action| action.starts_with("s3:"));
                let resources = list(&statement["Resource"]);
                of_s3
                    && resources
                        .iter()
                        .any(|resource| referred(resource).contains(parameter))
            });
            let told = function
                .deployed()
                .is_some_and(|deployed| deployed.environment.contains_key(variable));
            if depends != may || depends != told {
                problems.push(format!(
                    "{}: depends on {crates:?}: {depends}; s3 rights: {may}; {variable}: {told}",
                    function.name()
                ));
            }
        }
    }
    none(
        problems,
        "a function that uses a bucket has the dependency, an S3 statement for it in template.yaml and its variable; \
         any other function has none of them",
    );
}

#[test]
fn iam_statements_name_their_actions_and_resources() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        for statement in statements(function) {
            let sid = statement["Sid"].as_str().unwrap_or("(no Sid)").to_owned();
            let wide = actions(&statement)
                .iter()
                .any(|action| action.contains('*'));
            if wide || sid == "(no Sid)" || statement["Resource"].as_str() == Some("*") {
                problems.push(format!("{}: {sid}", function.name()));
            }
        }
    }
    none(
        problems,
        "give the statement a Sid, actions without wildcards and a specific resource",
    );
}

#[test]
fn every_variable_that_a_function_reads_is_declared() {
    let declared: BTreeSet<_> = PROJECT
        .template
        .functions
        .iter()
        .flat_map(|function| function.environment.keys().cloned())
        .collect();
    let secret = &PROJECT.deployment["Parameters"]["SecretPrefix"]["Description"];
    let is_secret = |name: &str| secret.as_str().is_some_and(|text| text.contains(name));
    let mut problems = Vec::new();
    let folders = ["shared", "functions"];
    for path in folders
        .iter()
        .flat_map(|folder| PROJECT.files(folder, ".rs"))
    {
        let source = PROJECT.text(&path.to_string_lossy());
        for reader in [
            "required(\"",
            "optional(\"",
            "flag(\"",
            "number(\"",
            "from_env(\"",
        ] {
            for name in source
                .split(reader)
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
            {
                let is_variable = !name.is_empty()
                    && name.bytes().all(|byte| {
                        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
                    });
                if is_variable
                    && !name.starts_with("AWS_")
                    && !declared.contains(name)
                    && !is_secret(name)
                {
                    problems.push(format!("{} reads {name}", path.display()));
                }
            }
        }
    }
    none(
        problems,
        "declare it in template.yaml, in Globals or at the function, or name it in the description of SecretPrefix: \
         functions get only declared variables and the members of their secret",
    );
}

#[test]
fn a_function_may_read_the_secret_of_its_own_login_and_no_other() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let login = match function.described() {
            Some(described) if described.endpoint.routes().next().is_none() => Some("jobs"),
            Some(_) => Some("people"),
            None if function.name() == "health" => Some("health"),
            None if function.is_unaudited() => Some("sealer"),
            None => None,
        };
        let named = function
            .deployed()
            .and_then(|deployed| deployed.environment.get("SECRET_ID")?.clone());
        let policies: Vec<_> = policies(function)
            .map(|policy| referred(&policy).to_owned())
            .filter(|name| name.ends_with("SecretPolicy"))
            .collect();
        let fits = match login {
            Some(login) => {
                let policy = login[..1].to_uppercase() + &login[1..] + "SecretPolicy";
                policies == [policy] && named == Some(format!("caretrail/{login}"))
            }
            None => policies.is_empty(),
        };
        if !fits {
            problems.push(format!("{}: {named:?}, {policies:?}", function.name()));
        }
    }
    none(
        problems,
        "give the function SECRET_ID and the policy for the secret of its login; without caller and database it has no \
         policy",
    );
}

#[test]
fn a_function_with_a_role_has_no_policies_that_sam_would_ignore() {
    let functions = PROJECT.deployment["Resources"].as_mapping().unwrap();
    let both = functions.iter().filter(|(_, resource)| {
        let properties = &resource["Properties"];
        resource["Type"] == "AWS::Serverless::Function"
            && !properties["Role"].is_null()
            && !properties["Policies"].is_null()
    });
    none(
        both.map(|(name, _)| name.as_str().unwrap_or_default().to_owned()),
        "remove Role, and add the secret's policy to Policies",
    );
}

/// Returns the IAM statements of a function.
pub fn statements(function: &Function) -> impl Iterator<Item = Value> + use<> {
    policies(function).flat_map(|policy| list(&policy["Statement"]))
}

/// Returns the policies of a function: lists of statements, and references to policies for several functions.
fn policies(function: &Function) -> impl Iterator<Item = Value> + use<> {
    let name = function.name().to_owned();
    let resources = PROJECT.deployment["Resources"]
        .as_mapping()
        .expect("Resources");
    let of_it = resources.values().filter(move |resource| {
        let code = resource["Properties"]["CodeUri"]
            .as_str()
            .unwrap_or_default();
        code.trim_end_matches('/').rsplit('/').next() == Some(&name)
    });
    of_it.flat_map(|resource| {
        let properties = &resource["Properties"];
        let role = referred(&properties["Role"]).trim_end_matches(".Arn");
        let shared = &PROJECT.deployment["Resources"][role]["Properties"]["ManagedPolicyArns"];
        [list(shared), list(&properties["Policies"])].concat()
    })
}

pub fn actions(statement: &Value) -> Vec<String> {
    let actions = list(&statement["Action"]);
    actions
        .iter()
        .filter_map(|action| action.as_str().map(str::to_owned))
        .collect()
}

/// Returns a list, or a single value as a list of one.
pub fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Sequence(values) => values.clone(),
        alone => vec![alone.clone()],
    }
}
