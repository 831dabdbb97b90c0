//! The page of policies: what is active and how it fares, what judged before, and another policy in its place.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Answer, Caller, World, call};

/// A policy of a vendor; administrators keep their rights.
pub(crate) const ACME: &str = r#"
name = "acme"
version = "2.0.0"
[[group]]
name = "admin"
label = "Administrator"
rights = ["read", "configure", "manage", "verify"]
sees = [["server", "!=", "payroll"]]
[[group]]
name = "user"
label = "User"
rights = ["read"]
sees = ["|", ["user", "=", "@user"], ["server", "=", "crm"]]
[[setting]]
key = "colour"
label = "Colour"
help = "A colour."
default = "green"
[[action]]
name = "customer.searched"
label = "Customer searched"
when = [["target", "=", "search"]]
[[action]]
name = "tool.called"
label = "Tool called"
when = [["method", "=", "tools/call"]]
"#;

/// An extension over any policy.
const EXTENSION: &str = "name = 'narrow'\nversion = '0.3.0'\n";

/// The page between its frame.
pub(crate) fn main_of(page: &Answer) -> &str {
    page.text.split("<main").nth(1).and_then(|rest| rest.split("</main>").next()).expect("the page itself")
}

async fn digests(caller: &Caller<'_>) -> Vec<String> {
    let active = caller.get_json("/api/v1/policy".to_owned()).await;
    let layers = active["layers"].as_array().expect("layers").clone();
    layers.iter().map(|layer| layer["digest"].as_str().expect("a digest").to_owned()).collect()
}

#[tokio::test]
async fn the_page_shows_what_judges_and_how_it_fares() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let root = world.browser("root", &["admin"]).await;
    let page = root.get("/policies").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let digest = digests(&root).await.remove(0);
    let short = format!("<summary><code>{}…</code></summary><code>{digest}</code>", &digest[..15]);
    for words in [
        concat!("mcp-audit-log-policy ", env!("CARGO_PKG_VERSION"), " <span class=\"mark\">policy"),
        &short,
        "policy@0.7.0",
        "The log was started",
        "events without a fault",
        "It is not on probation.",
        "The first record of this log.",
        "From 0 on",
        "<a href=\"/policies\" aria-current=\"page\">Policies</a>",
        "action=\"/policies/rollback\"",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    world.browser("uma", &["user"]).await.get("/policies").await.problem_page(403, "change settings");
    let log = world.browser("uma", &["user"]).await.get("/").await;
    assert!(!log.text.contains("Policies"), "a viewer without the right gets the tab: {}", log.text);
    root.get("/policies?before=1").await.problem_page(400, "no record of the policy begins there");
    root.get("/policies?before=x").await.problem_page(400, "not a seq");
}

#[tokio::test]
async fn overseers_who_may_not_change_are_told_why_and_get_no_form() {
    let world = World::new();
    let auditor = world.browser("otto", &["auditor"]).await;
    let of_tenant = world.bearer_in("acme", "ina", &["admin"]);
    for (caller, why) in [(&auditor, "only administrators may change it."), (&of_tenant, "without a tenant")] {
        let page = caller.get("/policies").await;
        assert!(page.text.contains(why), "{}", page.text);
        for control in ["<form", "<input", "<button"] {
            assert!(!main_of(&page).contains(control), "{control} is offered: {}", page.text);
        }
        let parts = [("policy", "acme.toml", ACME), ("reason", "", "a try")];
        for path in ["/policies", "/policies/trial"] {
            caller.upload(path, &parts).await.problem_page(403, "change settings");
        }
        caller.form("/policies/rollback", "reason=a+try").await.problem_page(403, "change settings");
    }
    // Whatever came before is stored when this is.
    world.record(call("ada", "search")).await;
    let refused = world.bearer("root", &["admin"]).entries("q=action:policy.*+outcome:denied").await;
    let refused: Vec<_> = refused.iter().filter_map(|entry| entry["action"].as_str()).collect();
    // A refused trial is no entry, and those of a tenant are for its viewers.
    assert_eq!(refused, ["policy.rolled_back", "policy.activated"]);
}

