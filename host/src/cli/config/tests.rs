//! The documented file has every option; a mistake is reported with its position and the remedy.

use serde_json::Value as Json;

use super::*;

const DOCUMENTED: &str = include_str!("../../../../docs/mcp-audit-log.toml");

/// The documented file with every option in force: their lines begin with `#` and no blank.
fn everything_in_force() -> String {
    let in_force = |line: &'static str| match line.strip_prefix('#') {
        Some(option) if option.starts_with(|first: char| first.is_alphabetic() || "[\"".contains(first)) => option,
        _ => line,
    };
    DOCUMENTED.lines().map(in_force).collect::<Vec<_>>().join("\n")
}

/// Every option that is not set, by its path.
fn unset(path: &str, json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Null => found.push(path.to_owned()),
        Json::Object(fields) => fields.iter().for_each(|(name, value)| unset(&format!("{path}.{name}"), value, found)),
        Json::Array(items) => items.iter().for_each(|item| unset(path, item, found)),
        _ => {}
    }
}

#[test]
fn the_documented_file_has_the_defaults() {
    let config = Config::read(DOCUMENTED).expect("it is read");
    let mut set = serde_json::to_value(&config).expect("JSON");
    let without = serde_json::to_value(Config::default()).expect("JSON");
    // Tables with nothing in them.
    for table in ["queue", "checkpoints", "sign_in", "groups", "proxy", "cors"] {
        set[table] = Json::Null;
    }
    assert_eq!(set, without);
    assert_eq!(config.queue(), QueueLimits::default());
}

#[test]
fn every_option_is_documented() {
    let config = Config::read(&everything_in_force()).expect("it is read");
    let mut missing = Vec::new();
    unset("", &serde_json::to_value(&config).expect("JSON"), &mut missing);
    assert!(missing.is_empty(), "docs/mcp-audit-log.toml has nothing about {missing:?}");
    assert_eq!(config.queue(), QueueLimits::default(), "the file shows the defaults");
}

#[test]
fn mistakes_name_line_key_and_remedy() {
    for (text, expected) in [
        ("lisen = \"127.0.0.1:1\"", "line 1: lisen: unknown option \"lisen\"; did you mean listen?"),
        ("\n[sign_in]\nopne = true", "line 3: sign_in.opne: unknown option \"opne\"; did you mean open?"),
        ("[sign_in.jwt]\nfoo = 1", "line 2: sign_in.jwt.foo: unknown option \"foo\"; known options: issuer, audiences"),
        ("listen = \"8700\"", "line 1: listen: \"8700\" is not an address; write one such as 127.0.0.1:8700"),
        (
            "trusted_proxies = [\n\"10.0.0.0/8\",\n\"proxy\"]",
            "line 1: trusted_proxies: \"proxy\" is not an address or a network",
        ),
        ("https = \"yes\"", "line 1: https: invalid type: string \"yes\", expected a boolean"),
        ("masks_off = [\"pins\"]", "line 1: masks_off: unknown mask \"pins\"; known masks: passwords, tokens, keys"),
        ("[queue]\nitems = 0", "line 2: queue.items: invalid value: integer `0`, expected a nonzero"),
        (
            "[[upstreams]]\nname = \"a\"\nurl = \"http://h/\"\n\n[[upstreams]]\nname = \"Big\"\nurl = \"http://h/\"",
            "line 6: upstreams.name: \"Big\" is not a valid upstream name: use 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            "[[upstreams]]\nname = \"a\"\nurl = \"http://h/\"\n[[upstreams]]\nname = \"b\"\nurl = \"ftp://h/\"",
            "line 6: upstreams.url: \"ftp://h/\" must begin with http:// or https:// and name a host",
        ),
        (
            "[[upstreams]]\nname = \"a\"\nurl = \"http://u@h/\"",
            "line 3: upstreams.url: the URL must not contain a user or password",
        ),
        (
            "[[upstreams]]\nname = \"a\"\nurl = \"http://h/\"\nhost = \"mine\"",
            "line 4: upstreams.host: \"mine\" is not a Host policy; use upstream or client",
        ),
        ("[cors]\norigins = [\"*\"]", "line 2: cors.origins: \"*\" is not an origin; write scheme, host and port"),
        ("[proxy]\npublic_url = \"https://gw/x\"", "line 2: proxy.public_url: \"https://gw/x\" is not an origin"),
        ("[proxy]\nidle_seconds = -1", "line 2: proxy.idle_seconds: invalid value: integer `-1`, expected u32"),
        ("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", "line 2: listen: duplicate key"),
        ("data = ", "line 1: data: "),
        (
            "[[prices]]\nprovider = \"p\"\nmodel = \"m\"\ninput = -1\noutput = 2",
            "line 4: prices.input: \"-1\" is not a price: write it without a sign",
        ),
        (
            "[sign_in.header]\nuser = \"X-User\"",
            "line 1: sign_in.header: these headers are trusted from no address: add your proxy's address",
        ),
        (
            "trusted_proxies = [\"10.0.0.1\"]\n[sign_in.header]\nuser = \"Authorization\"",
            "line 2: sign_in.header: the header authorization has another meaning",
        ),
        (
            "trusted_proxies = [\"10.0.0.1\"]\n[sign_in.header]\nuser = \"X-A\"\ngroups = \"x-a\"",
            "line 2: sign_in.header: the header x-a is used twice",
        ),
        ("[queue]\nitems = 1000000000000", "line 2: queue.items: use at most 1048576 items"),
        ("[sign_in]\ntokens = false", "line 1: sign_in: no sign-in is configured: tokens are off"),
    ] {
        let mistake = Config::read(text).expect_err(text).to_string();
        assert!(mistake.contains(expected), "{text}\n{mistake}");
        assert!(mistake.ends_with("(docs/mcp-audit-log.toml explains every option)"), "{mistake}");
    }
}

