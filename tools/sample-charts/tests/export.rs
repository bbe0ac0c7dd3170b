//! What an import makes of an exported chart is the chart again, as far as an import carries it over.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use fhir::export::BundleWriter;
use sample_charts::{
    Bodies, Sample, bodies, bundles, clinic, complete, complete_records, id_of, rows,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn exported(sample: &Sample) -> Vec<u8> {
    let made_at = "2026-03-02T10:00:00Z".parse().unwrap();
    let patient = sample.patient.id.into();
    let mut writer =
        BundleWriter::begin(Vec::new(), Uuid::nil(), made_at, clinic(), patient).unwrap();
    for provider in &sample.providers {
        writer.provider(provider).unwrap();
    }
    let of = sample.amendments_of(sample.patient.id);
    writer
        .patient(&sample.patient, Some(&sample.user), of)
        .unwrap();
    for visit in &sample.visits {
        writer.visit(visit, sample.amendments_of(visit.id)).unwrap();
    }
    for record in &sample.records {
        writer
            .record(record, sample.amendments_of(record.id))
            .unwrap();
    }
    for (file, _) in &sample.files {
        writer
            .file(file, None, sample.amendments_of(file.id))
            .unwrap();
    }
    writer.finish().unwrap()
}

/// The bodies with the keys of exported entries instead of those of the source.
fn rekeyed(mut bodies: Bodies) -> Bodies {
    let key = |key: &String| id_of(key).urn().to_string();
    for (it, account, _) in &mut bodies.providers {
        *it = key(it);
        // How to reach a provider is no part of a chart.
        for field in ["address", "phone", "notification_email"] {
            account.as_object_mut().unwrap().remove(field);
        }
    }
    for (it, _, _, provider) in &mut bodies.visits {
        *it = key(it);
        *provider = provider.as_ref().map(key);
    }
    for (it, _, visit) in &mut bodies.records {
        *it = key(it);
        *visit = visit.as_ref().map(key);
    }
    bodies
}

fn resources(bundle: &[u8]) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap().clone();
    entries
        .into_iter()
        .map(|mut it| it["resource"].take())
        .collect()
}

#[test]
fn an_import_of_an_exported_chart_makes_the_same_chart() {
    for (name, bundle) in bundles() {
        let imported = bodies(&bundle);
        let again = bodies(&exported(&rows(&imported)));
        let expected = rekeyed(imported);
        assert!(expected.records.len() > 50, "{name}");
        assert_eq!(again.refused, [""; 0], "{name}");
        assert_eq!(again.patient, expected.patient, "{name}");
        assert_eq!(again.user, expected.user, "{name}");
        assert_eq!(again.providers, expected.providers, "{name}");
        for (again, expected) in again.visits.iter().zip(&expected.visits) {
            assert_eq!(again, expected, "{name}");
        }
        assert_eq!(again.visits.len(), expected.visits.len());
        for (again, expected) in again.records.iter().zip(&expected.records) {
            assert_eq!(again, expected, "{name}");
        }
        assert_eq!(again.records.len(), expected.records.len());
    }
}

#[test]
fn an_import_reads_what_the_complete_chart_says() {
    let again = bodies(&exported(&complete()));
    let read = |index: usize| {
        let key = id_of(&format!("record {index}")).urn().to_string();
        let found = again.records.iter().find(|(it, ..)| *it == key);
        found.map(|(_, body, _)| body.clone())
    };
    // An import refuses what has no status where R4 has no code for that.
    assert_eq!(
        again.refused,
        [
            "lacks lifecycleStatus",
            "lacks lifecycleStatus",
            "lacks status",
            "lacks status"
        ]
    );
    let mut others = Vec::new();
    for (index, body) in complete_records().iter().enumerate() {
        let Some(read) = read(index) else { continue };
        if read != *body {
            others.push(index);
        }
        // The kind of the record and its concept never change.
        assert_eq!(read["record_type"], body["record_type"], "{index}");
        for field in ["code", "medication", "vaccine", "category"] {
            let (now, then) = (&read["content"][field], &body["content"][field]);
            let is_renamed = body["diagnosis"].is_string() || body["treatment"].is_string();
            assert!(now == then || is_renamed, "{index} {field}: {now} {then}");
        }
        // A value never changes its number, unit or kind.
        let (now, then) = (&read["content"]["value"], &body["content"]["value"]);
        let has_lines = then["text"].as_str().is_some_and(|it| it.contains('\n'));
        assert!(now == then || has_lines, "{index}: {now} {then}");
    }
    // What an import has no place for: extensions, words beside a code or a time, several lines, and statuses that R4 doesn't
    // have or demands.
    assert_eq!(
        others,
        [1, 2, 6, 12, 16, 22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 35]
    );
}

