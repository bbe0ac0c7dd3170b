//! Properties that hold for generated tokens.

use identity::{Refusal, Verifier};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{Project, SECRET, SigningKey};

/// A running project, its verifier, and a valid token for each algorithm.
struct World {
    runtime: Runtime,
    verifier: Verifier,
    tokens: Vec<String>,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let keys = [
            SigningKey::es256(),
            SigningKey::rs256(),
            SigningKey::hs256(SECRET),
        ];
        let jwks = keys[..2].iter().map(|key| key.jwk(key.algorithm()));
        let project = runtime.block_on(Project::serving(jwks));
        let tokens = keys
            .iter()
            .map(|key| project.token(key, key.algorithm()))
            .collect();
        let world = World {
            runtime,
            verifier: project.legacy_verifier(),
            tokens,
        };
        assert!(
            world
                .tokens
                .iter()
                .all(|token| world.present(token).is_ok())
        );
        world
    }

    fn present(&self, token: &str) -> Result<(), Refusal> {
        self.verify(&format!("Bearer {token}"))
    }

    fn verify(&self, authorization: &str) -> Result<(), Refusal> {
        self.runtime
            .block_on(self.verifier.verify(Some(authorization)))
            .map(drop)
    }
}

/// Mostly characters that occur in tokens. Others are refused before the token is parsed.
fn character() -> impl Strategy<Value = char> {
    let of_tokens = "[A-Za-z0-9_.-]".prop_map(|text| text.chars().next().unwrap());
    prop_oneof![9 => of_tokens, 1 => any::<char>()]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn any_character_changed_added_or_removed_spoils_a_token() {
    let world = World::new();
    let case = (
        0..world.tokens.len(),
        any::<prop::sample::Index>(),
        character(),
        0..3,
    );
    proptest!(config(), |((which, position, character, change) in case)| {
        let good = &world.tokens[which];
        let mut characters: Vec<char> = good.chars().collect();
        let position = position.index(characters.len());
        match change {
            0 => characters[position] = character,
            1 => characters.insert(position, character),
            _ => drop(characters.remove(position)),
        }
        let changed: String = characters.into_iter().collect();
        prop_assume!(changed != *good && changed.trim_matches(' ') != good);
        let outcome = world.present(&changed);
        prop_assert!(matches!(outcome, Err(Refusal::Unauthenticated(_))), "{changed}");
    });
}

#[test]
fn any_change_of_the_last_character_spoils_a_token() {
    let world = World::new();
    // The last character of a signature has unused bits, which a lenient decoder would ignore.
    for good in &world.tokens {
        let (rest, last) = good.split_at(good.len() - 1);
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".chars() {
            let refused = world.present(&format!("{rest}{other}")).is_err();
            assert_eq!(refused, !last.starts_with(other), "{other} for {last}");
        }
    }
}

#[test]
fn arbitrary_headers_are_refused_and_never_panic() {
    let world = World::new();
    proptest!(config(), |(header in any::<String>())| {
        prop_assert!(world.verify(&header).is_err());
    });
    proptest!(config(), |(token in r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}")| {
        prop_assert!(world.present(&token).is_err());
    });
}

#[test]
fn arbitrary_json_in_a_signed_token_is_refused_and_never_panics() {
    let world = World::new();
    let secret = SigningKey::hs256(SECRET);
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        "\\PC{0,20}".prop_map(|text| serde_json::Value::from(text).to_string()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    let name = prop::sample::select(vec![
        "alg",
        "kid",
        "typ",
        "crit",
        "iss",
        "aud",
        "role",
        "exp",
        "iat",
        "nbf",
        "sub",
        "session_id",
    ]);
    let object = prop::collection::vec((name, value), 0..8).prop_map(|members| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    });
    let header = prop_oneof![Just(r#"{"alg":"HS256"}"#.to_owned()), object.clone()];
    proptest!(config(), |(header in header, payload in object)| {
        let token = secret.token(header, payload);
        prop_assert!(matches!(world.present(&token), Err(Refusal::Unauthenticated(_))));
    });
}
