//! One administrator alone, with as many sign-ins as they like, never reaches a chart. The test searches
//! sequences of administrative steps, past the handlers, where only the database refuses.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::database::PEOPLE;
use tests::prelude::*;
use tests::ticket::begin_request_as;
use tokio_postgres::Client;

/// The roles that accounts get.
const ROLES: [&str; 8] = [
    "ADMIN",
    "PROVIDER",
    "NURSE",
    "FRONT_DESK",
    "PATIENT",
    "COMPLIANCE_OFFICER",
    "IMPORTER",
    "MADE_UP",
];

/// Permissions that a role of one's own may get.
const PERMISSIONS: [&str; 11] = [
    r#""records:read": "CARE""#,
    r#""records:read": "OWN""#,
    r#""patients:clinical": "CARE""#,
    r#""patients:read": "ALL""#,
    r#""care:write": "ALL""#,
    r#""users:write": "ALL""#,
    r#""users:update": "ALL""#,
    r#""users:approve": "ALL""#,
    r#""roles:write": "ALL""#,
    r#""patients:assign": "ALL""#,
    r#""representatives:write": "ALL""#,
];

/// The most accounts that a sequence makes beyond those that exist.
const NEW_ACCOUNTS: usize = 4;
/// Ada with a chart, her provider Vera, and another administrator.
const EXISTING: usize = 3;
/// The person's sign-ins. The first is the administrator's.
const SIGN_INS: usize = 4;

#[derive(Clone, Debug)]
enum Deed {
    Make {
        role: usize,
        sign_in: Option<usize>,
    },
    Link {
        account: usize,
        sign_in: usize,
    },
    Change {
        account: usize,
        role: usize,
    },
    Activate {
        account: usize,
    },
    Approve {
        account: usize,
    },
    RegisterPatient {
        account: usize,
    },
    RegisterProvider {
        account: usize,
    },
    Verify {
        account: usize,
    },
    Assign {
        account: usize,
    },
    Cover {
        account: usize,
    },
    Book {
        account: usize,
    },
    Represent {
        account: usize,
    },
    Confirm,
    Redefine {
        role: usize,
        permissions: Vec<usize>,
    },
}

/// A deed of one of the person's sign-ins.
#[derive(Clone, Debug)]
struct Step {
    sign_in: usize,
    deed: Deed,
}

fn deed() -> impl Strategy<Value = Deed> {
    let account = || 0..EXISTING + NEW_ACCOUNTS;
    let (role, sign_in) = (0..ROLES.len(), 0..SIGN_INS);
    prop_oneof![
        4 => (role.clone(), proptest::option::weighted(0.9, sign_in.clone()))
            .prop_map(|(role, sign_in)| Deed::Make { role, sign_in }),
        3 => (account(), sign_in).prop_map(|(account, sign_in)| Deed::Link { account, sign_in }),
        3 => (account(), role.clone()).prop_map(|(account, role)| Deed::Change { account, role }),
        1 => account().prop_map(|account| Deed::Activate { account }),
        3 => account().prop_map(|account| Deed::Approve { account }),
        1 => account().prop_map(|account| Deed::RegisterPatient { account }),
        2 => account().prop_map(|account| Deed::RegisterProvider { account }),
        2 => account().prop_map(|account| Deed::Verify { account }),
        2 => account().prop_map(|account| Deed::Assign { account }),
        3 => account().prop_map(|account| Deed::Cover { account }),
        2 => account().prop_map(|account| Deed::Book { account }),
        3 => account().prop_map(|account| Deed::Represent { account }),
        3 => Just(Deed::Confirm),
        2 => (role, proptest::collection::vec(0..PERMISSIONS.len(), 1..4))
            .prop_map(|(role, permissions)| Deed::Redefine { role, permissions }),
    ]
}

fn sequences() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop_oneof![3 => Just(0), 2 => 1..SIGN_INS], deed());
    proptest::collection::vec(
        step.prop_map(|(sign_in, deed)| Step { sign_in, deed }),
        1..=6,
    )
}

/// What the person tries, and the chart that they want.
struct Attempt<'a> {
    app: &'a Client,
    ada: &'a Patient,
    sign_ins: [Uuid; SIGN_INS],
    existing: [Uuid; EXISTING],
}

