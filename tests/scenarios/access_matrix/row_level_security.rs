//! Tests row-level security alone: what each role reads and writes as `caretrail_app` without a
//! WHERE.

use std::collections::BTreeSet;

use tests::database::{JOBS, PEOPLE};
use tests::prelude::*;
use tests::ticket::{begin_job, begin_request};
use tokio_postgres::Client;

use super::table::{Relation, Relations, Table, Verdict};
use super::walls::{INSERTS, OTHERS, WALLS, Wall, insert};
use super::ward::{Kind, State, Thing, Ward};
use super::{Cells, none};

/// The actor: a caller, or SYSTEM if there is none.
#[derive(Clone, Copy)]
pub struct Who<'a>(pub Option<&'a Actor>);

impl Who<'_> {
    pub fn role(self) -> &'static str {
        self.0.map_or("SYSTEM", |caller| caller.role.unwrap())
    }

    pub fn user(self) -> Uuid {
        self.0.map_or(Uuid::nil(), |caller| caller.user)
    }

    /// The login of the functions that this actor's work runs in.
    pub fn login(self) -> &'static str {
        self.0.map_or(JOBS, |_| PEOPLE)
    }

    /// Opens a transaction as a request or an event does. Returns the SQLSTATE of an error.
    async fn begin(self, app: &Client, permission: &str) -> Result<(), String> {
        app.batch_execute("begin").await.unwrap();
        let begun = match self.0 {
            Some(caller) => begin_request(app, caller, permission).await,
            None => begin_job(app, permission).await,
        };
        begun
            .map(drop)
            .map_err(|error| error.code().unwrap().code().to_owned())
    }

    /// Opens a transaction with a permission that the actor holds.
    pub async fn act(self, app: &Client, table: &Table) {
        let held = table.functions().find_map(|function| {
            let permission = table.permission(function)?;
            table.reach(self.role(), permission).map(|_| permission)
        });
        self.begin(app, held.unwrap()).await.unwrap();
    }
}

pub async fn end(app: &Client) {
    app.batch_execute("rollback").await.unwrap();
}

#[tokio::test]
async fn row_level_security_alone_enforces_the_table() {
    let ward = Ward::new().await;
    every_table_is_known(&ward.world).await;
    let mut alone = Alone {
        table: Table::read(&ward.world).await,
        people: ward.world.connect_as(PEOPLE).await,
        jobs: ward.world.connect_as(JOBS).await,
        ward: &ward,
        cells: Cells::default(),
        problems: Vec::new(),
    };
    let callers = ward.callers.iter().map(|caller| Who(Some(caller)));
    let everybody: Vec<_> = callers.chain([Who(None)]).collect();
    for who in everybody.iter().copied() {
        alone.opens(who).await;
        for wall in &WALLS {
            alone.selects(who, wall).await;
            alone.updates(who, wall).await;
        }
        alone.reads_the_log(who).await;
    }
    // Inserts come last, because accounts are created for them.
    for who in everybody {
        alone.inserts(who).await;
    }
    none(
        alone.problems,
        "correct either a policy or a row of docs/access.md",
    );
    alone.cells.report("against row-level security alone");
}

async fn every_table_is_known(world: &World) {
    let tables = world
        .sql(
            "select relname::text from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition",
            &[],
        )
        .await;
    let known: BTreeSet<_> = WALLS.iter().map(|wall| wall.table).chain(OTHERS).collect();
    let tables = tables.iter().map(|row| row.get::<_, String>(0));
    none(
        tables.filter(|table| !known.contains(&**table)),
        "add the table to tests/scenarios/access_matrix/walls.rs",
    );
}

/// The policies without the handlers.
struct Alone<'a> {
    ward: &'a Ward,
    table: Table,
    people: Client,
    jobs: Client,
    cells: Cells,
    problems: Vec<String>,
}

