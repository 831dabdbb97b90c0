//! The story of the demo, on its own history: why an assistant deleted a customer, found by an admin, by an auditor and
//! by a user, each in their own way, with a proof for others.

use std::fs;
use std::path::Path;

use mcp_audit_log_tests::{Browser, Demo, Scripts, eventually, run};
use thirtyfour::Key;

/// Where the first error of the overview is.
const FIRST_ERROR: &str = ".overview .sums span a";
/// The number of the row that has the focus.
const ROW: &str = "return document.activeElement.closest('tr').id";
/// Why no request and no response is there.
const NO_PAYLOAD: &str = "Payload logging is off, so only metadata is recorded. An administrator can switch it on";

/// The demo, and what the test knows of the night.
struct Story {
    demo: Demo,
    /// The day of the night.
    day: String,
    /// The id of the third call, which failed.
    failed: String,
}

impl Story {
    fn begin() -> Self {
        let demo = Demo::start(&[]);
        let entries = demo.signed_in(demo.links()[0]).entries("q=record:4711");
        let text = |name: &str| entries[1][name].as_str().expect("a text").to_owned();
        let (day, failed) = (text("occurred_at")[..10].to_owned(), text("id"));
        Self { demo, day, failed }
    }

    /// A viewer who came by one of the demo's links.
    async fn viewer(&self, role: usize, scripts: Scripts) -> Browser {
        let browser = Browser::start(scripts).await;
        browser.in_zone("UTC").await;
        browser.open(self.demo.links()[role]).await;
        browser.one("table.log").await;
        browser
    }

    /// The list of the customer's entries, and its bars.
    async fn sees_when_it_began(&self, viewer: &Browser) {
        viewer.sees(".facets", "record:4711").await;
        let sums = viewer.reads(".overview .sums").await;
        assert!(sums.starts_with("4 entries 1 error first error "), "{sums}");
        assert!(sums.contains(&self.day), "the bars say the day: {sums}");
    }

    /// The same within the bar of the first error.
    async fn sees_the_minute(&self, viewer: &Browser) {
        viewer.sees(".facets", "Until").await;
        let minute = format!("{} 03:12", self.day);
        viewer.sees(FIRST_ERROR, &minute).await;
        let mut tools = Vec::new();
        for cell in viewer.all("table.log td.target").await {
            tools.push(cell.text().await.expect("a text"));
        }
        assert_eq!(tools, ["delete_customer", "merge_customers", "get_customer", "search_customers"]);
    }

    /// The session as a timeline, with the third call as its error.
    async fn sees_the_session(&self, viewer: &Browser) {
        viewer.sees("h1", "Timeline of session s-night").await;
        let head = viewer.reads("header.head").await;
        assert!(
            head.starts_with("Timeline of session s-night 4 entries from ") && head.contains("1 error #3 "),
            "{head}"
        );
        let third = viewer.reads("#n3").await;
        for text in ["#3 +14.000 s", "merge_customers", "tool_error: The tool reported an error.", "5.0 s"] {
            assert!(third.contains(text), "no {text} in {third}");
        }
    }

    /// The third call beside the last good one, and why there is no payload.
    async fn sees_the_difference(&self, viewer: &Browser) {
        viewer.sees("#error", "The tool reported an error.").await;
        let compared = viewer.reads("#compare").await;
        assert!(compared.contains("merge_customers"), "{compared}");
        for differs in ["Record 4655 4711", "Agent instance run-s-evening run-s-night"] {
            assert!(compared.contains(differs), "no {differs} in {compared}");
        }
        assert!(!viewer.all("#compare mark").await.is_empty(), "what differs is marked");
        viewer.sees("#payload", NO_PAYLOAD).await;
    }

    /// The last good call, from the link beside the failed one.
    async fn sees_the_good_call(&self, viewer: &Browser) {
        viewer.sees("header.head", "success").await;
        viewer.sees("#fields", "s-evening").await;
        viewer.page().back().await.expect("back");
        viewer.one("#compare").await;
    }

