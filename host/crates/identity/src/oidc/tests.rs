//! A provider that misbehaves in every way: who is signed in, and what is said otherwise.

use std::sync::{Arc, Mutex};

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::time::SECOND;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::tests::issuer::Issuer;
use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

/// A provider on this machine: what it answers at each path, and what it was asked.
struct Fake {
    key: Issuer,
    url: String,
    answers: Arc<Mutex<Map<String, Json>>>,
    asked: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Fake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let key = Issuer::p256("1");
        let document = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize?ui=1"), "jwks_uri": format!("{url}/jwks"),
            "token_endpoint": format!("{url}/token"), "userinfo_endpoint": format!("{url}/me"),
            "end_session_endpoint": format!("{url}/end"), "id_token_signing_alg_values_supported": ["HS256", "ES256"],
        });
        let answers = json!({"/.well-known/openid-configuration": document, "/jwks": {"keys": [key.jwk()]}});
        let Json::Object(answers) = answers else { unreachable!("an object") };
        let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::default());
        let fake = Self { key, url, answers, asked, folder: tempfile::tempdir().expect("a folder") };
        let (answers, asked) = (Arc::clone(&fake.answers), Arc::clone(&fake.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&answers), Arc::clone(&asked)));
            }
        });
        fake
    }

    /// Sets the answer at a path; a number is a status without a body.
    fn answers(&self, path: &str, answer: Json) {
        self.answers.lock().expect("no panic").insert(path.to_owned(), answer);
    }

    /// Sets a member of the description; null removes it.
    fn describes(&self, name: &str, value: Json) {
        let mut answers = self.answers.lock().expect("no panic");
        let document = answers["/.well-known/openid-configuration"].as_object_mut().expect("an object");
        if value.is_null() { drop(document.remove(name)) } else { drop(document.insert(name.to_owned(), value)) }
    }

    fn oidc(&self, secret: Option<&str>) -> Oidc {
        let options = OidcOptions {
            issuer: self.url.clone(),
            client_id: "pages & more".to_owned(),
            client_secret: secret.map(str::to_owned),
            redirect: "https://log.example/sign-in/oidc/callback".to_owned(),
            scopes: vec!["groups".to_owned()],
            claims: ClaimNames { groups: Some("groups".to_owned()), ..ClaimNames::default() },
            authorities: Authorities::default(),
            name: "Fake".to_owned(),
        };
        let groups = GroupMap::new([("sre".to_owned(), vec!["admin".to_owned()])].into(), Vec::new());
        Oidc::new(options, groups, Tokens::open(self.folder.path()).expect("tokens")).expect("usable")
    }

    fn claims(&self) -> Json {
        let end = NOW.as_micros() / SECOND + 10;
        json!({"iss": self.url, "aud": "pages & more", "sub": "ada", "sid": "s1", "exp": end, "nonce": "nonce"})
    }

    /// The error of a sign-in with an ID token of these claims.
    async fn refuses(&self, name: &str, value: Json) -> OidcError {
        let mut claims = self.claims();
        claims[name] = value;
        self.answers("/token", json!({"id_token": self.key.jwt(&claims), "access_token": "access"}));
        self.oidc(None).finish(&attempt(), "code", NOW, NOW).await.expect_err(name)
    }
}