impl Attempt<'_> {
    fn account(&self, index: usize) -> Uuid {
        match self.existing.get(index) {
            Some(account) => *account,
            None => Uuid::from_u128(index as u128),
        }
    }

    /// The permission that the endpoint of this deed needs, and its statement.
    fn statement(&self, deed: &Deed, made: &mut usize) -> (&'static str, String) {
        match deed {
            Deed::Make { role, sign_in } => {
                let id = self.account(EXISTING + *made % NEW_ACCOUNTS);
                *made += 1;
                let subject = sign_in.map_or("null".to_owned(), |sign_in| {
                    format!("'{}'", self.sign_ins[sign_in])
                });
                let role = ROLES[*role];
                (
                    "users:write",
                    format!(
                        "insert into user_profiles
                           (id, subject, first_name, last_name, role, imports_from, access_ends_at)
                         select '{id}', {subject}, 'Mallory', 'Example', '{role}',
                           case when '{role}' = 'IMPORTER' then 'urn:example:source' end,
                           case when '{role}' = 'IMPORTER' then now() + interval '1 day' end"
                    ),
                )
            }
            Deed::Link { account, sign_in } => (
                "users:update",
                format!(
                    "update user_profiles set subject = '{}' where id = '{}'",
                    self.sign_ins[*sign_in],
                    self.account(*account)
                ),
            ),
            Deed::Change { account, role } => (
                "users:update",
                format!(
                    "update user_profiles set role = '{}' where id = '{}'",
                    ROLES[*role],
                    self.account(*account)
                ),
            ),
            Deed::Activate { account } => (
                "users:update",
                format!(
                    "update user_profiles set status = 'ACTIVE' where id = '{}'",
                    self.account(*account)
                ),
            ),
            Deed::Approve { account } => (
                "users:approve",
                format!("select decide_on_user('{}', true)", self.account(*account)),
            ),
            Deed::RegisterPatient { account } => (
                "patients:write",
                format!(
                    "insert into patients (id, user_id, patient_number, date_of_birth, gender)
                     select id, id, id::text, '1990-01-01', 'other' from user_profiles where id = '{}'",
                    self.account(*account)
                ),
            ),
            Deed::RegisterProvider { account } => (
                "providers:write",
                format!(
                    "insert into providers (id, user_id, license_number)
                     select id, id, id::text from user_profiles where id = '{}'",
                    self.account(*account)
                ),
            ),
            Deed::Verify { account } => (
                "providers:verify",
                format!(
                    "update providers set is_verified = true where user_id = '{}'",
                    self.account(*account)
                ),
            ),
            Deed::Assign { account } => (
                "patients:assign",
                format!(
                    "update patients set assigned_providers = array(
                       select id from providers where user_id = '{}'
                     ) where id = '{}'",
                    self.account(*account),
                    self.ada.id
                ),
            ),
            Deed::Cover { account } => (
                "care:write",
                format!(
                    "insert into care_relations (member_id, patient_id, basis, source, until)
                     values ('{0}', '{1}', 'COVER', '{0}', now() + interval '1 day')",
                    self.account(*account),
                    self.ada.id
                ),
            ),
            Deed::Book { account } => (
                "appointments:write",
                format!(
                    "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
                     select gen_random_uuid(), '{}', id, now() + interval '1 day', 30
                     from providers where user_id = '{}'",
                    self.ada.id,
                    self.account(*account)
                ),
            ),
            Deed::Represent { account } => (
                "representatives:write",
                format!(
                    "insert into representatives (id, user_id, patient_id, basis, evidence)
                     values (gen_random_uuid(), '{}', '{}', 'GUARDIAN', 'x')",
                    self.account(*account),
                    self.ada.id
                ),
            ),
            Deed::Confirm => (
                "representatives:write",
                format!(
                    "update representatives set confirmed_at = now() where patient_id = '{}' and confirmed_at is null",
                    self.ada.id
                ),
            ),
            Deed::Redefine { role, permissions } => {
                let held: Vec<_> = permissions.iter().map(|held| PERMISSIONS[*held]).collect();
                (
                    "roles:write",
                    format!(
                        "select put_role('{0}', 'x', jsonb '{{{1}}}', (select version from roles where name = '{0}'))",
                        ROLES[*role],
                        held.join(", ")
                    ),
                )
            }
        }
    }

    /// Makes the step if the database lets it.
    async fn step(&self, step: &Step, made: &mut usize) {
        let (permission, statement) = self.statement(&step.deed, made);
        self.app.batch_execute("savepoint step").await.unwrap();
        let subject = self.sign_ins[step.sign_in];
        let done = match begin_request_as(self.app, subject, permission).await {
            Ok(()) => self.app.batch_execute(&statement).await,
            Err(refused) => Err(refused),
        };
        let end = match done {
            Ok(()) => "release step",
            Err(_) => "rollback to step",
        };
        self.app.batch_execute(end).await.unwrap();
    }

    /// Whether one of the person's sign-ins reads Ada's chart.
    async fn reads_the_chart(&self) -> bool {
        for subject in self.sign_ins {
            for (permission, chart) in [
                (
                    "records:read",
                    "select from medical_records where patient_id = $1",
                ),
                (
                    "patients:read",
                    "select from patient_profiles where id = $1 and allergies is not null",
                ),
            ] {
                self.app.batch_execute("savepoint look").await.unwrap();
                let seen = match begin_request_as(self.app, subject, permission).await {
                    Ok(()) => !self
                        .app
                        .query(chart, &[&self.ada.id])
                        .await
                        .unwrap()
                        .is_empty(),
                    Err(_) => false,
                };
                self.app.batch_execute("rollback to look").await.unwrap();
                if seen {
                    return true;
                }
            }
        }
        false
    }
}