#[tokio::test]
async fn an_admin_activates_a_policy_and_goes_back() {
    let world = World::new();
    let root = world.browser("root", &["admin"]).await;
    world.record(call("ada", "search")).await;
    let before = digests(&root).await;
    let parts = [
        ("policy", "acme.toml", ACME),
        ("extensions", "narrow.TOML", EXTENSION),
        ("extensions", "", ""),
        ("reason", "", "the new <rules>"),
    ];
    let page = root.upload("/policies", &parts).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for words in [
        "acme 2.0.0 judges now, with narrow 0.3.0.",
        "New settings: colour.",
        "Settings that are gone: digest_bodies",
        "Groups that are gone: ",
        "Activated by root: the new &#60;rules&#62;",
        concat!("mcp-audit-log-policy ", env!("CARGO_PKG_VERSION"), " (sha256:"),
        "setting colour: not there → green",
        "of its first thousand events are still to come",
        concat!("mcp-audit-log-policy ", env!("CARGO_PKG_VERSION"), " judges again"),
        "<span class=\"mark\">extension</span>",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert_eq!(digests(&root).await.len(), 2);
    world.record(call("ada", "search")).await;
    let searched = root.entries("action=customer.searched").await;
    assert_eq!(searched.len(), 1, "it judges from the next event on");

    let again = root.upload("/policies", &parts).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.text);
    assert!(again.text.contains("This policy is active already."), "{}", again.text);
    assert!(again.text.contains("name=\"reason\" value=\"the new &#60;rules&#62;\""), "{}", again.text);

    let page = root.form("/policies/rollback", "reason=it+names+too+much").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains(concat!("mcp-audit-log-policy ", env!("CARGO_PKG_VERSION"), " judges now.")),
        "{}",
        page.text
    );
    assert!(page.text.contains("Rolled back by root: it names too much"), "{}", page.text);
    assert_eq!(digests(&root).await, before);
}

#[tokio::test]
async fn what_is_refused_is_told_beside_its_form_and_changes_nothing() {
    let world = World::new();
    let root = world.browser("root", &["admin"]).await;
    let before = digests(&root).await;
    let locked_out = ACME.replace("\"configure\", ", "");
    for (parts, words) in [
        (&[("policy", "x.wasm", "no component"), ("reason", "", "why")][..], "The policy is not loaded"),
        (&[("policy", "x.toml", "name ="), ("reason", "", "why")], "Policy: "),
        (&[("policy", "x.toml", &locked_out), ("reason", "", "why")], "you would have no right to configure"),
        (&[("policy", "x.toml", ACME), ("reason", "", " ")], "reason"),
        (&[("policy", "x.toml", ACME)], "reason"),
        (&[("policy", "x.toml", ""), ("reason", "", "why")], "active already"),
    ] {
        let page = root.upload("/policies", parts).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}: {}", page.text);
        let form = main_of(&page).split("id=\"activate\"").nth(1).expect("the form");
        let told = form.split("role=\"alert\">").nth(1).and_then(|rest| rest.split("</p>").next()).expect("why");
        assert!(told.contains(words), "{words}: {told}");
    }
    let page = root.form("/policies/rollback", "reason=why").await;
    assert!(page.text.contains("No other policy judged before in this log"), "{}", page.text);
    root.upload("/policies", &[("nonsense", "", "x")]).await.problem_page(400, "The body cannot be read.");
    root.form("/policies", "reason=why").await.problem_page(415, "multipart/form-data");
    let cut = "--mark\r\nContent-Disposition: form-data; name=\"reason\"\r\n\r\nwhy";
    root.send("POST", "/policies", "multipart/form-data; boundary=mark", cut).await.problem_page(400, "ended early");
    let other = world.browser("root", &["admin"]).await.header("sec-fetch-site", "cross-site");
    let parts = [("policy", "acme.toml", ACME), ("reason", "", "a foreign page")];
    other.upload("/policies", &parts).await.problem_page(403, "did not come from a page of this site");
    other.upload("/policies/trial", &parts).await.problem_page(403, "did not come from a page of this site");
    assert_eq!(digests(&root).await, before);
    assert!(root.entries("action=policy.activated&outcome=success").await.is_empty());
}

