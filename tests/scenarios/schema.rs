//! Rules of the schema, which also apply to tables that are added later.

use audit::{Action, Outcome, PurposeOfUse, Relation, ResourceType};
use business_events::EventType;
use domain::accounting::{AccountingStatus, DisclosureBasis};
use domain::alert::{AccessExplanation, AlertStatus, Disposition};
use domain::amendment::{
    AmendmentDenialGround, AmendmentField, AmendmentOrigin, AmendmentRecipientSource,
    AmendmentRequester, AmendmentStatus,
};
use domain::appointment::AppointmentStatus;
use domain::care::CareBasis;
use domain::emergency::{EmergencyReason, EmergencyReview};
use domain::export::{DenialGround, ExportStatus, ReviewOutcome};
use domain::file::{FileOwnerType, FileScan, FileStatus};
use domain::incident::{
    DelayStatement, IncidentDecision, IncidentStatus, NoticeMeans, NoticeRecipient, RiskLevel,
};
use domain::patient::Gender;
use domain::record::{HoldReason, RecordType, ShieldReason};
use domain::representative::{RepresentativeBasis, RepresentativeScope};
use domain::retention::RetainedType;
use domain::user::UserStatus;
use domain::webhook::{DeliveryOutcome, DisabledReason, WebhookStatus};
use migrations::LOGINS;
use tests::database::PEOPLE;
use tests::prelude::*;

/// refinery's own table, which no policy covers.
const HISTORY: &str = "schema_history";

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let world = World::new().await;
    let before = world
        .rows("select version, name, checksum from schema_history", &[])
        .await;
    assert!(!before.is_empty());
    let report = migrations::run(&world.superuser_url(), None).await.unwrap();
    assert_eq!(report.applied, Vec::<String>::new());
    let after = world
        .rows("select version, name, checksum from schema_history", &[])
        .await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_database_of_other_migration_files_is_refused_and_left_alone() {
    for (change, first) in [
        // Edited.
        (
            "update schema_history set checksum = '1' where version = 4",
            "V0004__roles",
        ),
        // Removed.
        (
            "insert into schema_history (version, name, applied_on, checksum)
             select version + 1, 'later', applied_on, '1' from schema_history order by version desc limit 1",
            "__later",
        ),
        // Added before the last.
        (
            "delete from schema_history where version = 4",
            "V0004__roles",
        ),
    ] {
        let world = World::new().await;
        world.sql(change, &[]).await;
        let history = "select version, name, checksum from schema_history order by version";
        let before = world.rows(history, &[]).await;
        let error = migrations::run(&world.superuser_url(), None)
            .await
            .unwrap_err();
        let other = error.downcast_ref::<migrations::OtherMigrations>();
        assert!(other.unwrap().first.ends_with(first), "{error}");
        assert!(error.to_string().contains("`cargo dev reset`"), "{error}");
        assert_eq!(world.rows(history, &[]).await, before);
    }
}

#[tokio::test]
async fn every_kind_of_resource_says_whose_it_is() {
    let world = World::new().await;
    let functions = world
        .rows(
            "select upper(substr(proname, 8)) as name from pg_proc
             where pronamespace = 'public'::regnamespace and starts_with(proname, 'target_')
               and pg_get_function_identity_arguments(oid) = 'target uuid'
               and pg_get_function_result(oid) = 'SETOF uuid'
             order by proname",
            &[],
        )
        .await;
    let mut expected = ResourceType::LABELS.to_vec();
    // They have no id that a caller names.
    expected.retain(|label| {
        ![
            "ROLE",
            "ALERT_RULE",
            "AUDIT_LOG",
            "CUSTOM_DATA_SCHEMA",
            "IDEMPOTENCY_KEY",
            "RETENTION",
            "EVENT",
        ]
        .contains(label)
    });
    expected.sort_unstable();
    assert_eq!(names(&functions), expected);
}

#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let world = World::new().await;
    let without = world
        .rows(
            "select format('%s.%s', c.conrelid::regclass, c.conname) as name
             from pg_constraint c
             where c.contype = 'f' and c.connamespace = 'public'::regnamespace
               and not exists (
                 select from pg_index i
                 where i.indrelid = c.conrelid and i.indisvalid
                   -- The key's columns come first, in any order.
                   and c.conkey::int2[] <@ (i.indkey::int2[])[0:cardinality(c.conkey) - 1]
                   -- A part of the rows will do where it is those that have a key.
                   and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$')
               )
             order by name",
            &[],
        )
        .await;
    assert_eq!(names(&without), Vec::<&str>::new());
}

