//! `POST /v1/patients/search`

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tests::audit::Expected;
use tests::prelude::*;
use tokio_postgres::types::ToSql;

use super::crowd;

const PATH: &str = "/v1/patients/search";

fn row() -> Expected {
    audit("search-patients", "SEARCH", "PATIENT")
}

/// Creates a patient with this name and birth date.
async fn named(world: &World, first_name: &str, last_name: &str, born: &str) -> Patient {
    let patient = world.patient("Ada").await;
    world
        .sql(
            "update user_profiles set first_name = $2, last_name = $3 where id = $1",
            &[&patient.user, &first_name, &last_name],
        )
        .await;
    world
        .sql(
            "update patients set date_of_birth = $2::text::date where id = $1",
            &[&patient.id, &born],
        )
        .await;
    patient
}

#[tokio::test]
async fn an_administrator_searches_by_name_birth_date_and_number() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = named(&world, "Ada", "Lovelace", "1985-02-28").await;
    let anna = named(&world, "Anna", "Lovelace", "1990-01-01").await;
    let ben = named(&world, "Ben", "Loveland", "1985-02-28").await;
    let number = format!("MRN-{}", ben.id);
    for (body, expected) in [
        (json!({"name": "lovel"}), vec![&ada, &anna, &ben]),
        (json!({"name": "LOVELACE , a"}), vec![&ada, &anna]),
        (json!({"name": "Lovelace,Ada"}), vec![&ada]),
        (json!({"name": "Ada"}), vec![&ada]),
        (json!({"name": "a lov"}), vec![&ada, &anna]),
        (json!({"name": "velace"}), vec![]),
        (json!({"name": "%"}), vec![]),
        (json!({"date_of_birth": "1985-02-28"}), vec![&ada, &ben]),
        (
            json!({"date_of_birth": "1985-02-28", "name": "Lovelan"}),
            vec![&ben],
        ),
        (json!({"patient_number": number}), vec![&ben]),
        (json!({"patient_number": "MRN"}), vec![]),
    ] {
        let answer = admin.post(PATH, body.clone()).await.expect(200);
        let ids: Vec<_> = expected.iter().map(|patient| patient.id).collect();
        assert_eq!(answer.ids(), ids, "{body}");
        let found = expected
            .iter()
            .fold(row().by(&admin), |row, patient| row.patient(patient.id));
        world.audited(&answer, found).await;
    }
}

#[tokio::test]
async fn a_name_is_found_as_staff_type_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    // Each of these characters folds to eighteen.
    let long = &"\u{fdfa}".repeat(100);
    for (first_name, last_name, typed, not) in [
        (
            "Bénédicte",
            "Lévesque",
            &[
                "Bénédicte Lévesque",
                "benedicte levesque",
                "LEVESQUE, BENEDICTE",
                "Be\u{301}ne\u{301}dicte",
                "lev ben",
            ][..],
            &["benedicta", "lev x", "vesque"][..],
        ),
        (
            "Liam",
            "O'Brien",
            &[
                "O'Brien",
                "O’Brien",
                "OʼBrien",
                "O`Brien",
                "OBrien",
                "O Brien",
                "obri",
                "liam o",
                "brien",
            ],
            &["O'Brian"],
        ),
        (
            "Mia",
            "O’Hara",
            &["O'Hara", "O’Hara", "ohara mia", "o hara"],
            &[],
        ),
        (
            "José María",
            "García-López",
            &[
                "garcia lopez",
                "Lopez Garcia",
                "García–López",
                "maria lopez",
                "lopez, jose",
                "garcialopez",
                "JoseMaria",
            ],
            &["garcia lopez juan"],
        ),
        (
            "Sam",
            "Smith, Jr.",
            &["Smith, Jr.", "smith jr", "Jr Smith Sam"],
            &["Smith Sr"],
        ),
        (
            "Eva",
            "de la Cruz",
            &["cruz", "de la cruz eva", "Delacruz", "la c"],
            &["del mar"],
        ),
        (
            "Søren",
            "Łukaszewicz-Weiß",
            &["soren lukaszewicz", "weiss"],
            &[],
        ),
        ("İpek", "Işık", &["ipek isik", "IPEK ISIK", "işık"], &[]),
        (
            "Σωκράτης",
            "Παπαδόπουλος",
            &["ΣΩΚΡΑΤΗΣ", "σωκρατης", "παπαδ σωκ"],
            &["σωκω"],
        ),
        ("Пётр", "Ёлкин", &["елкин петр", "ЁЛКИН"], &["елк х"]),
        ("小明", "王", &["王小明", "王 小明", "小明"], &["李"]),
        ("철수", "김", &["김철수", "김 철수"], &["박"]),
        ("محمد", "عليّ", &["محمّد علي", "علي"], &["حسن"]),
        ("क्षितिज", "हिन्दी", &["क्षितिज", "हिन्"], &["तिज"]),
        ("\u{fdfa}", long, &["\u{fdfa}"], &["x\u{fdfa}"]),
        ("Suharto", "—", &["Suharto", "suh"], &["Sukarno"]),
    ] {
        let patient = named(&world, first_name, last_name, "1985-02-28").await;
        for (names, expected) in [(typed, vec![patient.id]), (not, vec![])] {
            for name in names {
                let answer = admin.post(PATH, json!({"name": name})).await.expect(200);
                assert_eq!(
                    answer.ids(),
                    expected,
                    "{name} for {first_name} {last_name}"
                );
            }
        }
    }
}

