//! The new endpoint's lines in existing files.

use anyhow::{Context, Result};

use super::changes::{Changes, formatted, insert_at, insert_sorted};
use super::endpoint::{Method, NewEndpoint, pascal_case};
use super::project::Project;

/// The columns of docs/access.md behind function, route and permission.
const ROLES: [&str; 8] = [
    "PATIENT",
    "PROVIDER",
    "NURSE",
    "FRONT_DESK",
    "ADMIN",
    "COMPLIANCE_OFFICER",
    "IMPORTER",
    "SYSTEM",
];

/// Its function in template.yaml, behind those of its resource.
pub fn template(changes: &mut Changes, project: &Project, endpoint: &NewEndpoint) -> Result<()> {
    let neighbours = project.neighbours(&endpoint.resource);
    changes.edit("template.yaml", |text| {
        let lines: Vec<&str> = text.lines().collect();
        let is_code = |line: &&&str| {
            let package = line.strip_prefix("      CodeUri: target/lambda/");
            package.is_some_and(|package| neighbours.contains(&package.trim_end_matches('/')))
        };
        let last = lines.iter().rposition(|line| is_code(&line));
        let end = end_of_resource(&lines, last.context("no function of the resource was found")?);
        let settings = match &endpoint.like {
            Some(like) => settings(&lines, like)?,
            None => "      Role: !GetAtt PeopleRole.Arn\n".to_owned(),
        };
        let comment = match endpoint.is_new_resource {
            true => format!("  # {}\n", heading(&endpoint.resource)),
            false => String::new(),
        };
        let event = |name, method| {
            format!(
                "        {name}: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, Method: {method}, Path: \"{}\"}}}}",
                endpoint.path
            )
        };
        let mut events = event("Http", endpoint.method.as_str());
        if endpoint.method == Method::Get {
            events = format!("{events}\n{}", event("Head", "HEAD"));
        }
        let function = format!(
            "
{comment}  {id}:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/{name}/
{settings}      Events:
{events}",
            id = pascal_case(&endpoint.name),
            name = endpoint.name,
        );
        Ok(insert_at(&lines, end, &function))
    })
}

/// `medical-records` as `Medical records`.
fn heading(resource: &str) -> String {
    resource[..1].to_uppercase() + &resource[1..].replace('-', " ")
}

/// The line behind the resource that has the line `inside`.
fn end_of_resource(lines: &[&str], inside: usize) -> usize {
    let is_inside = |line: &&str| line.starts_with("    ") || line.is_empty();
    let length = lines[inside..]
        .iter()
        .take_while(|line| is_inside(line))
        .count();
    let blank = lines[..inside + length]
        .iter()
        .rev()
        .take_while(|line| line.is_empty())
        .count();
    inside + length - blank
}

/// The lines of a function between its CodeUri and its events.
fn settings(lines: &[&str], name: &str) -> Result<String> {
    let code = format!("      CodeUri: target/lambda/{name}/");
    let start = lines.iter().position(|line| *line == code);
    let start = start.with_context(|| format!("the function {name} was not found"))? + 1;
    let settings = lines[start..]
        .iter()
        .take_while(|line| **line != "      Events:");
    Ok(settings.map(|line| format!("{line}\n")).collect())
}

/// Its route in the table of `cargo lambda watch`.
pub fn router(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    let target = |method| {
        format!(
            "{{ method = \"{method}\", function = \"{}\" }}",
            endpoint.name
        )
    };
    let mut targets = target(endpoint.method.as_str());
    if endpoint.method == Method::Get {
        targets = format!("{targets}, {}", target("HEAD"));
    }
    let beginning = format!("\"{}\" = [", endpoint.path);
    changes.edit("Cargo.toml", |text| {
        let Some(route) = text.lines().find(|line| line.starts_with(&beginning)) else {
            let is_route = |line: &str| line.starts_with("\"/");
            return insert_sorted(text, &format!("{beginning}{targets}]"), is_route);
        };
        let others = route
            .strip_suffix(']')
            .context("its route does not end with ]")?;
        Ok(text.replace(&format!("{route}\n"), &format!("{others}, {targets}]\n")))
    })
}

/// Its line in the manifest of the OpenAPI document.
pub fn openapi(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    let NewEndpoint { name, resource, .. } = endpoint;
    let line = format!("{name} = {{ path = \"../../functions/{resource}/{name}\" }}");
    changes.edit("tools/openapi/Cargo.toml", |text| {
        insert_sorted(text, &line, |line| {
            line.contains(" = { path = \"../../functions/")
        })
    })
}

