//! The arguments of the command, checked against the project.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use audit::ResourceType;
use clap::{Args, ValueEnum};

use super::kinds::{KINDS, Kind, parameter_type};
use super::project::Project;

/// An endpoint as the command line describes it.
#[derive(Debug, Args)]
pub struct Order {
    /// The folder under functions/: appointments.
    pub resource: String,
    /// The endpoint's name, verb first: confirm-appointment. A GET whose name begins with list- answers a page.
    pub name: String,
    /// The HTTP method.
    #[arg(value_enum, ignore_case = true)]
    pub method: Method,
    /// The path, with its parameters in braces: "/v1/appointments/{id}/confirm".
    pub path: String,
    /// The permission it requires [default: COLLECTION:read for GET, COLLECTION:write otherwise].
    /// COLLECTION is the first segment of the path behind /v1/; medical-records has records:read.
    #[arg(long)]
    pub permission: Option<String>,
    /// Its purpose in one short sentence without a full stop [default: its name].
    #[arg(long)]
    pub summary: Option<String>,
    /// The resource_type of its audit rows, such as PATIENT [default: that of the collection].
    #[arg(long)]
    pub resource_type: Option<String>,
    /// It reads no request body, although its method allows one.
    #[arg(long)]
    pub no_body: bool,
    /// Deploy it like this endpoint, with the same variables, rights and S3 access: get-file.
    #[arg(long, value_name = "NAME")]
    pub like: Option<String>,
    /// Make a new folder under functions/.
    #[arg(long)]
    pub new_resource: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A valid new endpoint.
#[derive(Debug)]
pub struct NewEndpoint {
    pub resource: String,
    pub name: String,
    pub method: Method,
    pub path: String,
    pub permission: String,
    pub summary: String,
    /// A label of `ResourceType`.
    pub resource_type: &'static str,
    /// What the path's first id is the id of, if the domain knows it.
    pub kind: Option<&'static Kind>,
    pub has_body: bool,
    pub like: Option<String>,
    pub is_new_resource: bool,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl NewEndpoint {
    /// Checks an order.
    ///
    /// # Errors
    /// The first argument that is wrong, with what would be right.
    pub fn check(project: &Project, order: &Order) -> Result<Self> {
        check_resource(project, order)?;
        check_name(project, &order.name)?;
        check_path(project, order)?;
        if let Some(like) = &order.like {
            let deployed = project.template.function(like);
            ensure!(
                deployed.is_some_and(|function| !function.routes.is_empty()),
                "--like {like}: template.yaml has no endpoint of this name"
            );
        }
        let collection = segments(&order.path).next().unwrap_or_default();
        let known = KINDS.iter().find(|kind| kind.collection == collection);
        Ok(Self {
            resource: order.resource.clone(),
            name: order.name.clone(),
            method: order.method,
            path: order.path.clone(),
            permission: permission(
                project,
                order,
                known.map_or(collection, |kind| kind.permissions),
            )?,
            summary: summary(order)?,
            resource_type: resource_type(order, known, collection)?,
            kind: known.filter(|_| segments(&order.path).nth(1) == Some("{id}")),
            has_body: !order.no_body && !matches!(order.method, Method::Get | Method::Delete),
            like: order.like.clone(),
            is_new_resource: order.new_resource,
        })
    }

    /// The method and the path.
    pub fn route(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }

    /// The path's parameters, each with its type.
    pub fn parameters(&self) -> Vec<(&str, &'static str)> {
        let mut before = "";
        let mut parameters = Vec::new();
        for segment in segments(&self.path) {
            if let Some(name) = parameter(segment) {
                parameters.push((name, parameter_type(before, name)));
            }
            before = segment;
        }
        parameters
    }

    /// Whether it answers a page of a list.
    pub fn is_list(&self) -> bool {
        self.method == Method::Get && self.name.starts_with("list-")
    }

    /// Whether it requires `If-Match`.
    pub fn is_versioned(&self) -> bool {
        self.kind.is_some() && matches!(self.method, Method::Patch | Method::Delete)
    }

    /// The variant of `Action` in its audit rows. A list below a resource reads that resource.
    pub fn action(&self) -> &'static str {
        match (self.name.split('-').next().unwrap_or_default(), self.method) {
            ("list" | "search", _) if self.parameters().is_empty() => "Search",
            (_, Method::Get) => "Read",
            ("create", _) => "Create",
            (_, Method::Delete) => "Delete",
            _ => "Update",
        }
    }