#[tokio::test]
async fn every_table_is_under_forced_row_level_security() {
    let world = World::new().await;
    let without = world
        .rows(
            "select relname as name from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
               and relname <> $1 and not (relrowsecurity and relforcerowsecurity)",
            &[&HISTORY],
        )
        .await;
    assert_eq!(names(&without), Vec::<&str>::new());
}

#[tokio::test]
async fn every_view_applies_the_callers_policies() {
    let world = World::new().await;
    let views = world
        .rows(
            "select relname as name, coalesce('security_invoker=true' = any (reloptions), false) as invoker
             from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v'",
            &[],
        )
        .await;
    assert_eq!(views.len(), 3);
    for view in views {
        assert_eq!(view["invoker"], true, "{view}");
    }
}

#[tokio::test]
async fn every_business_table_has_the_common_columns_and_is_archived_not_deleted() {
    let world = World::new().await;
    for table in [
        "user_profiles",
        "patients",
        "providers",
        "appointments",
        "medical_records",
        "file_metadata",
    ] {
        let columns = world
            .rows(
                "select column_name as name, data_type, is_nullable, column_default
                 from information_schema.columns where table_schema = 'public' and table_name = $1",
                &[&table],
            )
            .await;
        for (name, data_type, nullable, default) in [
            ("id", "uuid", "NO", None),
            ("custom_data", "jsonb", "YES", None),
            (
                "created_at",
                "timestamp with time zone",
                "NO",
                Some("now()"),
            ),
            (
                "updated_at",
                "timestamp with time zone",
                "NO",
                Some("now()"),
            ),
            ("is_archived", "boolean", "NO", Some("false")),
            ("archived_at", "timestamp with time zone", "YES", None),
            ("archived_by", "uuid", "YES", None),
            ("version", "integer", "NO", Some("1")),
        ] {
            let expected = json!({
                "name": name, "data_type": data_type, "is_nullable": nullable, "column_default": default
            });
            assert!(columns.contains(&expected), "{table}: {expected}");
        }
        let triggers = world
            .rows(
                "select tgname as name from pg_trigger where tgrelid = $1::text::regclass and not tgisinternal",
                &[&table],
            )
            .await;
        for trigger in ["touch", "guard_deletion", "refuse_truncate"] {
            assert!(names(&triggers).contains(&trigger), "{table}: {trigger}");
        }
    }
}

#[tokio::test]
async fn a_change_increments_the_version_and_a_deletion_is_refused_even_to_the_superuser() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    world
        .sql(
            "update patients set gender = 'other', version = 40, created_at = '2000-01-01'",
            &[],
        )
        .await;
    let changed = world
        .row(
            "select version, created_at > '2001-01-01' as kept, updated_at > created_at as later from patients",
            &[],
        )
        .await;
    assert_eq!(changed, json!({"version": 2, "kept": true, "later": true}));
    let refused = world
        .connect()
        .await
        .execute("delete from patients where id = $1", &[&ada.id])
        .await
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "23001");
}

