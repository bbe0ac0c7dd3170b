//! Which published keys are used, and for how long.

use futures_util::future::join_all;
use identity::{Reason, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::{Answer, Project, SECRET, SigningKey, encode};

const UNKNOWN_KEY: Result<(), Refusal> = Err(Refusal::Unauthenticated(Reason::UnknownKey));
const UNAVAILABLE: Result<(), Refusal> = Err(Refusal::KeysUnavailable);

/// Presents a valid token that `key` signed, with this `kid`.
async fn present(
    project: &Project,
    verifier: &Verifier,
    key: &SigningKey,
    kid: &str,
) -> Result<(), Refusal> {
    let header = format!("Bearer {}", project.token(key, kid));
    verifier.verify(Some(&header)).await.map(drop)
}

#[tokio::test]
async fn keys_are_fetched_when_the_first_token_needs_one() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.legacy_verifier();
    let legacy = project.token(&SigningKey::hs256(SECRET), "legacy");
    assert!(
        verifier
            .verify(Some(&format!("Bearer {legacy}")))
            .await
            .is_ok()
    );
    assert!(verifier.verify(Some("Bearer nonsense")).await.is_err());
    assert!(verifier.verify(None).await.is_err());
    assert_eq!(project.requests(), 0);

    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
    assert_eq!(project.paths(), ["/auth/v1/.well-known/jwks.json"]);
}

#[tokio::test]
async fn keys_are_used_for_ten_minutes_and_then_fetched_again() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    for (seconds, requests) in [(0, 1), (0, 1), (599, 1), (1, 2), (599, 2), (1, 3)] {
        project.advance(seconds);
        assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
        assert_eq!(project.requests(), requests);
    }
}

#[tokio::test]
async fn a_rotation_is_noticed_at_the_first_token_of_the_new_key() {
    let (old, new) = (SigningKey::es256(), SigningKey::rs256());
    let project = Project::serving([old.jwk("old")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &old, "old").await, Ok(()));

    project.advance(30);
    project.answer(Answer::keys([new.jwk("new"), old.jwk("old")]));
    assert_eq!(present(&project, &verifier, &new, "new").await, Ok(()));
    assert_eq!(present(&project, &verifier, &old, "old").await, Ok(()));
    assert_eq!(project.requests(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_the_next_refresh() {
    let (old, new) = (SigningKey::es256(), SigningKey::es256());
    let project = Project::serving([old.jwk("old")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &old, "old").await, Ok(()));

    project.answer(Answer::keys([new.jwk("new")]));
    project.advance(599);
    assert_eq!(present(&project, &verifier, &old, "old").await, Ok(()));
    project.advance(1);
    assert_eq!(present(&project, &verifier, &old, "old").await, UNKNOWN_KEY);
    assert_eq!(present(&project, &verifier, &new, "new").await, Ok(()));
}

#[tokio::test]
async fn a_key_replaced_under_its_name_is_refused_after_the_next_refresh() {
    let (old, new) = (SigningKey::es256(), SigningKey::es256());
    let project = Project::serving([old.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &old, "one").await, Ok(()));

    project.answer(Answer::keys([new.jwk("one")]));
    project.advance(600);
    assert_eq!(present(&project, &verifier, &new, "one").await, Ok(()));
    let refused = Err(Refusal::Unauthenticated(Reason::BadSignature));
    assert_eq!(present(&project, &verifier, &old, "one").await, refused);
}

#[tokio::test]
async fn keys_are_withdrawn_if_the_project_publishes_an_empty_list() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));

    project.answer(Answer::keys([]));
    project.advance(600);
    assert_eq!(present(&project, &verifier, &key, "one").await, UNKNOWN_KEY);
}

