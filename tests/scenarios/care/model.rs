//! Compares the relations of care with a plain model, after each of many random changes over HTTP.

use std::collections::BTreeSet;

use domain::time::{TimeDelta, Timestamp};
use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::prelude::*;

use super::{providers, verify, visit};

/// A patient, provider or visit, as an index. Visits count modulo their number.
type Index = usize;

#[derive(Debug, Clone, Copy)]
enum By {
    Patient,
    Provider(Index),
    Desk,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Assign(Index, Index),
    Unassign(Index, Index),
    Book(By, Index, Index, bool),
    Move(By, Index, bool),
    Cancel(Index),
    Miss(Index),
    CheckIn(Index),
    Verify(Index, bool),
    Grant(By, Index, Index),
    End(Index, Index),
}

fn changes() -> impl Strategy<Value = Change> {
    let one = || 0..2_usize;
    let by = || {
        prop_oneof![
            Just(By::Patient),
            one().prop_map(By::Provider),
            one().prop_map(By::Provider),
            Just(By::Desk)
        ]
    };
    prop_oneof![
        2 => (one(), one()).prop_map(|(patient, provider)| Change::Assign(patient, provider)),
        3 => (one(), one()).prop_map(|(patient, provider)| Change::Unassign(patient, provider)),
        5 => (by(), one(), one(), any::<bool>())
            .prop_map(|(by, patient, provider, past)| Change::Book(by, patient, provider, past)),
        4 => (by(), 0..50_usize, any::<bool>()).prop_map(|(by, visit, past)| Change::Move(by, visit, past)),
        6 => (0..50_usize).prop_map(Change::Cancel),
        4 => (0..50_usize).prop_map(Change::Miss),
        3 => (0..50_usize).prop_map(Change::CheckIn),
        2 => (one(), any::<bool>()).prop_map(|(provider, verified)| Change::Verify(provider, verified)),
        2 => (by(), one(), one()).prop_map(|(by, patient, provider)| Change::Grant(by, patient, provider)),
        3 => (one(), one()).prop_map(|(patient, provider)| Change::End(patient, provider)),
    ]
}

#[derive(Debug, Clone)]
struct Visit {
    id: Uuid,
    patient: Index,
    provider: Index,
    at: Timestamp,
    status: &'static str,
    /// The beginning that its care is counted from. None if it is no basis.
    counted: Option<Timestamp>,
    /// Whether it ever was a basis.
    was_basis: bool,
}

/// What the database should contain.
#[derive(Debug, Default)]
struct Model {
    assigned: BTreeSet<(Index, Index)>,
    granted: BTreeSet<(Index, Index)>,
    withdrawn: BTreeSet<Index>,
    visits: Vec<Visit>,
}

impl Model {
    fn in_care(&self, patient: Index, provider: Index) -> bool {
        let visits = self.visits.iter();
        let mut bases = visits.filter(|visit| visit.counted.is_some());
        !self.withdrawn.contains(&provider)
            && (self.assigned.contains(&(patient, provider))
                || self.granted.contains(&(patient, provider))
                || bases.any(|visit| (visit.patient, visit.provider) == (patient, provider)))
    }

    /// Whether this booking is a basis.
    fn gives(&self, by: By, patient: Index, provider: Index, is_past: bool) -> bool {
        match by {
            By::Provider(own) if own == provider => self.in_care(patient, own) && !is_past,
            _ => true,
        }
    }
}

struct Practice {
    world: World,
    model: Model,
    desk: Actor,
    admin: Actor,
    patients: [Patient; 2],
    providers: [Provider; 2],
    hours: i64,
}

impl Practice {
    fn who(&self, by: By, patient: Index) -> &Actor {
        match by {
            By::Patient => &self.patients[patient],
            By::Provider(provider) => &self.providers[provider],
            By::Desk => &self.desk,
        }
    }

    /// Returns a time that no other visit uses.
    fn time(&mut self, is_past: bool) -> Timestamp {
        self.hours += 1;
        let first = match is_past {
            // Care of such a visit has not ended. The first of a month has no leap day near.
            true => format!(
                "{}T00:00:00Z",
                (Timestamp::now() - TimeDelta::days(300)).first_of_month()
            ),
            false => "2031-01-01T00:00:00Z".to_owned(),
        };
        first.parse::<Timestamp>().unwrap() + TimeDelta::hours(self.hours)
    }

