//! A person at a browser: signs in, finds the errors, opens an entry, turns payloads on, and sees what the role allows.

use mcp_audit_log_tests::{Browser, Scripts, Stub};
use thirtyfour::{By, WebElement};

use crate::support::{Visitor, World};

const BEFORE: &str = "canary-before-the-switch";
const AFTER: &str = "canary-after-the-switch";

#[tokio::test]
async fn an_admin_turns_payloads_on_and_an_auditor_reads_them() {
    let world = World::with_upstream();
    world.call(BEFORE);

    let admin = world.visitor("admin", Scripts::On).await;
    admin.reads().await;
    admin.finds_the_errors().await;
    admin.turns_payloads_on().await;
    world.call(AFTER);
    let seen = admin.opens_the_newest_echo().await;
    assert!(!admin.can_open_the_payload().await, "an admin is offered a payload: {seen}");
    assert!(!seen.contains(AFTER), "an admin sees a payload: {seen}");

    let auditor = world.visitor("auditor", Scripts::On).await;
    auditor.opens_the_payload_of_the_newest_echo().await;
}

#[tokio::test]
async fn everything_can_be_read_without_javascript() {
    let world = World::with_upstream();
    world.call(BEFORE);
    world.server.api("admin").set(serde_json::json!({"log_payloads": true}));
    world.call(AFTER);

    let auditor = world.visitor("auditor", Scripts::Off).await;
    auditor.reads().await;
    auditor.finds_the_errors().await;
    auditor.opens_the_payload_of_the_newest_echo().await;
}

#[tokio::test]
async fn groups_are_sorted_opened_and_returned_to() {
    let world = World::with_upstream();
    world.call(BEFORE);
    for scripts in [Scripts::On, Scripts::Off] {
        let auditor = world.visitor("auditor", scripts).await;
        auditor.groups_by_tool().await;
        auditor.sorts_by_the_slowest().await;
        auditor.opens_the_echoes_and_returns().await;
    }
}

/// Checks the test's own switch: if the browser ran scripts in spite of it, the test would prove nothing.
#[tokio::test]
async fn javascript_is_really_off_in_the_browser_without_scripts() {
    let stub = Stub::page("<p>still</p><script>document.querySelector('p').textContent = 'ran'</script>");
    for (scripts, text) in [(Scripts::On, "ran"), (Scripts::Off, "still")] {
        let browser = Browser::start(scripts).await;
        browser.open(&stub.url()).await;
        assert_eq!(browser.text().await, text, "{scripts:?}");
    }
}