#[tokio::test]
async fn many_unknown_key_ids_cause_one_fetch_in_thirty_seconds() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    for (seconds, requests) in [(0, 1), (29, 1), (1, 2), (29, 2), (1, 3)] {
        project.advance(seconds);
        for number in 0..200 {
            let kid = format!("made-up-{number}");
            assert_eq!(present(&project, &verifier, &key, &kid).await, UNKNOWN_KEY);
        }
        assert_eq!(project.requests(), requests);
    }
    project.advance(30);
    let kids: Vec<String> = (0..200).map(|number| format!("at-once-{number}")).collect();
    let outcomes = join_all(
        kids.iter()
            .map(|kid| present(&project, &verifier, &key, kid)),
    )
    .await;
    assert!(outcomes.iter().all(|outcome| *outcome == UNKNOWN_KEY));
    assert_eq!(project.requests(), 4);
}

#[tokio::test]
async fn a_known_key_does_not_wait_for_the_fetch_of_an_unknown_one() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));

    project.advance(30);
    project.hold();
    let made_up = present(&project, &verifier, &key, "made-up");
    let known = async {
        project.asked(2).await;
        let outcome = present(&project, &verifier, &key, "one").await;
        project.release();
        outcome
    };
    assert_eq!(tokio::join!(made_up, known), (UNKNOWN_KEY, Ok(())));
}

#[tokio::test]
async fn many_first_requests_share_one_fetch() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    project.hold();
    let requests = join_all((0..100).map(|_| present(&project, &verifier, &key, "one")));
    let release = async {
        project.asked(1).await;
        project.release();
    };
    let (outcomes, ()) = tokio::join!(requests, release);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(project.requests(), 1);
}

#[tokio::test]
async fn many_requests_of_an_outage_share_one_failed_fetch() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    project.answer(Answer::Document(503, String::new()));
    let requests = (0..100).map(|_| present(&project, &verifier, &key, "one"));
    assert!(
        join_all(requests)
            .await
            .iter()
            .all(|outcome| *outcome == UNAVAILABLE)
    );
    assert_eq!(project.requests(), 1);
}

#[tokio::test]
async fn a_cancelled_fetch_does_not_block_and_is_not_repeated_at_once() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    project.hold();
    tokio::select! {
        _ = present(&project, &verifier, &key, "one") => unreachable!("the answer is held back"),
        () = project.asked(1) => {}
    }
    project.release();
    assert_eq!(present(&project, &verifier, &key, "one").await, UNAVAILABLE);
    assert_eq!(project.requests(), 1);
    project.advance(1);
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
}

#[tokio::test]
async fn stale_keys_are_used_for_ten_minutes_of_an_outage_and_then_every_token_is_refused() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));

    project.answer(Answer::Document(500, String::new()));
    // A fetch is tried every 30 s while there are usable keys, and every second otherwise.
    for (seconds, outcome, requests) in [
        (599, Ok(()), 1),
        (1, Ok(()), 2),
        (29, Ok(()), 2),
        (1, Ok(()), 3),
        (569, Ok(()), 4),
        (1, UNAVAILABLE, 5),
        (0, UNAVAILABLE, 5),
        (1, UNAVAILABLE, 6),
    ] {
        project.advance(seconds);
        assert_eq!(present(&project, &verifier, &key, "one").await, outcome);
        assert_eq!(project.requests(), requests);
    }

    project.answer(Answer::keys([key.jwk("one")]));
    project.advance(1);
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
}

#[tokio::test]
async fn a_verified_token_is_accepted_for_a_minute_without_being_verified_again() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    let header = format!("Bearer {}", project.token(&key, "one"));
    let verify = async || verifier.verify(Some(&header)).await.map(drop);
    assert_eq!(verify().await, Ok(()));

    project.answer(Answer::Document(500, String::new()));
    // In the last second in which the keys are used the token is verified again.
    project.advance(1199);
    assert_eq!(verify().await, Ok(()));
    project.advance(59);
    assert_eq!(verify().await, Ok(()));
    assert_eq!(present(&project, &verifier, &key, "one").await, UNAVAILABLE);
    project.advance(1);
    assert_eq!(verify().await, UNAVAILABLE);
}

#[tokio::test]
async fn an_unknown_key_id_during_an_outage_is_unavailable_and_not_unauthenticated() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));

    project.answer(Answer::Document(500, String::new()));
    project.advance(30);
    assert_eq!(present(&project, &verifier, &key, "new").await, UNAVAILABLE);
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
    assert_eq!(present(&project, &verifier, &key, "new").await, UNAVAILABLE);
    assert_eq!(project.requests(), 2);
}

