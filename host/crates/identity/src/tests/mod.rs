//! Sign-in by JWT: which JWTs are accepted, and every reason to refuse one.

pub(super) mod issuer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use mcp_audit_log_core::client_tls::Authorities;
use mcp_audit_log_model::time::{Clock, ManualClock, SECOND, SystemClock};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use self::issuer::{Issuer, encode};
use super::*;

const NOW: i64 = 1_000_000;

/// A folder with the keys of these issuers, and a sign-in that accepts them.
fn door(keys: &[Json], change: impl FnOnce(&mut JwtOptions)) -> (TempDir, Identity) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({ "keys": keys }).to_string()).expect("written");
    let identity = opened(KeySource::File(file), change);
    (folder, identity)
}

fn opened(keys: KeySource, change: impl FnOnce(&mut JwtOptions)) -> Identity {
    let mut options = JwtOptions {
        issuer: "https://id.example".into(),
        audiences: vec!["mcp-audit-log".into(), "other".into()],
        keys,
        authorities: Authorities::default(),
        algorithms: Algorithm::ALL.to_vec(),
        leeway_seconds: 60,
        requires_nbf: true,
        claims: ClaimNames {
            user: "sub".into(),
            groups: Some("realm.roles".into()),
            instance: Some("https://example/tenant".into()),
            instance_optional: false,
            connection: Some("azp".into()),
        },
    };
    change(&mut options);
    let groups = GroupMap::new([("sre".to_owned(), vec!["admin".to_owned()])].into(), vec!["user".to_owned()]);
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOW * SECOND)));
    Identity::without_sign_in().jwt(Jwt::new(options, groups).expect("a door")).clock(clock)
}

fn claims() -> Json {
    json!({
        "iss": "https://id.example", "aud": ["x", "mcp-audit-log"], "sub": "ada", "nbf": NOW - 10, "exp": NOW + 10,
        "realm": {"roles": ["sre", "admin", "unknown"]}, "https://example/tenant": "eu", "azp": "desk",
    })
}

