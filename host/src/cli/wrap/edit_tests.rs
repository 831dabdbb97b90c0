//! The wrapper in texts as clients and people write them: nothing else changes, and taking it out restores each byte.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn wrapper(name: &str) -> Option<Wrapper> {
    let arguments = ["--to", "https://log.example/ä", "--server", name].map(str::to_owned).to_vec();
    Some(Wrapper { program: r"C:\Program Files\mcp-audit-log.exe".replace('\\', "/"), arguments })
}

fn wrapped(text: &str) -> String {
    wrap(text, wrapper).expect("wrapped")
}

/// The document without its comments, which the tests write on lines of their own.
fn read(text: &str) -> Json {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(lines.join("\n").trim_start_matches('\u{feff}'))
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What a client starts.
fn command(name: &str, command: &str, args: &[&str]) -> Vec<String> {
    let own = ["stdio", "--to", "https://log.example/ä", "--server", name];
    own.iter().chain(&["--", command]).chain(args).map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_shape_is_found_and_only_commands_are_changed() {
    for (text, at) in [
        (r#"{"mcpServers": {"a": {"command": "npx", "args": ["-y", "x"]}}}"#, "/mcpServers/a"),
        (r#"{"servers": {"a": {"type": "stdio", "command": "npx", "args": ["-y", "x"]}}, "inputs": []}"#, "/servers/a"),
        (r#"{"mcp": {"servers": {"a": {"command": "npx", "args": ["-y", "x"]}}}}"#, "/mcp/servers/a"),
        (
            r#"{"projects": {"/p": {"mcpServers": {"a": {"command": "npx", "args": ["-y", "x"]}}}}}"#,
            "/projects/~1p/mcpServers/a",
        ),
    ] {
        let done = wrapped(text);
        let server = read(&done).pointer(at).expect("a server").clone();
        assert_eq!(server["command"], "C:/Program Files/mcp-audit-log.exe");
        assert_eq!(server["args"], json!(command("a", "npx", &["-y", "x"])));
        assert_eq!(servers(&done).expect("servers")[0].state, State::Wrapped);
        assert_eq!(wrapped(&done), done, "wrapped once");
        assert_eq!(unwrap(&done, |_| true).as_deref(), Ok(text));
    }
}

#[test]
fn indentation_comments_and_order_stay() {
    let text = "{\r\n\t// mine\r\n\t\"servers\": {\r\n\t\t\"a\": {\r\n\t\t\t\"env\": {\"K\": \"v\"},\r\n\t\t\t\"command\": \"n\\u0070x\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"-y\",\r\n\t\t\t\t// why\r\n\t\t\t\t\"x\",\r\n\t\t\t]\r\n\t\t},\r\n\t},\r\n}\r\n";
    let done = wrapped(text);
    assert!(
        done.contains("\r\n\t\t\t\t\"--\",\r\n\t\t\t\t\"n\\u0070x\",\r\n\t\t\t\t\"-y\",\r\n\t\t\t\t// why\r\n"),
        "{done}"
    );
    assert_eq!(unwrap(&done, |_| true).as_deref(), Ok(text));
}

#[test]
fn a_server_without_arguments_gets_a_list_and_loses_it_again() {
    for text in [
        "{\"mcpServers\": {\n  \"a\": {\n    \"command\": \"serve\"\n  }\n}}",
        r#"{"mcpServers":{"a":{"command":"serve","env":{}}}}"#,
        r#"{"mcpServers":{"a":{"command":"serve" , "args":[]}}}"#,
        "{\"mcpServers\":{\"a\":{\"args\": [ ],\"command\":\"serve\"}}}",
        "{\"mcpServers\":{\"a\":{\"args\": [\n] , \"command\":\"serve\"}}}",
    ] {
        let done = wrapped(text);
        let server = read(&done)["mcpServers"]["a"].clone();
        let args: Vec<_> = server["args"].as_array().expect("a list").iter().filter_map(Json::as_str).collect();
        assert_eq!((args.first(), args.last()), (Some(&"stdio"), Some(&"serve")), "{done}");
        assert_eq!(unwrap(&done, |_| true).as_deref(), Ok(text), "{done}");
    }
}

#[test]
fn other_servers_are_left_alone() {
    let text = json!({ "mcpServers": {
        "remote": { "type": "http", "url": "https://a.example/mcp" },
        "windsurf": { "serverUrl": "https://a.example/mcp" },
        "own": { "command": "/usr/bin/mcp-audit-log", "args": ["mcp", "--data", "x"] },
        "odd": { "command": 7 }, "list": { "command": "x", "args": "-y" }, "none": {}, "empty": { "command": "" },
        "by-hand": { "command": "mcp-audit-log", "args": ["stdio", "--data", "d", "--", "npx", "x"] },
    } })
    .to_string();
    let states: Vec<_> = servers(&text).expect("servers").iter().map(|server| server.state).collect();
    use State::{Own, Remote, Unknown, Wrapped};
    assert_eq!(states, [Remote, Remote, Own, Unknown, Unknown, Unknown, Unknown, Wrapped]);
    assert_eq!(wrapped(&text), text);
    let out = read(&unwrap(&text, |_| true).expect("read"));
    assert_eq!(out["mcpServers"]["by-hand"], json!({ "command": "npx", "args": ["x"] }));
    let twice = r#"{"mcpServers": {"a": {"command": "x", "command": "y"}}}"#;
    assert_eq!(servers(twice).expect("servers")[0].state, Unknown, "readers differ in which they take");
    assert!(servers("{\"a\": 1}").is_err_and(|error| error.contains("no mcpServers")));
}

#[test]
fn a_text_that_was_formatted_anew_is_unwrapped_by_meaning() {
    let text = r#"{"mcpServers":{"a":{"command":"npx","args":["-y"]},"b":{"command":"serve"}}}"#;
    let pretty = serde_json::to_string_pretty(&read(&wrapped(text))).expect("JSON");
    let moved = pretty.replace("[\n", "[ // here\n");
    let out = unwrap(&moved, |_| true).expect("read").replace(" // here", "");
    let mut expected = read(text);
    assert_eq!(read(&out), expected);
    // A list that a person moved away from its command stays, empty.
    let args = read(&wrapped(text))["mcpServers"]["b"]["args"].clone();
    let apart = json!({ "mcpServers": { "b": { "args": args, "command": "/bin/mcp-audit-log" } } }).to_string();
    expected = json!({ "mcpServers": { "b": { "args": [], "command": "serve" } } });
    assert_eq!(read(&unwrap(&apart, |_| true).expect("read")), expected);
}

/// Blanks with and without comments.
fn blank() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        4 => Just(" ".to_owned()),
        3 => "(\n|\r\n)( {0,8}|\t{0,3})",
        1 => "[ \t\r\n]{1,6}",
        1 => "[ \n]{0,2}// [a-z\"{\\[ ]{0,6}\n[ ]{0,4}",
        1 => "[ ]{0,2}/\\* [a-z\"},]{0,6} \\*/[ \n]{0,2}",
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| Json::from(text).to_string()),
        "\"(-y|--|stdio|npx|\\\\u00e9|\\\\/|[a-z@/.-]{1,8})\"",
    ]
}

/// A list with blanks everywhere and, at times, a comma at its end.
fn list(open: char, close: char, item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let items = proptest::collection::vec((blank(), item, blank()), 0..4);
    (items, blank(), any::<bool>()).prop_map(move |(items, end, comma)| {
        let comma = if comma && !items.is_empty() { "," } else { "" };
        let items: Vec<_> = items.into_iter().map(|(before, item, after)| format!("{before}{item}{after}")).collect();
        format!("{open}{}{comma}{end}{close}", items.join(","))
    })
}

fn member(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (value, blank(), blank()).prop_map(move |(value, before, after)| format!("\"{name}\"{before}:{after}{value}"))
}

fn server() -> impl Strategy<Value = String> {
    let command = member("command", word().prop_filter("a command", |word| word != "\"\""));
    let args = proptest::option::of(member("args", list('[', ']', word())));
    let others = proptest::option::of(member("env", Just("{\"A\": [1, {}]}".to_owned())));
    let members = (command, args, others).prop_map(|(command, args, env)| [Some(command), args, env]);
    members.prop_flat_map(|members| {
        let members: Vec<_> = members.into_iter().flatten().collect();
        (Just(members.clone()).prop_shuffle(), proptest::collection::vec(blank(), members.len() * 2), blank()).prop_map(
            |(members, blanks, end)| {
                let pairs = members.iter().zip(blanks.chunks(2));
                let members: Vec<_> =
                    pairs.map(|(member, blank)| format!("{}{member}{}", blank[0], blank[1])).collect();
                format!("{{{}{end}}}", members.join(","))
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_wrapped_and_unwrapped_is_the_same_bytes(a in server(), b in server(), blank in blank(), end in blank()) {
        let text = format!("{{{blank}\"x\": 1, \"mcpServers\":{blank}{{\"a\":{a},{blank}\"b\": {b}}}{end}}}{end}");
        let before = parse(&text).expect("a document");
        let states: Vec<_> = servers(&text).expect("servers").into_iter().map(|server| server.state).collect();
        let done = wrapped(&text);
        prop_assert_eq!(&wrapped(&done), &done);
        let after = parse(&done).expect("a document");
        let commands = |root: &Node| -> Vec<Vec<String>> {
            let servers = nodes(root).expect("servers").into_iter().map(|(_, node)| {
                let args = items(node).expect("a list").iter().map(|item| item.text().expect("a text").to_owned());
                [node.get("command").expect("a command").text().expect("a text").to_owned()].into_iter().chain(args).collect()
            });
            servers.collect()
        };
        for ((before, after), (state, name)) in
            commands(&before).into_iter().zip(commands(&after)).zip(states.into_iter().zip(["a", "b"]))
        {
            if state == State::Plain {
                let inner: Vec<_> = after.iter().skip(1).filter(|arg| *arg != WITHOUT_ARGS).cloned().collect();
                let args: Vec<_> = before[1..].iter().map(String::as_str).collect();
                prop_assert_eq!(inner, command(name, &before[0], &args));
            }
        }
        prop_assert_eq!(unwrap(&done, |_| true).expect("read"), text);
    }
}
