//! The demo's clients: official ones, through the proxy, with calls that succeed, fail and are refused.

use std::error::Error;
use std::time::Duration;

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value as Json, json};

use super::Person;

type Failure = Box<dyn Error + Send + Sync>;

/// Works until the demo ends. A client that fails reconnects.
pub(super) async fn run(person: Person, url: String, token: String) {
    loop {
        if let Err(error) = session(person, &url, &token).await {
            tracing::debug!(%error, user = person.user, "a demo client failed and reconnects");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        // A client without a token: refused, and recorded.
        let _ = session(person, &url, "mcpa_forgotten").await;
    }
}

/// One session: some rounds of calls, then a proper end.
async fn session(person: Person, url: &str, token: &str) -> Result<(), Failure> {
    let config = StreamableHttpClientTransportConfig::with_uri(url.to_owned()).auth_header(token);
    let transport = StreamableHttpClientTransport::from_config(config);
    let implementation = Implementation::new(person.client, env!("CARGO_PKG_VERSION"));
    let client = ClientConfig::new(ClientCapabilities::default(), implementation).serve(transport).await?;
    client.list_all_tools().await?;
    for round in 0..5 {
        for (tool, arguments) in calls(person, round) {
            let arguments = arguments.as_object().cloned().unwrap_or_default();
            // Some of these fail on purpose.
            let _ = client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await;
            tokio::time::sleep(Duration::from_millis(350)).await;
        }
    }
    client.cancel().await?;
    Ok(())
}

fn calls(person: Person, round: u32) -> Vec<(&'static str, Json)> {
    let mut calls = vec![
        ("search_products", json!({ "query": format!("{}'s desk {round}", person.user) })),
        ("get_invoice", json!({ "number": "INV/2026/0042" })),
        ("write_note", json!({ "model": "account.move", "record_id": "INV/2026/0042", "note": "call the customer" })),
        ("make_report", json!({})),
    ];
    match round {
        // Early, so that the first page of the log already shows one.
        0 => calls.insert(1, ("get_invoice", json!({ "number": "INV/2026/9999" }))),
        1 => calls.push(("get_invoice", json!({ "number": "INV/1999/0001" }))),
        2 => calls.push(("delete_everything", json!({}))),
        3 => calls.push(("search_products", json!({ "text": "wrong argument" }))),
        _ => {}
    }
    calls
}