/// A name, and a way to type words of it.
fn typed_name() -> impl Strategy<Value = (String, String, String)> {
    let word =
        || string_regex("[A-Zéñøa-z]{1,3}(['’][A-Za-zß]{1,4})?|[а-яё]{2,5}|[α-ω]{2,5}").unwrap();
    let part = || vec((word(), select(vec![" ", "-", ". "])), 1..4);
    let spell = |word: String, (case, apostrophe, length): (u8, &str, usize)| {
        let word = word.replace(['\'', '’'], apostrophe);
        let word: String = word.chars().take(length).collect();
        match case {
            0 => word.to_uppercase(),
            1 => word.to_lowercase(),
            _ => word,
        }
    };
    (part(), part())
        .prop_flat_map(move |(first, last)| {
            let words = [&first[..], &last[..]].concat();
            let words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
            let number = words.len();
            let chosen = subsequence(words, 1..=number).prop_shuffle();
            let ways = vec(
                (0..3_u8, select(vec!["'", "’", "ʼ", ""]), 1..6_usize),
                number,
            );
            (Just(first), Just(last), chosen, ways)
        })
        .prop_map(move |(first, last, chosen, ways)| {
            let name = |part: Vec<(String, &str)>| -> String {
                part.into_iter()
                    .flat_map(|(word, separator)| [word, separator.to_owned()])
                    .collect()
            };
            let typed: Vec<String> = chosen
                .into_iter()
                .zip(ways)
                .map(|(word, way)| spell(word, way))
                .collect();
            (name(first), name(last), typed.join(", "))
        })
}

#[tokio::test]
async fn the_beginnings_of_words_in_any_order_and_spelling_match_the_name() {
    let world = World::new().await;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let cases: Vec<_> = (0..2_000)
        .map(|_| typed_name().new_tree(&mut runner).unwrap().current())
        .collect();
    let first: Vec<&str> = cases.iter().map(|(first, _, _)| &**first).collect();
    let last: Vec<&str> = cases.iter().map(|(_, last, _)| &**last).collect();
    let typed: Vec<&str> = cases.iter().map(|(_, _, typed)| &**typed).collect();
    let missed = world
        .rows(
            "select first, last, typed, words_wanted(typed) as wanted
             from unnest($1::text[], $2::text[], $3::text[]) as person (first, last, typed)
             where exists (
               select from unnest(words_wanted(typed)) as wanted
               where not exists (select from words_of(first, last) as word where starts_with(word, wanted))
             )",
            &[&first, &last, &typed],
        )
        .await;
    assert_eq!(missed.len(), 0, "{missed:#?}");
}

#[tokio::test]
async fn words_that_many_share_lead_to_the_patients_who_have_all_of_them() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    world
        .sql(
            "insert into user_profiles (id, first_name, last_name, role)
             select gen_random_uuid(), case when i % 2 = 0 then 'Maria' else 'Jo' end,
               case when i % 2 = 0 then 'Jones' else 'Example' end, 'PATIENT'
             from generate_series(1, 40200) as i",
            &[],
        )
        .await;
    world.sql("analyze", &[]).await;
    let ada = named(&world, "Maria", "Example", "1985-02-28").await;
    world.assign(&ada, &vera).await;
    // All but one of the people with one of these words lack the other. Reading them has a limit, unless another
    // criterion or the caller's reach has fewer people.
    let body = json!({"name": "maria example"});
    let refused = row().by(&admin);
    world
        .invalid(admin.post(PATH, body.clone()), "name", refused)
        .await;
    let answer = vera.post(PATH, body).await.expect(200);
    assert_eq!(answer.ids(), [ada.id]);
    let body = json!({"name": "maria example", "date_of_birth": "1985-02-28"});
    let answer = admin.post(PATH, body).await.expect(200);
    assert_eq!(answer.ids(), [ada.id]);
}

