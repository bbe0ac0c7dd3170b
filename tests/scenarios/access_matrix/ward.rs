//! People, and things in every relation to them.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use tests::prelude::*;

use super::table::{Relation, Relations};

/// The kind of thing that an endpoint requests or a table contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The caller's own profile.
    Oneself,
    User,
    Patient,
    Provider,
    Visit,
    Record,
    File,
    /// An account with the role PATIENT that isn't registered as a patient.
    FuturePatient,
    /// An account with the role PROVIDER that isn't registered as a provider.
    FutureProvider,
    /// A legal hold on everything.
    Hold,
    /// A webhook.
    Webhook,
    /// The id of a webhook that doesn't exist yet.
    FutureWebhook,
    /// A patient whom every caller has just found by name and date of birth.
    FoundPatient,
    /// An emergency access, which has ended.
    EmergencyAccess,
    /// A sealed row of the audit log.
    AuditRow,
    /// An alert.
    Alert,
    /// An incident that affects Ada. If it is completed, it is a breach and notices are sent.
    Incident,
    /// An activity review that nobody has signed.
    ActivityReview,
    /// An amendment of a record.
    Amendment,
    /// A request for access to a patient's data.
    Export,
    /// A representation. A new one like it is not confirmed.
    Representative,
    /// A recorded disclosure.
    Disclosure,
    /// A request for an accounting of disclosures. If it is completed, it is provided.
    Accounting,
    /// A thing that belongs to nobody.
    Nobodys,
}

/// The state in which a visit or file is created. An amendment is requested (`ToCome`), denied (`Completed`), denied with a
/// disagreement (`Begun`) or accepted (`Announced`). A request for access is open, answered, denied or under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    ToCome,
    Begun,
    Completed,
    Announced,
}

/// A thing that callers request.
#[derive(Clone, Debug)]
pub struct Thing {
    pub kind: Kind,
    pub id: Uuid,
    /// A description for failure messages.
    pub name: String,
    /// The users to whom it belongs.
    pub owners: Vec<Uuid>,
    /// The patient whose chart contains it.
    pub patient: Option<Uuid>,
    /// The provider of a visit or record.
    pub provider: Option<Uuid>,
    /// Whether it isn't held.
    pub released: bool,
    /// The user who uploaded it.
    pub uploader: Option<Uuid>,
    /// The users who have the patient in care or represent them, and how.
    pub care: Care,
    /// Whether it is cancelled. A new visit like it would not be.
    pub is_cancelled: bool,
}

impl Thing {
    /// Returns its relations to this user.
    pub fn relations(&self, user: Uuid) -> Relations {
        let care = self.care.iter().filter(|(member, _)| *member == user);
        let mut relations: Relations = care.map(|(_, relation)| *relation).collect();
        let is_own = self.owners.contains(&user);
        if is_own {
            relations.insert(Relation::Own);
        }
        if is_own || relations.contains(&Relation::Represented) {
            if self.released {
                relations.insert(Relation::Released);
            }
            if self.uploader == Some(user) {
                relations.insert(Relation::Uploaded);
            }
        }
        if relations.is_empty() {
            relations.insert(Relation::None);
        }
        relations
    }

    /// Returns the source system that it came from.
    fn source(&self) -> Option<&'static str> {
        let is_imported = self
            .care
            .iter()
            .any(|(_, relation)| *relation == Relation::Source);
        is_imported.then_some(SOURCE)
    }

    /// Returns the `owner_type` of a file like this.
    pub fn owner_type(&self) -> &'static str {
        match self.patient {
            Some(_) => "PATIENT",
            None => "PROVIDER",
        }
    }
}

/// Users who have a patient in care or represent them, and how.
type Care = Vec<(Uuid, Relation)>;

/// A chart, and the users who have its patient in care or represent them.
#[derive(Clone, Debug)]
struct Chart {
    patient: Patient,
    care: Care,
    name: &'static str,
}