/// Its row in docs/access.md, behind those of its resource.
pub fn access(changes: &mut Changes, project: &Project, endpoint: &NewEndpoint) -> Result<()> {
    let neighbours = project.neighbours(&endpoint.resource);
    let permission = &endpoint.permission;
    changes.edit("docs/access.md", |text| {
        let lines: Vec<&str> = text.lines().collect();
        let cells = |line: &str| -> Vec<String> {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        };
        let is_row = |line: &&str| line.starts_with("| ") && neighbours.contains(&&*cells(line)[0]);
        let last = lines.iter().rposition(is_row);
        let last = last.context("no row of the resource was found")?;
        // Endpoints with the same permission usually serve the same.
        let mut rows = lines.iter().rev().map(|line| cells(line));
        let same = rows.find(|cells| cells.get(2) == Some(&format!("`{permission}`")));
        let served: Vec<String> = match same {
            Some(cells) => cells[3..].to_vec(),
            None => ROLES
                .map(|role| usual(project.reach(role, permission)).to_owned())
                .into(),
        };
        let row = format!(
            "| {} | `{}` | `{permission}` | {} |",
            endpoint.name,
            endpoint.route(),
            served.join(" | ")
        );
        Ok(insert_at(&lines, last + 1, &row))
    })
}

/// The usual word of docs/access.md for a reach.
fn usual(reach: Option<&str>) -> &'static str {
    match reach {
        Some("OWN") => "own",
        Some("CARE") => "care",
        Some("SOURCE") => "source",
        Some(_) => "all",
        None => "–",
    }
}

/// Its request in the access matrix, which finds the requests that read one known resource by itself.
pub fn access_matrix(
    changes: &mut Changes,
    project: &Project,
    endpoint: &NewEndpoint,
) -> Result<()> {
    if endpoint.kind.is_some() && endpoint.method == Method::Get {
        return Ok(());
    }
    let neighbours = project.neighbours(&endpoint.resource);
    let kind = endpoint.kind.map_or("Nobodys", |kind| kind.probed);
    let body = if endpoint.has_body {
        ".body(|_, _, _| json!({}))"
    } else {
        ""
    };
    let version = if endpoint.is_versioned() {
        ".versioned()"
    } else {
        ""
    };
    let once = if endpoint.kind.is_some() {
        ".once(ToCome)"
    } else {
        ""
    };
    let arm = format!(
        "        \"{}\" => each({kind}){body}{version}{once},",
        endpoint.name
    );
    changes.edit("tests/scenarios/access_matrix/requests.rs", |text| {
        let lines: Vec<&str> = text.lines().collect();
        let is_arm = |line: &&str| {
            let mut names = neighbours.iter();
            line.starts_with("        \"")
                && names.any(|name| line.contains(&format!("\"{name}\"")))
        };
        // Behind the paragraph of its resource, or behind all.
        let first = lines.iter().rposition(is_arm).unwrap_or_default();
        let is_end =
            |line: &&str| line.starts_with("        _ => return") || (first > 0 && line.is_empty());
        let length = lines[first..].iter().position(is_end);
        let length = length.context("the end of the requests was not found")?;
        Ok(insert_at(&lines, first + length, &arm))
    })
}

/// Its scenario file, with one scenario that fails until the others are written.
pub fn scenario(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    let module = endpoint.module();
    let resource = endpoint.resource.replace('-', "_");
    let folder = format!("tests/scenarios/{resource}");
    let path = format!("{folder}/{module}.rs");
    let source = format!(
        r#"//! `{route}`

#[test]
fn the_scenarios_of_this_endpoint_are_written() {{
    panic!(
        "write the scenarios of {name} here instead of this one: success, refusal, bad input, \
         and conflict or absence. Check the audit row each time: \
         audit(\"{name}\", \"{action}\", \"{resource_type}\"). \
         The other files in tests/scenarios are examples."
    );
}}
"#,
        route = endpoint.route(),
        name = endpoint.name,
        action = endpoint.action().to_uppercase(),
        resource_type = endpoint.resource_type,
    );
    changes.create(path, formatted(&source)?)?;
    let line = format!("mod {module};");
    let is_module = |line: &str| line.starts_with("mod ");
    let modules = format!("{folder}/mod.rs");
    if changes.has(&modules) {
        return changes.edit(&modules, |text| insert_sorted(text, &line, is_module));
    }
    changes.create(modules, line + "\n")?;
    changes.edit("tests/scenarios/main.rs", |text| {
        insert_sorted(text, &format!("mod {resource};"), is_module)
    })
}

/// The new resource's folder in the code map.
pub fn code_map(changes: &mut Changes, endpoint: &NewEndpoint) -> Result<()> {
    changes.edit("ARCHITECTURE.md", |text| {
        let row = text.lines().find(|line| line.starts_with("| `functions/"));
        let row = row.context("no row of the folders under functions/ was found")?;
        let (folders, rest) = row[1..]
            .split_once(" | ")
            .context("the row has one column")?;
        let changed = format!("|{folders}, `functions/{}` | {rest}", endpoint.resource);
        Ok(text.replace(row, &changed))
    })
}
