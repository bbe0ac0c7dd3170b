//! The new crate under `functions/`.

use anyhow::{Context, Result};

use super::changes::{Changes, formatted};
use super::endpoint::{Method, NewEndpoint, pascal_case};
use super::kinds::Kind;

pub fn write(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    let folder = format!("functions/{}/{}", endpoint.resource, endpoint.name);
    let manifest = manifest(endpoint, uses_files(changes, endpoint)?);
    changes.create(format!("{folder}/Cargo.toml"), manifest)?;
    let (name, module) = (&endpoint.name, endpoint.module());
    let serve = match is_idempotent(endpoint) {
        true => "serve_idempotent",
        false => "serve",
    };
    changes.create(
        format!("{folder}/src/main.rs"),
        format!("//! The Lambda `{name}`.\n\napi::{serve}!({module});\n"),
    )?;
    changes.create(
        format!("{folder}/src/lib.rs"),
        formatted(&library(endpoint))?,
    )
}

/// Whether the endpoint that it is deployed like depends on `files`.
fn uses_files(changes: &Changes, endpoint: &NewEndpoint) -> Result<bool> {
    let Some(like) = &endpoint.like else {
        return Ok(false);
    };
    let openapi = changes.text("tools/openapi/Cargo.toml")?;
    let folder = openapi.lines().find_map(|line| {
        line.strip_prefix(&format!("{like} = {{ path = \"../../"))?
            .strip_suffix("\" }")
    });
    let folder =
        folder.with_context(|| format!("tools/openapi/Cargo.toml has no line for {like}"))?;
    let manifest = changes.text(&format!("{folder}/Cargo.toml"))?;
    Ok(manifest
        .lines()
        .any(|line| line == "files.workspace = true"))
}

fn manifest(endpoint: &NewEndpoint, uses_files: bool) -> String {
    let mut dependencies = vec!["api", "serde"];
    dependencies.push(match reads_resource(endpoint) {
        Some(_) => "domain",
        None => "sql",
    });
    if uses_files {
        dependencies.push("files");
    }
    dependencies.sort_unstable();
    let dependencies = dependencies
        .iter()
        .map(|name| format!("{name}.workspace = true\n"));
    format!(
        r#"[package]
name = "{name}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[lib]
test = false
doctest = false

[[bin]]
name = "{name}"
path = "src/main.rs"
test = false

[dependencies]
{dependencies}"#,
        name = endpoint.name,
        dependencies = dependencies.collect::<String>()
    )
}

/// The resource that the first version answers, if the domain knows it. A list answers rows of its own.
fn reads_resource(endpoint: &NewEndpoint) -> Option<&'static Kind> {
    endpoint.kind.filter(|_| !endpoint.is_list())
}

/// Whether it takes an `Idempotency-Key`. The answer must be the row of one resource, so that it can be read
/// again.
fn is_idempotent(endpoint: &NewEndpoint) -> bool {
    endpoint.method == Method::Post && reads_resource(endpoint).is_some()
}

fn library(endpoint: &NewEndpoint) -> String {
    let NewEndpoint {
        summary,
        permission,
        ..
    } = endpoint;
    let method = endpoint.method.as_str();
    let route = endpoint.route();
    let idempotent = match is_idempotent(endpoint) {
        true => "\n.idempotent(READ)",
        false => "",
    };
    let purpose = summary[..1].to_lowercase() + &summary[1..];
    let header = format!(
        r#"//! `{route}`: {purpose}.

use api::prelude::*;
{imports}
pub const ENDPOINT: Endpoint = Endpoint::{constructor}("{path}")
    .named(env!("CARGO_PKG_NAME"))
    .summary("{summary}")
    .needs("{permission}")
    .recorded_as(Action::{action}, ResourceType::{resource_type}){idempotent};
"#,
        imports = imports(endpoint),
        constructor = method.to_lowercase(),
        path = endpoint.path,
        action = endpoint.action(),
        resource_type = pascal_case(endpoint.resource_type),
    );
    [
        header,
        body_type(endpoint),
        statements(endpoint),
        handler(endpoint),
        answer_type(endpoint),
    ]
    .concat()
}

fn imports(endpoint: &NewEndpoint) -> String {
    match reads_resource(endpoint) {
        Some(Kind {
            module, resource, ..
        }) => {
            format!("use domain::{module}::{resource};\nuse domain::select_{module};\n")
        }
        None => "use sql::row;\n".to_owned(),
    }
}

/// The type of the body, named after the endpoint.
fn body_type(endpoint: &NewEndpoint) -> String {
    if !endpoint.has_body {
        return String::new();
    }
    let (derives, fields) = match endpoint.method {
        Method::Patch => (
            "Debug, Deserialize, JsonSchema, Serialize",
            "that the request can change",
        ),
        _ => ("Debug, Deserialize, JsonSchema", "of the request"),
    };
    format!(
        r"
/// The fields {fields}.
#[derive({derives})]
#[serde(deny_unknown_fields)]
pub struct {name} {{
    // Add each field with a doc comment: it becomes the field's description in openapi.json.
}}
",
        name = pascal_case(&endpoint.name)
    )
}

