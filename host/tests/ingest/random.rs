//! 10,000 random items with random faults, sent in every form: each is in the log exactly once or refused with a
//! reason.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::item;
use crate::support::World;

#[path = "../../benches/log/random.rs"]
mod chance;
use chance::Random;

const ITEMS: usize = 10_000;

/// An item as it is sent, and its faulty field, if it has one.
struct Sent {
    text: String,
    id: Option<String>,
    fault: Option<&'static str>,
}

/// A fault: its name in the refusal, and the function that makes it.
type Fault = (&'static str, fn(&mut serde_json::Map<String, Value>, &mut Random));

const FAULTS: &[Fault] = &[
    ("id", |item, _| drop(item.insert("id".into(), "not-a-uuid".into()))),
    ("channel", |item, _| drop(item.insert("channel".into(), "system".into()))),
    ("channel", |item, _| drop(item.shift_remove("channel"))),
    ("kind", |item, random| drop(item.insert("kind".into(), random.next().into()))),
    ("seq", |item, random| drop(item.insert("seq".into(), random.next().into()))),
    ("recorded_at", |item, _| drop(item.insert("recorded_at".into(), "2026-01-01".into()))),
    ("occurred_at", |item, random| {
        let year = 2_100 + random.below(900);
        drop(item.insert("occurred_at".into(), format!("{year}-01-01T00:00:00Z").into()));
    }),
    ("occurred_at", |item, random| {
        let year = 1_900 + random.below(99);
        drop(item.insert("occurred_at".into(), format!("{year}-01-01T00:00:00Z").into()));
    }),
    ("status_code", |item, random| drop(item.insert("status_code".into(), (600 + random.below(1 << 40)).into()))),
    ("duration_us", |item, _| drop(item.insert("duration_us".into(), (-1).into()))),
    ("user", |item, random| {
        let length = 257 + random.below(500);
        drop(item.insert("user".into(), "ü".repeat(length as usize).into()));
    }),
    ("ip", |item, random| drop(item.insert("ip".into(), format!("10.0.0.{}", 256 + random.below(99)).into()))),
    ("facts", |item, _| drop(item.insert("facts".into(), json!({ "a": [[[[1]]]] })))),
    ("facts", |item, _| drop(item.insert("facts".into(), json!({ "seq": 1 })))),
    ("outcome", |item, _| {
        drop(item.insert("outcome".into(), "success".into()));
        drop(item.insert("outcome_detail".into(), "ok".into()));
    }),
    ("payload", |item, _| drop(item.insert("payload".into(), 7.into()))),
    ("colour", |item, _| drop(item.insert("colour".into(), "red".into()))),
];

/// An optional member, and the function that makes its value.
type Member = (&'static str, fn(&mut Random) -> Value);

fn good(random: &mut Random) -> serde_json::Map<String, Value> {
    let Value::Object(mut item) = item() else { panic!("no object") };
    let channels = ["mcp", "stdio", "oauth", "api", "admin"];
    item.insert("channel".into(), channels[random.below(5) as usize].into());
    let more: [Member; 12] = [
        ("user", |random| format!("user {}", random.skewed(50)).into()),
        ("tool", |random| format!("tool_{}", random.skewed(20)).into()),
        ("path", |random| format!("/api/{}?q=1", random.below(9)).into()),
        ("server", |_| "crm\u{0}\u{1b}[31m\u{202e}".into()),
        ("duration_us", |random| random.below(1 << 44).into()),
        ("occurred_at", |random| {
            format!("20{:02}-02-28T23:59:59.{}+14:00", random.below(26), random.below(999)).into()
        }),
        ("facts", |random| json!({ "n": random.below(9), "t": "\u{0}", "b": true, "z": null, "l": "x".repeat(1_024) })),
        ("payload", |random| json!({ "request": { "n": random.below(9) }, "response": "\u{0}\u{ffff}" })),
        ("arguments", |random| json!({ "model": "account.move", "id": random.below(9), "deep": [[[[{}]]]] })),
        ("record_id", |_| "A sentence that is no record".into()),
        ("agent", |_| Value::Null),
        ("ip", |_| "::ffff:10.0.0.1".into()),
    ];
    for (name, value) in more {
        if random.percent(40) {
            item.insert(name.into(), value(random));
        }
    }
    item
}

fn sent(random: &mut Random) -> Sent {
    let mut item = good(random);
    let id = item["id"].as_str().map(str::to_owned);
    if random.percent(60) {
        return Sent { text: Value::from(item).to_string(), id, fault: None };
    }
    let (field, put) = FAULTS[random.below(FAULTS.len() as u64) as usize];
    put(&mut item, random);
    Sent { text: Value::from(item).to_string(), id: None, fault: Some(field) }
}

/// Sends all items in requests of random size and form, and returns the results in order.
async fn send(world: &World, items: &[Sent], random: &mut Random) -> Vec<Value> {
    let service = world.bearer("platform", &["service"]);
    let (mut results, mut rest) = (Vec::new(), items);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(1 + random.skewed(400) as usize));
        rest = after;
        let texts: Vec<_> = part.iter().map(|item| item.text.as_str()).collect();
        let answer = match random.percent(50) {
            true => service.lines(&texts.join("\n")).await,
            false => service.post(crate::EVENTS, &format!("[{}]", texts.join(","))).await,
        };
        let told = answer.json()["results"].as_array().expect("results").clone();
        assert_eq!(told.len(), part.len());
        let refused = told.iter().filter(|one| one["result"] == "refused").count();
        let status = if refused == 0 {
            200
        } else if refused < told.len() {
            207
        } else {
            422
        };
        assert_eq!(answer.status.as_u16(), status);
        results.extend(told);
    }
    results
}

/// Every sent entry by its id, with the number of its occurrences.
async fn stored(world: &World) -> HashMap<String, usize> {
    let (admin, mut cursor, mut found) = (world.bearer("root", &["admin"]), String::new(), HashMap::new());
    loop {
        let path = format!("/api/v1/entries?q=-channel:system&limit=500&cursor={cursor}");
        let page = admin.get_json(path).await;
        for entry in page["entries"].as_array().expect("a list") {
            *found.entry(entry["id"].as_str().expect("an id").to_owned()).or_insert(0) += 1;
        }
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_ten_thousand_items_is_stored_once_or_refused() {
    let world = World::new();
    let mut random = Random::new(20_261_121);
    let items: Vec<Sent> = (0..ITEMS).map(|_| sent(&mut random)).collect();
    let results = send(&world, &items, &mut random).await;
    for (item, result) in items.iter().zip(&results) {
        match item.fault {
            None => {
                assert_eq!(
                    (&result["result"], result["id"].as_str()),
                    (&"stored".into(), item.id.as_deref()),
                    "{result}"
                );
            }
            Some(field) => {
                assert_eq!((&result["result"], &result["field"]), (&"refused".into(), &field.into()), "{}", item.text);
                assert!(result["reason"].as_str().is_some_and(|reason| reason.len() > field.len() + 10), "{result}");
            }
        }
    }
    let good: HashSet<_> = items.iter().filter_map(|item| item.id.clone()).collect();
    let found = stored(&world).await;
    assert!(good.len() > 5_000 && found.len() == good.len() && found.values().all(|count| *count == 1));
    assert!(good.iter().all(|id| found.contains_key(id)));

    // As after an answer that never came.
    let again = send(&world, &items, &mut random).await;
    for (item, result) in items.iter().zip(&again) {
        assert_eq!(result["result"], if item.fault.is_none() { "duplicate" } else { "refused" }, "{result}");
    }
    assert_eq!(stored(&world).await, found, "nothing is stored twice");
}
