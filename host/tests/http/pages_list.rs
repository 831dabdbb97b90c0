//! The log's page: one clean address for each view, conditions that can be removed, columns, groups within groups,
//! views.

use axum::http::StatusCode;

use crate::support::{Caller, World, call};

/// The target of a page that redirects.
async fn leads_to(browser: &Caller<'_>, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text);
    answer.header("location").to_owned()
}

/// The addresses of links whose text contains this text, as a browser reads them.
fn links(page: &str, text: &str) -> Vec<String> {
    let links = page.split("<a ").skip(1).filter_map(|link| {
        let (attributes, rest) = link.split_once('>')?;
        let href = attributes.split("href=\"").nth(1)?.split('"').next()?;
        rest.split("</a>").next()?.contains(text).then(|| href.replace("&#38;", "&"))
    });
    links.collect()
}

#[tokio::test]
async fn empty_parameters_are_removed_from_the_address() {
    let world = World::new();
    let browser = world.browser("root", &["admin"]).await;
    let form = "/?q=&outcome=error&from=&to=&by=&by=&tool=a&tool=b&domain=";
    assert_eq!(leads_to(&browser, form).await, "/?outcome=error&tool=a&tool=b");
    assert_eq!(leads_to(&browser, "/?q=").await, "/");
    assert_eq!(leads_to(&browser, "/?columns=tool&columns=user").await, "/?columns=time%2Ctool%2Cuser");
    let usual = "/?columns=time,outcome,method,target,server,user,connection,duration_us";
    assert_eq!(leads_to(&browser, usual).await, "/");
    assert_eq!(browser.get("/?outcome=error&tool=a&tool=b").await.status, StatusCode::OK);
    let script = world.browser("root", &["admin"]).await.header("sec-fetch-dest", "empty");
    assert_eq!(script.get("/?q=&outcome=error").await.status, StatusCode::OK, "the script follows no redirect");
}

#[tokio::test]
async fn filters_are_shown_as_understood_and_removable_one_by_one() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?tool=a&tool=b&q=duration%3A%3E1ms+-user%3Ax&to=2026-01-02&limit=5").await.text;
    assert!(page.contains("Nothing matches."), "{page}");
    assert!(page.contains("Duration more than 1.0 ms and User is not x"), "{page}");
    let lift = |text: &str| links(&page, &format!("Remove {text}"));
    assert_eq!(lift("Tool a"), ["/?tool=b&q=duration%3A%3E1ms%20-user%3Ax&to=2026-01-02&limit=5"]);
    assert_eq!(lift("Tool b"), ["/?tool=a&q=duration%3A%3E1ms%20-user%3Ax&to=2026-01-02&limit=5"]);
    assert_eq!(lift("Search"), ["/?tool=a&tool=b&to=2026-01-02&limit=5"]);
    assert_eq!(lift("Until"), ["/?tool=a&tool=b&q=duration%3A%3E1ms%20-user%3Ax&limit=5"]);
    assert_eq!(links(&page, "Clear all"), ["/"]);
    assert!(page.contains("name=\"tool\" value=\"a\""), "the input has the first value: {page}");
    assert!(page.contains("type=\"hidden\" name=\"tool\" value=\"b\""), "the other is handed on: {page}");
    assert!(
        page.contains("<title>Log: Tool a, Tool b, Search duration:&#62;1ms -user:x, Until 2026-01-02 ·"),
        "{page}"
    );
    let wrong = browser.get("/?tool=a&q=duration:x").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(links(&wrong.text, "Remove Tool a"), ["/?q=duration%3Ax"]);
}

