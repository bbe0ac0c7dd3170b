//! Which tokens are accepted, and why each of the others is refused.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use identity::{Assurance, Claims, Reason, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::{NOW, Project, SECRET, SESSION, SUB, SigningKey, encode};

/// A project with a key for each algorithm, and a key that it didn't publish.
struct World {
    project: Project,
    ec: SigningKey,
    rsa: SigningKey,
    secret: SigningKey,
    stranger: SigningKey,
}

impl World {
    async fn new() -> World {
        let (ec, rsa) = (SigningKey::es256(), SigningKey::rs256());
        let project = Project::serving([ec.jwk("ec"), rsa.jwk("rsa")]).await;
        let secret = SigningKey::hs256(SECRET);
        World {
            project,
            ec,
            rsa,
            secret,
            stranger: SigningKey::es256(),
        }
    }

    /// The claims of a valid token with these claims set. A null removes the claim.
    fn claims(&self, changes: Value) -> Value {
        let mut claims = self.project.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    fn good(&self) -> String {
        self.with_claims(json!({}))
    }

    /// A token that is valid except for these claims.
    fn with_claims(&self, changes: Value) -> String {
        self.with_payload(self.claims(changes))
    }

    /// A correctly signed token with this payload.
    fn with_payload(&self, payload: impl ToString) -> String {
        self.ec
            .token(json!({"alg": "ES256", "kid": "ec", "typ": "JWT"}), payload)
    }

    /// A token that is valid except for this header.
    fn with_header(&self, header: impl ToString) -> String {
        self.ec.token(header, self.project.claims())
    }

    /// A token that is valid except for this signature.
    fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        let good = self.good();
        let (signed, _) = good.rsplit_once('.').unwrap();
        format!("{signed}.{}", encode(signature))
    }
}

async fn outcome(verifier: &Verifier, authorization: &str) -> Result<Claims, Refusal> {
    verifier.verify(Some(authorization)).await
}

async fn assert_refused(verifier: &Verifier, rows: &[(&str, String, Reason)]) {
    for (what, authorization, reason) in rows {
        let refused = Err(Refusal::Unauthenticated(*reason));
        assert_eq!(outcome(verifier, authorization).await, refused, "{what}");
    }
}

/// Turns rows with tokens into rows with headers.
fn bearing<const N: usize>(rows: [(&str, String, Reason); N]) -> Vec<(&str, String, Reason)> {
    rows.map(|(what, token, reason)| (what, format!("Bearer {token}"), reason))
        .into()
}

#[tokio::test]
async fn a_good_token_of_each_kind_is_accepted() {
    let world = World::new().await;
    let verifier = world.project.legacy_verifier();
    let claims = Claims {
        sub: SUB.parse().unwrap(),
        session_id: SESSION.parse().unwrap(),
        assurance: Assurance::Aal2,
    };
    for (key, kid) in [
        (&world.ec, "ec"),
        (&world.rsa, "rsa"),
        (&world.secret, "legacy"),
    ] {
        let authorization = format!("Bearer {}", world.project.token(key, kid));
        assert_eq!(
            outcome(&verifier, &authorization).await,
            Ok(claims),
            "{kid}"
        );
    }
}

