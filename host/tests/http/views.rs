//! Saved views: ownership, visibility, changes; and a view shows each viewer only what they may see.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Caller, GROUPS, World, call};

const VIEWS: &str = "/api/v1/views";

fn reads(groups: &[&str]) -> bool {
    !groups.is_empty() && groups != ["billing-admin"] && groups != ["service"]
}

fn configures(groups: &[&str]) -> bool {
    groups.iter().any(|group| ["admin", "owner", "super-admin"].contains(group))
}

fn body(name: &str, query: &str, shared: bool) -> String {
    json!({ "name": name, "query": query, "shared": shared }).to_string()
}

async fn save(caller: &Caller<'_>, name: &str, query: &str, shared: bool) -> String {
    let saved = caller.post(VIEWS, &body(name, query, shared)).await;
    assert_eq!(saved.status, StatusCode::CREATED, "{}", saved.text);
    format!("{VIEWS}/{}", saved.json()["id"].as_str().expect("an id"))
}

async fn names(caller: &Caller<'_>) -> Vec<String> {
    let views = caller.get(VIEWS).await.json();
    let name = |view: &Value| view["name"].as_str().expect("a name").to_owned();
    views["views"].as_array().expect("a list").iter().map(name).collect()
}

#[tokio::test]
async fn each_group_saves_and_changes_only_the_views_it_may() {
    let world = World::new();
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        let bob = world.bearer("bob", &["user"]);
        let (shared, private) = (save(&bob, "s", "q=x", true).await, save(&bob, "p", "q=x", false).await);
        if !reads(groups) {
            ada.get(VIEWS).await.problem(403, "read entries");
            ada.post(VIEWS, "nonsense").await.problem(403, "read entries");
            for path in [&shared, &private] {
                ada.put(path, &body("x", "q=y", true)).await.problem(403, "read entries");
                ada.delete(path).await.problem(403, "read entries");
            }
            let page = world.browser("ada", groups).await.form("/views", "view_name=x&q=y").await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{groups:?}");
        } else {
            for own in [false, true] {
                let path = save(&ada, "mine", "q=x", own).await;
                assert_eq!(ada.put(&path, &body("mine", "q=y", !own)).await.status, StatusCode::OK, "{groups:?}");
                assert_eq!(ada.delete(&path).await.status, StatusCode::NO_CONTENT, "{groups:?}");
            }
            let status = |done| if configures(groups) { done } else { StatusCode::FORBIDDEN };
            assert_eq!(ada.put(&shared, &body("s", "q=y", true)).await.status, status(StatusCode::OK), "{groups:?}");
            assert_eq!(ada.delete(&shared).await.status, status(StatusCode::NO_CONTENT), "{groups:?}");
            // Another user's private view is absent for every viewer, whatever their rights.
            ada.put(&private, &body("p", "q=y", true)).await.problem(404, "No such view");
            ada.delete(&private).await.problem(404, "No such view");
        }
        assert!(names(&bob).await.contains(&"p".to_owned()));
        bob.delete(&shared).await;
        assert_eq!(bob.delete(&private).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn shared_views_stay_in_their_tenant_and_private_ones_with_their_owner() {
    let world = World::new();
    let [none, one, two] = [
        world.bearer("ada", &["user"]),
        world.bearer_in("one", "ada", &["user"]),
        world.bearer_in("two", "ada", &["admin"]),
    ];
    let bob = world.bearer_in("one", "bob", &["admin"]);
    save(&none, "none", "q=x", true).await;
    let shared = save(&one, "one", "q=x", true).await;
    save(&one, "own", "q=x", false).await;
    save(&bob, "bob", "q=x", true).await;
    assert_eq!(names(&none).await, ["none"]);
    assert_eq!(names(&one).await, ["bob", "one", "own"]);
    assert_eq!(names(&bob).await, ["bob", "one"]);
    assert!(names(&two).await.is_empty(), "the same name in another instance is somebody else");
    for stranger in [&none, &two] {
        stranger.put(&shared, &body("x", "q=y", true)).await.problem(404, "No such view");
        stranger.delete(&shared).await.problem(404, "No such view");
    }
    assert_eq!(bob.delete(&shared).await.status, StatusCode::NO_CONTENT, "an admin of the same instance");
}

#[tokio::test]
async fn a_view_shows_only_entries_the_viewer_may_see() {
    let world = World::new();
    for user in ["ada", "root"] {
        world.record(call(user, "search")).await;
    }
    let root = world.bearer("root", &["admin"]);
    save(&root, "everybody", "domain=%5B%22%7C%22,%5B%22user%22,%22=%22,%22root%22%5D,%5B1,%22=%22,1%5D%5D", true)
        .await;
    let ada = world.bearer("ada", &["user"]);
    let views = ada.get(VIEWS).await.json();
    let view = &views["views"][0];
    assert_eq!((&view["owner"], &view["own"], &view["shared"]), (&json!("root"), &json!(false), &json!(true)));
    let found = ada.entries(view["query"].as_str().expect("a query")).await;
    assert!(!found.is_empty() && found.iter().all(|entry| entry["user"] == "ada"), "{found:#?}");
}

#[tokio::test]
async fn shared_views_are_entries_and_private_ones_are_not() {
    let world = World::new();
    let ada = world.bearer("ada", &["user"]);
    let private = save(&ada, "mine", "q=x", false).await;
    ada.put(&private, &body("my own", "q=y", false)).await;
    ada.delete(&private).await;
    let admin = world.bearer("root", &["admin"]);
    let actions = async || -> Vec<String> {
        let of_views =
            |entry: &Value| entry["action"].as_str().filter(|text| text.starts_with("view.")).map(str::to_owned);
        admin.entries("limit=500").await.iter().rev().filter_map(of_views).collect()
    };
    assert!(actions().await.is_empty());
    let shared = save(&ada, "errors", "outcome=error", true).await;
    ada.put(&shared, &body("errors", "outcome=denied", true)).await;
    ada.put(&shared, &body("errors", "outcome=denied", false)).await;
    ada.put(&shared, &body("errors", "outcome=denied", true)).await;
    admin.delete(&shared).await;
    let expected = ["view.shared", "view.updated", "view.updated", "view.shared", "view.deleted"];
    assert_eq!(actions().await, expected);
    let updated = admin.entries("action=view.updated").await;
    let open = async |at: usize| {
        admin.get(&format!("/api/v1/entries/{}", updated[at]["id"].as_str().expect("an id"))).await.json()
    };
    let changes = json!([{ "field": "query", "old": "outcome=error", "new": "outcome=denied" }]);
    let entry = open(1).await;
    assert_eq!((&entry["details"]["changes"], &entry["resource_name"]), (&changes, &json!("errors")));
    assert_eq!(open(0).await["details"]["changes"], json!([{ "field": "shared", "old": true, "new": false }]));
    let deleted = admin.entries("action=view.deleted").await;
    assert_eq!((&deleted[0]["user"], &deleted[0]["resource_type"]), (&json!("root"), &json!("view")));
}

#[tokio::test]
async fn an_invalid_search_cannot_be_saved() {
    let world = World::new();
    let ada = world.bearer("ada", &["user"]);
    for (name, query, status, word) in [
        (" ", "q=x", 422, "name"),
        (&*"ä".repeat(81), "q=x", 422, "at most 80"),
        ("a\u{7}", "q=x", 422, "invisible characters"),
        ("a", "nope=x", 400, "nope"),
        ("a", "from=nonsense", 400, "from"),
        ("a", "domain=nonsense", 400, "domain"),
        ("a", "by=nonsense", 400, "by"),
        ("a", "by=tool&sort=nonsense", 400, "sort"),
        ("a", "sort=nonsense", 400, "sort"),
        ("a", "q=a b", 422, "percent-encoded"),
        ("a", &*format!("user={}", "x".repeat(4_095)), 422, "4096"),
    ] {
        ada.post(VIEWS, &body(name, query, false)).await.problem(status, word);
    }
    ada.post(VIEWS, r#"{"name":"a","query":"q=x","owner":"bob"}"#).await.problem(400, "owner");
    ada.post(VIEWS, r#"{"name":"a"}"#).await.problem(400, "query");
    for id in ["01930000-0000-7000-8000-000000000000", "nonsense", "%ff"] {
        ada.put(&format!("{VIEWS}/{id}"), &body("a", "q=x", false)).await.problem(404, "No such view");
        ada.delete(&format!("{VIEWS}/{id}")).await.problem(404, "No such view");
    }
    assert!(names(&ada).await.is_empty());
    for at in 0..100 {
        save(&ada, &format!("view {at}"), "q=x", at % 2 == 0).await;
    }
    ada.post(VIEWS, &body("one more", "q=x", false)).await.problem(422, "at most 100");
    save(&world.bearer("bob", &["user"]), "bob's", "q=x", false).await;
}

#[tokio::test]
async fn the_list_saves_shows_and_deletes_views() {
    let world = World::new();
    let ada = world.browser("ada", &["user"]).await;
    let page = ada.get("/?tool=a%26b&filter=errors").await.text;
    assert!(page.contains("Save this search") && page.contains("action=\"/views\""));
    assert!(!ada.get("/").await.text.contains("Save this search"), "there is nothing to save");
    let saved = ada.form("/views", "view_name=My+errors&tool=a%26b&filter=errors&q=").await;
    let address = "/?tool=a%26b&filter=errors";
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, address), "{}", saved.text);
    let page = ada.get(address).await.text;
    let link = "<a href=\"/?tool=a%26b&#38;filter=errors\" aria-current=\"true\">My errors";
    assert!(page.contains(link), "{page}");
    assert!(!world.browser("bob", &["user"]).await.get("/").await.text.contains("My errors"));
    let bad = ada.form("/views", "view_name=&q=x").await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.text.contains("Give the view a name."));

    ada.form("/views", "view_name=Team&view_shared=true&q=x").await;
    let page = world.browser("bob", &["user"]).await.get("/").await.text;
    assert!(
        page.contains("Team</a> <span class=\"mark\">shared</span> <span class=\"muted small\">by ada</span>")
            && !page.contains("/delete"),
        "{page}"
    );
    assert!(world.browser("root", &["admin"]).await.get("/").await.text.contains("/delete"));
    let page = ada.get("/").await.text;
    let delete = page.split("action=\"").filter_map(|part| part.split_once("/delete").map(|(path, _)| path));
    for path in delete.collect::<Vec<_>>() {
        let answer = ada.form(&format!("{path}/delete"), "").await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"), "{path}");
    }
    assert!(!ada.get("/").await.text.contains("My errors"));
}

#[tokio::test]
async fn a_view_can_save_a_grouping() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let ada = world.browser("ada", &["user"]).await;
    let page = ada.get("/?by=tool&sort=p95&outcome=success").await.text;
    for (name, value) in [("by", "tool"), ("sort", "p95"), ("outcome", "success")] {
        assert!(page.contains(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")), "{name}: {page}");
    }
    let saved = ada.form("/views", "view_name=Slow+tools&by=tool&by=&sort=p95&outcome=success").await;
    let address = "/?by=tool&sort=p95&outcome=success";
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, address), "{}", saved.text);
    let page = ada.get(address).await.text;
    assert!(page.contains("aria-current=\"true\">Slow tools") && page.contains("<table class=\"groups\">"), "{page}");
    let caller = world.bearer("ada", &["user"]);
    let views = caller.get(VIEWS).await.json();
    let query = views["views"][0]["query"].as_str().expect("a query");
    assert_eq!(caller.get(&format!("/api/v1/groups?{query}")).await.json()["groups"][0]["count"], 1);
    save(&caller, "by hand", "by=user&by=day&from=-7d", false).await;
}