#[tokio::test]
async fn columns_are_chosen_in_the_address_and_kept() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?tool=search&columns=occurred_at,channel&limit=1").await.text;
    assert!(page.contains("<th role=\"columnheader\" scope=\"col\" class=\"time exact\">Exact time</th>"), "{page}");
    assert!(page.contains("class=\"other\" data-label=\"Channel\">mcp</td>"), "{page}");
    assert!(!page.contains("class=\"outcome"), "the outcome was not asked for: {page}");
    assert!(page.contains("type=\"hidden\" name=\"columns\" value=\"occurred_at,channel\""), "{page}");
    assert!(page.contains("name=\"columns\" value=\"channel\" checked"), "{page}");
    assert_eq!(links(&page, "Default columns"), ["/?tool=search&limit=1"]);
    let wrong = browser.get("/?columns=chanel").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(
        wrong.text.contains("columns: unknown column &#34;chanel&#34;; use one of: time, target"),
        "{}",
        wrong.text
    );
    let api = world.bearer("root", &["admin"]);
    assert_eq!(api.get("/api/v1/entries?columns=occurred_at,channel").await.status, StatusCode::OK);
    let view = r#"{"name":"x","query":"columns=chanel"}"#;
    assert_eq!(api.post("/api/v1/views", view).await.status, StatusCode::BAD_REQUEST, "no view that cannot be shown");
}

#[tokio::test]
async fn an_export_takes_the_columns_that_are_shown() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?user=ada&columns=time,target,user,tool").await.text;
    let (_, form) = page.split_once("/export\">").expect("a form");
    let form = form.split("</form>").next().unwrap_or_default();
    let value =
        form.split("<option value=\"").find(|option| option.contains("The columns shown here")).expect("a choice");
    let columns = value.split('"').next().unwrap_or_default();
    let file = browser.get(&format!("/export?user=ada&format=csv&columns={columns}")).await.text;
    let lines: Vec<&str> = file.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[0], "id,occurred_at,tool,prompt,resource_uri,resource_name,resource_id,path,user");
    assert!(lines[1].starts_with(&id) && lines[1].contains(",search,") && lines[1].ends_with(",ada"), "{file}");
    let all = browser.get("/export?user=ada&format=csv&columns=").await.text;
    assert!(all.contains(",outcome,"), "nothing chosen is everything: {all}");
    let groups = browser.get("/?by=tool").await.text;
    assert!(
        groups.contains("/export\">") && !groups.contains("The columns shown here"),
        "groups have no columns: {groups}"
    );
}

