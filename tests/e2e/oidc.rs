//! Users sign in with a real OpenID provider in a real browser, and it ends their sessions.

use std::path::Path;
use std::process::Command;

use mcp_audit_log_tests::{Api, Browser, Process, Scripts, eventually, files_with, free_port, product, text, token_in};

const SECRET: &str = "the-secret-of-the-client";

/// A log, an OpenID provider, and the folder of both.
struct World {
    log: Process,
    provider: Option<Process>,
    site: String,
    issuer: String,
    folder: tempfile::TempDir,
}

impl World {
    /// With a provider that expects this secret of the log, which sends [`SECRET`].
    fn of(expected: &str) -> Self {
        let (port, own) = (free_port(), free_port());
        let (site, issuer) = (format!("http://127.0.0.1:{own}"), format!("http://localhost:{port}"));
        let provider = provider(port, &site, expected);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).expect("written");
        let configuration = format!(
            "data = \"data\"\nlisten = \"127.0.0.1:{own}\"\n\
             [proxy]\npublic_url = \"{site}\"\n\
             [sign_in.oidc]\nissuer = \"{issuer}\"\nclient_id = \"audit-pages\"\nclient_secret_file = \"secret\"\n\
             name = \"Example ID\"\nscopes = [\"groups\"]\ngroups = \"groups\"\n\
             [groups]\nsre = [\"admin\"]\nstaff = [\"user\"]\n"
        );
        std::fs::write(folder.path().join("log.toml"), configuration).expect("written");
        let mut serve = product(["serve", "--config"]);
        let mut log = Process::start(serve.arg(folder.path().join("log.toml")));
        log.line_after("mcp-audit-log is listening on ");
        Self { log, provider: Some(provider), site, issuer, folder }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The entries with this action, newest first, with their details.
    fn entries(&self, action: &str) -> Vec<serde_json::Value> {
        let admin = Api::new(&self.site, &token_in(&self.data(), "root", &["admin"], "test"));
        let whole = |entry: &serde_json::Value| {
            serde_json::from_str(&admin.get(&format!("/api/v1/entries/{}", text(entry, "id"))).text).expect("an entry")
        };
        admin.entries(&format!("action={action}&limit=50")).iter().map(whole).collect()
    }
}

fn provider(port: u16, site: &str, secret: &str) -> Process {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("npm/oidc.mjs");
    let mut node = Command::new("node");
    let mut provider = Process::start(node.arg(program).arg(port.to_string()).arg(site).env("SECRET", secret));
    provider.line_after("listening at ");
    provider
}

/// A browser on its way through the provider.
struct Visitor(Browser);

impl Visitor {
    async fn begins(&self, site: &str) {
        self.0.open(&format!("{site}/?q=tool:nothing")).await;
        assert!(self.0.address().await.starts_with("/sign-in?next="), "{}", self.0.address().await);
        self.0.follows("Sign in with Example ID").await;
    }

    /// Signs in at the provider, and agrees to what it asks.
    async fn signs_in(&self, site: &str, user: &str) {
        self.begins(site).await;
        self.0.types("input[name=login]", user).await;
        self.0.types("input[name=password]", "any").await;
        self.0.leaves_by("button[type=submit]").await;
        self.0.leaves_by("button[type=submit]").await;
    }

    async fn me(&self, site: &str) -> serde_json::Value {
        self.0.open(&format!("{site}/api/v1/me")).await;
        serde_json::from_str(&self.0.text().await).expect("JSON")
    }

    async fn is_signed_out(&self, site: &str) -> bool {
        self.0.open(&format!("{site}/settings")).await;
        self.0.address().await.starts_with("/sign-in")
    }
}

