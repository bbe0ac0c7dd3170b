//! Tests the handlers and row-level security together: every endpoint as its real binary, and the
//! audit row of each answer.

use std::collections::{BTreeMap, BTreeSet};

use tests::audit::AuditRow;
use tests::prelude::*;
use tests::world::template;

use super::requests::{Probe, Route, probe};
use super::table::{Cell, Relations, Table, Verdict};
use super::ward::{Kind, Thing, Ward};
use super::{Cells, none};

#[tokio::test]
async fn every_role_is_served_over_http_exactly_what_the_table_says() {
    let ward = Ward::new().await;
    let table = Table::read(&ward.world).await;
    none(
        table.differences(),
        "give roles with the same permission and reach the same cell",
    );
    let (mut cells, mut problems) = (Cells::default(), Vec::new());
    for (function, route) in endpoints() {
        let Some(probe) = probe(function, route) else {
            problems.push(format!(
                "{function}: add a valid request to tests/scenarios/access_matrix/requests.rs"
            ));
            continue;
        };
        if !table.has(function) {
            problems.push(format!("{function}: add its row to docs/access.md"));
            continue;
        }
        if table.permission(function).is_none() {
            problems.extend(asked_by_anybody(&ward, function, route, probe).await);
            continue;
        }
        for caller in &ward.callers {
            let role = caller.role.unwrap();
            let mut asked = Asked {
                ward: &ward,
                caller,
                cell: table.cell(function, role),
                function,
                route,
                probe,
                driven: Vec::new(),
                problems: Vec::new(),
            };
            if probe.is_list {
                asked.for_all().await;
            } else {
                asked.for_each().await;
            }
            let wrong = asked.problems.into_iter();
            problems.extend(wrong.map(|wrong| format!("{function} as {role}: {wrong}")));
            problems.extend(cells.add(function, role, &asked.cell, asked.driven));
        }
    }
    none(
        problems,
        "correct either the function or its row in docs/access.md",
    );
    cells.report("over HTTP");
}

/// Returns each function that a request starts. Lists come first and then the other reads, because they must find only what
/// the ward contains and not what other requests, or the preparation of one, created. HEAD is left out: it answers as GET does,
/// without the body that is compared here.
fn endpoints() -> Vec<(&'static str, Route<'static>)> {
    let routes = template().functions.iter().flat_map(|function| {
        // The rest of all paths is no endpoint of its own.
        let routes = function
            .routes
            .iter()
            .filter(|route| route.path != "$default" && route.method != "HEAD");
        routes.map(|route| (&*function.package, (&*route.method, &*route.path)))
    });
    let (reading, writing): (Vec<_>, Vec<_>) = routes
        .partition(|(function, (method, _))| *method == "GET" || function.starts_with("search-"));
    let (lists, reads): (Vec<_>, Vec<_>) = reading
        .into_iter()
        .partition(|(function, route)| probe(function, *route).is_some_and(|probe| probe.is_list));
    [lists, reads, writing].concat()
}

async fn asked_by_anybody(
    ward: &Ward,
    function: &str,
    route: Route<'_>,
    probe: Probe,
) -> Option<String> {
    let nobodys = &ward.asked_by(Kind::Nobodys, &ward.callers[0])[0];
    let anybody = ward.world.anybody();
    let answer = probe.send(ward, &anybody, route, nobodys).await;
    (answer.status != 200).then(|| format!("{function} answers {} to anyone", answer.status))
}

/// An endpoint as one caller requests it.
struct Asked<'a> {
    ward: &'a Ward,
    caller: &'a Actor,
    cell: Cell,
    function: &'a str,
    route: Route<'a>,
    probe: Probe,
    /// The tested relations between the caller and the requested things.
    driven: Vec<Relations>,
    problems: Vec<String>,
}