fn with(name: &str, value: Json) -> Json {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Json {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").shift_remove(name);
    claims
}

async fn refused(identity: &Identity, jwt: &str) -> JwtError {
    match identity.bearer(jwt).await {
        Err(SignInError::Jwt(error)) => error,
        other => unreachable!("{jwt}: {other:?}"),
    }
}

#[tokio::test]
async fn claims_are_read_as_configured() {
    for issuer in [Issuer::p256("a"), Issuer::ed25519("a")] {
        let (_folder, identity) = door(&[issuer.jwk()], |_| {});
        let bearer = identity.bearer(&issuer.jwt(&claims())).await.expect("let in");
        let Bearer::Jwt(person, until) = &bearer else { unreachable!("{bearer:?}") };
        let expected =
            Viewer { user: "ada".into(), groups: vec!["admin".into(), "user".into()], instance: Some("eu".into()) };
        assert_eq!(person.viewer, expected, "the issuer's own admin is nobody here");
        assert_eq!(*until, Timestamp::from_micros((NOW + 70) * SECOND));
        let caller = bearer.caller();
        assert_eq!((caller.user.as_deref(), caller.connection.as_deref()), (Some("ada"), Some("desk")));
        assert_eq!(caller.instance.as_deref(), Some("eu"));
    }
}

#[tokio::test]
async fn rsa_works_with_both_paddings() {
    let key = json!({"kid": "rsa", "kty": "RSA", "n": issuer::RSA, "e": "AQAB"});
    let (_folder, identity) = door(std::slice::from_ref(&key), |options| options.claims.instance_optional = true);
    for jwt in [issuer::RS256, issuer::PS256] {
        assert_eq!(identity.bearer(jwt).await.expect("let in").person().viewer.user, "rsa");
        let (head, tail) = jwt.split_at(jwt.len() - 10);
        let (head, middle) = head.split_at(head.len() - 20);
        let other = format!("{head}{}{tail}", middle.chars().rev().collect::<String>());
        assert_eq!(refused(&identity, &other).await, JwtError::Signature);
    }
    let mut bound = key.clone();
    bound["alg"] = "PS256".into();
    let (_folder, identity) = door(&[bound], |_| {});
    assert_eq!(refused(&identity, issuer::RS256).await, JwtError::Key, "the key is for something else");
    let (_folder, identity) = door(&[key], |options| options.algorithms = vec![Algorithm::ES256]);
    assert_eq!(refused(&identity, issuer::RS256).await, JwtError::Algorithm);
}

#[tokio::test]
async fn every_claim_is_checked() {
    let issuer = Issuer::p256("a");
    let (_folder, identity) = door(&[issuer.jwk()], |_| {});
    for (claims, expected) in [
        (without("exp"), JwtError::Claim("exp")),
        (with("exp", json!("9999999999")), JwtError::Claim("exp")),
        (with("exp", json!(NOW - 60)), JwtError::Expired),
        (with("exp", json!(-1.5)), JwtError::Expired),
        (without("nbf"), JwtError::Claim("nbf")),
        (with("nbf", json!("0")), JwtError::Claim("nbf")),
        (with("nbf", json!(NOW + 61)), JwtError::Early),
        (without("iss"), JwtError::Claim("iss")),
        (with("iss", json!("https://id.example/")), JwtError::Issuer),
        (without("aud"), JwtError::Claim("aud")),
        (with("aud", json!([])), JwtError::Audience),
        (with("aud", json!("mcp-audit-log2")), JwtError::Audience),
        (with("aud", json!([7])), JwtError::Claim("aud")),
        (without("sub"), JwtError::Claim("that names the user")),
        (with("sub", json!(" ")), JwtError::Claim("user")),
        (with("sub", json!(7)), JwtError::Claim("user")),
        (with("realm", json!({"roles": [1]})), JwtError::Claim("with the groups")),
        (with("https://example/tenant", json!("")), JwtError::Claim("with the tenant")),
        (with("https://example/tenant", Json::Null), JwtError::Claim("with the tenant")),
        (without("https://example/tenant"), JwtError::Claim("with the tenant")),
        (with("realm", json!("sre")), JwtError::Claim("with the groups")),
        (with("sub", json!("ad\u{200b}a")), JwtError::Claim("user")),
        (with("sub", json!("ada ")), JwtError::Claim("user")),
        (with("sub", json!("x".repeat(257))), JwtError::Claim("user")),
        (with("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})), JwtError::Kind),
    ] {
        assert_eq!(refused(&identity, &issuer.jwt(&claims)).await, expected, "{claims}");
    }
    for good in [
        with("exp", json!(NOW - 59)),
        with("nbf", json!(NOW + 60)),
        with("aud", json!("other")),
        with("exp", json!(1e6 + 0.5)),
    ] {
        assert!(identity.bearer(&issuer.jwt(&good)).await.is_ok(), "{good}");
    }
    let poor = identity.bearer(&issuer.jwt(&without("realm"))).await.expect("let in").person().viewer;
    assert_eq!(poor.groups, ["user"]);
    let (_folder, open) = door(&[issuer.jwk()], |options| options.claims.instance_optional = true);
    let nowhere = open.bearer(&issuer.jwt(&without("https://example/tenant"))).await.expect("let in").person();
    assert_eq!(nowhere.viewer.instance, None);
    let (_folder, lenient) = door(&[issuer.jwk()], |options| options.requires_nbf = false);
    assert!(lenient.bearer(&issuer.jwt(&without("nbf"))).await.is_ok());
    assert_eq!(refused(&lenient, &issuer.jwt(&with("nbf", json!(NOW + 61)))).await, JwtError::Early);
}

#[tokio::test]
async fn only_the_issuers_signature_counts() {
    let (issuer, thief) = (Issuer::p256("a"), Issuer::p256("a"));
    let (_folder, identity) = door(&[issuer.jwk()], |_| {});
    let jwt = issuer.jwt(&claims());
    let (message, signature) = jwt.rsplit_once('.').expect("three parts");
    let (head, _) = message.split_once('.').expect("three parts");
    let changed = format!("{head}.{}.{signature}", encode(with("sub", json!("root")).to_string().as_bytes()));
    assert_eq!(refused(&identity, &changed).await, JwtError::Signature);
    assert_eq!(refused(&identity, &thief.jwt(&claims())).await, JwtError::Signature);
    assert_eq!(refused(&identity, &format!("{message}.")).await, JwtError::Signature);
    // A key in the JWT itself is not trusted.
    let own = thief.sign(&json!({"alg": "ES256", "kid": "a", "jwk": thief.jwk()}), &claims());
    assert_eq!(refused(&identity, &own).await, JwtError::Signature);
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "HS256", "kid": "a"}),
        json!({"alg": "ES256", "kid": "a", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "a", "crit": null}),
        json!({"alg": ""}),
    ] {
        assert_eq!(refused(&identity, &issuer.sign(&header, &claims())).await, JwtError::Algorithm, "{header}");
    }
    for kind in ["logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        let header = json!({"alg": "ES256", "kid": "a", "typ": kind});
        assert_eq!(refused(&identity, &issuer.sign(&header, &claims())).await, JwtError::Kind, "{kind}");
    }
    for kind in ["JWT", "at+JWT", "application/at+jwt"] {
        let header = json!({"alg": "ES256", "kid": "a", "typ": kind});
        assert!(identity.bearer(&issuer.sign(&header, &claims())).await.is_ok(), "{kind}");
    }
    for header in [json!({"alg": "ES384", "kid": "a"}), json!({"alg": "RS256", "kid": "a"}), json!({"alg": "EdDSA"})] {
        assert_eq!(refused(&identity, &issuer.sign(&header, &claims())).await, JwtError::Key, "{header}");
    }
    for text in
        ["", "a.b", "a.b.c", "....", &format!("{message}.{signature}="), &format!("{jwt}.x"), &"x".repeat(20_000)]
    {
        let error = refused(&identity, text).await;
        assert_eq!(error, JwtError::Malformed, "{text}");
    }
}