#[tokio::test]
async fn legacy_tokens_need_no_endpoint() {
    let project = Project::serving([]).await;
    project.answer(Answer::Close);
    let verifier = project.legacy_verifier();
    let legacy = SigningKey::hs256(SECRET);
    assert_eq!(
        present(&project, &verifier, &legacy, "legacy").await,
        Ok(())
    );
    assert_eq!(project.requests(), 0);
}

#[tokio::test]
async fn every_bad_answer_counts_as_an_outage_and_the_keys_are_kept() {
    let key = SigningKey::es256();
    let stranger = SigningKey::es256();
    let elsewhere = Project::serving([stranger.jwk("one")]).await;
    let document = json!({ "keys": [stranger.jwk("one")] }).to_string();
    let padding = " ".repeat(256 * 1024);
    for (what, answer) in [
        ("a server error", Answer::Document(500, document.clone())),
        ("another success", Answer::Document(203, document.clone())),
        ("an absence", Answer::Document(404, document.clone())),
        (
            "a redirect",
            Answer::Redirect(format!("{}/auth/v1", elsewhere.url)),
        ),
        ("an empty body", Answer::Document(200, String::new())),
        (
            "a page of HTML",
            Answer::Document(200, "<html></html>".into()),
        ),
        (
            "a document cut short",
            Answer::Document(200, document[..document.len() - 1].into()),
        ),
        (
            "two documents",
            Answer::Document(200, format!("{document}{document}")),
        ),
        (
            "a document without keys",
            Answer::Document(200, "{}".into()),
        ),
        (
            "keys that are no list",
            Answer::Document(200, r#"{"keys": {}}"#.into()),
        ),
        (
            "keys named twice",
            Answer::Document(200, r#"{"keys": [], "keys": []}"#.into()),
        ),
        ("a list of keys alone", Answer::Document(200, "[[]]".into())),
        (
            "a document too long",
            Answer::Document(200, format!("{document}{padding}")),
        ),
        ("a closed connection", Answer::Close),
    ] {
        let project = Project::serving([key.jwk("one")]).await;
        let verifier = project.verifier();
        assert_eq!(
            present(&project, &verifier, &key, "one").await,
            Ok(()),
            "before {what}"
        );
        project.advance(600);
        project.answer(answer.clone());
        assert_eq!(
            present(&project, &verifier, &key, "one").await,
            Ok(()),
            "during {what}"
        );
        assert_eq!(project.requests(), 2, "the endpoint answered with {what}");

        let cold = project.verifier();
        assert_eq!(
            present(&project, &cold, &key, "one").await,
            UNAVAILABLE,
            "cold: {what}"
        );
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn an_unreachable_endpoint_counts_as_an_outage() {
    let key = SigningKey::es256();
    let project = Project::serving([]).await;
    // Port 1 is reserved and nothing listens there.
    let settings = identity::Settings {
        supabase_url: "http://127.0.0.1:1".into(),
        legacy_secret: None,
    };
    let verifier = Verifier::new(settings).unwrap();
    assert_eq!(present(&project, &verifier, &key, "one").await, UNAVAILABLE);
}

#[tokio::test]
async fn keys_are_fetched_again_if_the_clock_is_set_back_by_an_hour() {
    let key = SigningKey::es256();
    let project = Project::serving([key.jwk("one")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
    project.advance(-1);
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
    assert_eq!(project.requests(), 1);
    project.advance(-3600);
    assert_eq!(present(&project, &verifier, &key, "one").await, Ok(()));
    assert_eq!(project.requests(), 2);
}

/// `jwk` with these members set. A null removes the member.
fn altered(mut jwk: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk
}

#[tokio::test]
async fn a_key_that_is_not_for_verifying_these_tokens_is_skipped() {
    let (ec, rsa) = (SigningKey::es256(), SigningKey::rs256());
    let secret = SigningKey::hs256(SECRET);
    let weak = encode([0xff; 255]);
    let strong_after_zeros = encode([[0; 64].as_slice(), &[0xff; 255]].concat());
    for (what, key, changes) in [
        ("for encryption", &ec, json!({"use": "enc"})),
        ("for a use made up", &ec, json!({"use": "signature"})),
        ("for signing only", &ec, json!({"key_ops": ["sign"]})),
        ("for nothing", &rsa, json!({"key_ops": []})),
        (
            "with operations of a wrong type",
            &ec,
            json!({"key_ops": "verify"}),
        ),
        (
            "for another algorithm of its kind",
            &rsa,
            json!({"alg": "RS512"}),
        ),
        ("for PSS", &rsa, json!({"alg": "PS256"})),
        (
            "for the algorithm of the other kind",
            &rsa,
            json!({"alg": "ES256"}),
        ),
        ("for the algorithm of secrets", &ec, json!({"alg": "HS256"})),
        ("on another curve", &ec, json!({"crv": "P-384"})),
        ("on no curve", &ec, json!({"crv": null})),
        ("of another type", &ec, json!({"kty": "OKP"})),
        ("of no type", &rsa, json!({"kty": null})),
        ("with half a point", &ec, json!({"y": ""})),
        (
            "with a point that is not base64url",
            &ec,
            json!({"x": "+/+="}),
        ),
        ("with a modulus of 2040 bits", &rsa, json!({"n": weak})),
        (
            "with a short modulus behind zeros",
            &rsa,
            json!({"n": strong_after_zeros}),
        ),
        ("without a modulus", &rsa, json!({"n": null})),
        ("without a name", &ec, json!({"kid": null})),
        ("with an empty name", &ec, json!({"kid": ""})),
        ("with a number for a name", &ec, json!({"kid": 1})),
        ("that is a secret", &secret, json!({})),
    ] {
        let good = SigningKey::es256();
        let unfit = altered(key.jwk("unfit"), changes);
        let kid = unfit["kid"].as_str().unwrap_or("unfit").to_owned();
        let project = Project::serving([unfit, good.jwk("good")]).await;
        let verifier = project.verifier();
        let refused = match key {
            SigningKey::Hs256(_) => Err(Refusal::Unauthenticated(Reason::LegacyNotConfigured)),
            _ => UNKNOWN_KEY,
        };
        assert_eq!(
            present(&project, &verifier, key, &kid).await,
            refused,
            "a key {what}"
        );
        assert_eq!(
            present(&project, &verifier, &good, "good").await,
            Ok(()),
            "beside {what}"
        );
    }
}

#[tokio::test]
async fn optional_members_of_a_key_may_be_absent() {
    for key in [SigningKey::es256(), SigningKey::rs256()] {
        let bare = json!({"alg": null, "use": null, "key_ops": null, "ext": null});
        let project = Project::serving([altered(key.jwk("bare"), bare)]).await;
        assert_eq!(
            present(&project, &project.verifier(), &key, "bare").await,
            Ok(())
        );
    }
}

#[tokio::test]
async fn two_keys_with_the_same_id_and_algorithm_are_both_skipped() {
    let (one, other, third) = (
        SigningKey::es256(),
        SigningKey::es256(),
        SigningKey::es256(),
    );
    let keys = [one.jwk("same"), third.jwk("third"), other.jwk("same")];
    let project = Project::serving(keys).await;
    let verifier = project.verifier();
    assert_eq!(
        present(&project, &verifier, &one, "same").await,
        UNKNOWN_KEY
    );
    assert_eq!(
        present(&project, &verifier, &other, "same").await,
        UNKNOWN_KEY
    );
    assert_eq!(present(&project, &verifier, &third, "third").await, Ok(()));
}

#[tokio::test]
async fn two_keys_of_different_types_may_have_the_same_id() {
    let (ec, rsa) = (SigningKey::es256(), SigningKey::rs256());
    let project = Project::serving([ec.jwk("same"), rsa.jwk("same")]).await;
    let verifier = project.verifier();
    assert_eq!(present(&project, &verifier, &ec, "same").await, Ok(()));
    assert_eq!(present(&project, &verifier, &rsa, "same").await, Ok(()));
}
