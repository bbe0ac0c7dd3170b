//! `cargo dev new-endpoint` on a copy of the project. The names are ones that no real endpoint will have.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use local_cloud::template::Template;
use local_cloud::workspace;
use serde_json::Value;
use tempfile::TempDir;

/// A copy of the project, without what the command doesn't read.
struct Project(TempDir);

impl Project {
    fn copy() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let root = workspace::root();
        for path in [
            "Cargo.toml",
            "Cargo.lock",
            "template.yaml",
            "ARCHITECTURE.md",
        ] {
            fs::copy(root.join(path), project.0.path().join(path)).unwrap();
        }
        for folder in [
            "docs",
            "events",
            "functions",
            "migrations",
            "tests",
            "tools",
        ] {
            copy(&root.join(folder), &project.0.path().join(folder));
        }
        project
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dev"))
            .args(["new-endpoint", "--root"])
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn make(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All files with their texts.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.0.path()).unwrap();
                    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                    files.insert(name.to_string_lossy().into_owned(), text);
                }
            }
        }
        files
    }

    /// Checks the rules for names and routes, as the tidy tests do.
    fn assert_tidy(&self, resource: &str, name: &str, route: &str) {
        let (method, path) = route.split_once(' ').unwrap();
        let template = Template::read(&self.0.path().join("template.yaml")).unwrap();
        let routes = &template.function(name).unwrap().routes;
        let methods: Vec<_> = routes.iter().map(|route| &*route.method).collect();
        match method {
            "GET" => assert_eq!(methods, ["GET", "HEAD"]),
            _ => assert_eq!(methods, [method]),
        }
        assert!(routes.iter().all(|route| route.path == path), "{routes:?}");

        let manifest = self.text("Cargo.toml");
        let row = manifest
            .lines()
            .find(|line| line.starts_with(&format!("\"{path}\" = [")))
            .unwrap();
        for method in methods {
            let target = format!("{{ method = \"{method}\", function = \"{name}\" }}");
            assert!(row.contains(&target), "{row}");
        }

        let event: Value =
            serde_json::from_str(&self.text(&format!("events/{name}.json"))).unwrap();
        let mut sent = path.to_owned();
        for (parameter, value) in event["pathParameters"].as_object().into_iter().flatten() {
            sent = sent.replace(&format!("{{{parameter}}}"), value.as_str().unwrap());
        }
        assert_eq!(
            (&event["routeKey"], &event["rawPath"]),
            (&route.into(), &sent.into())
        );

        let folder = format!("functions/{resource}/{name}");
        let source = self.text(&format!("{folder}/src/lib.rs"));
        assert!(source.starts_with(&format!("//! `{route}`: ")), "{source}");
        assert!(
            self.text(&format!("{folder}/Cargo.toml"))
                .contains("[lints]\nworkspace = true")
        );
        let line = format!("{name} = {{ path = \"../../{folder}\" }}\n");
        assert!(self.text("tools/openapi/Cargo.toml").contains(&line));

        let (resource, module) = (resource.replace('-', "_"), name.replace('-', "_"));
        let scenarios = self.text(&format!("tests/scenarios/{resource}/{module}.rs"));
        assert!(
            scenarios.contains(&format!("write the scenarios of {name} ")),
            "{scenarios}"
        );
        let modules = self.text(&format!("tests/scenarios/{resource}/mod.rs"));
        assert!(modules.lines().is_sorted() && modules.contains(&format!("mod {module};\n")));
        assert!(
            self.text("docs/access.md")
                .contains(&format!("\n| {name} | `{route}` | `"))
        );
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true if path.ends_with("node_modules") => {}
            true => copy(&path, &target),
            false => drop(fs::copy(&path, target).unwrap()),
        }
    }
}

#[test]
fn an_endpoint_gets_all_its_places_and_no_other_line_changes() {
    let project = Project::copy();
    let before = project.files();
    let said = project.make(&[
        "appointments",
        "get-appointment-colour",
        "GET",
        "/v1/appointments/{id}/colour",
    ]);
    let route = "GET /v1/appointments/{id}/colour";
    project.assert_tidy("appointments", "get-appointment-colour", route);
    assert!(
        said.contains("UPDATE=1 cargo test -p openapi-document"),
        "{said}"
    );
    let source = project.text("functions/appointments/get-appointment-colour/src/lib.rs");
    assert!(
        source.contains("Path(id): Path<AppointmentId>")
            && source.contains("Reply<Json<Appointment>>")
    );

    let after = project.files();
    let new: Vec<_> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .collect();
    assert_eq!(new.len(), 5, "crate, event and scenario: {new:?}");
    let changed: Vec<_> = before
        .iter()
        .filter(|(path, text)| after[*path] != **text)
        .collect();
    assert_eq!(
        changed.len(),
        5,
        "template, routes, OpenAPI, table and scenarios"
    );
    for (path, text) in changed {
        let mut lines = after[path].lines();
        assert!(
            text.lines().all(|line| lines.any(|other| other == line)),
            "{path} lost a line"
        );
        assert!(said.contains(&format!("changed {path}\n")), "{said}");
    }
}