    async fn change(&mut self, change: Change) {
        match change {
            Change::Assign(patient, provider) | Change::Unassign(patient, provider) => {
                let is_assigned = matches!(change, Change::Assign(..));
                let method = if is_assigned {
                    Method::PUT
                } else {
                    Method::DELETE
                };
                let path = providers(&self.patients[patient], &self.providers[provider]);
                self.admin.send(method, &path, None).await.expect(200);
                match is_assigned {
                    true => self.model.assigned.insert((patient, provider)),
                    false => self.model.assigned.remove(&(patient, provider)),
                };
            }
            Change::Book(by, patient, provider, is_past) => {
                self.book(by, patient, provider, is_past).await;
            }
            Change::Move(by, index, is_past) if !self.model.visits.is_empty() => {
                self.move_visit(by, index % self.model.visits.len(), is_past)
                    .await;
            }
            Change::Cancel(index) if !self.model.visits.is_empty() => {
                let index = index % self.model.visits.len();
                let visit = &mut self.model.visits[index];
                let path = format!("/v1/appointments/{}/cancel", visit.id);
                let answer = self.desk.post(&path, json!({"reason": "Ill"})).await;
                let is_open = ["SCHEDULED", "CHECKED_IN"].contains(&visit.status);
                gets(&answer, if is_open { 200 } else { 409 });
                if is_open {
                    visit.status = "CANCELLED";
                    visit.counted = None;
                }
            }
            Change::Miss(index) | Change::CheckIn(index) if !self.model.visits.is_empty() => {
                let index = index % self.model.visits.len();
                let visit = &mut self.model.visits[index];
                let (verb, status, from) = match change {
                    Change::Miss(_) => ("no-show", "NO_SHOW", &["SCHEDULED"][..]),
                    _ => ("check-in", "CHECKED_IN", &["SCHEDULED", "NO_SHOW"][..]),
                };
                let path = format!("/v1/appointments/{}/{verb}", visit.id);
                let answer = self.desk.post_nothing(&path).await;
                let is_allowed = from.contains(&visit.status) && visit.at < Timestamp::now();
                gets(&answer, if is_allowed { 200 } else { 409 });
                if is_allowed {
                    if status == "NO_SHOW" {
                        visit.counted = None;
                    } else if visit.status == "NO_SHOW" && visit.was_basis {
                        visit.counted = Some(visit.at);
                    }
                    visit.status = status;
                }
            }
            Change::Verify(provider, is_verified) => {
                if self.model.withdrawn.contains(&provider) == is_verified {
                    verify(&self.admin, &self.providers[provider], is_verified).await;
                    match is_verified {
                        true => self.model.withdrawn.remove(&provider),
                        false => self.model.withdrawn.insert(provider),
                    };
                }
            }
            Change::Grant(by, patient, provider) => self.grant(by, patient, provider).await,
            Change::End(patient, provider) => {
                let (chart, user) = (self.patients[patient].id, self.providers[provider].user);
                let path = format!("/v1/patients/{chart}/care/{user}");
                self.desk
                    .send(Method::DELETE, &path, None)
                    .await
                    .expect(200);
                self.model.granted.remove(&(patient, provider));
            }
            Change::Move(..) | Change::Cancel(_) | Change::Miss(_) | Change::CheckIn(_) => {}
        }
    }

    async fn book(&mut self, by: By, patient: Index, provider: Index, is_past: bool) {
        let at = self.time(is_past);
        let body = visit(
            &self.patients[patient],
            &self.providers[provider],
            &at.to_string(),
        );
        let answer = self.who(by, patient).post("/v1/appointments", body).await;
        let status = match by {
            By::Provider(own) if !self.model.in_care(patient, own) => 404,
            By::Patient if is_past => 422,
            _ if !is_past && self.model.withdrawn.contains(&provider) => 409,
            _ => 201,
        };
        gets(&answer, status);
        if status == 201 {
            let gives = self.model.gives(by, patient, provider, is_past);
            self.model.visits.push(Visit {
                id: answer.id(),
                patient,
                provider,
                at,
                status: "SCHEDULED",
                counted: gives.then_some(at),
                was_basis: gives,
            });
        }
    }