#[tokio::test]
async fn a_public_key_is_not_an_hmac_secret() {
    let issuer = Issuer::p256("a");
    let (_folder, identity) = door(&[issuer.jwk()], |_| {});
    let message = format!("{}.{}", encode(br#"{"alg":"HS256","kid":"a"}"#), encode(claims().to_string().as_bytes()));
    for secret in [issuer.jwk().to_string(), issuer.jwk()["x"].as_str().expect("a text").to_owned()] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(message.as_bytes());
        let jwt = format!("{message}.{}", encode(&mac.finalize().into_bytes()));
        assert_eq!(refused(&identity, &jwt).await, JwtError::Algorithm);
    }
}

#[tokio::test]
async fn without_jwt_options_every_jwt_is_refused() {
    let jwt = Issuer::p256("a").jwt(&claims());
    assert!(matches!(Identity::without_sign_in().bearer(&jwt).await, Err(SignInError::Unknown)));
}

#[test]
fn a_file_without_keys_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    for text in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#] {
        std::fs::write(&file, text).expect("written");
        assert!(
            matches!(
                jwks::Keys::open(&KeySource::File(file.clone()), &Authorities::default()),
                Err(KeySourceError::Empty(_))
            ),
            "{text}"
        );
    }
    std::fs::remove_file(&file).expect("removed");
    assert!(matches!(jwks::Keys::open(&KeySource::File(file), &Authorities::default()), Err(KeySourceError::File(..))));
}