#[test]
fn jwt_options_that_check_nothing_are_refused() {
    let jwt = |keys: &str, algorithms: &str, audiences: &str| {
        let text = format!(
            "[sign_in.jwt]\nissuer = \"i\"\naudiences = {audiences}\nkeys = \"{keys}\"\nalgorithms = {algorithms}"
        );
        Config::read(&text).map(drop).map_err(|mistake| mistake.to_string())
    };
    assert_eq!(jwt("https://i/jwks", "[\"ES256\"]", "[\"a\"]"), Ok(()));
    for (wrong, expected) in [
        (
            jwt("http://i/jwks", "[\"ES256\"]", "[\"a\"]"),
            "line 4: sign_in.jwt.keys: keys must come from a file or over https",
        ),
        (jwt("k", "[\"none\"]", "[\"a\"]"), "only public keys are accepted"),
        (jwt("k", "[\"HS256\"]", "[\"a\"]"), "only public keys are accepted"),
        (jwt("k", "[]", "[\"a\"]"), "line 5: sign_in.jwt.algorithms: the list is empty"),
        (jwt("k", "[\"ES256\"]", "[]"), "line 3: sign_in.jwt.audiences: the list is empty"),
        (jwt("k", "[\"ES256\"]", "[\" \"]"), "line 3: sign_in.jwt.audiences: the value is empty"),
        (
            jwt("k", "[\"ES256\"]\nleeway_seconds = 301", "[\"a\"]"),
            "line 6: sign_in.jwt.leeway_seconds: use at most 300",
        ),
    ] {
        let mistake = wrong.expect_err(expected);
        assert!(mistake.contains(expected), "{mistake}");
    }
    let missing = Config::read("[sign_in.jwt]\nissuer = \"i\"").expect_err("refused").to_string();
    assert!(missing.contains("sign_in.jwt: missing field `audiences`"), "{missing}");
}

#[test]
fn prices_come_from_the_file_in_order() {
    let prices = Config::read(&everything_in_force()).expect("it is read").prices.expect("prices");
    assert_eq!(prices.cost("anthropic", "claude-opus", 1_000_000, 1_000_000), Some(18_000_000));
    assert_eq!(prices.cost("anthropic", "other", 1, 1), None);
    let written = serde_json::to_value(&prices).expect("JSON");
    assert_eq!(serde_json::from_value::<Prices>(written).expect("it reads back"), prices);
}

#[test]
fn paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "data = \"log\"\npolicy = \"/p.wasm\"\nextend = [\"iban.wasm\"]").expect("written");
    let config = Config::load(Some(&path)).expect("it is read");
    assert_eq!(config.data, Some(folder.path().join("log")));
    assert_eq!(config.policy, Some("/p.wasm".into()));
    assert_eq!(config.extend, Some(vec![folder.path().join("iban.wasm")]));
    let missing = Config::load(Some(&folder.path().join("none.toml"))).expect_err("refused").to_string();
    assert!(missing.contains("none.toml cannot be read"), "{missing}");
}