#[tokio::test]
async fn groups_are_a_table_that_leads_to_entries() {
    let world = World::new();
    for tool in ["search & find", "search & find", "other"] {
        let mut event = call("ada", tool);
        event.duration_us = Some(1_500_000);
        world.record(event).await;
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?by=tool&filter=tool_calls&limit=1").await.text;
    assert!(page.contains("The first 1 of 2 groups, of 3 entries") && page.contains("1.5 s"), "{page}");
    assert!(page.contains("<option value=\"tool\" selected>Tool</option>") && !page.contains("id=\"live\""));
    assert!(
        page.contains(
            "aria-sort=\"descending\"><a href=\"/?by=tool&#38;filter=tool_calls&#38;limit=1&#38;sort=count\""
        )
    );
    let row = links(&page, "search &#38; find");
    assert_eq!(row, ["/?filter=tool_calls&tool=search%20%26%20find"]);
    let entries = browser.get(&row[0]).await.text;
    assert_eq!(entries.matches("class=\"target\">search &#38; find").count(), 2, "{entries}");
    let nothing = browser.get("/?by=tool&user=nobody").await.text;
    assert!(nothing.contains("Nothing matches.") && !nothing.contains("<table"), "{nothing}");
}

#[tokio::test]
async fn groups_have_groups_within_them() {
    let world = World::new();
    for (user, tool, took) in [("ada", "a", 1_000), ("ada", "b", 3_000), ("bob", "a", 100_000), ("bob", "a", 300_000)] {
        let mut event = call(user, tool);
        event.duration_us = Some(took);
        world.record(event).await;
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?by=user&by=tool&filter=tool_calls&sort=p95").await.text;
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
    assert!(page.contains("2 groups, 3 subgroups, of 4 entries"), "{page}");
    assert!(place("Show the groups in bob") < place("Show the groups in ada"), "the slowest first");
    assert_eq!(page.matches("class=\"fold\" type=\"checkbox\"").count(), 2);
    assert_eq!(page.matches("<tr class=\"inner\">").count(), 3);
    assert!(page.contains("200 ms"), "the average of an outer group is of all its entries: {page}");
    assert_eq!(links(&page, "ada"), ["/?filter=tool_calls&user=ada"]);
    assert!(links(&page, "a").contains(&"/?filter=tool_calls&user=bob&tool=a".to_owned()), "{page}");
}

#[tokio::test]
async fn a_group_with_many_inner_groups_links_to_all_of_them() {
    let world = World::new();
    for tool in 0..14 {
        world.record(call("ada", &format!("tool_{tool}"))).await;
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?by=user&by=tool&user=ada").await.text;
    assert_eq!(page.matches("<tr class=\"inner\">").count(), 13, "twelve, and the way to all: {page}");
    assert_eq!(links(&page, "All groups in ada"), ["/?user=ada&by=tool&sort=count"]);
    let all = browser.get("/?user=ada&by=tool&sort=count").await.text;
    assert!(all.contains("14 groups, of 14 entries"), "{all}");
}

#[tokio::test]
async fn a_view_is_renamed_shared_and_deleted_on_its_page() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let ada = world.browser("ada", &["admin"]).await;
    let made = ada.form("/views", "view_name=Morning&tool=search&columns=time%2Ctool&q=&cursor=x").await;
    assert_eq!(made.header("location"), "/?tool=search&columns=time%2Ctool", "{}", made.text);
    let page = ada.get("/?tool=search&columns=time%2Ctool").await.text;
    assert!(page.contains("<span class=\"mark\">private</span>") && page.contains("Delete this view"), "{page}");
    let id = page.split("action=\"/views/").nth(1).and_then(|rest| rest.split('"').next()).expect("its form");
    let bob = world.browser("bob", &["power-user"]).await;
    assert!(!bob.get("/").await.text.contains("Morning"));
    let refused = bob.form(&format!("/views/{id}"), "view_name=Mine").await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text);
    let changed = ada.form(&format!("/views/{id}"), "view_name=Morning+check&view_shared=true").await;
    assert_eq!(changed.header("location"), "/?tool=search&columns=time%2Ctool", "its search stays");
    let page = bob.get("/").await.text;
    assert!(page.contains("Morning check") && page.contains("<span class=\"mark\">shared</span>"), "{page}");
    assert!(page.contains("by ada") && !page.contains("Delete this view"), "{page}");
    assert_eq!(ada.form(&format!("/views/{id}/delete"), "").await.status, StatusCode::SEE_OTHER);
    assert!(!bob.get("/").await.text.contains("Morning check"));
}

#[tokio::test]
async fn the_first_page_is_small() {
    let world = World::new();
    let events = (0..100).map(|at| {
        let mut event = call(&format!("user_{at}@example.com"), &format!("a_tool_with_a_longer_name_{at}"));
        event.server = Some(format!("server-of-department-{at}"));
        event.caller.connection = Some(format!("the laptop of user {at}"));
        event.duration_us = Some(123_456);
        event
    });
    for event in events {
        world.record(event).await;
    }
    let page = world.browser("root", &["admin", "auditor"]).await.get("/").await.text;
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

/// Each link of a page repeats the search, so a page that took any number of values would grow with their square.
#[tokio::test]
async fn a_search_that_is_too_long_for_a_page_is_refused() {
    let world = World::new();
    let browser = world.browser("root", &["admin"]).await;
    let many = |count: usize| (0..count).map(|at| format!("tool={at}")).collect::<Vec<_>>().join("&");
    for page in ["", "usage"] {
        let answer = browser.get(&format!("/{page}?{}", many(3_000))).await;
        assert!(answer.status.is_client_error() && answer.text.len() < 20_000, "{} bytes", answer.text.len());
        assert!(answer.text.contains("too long for a page"), "{}", answer.text);
        assert_eq!(browser.get(&format!("/{page}?{}", many(90))).await.status, StatusCode::OK);
        let long = format!("/{page}?q={}", "a".repeat(20_000));
        assert!(browser.get(&long).await.status.is_client_error());
    }
}
