//! What the project says of its endpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use local_cloud::template::Template;

/// The project before the change.
pub struct Project {
    /// `template.yaml`.
    pub template: Template,
    /// The folder under `functions/` of each function.
    pub functions: BTreeMap<String, String>,
    /// The names of all packages of `Cargo.lock`.
    pub packages: Vec<String>,
    /// What the migrations grant: role, permission and reach.
    pub grants: Vec<[String; 3]>,
}

impl Project {
    pub fn read(root: &Path) -> Result<Self> {
        let lock =
            fs::read_to_string(root.join("Cargo.lock")).context("Cargo.lock can't be read")?;
        let names = lock
            .lines()
            .filter_map(|line| line.strip_prefix("name = \""));
        let mut functions = BTreeMap::new();
        for resource in folders(&root.join("functions"))? {
            for name in folders(&root.join("functions").join(&resource))? {
                functions.insert(name, resource.clone());
            }
        }
        Ok(Self {
            template: Template::read(&root.join("template.yaml"))?,
            functions,
            packages: names
                .map(|name| name.trim_end_matches('"').to_owned())
                .collect(),
            grants: grants(&root.join("migrations"))?,
        })
    }

    /// The functions of a resource that a caller with an access token starts. For a resource that has
    /// none yet, those of all resources.
    pub fn neighbours(&self, resource: &str) -> Vec<&str> {
        let called = self.template.functions.iter().filter(|function| {
            let mut routes = function.routes.iter();
            routes.any(|route| route.path.starts_with("/v1/"))
        });
        let called: Vec<&str> = called.map(|function| &*function.package).collect();
        let is_near = |name: &&str| self.functions.get(*name).is_some_and(|of| of == resource);
        let near: Vec<_> = called.iter().copied().filter(is_near).collect();
        match near.is_empty() {
            true => called,
            false => near,
        }
    }

    /// The reach of a role for a permission.
    pub fn reach(&self, role: &str, permission: &str) -> Option<&str> {
        let mut grants = self.grants.iter();
        let grant = grants.find(|[of, granted, _]| of == role && granted == permission)?;
        Some(&grant[2])
    }
}

fn folders(path: &Path) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(path).with_context(|| format!("{} can't be read", path.display()))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    Ok(folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect())
}

/// Reads rows such as `('PATIENT', 'users:read', 'OWN')`.
fn grants(migrations: &Path) -> Result<Vec<[String; 3]>> {
    let entries = fs::read_dir(migrations).context("migrations can't be read")?;
    let mut grants = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        grants.extend(text.lines().filter_map(|line| {
            let words: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
            let [role, permission, reach] = words.try_into().ok()?;
            ["OWN", "CARE", "SOURCE", "ALL"]
                .contains(&reach)
                .then(|| [role, permission, reach].map(str::to_owned))
        }));
    }
    Ok(grants)
}