/// Answers every request with the result of `body`, and counts the requests.
async fn serve(body: impl Fn(usize) -> String + Send + 'static) -> (KeySource, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4_096]).await;
            let body = body(count.fetch_add(1, Ordering::SeqCst));
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (KeySource::parse(&format!("http://{address}/keys")).expect("an address"), asked)
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_a_minute() {
    let (first, second, third) = (Issuer::p256("1"), Issuer::p256("2"), Issuer::p256("3"));
    let keys = [first.jwk(), second.jwk(), third.jwk()];
    let (source, asked) = serve(move |time| json!({"keys": [keys[time.min(2)]]}).to_string()).await;
    let identity = opened(source, |_| {});
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is asked before somebody comes");
    for _ in 0..3 {
        assert!(identity.bearer(&first.jwt(&claims())).await.is_ok());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(identity.bearer(&second.jwt(&claims())).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for _ in 0..10 {
        assert_eq!(refused(&identity, &third.jwt(&claims())).await, JwtError::Key);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "one look a minute, whoever makes key ids up");
    assert_eq!(refused(&identity, &first.jwt(&claims())).await, JwtError::Key, "taken back by its issuer");
}

#[tokio::test]
async fn an_oversized_or_invalid_key_set_is_refused() {
    let issuer = Issuer::p256("1");
    for body in ["no JSON".to_owned(), json!({"keys": [issuer.jwk()], "padding": "x".repeat(300 << 10)}).to_string()] {
        let (source, asked) = serve(move |_| body.clone()).await;
        let identity = opened(source, |_| {});
        for _ in 0..3 {
            assert_eq!(refused(&identity, &issuer.jwt(&claims())).await, JwtError::Unreachable);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1, "not asked again at once");
    }
}

#[tokio::test]
async fn a_tokens_id_is_not_a_credential() {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(folder.path()).expect("tokens");
    let root = Viewer::new("root", ["admin"]);
    let (secret, token) = tokens.create(&root, "laptop", SystemClock.now()).expect("a token");
    let identity = Identity::new(tokens);
    // As every request of a browser's session does.
    identity.by_id(&token.id).await.expect("found");
    for guess in [format!("id:{}", token.id), format!("i{}", token.id), token.id.clone(), format!("mcpa_{}", token.id)]
    {
        assert!(matches!(identity.bearer(&guess).await, Err(SignInError::Unknown)), "{guess}");
        assert!(matches!(identity.by_secret(&guess).await, Err(SignInError::Unknown)), "{guess}");
    }
    assert_eq!(identity.by_secret(&secret).await.expect("found").id, token.id);
    assert!(matches!(identity.by_id(&secret).await, Err(SignInError::Unknown)), "nor is a secret an id");
}

#[tokio::test]
async fn an_issuer_can_revoke_its_last_key() {
    let (first, unknown) = (Issuer::p256("1"), Issuer::p256("2"));
    let jwk = first.jwk();
    let (source, _) = serve(move |time| json!({"keys": if time == 0 { vec![&jwk] } else { vec![] }}).to_string()).await;
    let identity = opened(source, |_| {});
    assert!(identity.bearer(&first.jwt(&claims())).await.is_ok());
    assert_eq!(refused(&identity, &unknown.jwt(&claims())).await, JwtError::Key);
    assert_eq!(refused(&identity, &first.jwt(&claims())).await, JwtError::Key);
}

#[tokio::test]
async fn a_key_replaced_under_its_name_is_fetched() {
    let (old, new) = (Issuer::p256("1"), Issuer::p256("1"));
    let keys = [old.jwk(), new.jwk()];
    let (source, asked) = serve(move |time| json!({"keys": [keys[time.min(1)]]}).to_string()).await;
    let identity = opened(source, |_| {});
    assert!(identity.bearer(&old.jwt(&claims())).await.is_ok());
    assert!(identity.bearer(&new.jwt(&claims())).await.is_ok());
    assert_eq!(refused(&identity, &old.jwt(&claims())).await, JwtError::Signature);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// An issuer that takes connections and never answers; counts them.
async fn silent() -> (KeySource, tokio::sync::mpsc::Receiver<tokio::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, taken) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = sender.send(stream).await;
        }
    });
    (KeySource::parse(&format!("http://{address}/keys")).expect("an address"), taken)
}

#[tokio::test]
async fn hanging_up_does_not_cause_another_fetch() {
    let issuer = Issuer::p256("1");
    let (source, mut taken) = silent().await;
    let identity = opened(source, |_| {});
    let jwt = issuer.jwt(&claims());
    let first = {
        let asking = identity.bearer(&jwt);
        let stream = taken.recv();
        // The fetch is running when its caller hangs up.
        tokio::select! { _ = asking => unreachable!("nobody answers"), stream = stream => stream.expect("asked") }
    };
    let mut first = first;
    let asking = tokio::spawn({
        let (identity, jwt) = (identity.clone(), jwt.clone());
        async move { identity.bearer(&jwt).await.map(drop) }
    });
    let body = json!({"keys": [issuer.jwk()]}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    first.write_all(format!("{head}{body}").as_bytes()).await.expect("answered");
    assert!(asking.await.expect("ran").is_ok(), "the look that was begun serves the next one");
    assert!(taken.try_recv().is_err(), "and there was one");
}

#[tokio::test]
async fn foreign_credentials_do_not_wait_for_the_issuer() {
    let issuer = Issuer::p256("1");
    let (source, mut taken) = silent().await;
    let identity = opened(source, |_| {});
    let foreign = [
        (with("iss", json!("https://other.example")), JwtError::Issuer),
        (with("aud", json!("upstream")), JwtError::Audience),
    ];
    for (claims, expected) in foreign {
        let jwt = issuer.jwt(&claims);
        assert_eq!(refused(&identity, &jwt).await, expected);
        assert_eq!(identity.is_ours(&jwt), expected == JwtError::Issuer, "{claims}");
    }
    assert!(taken.try_recv().is_err(), "nothing was asked");
}