#[tokio::test]
async fn rust_enums_match_postgresqls() {
    let world = World::new().await;
    let ours: [(&str, &[&str]); 44] = [
        ("event_type", EventType::LABELS),
        ("care_basis", CareBasis::LABELS),
        ("emergency_reason", EmergencyReason::LABELS),
        ("emergency_review", EmergencyReview::LABELS),
        ("user_status", UserStatus::LABELS),
        ("administrative_gender", Gender::LABELS),
        ("appointment_status", AppointmentStatus::LABELS),
        ("record_type", RecordType::LABELS),
        ("hold_reason", HoldReason::LABELS),
        ("shield_reason", ShieldReason::LABELS),
        ("representative_basis", RepresentativeBasis::LABELS),
        ("representative_scope", RepresentativeScope::LABELS),
        ("file_owner_type", FileOwnerType::LABELS),
        ("retained_type", RetainedType::LABELS),
        ("file_status", FileStatus::LABELS),
        ("file_scan", FileScan::LABELS),
        ("webhook_status", WebhookStatus::LABELS),
        ("webhook_disabled_reason", DisabledReason::LABELS),
        ("webhook_outcome", DeliveryOutcome::LABELS),
        ("alert_status", AlertStatus::LABELS),
        ("alert_disposition", Disposition::LABELS),
        ("access_explanation", AccessExplanation::LABELS),
        ("incident_status", IncidentStatus::LABELS),
        ("incident_decision", IncidentDecision::LABELS),
        ("risk_level", RiskLevel::LABELS),
        ("delay_statement", DelayStatement::LABELS),
        ("notice_recipient", NoticeRecipient::LABELS),
        ("notice_means", NoticeMeans::LABELS),
        ("amendment_origin", AmendmentOrigin::LABELS),
        ("amendment_status", AmendmentStatus::LABELS),
        ("amendment_requester", AmendmentRequester::LABELS),
        ("amendment_field", AmendmentField::LABELS),
        ("amendment_denial_ground", AmendmentDenialGround::LABELS),
        (
            "amendment_recipient_source",
            AmendmentRecipientSource::LABELS,
        ),
        ("export_status", ExportStatus::LABELS),
        ("denial_ground", DenialGround::LABELS),
        ("review_outcome", ReviewOutcome::LABELS),
        ("disclosure_basis", DisclosureBasis::LABELS),
        ("accounting_status", AccountingStatus::LABELS),
        ("audit_action", Action::LABELS),
        ("audit_outcome", Outcome::LABELS),
        ("audit_resource", ResourceType::LABELS),
        ("actor_relation", Relation::LABELS),
        ("purpose_of_use", PurposeOfUse::LABELS),
    ];
    let theirs = world
        .rows(
            "select t.typname as name, jsonb_agg(e.enumlabel order by e.enumsortorder) as labels
             from pg_type t join pg_enum e on e.enumtypid = t.oid
             -- How far a permission reaches and what a key is for is the database's business alone.
             where t.typname not in ('permission_reach', 'key_purpose')
             group by t.typname",
            &[],
        )
        .await;
    assert_eq!(theirs.len(), ours.len());
    for (name, labels) in ours {
        let expected = json!({"name": name, "labels": labels});
        assert!(theirs.contains(&expected), "{expected} in {theirs:?}");
    }
}