#[tokio::test]
async fn users_sign_in_with_their_provider_which_ends_their_sessions() {
    let world = World::of(SECRET);
    let visitor = Visitor(Browser::start(Scripts::On).await);
    visitor.signs_in(&world.site, "ada").await;
    let address = visitor.0.address().await;
    assert_eq!(address, "/?q=tool:nothing", "back where the user wanted to go");
    let me = visitor.me(&world.site).await;
    assert_eq!((&me["user"], &me["groups"]), (&"ada".into(), &serde_json::json!(["admin"])));
    let signed_in = eventually("the entry", || world.entries("sign_in.succeeded").pop());
    assert_eq!((text(&signed_in, "user"), &signed_in["details"]["by"]), ("ada", &"oidc".into()), "{signed_in}");

    // The provider ends the session, and a copy of the cookie is worth nothing.
    let cookie = visitor.0.page().get_named_cookie("mcp_audit_log_session").await.expect("a cookie").value;
    let copy = Api::anonymous(&world.site).with("cookie", &format!("mcp_audit_log_session={cookie}"));
    assert_eq!(copy.get("/api/v1/me").status, 200);
    visitor.0.open(&format!("{}/session/end", world.issuer)).await;
    visitor.0.leaves_by("button[value=yes]").await;
    eventually("the session is over", || (copy.get("/api/v1/me").status == 401).then_some(()));
    assert!(visitor.is_signed_out(&world.site).await);
    let ended = eventually("the entry", || world.entries("sign_in.ended").pop());
    assert_eq!((text(&ended, "user"), &ended["details"]["by"]), ("ada", &"provider".into()), "{ended}");

    // Another user signs out here, and then there.
    visitor.signs_in(&world.site, "otto").await;
    let me = visitor.me(&world.site).await;
    assert_eq!((&me["user"], &me["groups"]), (&"otto".into(), &serde_json::json!(["user"])));
    visitor.0.open(&world.site).await;
    visitor.0.leaves_by("form[action='/sign-out'] button[type=submit]").await;
    assert!(visitor.0.text().await.contains("You are signed out here."), "{}", visitor.0.text().await);
    visitor.0.follows("Sign out of Example ID too").await;
    assert!(visitor.0.source().await.contains("Yes, sign me out"), "{}", visitor.0.source().await);
    assert!(visitor.is_signed_out(&world.site).await);

    // The log's secret with the provider stays where it is.
    assert_eq!(files_with(&world.data(), SECRET), [] as [&Path; 0]);
    assert!(!world.log.output().contains(SECRET));
}

#[tokio::test]
async fn a_sign_in_that_fails_says_why() {
    let mut world = World::of("another-secret");
    let visitor = Visitor(Browser::start(Scripts::Off).await);
    visitor.signs_in(&world.site, "ada").await;
    let said = visitor.0.text().await;
    assert!(said.contains("The provider refused this log's credentials (invalid_client)"), "{said}");
    visitor.begins(&world.site).await;
    // The provider knows its user by now, and asks again only because the log does.
    let back = visitor.0.text().await;
    assert!(back.contains("invalid_client"), "{back}");

    let refused = eventually("entries", || Some(world.entries("sign_in.failed")).filter(|found| found.len() == 2));
    let about = |entry: &serde_json::Value| entry["failure"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(refused.iter().all(|entry| entry.to_string().contains("invalid_client")), "{:?}", about(&refused[0]));

    // A code that this browser did not ask for.
    visitor.0.open(&format!("{}/sign-in/oidc/callback?code=x&state=y", world.site)).await;
    let said = visitor.0.text().await;
    assert!(said.contains("was not begun in this browser"), "{said}");

    // A description in use outlasts the provider; a log that starts without one says so.
    world.provider = None;
    let mut command = product(["doctor", "--config"]);
    let told = command.arg(world.folder.path().join("log.toml")).output().expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("Needs attention  OpenID provider: the provider cannot be reached"), "{told}");
    world.log.stop();
    let mut serve = product(["serve", "--config"]);
    let mut log = Process::start(serve.arg(world.folder.path().join("log.toml")));
    log.line_after("mcp-audit-log is listening on ");
    visitor.begins(&world.site).await;
    let said = visitor.0.text().await;
    assert!(said.contains("The provider cannot be reached"), "{said}");
    assert!(log.output().contains("the OpenID provider cannot be used"), "{}", log.output());
    // Tokens still sign in.
    visitor.0.signs_in(&world.site, &token_in(&world.data(), "root", &["admin"], "test")).await;
}

#[tokio::test]
async fn a_user_may_cancel_and_doctor_knows_the_provider() {
    let world = World::of(SECRET);
    let visitor = Visitor(Browser::start(Scripts::Off).await);
    visitor.begins(&world.site).await;
    visitor.0.follows("[ Cancel ]").await;
    let said = visitor.0.text().await;
    assert!(said.contains("The sign-in was cancelled at the provider (access_denied)"), "{said}");
    let mut command = product(["doctor", "--config"]);
    let told = command.arg(world.folder.path().join("log.toml")).output().expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let redirect =
        format!("OpenID provider: it answers; its redirect URI for this log is {}/sign-in/oidc/callback", world.site);
    assert!(told.contains(&redirect), "{told}");
}
