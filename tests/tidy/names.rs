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
        if !is_public && function.described().is_none() {
            problems.push(format!(
                "{name} has an ENDPOINT of another name, or no line in tools/openapi/Cargo.toml"
            ));
        }
    }
    none(
        problems,
        "give the folder under functions/, the package, its only [[bin]] and ENDPOINT.name the same name",
    );
}

#[test]
fn template_deploys_every_function_and_nothing_else() {
    let deployed = PROJECT.template.functions.iter();
    let deployed = deployed.map(|function| function.package.clone()).collect();
    none(
        differences(&deployed, |name| format!("{name} in template.yaml")),
        "give each package under functions/ one AWS::Serverless::Function with \
         CodeUri: target/lambda/PACKAGE/",
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
        "write one realistic event per function, so that `cargo lambda invoke` works on each",
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
        "test success, refusal, bad input and absence there, and check the audit row each time",
    );
}

fn stems(paths: &[impl AsRef<Path>]) -> BTreeSet<String> {
    let stems = paths.iter().filter_map(|path| path.as_ref().file_stem());
    stems
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect()
}