/// The world of the access matrix.
pub struct Ward {
    pub world: World,
    /// One caller of each role: Ada (patient), Vera (provider), an administrator, an officer, Nora
    /// (nurse), a user at the front desk, a third party and an importer.
    pub callers: Vec<Actor>,
    /// The nurse who has patients in care.
    pub nora: Actor,
    /// The provider who has patients in care.
    pub vera: Provider,
    /// The provider who has visits with all patients.
    pub walt: Provider,
    /// The provider who will be assigned.
    pub xena: Provider,
    /// The importer of [`SOURCE`].
    pub importer: Actor,
    /// A provider from [`SOURCE`].
    pub ivo: Provider,
    pub things: Vec<Thing>,
    /// The administrator who proposes what others approve.
    proposer: Actor,
    charts: Vec<Chart>,
    hours: AtomicU32,
}

/// Whether users of the first role keep the accounts of the second: a migration says so, or the second can do
/// no more than the first.
fn keeps(keeper: &str, kept: &str) -> bool {
    match keeper {
        "ADMIN" => kept != "COMPLIANCE_OFFICER",
        "FRONT_DESK" => ["PATIENT", "FRONT_DESK", "THIRD_PARTY"].contains(&kept),
        // They change the accounts that came from their source system, whatever the role.
        "IMPORTER" => false,
        _ => keeper == kept,
    }
}

/// The table whose custom data has a registered schema.
pub const SCHEMA_TABLE: &str = "file_metadata";

/// The source system of the importer.
pub const SOURCE: &str = "urn:example:source";

/// Returns a role that is created over the API.
fn made_role() -> (&'static str, Value) {
    (
        "THIRD_PARTY",
        json!({"providers:read": "ALL", "appointments:read": "ALL"}),
    )
}

impl Ward {
    pub async fn new() -> Self {
        let world = World::new().await;
        let admin = world.admin().await;
        let (role, permissions) = made_role();
        let body = json!({"description": "Made over the API", "permissions": permissions});
        let path = format!("/v1/roles/{role}");
        admin.send(Method::PUT, &path, Some(body)).await.expect(200);
        let schema =
            json!({"schema": {"type": "object", "properties": {"box": {"type": "string"}}}});
        let path = format!("/v1/custom-data-schemas/{SCHEMA_TABLE}");
        admin
            .send(Method::PUT, &path, Some(schema))
            .await
            .expect(200);

        let ada = world.patient("Ada").await;
        let (vera, walt) = (world.provider("Vera").await, world.provider("Walt").await);
        let nora = world.user("NURSE", "Nora").await;
        let importer = world.importer(SOURCE).await;
        let callers = vec![
            Actor::clone(&ada),
            Actor::clone(&vera),
            admin,
            world.officer().await,
            nora.clone(),
            world.user("FRONT_DESK", "Fred").await,
            world.user(role, "Theo").await,
            importer.clone(),
        ];
        let mut ward = Self {
            nora,
            importer,
            ivo: world.provider_from(Some(SOURCE), "Ivo").await,
            xena: world.provider("Xena").await,
            proposer: world.admin().await,
            world,
            callers,
            vera,
            walt,
            things: Vec::new(),
            charts: Vec::new(),
            hours: AtomicU32::new(0),
        };
        ward.fill(ada).await;
        ward
    }

