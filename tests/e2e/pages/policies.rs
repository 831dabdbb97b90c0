//! Policies: an administrator tries a policy, activates it with a reason, and goes back; with files, as a browser sends
//! them, with and without scripts.

use std::path::Path;

use mcp_audit_log_tests::Scripts;

use crate::support::{Visitor, World};

/// A policy that names one call otherwise, and shows users the calls of one server.
const ACME: &str = r#"
name = "acme"
version = "2.0.0"
[[group]]
name = "admin"
label = "Administrator"
rights = ["read", "configure", "manage", "verify", "export", "read-usage"]
sees = []
[[group]]
name = "user"
label = "User"
rights = ["read"]
sees = [["server", "=", "crm"]]
[[action]]
name = "customer.searched"
label = "Customer searched"
when = [["target", "=", "search"]]
[[action]]
name = "tool.called"
label = "Tool called"
when = [["method", "=", "tools/call"]]
"#;

/// Widths of a desktop and of a phone.
const WIDTHS: [u32; 2] = [1280, 390];

#[tokio::test]
async fn an_admin_tries_a_policy_activates_it_and_goes_back() {
    let world = World::of_two_users();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("acme.toml");
    std::fs::write(&file, ACME).expect("written");
    for scripts in [Scripts::On, Scripts::Off] {
        let admin = world.visitor("admin", scripts).await;
        admin.follows("Policies").await;
        admin.tries(&file, scripts == Scripts::On).await;
        admin.activates(&file, scripts == Scripts::On).await;
        admin.rolls_back().await;
    }
    let auditor = world.visitor("auditor", Scripts::Off).await;
    auditor.follows("Policies").await;
    assert!(auditor.reads("main").await.contains("You may view the policy; only administrators may change it."));
    assert!(auditor.browser.all("main form, main input, main button").await.is_empty(), "a control is offered");
}

impl Visitor<'_> {
    async fn chooses(&self, input: &str, file: &Path) {
        let path = file.to_str().expect("a path in UTF-8");
        self.browser.one(input).await.send_keys(path).await.expect("chosen");
    }

    /// The result fits on a screen, has no barrier, and leads to an entry.
    async fn tries(&self, file: &Path, has_scripts: bool) {
        self.chooses("#trial-policy", file).await;
        self.leaves_by("#trial button[type=submit]").await;
        let told = self.reads("#trial").await;
        for words in ["Different", "customer.searched", "Who would see what", "known from entries"] {
            assert!(told.contains(words), "{words}: {told}");
        }
        self.is_readable(has_scripts).await;
        self.leaves_by("#trial .differences td a").await;
        self.is_at("/entries/").await;
        self.goes_back().await;
    }

    async fn is_readable(&self, has_scripts: bool) {
        for width in WIDTHS {
            self.browser.on_a_screen(width, 900, false).await;
            assert!(self.browser.fits().await, "the page is wider than {width} pixels");
            // What looks for barriers is a script.
            let barriers = if has_scripts { self.browser.barriers().await } else { Vec::new() };
            assert!(barriers.is_empty(), "{barriers:?}");
        }
    }

    async fn activates(&self, file: &Path, has_scripts: bool) {
        self.opens("/policies").await;
        self.chooses("#activate-policy", file).await;
        self.types("#activate input[name=reason]", "Customers have a name of their own").await;
        self.leaves_by("#activate button[type=submit]").await;
        assert!(self.reads(".note.good").await.starts_with("acme 2.0.0 judges now."));
        assert!(self.reads("#history").await.contains("Customers have a name of their own"));
        self.is_readable(has_scripts).await;
        let active = self.server.api("admin").get("/api/v1/policy").json();
        assert_eq!(active["layers"][0]["name"], "acme", "{active}");
    }

    async fn rolls_back(&self) {
        self.types("#rollback input[name=reason]", "A test").await;
        self.leaves_by("#rollback button").await;
        assert!(self.reads(".note.good").await.starts_with("mcp-audit-log-policy "));
    }
}
