//! Tests of the file of tokens.

use super::*;
use mcp_audit_log_model::name::NameError;

const NOW: Timestamp = Timestamp::EPOCH;

fn viewer(user: &str) -> Viewer {
    Viewer::new(user, ["admin"]).instance("eu")
}

fn opened() -> (tempfile::TempDir, Tokens) {
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = Tokens::open(folder.path()).expect("tokens");
    (folder, tokens)
}

#[test]
fn a_token_is_found_by_its_secret_which_is_not_stored() {
    let (folder, tokens) = opened();
    let (secret, token) = tokens.create(&viewer("anna"), "laptop", NOW).expect("a token");
    assert_eq!(tokens.by_id(&token.id).expect("found").as_ref(), Some(&token));
    assert_eq!(tokens.find(&secret, NOW).expect("found"), Some(token));
    assert_eq!(tokens.find("mcpa_other", NOW).expect("looked"), None);
    let bytes = std::fs::read(folder.path().join("tokens.db")).expect("a file");
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[test]
fn a_revoked_token_is_gone_and_the_others_stay() {
    let (_folder, tokens) = opened();
    let made = ["anna", "otto"].map(|user| tokens.create(&viewer(user), "laptop", NOW).expect("a token"));
    let [(secret, anna), (_, otto)] = made;
    assert_eq!(tokens.list().expect("listed").len(), 2);
    assert!(tokens.revoke(&anna.id, "root", NOW).expect("revoked"));
    assert_eq!(tokens.find(&secret, NOW).expect("looked"), None);
    assert_eq!(tokens.list().expect("listed"), [otto]);
    assert!(!tokens.revoke(&anna.id, "root", NOW).expect("looked"), "there is none any more");
    assert_eq!(tokens.by_id(&anna.id).expect("looked"), None);
    assert_eq!(tokens.name(&anna.id).expect("looked"), Some(anna.caller()), "its entries are still there");
    assert_eq!(tokens.name("nonsense").expect("looked"), None);
}

#[test]
fn a_change_is_pending_until_it_is_delivered() {
    let (folder, tokens) = opened();
    let (secret, token) = tokens.create(&viewer("anna"), "laptop", NOW).expect("a token");
    tokens.revoke(&token.id, "root", NOW.plus(5)).expect("revoked");
    tokens.revoke(&token.id, "root", NOW.plus(6)).expect("looked");
    let pending = Tokens::existing(folder.path()).expect("a file").pending().expect("read");
    let found: Vec<_> =
        pending.iter().map(|one| (one.action, one.by.user.as_str(), one.at, one.token.id.clone())).collect();
    let expected = [
        (TokenAction::Created, "operator", NOW, token.id.clone()),
        (TokenAction::Revoked, "root", NOW.plus(5), token.id.clone()),
    ];
    assert_eq!(found, expected, "what revoked nothing is no change");
    assert_eq!(pending[0].token, token);
    assert!(!format!("{pending:?}").contains(&secret));
    tokens.delivered(&pending[..1]).expect("forgotten");
    assert_eq!(tokens.pending().expect("read"), pending[1..]);
}

#[test]
fn a_token_knows_when_it_is_over_and_when_it_was_used() {
    let (_folder, tokens) = opened();
    let wanted = NewToken::new(viewer("anna"), "laptop").expires(Some(NOW.plus(2 * USE)));
    let (secret, token) = tokens.create_by("root", &wanted, NOW).expect("a token");
    assert!(!token.is_expired(NOW.plus(2 * USE - 1)) && token.is_expired(NOW.plus(2 * USE)));
    let used = |at: i64| {
        tokens.find(&secret, NOW.plus(at)).expect("looked").expect("a token");
        tokens.by_id(&token.id).expect("looked").expect("a token").last_used_at
    };
    assert_eq!(used(USE + 5), Some(NOW.plus(USE)));
    assert_eq!(used(2 * USE + 5), Some(NOW.plus(USE)), "an expired token is not used");
    let past = NewToken::new(viewer("anna"), "laptop").expires(Some(NOW));
    assert!(matches!(tokens.create_by("root", &past, NOW), Err(TokenError::Past(_))));
}

#[test]
fn nameless_users_are_refused() {
    let (_folder, tokens) = opened();
    assert!(matches!(tokens.create(&viewer(" "), "x", NOW), Err(TokenError::Name("the user", NameError::Empty))));
    assert!(matches!(
        tokens.create(&viewer("x"), &"x".repeat(257), NOW),
        Err(TokenError::Name("the connection's name", NameError::Long))
    ));
}

#[test]
fn a_file_of_an_older_build_is_named_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Connection::open(folder.path().join("tokens.db")).expect("a file");
    file.execute_batch("CREATE TABLE token (id TEXT)").expect("a table");
    let error = Tokens::open(folder.path()).expect_err("refused").to_string();
    assert!(error.contains("older version") && error.contains("move it away"), "{error}");
}

