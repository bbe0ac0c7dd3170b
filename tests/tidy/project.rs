//! The workspace as described by its files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use api::endpoint::Method;
use local_cloud::template::{self, Template};
use serde_json::Value;

/// The project, read once for all tests.
pub static PROJECT: LazyLock<Project> = LazyLock::new(Project::read);

/// What the functions say of themselves.
static FUNCTIONS: LazyLock<Vec<openapi_document::Function>> =
    LazyLock::new(openapi_document::functions);

pub struct Project {
    pub root: PathBuf,
    /// All packages of the workspace.
    pub packages: &'static [Package],
    /// The deployed functions, by package name.
    pub functions: Vec<Function>,
    /// `template.yaml` as the local cloud parses it.
    pub template: Template,
    /// `template.yaml` as plain data.
    pub deployment: serde_yaml_ng::Value,
    /// `[workspace.metadata]` of the root `Cargo.toml`.
    pub metadata: Value,
}

pub struct Package {
    pub name: String,
    /// The folder, relative to the root.
    pub folder: PathBuf,
    /// The names of all dependencies, including those for tests and builds.
    pub dependencies: BTreeSet<String>,
    /// The names of its binaries.
    pub binaries: Vec<String>,
}

/// A package under `functions/`.
pub struct Function {
    pub package: &'static Package,
    /// The name of the parent folder, for example `patients`.
    pub resource: String,
    /// The file that declares the endpoint: `lib.rs`, or `main.rs` if there is no other.
    pub source: String,
}

impl Project {
    fn read() -> Self {
        let root = local_cloud::workspace::root();
        let metadata = metadata(&root);
        let packages: &'static [Package] = Vec::leak(packages(&root, &metadata));
        let mut functions: Vec<Function> = packages
            .iter()
            .filter(|package| package.folder.starts_with("functions"))
            .map(|package| Function::read(&root, package))
            .collect();
        functions.sort_by(|left, right| left.package.name.cmp(&right.package.name));
        let template = root.join("template.yaml");
        Self {
            template: Template::read(&template).expect("template.yaml is readable"),
            deployment: serde_yaml_ng::from_str(&read(&template)).expect("template.yaml is YAML"),
            packages,
            functions,
            metadata: metadata["metadata"].clone(),
            root,
        }
    }

    /// Returns the text of a file, given relative to the root.
    pub fn text(&self, path: &str) -> String {
        read(&self.root.join(path))
    }

    /// Returns the files under a folder whose names have this ending, relative to the root.
    pub fn files(&self, folder: &str, suffix: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.root.join(folder), &mut |path| {
            if path.to_string_lossy().ends_with(suffix) {
                found.push(path.strip_prefix(&self.root).unwrap_or(path).to_owned());
            }
        });
        found.sort();
        found
    }

    /// Returns the folders with the project's source code.
    pub fn source_folders(&self) -> Vec<String> {
        let folders: BTreeSet<String> = self
            .packages
            .iter()
            .filter_map(|package| package.folder.components().next())
            .map(|first| first.as_os_str().to_string_lossy().into_owned())
            .collect();
        folders.into_iter().collect()
    }
}

impl Function {
    fn read(root: &Path, package: &'static Package) -> Self {
        let folder = root.join(&package.folder).join("src");
        let library = folder.join("lib.rs");
        let resource = package.folder.parent().and_then(Path::file_name);
        Self {
            package,
            resource: resource.unwrap_or_default().to_string_lossy().into_owned(),
            source: if library.exists() {
                read(&library)
            } else {
                read(&folder.join("main.rs"))
            },
        }
    }

    pub fn name(&self) -> &str {
        &self.package.name
    }

    /// What it says of itself. None for an endpoint without caller.
    pub fn described(&self) -> Option<&'static openapi_document::Function> {
        FUNCTIONS
            .iter()
            .find(|described| described.endpoint.name == self.name())
    }

    /// Whether a schedule starts it and it writes no audit row.
    pub fn is_unaudited(&self) -> bool {
        let unaudited = openapi_document::UNAUDITED.iter();
        unaudited
            .map(|schedule| schedule.name)
            .any(|name| name == self.name())
    }

    /// The permission that it needs. None for an endpoint without caller.
    pub fn permission(&self) -> Option<&'static str> {
        self.described()
            .map(|described| described.endpoint.permission)
    }

    /// The routes that its `ENDPOINT` names, such as `GET /v1/patients/{id}`, and HEAD beside each GET.
    pub fn declared_routes(&self) -> Vec<String> {
        let own = self.described().into_iter();
        let own = own.flat_map(|described| described.endpoint.routes());
        let public = openapi_document::PUBLIC.iter();
        let public = public.filter(|endpoint| endpoint.name == self.name());
        own.chain(public.map(|endpoint| endpoint.route))
            .flat_map(|route| {
                let head = (route.method == Method::Get).then_some("HEAD");
                let methods = [route.method.as_str()].into_iter().chain(head);
                methods.map(move |method| route_key(method, route.path))
            })
            .collect()
    }

    /// Returns the function's entry in the template.
    pub fn deployed(&self) -> Option<&'static template::Function> {
        PROJECT.template.function(self.name())
    }

    /// Returns the route, for example `GET /v1/patients/{id}`, or none if no request starts the
    /// function.
    pub fn route(&self) -> Option<String> {
        self.routes().into_iter().next()
    }

    /// Returns all routes of the function in the template.
    pub fn routes(&self) -> Vec<String> {
        let routes = self
            .deployed()
            .into_iter()
            .flat_map(|deployed| &deployed.routes);
        routes
            .map(|route| route_key(&route.method, &route.path))
            .collect()
    }
}

/// The route of all requests that no other route takes.
pub const DEFAULT_ROUTE: &str = "$default";

/// The key of a route in API Gateway, for example `GET /v1/patients/{id}`.
pub fn route_key(method: &str, path: &str) -> String {
    match path {
        DEFAULT_ROUTE => DEFAULT_ROUTE.to_owned(),
        path => format!("{method} {path}"),
    }
}

/// Reads the workspace's metadata from Cargo. It only needs the manifests, so it uses neither
/// network nor lock file.
fn metadata(root: &Path) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn packages(root: &Path, metadata: &Value) -> Vec<Package> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let folder = manifest.parent().unwrap_or(root);
            Package {
                name: text(&package["name"]),
                folder: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
                dependencies: list(&package["dependencies"])
                    .iter()
                    .map(|dependency| text(&dependency["name"]))
                    .collect(),
                binaries: list(&package["targets"])
                    .iter()
                    .filter(|target| list(&target["kind"]).contains(&Value::from("bin")))
                    .map(|target| text(&target["name"]))
                    .collect(),
            }
        })
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}
