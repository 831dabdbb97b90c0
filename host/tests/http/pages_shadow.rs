//! A shadow on the page: a candidate judges what is recorded from now on, and nothing that the viewer does not see.

use axum::http::StatusCode;

use crate::pages_policies::ACME;
use crate::support::{World, call};

#[tokio::test]
async fn a_shadow_tells_what_a_candidate_would_judge_otherwise_until_it_is_ended() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let root = world.browser("root", &["admin"]).await;
    let page = root.get("/policies").await;
    assert!(page.text.contains("action=\"/policies/shadow#shadow\""), "{}", page.text);

    let page = root.upload("/policies/shadow", &[("policy", "acme.toml", ACME), ("for", "", "2h")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for words in ["No difference</span> so far", "acme 2.0.0 (sha256:", "It ends at ", "action=\"/policies/shadow/end"]
    {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    world.record(call("bob", "search")).await;
    let mut of_a_tenant = call("hilda", "search");
    of_a_tenant.caller.instance = Some("eu".to_owned());
    world.record(of_a_tenant).await;
    let page = root.get("/policies").await;
    for words in [
        "Different</span> so far",
        "<del>tool.called</del> → <ins>customer.searched</ins>, <a href=\"/entries/",
        "such as this one</a></td><td class=\"num\">1</td>",
        " 1 were not: you do not see them",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(!page.text.contains("hilda"), "{}", page.text);
    assert!(root.entries("action=customer.searched").await.is_empty(), "a shadow changes nothing");

    // One runs at a time, and only its viewer sees what it finds.
    let again = root.upload("/policies/shadow", &[("for", "", "1h")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("end it first"), "{}", again.text);
    let other = world.browser("eve", &["admin"]).await;
    let page = other.get("/policies").await;
    assert!(page.text.contains("A candidate of another administrator is a shadow until "), "{}", page.text);
    assert!(!page.text.contains("customer.searched"), "{}", page.text);
    // It would be in the way until its time is over.
    let page = other.form("/policies/shadow/end", "").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(!page.text.contains("customer.searched"), "{}", page.text);
    let page = root.form("/policies/shadow/end", "").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    for words in ["Different</span></p>", "eve ended it.", "Begin another", "customer.searched"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    world.record(call("bob", "search")).await;
    let page = root.get("/policies").await;
    assert!(page.text.contains("such as this one</a></td><td class=\"num\">1</td>"), "it goes on: {}", page.text);
}

#[tokio::test]
async fn a_shadow_ends_in_time_and_its_form_says_what_is_wrong() {
    let world = World::new();
    let root = world.browser("root", &["admin"]).await;
    for length in ["8d", "-1h", "soon", "2020-01-01"] {
        let page = root.upload("/policies/shadow", &[("for", "", length)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{length}");
        assert!(page.text.contains("For: give a duration of at most 7d"), "{}", page.text);
        assert!(page.text.contains(&format!("value=\"{length}\"")), "{}", page.text);
    }
    let page = root.upload("/policies/shadow", &[("for", "", "1us")]).await;
    assert!(page.text.contains("Its time is over."), "{}", page.text);
    for groups in [["auditor"], ["user"]] {
        let viewer = world.browser("otto", &groups).await;
        viewer.upload("/policies/shadow", &[("for", "", "1h")]).await.problem_page(403, "change settings");
        viewer.form("/policies/shadow/end", "").await.problem_page(403, "change settings");
    }
}

/// A step of a shadow is longer than the longest page of entries.
#[tokio::test]
async fn a_shadow_compares_every_entry_that_its_viewer_sees() {
    let world = World::new();
    let root = world.browser("root", &["admin"]).await;
    root.upload("/policies/shadow", &[("policy", "acme.toml", ACME)]).await;
    let calls = (0..1_100).map(|_| call("bob", "search")).collect();
    let stored = world.log.recorder().record_all(calls, 0).await.expect("there is room");
    assert!(stored.iter().all(Result::is_ok));
    let page = root.get("/policies").await;
    assert!(page.text.contains("<td class=\"num\">1\u{202f}100</td>"), "{}", page.text);
    assert!(!page.text.contains(" were not: "), "{}", page.text);
}