/// Searches this many random sequences for one that ends in reading the chart.
async fn search(world: &World, count: usize) -> Option<Vec<Step>> {
    let (ann, bea) = (world.admin().await, world.admin().await);
    // Ada and her chart came from the source system of which the person makes importers.
    let source = Some("urn:example:source");
    let ada = world.patient_from(source, "Ada").await;
    let vera = world.provider_from(source, "Vera").await;
    world.assign(&ada, &vera).await;
    world.note_from(source, &ada, &vera, "confidential").await;
    let app = world.connect_as(PEOPLE).await;
    let attempt = Attempt {
        app: &app,
        ada: &ada,
        sign_ins: [ann.subject, Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()],
        existing: [ada.user, vera.user, bea.user],
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..count {
        let sequence = sequences().new_tree(&mut runner).unwrap().current();
        app.batch_execute("begin").await.unwrap();
        let mut made = 0;
        for step in &sequence {
            attempt.step(step, &mut made).await;
        }
        let reached = attempt.reads_the_chart().await;
        app.batch_execute("rollback").await.unwrap();
        if reached {
            return Some(sequence);
        }
    }
    None
}

#[tokio::test]
async fn one_administrator_alone_never_reaches_a_chart() {
    let world = World::new().await;
    let found = search(&world, 1500).await;
    assert!(found.is_none(), "{found:#?}");
}

#[tokio::test]
async fn an_administrator_with_two_sign_ins_at_the_front_desk_confirms_no_representation() {
    let world = World::new().await;
    for (rule, is_reached) in [(true, false), (false, true)] {
        migrations::set_two_person_rule(&world.superuser_url(), None, rule)
            .await
            .unwrap();
        let app = world.connect_as(PEOPLE).await;
        let (ann, ada) = (world.admin().await, world.patient("Ada").await);
        let vera = world.provider("Vera").await;
        world.note(&ada, &vera, "confidential").await;
        let attempt = Attempt {
            app: &app,
            ada: &ada,
            sign_ins: [ann.subject, Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()],
            existing: [ada.user, vera.user, ann.user],
        };
        let role = |name| ROLES.iter().position(|role| *role == name).unwrap();
        let make = |name, sign_in| Deed::Make {
            role: role(name),
            sign_in: Some(sign_in),
        };
        app.batch_execute("begin").await.unwrap();
        let mut made = 0;
        for (sign_in, deed) in [
            (0, make("FRONT_DESK", 1)),
            (0, make("FRONT_DESK", 2)),
            (0, make("PATIENT", 3)),
            (
                1,
                Deed::Represent {
                    account: EXISTING + 2,
                },
            ),
            (2, Deed::Confirm),
        ] {
            attempt.step(&Step { sign_in, deed }, &mut made).await;
        }
        assert_eq!(attempt.reads_the_chart().await, is_reached, "{rule}");
        app.batch_execute("rollback").await.unwrap();
    }
}

#[tokio::test]
async fn without_the_two_person_rule_the_same_search_finds_a_way() {
    let world = World::new().await;
    migrations::set_two_person_rule(&world.superuser_url(), None, false)
        .await
        .unwrap();
    assert!(search(&world, 1500).await.is_some());
}