#[test]
fn nothing_negated_is_read_as_true() {
    let sample = complete();
    let all = resources(&exported(&sample));
    let of = |index: usize| {
        let id = json!(id_of(&format!("record {index}")));
        all.iter().find(|it| it["id"] == id).unwrap()
    };
    assert_eq!(
        of(3)["verificationStatus"]["coding"][0]["code"],
        "entered-in-error"
    );
    assert_eq!(of(5)["status"], "not-done");
    // A status of another vocabulary isn't guessed.
    assert_eq!(of(6)["status"], "unknown");
    assert_eq!(
        of(6)["_status"]["extension"][0]["valueString"],
        "done twice"
    );
    let immunizations: Vec<_> = all
        .iter()
        .filter(|it| it["resourceType"] == "Immunization" && it.get("status").is_none())
        .collect();
    assert_eq!(immunizations.len(), 2);
}

#[test]
fn an_entry_leads_to_the_statements_about_it() {
    let sample = complete();
    let all = resources(&exported(&sample));
    let entry = json!(sample.records[0].id);
    let entry = all.iter().find(|it| it["id"] == entry).unwrap();
    let links = entry["extension"].as_array().unwrap().iter();
    let links: Vec<_> = links
        .filter(|it| it["url"] == "urn:caretrail:fhir:amendment")
        .collect();
    assert_eq!(links.len(), 7);
    for link in links {
        let target = link["valueReference"]["reference"].as_str().unwrap();
        let target = target.strip_prefix("urn:uuid:").unwrap();
        let target = all.iter().find(|it| it["id"] == target).unwrap();
        assert_eq!(target["resourceType"], "DocumentReference");
        let related = &target["context"]["related"][0]["reference"];
        assert_eq!(*related, format!("urn:uuid:{}", sample.records[0].id));
    }
}

#[test]
fn digits_and_custom_data_are_kept() {
    let text = String::from_utf8(exported(&complete())).unwrap();
    for kept in [
        "6.30",
        "5.60",
        "0.50",
        "4.50",
        r#"\"score\":1.50"#,
        "2026-03-01T08:00:00.123456Z",
    ] {
        assert!(text.contains(kept), "{kept}");
    }
}

#[test]
fn each_extension_is_in_the_guide() {
    fn urls(value: &Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|it| urls(it, found)),
            Value::Object(fields) => {
                let url = fields.get("url").and_then(Value::as_str);
                let ours = url.and_then(|it| it.strip_prefix("urn:caretrail:fhir:"));
                found.extend(ours.map(str::to_owned));
                fields.values().for_each(|it| urls(it, found));
            }
            _ => {}
        }
    }
    let guide = include_str!("../../../docs/export.md");
    let table = guide.split("## Extensions").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut used = std::collections::BTreeSet::new();
    for resource in resources(&exported(&complete())) {
        urls(&resource, &mut used);
    }
    for name in &used {
        assert!(
            table.contains(&format!("`{name}`")),
            "add {name} to docs/export.md"
        );
    }
    // The chart has all that there are, so the guide names no other.
    let named = table.split("\n| `").skip(1);
    let named = named.flat_map(|row| row.split(" |").next().unwrap().split(", "));
    for name in named.map(|it| it.trim_matches('`')) {
        assert!(
            used.contains(name),
            "{name} isn't used by the complete chart"
        );
    }
}