fn statements(endpoint: &NewEndpoint) -> String {
    let mut statements = String::from("\n");
    if endpoint.is_versioned()
        && let Some(Kind { table, .. }) = endpoint.kind
    {
        statements += &format!(
            "const CURRENT: &str = \"select version from {table} where id = $1 and not is_archived for update\";\n"
        );
    }
    statements += &match reads_resource(endpoint) {
        Some(Kind { module, .. }) => format!(
            r#"// Row-level security hides rows beyond the caller's reach. State the reach here too: the statement is
// the first barrier.
const READ: &str = select_{module}!("where id = $1 and not is_archived");
"#
        ),
        None if endpoint.is_list() => {
            let absent = match endpoint.parameters().is_empty() {
                true => "",
                false => {
                    "// If the caller can't read the resource that the path names, answer 404, not an empty page. Decide it with
// this statement, because a second one costs a round trip.
"
                }
            };
            format!(
                r#"// Select the rows that the page shows, in the order of its key.
{absent}const LIST: &str = "
    select now() as answered_at where $1::timestamptz is null order by answered_at limit $2";
"#
            )
        }
        None => "// Select what the endpoint answers.\nconst READ: &str = \"select now() as answered_at\";\n".to_owned(),
    };
    statements
}

/// The type of the answer, if the domain has none.
fn answer_type(endpoint: &NewEndpoint) -> String {
    if reads_resource(endpoint).is_some() {
        return String::new();
    }
    format!(
        r"
row! {{
    /// The answer to the request.
    #[derive(Debug, Serialize, JsonSchema)]
    pub struct {answer} {{
        /// The time of the answer (RFC 3339, UTC).
        pub answered_at: Timestamp,
    }}
}}

impl Content for {answer} {{
    // Name every patient whose data the answer holds: the audit row records them.
    fn patients(&self) -> Vec<PatientId> {{
        Vec::new()
    }}
}}
",
        answer = answer_name(endpoint)
    )
}

fn answer_name(endpoint: &NewEndpoint) -> String {
    pascal_case(&endpoint.name) + "Answer"
}

fn handler(endpoint: &NewEndpoint) -> String {
    let resource = reads_resource(endpoint);
    let answer = resource.map_or_else(|| answer_name(endpoint), |kind| kind.resource.to_owned());
    let parameters = endpoint.parameters();
    let target = parameters.iter().position(|(_, id)| *id != "String");
    let mut inputs = vec!["call: Call".to_owned()];
    for (at, (name, id)) in parameters.iter().enumerate() {
        let unused = if target == Some(at) { "" } else { "_" };
        inputs.push(format!("Path({unused}{name}): Path<{id}>"));
    }
    let body = pascal_case(&endpoint.name);
    if endpoint.has_body {
        inputs.push(match endpoint.method {
            Method::Patch => format!("patch: Patch<{body}>"),
            _ => format!("Body(_request): Body<{body}>"),
        });
    }
    if endpoint.is_list() {
        inputs.push("page: PageRequest<Timestamp>".to_owned());
    }
    if endpoint.is_versioned() {
        inputs.push("if_match: IfMatch".to_owned());
    }
    let target = match target.map(|at| parameters[at]) {
        // The rows of a list below a patient are part of the chart, even if they don't name the patient.
        Some((name, "PatientId")) if endpoint.is_list() => {
            format!("InChart {{ resource: {name}, patient: {name} }}")
        }
        Some((name, _)) => name.to_owned(),
        None => "Search::default()".to_owned(),
    };
    let reads_one = endpoint.method == Method::Get && !endpoint.is_list();
    let mut lines = Vec::new();
    if !reads_one {
        lines.push(format!("let mut access = call.authorize({target});"));
    }
    if endpoint.is_versioned() {
        lines.push("access.check(if_match, sql(CURRENT, &[&id])).await?;".to_owned());
    }
    if endpoint.has_body && endpoint.method == Method::Patch {
        lines.push(
            "// Load the current fields with `access.load`, and write the changed ones.".to_owned(),
        );
        lines.push(format!("access.apply(&patch, &{body} {{}})?;"));
    } else if endpoint.method != Method::Get {
        lines
            .push("// This only reads. Write the change with `access.write_then_read`.".to_owned());
    }
    let arguments = if resource.is_some() { "&id" } else { "" };
    let reply = if endpoint.is_list() {
        lines.push(format!(
            "let rows: Vec<{answer}> = access.all(sql(LIST, &[&page.after().copied(), &page.fetch()])).await?;"
        ));
        lines.push("access.commit(Json(page.page(rows, |row| row.answered_at))).await".to_owned());
        format!("Page<{answer}>")
    } else if reads_one {
        lines.push(format!(
            "call.authorize({target}).read(sql(READ, &[{arguments}])).await"
        ));
        answer
    } else {
        lines.push(format!(
            "let answer: {answer} = access.one(sql(READ, &[{arguments}])).await?;"
        ));
        lines.push("access.commit(Json(answer)).await".to_owned());
        answer
    };
    format!(
        "\n/// Answers the request.\npub async fn handle({}) -> Reply<Json<{reply}>> {{\n{}\n}}\n",
        inputs.join(", "),
        lines.join("\n")
    )
}