    /// The downloaded proof, checked as an outsider does: on the command line, and by the downloaded page.
    async fn proves(&self, viewer: &Browser, keys: &[String]) {
        let proof = viewer.downloaded(".tlog-proof").await;
        assert!(proof.ends_with(format!("{}.tlog-proof", self.failed)), "{}", proof.display());
        checked_on_the_command_line(&proof, keys);
        let page = viewer.downloaded("verify.html").await;
        let outsider = Browser::start(Scripts::On).await;
        outsider.open(&format!("file://{}", page.display())).await;
        outsider.types("#keys", &keys.join("\n")).await;
        outsider.one("#file").await.send_keys(proof.to_string_lossy()).await.expect("chosen");
        outsider.one("#result[data-code='0']").await;
        let text = outsider.text().await;
        assert!(text.contains("PROVED: entry ") && text.contains("merge_customers"), "{text}");
    }
}

/// The keys that Integrity shows.
async fn keys(viewer: &Browser) -> Vec<String> {
    viewer.sees("#checkpoint", "Key for").await;
    let mut keys = Vec::new();
    for code in viewer.all("#checkpoint dd code").await {
        keys.push(code.text().await.expect("a text"));
    }
    keys.retain(|key| key.starts_with("mcp-audit-log/"));
    assert!(!keys.is_empty(), "no key is shown");
    keys
}

fn checked_on_the_command_line(proof: &Path, keys: &[String]) {
    let file = proof.to_string_lossy();
    let mut arguments = vec!["verify", "--proof", &file];
    keys.iter().for_each(|key| arguments.extend(["--key", key]));
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.starts_with("PROVED") && text.contains("4711"), "{text}");
}

#[tokio::test]
async fn an_admin_finds_out_by_keys_alone_and_proves_it() {
    let story = Story::begin();
    let anna = story.viewer(0, Scripts::On).await;
    anna.presses("/").await;
    anna.presses("record:4711").await;
    anna.hits(Key::Enter).await;
    story.sees_when_it_began(&anna).await;
    anna.tabs_to(FIRST_ERROR).await;
    anna.hits(Key::Enter).await;
    story.sees_the_minute(&anna).await;
    anna.presses("j").await;
    anna.hits(Key::Enter).await;
    anna.sees("h1", "delete_customer").await;
    anna.presses("t").await;
    story.sees_the_session(&anna).await;
    anna.presses("jjj").await;
    assert_eq!(anna.runs(ROW).await, "n3");
    anna.hits(Key::Enter).await;
    story.sees_the_difference(&anna).await;
    anna.tabs_to("#compare p a").await;
    anna.hits(Key::Enter).await;
    story.sees_the_good_call(&anna).await;
    anna.tabs_to("#proof a[download$=tlog-proof]").await;
    anna.hits(Key::Enter).await;
    anna.downloaded(".tlog-proof").await;
    anna.tabs_to("#proof a[href$='/integrity#checkpoint']").await;
    anna.hits(Key::Enter).await;
    let keys = keys(&anna).await;
    anna.tabs_to("#checkpoint a[href$='/verify.html']").await;
    anna.hits(Key::Enter).await;
    story.proves(&anna, &keys).await;
}

#[tokio::test]
async fn an_auditor_finds_out_by_clicks_alone_and_proves_it() {
    let story = Story::begin();
    let otto = story.viewer(1, Scripts::On).await;
    otto.types("#q", "record:4711").await;
    otto.leaves_by("form.search button[type=submit]").await;
    story.sees_when_it_began(&otto).await;
    otto.leaves_by(FIRST_ERROR).await;
    story.sees_the_minute(&otto).await;
    otto.leaves_by("table.log tbody tr:nth-child(2) .time a").await;
    story.sees_the_difference(&otto).await;
    otto.leaves_by("#timeline a").await;
    story.sees_the_session(&otto).await;
    // The whole session as a bundle.
    otto.clicks(".prove summary").await;
    otto.clicks(".prove button").await;
    let bundle = otto.downloaded(".bundle.jsonl").await;
    assert_eq!(fs::read_to_string(bundle).expect("a bundle").matches("\"session\":\"s-night\"").count(), 4);
    otto.leaves_by("#n3 .time a").await;
    otto.leaves_by("#compare p a").await;
    story.sees_the_good_call(&otto).await;
    otto.clicks("#proof a[download$=tlog-proof]").await;
    otto.downloaded(".tlog-proof").await;
    otto.clicks("#proof a[href$='/verify.html']").await;
    otto.downloaded("verify.html").await;
    otto.leaves_by("#proof a[href$='/integrity#checkpoint']").await;
    let keys = keys(&otto).await;
    story.proves(&otto, &keys).await;
}