#[tokio::test]
async fn pages_of_a_common_word_name_each_patient_once() {
    let world = World::new().await;
    let (admin, nora) = (world.admin().await, world.user("NURSE", "Nora").await);
    let mut expected = Vec::new();
    // Each patient has several words that begin with the same letter.
    for number in 0..600 {
        let letters = format!("{}{}", char::from(b'a' + number as u8 % 26), number);
        expected.push((format!("x{letters} xa, Xena"), letters));
    }
    for (last_name, letters) in &expected {
        world
            .sql(
                "insert into user_profiles (id, username, first_name, last_name, role)
                 values (gen_random_uuid(), $1 || '@example.org', 'Xena', $2, 'PATIENT')",
                &[letters, last_name],
            )
            .await;
    }
    world
        .sql(
            "insert into patients (id, user_id, patient_number, date_of_birth, gender)
             select gen_random_uuid(), id, id::text, '1990-01-01', 'other' from user_profiles where last_name like 'x%'",
            &[],
        )
        .await;
    world
        .sql(
            "insert into care_relations (member_id, patient_id, basis, source, until, is_suspended)
             select $1, id, 'COVER', $1, now() + interval '9 days', false from patients",
            &[&nora.user],
        )
        .await;
    for (caller, name) in [
        (&admin, "x"),
        (&nora, "x"),
        (&admin, "x xen"),
        (&nora, "xen x"),
    ] {
        let mut found = Vec::new();
        let mut body = json!({"name": name, "limit": 97});
        loop {
            let answer = caller.post(PATH, body.clone()).await.expect(200);
            found.extend(answer.ids());
            if answer.body["next_cursor"].is_null() {
                break;
            }
            body["cursor"] = answer.body["next_cursor"].clone();
        }
        assert_eq!(found.len(), 600, "{name}");
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 600, "{name}");
    }
}

#[tokio::test]
async fn pages_are_ordered_by_name_and_a_cursor_contains_no_name() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = Vec::new();
    for (first_name, last_name) in [("Cleo", "Zz"), ("Ben", "Zy"), ("Ada", "Zy"), ("Dan", "Zx")] {
        all.push(named(&world, first_name, last_name, "1990-01-01").await.id);
    }
    all.reverse();
    let mut body = json!({"name": "Z", "limit": 2});
    let first = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(first.ids(), all[..2]);
    body["cursor"] = first.body["next_cursor"].clone();
    let last = admin.post(PATH, body.clone()).await.expect(200);
    assert_eq!(last.ids(), all[2..]);
    assert_eq!(last.body["next_cursor"], Value::Null);
    body["cursor"] = json!("x");
    admin.post(PATH, body).await.invalid("cursor");
}

#[tokio::test]
async fn a_page_follows_the_last_one_even_if_its_last_patient_was_renamed_or_left() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let mut all = Vec::new();
    for first_name in ["Ada", "Ben", "Cleo", "Dan", "Emma", "Finn"] {
        let patient = named(&world, first_name, "Zz", "1990-01-01").await;
        world.assign(&patient, &vera).await;
        all.push(patient);
    }
    let ids: Vec<Uuid> = all.iter().map(|patient| patient.id).collect();
    let mut pages = [&admin, &*vera].map(|caller| (caller, json!({"name": "Z", "limit": 2})));
    for (caller, body) in &mut pages {
        let first = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(first.ids(), ids[..2]);
        body["cursor"] = first.body["next_cursor"].clone();
    }
    // The last patient of both pages is renamed to the end, and leaves Vera's care.
    let renamed = "update user_profiles set last_name = 'Zzz' where id = $1";
    world.sql(renamed, &[&all[1].user]).await;
    let unassigned = "update patients set assigned_providers = '{}' where id = $1";
    world.sql(unassigned, &[&all[1].id]).await;
    for (caller, body) in &mut pages {
        let second = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(second.ids(), ids[2..4]);
        // The cursor continues this search and no other.
        body["name"] = json!("Zz");
        caller.post(PATH, body.clone()).await.invalid("cursor");
    }
}