#[tokio::test]
async fn the_history_says_what_was_different_and_leads_to_its_entries() {
    let world = World::new();
    let root = world.browser("root", &["admin"]).await;
    world.record(call("ada", "search")).await;
    let set = root.patch("/api/v1/settings", r#"{"retention_days":60}"#).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    world.record(call("ada", "search")).await;
    root.upload("/policies", &[("policy", "acme.toml", ACME), ("reason", "", "the new rules")]).await;
    world.record(call("ada", "search")).await;

    let all = root.get_json("/api/v1/policy/history".to_owned()).await;
    let records = all["records"].as_array().expect("records");
    assert_eq!((records.len(), all.get("next")), (3, None));
    let [newest, settings, first] = [0, 1, 2].map(|at| &records[at]);
    assert_eq!((&newest["until"], &newest["activated"]), (&json!(null), &json!(true)));
    assert_eq!(newest["changes"]["layers_added"][0]["name"], "acme");
    assert_eq!(newest["changes"]["layers_dropped"][0]["name"], "mcp-audit-log-policy");
    assert_eq!(settings["changes"]["settings"], json!([{ "key": "retention_days", "old": 90, "new": 60 }]));
    assert_eq!((&settings["until"], &settings["changes"]["layers_added"]), (&newest["since"], &json!([])));
    assert_eq!((&first["since"], &first["changes"]), (&json!(0), &json!(null)));
    assert_eq!(first["settings_version"].as_u64().map(|version| version + 1), settings["settings_version"].as_u64());

    let one = root.get_json("/api/v1/policy/history?limit=1".to_owned()).await;
    let mut next = one["next"].as_u64();
    let mut paged = one["records"].as_array().expect("records").clone();
    while let Some(before) = next {
        let more = root.get_json(format!("/api/v1/policy/history?limit=1&before={before}")).await;
        paged.extend(more["records"].as_array().expect("records").iter().cloned());
        next = more["next"].as_u64();
    }
    assert_eq!(&paged, records, "pages have each record once");
    root.get("/api/v1/policy/history?before=1").await.problem(400, "no record of the policy begins there");
    root.get("/api/v1/policy/history?after=1").await.problem(400, "Unknown parameter");

    let page = root.get("/policies").await;
    let links = page.text.split("<dt>Entries</dt><dd><a href=\"").skip(1);
    let links: Vec<_> = links.filter_map(|rest| rest.split('"').next()).collect();
    let mut listed = Vec::new();
    for link in &links {
        let entries = root.entries(link.trim_start_matches("/?")).await;
        listed.push(entries.iter().filter_map(|entry| entry["seq"].as_u64()).collect::<Vec<_>>());
    }
    let since = |at: usize| records[at]["since"].as_u64().expect("a seq");
    assert!(listed[0].iter().all(|seq| *seq >= since(0)) && listed[0].contains(&since(0)), "{listed:?}");
    assert_eq!(listed[1], (since(1)..since(0)).rev().collect::<Vec<_>>());
    assert_eq!(listed[2], (0..since(1)).rev().collect::<Vec<_>>());
    assert!(page.text.contains("setting retention_days: 90 → 60") && page.text.contains("Settings changed by root"));
    let older = root.get(&format!("/policies?before={}", since(1))).await;
    assert!(older.text.contains("The first record of this log.") && !older.text.contains("the new rules"));
}