/// Users see what they did themselves, and nothing of others.
#[tokio::test]
async fn a_user_reads_their_own_session_and_no_other() {
    let story = Story::begin();
    let karl = Browser::start(Scripts::On).await;
    karl.in_zone("UTC").await;
    karl.signs_in(story.demo.address(), &story.demo.token("karl", "user")).await;
    karl.types("#q", "record:4711").await;
    karl.leaves_by("form.search button[type=submit]").await;
    story.sees_when_it_began(&karl).await;
    karl.leaves_by(FIRST_ERROR).await;
    story.sees_the_minute(&karl).await;
    karl.leaves_by("table.log tbody tr .time a").await;
    karl.leaves_by("#timeline a").await;
    story.sees_the_session(&karl).await;
    assert!(karl.all(".prove").await.is_empty(), "what a user may not export is offered");
    karl.leaves_by("#n3 .time a").await;
    story.sees_the_difference(&karl).await;
    assert!(karl.all("#proof").await.is_empty(), "a proof is offered");
    karl.leaves_by("#compare p a").await;
    story.sees_the_good_call(&karl).await;

    let uma = story.viewer(2, Scripts::On).await;
    uma.types("#q", "record:4711").await;
    uma.leaves_by("form.search button[type=submit]").await;
    uma.sees("#log", "Nothing matches.").await;
    uma.open(&format!("{}/timeline?session=s-night", story.demo.address())).await;
    uma.sees("main", "you may not see them").await;
    uma.open(&format!("{}/entries/{}", story.demo.address(), story.failed)).await;
    uma.sees("main", "you may not see it").await;
    uma.open(&format!("{}/?q=tool:delete_customer", story.demo.address())).await;
    uma.sees("table.log", "denied").await;
}

#[tokio::test]
async fn it_is_read_without_a_script() {
    let story = Story::begin();
    let anna = story.viewer(0, Scripts::Off).await;
    anna.types("#q", "record:4711").await;
    anna.leaves_by("form.search button[type=submit]").await;
    story.sees_when_it_began(&anna).await;
    anna.leaves_by(FIRST_ERROR).await;
    story.sees_the_minute(&anna).await;
    anna.leaves_by("table.log tbody tr .time a").await;
    anna.leaves_by("#timeline a").await;
    story.sees_the_session(&anna).await;
    anna.leaves_by("#n3 .time a").await;
    story.sees_the_difference(&anna).await;
    anna.leaves_by("#compare p a").await;
    story.sees_the_good_call(&anna).await;
    anna.clicks("#proof a[download$=tlog-proof]").await;
    anna.downloaded(".tlog-proof").await;
    anna.clicks("#proof a[href$='/verify.html']").await;
    anna.downloaded("verify.html").await;
    anna.leaves_by("#proof a[href$='/integrity#checkpoint']").await;
    let keys = keys(&anna).await;
    story.proves(&anna, &keys).await;
}

/// Who may read what is kept, on a call that is made while payloads are logged.
#[tokio::test]
async fn each_viewer_reads_why_a_payload_is_shown_or_not() {
    let story = Story::begin();
    let anna = story.viewer(0, Scripts::On).await;
    anna.follows("Settings").await;
    anna.clicks("label[for=log_payloads]").await;
    anna.leaves_by("form.settings button[type=submit]").await;
    anna.sees(".note.good", "Saved.").await;
    let admin = story.demo.signed_in(story.demo.links()[0]);
    let kept = eventually("a call of uma with a payload", || {
        let calls = admin.entries("tool=search_products&user=uma&limit=1");
        let is_kept = calls[0]["has_payload"] == true;
        is_kept.then(|| format!("{}/entries/{}", story.demo.address(), calls[0]["id"].as_str().expect("an id")))
    });
    anna.open(&kept).await;
    anna.sees("#payload", "Kept, but only auditors may see it.").await;
    let uma = story.viewer(2, Scripts::On).await;
    uma.open(&kept).await;
    uma.sees("#payload", "Kept, but only auditors may see it.").await;
    let otto = story.viewer(1, Scripts::On).await;
    otto.open(&kept).await;
    otto.sees("#payload", "If you open them, the log records that you read them.").await;
    otto.leaves_by("#payload a.button").await;
    otto.sees("#request", "desk").await;
    let read = admin.entries("action=payload.read&limit=1");
    assert_eq!(read[0]["user"], "otto", "{read:?}");
}
