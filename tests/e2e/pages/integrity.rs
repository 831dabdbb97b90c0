//! Integrity: the health check, and a verification on demand.

use mcp_audit_log_tests::{Scripts, eventually};

use crate::support::{Visitor, World};

#[tokio::test]
async fn an_auditor_verifies_the_log_by_a_button() {
    let world = World::of_two_users();
    for scripts in [Scripts::On, Scripts::Off] {
        let auditor = world.visitor("auditor", scripts).await;
        auditor.follows("Integrity").await;
        assert!(auditor.reads(".health").await.contains("Recording OK Entries reach the disk."));
        auditor.verifies(scripts).await;
        let told = auditor.reads("#verification").await;
        assert!(told.contains("whole") && told.contains("by auditor-at-the-browser"), "{told}");
        assert!(told.contains("that the recorded data is true"), "what it has not proved is missing: {told}");
        auditor.leaves_by("#verification dd a").await;
        let entry = auditor.reads("main").await;
        assert!(entry.contains("log.verified"), "the entry about it is not opened: {entry}");
    }
    let user = world.visitor("user", Scripts::Off).await;
    assert_eq!(user.reads("nav[aria-label=Main]").await, "Log Alerts Usage");
    user.browser.open(&format!("{}/integrity", world.server.address())).await;
    assert!(user.browser.text().await.contains("ask an administrator"));
}

/// The script refreshes a running state in place. Here nothing runs: the next refresh finds that it has finished.
#[tokio::test]
async fn the_page_refreshes_by_itself() {
    let world = World::of_two_users();
    let admin = world.visitor("admin", Scripts::On).await;
    for (path, part) in [("/integrity", "verification"), ("/settings", "jobs")] {
        admin.browser.open(&format!("{}{path}", world.server.address())).await;
        let pretend = format!(
            "const part = document.getElementById('{part}'); part.dataset.poll = 'state'; part.append('it still runs');
            dispatchEvent(new Event('pageshow'));"
        );
        admin.browser.page().execute(pretend, Vec::new()).await.expect("run");
        admin.browser.one(&format!("#{part}:not([data-poll])")).await;
        let told = admin.reads(&format!("#{part}")).await;
        assert!(!told.contains("it still runs"), "{told}");
        let said = admin.browser.one("#ended").await.inner_html().await.expect("a text");
        assert!(said.ends_with("finished."), "{said}");
    }
}

impl Visitor<'_> {
    /// Starts a verification and waits for its end: a script refreshes the page, and without scripts a link does.
    async fn verifies(&self, scripts: Scripts) {
        let known = || self.server.api("auditor").get("/api/v1/verification").json();
        let before = known()["last"]["entry"].clone();
        self.leaves_by("#verification button").await;
        assert!(self.address().await.starts_with("/integrity?verification=began"));
        let entry = eventually("the verification's end", || {
            let last = &known()["last"]["entry"];
            (*last != before).then(|| last.as_str().expect("an id").to_owned())
        });
        eventually("the entry about it", || (self.server.api("auditor").entry(&entry).status == 200).then_some(()));
        if scripts == Scripts::Off {
            self.browser.page().refresh().await.expect("loaded again");
        }
        self.browser.one(&format!("#verification a[href='/entries/{entry}']")).await;
    }
}
