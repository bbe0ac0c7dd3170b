//! Checks that package, binary, `ENDPOINT.name`, deployed function, event and scenario have the
//! same name.

use std::collections::BTreeSet;
use std::path::Path;

use crate::none;
use crate::project::PROJECT;

fn functions() -> BTreeSet<String> {
    let names = PROJECT.functions.iter();
    names.map(|function| function.name().to_owned()).collect()
}

/// Returns what is missing from `found` and what is superfluous in it.
fn differences(found: &BTreeSet<String>, place: impl Fn(&str) -> String) -> Vec<String> {
    let expected = functions();
    let missing = expected
        .difference(found)
        .map(|name| format!("missing: {}", place(name)));
    let surplus = found
        .difference(&expected)
        .map(|name| format!("belongs to no function: {}", place(name)));
    missing.chain(surplus).collect()
}

#[test]
fn a_function_has_one_name_as_folder_package_binary_and_endpoint() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let (name, folder) = (function.name(), &function.package.folder);
        if folder.file_name() != Some(name.as_ref()) {
            problems.push(format!("{} holds the package {name}", folder.display()));
        }
        if function.package.binaries != [name] {
            problems.push(format!(
                "{name} builds the binaries {:?}",
                function.package.binaries
            ));
        }
        let public = openapi_document::PUBLIC.iter();
        let is_public = public.map(|endpoint| endpoint.name).any(|own| own == name);
        if !is_public && !function.is_unaudited() && function.described().is_none() {
            problems.push(format!(
                "{name} has an ENDPOINT of another name, or no line in tools/openapi/Cargo.toml"
            ));
        }
    }
    none(
        problems,
        "give the folder under functions/, the package, its only [[bin]] and ENDPOINT.name the same name, and \
         add the package to tools/openapi/Cargo.toml. `cargo dev new-endpoint` writes them all",
    );
}

#[test]
fn template_deploys_every_function_and_nothing_else() {
    let deployed = PROJECT.template.functions.iter();
    let deployed = deployed.map(|function| function.package.clone()).collect();
    none(
        differences(&deployed, |name| format!("{name} in template.yaml")),
        "give each package under functions/ one AWS::Serverless::Function with \
         CodeUri: target/lambda/PACKAGE/, as `cargo dev new-endpoint` does",
    );
}

#[test]
fn logical_ids_are_the_package_names_in_pascal_case() {
    let resources = PROJECT.deployment["Resources"]
        .as_mapping()
        .expect("Resources");
    let wrong = resources.iter().filter_map(|(id, resource)| {
        let code = resource["Properties"]["CodeUri"].as_str()?;
        let package = code.strip_prefix("target/lambda/")?.trim_end_matches('/');
        let expected: String = package.split('-').map(capitalised).collect();
        (id.as_str() != Some(&expected)).then(|| format!("{package} is {id:?}, not {expected}"))
    });
    none(wrong, "rename the resource in template.yaml");
}

fn capitalised(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

#[test]
fn every_function_has_its_event() {
    let events = stems(&PROJECT.files("events", ".json"));
    none(
        differences(&events, |name| format!("events/{name}.json")),
        "write one realistic event per function, so that `cargo lambda invoke` works on each. \
         `cargo dev new-endpoint` writes it for a new endpoint",
    );
}

#[test]
fn every_function_has_its_scenarios() {
    let mut problems = Vec::new();
    for function in &PROJECT.functions {
        let module = function.name().replace('-', "_");
        let resource = function.resource.replace('-', "_");
        let path = format!("tests/scenarios/{resource}/{module}.rs");
        if !PROJECT.root.join(&path).exists() {
            problems.push(format!("missing: {path}"));
        }
    }
    none(
        problems,
        "test success, refusal, bad input and absence there, and check the audit row each time. \
         `cargo dev new-endpoint` makes the file for a new endpoint",
    );
}

#[test]
fn every_scenario_file_is_compiled() {
    let files = PROJECT.files("tests/scenarios", ".rs");
    let undeclared = files.iter().filter(|path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().unwrap_or(path);
        let (module, parent) = match &*stem {
            "main" => return false,
            "mod" => (
                folder.file_name().unwrap_or_default().to_string_lossy(),
                folder.parent().unwrap_or(folder),
            ),
            _ => (stem, folder),
        };
        let parent = ["mod.rs", "main.rs"].map(|name| PROJECT.root.join(parent).join(name));
        let declaration = format!("mod {module};");
        !parent.iter().any(|parent| {
            let source = std::fs::read_to_string(parent).unwrap_or_default();
            source.lines().any(|line| line == declaration)
        })
    });
    none(
        undeclared.map(|path| path.display().to_string()),
        "declare the module in the mod.rs beside it, or in main.rs. `cargo dev new-endpoint` does so for a new \
         endpoint",
    );
}

fn stems(paths: &[impl AsRef<Path>]) -> BTreeSet<String> {
    let stems = paths.iter().filter_map(|path| path.as_ref().file_stem());
    stems
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect()
}
