//! Settings: valid and invalid periods, an immediate cleanup, and a hold with invalid input.

use mcp_audit_log_tests::{Scripts, eventually};

use crate::support::{Visitor, World};

#[tokio::test]
async fn an_admin_changes_retention_and_runs_the_cleanup() {
    let world = World::of_two_users();
    for scripts in [Scripts::On, Scripts::Off] {
        let admin = world.visitor("admin", scripts).await;
        admin.follows("Settings").await;
        admin.is_told_what_is_wrong().await;
        let days = if scripts == Scripts::On { 60 } else { 30 };
        admin.changes_retention(days).await;
        admin.runs_the_cleanup().await;
        admin.places_a_hold().await;
    }
    let auditor = world.visitor("auditor", Scripts::Off).await;
    auditor.follows("Settings").await;
    assert!(auditor.reads("main").await.contains("You may view the settings; only administrators may change them."));
    assert!(auditor.browser.all("main form, main input, main button").await.is_empty(), "a control is offered");
}

impl Visitor<'_> {
    /// If one value is wrong, no value of the form is saved, and the form keeps its input.
    async fn is_told_what_is_wrong(&self) {
        for wrong in ["0", "x", "1.5", "-7"] {
            self.types("#retention_days", wrong).await;
            self.leaves_by("form.settings button[type=submit]").await;
            assert_eq!(self.reads(".wrong").await, "Enter a whole number from 1 to 36500.", "{wrong}");
            let input = self.browser.one("#retention_days[aria-invalid=true]").await;
            assert_eq!(input.prop("value").await.expect("a value").as_deref(), Some(wrong));
        }
    }

    async fn changes_retention(&self, days: u32) {
        self.types("#retention_days", &days.to_string()).await;
        self.leaves_by("form.settings button[type=submit]").await;
        assert!(self.reads(".note.good").await.starts_with("Saved."));
        let settings = self.server.api("admin").get("/api/v1/settings").json();
        assert_eq!(settings["retention_days"], days);
        assert!(self.reads("form.settings").await.contains("by admin-at-the-browser."), "who changed it is not told");
        self.leaves_by(".setting p a").await;
        assert!(self.reads("main").await.contains(&days.to_string()), "the entry does not say what it is now");
        self.goes_back().await;
    }

    /// The result appears in place, or after the page is loaded again.
    async fn runs_the_cleanup(&self) {
        let job = || self.server.api("admin").get("/api/v1/crons").json()["crons"][0].clone();
        let before = job()["last_run"].clone();
        self.leaves_by("#jobs button").await;
        assert!(self.reads(".note.good").await.contains("has started"));
        eventually("the end of the cleanup", || {
            let job = job();
            (job["running"].is_null() && job["last_run"] != before).then_some(())
        });
        self.browser.open(&format!("{}/settings", self.server.address())).await;
        let told = self.reads("#jobs").await;
        assert!(told.contains("OK") && told.contains("0 entries and 0 payloads removed"), "{told}");
    }

    async fn places_a_hold(&self) {
        self.types("#holds input[name=reason]", "Case 7").await;
        for (name, date) in [("from", "02022026"), ("to", "01012026")] {
            self.browser.one(&format!("#holds input[name={name}]")).await.send_keys(date).await.expect("typed");
        }
        self.leaves_by("form[action='/settings/holds'] button").await;
        assert!(self.reads("#holds .wrong").await.contains("ends before it starts"));
        let kept = self.browser.one("form[action='/settings/holds'] input[name=reason]").await;
        assert_eq!(kept.prop("value").await.expect("a value").as_deref(), Some("Case 7"));
    }
}
