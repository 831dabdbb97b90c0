//! Every operator against Odoo's meaning, and every refusal.

use uuid::Uuid;

use super::*;
use crate::entry::Entry;
use crate::time::Timestamp;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").expect("a valid time")
}

fn entry() -> Entry {
    let mut entry = Entry::new(Uuid::nil(), now().plus(-3_600_000_000), now());
    entry.status_code = Some(404);
    entry.set_text(Field::Tool, Some("Search_Read"));
    entry.set_text(Field::Outcome, Some("error"));
    entry
}

fn holds(domain: &str) -> bool {
    parse_json(domain, now()).unwrap_or_else(|error| panic!("{domain}: {error}")).matches(&entry())
}

#[test]
fn every_operator_means_what_odoo_says() {
    for (domain, expected) in [
        ("[]", true),
        (r#"[[1,"=",1]]"#, true),
        (r#"[[0,"=",1]]"#, false),
        (r#"[["tool","=","Search_Read"]]"#, true),
        (r#"[["tool","=",["x","Search_Read"]]]"#, true),
        (r#"[["tool","!=","Search_Read"]]"#, false),
        (r#"[["user","!=","anna"]]"#, true),
        (r#"[["user","=",false]]"#, true),
        (r#"[["user","=",null]]"#, true),
        (r#"[["tool","!=",false]]"#, true),
        (r#"[["user","in",[false,"anna"]]]"#, true),
        (r#"[["user","not in",["anna"]]]"#, true),
        (r#"[["user","not in",["anna",false]]]"#, false),
        (r#"[["tool","in",[]]]"#, false),
        (r#"[["tool","not in",[]]]"#, true),
        (r#"[["tool","like","Read"]]"#, true),
        (r#"[["tool","like","read"]]"#, false),
        (r#"[["tool","ilike","READ"]]"#, true),
        (r#"[["tool","not ilike","READ"]]"#, false),
        (r#"[["user","not like","x"]]"#, true),
        (r#"[["user","like",""]]"#, true),
        (r#"[["tool","not like",""]]"#, false),
        (r#"[["tool","=like","Search%"]]"#, true),
        (r#"[["tool","=like","Read%"]]"#, false),
        (r#"[["tool","=ilike","search\\_read"]]"#, true),
        (r#"[["tool","not =like","S%"]]"#, false),
        (r#"[["tool","not =ilike","s%"]]"#, false),
        (r#"[["user","=?",false]]"#, true),
        (r#"[["user","=?","anna"]]"#, false),
        (r#"[["status_code",">",403]]"#, true),
        (r#"[["status_code",">=",405]]"#, false),
        (r#"[["status_code","<=",404]]"#, true),
        (r#"[["status_code","<",404]]"#, false),
        (r#"[["duration_us","<",5]]"#, false),
        (r#"[["duration_us",">=",0]]"#, false),
        (r#"["!",["duration_us","<",5]]"#, true),
        (r#"["|",["user","=","x"],["status_code","=",404]]"#, true),
        (r#"["&",["user","=","x"],["status_code","=",404]]"#, false),
        (r#"["!","|",["user","=","x"],["status_code","=",404]]"#, false),
        (r#"[["at",">=","-2h"],["at","<","-30m"]]"#, true),
        (r#"[["at","=","today"]]"#, true),
        (r#"[["at","=","2026-11-21"]]"#, true),
        (r#"[["at",">","2026-11-20"]]"#, true),
        (r#"[["at","<=","2026-11-20"]]"#, false),
        (r#"[["at","=","yesterday"]]"#, false),
        (r#"[["id","=","00000000-0000-0000-0000-000000000000"]]"#, true),
    ] {
        assert_eq!(holds(domain), expected, "{domain}");
    }
}

#[test]
fn what_is_no_domain_is_refused_with_its_reason() {
    for (domain, reason) in [
        ("", "not JSON"),
        ("{}", "a domain is a JSON list"),
        (r#"["&"]"#, "lacks its operand"),
        (r#"["&",["tool","=","x"]]"#, "lacks its operand"),
        (r#"["^"]"#, "unknown operator"),
        (r#"[["payload","=","x"]]"#, "unknown field \"payload\""),
        (r#"[["tool","any!","x"]]"#, "walks relations"),
        (r#"[["tool","child_of","x"]]"#, "walks relations"),
        (r#"[["tool","<>","x"]]"#, "use '!='"),
        (r#"[["tool","LIKE","x"]]"#, "unknown operator"),
        (r#"[["tool","="]]"#, "2 parts"),
        (r#"[["tool","=",{}]]"#, "values are"),
        (r#"[["tool","=",1.5]]"#, "values are"),
        (r#"[["tool","=",1]]"#, "tool holds texts"),
        (r#"[["status_code","=","404"]]"#, "status_code holds whole numbers"),
        (r#"[["at",">=","soon"]]"#, "no time"),
        (r#"[["status_code","like","4"]]"#, "works on texts"),
        (r#"[["id","=","x"]]"#, "holds UUIDs"),
        (r#"[["outcome","=","errors"]]"#, "outcome is one of success, error, denied"),
        (r#"[["channel","in",["mcp","http"]]]"#, "channel is one of"),
        (r#"[["tool","<",null]]"#, "needs a value"),
    ] {
        let error = parse_json(domain, now()).expect_err(domain).to_string();
        assert!(error.contains(reason), "{domain}: {error}");
    }
}

#[test]
fn size_and_depth_are_limited() {
    let term = r#"["tool","=","x"]"#;
    let many = format!("[{}]", vec![term; 10_000].join(","));
    assert!(parse_json(&many, now()).expect_err("too many").to_string().contains("too many terms"));
    let deep = format!("[{}{term}]", r#""!","#.repeat(100));
    assert!(parse_json(&deep, now()).expect_err("too deep").to_string().contains("deeper"));
    let long = format!(r#"[["tool","=","{}"]]"#, "x".repeat(10_000));
    assert!(parse_json(&long, now()).expect_err("too long").to_string().contains("bytes"));
    let wide = format!(r#"[["tool","in",[{}]]]"#, vec!["1"; 2_000].join(","));
    assert!(parse_json(&wide, now()).expect_err("too wide").to_string().contains("too many values"));
}