#[tokio::test]
async fn each_caller_finds_patients_within_reach_and_no_archived_one() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let (ada, ben) = (world.patient("Ada").await, world.patient("Ben").await);
    world.assign(&ben, &vera).await;
    let body = json!({"name": "Example"});
    for (caller, expected) in [(&*ada, &ada), (&*vera, &ben)] {
        let answer = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(answer.ids(), [expected.id]);
        let found = row().by(caller).patient(expected.id);
        world.audited(&answer, found).await;
    }
    admin
        .delete(&format!("/v1/patients/{}", ben.id), 2)
        .await
        .expect(200);
    for (caller, expected) in [(&*vera, vec![]), (&admin, vec![ada.id])] {
        let answer = caller.post(PATH, body.clone()).await.expect(200);
        assert_eq!(answer.ids(), expected);
    }
    let officer = world.officer().await;
    let denied = row().by(&officer).denied("forbidden");
    world.refused(officer.post(PATH, body), 403, denied).await;
}

#[tokio::test]
async fn a_patient_in_care_on_two_bases_is_found_once_and_by_their_current_name() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let mut expected = Vec::new();
    for first_name in ["Ada", "Ben", "Cyd"] {
        let patient = world.patient(first_name).await;
        world.assign(&patient, &vera).await;
        world
            .visit(&patient, &vera, &days_ago(30), "COMPLETED")
            .await;
        expected.push(patient.id);
        if first_name == "Cyd" {
            let path = format!("/v1/users/{}", patient.user);
            let changed = admin.patch(&path, 1, json!({"last_name": "Zyzzyva"})).await;
            changed.expect(200);
        }
    }
    let renamed = expected.pop().unwrap();
    for (name, expected) in [("Example", expected), ("Zyzzyva", vec![renamed])] {
        let mut found = Vec::new();
        let mut body = json!({"name": name, "limit": 1});
        loop {
            let answer = vera.post(PATH, body.clone()).await.expect(200);
            found.extend(answer.ids());
            if answer.body["next_cursor"].is_null() {
                break;
            }
            body["cursor"] = answer.body["next_cursor"].clone();
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn a_search_keeps_nothing_under_a_key_because_it_can_be_repeated() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.patient("Ada").await);
    let send = async || {
        let request = admin
            .request(http::Method::POST, PATH)
            .header("content-type", "application/json")
            .header("idempotency-key", "search-1")
            .body(json!({"name": "Example"}).to_string().into());
        admin.send_request(request.unwrap()).await.expect(200)
    };
    send().await;
    let again = send().await;
    assert_eq!(again.header("idempotency-replayed"), "");
    world
        .audited(&again, row().by(&admin).patient(ada.id))
        .await;
    let kept = world.rows("select key from idempotency_keys", &[]).await;
    assert!(kept.is_empty());
}

#[tokio::test]
async fn criteria_are_required_and_must_be_valid() {
    let world = World::new().await;
    let admin = world.admin().await;
    for (body, field) in [
        (json!({}), ""),
        (json!({"limit": 5}), ""),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(202)}), "name"),
        (json!({"date_of_birth": "28.2.1985"}), "date_of_birth"),
        (json!({"username": "ada@example.org"}), "username"),
        (json!({"name": "x", "limit": 101}), "limit"),
    ] {
        let expected = row().by(&admin);
        world.invalid(admin.post(PATH, body), field, expected).await;
    }
}

#[tokio::test]
async fn no_search_reads_a_whole_table() {
    let world = World::new().await;
    let (admin, vera) = (world.admin().await, world.provider("Vera").await);
    let ben = world.patient("Ben").await;
    world.assign(&ben, &vera).await;
    crowd::gather(&world).await;
    for caller in [&admin, &*vera] {
        for (name, born, number) in [
            (Some("a"), None, None),
            (Some("ab per"), None, None),
            (None, Some("1980-03-01"), None),
            (None, None, Some("77@example.org")),
        ] {
            let after: Option<String> = None;
            let after_id: Option<Uuid> = None;
            let parameters: [&(dyn ToSql + Sync); 8] = [
                &name, &born, &number, &after, &after, &after, &after_id, &51_i64,
            ];
            let plan = crowd::plan(&world, caller, search_patients::SEARCH, &parameters).await;
            assert!(!plan.contains("Seq Scan"), "{plan}");
            assert!(plan.contains("Index"), "{plan}");
        }
    }
}
