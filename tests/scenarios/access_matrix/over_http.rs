//! The first wall and the second: every endpoint as its real binary.

use std::collections::{BTreeMap, BTreeSet};

use tests::audit::AuditRow;
use tests::prelude::*;
use tests::world::template;

use super::requests::{Probe, probe};
use super::table::{Relations, Table, Verdict};
use super::ward::{Kind, Thing, Ward};
use super::{Cells, none};

#[tokio::test]
async fn every_role_is_served_over_http_what_the_table_says_and_nothing_else() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    none(
        table.is_consistent(),
        "give roles that hold a permission as far the same cell",
    );

    let endpoints = endpoints();
    let listed: BTreeSet<_> = table.functions().collect();
    none(
        endpoints
            .iter()
            .filter(|(function, ..)| !listed.contains(&**function))
            .map(|(function, ..)| function.clone()),
        "give the function its row in docs/access.md",
    );

    let mut cells = Cells::default();
    let mut problems = Vec::new();
    // What reads first: it is to find what the ward holds.
    let (reading, writing): (Vec<_>, Vec<_>) = endpoints
        .iter()
        .partition(|(function, method, _)| method == "GET" || function == "search-patients");
    for (function, method, path) in reading.into_iter().chain(writing) {
        let Some(probe) = probe(function) else {
            problems.push(format!(
                "{function} is not asked: write a good request in tests/scenarios/access_matrix/requests.rs"
            ));
            continue;
        };
        let route = (method.as_str(), path.as_str());
        if table.permission(function).is_none() {
            let nobodys = &ward.asked_by(Kind::Nobodys, &ward.callers[0])[0];
            let answer = probe
                .send(&ward, &ward.world.anybody(), route, nobodys)
                .await;
            if answer.status != 200 {
                problems.push(format!("{function} answers {} to anyone", answer.status));
            }
            continue;
        }
        for caller in &ward.callers {
            let cell = table.cell(function, caller.role.unwrap());
            let found = if probe.is_list {
                asked_for_all(&ward, &table, function, caller, probe, route).await
            } else {
                asked_for_each(&ward, &table, function, caller, probe, route).await
            };
            let (driven, wrong) = found;
            problems.extend(
                wrong
                    .into_iter()
                    .map(|problem| format!("{function} as {}: {problem}", caller.role.unwrap())),
            );
            problems.extend(cells.add(function, caller.role.unwrap(), &cell, driven));
        }
    }
    none(
        problems,
        "find out which is wrong, the function or its row in docs/access.md",
    );
    cells.report("over HTTP");
}

/// Name, method and path of each function that a request starts.
fn endpoints() -> Vec<(String, String, String)> {
    let functions = template().functions.iter();
    functions
        .flat_map(|function| {
            let routes = function.routes.iter();
            routes.map(|route| {
                (
                    function.package.clone(),
                    route.method.clone(),
                    route.path.clone(),
                )
            })
        })
        .collect()
}

type Found = (Vec<Relations>, Vec<String>);

async fn asked_for_each(
    ward: &Ward,
    table: &Table,
    function: &str,
    caller: &Actor,
    probe: Probe,
    route: (&str, &str),
) -> Found {
    let cell = table.cell(function, caller.role.unwrap());
    let (mut driven, mut problems) = (Vec::new(), Vec::new());
    for thing in ward.asked_by(probe.kind, caller) {
        let relations = thing.relations(caller.user);
        // What is refused or changed is asked for once in each relation.
        let is_enough = route.0 != "GET" || cell.served.is_empty();
        if is_enough && driven.contains(&relations) || probe.is_final && thing.is_cancelled {
            continue;
        }
        let verdict = cell.verdict(&relations);
        let subject = probe
            .subject(ward, &thing, verdict == Verdict::Served)
            .await;
        let answer = probe.send(ward, caller, route, &subject).await;
        let rows = ward.world.audit_of(&answer).await;
        let wrong = judged(verdict, &answer).or_else(|| {
            let patients = named(function, probe, &subject, verdict);
            recorded(function, caller, &answer, &rows, verdict, patients)
        });
        problems.extend(wrong.map(|wrong| format!("{} ({relations:?}): {wrong}", thing.name)));
        driven.push(relations);
    }
    (driven, problems)
}