    async fn fill(&mut self, ada: Patient) {
        use Relation::{Assigned, Covered, Referred, Represented, Treated};
        let (vera, nora) = (self.vera.user, self.nora.user);
        // A provider's rights don't reach the patients whom they represent.
        let represented = self.chart("kim", &[]).await;
        let represented = represented.with(ada.user, Represented);
        let represented = represented.with(vera, Represented);
        for (user, patient) in [
            (ada.user, &represented.patient),
            (vera, &represented.patient),
            (self.xena.user, &ada),
        ] {
            let id = self.world.represent(user, patient, None).await;
            self.things.push(Thing {
                owners: vec![user, patient.user],
                patient: Some(patient.id),
                ..person(Kind::Representative, id, "a representation", user)
            });
        }
        self.relate(&ada, vera, Assigned).await;
        let ada = Chart {
            patient: ada,
            care: vec![(vera, Assigned)],
            name: "ada",
        };
        let assigned = [(vera, Assigned), (nora, Covered)];
        let assigned = self.chart("anna", &assigned).await;
        let referred = [(vera, Referred), (nora, Referred)];
        let referred = self.chart("rita", &referred).await;
        let covered = self.chart("cora", &[(vera, Covered)]).await;
        let stranger = self.chart("nell", &[]).await;
        // Their visits to Vera are past, future and cancelled.
        let treated = self.chart("tara", &[]).await.with(vera, Treated);
        let booked = self.chart("bea", &[]).await.with(vera, Treated);
        let cancelled = self.chart("cara", &[]).await;
        for (chart, status, state) in [
            (&treated, "COMPLETED", State::Completed),
            (&booked, "SCHEDULED", State::ToCome),
            (&cancelled, "CANCELLED", State::ToCome),
        ] {
            let visit = self.visit(chart, &self.vera, status, state).await;
            self.things.push(visit);
        }
        let expired = self
            .chart("edna", &[(vera, Covered), (nora, Covered)])
            .await;
        let expired = self.without_care(expired, "until = now()").await;
        let suspended = self
            .chart("susi", &[(vera, Referred), (nora, Referred)])
            .await;
        let suspended = self.without_care(suspended, "is_suspended = true").await;
        let self_made = self.chart("selma", &[]).await;
        let visit = self.written_up_alone(&self_made).await;
        self.things.push(visit);
        // What the importer brought in. What else is in this chart isn't theirs.
        let imported = self
            .chart("ida", &[(self.importer.user, Relation::Source)])
            .await;
        let visit = self
            .visit(&imported, &self.ivo, "SCHEDULED", State::ToCome)
            .await;
        self.things.push(visit);
        for released in [true, false] {
            let record = self.record(&imported, &self.ivo, released).await;
            self.things.push(record);
        }
        // Vera wrote this record but no longer cares for the patient.
        let written = self.record(&stranger, &self.vera, true).await;
        self.things.push(written);
        self.charts = vec![
            ada,
            represented,
            assigned,
            treated,
            booked,
            referred,
            covered,
            cancelled,
            expired,
            suspended,
            self_made,
            stranger,
            imported,
        ];
        // Walt covers for all of them, so that each has a row that the API can change.
        for chart in &self.charts {
            self.relate(&chart.patient, self.walt.user, Covered).await;
        }

        let mut things = Vec::new();
        for chart in &self.charts {
            things.push(chart.person(Kind::Patient, chart.patient.id));
            things.push(chart.person(Kind::User, chart.patient.user));
            things.push(
                self.visit(chart, &self.walt, "SCHEDULED", State::ToCome)
                    .await,
            );
            things.push(self.export(chart, State::ToCome).await);
            for released in [true, false] {
                let record = self.record(chart, &self.walt, released).await;
                things.push(self.amendment(chart, &record, State::ToCome).await);
                things.push(record);
            }
            for uploader in [chart.patient.user, self.walt.user, self.callers[0].user] {
                things.push(self.file(Some(chart), chart.patient.user, uploader).await);
            }
            let disclosure = self.world.disclosure(chart.patient.id).await;
            things.push(chart.person(Kind::Disclosure, disclosure));
            let accounting = self.world.accounting(chart.patient.id).await;
            things.push(chart.person(Kind::Accounting, accounting));
        }
        for (name, member) in [
            ("nell", vera),
            ("nell", nora),
            ("ada", self.walt.user),
            ("kim", self.walt.user),
        ] {
            let chart = self.charts.iter().find(|chart| chart.name == name).unwrap();
            let id = self
                .world
                .emergency(chart.patient.id, member, "5 hours")
                .await;
            let mut access = chart.person(Kind::EmergencyAccess, id);
            access.owners = vec![member, chart.patient.user];
            // A representative reads it, and nobody who has the patient in care does.
            access.care.retain(|(_, relation)| *relation == Represented);
            access.name = format!("an emergency access to {name}");
            things.push(access);
        }
        for (provider, name) in [
            (&self.vera, "vera"),
            (&self.walt, "walt"),
            (&self.xena, "xena"),
            (&self.ivo, "ivo"),
        ] {
            for (kind, id) in [(Kind::Provider, provider.id), (Kind::User, provider.user)] {
                let mut thing = person(kind, id, name, provider.user);
                if provider.id == self.ivo.id {
                    thing.care.push((self.importer.user, Relation::Source));
                }
                things.push(thing);
            }
            things.push(self.file(None, provider.user, provider.user).await);
        }
        for caller in &self.callers[2..] {
            things.push(person(
                Kind::User,
                caller.user,
                caller.role.unwrap(),
                caller.user,
            ));
        }
        for role in ["ADMIN", "FRONT_DESK", "COMPLIANCE_OFFICER"] {
            let other = self.world.user(role, "Otto").await;
            things.push(person(Kind::User, other.user, role, other.user));
        }
        let proposer = self.proposer.user;
        things.push(person(Kind::User, proposer, "the proposer", proposer));
        for thing in things.iter_mut().filter(|thing| thing.kind == Kind::User) {
            let role = self.role_of(thing.id).await;
            for caller in &self.callers {
                if caller.user != thing.id && keeps(caller.role.unwrap(), &role) {
                    thing.care.push((caller.user, Relation::Kept));
                }
            }
        }
        self.things.extend(things);
    }