#[tokio::test]
async fn the_functions_logins_have_no_right_beyond_using_tables() {
    let world = World::new().await;
    // Grants on the database itself are not copied from the template database.
    migrations::run(&world.superuser_url(), None).await.unwrap();
    let privileged = world
        .rows(
            "select rolname as name from pg_roles
             where (rolname = 'caretrail_app' or rolname = any ($1))
               and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
            &[&&LOGINS[..]],
        )
        .await;
    assert_eq!(names(&privileged), Vec::<&str>::new());
    let memberships = world
        .rows(
            "select format('%s in %s', member::regrole, roleid::regrole) as name from pg_auth_members
             where member::regrole::text like 'caretrail_%' and member <> 'caretrail_migrator'::regrole
             order by name",
            &[],
        )
        .await;
    assert_eq!(
        names(&memberships),
        [
            "caretrail_jobs in caretrail_app",
            "caretrail_people in caretrail_app"
        ]
    );

    let too_much = world
        .rows(
            "select format('%s on %s', privilege, relname) as name
             from pg_class,
               unnest(array['DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) as privilege
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')
               and has_table_privilege('caretrail_app', oid, privilege)",
            &[],
        )
        .await;
    assert_eq!(names(&too_much), Vec::<&str>::new());
    let on_the_log = world
        .row(
            "select bool_or(has_table_privilege('caretrail_app', oid, 'INSERT, UPDATE')) as writes,
               -- Past the parent, past its policies.
               bool_or(relname <> 'audit_logs' and has_table_privilege('caretrail_app', oid, 'SELECT, INSERT')) as partitions
             from pg_class where relname like 'audit_logs%' and relkind in ('r', 'p')",
            &[],
        )
        .await;
    assert_eq!(on_the_log, json!({"writes": false, "partitions": false}));

    let app = world.connect_as(PEOPLE).await;
    for statement in [
        "create table mine ()",
        "create temporary table mine ()",
        "create function mine() returns int language sql return 1",
        "create schema mine",
        "alter table patients add column mine int",
        "alter table patients disable row level security",
        "drop policy patients_read on patients",
        "drop table patients",
        "update audit_logs set outcome = 'SUCCESS'",
        "delete from audit_logs",
        "truncate audit_logs",
        "delete from patients",
        "insert into role_permissions values ('PATIENT', 'audit:read', 'ALL')",
        "update roles set description = 'x'",
        "set role caretrail_owner",
        "set session authorization caretrail_owner",
        "select * from schema_history",
        "select * from signing_keys",
        "select set_actor('REQUEST', null, null, null, null, null, null, null, null, null)",
        "select begin_job('files:process', 0, null)",
        "insert into audit_logs (id) values (gen_random_uuid())",
        "select ensure_audit_partitions(1)",
        "copy patients to program 'true'",
    ] {
        let refused = app.batch_execute(statement).await.unwrap_err();
        let code = refused.code().unwrap().code();
        assert!(matches!(code, "42501"), "{statement}: {refused:?}");
    }
}

#[tokio::test]
async fn no_database_function_is_executable_by_public() {
    let world = World::new().await;
    let functions = world
        .rows(
            "select p.oid::regprocedure::text as name from pg_proc p
             where pronamespace = 'public'::regnamespace
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
               and has_function_privilege('caretrail_auditor', p.oid, 'EXECUTE')",
            &[],
        )
        .await;
    assert_eq!(names(&functions), Vec::<&str>::new());
}

#[tokio::test]
async fn security_definer_functions_fix_their_search_path() {
    let world = World::new().await;
    let open = world
        .rows(
            "select oid::regprocedure::text as name from pg_proc
             where pronamespace = 'public'::regnamespace and prosecdef
               and not exists (select from unnest(proconfig) as setting where setting like 'search_path=%')
             order by name",
            &[],
        )
        .await;
    // Policies call these for each row. They name schemas and operators in full instead, and nobody who
    // logs in may create objects.
    let qualified = [
        "acts_for(uuid)",
        "in_care(uuid)",
        "is_imported_by_actor(uuid)",
        "reaches(text,uuid)",
        "reaches_person(uuid)",
        "represents(uuid)",
        "sees_user(uuid,text,text)",
        "writes_from(text,uuid,text)",
    ];
    assert_eq!(names(&open), qualified);
}

#[tokio::test]
async fn timeouts_are_settings_of_the_functions_logins() {
    let world = World::new().await;
    for login in LOGINS {
        let functions = world.connect_as(login).await;
        for (setting, expected) in [
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "15s"),
            ("timezone", "UTC"),
        ] {
            let row = functions
                .query_one("select current_setting($1)", &[&setting])
                .await
                .unwrap();
            assert_eq!(row.get::<_, String>(0), expected, "{login}: {setting}");
        }
    }
}

// The audit log.

#[tokio::test]
async fn the_audit_log_is_append_only_even_to_the_superuser() {
    let world = World::new().await;
    let ada = world.patient("Ada").await;
    ada.get("/v1/me").await.expect(200);
    let superuser = world.connect().await;
    let partition = world
        .row("select tableoid::regclass as name from audit_logs", &[])
        .await;
    for statement in [
        "update audit_logs set outcome = 'DENIED'".to_owned(),
        "delete from audit_logs".to_owned(),
        "truncate audit_logs".to_owned(),
        format!("truncate {}", partition["name"].as_str().unwrap()),
        format!("delete from {}", partition["name"].as_str().unwrap()),
    ] {
        let refused = superuser.batch_execute(&statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23001", "{statement}");
    }
    assert_eq!(world.verify_chains().await, 1);
}

#[tokio::test]
async fn partitions_exist_for_this_month_and_25_more() {
    let world = World::new().await;
    let missing = world
        .rows(
            "select to_char(month, '\"audit_logs_\"YYYY_MM') as name
             from generate_series(
               date_trunc('month', now() at time zone 'UTC'),
               date_trunc('month', now() at time zone 'UTC') + interval '13 months',
               interval '1 month'
             ) as month
             where not exists (
               select from pg_inherits
               where inhparent = 'audit_logs'::regclass
                 and inhrelid = to_regclass('public.' || to_char(month, '\"audit_logs_\"YYYY_MM'))
             )",
            &[],
        )
        .await;
    assert_eq!(names(&missing), Vec::<&str>::new());
    // A deployment creates more partitions and reports how many.
    let made = world
        .row(
            "select ensure_audit_partitions(27) as more, ensure_audit_partitions(27) as again",
            &[],
        )
        .await;
    assert_eq!(made, json!({"more": 2, "again": 0}));
}

// Rules that the database enforces instead of the code.

#[tokio::test]
async fn of_sixteen_concurrent_inserts_of_one_slot_one_succeeds() {
    let world = World::new().await;
    let vera = world.provider("Vera").await;
    let mut inserts = tokio::task::JoinSet::new();
    for index in 0..16 {
        let patient = world.patient(&format!("Patient{index}")).await;
        let (connection, provider) = (world.connect().await, vera.id);
        inserts.spawn(async move {
            connection
                .execute(
                    "insert into appointments (id, patient_id, provider_id, scheduled_at, duration_minutes)
                     values (gen_random_uuid(), $1, $2, '2030-01-07T09:00Z', 30)",
                    &[&patient.id, &provider],
                )
                .await
                .map_err(|error| {
                    error.as_db_error().unwrap().constraint().map(str::to_owned)
                })
        });
    }
    let results = inserts.join_all().await;
    let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refusal in refused {
        assert_eq!(
            refusal.unwrap_err().as_deref(),
            Some("appointments_provider_no_overlap")
        );
    }
}

#[tokio::test]
async fn a_patients_data_can_not_refer_to_another_patient() {
    let world = World::new().await;
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    let vera = world.provider("Vera").await;
    let of_ben = world
        .visit(&ben, &vera, "2030-01-07T09:00Z", "SCHEDULED")
        .await;
    let superuser = world.connect().await;
    let file = |columns: &str, values: String| {
        format!(
            "insert into file_metadata
               (id, bucket, file_path, original_name, file_type, file_size, sha256, expires_at,
                uploaded_by, owner_id, owner_type, {columns})
             values (gen_random_uuid(), 'bucket', 'x', 'x', 'application/pdf', 1,
               decode(repeat('22', 32), 'hex'), now(), '{}', {values})",
            vera.user
        )
    };
    for (statement, constraint) in [
        (
            format!(
                "insert into medical_records (id, patient_id, provider_id, appointment_id, record_type, content)
                 values (gen_random_uuid(), '{}', '{}', '{of_ben}', 'NOTE', '{{}}')",
                ada.id, vera.id
            ),
            "medical_records_appointment_of_patient",
        ),
        (
            file("patient_id", format!("'{}', 'PATIENT', '{}'", ada.user, ben.id)),
            "file_metadata_patient_is_owner",
        ),
        (
            file(
                "patient_id, appointment_id",
                format!("'{}', 'APPOINTMENT', '{}', '{of_ben}'", ada.user, ada.id),
            ),
            "file_metadata_appointment_of_patient",
        ),
        (
            file("patient_id", format!("'{}', 'APPOINTMENT', '{}'", ada.user, ada.id)),
            "file_metadata_appointment_owner",
        ),
        (
            file("patient_id", format!("'{}', 'PROVIDER', '{}'", ada.user, ada.id)),
            "file_metadata_patient_owner",
        ),
        (
            format!(
                "insert into patients (id, user_id, patient_number, date_of_birth, gender)
                 values (gen_random_uuid(), '{}', 'N', '2000-01-01', 'other')",
                vera.user
            ),
            "patients_user_is_patient",
        ),
        (
            format!(
                "update patients set assigned_providers = array[gen_random_uuid()] where id = '{}'",
                ada.id
            ),
            "patients_assigned_providers_exist",
        ),
        (
            format!(
                "update patients set assigned_providers = array['{0}', '{0}']::uuid[] where id = '{1}'",
                vera.id, ada.id
            ),
            "patients_assigned_providers_distinct",
        ),
        (
            format!("update user_profiles set role = 'ADMIN' where id = '{}'", ada.user),
            "patients_user_is_patient",
        ),
        (
            format!("update user_profiles set role = 'SYSTEM' where id = '{}'", ada.user),
            "user_profiles_role_personal",
        ),
    ] {
        let refused = superuser.batch_execute(&statement).await.unwrap_err();
        let named = refused.as_db_error().and_then(|refusal| refusal.constraint());
        assert_eq!(named, Some(constraint), "{refused:?}");
    }
}

#[tokio::test]
async fn a_change_of_a_record_keeps_the_former_version() {
    let world = World::new().await;
    let (ada, vera) = (world.patient("Ada").await, world.provider("Vera").await);
    let id = world.note(&ada, &vera, "First").await;
    world
        .sql(
            "update medical_records set content = '{\"text\": \"Second\"}', change_reason = 'x'",
            &[],
        )
        .await;
    world.hold(id, &vera, "1 day").await;
    let versions = world
        .rows(
            "select version, content, is_patient_visible from medical_record_versions
             where record_id = $1 order by version",
            &[&id],
        )
        .await;
    assert_eq!(
        versions,
        [
            json!({"version": 1, "content": {"text": "First"}, "is_patient_visible": true}),
            json!({"version": 2, "content": {"text": "Second"}, "is_patient_visible": true}),
        ]
    );
}