async fn asked_for_all(
    ward: &Ward,
    table: &Table,
    function: &str,
    caller: &Actor,
    probe: Probe,
    route: (&str, &str),
) -> Found {
    let cell = table.cell(function, caller.role.unwrap());
    let things: Vec<&Thing> = ward.of(probe.kind).collect();
    let driven = things
        .iter()
        .map(|thing| thing.relations(caller.user))
        .collect();
    let verdict = match cell.served.is_empty() {
        true => Verdict::Forbidden,
        false => Verdict::Served,
    };
    let answer = probe.send(ward, caller, route, things[0]).await;
    let rows = ward.world.audit_of(&answer).await;
    if let Some(wrong) = judged(verdict, &answer) {
        return (driven, vec![wrong]);
    }
    let mut problems = Vec::new();
    let mut patients = BTreeSet::new();
    if verdict == Verdict::Served {
        let found: BTreeSet<_> = answer.ids().into_iter().collect();
        let mut unknown = found.clone();
        for thing in things {
            let relations = thing.relations(caller.user);
            let expected = cell.verdict(&relations) == Verdict::Served;
            unknown.remove(&thing.id);
            if found.contains(&thing.id) != expected {
                let what = if expected { "is missing" } else { "is listed" };
                problems.push(format!("{} ({relations:?}) {what}", thing.name));
            }
            if expected {
                patients.extend(thing.patient.filter(|_| probe.kind != Kind::User));
            }
        }
        problems.extend(unknown.iter().map(|id| format!("{id} is listed")));
    }
    problems.extend(recorded(
        function,
        caller,
        &answer,
        &rows,
        verdict,
        Some(patients),
    ));
    (driven, problems)
}

/// What is wrong with an answer.
fn judged(verdict: Verdict, answer: &Answer) -> Option<String> {
    let (expected, slug) = match verdict {
        Verdict::Served => (200..300, ""),
        Verdict::Forbidden => (403..404, "forbidden"),
        Verdict::Hidden => (404..405, "not-found"),
        Verdict::Conflict => (409..410, "conflict"),
    };
    let kind = answer.body["type"].as_str().unwrap_or_default();
    let is_right = expected.contains(&answer.status) && (slug.is_empty() || kind.ends_with(slug));
    (!is_right).then(|| format!("{verdict:?}, but {} {}", answer.status, answer.text))
}

/// The patients that the audit row must name; none where that is another test's concern.
fn named(
    function: &str,
    probe: Probe,
    subject: &Thing,
    verdict: Verdict,
) -> Option<BTreeSet<Uuid>> {
    match (probe.kind, verdict) {
        // Her new chart's id is in the answer alone.
        (Kind::FuturePatient, Verdict::Served) => None,
        // Who reads her own profile is named as a patient; who reads another's, is not.
        (Kind::User | Kind::Oneself, Verdict::Served) => None,
        // A profile of one's own names nobody else.
        _ if function == "get-me" => None,
        _ => Some(subject.patient.into_iter().collect()),
    }
}

/// What is wrong with the audit rows of an answer.
fn recorded(
    function: &str,
    caller: &Actor,
    answer: &Answer,
    rows: &[AuditRow],
    verdict: Verdict,
    patients: Option<BTreeSet<Uuid>>,
) -> Option<String> {
    let [row] = rows else {
        return Some(format!("{} audit rows for {}", rows.len(), answer.text));
    };
    let entry = &row.entry;
    let outcome = match verdict {
        Verdict::Served => "SUCCESS",
        Verdict::Forbidden | Verdict::Hidden => "DENIED",
        Verdict::Conflict => "FAILURE",
    };
    let named: BTreeSet<Uuid> = entry.patients.iter().map(|id| (*id).into()).collect();
    let patients = patients.unwrap_or_else(|| named.clone());
    let facts = BTreeMap::from([
        ("outcome", entry.outcome.label() == outcome),
        ("user", entry.user_id.map(Uuid::from) == Some(caller.user)),
        ("role", entry.actor_role.as_deref() == caller.role),
        ("function", entry.application == function),
        ("patients", named == patients),
        ("hash", row.recomputed() == row.row_hash),
    ]);
    let wrong: Vec<_> = facts
        .iter()
        .filter(|(_, holds)| !**holds)
        .map(|(what, _)| *what)
        .collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "{verdict:?}, but its audit row has another {}: {entry:?}",
            wrong.join(", ")
        )
    })
}