impl Alone<'_> {
    /// The connection of the functions that this actor's work runs in.
    fn app(&self, who: Who<'_>) -> &Client {
        match who.0 {
            Some(_) => &self.people,
            None => &self.jobs,
        }
    }

    /// Checks that a transaction opens exactly for the functions whose permission the actor holds.
    async fn opens(&mut self, who: Who<'_>) {
        for function in self.table.functions() {
            let Some(permission) = self.table.permission(function) else {
                continue;
            };
            let expected = match self.table.cell(function, who.role()).served.is_empty() {
                true => Err("CT003".to_owned()),
                false => Ok(()),
            };
            let begun = who.begin(self.app(who), permission).await;
            end(self.app(who)).await;
            if begun != expected {
                self.problems
                    .push(format!("{} opens {function}: {begun:?}", who.role()));
            }
        }
    }

    /// Whether one of the functions serves the thing.
    fn serves(&self, who: Who<'_>, functions: &[&str], thing: &Thing) -> bool {
        let relations = thing.relations(who.user());
        functions.iter().any(|function| {
            let cell = self.table.cell(function, who.role());
            cell.verdict(&relations) == Verdict::Served
        })
    }

    /// Whether the actor may see the row. Callers always see their own profile. The name behind a
    /// patient or provider is visible with the patient or provider.
    fn shows(&self, who: Who<'_>, wall: &Wall, thing: &Thing) -> bool {
        let behind = |kind, function| {
            let mut others = self.ward.of(kind);
            others.any(|other| {
                other.owners.contains(&thing.id) && self.serves(who, &[function], other)
            })
        };
        self.serves(who, wall.reads, thing)
            || wall.kind == Kind::User
                && (thing.id == who.user()
                    || behind(Kind::Patient, "get-patient")
                    || behind(Kind::Provider, "get-provider"))
    }

    /// Compares the rows that the actor reached with the expected ones.
    fn compare(
        &mut self,
        who: Who<'_>,
        what: &str,
        things: &[&Thing],
        found: &BTreeSet<Uuid>,
        expected: impl Fn(&Self, &Thing) -> bool,
    ) {
        let known: BTreeSet<_> = things.iter().map(|thing| thing.id).collect();
        let unknown = found.difference(&known).map(ToString::to_string);
        let wrong = things
            .iter()
            .filter(|thing| found.contains(&thing.id) != expected(self, thing))
            .map(|thing| format!("{} {:?}", thing.name, thing.relations(who.user())));
        let wrong: Vec<_> = wrong
            .chain(unknown)
            .map(|thing| format!("{} {what}: {thing}", who.role()))
            .collect();
        self.problems.extend(wrong);
        let driven = things.iter().map(|thing| thing.relations(who.user()));
        self.cells.drive(what, who.role(), driven);
    }

    async fn selects(&mut self, who: Who<'_>, wall: &Wall) {
        let select = format!("select {} from {}", wall.id, wall.table);
        who.act(self.app(who), &self.table).await;
        let rows = self.app(who).query(&select, &[]).await.unwrap();
        end(self.app(who)).await;
        let found = rows.iter().map(|row| row.get(0)).collect();
        let things: Vec<_> = self
            .ward
            .of(wall.kind)
            // Records that were never held have no row in the ledgers.
            .filter(|thing| {
                !["record_releases", "record_shields"].contains(&wall.table) || !thing.released
            })
            .collect();
        self.compare(who, &select, &things, &found, |alone, thing| {
            alone.shows(who, wall, thing)
        });
    }

    /// Updates all rows, once without RETURNING and once with it, which also requires the right to
    /// read them.
    async fn updates(&mut self, who: Who<'_>, wall: &Wall) {
        let update = format!("update {} set {}", wall.table, wall.set);
        who.act(self.app(who), &self.table).await;
        let count = self.app(who).execute(&update, &[]).await;
        end(self.app(who)).await;
        let found: BTreeSet<Uuid> = if wall.updates.is_empty() {
            if count.is_ok() {
                self.problems.push(format!("{} may {update}", who.role()));
            }
            BTreeSet::new()
        } else {
            let telling = format!("{update} returning {}", wall.id);
            who.act(self.app(who), &self.table).await;
            let rows = self.app(who).query(&telling, &[]).await.unwrap();
            end(self.app(who)).await;
            let count = count.unwrap();
            if count != rows.len() as u64 {
                self.problems.push(format!(
                    "{} {update}: changes {count} rows, but RETURNING shows {}",
                    who.role(),
                    rows.len()
                ));
            }
            rows.iter().map(|row| row.get(0)).collect()
        };
        let things: Vec<_> = self.ward.of(wall.kind).collect();
        self.compare(who, &update, &things, &found, |alone, thing| {
            alone.serves(who, wall.updates, thing)
        });
    }

    /// Inserts a row for each thing that a function would create.
    async fn inserts(&mut self, who: Who<'_>) {
        let (ward, user) = (self.ward, who.user());
        for (function, kind) in INSERTS {
            for thing in ward.asked_by(kind, who.0.unwrap_or(&ward.callers[0])) {
                let thing = match kind {
                    Kind::FuturePatient | Kind::FutureProvider | Kind::FoundPatient => {
                        ward.another(&thing, State::ToCome).await
                    }
                    _ => thing,
                };
                let insert = insert(function, ward, user, &thing);
                who.act(self.app(who), &self.table).await;
                let taken = self.app(who).execute(&insert, &[]).await;
                end(self.app(who)).await;
                let taken = taken.map_err(|error| error.code().unwrap().code().to_owned());
                let expected = match self.serves(who, &[function], &thing) {
                    true => Ok(1),
                    false => Err("42501".to_owned()),
                };
                let (role, relations) = (who.role(), thing.relations(user));
                if taken != expected {
                    self.problems.push(format!(
                        "{role} inserts as {function}: {} {relations:?}: {taken:?}",
                        thing.name
                    ));
                }
                self.cells
                    .drive(&format!("insert {function}"), role, [relations]);
            }
        }
    }

    /// Checks whether the actor sees the audit log. An actor sees all of it or nothing.
    async fn reads_the_log(&mut self, who: Who<'_>) {
        let count = "select count(*) from audit_logs";
        let all: i64 = self.ward.world.sql(count, &[]).await[0].get(0);
        who.act(self.app(who), &self.table).await;
        let seen: i64 = self.app(who).query_one(count, &[]).await.unwrap().get(0);
        end(self.app(who)).await;
        let cell = self.table.cell("list-audit-logs", who.role());
        let expected = match cell.verdict(&Relations::from([Relation::None])) {
            Verdict::Served => all,
            _ => 0,
        };
        if seen != expected || all == 0 {
            self.problems
                .push(format!("{} sees {seen} of {all} audit rows", who.role()));
        }
    }
}