    async fn role_of(&self, user: Uuid) -> String {
        let role = "select role from user_profiles where id = $1";
        self.world.sql(role, &[&user]).await[0].get(0)
    }

    /// Returns the things of a kind as this caller would request them.
    pub fn asked_by(&self, kind: Kind, caller: &Actor) -> Vec<Thing> {
        match kind {
            Kind::Oneself => self
                .of(Kind::User)
                .filter(|thing| thing.id == caller.user)
                .cloned()
                .collect(),
            Kind::FuturePatient
            | Kind::FutureProvider
            | Kind::Hold
            | Kind::Webhook
            | Kind::FutureWebhook
            | Kind::FoundPatient
            | Kind::AuditRow
            | Kind::Alert
            | Kind::Incident
            | Kind::ActivityReview
            | Kind::Nobodys => {
                let mut thing = Thing {
                    owners: Vec::new(),
                    ..person(kind, Uuid::now_v7(), "nobody's", caller.user)
                };
                if caller.user == self.importer.user {
                    thing.care.push((caller.user, Relation::Source));
                }
                vec![thing]
            }
            kind => self.of(kind).cloned().collect(),
        }
    }

    /// Returns the things of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Thing> {
        self.things.iter().filter(move |thing| thing.kind == kind)
    }

    /// Returns this patient's chart.
    pub fn chart_of(&self, patient: &Actor) -> Uuid {
        let chart = self
            .charts
            .iter()
            .find(|chart| chart.patient.user == patient.user);
        chart.unwrap().patient.id
    }

    /// Creates another thing with the same relations, for a request that changes it.
    pub async fn another(&self, thing: &Thing, state: State) -> Thing {
        let chart = self
            .charts
            .iter()
            .find(|chart| Some(chart.patient.id) == thing.patient);
        let provider = [&self.vera, &self.walt, &self.xena, &self.ivo]
            .into_iter()
            .find(|provider| Some(provider.id) == thing.provider);
        match (thing.kind, chart) {
            (Kind::Visit, Some(chart)) => {
                let status = if state == State::Completed {
                    "COMPLETED"
                } else {
                    "SCHEDULED"
                };
                let visit = self.visit(chart, provider.unwrap(), status, state).await;
                if chart.care.is_empty() {
                    // The new visit must give as little care as the one like it.
                    let ended = "update care_relations set until = now()
                         where source = $1 and member_id = $2";
                    self.world.sql(ended, &[&visit.id, &self.vera.user]).await;
                }
                visit
            }
            (Kind::Record, Some(chart)) => {
                self.record(chart, provider.unwrap(), thing.released).await
            }
            (Kind::Amendment, Some(chart)) => {
                let record = self.record(chart, provider.unwrap(), thing.released).await;
                self.amendment(chart, &record, state).await
            }
            (Kind::Export, Some(chart)) => self.export(chart, state).await,
            (Kind::File, chart) => {
                let file = self
                    .file(chart, thing.owners[0], thing.uploader.unwrap())
                    .await;
                if state == State::Announced {
                    let announced =
                        "update file_metadata set status = 'PENDING', upload_date = null,
                         upload_id = null where id = $1";
                    self.world.sql(announced, &[&file.id]).await;
                }
                file
            }
            (Kind::User | Kind::Patient, Some(chart)) => {
                let chart = self.chart("another", &chart.care).await;
                let id = if thing.kind == Kind::User {
                    self.propose(chart.patient.user).await;
                    chart.patient.user
                } else {
                    chart.patient.id
                };
                Thing {
                    care: thing.care.clone(),
                    ..chart.person(thing.kind, id)
                }
            }
            (Kind::Provider, _) => {
                let provider = self.world.provider_from(thing.source(), "Another").await;
                let unverified = "update providers set is_verified = false where id = $1";
                self.world.sql(unverified, &[&provider.id]).await;
                Thing {
                    care: thing.care.clone(),
                    ..person(Kind::Provider, provider.id, "another", provider.user)
                }
            }
            (Kind::User, None) => {
                let role = self.role_of(thing.id).await;
                self.account(&role, thing).await
            }
            (Kind::AuditRow, _) => {
                self.world.seal().await;
                let first = "select id from audit_logs order by id limit 1";
                Thing {
                    id: self.world.sql(first, &[]).await[0].get(0),
                    ..thing.clone()
                }
            }
            (Kind::Alert, _) => Thing {
                id: self.world.alert(self.vera.user, None).await,
                ..thing.clone()
            },
            (Kind::Incident, _) => {
                let patients = [self.chart_of(&self.callers[0])];
                let id = match state {
                    State::Completed => self.world.breach(&patients).await,
                    _ => self.world.incident(&patients).await,
                };
                Thing {
                    id,
                    ..thing.clone()
                }
            }
            (Kind::ActivityReview, _) => Thing {
                id: self.world.activity_review().await,
                ..thing.clone()
            },
            (Kind::Hold, _) => {
                let id = Uuid::now_v7();
                let place = "insert into legal_holds (id, reason) values ($1, 'Case 7')";
                self.world.sql(place, &[&id]).await;
                Thing {
                    id,
                    ..thing.clone()
                }
            }
            (Kind::Webhook, _) => {
                let id = Uuid::now_v7();
                let create =
                    "insert into webhooks (id, url) values ($1, 'https://events.example.org')";
                self.world.sql(create, &[&id]).await;
                Thing {
                    id,
                    ..thing.clone()
                }
            }
            (Kind::FoundPatient, _) => {
                let patient = self.world.patient("Found").await;
                let callers: Vec<_> = self.callers.iter().map(|caller| caller.user).collect();
                let search = "insert into emergency_searches (member_id, patient_id) select unnest($1::uuid[]), $2";
                self.world.sql(search, &[&callers, &patient.id]).await;
                Thing {
                    id: patient.id,
                    patient: Some(patient.id),
                    ..thing.clone()
                }
            }
            (Kind::EmergencyAccess, _) => {
                let patient = self.world.patient("another").await;
                let ago = match state {
                    State::Completed => "5 hours",
                    _ => "0 hours",
                };
                let member = thing.owners[0];
                Thing {
                    id: self.world.emergency(patient.id, member, ago).await,
                    patient: Some(patient.id),
                    ..thing.clone()
                }
            }
            (Kind::Representative, Some(chart)) if chart.patient.user == self.callers[0].user => {
                let user = self.world.user("PATIENT", "Otto").await.user;
                let link = self
                    .world
                    .enter_representative(user, &chart.patient, "GUARDIAN", None);
                Thing {
                    id: link.await,
                    ..thing.clone()
                }
            }
            (Kind::Representative, _) => {
                let user = thing.owners[0];
                let patient = self.world.patient("another").await;
                Thing {
                    id: self
                        .world
                        .enter_representative(user, &patient, "GUARDIAN", None)
                        .await,
                    patient: Some(patient.id),
                    ..thing.clone()
                }
            }
            (Kind::Disclosure, Some(chart)) => {
                let id = self.world.disclosure(chart.patient.id).await;
                chart.person(Kind::Disclosure, id)
            }
            (Kind::Accounting, Some(chart)) => {
                let patient = chart.patient.id;
                let id = match state {
                    State::Completed => self.world.provided_accounting(patient).await,
                    _ => self.world.accounting(patient).await,
                };
                chart.person(Kind::Accounting, id)
            }
            (Kind::FutureWebhook, _) => Thing {
                id: Uuid::now_v7(),
                ..thing.clone()
            },
            (Kind::FuturePatient, _) => self.account("PATIENT", thing).await,
            (Kind::FutureProvider, _) => self.account("PROVIDER", thing).await,
            _ => thing.clone(),
        }
    }

    async fn account(&self, role: &str, thing: &Thing) -> Thing {
        let id = match role {
            "IMPORTER" => self.world.importer(SOURCE).await.user,
            // An actor of this role is never needed.
            _ => {
                let source = thing.source();
                let id = self.world.user_from(source, "PATIENT", "Later").await.user;
                let change = "update user_profiles set role = $2 where id = $1";
                self.world.sql(change, &[&id, &role]).await;
                id
            }
        };
        self.propose(id).await;
        Thing {
            id,
            ..thing.clone()
        }
    }

    /// Proposes another sign-in for the account, so that somebody can approve it.
    async fn propose(&self, user: Uuid) {
        let propose =
            "update user_profiles set proposed_subject = gen_random_uuid(), proposed_by = $2
                       where id = $1";
        self.world.sql(propose, &[&user, &self.proposer.user]).await;
    }

    /// Returns a time that no other visit uses.
    pub fn time(&self, state: State) -> String {
        let hours = self.hours.fetch_add(1, Ordering::Relaxed).into();
        let first: Timestamp = match state {
            State::ToCome => "2031-01-01T00:00:00Z".parse().unwrap(),
            // Care lasts for some time after a visit.
            _ => Timestamp::now() - TimeDelta::days(300),
        };
        (first + TimeDelta::hours(hours)).to_string()
    }

    /// Creates a chart of a new patient who is in the care of these users, or represented by them.
    async fn chart(&self, name: &'static str, care: &[(Uuid, Relation)]) -> Chart {
        let is_imported = care
            .iter()
            .any(|(_, relation)| *relation == Relation::Source);
        let source = is_imported.then_some(SOURCE);
        let patient = self.world.patient_from(source, name).await;
        for (member, relation) in care {
            self.relate(&patient, *member, *relation).await;
        }
        Chart {
            patient,
            care: care.to_vec(),
            name,
        }
    }

    /// Gives the user the patient in care, or lets the user represent them.
    async fn relate(&self, patient: &Patient, member: Uuid, relation: Relation) {
        match relation {
            Relation::Assigned => self.world.assign(patient, &self.vera).await,
            Relation::Treated => {
                let at = self.time(State::Completed);
                self.world
                    .visit(patient, &self.vera, &at, "COMPLETED")
                    .await;
            }
            Relation::Referred => {
                self.world
                    .grant(patient, member, "REFERRAL", "9 days")
                    .await
            }
            Relation::Covered => self.world.grant(patient, member, "COVER", "9 days").await,
            Relation::Represented => {
                self.world.represent(member, patient, None).await;
            }
            Relation::Source => {}
            _ => panic!("{relation:?} is no care"),
        }
    }

    /// Changes the relations of this chart so that they give no care.
    async fn without_care(&self, chart: Chart, change: &str) -> Chart {
        let statement = format!("update care_relations set {change} where patient_id = $1");
        self.world.sql(&statement, &[&chart.patient.id]).await;
        Chart {
            care: Vec::new(),
            ..chart
        }
    }

    /// Creates a past visit that Vera alone wrote up while the patient was assigned to her.
    async fn written_up_alone(&self, chart: &Chart) -> Thing {
        self.world.assign(&chart.patient, &self.vera).await;
        let body = json!({
            "patient_id": chart.patient.id, "provider_id": self.vera.id,
            "scheduled_at": self.time(State::Completed), "duration_minutes": 30
        });
        let visit = self.vera.post("/v1/appointments", body).await.expect(201);
        let unassign = "update patients set assigned_providers = '{}' where id = $1";
        self.world.sql(unassign, &[&chart.patient.id]).await;
        chart.visit(visit.id(), &self.vera, "SCHEDULED")
    }

    async fn visit(&self, chart: &Chart, with: &Provider, status: &str, state: State) -> Thing {
        let at = self.time(state);
        let source = self.source_of(with);
        let id = self
            .world
            .visit_from(source, &chart.patient, with, &at, status)
            .await;
        self.brought_in(chart.visit(id, with, status), with)
    }

    /// The source system of what this provider does: Ivo works only there.
    fn source_of(&self, provider: &Provider) -> Option<&'static str> {
        (provider.id == self.ivo.id).then_some(SOURCE)
    }

    /// The same thing as what the importer brought in, if this provider works only there.
    fn brought_in(&self, mut thing: Thing, provider: &Provider) -> Thing {
        if self.source_of(provider).is_some() {
            thing.care.push((self.importer.user, Relation::Source));
        }
        thing
    }

    async fn record(&self, chart: &Chart, by: &Provider, released: bool) -> Thing {
        let source = self.source_of(by);
        let id = self
            .world
            .note_from(source, &chart.patient, by, "Well.")
            .await;
        // This update creates a former version, and an importer may still correct the record.
        let seen = "update medical_records set change_reason = 'x' where id = $1";
        self.world.sql(seen, &[&id]).await;
        if !released {
            self.world.hold(id, by, "1 day").await;
            // So that both ledgers have rows.
            self.world.shield(id, by).await;
        }
        let record = Thing {
            provider: Some(by.id),
            released,
            name: format!(
                "{}'s {} record",
                chart.name,
                if released { "released" } else { "held" }
            ),
            ..chart.person(Kind::Record, id)
        };
        self.brought_in(record, by)
    }

    async fn amendment(&self, chart: &Chart, record: &Thing, state: State) -> Thing {
        let id = match state {
            State::ToCome => self.world.amendment(record.id).await,
            State::Completed => self.world.denied_amendment(record.id).await,
            State::Begun => self.world.disputed_amendment(record.id).await,
            State::Announced => self.world.accepted_amendment(record.id).await,
        };
        Thing {
            provider: record.provider,
            released: record.released,
            name: format!("an amendment of {}", record.name),
            ..chart.person(Kind::Amendment, id)
        }
    }

    async fn export(&self, chart: &Chart, state: State) -> Thing {
        let patient = chart.patient.id;
        let id = match state {
            State::ToCome => self.world.export(patient).await,
            State::Completed => self.world.answered_export(patient).await,
            State::Begun => self.world.denied_export(patient).await,
            State::Announced => self.world.disputed_export(patient).await,
        };
        Thing {
            name: format!("a request for access of {}", chart.name),
            ..chart.person(Kind::Export, id)
        }
    }

    async fn file(&self, chart: Option<&Chart>, owner: Uuid, uploader: Uuid) -> Thing {
        let id = Uuid::now_v7();
        let patient = chart.map(|chart| chart.patient.id);
        let owner_type = if chart.is_some() {
            "PATIENT"
        } else {
            "PROVIDER"
        };
        self.world
            .sql(
                "insert into file_metadata
                   (id, owner_id, owner_type, patient_id, bucket, file_path, original_name, file_type,
                    file_size, sha256, status, upload_id, part_size, upload_date, inspected_at, expires_at,
                    uploaded_by)
                 values ($1::uuid, $2, $3::text::file_owner_type, $4, 'bucket', $1::text, 'x.pdf',
                   'application/pdf', 64, decode(repeat('22', 32), 'hex'), 'AVAILABLE', 'x', 64, now(), now(),
                   now(), $5)",
                &[&id, &owner, &owner_type, &patient, &uploader],
            )
            .await;
        let file = match chart {
            Some(chart) => chart.person(Kind::File, id),
            None => person(Kind::File, id, "a provider", owner),
        };
        Thing {
            name: format!(
                "a file of {} by {}",
                file.name,
                if owner == uploader {
                    "the owner"
                } else {
                    "walt"
                }
            ),
            uploader: Some(uploader),
            ..file
        }
    }

    /// Returns the current version of a thing.
    pub async fn version(&self, thing: &Thing) -> i32 {
        let table = match thing.kind {
            Kind::User | Kind::Oneself => "user_profiles",
            Kind::Patient => "patients",
            Kind::Provider => "providers",
            Kind::Visit => "appointments",
            Kind::Record => "medical_records",
            Kind::File => "file_metadata",
            Kind::FuturePatient
            | Kind::FutureProvider
            | Kind::Hold
            | Kind::Webhook
            | Kind::FutureWebhook
            | Kind::FoundPatient
            | Kind::EmergencyAccess
            | Kind::AuditRow
            | Kind::Alert
            | Kind::Incident
            | Kind::ActivityReview
            | Kind::Amendment
            | Kind::Export
            | Kind::Representative
            | Kind::Disclosure
            | Kind::Accounting
            | Kind::Nobodys => return 1,
        };
        let statement = format!("select version from {table} where id = $1");
        self.world.sql(&statement, &[&thing.id]).await[0].get(0)
    }
}