#[test]
fn a_step_gets_a_body_a_key_and_a_request_in_the_access_matrix() {
    let project = Project::copy();
    let summary = "Paints a booked visit";
    project.make(&[
        "appointments",
        "paint-appointment",
        "post",
        "/v1/appointments/{id}/paint",
        "--summary",
        summary,
    ]);
    project.assert_tidy(
        "appointments",
        "paint-appointment",
        "POST /v1/appointments/{id}/paint",
    );
    let source = project.text("functions/appointments/paint-appointment/src/lib.rs");
    assert!(source.contains(".idempotent(READ)") && source.contains("Body<PaintAppointment>"));
    assert!(source.contains(&format!(".summary(\"{summary}\")")));
    let requests = project.text("tests/scenarios/access_matrix/requests.rs");
    assert!(requests.contains("\n        \"paint-appointment\" => each(Visit).body("));
    let access = project.text("docs/access.md");
    let row = access
        .lines()
        .find(|line| line.starts_with("| paint-appointment |"))
        .unwrap();
    assert!(
        row.ends_with(
            "| `appointments:write` | own, represented | own | own | all | all | – | source | – |"
        ),
        "{row}"
    );

    project.make(&[
        "files",
        "paint-file",
        "POST",
        "/v1/files/{id}/paint",
        "--no-body",
        "--like",
        "get-file",
    ]);
    let source = project.text("functions/files/paint-file/src/lib.rs");
    assert!(!source.contains("Body"), "{source}");
    assert!(
        project
            .text("functions/files/paint-file/Cargo.toml")
            .contains("files.workspace")
    );
    let template = Template::read(&project.0.path().join("template.yaml")).unwrap();
    assert!(
        template
            .function("paint-file")
            .unwrap()
            .environment
            .contains_key("FILES_BUCKET")
    );
}

#[test]
fn a_list_below_a_patient_reads_the_patient_and_names_them_in_the_audit_row() {
    let project = Project::copy();
    let route = "/v1/patients/{id}/umbrellas";
    let said = project.make(&["patients", "list-patient-umbrellas", "GET", route]);
    project.assert_tidy(
        "patients",
        "list-patient-umbrellas",
        "GET /v1/patients/{id}/umbrellas",
    );
    let source = project.text("functions/patients/list-patient-umbrellas/src/lib.rs");
    let (action, page) = ("Action::Read, ResourceType::Patient", "page: PageRequest<");
    assert!(source.contains(action) && source.contains(page), "{source}");
    assert!(source.contains("call.authorize(InChart {"), "{source}");
    assert!(said.contains("patients::list_patient_umbrellas"), "{said}");
}

#[test]
fn a_new_resource_gets_its_folders() {
    let project = Project::copy();
    let of = ["--permission", "audit:read", "--resource-type", "AUDIT_LOG"];
    let first = [
        "umbrellas",
        "list-umbrellas",
        "GET",
        "/v1/umbrellas",
        "--new-resource",
    ];
    project.make(&[&first[..], &of].concat());
    project.assert_tidy("umbrellas", "list-umbrellas", "GET /v1/umbrellas");
    project.make(
        &[
            &["umbrellas", "get-umbrella", "GET", "/v1/umbrellas/{id}"],
            &of[..],
        ]
        .concat(),
    );
    project.make(
        &[
            &["umbrellas", "create-umbrella", "POST", "/v1/umbrellas"],
            &of[..],
        ]
        .concat(),
    );
    project.assert_tidy("umbrellas", "create-umbrella", "POST /v1/umbrellas");
    assert!(
        project
            .text("ARCHITECTURE.md")
            .contains("`functions/umbrellas`")
    );
    assert!(
        project
            .text("tests/scenarios/main.rs")
            .contains("\nmod umbrellas;\n")
    );
    assert!(
        project
            .text("template.yaml")
            .contains("\n  # Umbrellas\n  ListUmbrellas:\n")
    );
}

#[test]
fn a_wrong_argument_is_named_and_changes_nothing() {
    let project = Project::copy();
    let before = project.files();
    let path = "/v1/appointments/{id}/paint";
    let cases: [(&[&str], &str); 12] = [
        (&["visits", "paint-visit", "POST", path], "--new-resource"),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                path,
                "--new-resource",
            ],
            "exists already",
        ),
        (
            &["appointments", "paint", "POST", path],
            "a verb and a noun",
        ),
        (
            &["appointments", "get-appointment", "POST", path],
            "is taken",
        ),
        (&["appointments", "local-cloud", "POST", path], "is taken"),
        (
            &["appointments", "paint-visit", "HEAD", path],
            "possible values",
        ),
        (
            &["appointments", "paint-visit", "POST", "/appointments"],
            "must begin with /v1/",
        ),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                "/v1/appointments/:id",
            ],
            "in braces",
        ),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                "/v1/appointments/{visit}/cancel",
            ],
            "cancel-appointment has",
        ),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                path,
                "--permission",
                "appointments:paint",
            ],
            "role_permissions",
        ),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                path,
                "--resource-type",
                "VISIT",
            ],
            "APPOINTMENT",
        ),
        (
            &[
                "appointments",
                "paint-visit",
                "POST",
                path,
                "--like",
                "expire-uploads",
            ],
            "--like",
        ),
    ];
    for (arguments, expected) in cases {
        let output = project.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(expected),
            "{arguments:?}: {said}"
        );
    }
    assert!(project.files() == before, "nothing is written");
}