async fn answer(mut stream: TcpStream, answers: Arc<Mutex<Map<String, Json>>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = String::new();
    let is_whole = |request: &str| {
        let (head, body) = request.split_once("\r\n\r\n")?;
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        (body.len() >= length.unwrap_or(0)).then_some(())
    };
    while is_whole(&request).is_none() {
        let mut bytes = [0; 4_096];
        let read = stream.read(&mut bytes).await.expect("read");
        request.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().expect("no panic").push(request);
    let answer = answers.lock().expect("no panic").get(&path).cloned().unwrap_or(json!(404));
    let (status, body) = match (answer.as_u64(), answer.get("status").and_then(Json::as_u64)) {
        (Some(status), _) => (status, String::new()),
        (None, status) => (status.unwrap_or(200), answer.to_string()),
    };
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("written");
}

fn attempt() -> SignInAttempt {
    SignInAttempt { state: "state".to_owned(), nonce: "nonce".to_owned(), verifier: "verifier".to_owned() }
}

#[tokio::test]
async fn a_user_signs_in_with_the_claims_of_both_sources() {
    let fake = Fake::start().await;
    fake.answers("/token", json!({"id_token": fake.key.jwt(&fake.claims()), "access_token": "access"}));
    fake.answers("/me", json!({"sub": "ada", "groups": ["sre", "admin"], "sid": "not this"}));
    let oidc = fake.oidc(Some("s/3&-_."));
    let address = oidc.begin(&attempt()).await.expect("an address");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest("verifier"));
    let expected = format!(
        "{}/authorize?ui=1&response_type=code&client_id=pages%20%26%20more&redirect_uri=https%3A%2F%2Flog.example%2F\
         sign-in%2Foidc%2Fcallback&scope=openid%20groups&state=state&nonce=nonce&code_challenge={challenge}\
         &code_challenge_method=S256",
        fake.url
    );
    assert_eq!(address, expected);
    let session = oidc.finish(&attempt(), "the code", NOW, NOW.plus(7)).await.expect("signed in");
    let expected = ProviderSession {
        viewer: Viewer::new("ada", ["admin"]),
        until: NOW.plus(7),
        issuer: fake.url.clone(),
        subject: "ada".to_owned(),
        session: Some("s1".to_owned()),
        id_token: session.id_token.clone(),
    };
    assert_eq!(session, expected, "the provider's own admin has no right");
    let asked = fake.asked.lock().expect("no panic").clone();
    let of = |path: &str| asked.iter().find(|request| request.contains(&format!(" {path} "))).expect(path).clone();
    // RFC 6749, 2.3.1: both halves are encoded before they are joined, as forms are, and no more.
    let basic = format!("authorization: Basic {}\r\n", STANDARD.encode("pages%20%26%20more:s%2F3%26-_."));
    let token = of("/token");
    assert!(token.contains(&basic) && token.contains("code=the%20code&"), "{token}");
    assert!(token.ends_with("&code_verifier=verifier"), "{token}");
    assert!(of("/me").contains("authorization: Bearer access\r\n"));
    let end = oidc.end_address("an.id.token").await.expect("an address");
    assert_eq!(end, format!("{}/end?client_id=pages%20%26%20more&id_token_hint=an.id.token", fake.url));
    // A client without a secret names itself, and one that the provider wants in the form sends it there.
    for (secret, expected) in [(None, ""), (Some("x"), "&client_secret=x")] {
        fake.describes("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
        fake.oidc(secret).finish(&attempt(), "c", NOW, NOW).await.expect("signed in");
        let asked = fake.asked.lock().expect("no panic").clone();
        let token = asked.iter().rfind(|request| request.contains(" /token ")).expect("asked");
        assert!(token.ends_with(&format!("&client_id=pages%20%26%20more{expected}")), "{token}");
        assert!(!token.contains("authorization:"), "{token}");
    }
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_is_refused() {
    let fake = Fake::start().await;
    let now = NOW.as_micros() / SECOND;
    let token = OidcError::IdToken;
    for (name, value, expected) in [
        ("nonce", json!("other"), OidcError::OtherSignIn),
        ("nonce", Json::Null, OidcError::OtherSignIn),
        ("iss", json!("http://127.0.0.1:1"), token(JwtError::Issuer)),
        ("aud", json!("other"), token(JwtError::Audience)),
        ("aud", json!(["pages & more", "other"]), token(JwtError::Audience)),
        ("azp", json!("other"), token(JwtError::Audience)),
        ("exp", json!(now - 61), token(JwtError::Expired)),
        ("sub", json!(7), token(JwtError::Claim("sub"))),
        ("groups", json!({"a": 1}), token(JwtError::Claim("with the groups"))),
    ] {
        assert_eq!(fake.refuses(name, value.clone()).await, expected, "{name}: {value}");
    }
    fake.answers("/me", json!({"sub": "otto", "groups": ["sre"]}));
    assert_eq!(fake.refuses("sid", json!("s2")).await, OidcError::OtherUser);
    let logout = fake.key.sign(&json!({"alg": "ES256", "kid": "1", "typ": "logout+jwt"}), &fake.claims());
    let stranger = Issuer::p256("1").jwt(&fake.claims());
    for (jwt, expected) in
        [(logout, JwtError::Kind), (stranger, JwtError::Signature), ("x".into(), JwtError::Malformed)]
    {
        fake.answers("/token", json!({"id_token": jwt}));
        assert_eq!(fake.oidc(None).finish(&attempt(), "c", NOW, NOW).await, Err(token(expected)));
    }
}

#[tokio::test]
async fn each_misconfiguration_is_told_in_words() {
    let describes = [
        ("issuer", json!("https://id.example/other"), "calls itself \"https://id.example/other\""),
        ("response_types_supported", json!(["token"]), "does not offer the authorization code flow"),
        ("code_challenge_methods_supported", json!(["plain"]), "does not offer PKCE with S256"),
        ("id_token_signing_alg_values_supported", json!(["HS256"]), "signed with a public key"),
        ("token_endpoint", Json::Null, "is not the description of an OpenID provider; is `issuer` right?"),
        ("token_endpoint", json!("http://id.example/token"), "names the address \"http://id.example/token\""),
        ("authorization_endpoint", json!("javascript:alert(1)"), "names the address \"javascript:alert(1)\""),
        ("jwks_uri", json!("/etc/passwd"), "names the address \"/etc/passwd\""),
    ];
    for (name, value, expected) in describes {
        let fake = Fake::start().await;
        fake.describes(name, value);
        let error = fake.oidc(None).begin(&attempt()).await.expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let tokens = [
        (json!({"status": 401, "error": "invalid_client"}), "check `client_id` and the client's secret"),
        (json!({"status": 400, "error": "invalid_grant"}), "took too long, or was finished before"),
        (json!({"status": 400, "error": "x", "error_description": "no\u{7} way"}), "refused this sign-in: no way"),
        (json!(502), "answered with 502; see its own log"),
        (json!({"access_token": "only"}), "token endpoint cannot be read"),
    ];
    let fake = Fake::start().await;
    for (answer, expected) in tokens {
        fake.answers("/token", answer);
        let error = fake.oidc(None).finish(&attempt(), "c", NOW, NOW).await.expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    fake.answers("/.well-known/openid-configuration", json!(404));
    let error = fake.oidc(None).look().await.expect_err("not found").to_string();
    assert!(error.contains("404") && error.contains("/.well-known/openid-configuration"), "{error}");
    // What anyone can put into an address is no text of the log's.
    let forged = OidcError::of_redirection("x", Some("call this number"));
    assert!(forged.to_string().contains("call this number") && !forged.plain().contains("call"), "{forged}");
    // A provider repeats a logout that could not be checked.
    assert!(OidcError::LogoutToken(JwtError::Unreachable).is_failure());
    let cancelled = OidcError::of_redirection("access_denied", None).to_string();
    assert!(cancelled.contains("cancelled at the provider (access_denied)"), "{cancelled}");
}

#[tokio::test]
async fn a_provider_that_was_there_once_may_be_away() {
    let fake = Fake::start().await;
    let oidc = fake.oidc(None);
    fake.answers("/.well-known/openid-configuration", json!(503));
    assert!(oidc.look().await.expect_err("away").is_failure());
    let asked = || fake.asked.lock().expect("no panic").len();
    let before = asked();
    assert!(oidc.look().await.is_err());
    assert_eq!(asked(), before, "visitors do not wait for it one after another");
}

#[tokio::test]
async fn only_a_logout_token_of_the_provider_ends_sessions() {
    let fake = Fake::start().await;
    let oidc = fake.oidc(None);
    let events = json!({LOGOUT_EVENT: {}});
    let claims = |change: &[(&str, Json)]| {
        let mut claims = fake.claims();
        let members = claims.as_object_mut().expect("an object");
        members.insert("events".to_owned(), events.clone());
        members.shift_remove("nonce");
        for (name, value) in change {
            members.shift_remove(*name);
            if !value.is_null() {
                members.insert((*name).to_owned(), value.clone());
            }
        }
        fake.key.sign(&json!({"alg": "ES256", "kid": "1", "typ": "logout+jwt"}), &claims)
    };
    let ended = oidc.ended(&claims(&[]), NOW).await.expect("accepted");
    assert_eq!(ended, EndedByProvider { subject: Some("ada".to_owned()), session: Some("s1".to_owned()) });
    let user = oidc.ended(&claims(&[("sid", Json::Null)]), NOW).await.expect("accepted");
    assert_eq!(user, EndedByProvider { subject: Some("ada".to_owned()), session: None });
    for (change, expected) in [
        (vec![("nonce", json!("nonce"))], JwtError::Kind),
        (vec![("events", Json::Null)], JwtError::Kind),
        (vec![("events", json!({"other": {}}))], JwtError::Kind),
        (vec![("aud", json!("other"))], JwtError::Audience),
        (vec![("exp", json!(-100))], JwtError::Expired),
        (vec![("sub", Json::Null), ("sid", Json::Null)], JwtError::Claim("sub or sid")),
    ] {
        assert_eq!(oidc.ended(&claims(&change), NOW).await, Err(OidcError::LogoutToken(expected)), "{change:?}");
    }
    let id_token = fake.key.jwt(&fake.claims());
    assert_eq!(oidc.ended(&id_token, NOW).await, Err(OidcError::LogoutToken(JwtError::Kind)));
}