impl Asked<'_> {
    /// Requests one thing after the other.
    async fn for_each(&mut self) {
        for thing in self.ward.asked_by(self.probe.kind, self.caller) {
            let relations = thing.relations(self.caller.user);
            let verdict = self.cell.verdict(&relations);
            // A request that the role may never make is sent only once in each relation.
            let is_known = verdict == Verdict::Forbidden && self.driven.contains(&relations);
            if is_known || (self.probe.is_final && thing.is_cancelled) {
                continue;
            }
            let is_served = verdict == Verdict::Served;
            let subject = self.probe.subject(self.ward, &thing, is_served).await;
            let answer = self.send(&subject).await;
            let patients = Self::named(&subject);
            let wrong = self.judged(&answer, verdict, patients).await;
            self.problems
                .extend(wrong.map(|wrong| format!("{} {relations:?}: {wrong}", thing.name)));
            self.driven.push(relations);
        }
    }

    /// Requests all things at once. The list must contain exactly the things that the caller may
    /// read.
    async fn for_all(&mut self) {
        let things: Vec<&Thing> = self.ward.of(self.probe.kind).collect();
        let answer = self.send(things[0]).await;
        let verdict = match self.cell.served.is_empty() {
            true => Verdict::Forbidden,
            false => Verdict::Served,
        };
        let found: BTreeSet<_> = match answer.status {
            200 => answer.ids().into_iter().collect(),
            _ => BTreeSet::new(),
        };
        let mut unknown = found.clone();
        let mut patients = BTreeSet::new();
        for thing in things {
            let relations = thing.relations(self.caller.user);
            let is_served = self.cell.verdict(&relations) == Verdict::Served;
            unknown.remove(&thing.id);
            if found.contains(&thing.id) != is_served {
                let what = if is_served { "missing" } else { "listed" };
                self.problems
                    .push(format!("{} {relations:?} is {what}", thing.name));
            }
            if is_served {
                patients.extend(thing.patient);
            }
            self.driven.push(relations);
        }
        self.problems
            .extend(unknown.iter().map(|id| format!("{id} is listed")));
        let wrong = self.judged(&answer, verdict, Some(patients)).await;
        self.problems.extend(wrong);
    }

    async fn send(&self, thing: &Thing) -> Answer {
        self.probe
            .send(self.ward, self.caller, self.route, thing)
            .await
    }

    /// Returns the patients that the audit row must name, or none if they aren't known before the
    /// answer.
    fn named(subject: &Thing) -> Option<BTreeSet<Uuid>> {
        match subject.kind {
            // The id of a new chart is in the answer. A caller's own id is in no request.
            Kind::FuturePatient | Kind::Oneself => None,
            // Some requests are about one affected patient or list all, and the others are about the incident alone.
            Kind::Incident => None,
            _ => Some(subject.patient.into_iter().collect()),
        }
    }

    /// Returns what is wrong with the answer or its audit row.
    async fn judged(
        &self,
        answer: &Answer,
        verdict: Verdict,
        patients: Option<BTreeSet<Uuid>>,
    ) -> Option<String> {
        let (status, slug, outcome) = match verdict {
            Verdict::Served => (200..300, "", "SUCCESS"),
            Verdict::Forbidden => (403..404, "forbidden", "DENIED"),
            Verdict::Hidden => (404..405, "not-found", "DENIED"),
            Verdict::Conflict => (409..410, "conflict", "FAILURE"),
        };
        let problem = answer.body["type"].as_str().unwrap_or_default();
        if !status.contains(&answer.status) || !problem.ends_with(slug) {
            return Some(format!(
                "expected {verdict:?}, but got {} {}",
                answer.status, answer.text
            ));
        }
        let rows = self.ward.world.audit_of(answer).await;
        let [row] = rows.as_slice() else {
            return Some(format!("{} audit rows", rows.len()));
        };
        let wrong = self.misrecorded(row, outcome, patients);
        (!wrong.is_empty()).then(|| {
            format!(
                "{verdict:?} as expected, but its audit row has a wrong {}: {:?}",
                wrong.join(", "),
                row.entry
            )
        })
    }

    /// Returns what is wrong with an audit row.
    fn misrecorded(
        &self,
        row: &AuditRow,
        outcome: &str,
        patients: Option<BTreeSet<Uuid>>,
    ) -> Vec<&'static str> {
        let entry = &row.entry;
        let named: BTreeSet<Uuid> = entry.patients.iter().map(|id| (*id).into()).collect();
        let facts = BTreeMap::from([
            ("outcome", entry.outcome.label() == outcome),
            (
                "user",
                entry.user_id.map(Uuid::from) == Some(self.caller.user),
            ),
            ("role", entry.actor_role.as_deref() == self.caller.role),
            ("function", entry.application == self.function),
            (
                "patients",
                patients.is_none_or(|patients| patients == named),
            ),
            ("hash", row.is_intact()),
        ]);
        let wrong = facts.into_iter().filter(|(_, holds)| !holds);
        wrong.map(|(what, _)| what).collect()
    }
}