    /// The name with underscores.
    pub fn module(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// `confirm-appointment` as `ConfirmAppointment`, and `AUDIT_LOG` as `AuditLog`.
pub fn pascal_case(name: &str) -> String {
    let words = name.split(['-', '_']).filter(|word| !word.is_empty());
    words
        .map(|word| word[..1].to_uppercase() + &word[1..].to_lowercase())
        .collect()
}

/// The segments behind `/v1/`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(2)
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Whether a text consists of lower-case words with this between them.
fn is_words(text: &str, between: char) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split(between).all(|word| {
            let mut letters = word.bytes();
            !word.is_empty()
                && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        })
}

fn check_resource(project: &Project, order: &Order) -> Result<()> {
    let resource = &order.resource;
    ensure!(
        is_words(resource, '-'),
        "the resource {resource:?} must be lower-case words with hyphens between them, such as medical-records"
    );
    let known: BTreeSet<_> = project.functions.values().map(String::as_str).collect();
    match (known.contains(&**resource), order.new_resource) {
        (true, true) => bail!("functions/{resource} exists already: leave out --new-resource"),
        (false, false) => bail!(
            "there is no folder functions/{resource}. Use one of {}, or make a new one with --new-resource",
            known.into_iter().collect::<Vec<_>>().join(", ")
        ),
        _ => Ok(()),
    }
}

fn check_name(project: &Project, name: &str) -> Result<()> {
    ensure!(
        is_words(name, '-') && name.contains('-'),
        "the name {name:?} must be a verb and a noun in lower case with a hyphen between them, such as confirm-appointment"
    );
    ensure!(
        !project.functions.contains_key(name)
            && !project.packages.iter().any(|package| package == name),
        "the name {name} is taken by another package: choose another"
    );
    Ok(())
}

fn check_path(project: &Project, order: &Order) -> Result<()> {
    let path = &order.path;
    ensure!(
        path.starts_with("/v1/"),
        "the path {path:?} must begin with /v1/"
    );
    let mut parameters = BTreeSet::new();
    for segment in segments(path) {
        match parameter(segment) {
            Some(name) => {
                ensure!(
                    is_words(name, '_'),
                    "the path parameter {segment} must be lower-case words with underscores between them, such as {{provider_id}}"
                );
                ensure!(
                    parameters.insert(name),
                    "the path {path} has the parameter {segment} twice"
                );
            }
            None => ensure!(
                is_words(segment, '-'),
                "the segment {segment:?} of the path {path} must be lower-case words with hyphens between them, or a parameter in braces"
            ),
        }
    }
    let collection = segments(path).next().unwrap_or_default();
    ensure!(
        parameter(collection).is_none(),
        "the path {path} must name a collection behind /v1/, such as /v1/appointments"
    );
    // API Gateway doesn't distinguish two paths by the names of their parameters.
    let shape = |path: &str| -> Vec<String> {
        let shaped = segments(path).map(|segment| match parameter(segment) {
            Some(_) => "{}".to_owned(),
            None => segment.to_owned(),
        });
        shaped.collect()
    };
    for function in &project.template.functions {
        for route in &function.routes {
            if route.method == order.method.as_str() && shape(&route.path) == shape(path) {
                bail!(
                    "the route {} {path} is taken: {} has {} {}",
                    route.method,
                    function.package,
                    route.method,
                    route.path
                );
            }
        }
    }
    Ok(())
}

fn permission(project: &Project, order: &Order, prefix: &str) -> Result<String> {
    let ending = match order.method {
        Method::Get => "read",
        _ => "write",
    };
    let wanted = order.permission.clone();
    let wanted = wanted.unwrap_or_else(|| format!("{prefix}:{ending}"));
    let granted: BTreeSet<_> = project
        .grants
        .iter()
        .map(|[_, permission, _]| &**permission)
        .collect();
    if granted.contains(&*wanted) {
        return Ok(wanted);
    }
    let prefix = wanted.split(':').next().unwrap_or_default();
    let near = granted
        .iter()
        .filter(|known| known.split(':').next() == Some(prefix));
    let mut near: Vec<_> = near.copied().collect();
    if near.is_empty() {
        near = granted.into_iter().collect();
    }
    bail!(
        "no migration grants the permission {wanted}. To add it, insert a row such as \
         ('ADMIN', '{wanted}', 'ALL') into role_permissions (migrations/V0004__roles.sql) for each role that \
         gets it, then run this again. To use another, pass --permission with one of {}",
        near.join(", ")
    )
}

fn summary(order: &Order) -> Result<String> {
    let Some(summary) = &order.summary else {
        let words = order.name.replace('-', " ");
        return Ok(words[..1].to_uppercase() + &words[1..]);
    };
    ensure!(
        !summary.is_empty() && !summary.ends_with('.') && !summary.contains(['"', '\\', '\n']),
        "the summary must be one line without quotes, backslashes and the full stop"
    );
    Ok(summary.clone())
}

fn resource_type(order: &Order, kind: Option<&Kind>, collection: &str) -> Result<&'static str> {
    let labels = ResourceType::LABELS;
    let of_kind = kind.map(|kind| kind.resource_type);
    let wanted = order.resource_type.as_deref().or(of_kind).with_context(|| {
        format!(
            "the resource type of the audit rows of /v1/{collection} is unknown: pass --resource-type with one of {}",
            labels.join(", ")
        )
    })?;
    let known = labels.iter().copied().find(|label| *label == wanted);
    known.with_context(|| {
        format!(
            "there is no resource type {wanted}. Use one of {}, or add it to ResourceType in \
             shared/audit/src/entry.rs first",
            labels.join(", ")
        )
    })
}