    async fn move_visit(&mut self, by: By, index: usize, is_past: bool) {
        let visit = self.model.visits[index].clone();
        let at = self.time(is_past);
        let request = self
            .who(by, visit.patient)
            .request(Method::PATCH, &format!("/v1/appointments/{}", visit.id))
            .header("if-match", "*")
            .header("content-type", "application/merge-patch+json")
            .body(
                json!({"scheduled_at": at, "reason": "Travelling"})
                    .to_string()
                    .into(),
            );
        let answer = self
            .who(by, visit.patient)
            .send_request(request.unwrap())
            .await;
        let was_past = visit.at < Timestamp::now();
        let status = match by {
            By::Provider(own) if own != visit.provider => 404,
            By::Patient if visit.status != "SCHEDULED" || was_past => 409,
            _ if visit.status != "SCHEDULED" => 409,
            By::Patient if is_past => 422,
            _ if !is_past && self.model.withdrawn.contains(&visit.provider) => 409,
            _ => 200,
        };
        gets(&answer, status);
        if status == 200 {
            let counted = match self.model.gives(by, visit.patient, visit.provider, is_past) {
                true => Some(at),
                // Such a move may shorten care and not prolong it.
                false => visit.counted.map(|counted| counted.min(at)),
            };
            self.model.visits[index].at = at;
            self.model.visits[index].counted = counted;
            self.model.visits[index].was_basis |= counted.is_some();
        }
    }

    async fn grant(&mut self, by: By, patient: Index, provider: Index) {
        let (chart, user) = (self.patients[patient].id, self.providers[provider].user);
        let path = format!("/v1/patients/{chart}/care/{user}");
        let body = json!({"basis": "COVER", "until": Timestamp::now() + TimeDelta::days(9)});
        let who = self.who(by, patient);
        let answer = who.send(Method::PUT, &path, Some(body)).await;
        let status = match by {
            By::Patient => 403,
            By::Provider(own) if !self.model.in_care(patient, own) => 404,
            By::Provider(own) if own == provider => 403,
            _ => 200,
        };
        gets(&answer, status);
        if status == 200 {
            self.model.granted.insert((patient, provider));
        }
    }

    /// Compares the stored relations, and the provider's lists, with the model.
    async fn check(&self, change: Change) {
        let found = self
            .world
            .rows(
                "select patient_id, member_id, basis, is_suspended,
                   case when basis = 'VISIT' then source end as visit,
                   case when basis = 'VISIT' then to_char(
                     until at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') end as until
                 from care_relations where until > now()",
                &[],
            )
            .await;
        let found: BTreeSet<_> = found.iter().map(Value::to_string).collect();
        let row = |patient: Index, provider: Index, basis: &str, visit: Option<&Visit>| {
            json!({
                "patient_id": self.patients[patient].id, "member_id": self.providers[provider].user,
                "basis": basis, "is_suspended": self.model.withdrawn.contains(&provider),
                "visit": visit.map(|visit| visit.id),
                "until": visit.and_then(|visit| visit.counted).map(two_years_after),
            })
            .to_string()
        };
        let assigned = self.model.assigned.iter();
        let assigned =
            assigned.map(|(patient, provider)| row(*patient, *provider, "ASSIGNMENT", None));
        let granted = self.model.granted.iter();
        let granted = granted.map(|(patient, provider)| row(*patient, *provider, "COVER", None));
        let visits = self
            .model
            .visits
            .iter()
            .filter(|visit| visit.counted.is_some());
        let visits = visits.map(|visit| row(visit.patient, visit.provider, "VISIT", Some(visit)));
        let expected: BTreeSet<_> = assigned.chain(granted).chain(visits).collect();
        assert_eq!(found, expected, "after {change:?}");

        for (index, provider) in self.providers.iter().enumerate() {
            let listed = provider.get("/v1/patients").await.ids();
            let mut in_care: Vec<_> = (0..2)
                .filter(|patient| self.model.in_care(*patient, index))
                .map(|patient| self.patients[patient].id)
                .collect();
            in_care.sort_unstable();
            assert_eq!(listed, in_care, "after {change:?}");
        }
    }
}

fn gets(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
}

/// The end of the care of a visit of half an hour that begins then.
fn two_years_after(begins: Timestamp) -> String {
    let ends = (begins + TimeDelta::minutes(30)).to_string();
    let (year, rest) = ends.split_once('-').unwrap();
    format!("{}-{rest}", year.parse::<i32>().unwrap() + 2)
}

#[tokio::test]
async fn care_is_what_a_plain_model_says_after_any_sequence_of_changes() {
    let world = World::new().await;
    let mut practice = Practice {
        desk: world.user("FRONT_DESK", "Fred").await,
        admin: world.admin().await,
        patients: [world.patient("Ada").await, world.patient("Ben").await],
        providers: [world.provider("Vera").await, world.provider("Walt").await],
        model: Model::default(),
        hours: 0,
        world,
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..400 {
        let change = changes().new_tree(&mut runner).unwrap().current();
        practice.change(change).await;
        practice.check(change).await;
    }
}