#[test]
fn a_file_from_before_sign_outs_were_stored_is_brought_up_to_date() {
    let (folder, tokens) = opened();
    let (secret, token) = tokens.create(&viewer("anna"), "laptop", NOW).expect("a token");
    let file = Connection::open(folder.path().join("tokens.db")).expect("a file");
    file.execute_batch(
        "ALTER TABLE token DROP COLUMN sessions_ended; DROP TABLE ended_session; DROP TABLE provider_session",
    )
    .expect("as it was");
    drop(file);
    let tokens = Tokens::open(folder.path()).expect("tokens");
    assert_eq!(tokens.find(&secret, NOW).expect("looked"), Some(token.clone()));
    tokens.end_session(&token.id, NOW.plus(10), NOW).expect("ended");
    assert_eq!(tokens.by_session(&token.id, NOW.plus(10)).expect("looked"), None);
}

#[test]
fn a_session_that_was_signed_out_stays_so() {
    let (folder, tokens) = opened();
    let (_, token) = tokens.create(&viewer("anna"), "laptop", NOW).expect("a token");
    let (_, other) = tokens.create(&viewer("otto"), "laptop", NOW).expect("a token");
    let lasts = |id: &str, until: i64| {
        let tokens = Tokens::existing(folder.path()).expect("the file");
        tokens.by_session(id, NOW.plus(until)).expect("looked").is_some()
    };
    assert!(lasts(&token.id, 10) && !lasts("nonsense", 10));
    tokens.end_session(&token.id, NOW.plus(10), NOW).expect("ended");
    tokens.end_session(&token.id, NOW.plus(10), NOW).expect("once more");
    assert!(!lasts(&token.id, 10) && lasts(&token.id, 11) && lasts(&token.id, 9) && lasts(&other.id, 10));
    // More than is ever done: the first stays ended, and others of the token's that began later go on.
    (0..2_000).for_each(|at| tokens.end_session(&token.id, NOW.plus(20 + 2 * at), NOW).expect("ended"));
    assert!((0..2_000).step_by(97).all(|at| !lasts(&token.id, 20 + 2 * at)));
    assert!(!lasts(&token.id, 10) && lasts(&token.id, 5_000) && lasts(&other.id, 10));
    let kept = |tokens: &Tokens| {
        tokens.with(|file| file.query_row("SELECT count(*) FROM ended_session", [], |row| row.get::<_, i64>(0)))
    };
    assert!(kept(&tokens).expect("counted") <= 1_001);
    // What would be over by now is forgotten.
    tokens.end_session(&other.id, NOW.plus(90_000), NOW.plus(80_000)).expect("ended");
    assert_eq!(kept(&tokens).expect("counted"), 1);
}

#[test]
fn a_session_of_a_provider_lasts_until_it_is_ended_here_or_there() {
    let (folder, tokens) = opened();
    let until = NOW.plus(100);
    let begin = |user: &str, session: &str| {
        let session = ProviderSession {
            viewer: viewer(user),
            until,
            issuer: "https://id.example".to_owned(),
            subject: format!("sub of {user}"),
            session: Some(session.to_owned()),
            id_token: format!("ID token of {session}"),
        };
        tokens.begin_provider_session(&session, NOW).expect("begun")
    };
    let made = ["one", "two", "three"].map(|session| begin("anna", session));
    let other = begin("otto", "four");
    let lasts = |id: &str| {
        let tokens = Tokens::open(folder.path()).expect("the file");
        tokens.provider_session(id, "https://id.example", until).expect("looked").map(|session| session.viewer())
    };
    assert_eq!((lasts(&made[0]), lasts(&other)), (Some(viewer("anna")), Some(viewer("otto"))));
    let looked = |issuer: &str, until| tokens.provider_session(&made[0], issuer, until).expect("looked");
    assert_eq!(looked("https://id.example", NOW.plus(101)), None, "of another end");
    assert_eq!(looked("https://other.example", until), None, "of another issuer");
    assert_eq!(tokens.end_provider_session(&made[0]).expect("ended").as_deref(), Some("ID token of one"));
    assert_eq!(tokens.end_provider_session(&made[0]).expect("looked"), None);
    let ended = |issuer: &str, subject, session| {
        let ended = tokens.end_sessions_of_provider(issuer, subject, session, NOW).expect("ended");
        ended.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    let (here, there) = ("https://id.example", "https://other.example");
    assert!(ended(here, None, None).is_empty() && ended(there, Some("sub of anna"), None).is_empty());
    assert!(ended(here, Some("sub of otto"), Some("two")).is_empty(), "both must fit");
    assert_eq!(ended(here, None, Some("two")), [made[1].clone()]);
    assert_eq!(ended(here, Some("sub of anna"), None), [made[2].clone()]);
    assert_eq!((lasts(&made[1]), lasts(&made[2]), lasts(&other)), (None, None, Some(viewer("otto"))));
    // What is over is removed with the next beginning, and is not told as ended.
    assert_eq!(tokens.end_sessions_of_provider(here, Some("sub of otto"), None, until).expect("ended"), []);
}