impl Visitor<'_> {
    /// The list shows the actions, newest first.
    async fn reads(&self) {
        let rows = self.rows().await;
        assert!(rows.len() > 15, "{rows:#?}");
        for word in ["tools/call", "echo", "everything", "ursula", "error", "success"] {
            assert!(rows.iter().any(|row| row.contains(word)), "no row has {word}: {rows:#?}");
        }
        let place = |word: &str| rows.iter().position(|row| row.contains(word)).expect("a row");
        assert!(place("elicitation/create") < place("initialize"), "the newest is not at the top: {rows:#?}");
    }

    /// The policy's quick filter shows only the errors.
    async fn finds_the_errors(&self) {
        let errors = self.browser.page().find(By::LinkText("Errors")).await.expect("the quick filter");
        errors.click().await.expect("clicked");
        let rows = self.rows().await;
        assert!(rows.len() >= 4, "{rows:#?}");
        assert!(rows.iter().any(|row| row.contains("no-such-tool")), "{rows:#?}");
        assert!(rows.iter().all(|row| row.contains("error") || row.contains("denied")), "{rows:#?}");
    }

    /// Selects the fields to group by in the form, which also works without a mouse.
    async fn groups_by_tool(&self) {
        self.browser.open(self.server.address()).await;
        self.browser.one("select[name=by] option[value=tool]").await.click().await.expect("chosen");
        self.browser.one("form.search button[type=submit]").await.click().await.expect("clicked");
        let rows = self.groups().await;
        assert!(rows.len() >= 2 && rows.iter().any(|row| row.starts_with("echo ")), "{rows:#?}");
    }

    /// A column's heading sorts by it, and changes the address.
    async fn sorts_by_the_slowest(&self) {
        let head = self.browser.page().find(By::LinkText("P95")).await.expect("the head of the column");
        head.click().await.expect("clicked");
        self.browser.one("th[aria-sort=descending] a[href*='sort=p95']").await;
        let url = self.browser.page().current_url().await.expect("an address");
        let asked: Vec<_> = url.query_pairs().filter(|(_, value)| !value.is_empty()).collect();
        assert_eq!(asked, [("by".into(), "tool".into()), ("sort".into(), "p95".into())]);
        let slowest = self.server.api("admin").get("/api/v1/groups?by=tool&sort=p95&limit=1").json();
        let slowest = slowest["groups"][0]["keys"]["tool"].as_str().unwrap_or("not set").to_owned();
        let rows = self.groups().await;
        assert!(rows.first().is_some_and(|row| row.starts_with(&slowest)), "{slowest} is not first: {rows:#?}");
    }

    /// A group links to as many entries as it shows, and back returns to the same place.
    async fn opens_the_echoes_and_returns(&self) {
        let groups = self.groups().await;
        let echoes = groups.iter().find(|row| row.starts_with("echo ")).expect("a group of echoes");
        let link = self.browser.page().find(By::LinkText("echo")).await.expect("the way to its entries");
        link.click().await.expect("clicked");
        self.browser.one("main table.log").await;
        let rows = self.rows().await;
        assert!(rows.iter().all(|row| row.contains("echo")), "{rows:#?}");
        assert!(echoes.starts_with(&format!("echo {} ", rows.len())), "{echoes} has {} entries", rows.len());
        self.browser.page().back().await.expect("back");
        assert_eq!(self.groups().await, groups);
    }

    /// The rows of the table of groups, with single spaces between the cells.
    async fn groups(&self) -> Vec<String> {
        self.browser.one("main table.groups tbody tr").await;
        let words = |row: &String| row.split_whitespace().collect::<Vec<_>>().join(" ");
        self.rows().await.iter().map(words).collect()
    }

    /// Changes the switch on the settings page, and checks that it is in force.
    async fn turns_payloads_on(&self) {
        self.browser.open(&format!("{}/settings", self.server.address())).await;
        let page = self.browser.text().await;
        assert!(page.contains("Log request/response payloads"), "{page}");
        self.browser.one("label[for=log_payloads]").await.click().await.expect("clicked");
        self.browser.one("form.settings button[type=submit]").await.click().await.expect("clicked");
        self.browser.one("main .note[role=status]").await;
        let settings = self.server.api("admin").get("/api/v1/settings").json();
        assert_eq!(settings["log_payloads"], true, "{settings}");
    }

    /// The content of the page of the newest echo.
    async fn opens_the_newest_echo(&self) -> String {
        self.browser.open(&format!("{}/?tool=echo", self.server.address())).await;
        self.browser.one("main table tbody a").await.click().await.expect("clicked");
        self.browser.one("main h1").await;
        self.is_at("/entries/").await;
        let page = self.browser.source().await;
        assert!(page.contains("echo"), "{page}");
        page
    }

    /// A payload is shown only after a click on it, because each reading is recorded.
    async fn opens_the_payload_of_the_newest_echo(&self) {
        let before = self.opens_the_newest_echo().await;
        assert!(!before.contains(AFTER), "the payload is shown before it was asked for: {before}");
        self.payload_links().await.first().expect("a way to the payload").click().await.expect("clicked");
        let shown = self.browser.one("#payload .json").await.text().await.expect("a payload");
        assert!(shown.contains(AFTER), "an auditor does not see the payload: {shown}");
    }

    async fn can_open_the_payload(&self) -> bool {
        !self.payload_links().await.is_empty()
    }

    async fn payload_links(&self) -> Vec<WebElement> {
        self.browser.all("#payload a[href*='show=payload']").await
    }
}