#[tokio::test]
async fn permitted_variations_of_a_token_are_accepted() {
    let world = World::new().await;
    let verifier = world.project.legacy_verifier();
    let bare_legacy = world
        .secret
        .token(json!({"alg": "HS256"}), world.project.claims());
    let good = world.good();
    let claims = |changes| world.with_claims(changes);
    let own_key = json!({
        "alg": "ES256", "kid": "ec", "jwk": world.stranger.jwk("ec"),
        "jku": "https://keys.example.org", "x5u": "https://keys.example.org",
    });
    let padding = "x".repeat(5000);
    #[rustfmt::skip]
    let tokens = [
        ("a legacy token without kid and typ", bare_legacy),
        ("no typ", world.with_header(json!({"alg": "ES256", "kid": "ec"}))),
        ("typ in lower case", world.with_header(json!({"alg": "ES256", "kid": "ec", "typ": "jwt"}))),
        ("a key of its own, which counts for nothing", world.with_header(own_key)),
        ("a list of this audience", claims(json!({"aud": ["authenticated"]}))),
        ("this audience among others", claims(json!({"aud": ["other", "authenticated"]}))),
        ("no word on anonymity", claims(json!({"is_anonymous": null}))),
        ("the last second", claims(json!({"exp": NOW + 1}))),
        ("times with a fraction", claims(json!({"iat": NOW as f64 - 0.5, "exp": NOW as f64 + 0.5}))),
        ("issued five seconds ahead", claims(json!({"iat": NOW + 5}))),
        ("valid in five seconds", claims(json!({"nbf": NOW + 5}))),
        ("claims not known here", claims(json!({"x": [{"y": padding}]}))),
    ];
    let mut headers = vec![
        ("the scheme in lower case", format!("bearer {good}")),
        ("the scheme in upper case", format!("BEARER {good}")),
        (
            "several spaces after the scheme",
            format!("Bearer   {good}"),
        ),
        ("spaces around the header", format!(" Bearer {good} ")),
    ];
    headers.extend(tokens.map(|(what, token)| (what, format!("Bearer {token}"))));
    for (what, authorization) in headers {
        assert!(outcome(&verifier, &authorization).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn the_assurance_is_that_of_the_token_and_aal1_if_it_names_none() {
    let world = World::new().await;
    let verifier = world.project.verifier();
    for (aal, assurance) in [
        (json!("aal1"), Assurance::Aal1),
        (json!("aal2"), Assurance::Aal2),
        (json!(null), Assurance::Aal1),
    ] {
        let token = world.with_claims(json!({ "aal": aal }));
        let claims = outcome(&verifier, &format!("Bearer {token}"))
            .await
            .unwrap();
        assert_eq!(claims.assurance, assurance);
    }
    let null = world
        .project
        .claims()
        .to_string()
        .replace(r#""aal":"aal2""#, r#""aal":null"#);
    let token = world.with_payload(null);
    let claims = outcome(&verifier, &format!("Bearer {token}"))
        .await
        .unwrap();
    assert_eq!(claims.assurance, Assurance::Aal1);
    assert!(Assurance::Aal1 < Assurance::Aal2);
}

#[tokio::test]
async fn a_header_that_is_not_one_bearer_token_is_refused() {
    let world = World::new().await;
    let verifier = world.project.legacy_verifier();
    assert_eq!(
        verifier.verify(None).await,
        Err(Refusal::Unauthenticated(Reason::NoToken))
    );
    let good = world.good();
    #[rustfmt::skip]
    let rows = [
        ("an empty header", String::new(), Reason::NoToken),
        ("spaces", "   ".into(), Reason::NoToken),
        ("a scheme without a token", "Bearer".into(), Reason::NoToken),
        ("a scheme and spaces", "Bearer   ".into(), Reason::NoToken),
        ("a token without a scheme", good.clone(), Reason::WrongScheme),
        ("a token of another scheme", format!("Basic {good}"), Reason::WrongScheme),
        ("a scheme that only begins like it", format!("Bearerx {good}"), Reason::WrongScheme),
        ("a scheme joined by a tab", format!("Bearer\t{good}"), Reason::WrongScheme),
        ("a scheme joined by a colon", format!("Bearer: {good}"), Reason::WrongScheme),
        ("two tokens", format!("Bearer {good} {good}"), Reason::MalformedHeader),
        ("two headers joined", format!("Bearer {good}, Bearer {good}"), Reason::MalformedHeader),
        ("the scheme twice", format!("Bearer Bearer {good}"), Reason::MalformedHeader),
        ("a token in quotes", format!("Bearer \"{good}\""), Reason::MalformedHeader),
        ("a token with a line after it", format!("Bearer {good}\r\nX: y"), Reason::MalformedHeader),
        ("a padded signature", format!("Bearer {good}=="), Reason::MalformedHeader),
        ("a token beyond ASCII", format!("Bearer {good}é"), Reason::MalformedHeader),
        ("a token beyond 8 KiB", format!("Bearer {}", world.with_claims(json!({"x": "x".repeat(8 * 1024)}))), Reason::TokenTooLong),
    ];
    assert_refused(&verifier, &rows).await;
}

#[tokio::test]
async fn a_token_of_a_wrong_shape_is_refused() {
    let world = World::new().await;
    let good = world.good();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    #[rustfmt::skip]
    let rows = bearing([
        ("one part", header.into(), Reason::MalformedToken),
        ("two parts", format!("{header}.{payload}"), Reason::MalformedToken),
        ("four parts", format!("{good}.{signature}"), Reason::MalformedToken),
        ("the five parts of a JWE", format!("{good}.{payload}.{signature}"), Reason::MalformedToken),
        ("dots alone", "..".into(), Reason::MalformedToken),
        ("no header", format!(".{payload}.{signature}"), Reason::MalformedToken),
        ("no signature", format!("{header}.{payload}."), Reason::BadSignature),
        ("no payload", format!("{header}..{signature}"), Reason::BadSignature),
        ("a header of one letter", format!("A.{payload}.{signature}"), Reason::MalformedToken),
        ("a header that is not JSON", world.with_header("alg=ES256"), Reason::MalformedToken),
        ("a header that is a list", world.with_header(r#"["ES256", "ec", "JWT", 0]"#), Reason::MalformedToken),
        ("an empty header object", world.with_header("{}"), Reason::MalformedToken),
        ("a header naming its algorithm twice", world.with_header(r#"{"alg":"none","alg":"ES256","kid":"ec"}"#), Reason::MalformedToken),
        ("a header naming its key twice", world.with_header(r#"{"alg":"ES256","kid":"ec","kid":"ec"}"#), Reason::MalformedToken),
        ("a number for a key's name", world.with_header(json!({"alg": "ES256", "kid": 1})), Reason::MalformedToken),
        ("text after the header's JSON", world.with_header(r#"{"alg":"ES256","kid":"ec"}{}"#), Reason::MalformedToken),
        ("another kind of token", world.with_header(json!({"alg": "ES256", "kid": "ec", "typ": "logout+jwt"})), Reason::WrongType),
        ("a critical extension", world.with_header(json!({"alg": "ES256", "kid": "ec", "crit": ["b64"], "b64": false})), Reason::CriticalExtension),
        ("an empty list of critical extensions", world.with_header(json!({"alg": "ES256", "kid": "ec", "crit": []})), Reason::CriticalExtension),
        ("critical extensions of null", world.with_header(json!({"alg": "ES256", "kid": "ec", "crit": null})), Reason::CriticalExtension),
    ]);
    assert_refused(&world.project.verifier(), &rows).await;
}

#[tokio::test]
async fn an_algorithm_that_is_not_the_keys_is_refused() {
    let world = World::new().await;
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let unsigned = |alg: &str| {
        let payload = encode(world.project.claims().to_string());
        format!("{}.{payload}.", encode(header(alg, "ec").to_string()))
    };
    let unsupported = Reason::UnsupportedAlgorithm;
    #[rustfmt::skip]
    let mut rows = bearing([
        ("no algorithm and no signature", unsigned("none"), unsupported),
        ("no algorithm, in capitals", unsigned("NONE"), unsupported),
        ("no algorithm, in mixed letters", unsigned("nOnE"), unsupported),
        ("no algorithm, yet a signature", world.with_header(header("none", "ec")), unsupported),
        ("an empty algorithm", world.with_header(header("", "ec")), unsupported),
        ("the algorithm in lower case", world.with_header(header("es256", "ec")), unsupported),
        ("another curve", world.with_header(header("ES384", "ec")), unsupported),
        ("another hash for RSA", world.rsa.token(header("RS512", "rsa"), world.claims(json!({}))), unsupported),
        ("another padding for RSA", world.rsa.token(header("PS256", "rsa"), world.claims(json!({}))), unsupported),
        ("another hash for the secret", world.secret.token(header("HS512", "x"), world.claims(json!({}))), unsupported),
        ("an Edwards curve", world.with_header(header("EdDSA", "ec")), unsupported),
        ("ES256 with the name of the RSA key", world.with_header(header("ES256", "rsa")), Reason::KeyMismatch),
        ("RS256 with the name of the EC key", world.rsa.token(header("RS256", "ec"), world.project.claims()), Reason::KeyMismatch),
    ]);
    let (ec, rsa) = (world.ec.jwk("ec"), world.rsa.jwk("rsa"));
    let confused = [
        (
            "HS256 with the EC point as its secret",
            ec["x"].as_str().unwrap(),
        ),
        (
            "HS256 with the published EC key as its secret",
            &ec.to_string(),
        ),
        (
            "HS256 with the RSA modulus as its secret",
            rsa["n"].as_str().unwrap(),
        ),
        ("HS256 with an empty secret", ""),
        (
            "HS256 with another secret",
            "some-other-secret-of-enough-length",
        ),
    ]
    .map(|(what, secret)| {
        let token = world.project.token(&SigningKey::hs256(secret), "ec");
        (what, format!("Bearer {token}"))
    });
    rows.extend(
        confused
            .clone()
            .map(|(what, token)| (what, token, Reason::BadSignature)),
    );
    assert_refused(&world.project.legacy_verifier(), &rows).await;

    let legacy = format!("Bearer {}", world.project.token(&world.secret, "ec"));
    let mut rows = vec![(
        "HS256 where no secret is configured",
        legacy,
        Reason::LegacyNotConfigured,
    )];
    rows.extend(confused.map(|(what, token)| (what, token, Reason::LegacyNotConfigured)));
    assert_refused(&world.project.verifier(), &rows).await;
}

#[tokio::test]
async fn a_key_or_signature_that_is_not_the_projects_is_refused() {
    let world = World::new().await;
    let claims = world.project.claims();
    let stranger = |header: Value| world.stranger.token(header, &claims);
    let own_key =
        |name: &str, value: Value| stranger(json!({"alg": "ES256", "kid": "ec", name: value}));
    let good = world.good();
    let parts: Vec<&str> = good.split('.').collect();
    let signature = world.ec.sign(&format!("{}.{}", parts[0], parts[1]));
    let other_payload = encode(world.claims(json!({"sub": SESSION})).to_string());
    let other_header = encode(r#"{"kid":"ec","alg":"ES256"}"#);
    let asn1 = {
        let SigningKey::Es256(pair) = &world.ec else {
            unreachable!("it was made as ES256")
        };
        let same = pair.to_pkcs8v1().unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, same.as_ref()).unwrap();
        let signed = format!("{}.{}", parts[0], parts[1]);
        pair.sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap()
            .as_ref()
            .to_vec()
    };
    let rsa = world.project.token(&world.rsa, "rsa");
    let (rsa_signed, _) = rsa.rsplit_once('.').unwrap();
    let bad = Reason::BadSignature;
    #[rustfmt::skip]
    let rows = bearing([
        ("no key's name", world.with_header(json!({"alg": "ES256"})), Reason::MissingKeyId),
        ("null for a key's name", world.with_header(json!({"alg": "ES256", "kid": null})), Reason::MissingKeyId),
        ("an empty key's name", world.with_header(json!({"alg": "ES256", "kid": ""})), Reason::UnknownKey),
        ("a key nobody published", world.with_header(json!({"alg": "ES256", "kid": "none"})), Reason::UnknownKey),
        ("a key's name in capitals", world.with_header(json!({"alg": "ES256", "kid": "EC"})), Reason::UnknownKey),
        ("a path for a key's name", world.with_header(json!({"alg": "ES256", "kid": "../../dev/null"})), Reason::UnknownKey),
        ("a stranger's key under a published name", stranger(json!({"alg": "ES256", "kid": "ec"})), bad),
        ("a stranger's key inside the token", own_key("jwk", world.stranger.jwk("ec")), bad),
        ("a stranger's key at a URL", own_key("jku", json!("https://keys.example.org/jwks.json")), bad),
        ("a stranger's certificate at a URL", own_key("x5u", json!("https://keys.example.org/x.pem")), bad),
        ("a stranger's certificate inside the token", own_key("x5c", json!(["MIIB"])), bad),
        ("a stranger's key under a name of its own, inside the token", stranger(json!({"alg": "ES256", "kid": "mine", "jwk": world.stranger.jwk("mine")})), Reason::UnknownKey),
        ("another payload under a good signature", format!("{}.{other_payload}.{}", parts[0], parts[2]), bad),
        ("another header over a good signature", format!("{other_header}.{}.{}", parts[1], parts[2]), bad),
        ("a signature of zeros", world.with_signature([0; 64]), bad),
        ("a signature cut short", world.with_signature(&signature[..63]), bad),
        ("a signature with a byte more", world.with_signature([&signature[..], &[0]].concat()), bad),
        ("a signature with its halves swapped", world.with_signature([&signature[32..], &signature[..32]].concat()), bad),
        ("a signature in ASN.1", world.with_signature(asn1), bad),
        ("a signature of another token", world.with_signature(world.ec.sign("x.y")), bad),
        ("an RSA signature of zeros", format!("{rsa_signed}.{}", encode([0; 256])), bad),
        ("an RSA signature of one", format!("{rsa_signed}.{}", encode([[0; 255].as_slice(), &[1]].concat())), bad),
        ("no RSA signature", format!("{rsa_signed}."), bad),
    ]);
    assert_refused(&world.project.verifier(), &rows).await;
}

#[tokio::test]
async fn claims_that_do_not_let_in_are_refused() {
    let world = World::new().await;
    let claims = |changes: Value| world.with_claims(changes);
    let issuer = world.project.issuer();
    let project = world.project.url.clone();
    let api_key = |role: &str| {
        let payload =
            json!({"iss": "supabase", "ref": "abc", "role": role, "iat": NOW - 9, "exp": NOW + 9});
        world
            .secret
            .token(json!({"alg": "HS256", "typ": "JWT"}), payload)
    };
    #[rustfmt::skip]
    let rows = bearing([
        ("no issuer", claims(json!({"iss": null})), Reason::MissingIssuer),
        ("another project", claims(json!({"iss": "https://other.example.org/auth/v1"})), Reason::WrongIssuer),
        ("the project without its path", claims(json!({"iss": project})), Reason::WrongIssuer),
        ("the issuer and a slash", claims(json!({"iss": format!("{issuer}/")})), Reason::WrongIssuer),
        ("the issuer in capitals", claims(json!({"iss": issuer.to_uppercase()})), Reason::WrongIssuer),
        ("an issuer that begins like it", claims(json!({"iss": format!("{issuer}.example.org")})), Reason::WrongIssuer),
        ("the issuer in a list", claims(json!({"iss": [issuer]})), Reason::MalformedClaims),
        ("no audience", claims(json!({"aud": null})), Reason::MissingAudience),
        ("another audience", claims(json!({"aud": "anon"})), Reason::WrongAudience),
        ("an empty audience", claims(json!({"aud": ""})), Reason::WrongAudience),
        ("an audience in capitals", claims(json!({"aud": "AUTHENTICATED"})), Reason::WrongAudience),
        ("an audience that holds the word", claims(json!({"aud": "not authenticated"})), Reason::WrongAudience),
        ("no audience in the list", claims(json!({"aud": []})), Reason::WrongAudience),
        ("other audiences in the list", claims(json!({"aud": ["a", "b"]})), Reason::WrongAudience),
        ("a number among the audiences", claims(json!({"aud": ["authenticated", 1]})), Reason::MalformedClaims),
        ("an audience that is an object", claims(json!({"aud": {"authenticated": true}})), Reason::MalformedClaims),
        ("no role", claims(json!({"role": null})), Reason::MissingRole),
        ("the role of nobody", claims(json!({"role": "anon"})), Reason::WrongRole),
        ("the role of the service", claims(json!({"role": "service_role"})), Reason::WrongRole),
        ("the role of the database's owner", claims(json!({"role": "postgres"})), Reason::WrongRole),
        ("an empty role", claims(json!({"role": ""})), Reason::WrongRole),
        ("a list of roles", claims(json!({"role": ["authenticated"]})), Reason::MalformedClaims),
        ("the anon API key", api_key("anon"), Reason::WrongRole),
        ("the service API key", api_key("service_role"), Reason::WrongRole),
        ("an anonymous user", claims(json!({"is_anonymous": true})), Reason::Anonymous),
        ("anonymity as text", claims(json!({"is_anonymous": "true"})), Reason::MalformedClaims),
        ("anonymity as a number", claims(json!({"is_anonymous": 1})), Reason::MalformedClaims),
        ("no time of issue", claims(json!({"iat": null})), Reason::MissingIssuedAt),
        ("issued six seconds ahead", claims(json!({"iat": NOW + 6})), Reason::IssuedInFuture),
        ("issued in milliseconds", claims(json!({"iat": NOW * 1000})), Reason::IssuedInFuture),
        ("a time of issue as text", claims(json!({"iat": NOW.to_string()})), Reason::MalformedClaims),
        ("valid in six seconds", claims(json!({"nbf": NOW + 6})), Reason::NotYetValid),
        ("a first moment as text", claims(json!({"nbf": "now"})), Reason::MalformedClaims),
        ("no expiry", claims(json!({"exp": null})), Reason::MissingExpiry),
        ("expired half a second ago", claims(json!({"exp": NOW as f64 - 0.5})), Reason::Expired),
        ("expired this second", claims(json!({"exp": NOW})), Reason::Expired),
        ("expired a second ago", claims(json!({"exp": NOW - 1})), Reason::Expired),
        ("expired within the default minute of leniency", claims(json!({"exp": NOW - 30})), Reason::Expired),
        ("expired before 1970", claims(json!({"exp": -1})), Reason::Expired),
        ("an expiry as text", claims(json!({"exp": (NOW + 60).to_string()})), Reason::MalformedClaims),
        ("an expiry beyond numbers", claims(json!({"exp": 1e300})), Reason::MalformedClaims),
        ("an expiry beyond 63 bits", claims(json!({"exp": u64::MAX})), Reason::MalformedClaims),
        ("no subject", claims(json!({"sub": null})), Reason::MissingSubject),
        ("an empty subject", claims(json!({"sub": ""})), Reason::InvalidSubject),
        ("a subject that is no UUID", claims(json!({"sub": "ada@example.org"})), Reason::InvalidSubject),
        ("a subject a letter short", claims(json!({"sub": SUB[1..]})), Reason::InvalidSubject),
        ("a number for a subject", claims(json!({"sub": 1})), Reason::MalformedClaims),
        ("no session", claims(json!({"session_id": null})), Reason::MissingSession),
        ("a session that is no UUID", claims(json!({"session_id": "session"})), Reason::InvalidSession),
        ("a list of sessions", claims(json!({"session_id": [SESSION]})), Reason::MalformedClaims),
        ("an assurance made up", claims(json!({"aal": "aal3"})), Reason::MalformedClaims),
        ("an assurance in capitals", claims(json!({"aal": "AAL2"})), Reason::MalformedClaims),
        ("an assurance as a number", claims(json!({"aal": 2})), Reason::MalformedClaims),
    ]);
    assert_refused(&world.project.legacy_verifier(), &rows).await;
}

#[tokio::test]
async fn a_token_that_was_accepted_a_moment_ago_is_refused_once_it_expires() {
    let world = World::new().await;
    let verifier = world.project.verifier();
    let header = format!("Bearer {}", world.with_claims(json!({"exp": NOW + 30})));
    for seconds in [0, 0, 29] {
        world.project.advance(seconds);
        assert!(outcome(&verifier, &header).await.is_ok());
    }
    world.project.advance(1);
    let expired = Err(Refusal::Unauthenticated(Reason::Expired));
    assert_eq!(outcome(&verifier, &header).await, expired);
    world.project.advance(-1);
    assert!(outcome(&verifier, &header).await.is_ok());
}

#[tokio::test]
async fn a_payload_that_is_not_one_object_of_claims_is_refused() {
    let world = World::new().await;
    let good = world.project.claims().to_string();
    let open = good.strip_suffix('}').unwrap();
    let values = format!(
        r#"["{}","authenticated","authenticated",false,{NOW},null,{},"{SUB}","{SESSION}","aal2"]"#,
        world.project.issuer(),
        NOW + 60,
    );
    let twice = |claim: &str| world.with_payload(format!("{open},{claim}}}"));
    #[rustfmt::skip]
    let rows = bearing([
        ("an empty payload", world.with_payload(""), Reason::MalformedClaims),
        ("text", world.with_payload("claims"), Reason::MalformedClaims),
        ("null", world.with_payload("null"), Reason::MalformedClaims),
        ("a list of an object", world.with_payload(format!("[{good}]")), Reason::MalformedClaims),
        ("the claims' values as a list", world.with_payload(values), Reason::MalformedClaims),
        ("claims cut short", world.with_payload(open), Reason::MalformedClaims),
        ("two objects", world.with_payload(format!("{good}{good}")), Reason::MalformedClaims),
        ("no claims", world.with_payload("{}"), Reason::MissingRole),
        ("two subjects", twice(&format!(r#""sub":"{SESSION}""#)), Reason::MalformedClaims),
        ("two roles", twice(r#""role":"authenticated""#), Reason::MalformedClaims),
        ("two expiries", twice(r#""exp":9999999999"#), Reason::MalformedClaims),
        ("two assurances", twice(r#""aal":"aal2""#), Reason::MalformedClaims),
        ("a name spelt twice by escape", twice(r#""\u0073ub":"x""#), Reason::MalformedClaims),
        ("nesting without end", world.with_payload("[".repeat(5000)), Reason::MalformedClaims),
        ("deep nesting in a claim", twice(&format!(r#""x":{}"#, "[".repeat(2000))), Reason::MalformedClaims),
    ]);
    assert_refused(&world.project.verifier(), &rows).await;
}

#[test]
fn a_refusal_shows_only_the_stable_name_of_its_reason() {
    assert_eq!(Reason::NoToken.name(), "no-token");
    assert_eq!(Reason::IssuedInFuture.name(), "issued-in-future");
    let refusal = Refusal::Unauthenticated(Reason::BadSignature);
    assert_eq!(refusal.to_string(), "unauthenticated: bad-signature");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_verifier_serves_every_thread() {
    let world = World::new().await;
    let verifier = Arc::new(world.project.verifier());
    let requests = (0..8).map(|_| {
        let (verifier, authorization) = (verifier.clone(), format!("Bearer {}", world.good()));
        tokio::spawn(async move { verifier.verify(Some(&authorization)).await })
    });
    for request in requests.collect::<Vec<_>>() {
        assert!(request.await.unwrap().is_ok());
    }
    assert_eq!(world.project.requests(), 1);
}