impl Chart {
    fn with(mut self, member: Uuid, relation: Relation) -> Self {
        self.care.push((member, relation));
        self
    }

    fn person(&self, kind: Kind, id: Uuid) -> Thing {
        let mut care = self.care.clone();
        if !matches!(kind, Kind::Patient | Kind::User) {
            // Where the patient came from says nothing about what is in the chart.
            care.retain(|(_, relation)| *relation != Relation::Source);
        }
        Thing {
            patient: Some(self.patient.id),
            care,
            ..person(kind, id, self.name, self.patient.user)
        }
    }

    fn visit(&self, id: Uuid, with: &Provider, status: &str) -> Thing {
        let name = format!(
            "{}'s {} visit with {}",
            self.name,
            status.to_lowercase(),
            with.email
        );
        Thing {
            owners: vec![self.patient.user, with.user],
            provider: Some(with.id),
            is_cancelled: status == "CANCELLED",
            name,
            ..self.person(Kind::Visit, id)
        }
    }
}

fn person(kind: Kind, id: Uuid, name: &str, user: Uuid) -> Thing {
    Thing {
        kind,
        id,
        name: name.to_owned(),
        owners: vec![user],
        patient: None,
        provider: None,
        released: false,
        uploader: None,
        care: Vec::new(),
        is_cancelled: false,
    }
}
