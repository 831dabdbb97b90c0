//! Masks: which texts are hidden, and which must stay, in any spelling.

use super::*;

fn own() -> Masks {
    let keys = ["PassWord".to_owned(), "api_key".to_owned()];
    let mask = Mask::new("secrets".into(), &keys, &[r"Bearer [\w.-]+".to_owned()]).expect("a mask");
    Masks::new(&floor().map(str::to_owned).collect::<Vec<_>>(), &[mask])
}

pub(super) fn the_floor() -> Masks {
    Masks::new(&[], &[])
}

fn masked(body: &str) -> (String, bool) {
    own().body(&[0], body.as_bytes())
}

/// Examples from operators, and similar ones: the secret is always the same word.
pub(super) const SECRETS: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY=hunter2SECRET",
    "SECRET_KEY=hunter2SECRET",
    "STRIPE_KEY=hunter2SECRET",
    "export STRIPE_KEY=\"hunter2SECRET\"",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2SECRET;EndpointSuffix=core.windows.net",
    "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=hunter2SECRET",
    "Cookie: sid=hunter2SECRET",
    "Set-Cookie: session=hunter2SECRET; Path=/",
    "curl -u joe:hunter2SECRET https://x.example",
    "curl -s --user 'joe:hunter2SECRET' https://x.example",
    "https://a.blob.core.windows.net/c?sv=2024&sig=hunter2SECRET",
    "https://s3.example/x?X-Amz-Signature=hunter2SECRET&X-Amz-Date=1",
    "https://x.example/cb?access_token=hunter2SECRET#x",
    "DB_PASS=hunter2SECRET",
    "DB_PASS: hunter2SECRET",
    "smtpPass = 'hunter2SECRET'",
    "mysql --password=hunter2SECRET -h x",
    "mysql --password hunter2SECRET -h x",
    "tool --client-secret \"hunter2SECRET\"",
    "password: hunter2SECRET",
    "Password: hunter2SECRET",
    "**Password:** hunter2SECRET",
    "`password`: `hunter2SECRET`",
    "password:\n  hunter2SECRET",
    "password := \"hunter2SECRET\"",
    "'password' => 'hunter2SECRET'",
    "config[\"password\"] = \"hunter2SECRET\"",
    "if password == \"hunter2SECRET\":",
    "API key: hunter2SECRET",
    "private_key_passphrase=hunter2SECRET",
    "Server=x;User Id=u;Password=hunter2SECRET;",
    "Server=x;Uid=u;Pwd=hunter2SECRET;",
    "the password is hunter2SECRET, keep it",
    "my password is \"hunter2SECRET\"",
    "X-Api-Key: hunter2SECRET",
    "Authorization: Custom hunter2SECRET",
    "authorization: Bearer hunter2SECRET",
    "Bearer hunter2SECRET",
    "<password>hunter2SECRET</password>",
    "<ns:apiKey a=\"b\">hunter2SECRET</ns:apiKey>",
    "<password><![CDATA[hunter2SECRET]]></password>",
    "postgres://joe:hunter2SECRET@db/x",
    "pin=hunter2SECRET",
    "sk-hunter2SECREThunter2SECRET",
    "session_id=hunter2SECRET",
    "spring.datasource.password=hunter2SECRET",
    "passwords=hunter2SECRET",
    "dbpwd=hunter2SECRET",
    "to\u{212a}en=hunter2SECRET",
    "subscription_key=hunter2SECRET",
    "gh: ghp_hunter2SECREThunter2SECREThunter2SECRET",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2SECRET",
    "\"password\": \"hunter2SECRET",
    "{\"x\":1e999,\"STRIPE_KEY\":\"hunter2SECRET\"}",
    "{\"x\":1e999,\"headers\":[{\"name\":\"Cookie\",\"value\":\"hunter2SECRET\"}]}",
];

/// Texts without secrets, from prose, code, logs and schemas.
const STAY: &[&str] = &[
    "The tokenizer splits words into tokens: 512 of them.",
    "max_tokens=4096 temperature=0.2",
    "\"max_tokens\": 4096, \"usage\": {\"input_tokens\": 12, cut o",
    "Cookies: we use three of them. Cookie: chocolate.",
    "pass: 12, fail: 3, skip: 1",
    "pass=12 fail=3",
    "PIN: enter it on the device",
    "credentials: see the handbook",
    "class Login { password: string; token?: string }",
    "fn login(password: &str, token: String)",
    "use crate::token::Kind; std::secret::x",
    "secret://vault/item",
    "PRIMARY_KEY=id SORT_KEY=name PUBLIC_KEY=open",
    "key: value, keyboard=qwerty, monkey=1, hotkey: ctrl",
    "docker run -u 1000:1000 image",
    "curl -X POST https://x.example/a:b",
    "the password is required",
    "the password is at least ten characters long",
    "compass=north bypass: yes trespass=no",
    "SharedAccessKeyName=n",
    "signature: fn add(a: int, b: int)",
    "https://x.example/a?code=404&state=x",
    "a basic introduction to the tools, and the bearer of news",
    "risk-management-of-large-software-projects",
    "git commit --no-password prompt",
    "INSIDE=1 considered=2 sidebar: left",
    "see https://x.example/@user and mail joe@x.example",
    "if token == expected:",
    "progressToken=7",
    "TOKEN_FILE=/run/x passwordless=true",
];

#[test]
fn the_floor_hides_every_secret_of_the_list() {
    let masks = the_floor();
    for secret in SECRETS {
        for text in [(*secret).to_owned(), format!("first line\n{secret}"), format!("{secret}\nlast: line")] {
            let nested = serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string();
            let twice = serde_json::json!({ "t": nested }).to_string();
            let cut = nested.trim_end_matches(['}', ']']).to_owned();
            for body in [&text, &nested, &twice, &cut] {
                let (shown, hidden) = masks.body(&[], body.as_bytes());
                assert!(hidden && !shown.contains("hunter2SECRET"), "{body}\nbecame\n{shown}");
            }
        }
    }
}

#[test]
fn texts_without_secrets_are_unchanged() {
    let masks = the_floor();
    for text in STAY {
        let nested = serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string();
        for body in [(*text).to_owned(), nested] {
            assert_eq!(masks.body(&[], body.as_bytes()), (body.clone(), false));
        }
    }
}

#[test]
fn the_same_names_are_hidden_as_keys_and_in_texts() {
    let masks = the_floor();
    for name in [
        "password",
        "DB_PASS",
        "smtpPass",
        "STRIPE_KEY",
        "AccountKey",
        "SharedAccessKey",
        "sid",
        "sig",
        "cookie",
        "jwt",
        "X-Api-Key",
        "access_token2",
        "client_secret",
        "credentials",
        "session-id",
        "Pwd",
        "code_verifier",
        "secrets",
    ] {
        let key = serde_json::json!({ name: "value-7" }).to_string();
        for body in [key, format!("{name}=value-7"), format!("\"{name}\": \"value-7\"")] {
            let (shown, hidden) = masks.body(&[], body.as_bytes());
            assert!(hidden && !shown.contains("value-7") && shown.contains(name), "{body} became {shown}");
        }
        assert!(masks.hides(name, false) && masks.hides(&format!("a.{name}.b"), false), "{name}");
    }
    for name in ["shipping", "model", "bypass", "public_key", "token_name", "inside", "primary_key", "progressToken"] {
        let key = serde_json::json!({ name: "value-7" }).to_string();
        assert!(!masks.body(&[], key.as_bytes()).1 && !masks.hides(name, false), "{name}");
    }
    assert!(masks.hides("pin", true) && !masks.hides("tokens", true) && !masks.hides("pass", true));
}

#[test]
fn a_star_lets_a_short_key_hide_longer_ones() {
    let hides = |key: &str, name: &str| {
        let mask = Mask::new("m".into(), &[key.to_owned()], &[]).expect("a mask");
        Masks::new(&[], &[mask]).body(&[0], format!(r#"{{"{name}":"x-1"}}"#).as_bytes()).1
    };
    for (key, name, expected) in [
        ("iban", "iban", true),
        ("iban", "customer_iban", false),
        ("*iban", "customer_iban", true),
        ("*IBAN", "customerIban2", true),
        ("*iban", "iban_of", false),
        ("-iban", "customer_iban", false),
    ] {
        assert_eq!(hides(key, name), expected, "{key} for {name}");
    }
}

#[test]
fn every_pattern_of_the_floor_compiles() {
    for mask in FLOOR.iter() {
        let listed = patterns::LISTS.iter().find(|(name, _)| *name == mask.name).map_or(0, |(_, looks)| looks.len());
        assert_eq!((mask.looks.len(), mask.keys.is_empty()), (listed, false), "{}", mask.name);
    }
    assert_eq!(floor().collect::<Vec<_>>(), ["passwords", "tokens", "keys"]);
}

#[test]
fn only_the_operator_turns_a_mask_of_the_floor_off() {
    let off = Masks::new(&["passwords".to_owned()], &[]);
    let body = br#"{"password":"a-b","token":"c-d"}"#;
    assert_eq!(off.body(&[], body).0, r#"{"password":"a-b","token":"[masked]"}"#);
    assert_eq!(the_floor().body(&[], body).0, r#"{"password":"[masked]","token":"[masked]"}"#);
}

#[test]
fn hides_values_by_key_at_any_depth_and_spelling() {
    for body in [
        r#"{"password":"s3cret"}"#,
        r#"{"a":[{"PassWord":{"deep":"s3cret"}}]}"#,
        r#"{"API-Key":"s3cret"}"#,
        r#"{"stripe_api_key":"s3cret"}"#,
        r#"{"apiKey":["s3cret"]}"#,
        r#"{"note":"Authorization: Bearer s3cret"}"#,
        "Bearer s3cret",
        r#"{"password" : "s3cret","x":"cut o"#,
        r#"{"password":"s3cr\"s3cret","x":"cut o"#,
        r#"{"api_key":"s3cret"#,
        r#"{"x":"cut","password":{"deep":"s3cret"#,
        "data: {\"password\": \"s3cret\"}\n\n",
        r#"{"text":"{\"password\": \"two words, s3cret\"}"}"#,
        r#"{"t":"{\"t\":\"{\\\"password\\\": \\\"s3cret\\\"}\"}"}"#,
        r#"{"text":"{\"password\": \"s3cret\", cut o"#,
        r#"{"t":"{\"t\":\"{\\\"api_key\\\": \\\"s3cret\\\", cut o"#,
        r#"{"pass\u0077ord":"s3cret","x":"cut o"#,
        r#"{"name":"API-Key","value":"s3cret"}"#,
        r#"["--password","s3cret"]"#,
        r#"{"password2":"s3cret"}"#,
        r#"{"Bearer s3cret":1}"#,
        // Not JSON for this library, but JSON for others.
        r#"{"x":1e999,"headers":[{"name":"API-Key","value":"s3cret"}]}"#,
        r#"{"x":"\ud800","headers":[{"value":"s3cret","name":"password"}]}"#,
        r#"{"x":1e999,"argv":["--password","s3cret"]}"#,
        r#"{"x":1e999,"argv":["a", "--api-key" , "s3cret" , "b"]}"#,
        r#"{"argv":["--password","s3cret, cut o"#,
        r#"{"headers":[{"name":"api-key","value":"s3cret, cut o"#,
    ] {
        for (text, hidden) in [masked(body), the_floor().body(&[], body.as_bytes())] {
            assert!(hidden && !text.contains("s3cret"), "{body} became {text}");
        }
    }
    let deep = format!("{}{}{}", "[".repeat(500), r#"{"name":"password","value":"s3cret"}"#, "]".repeat(500));
    assert!(!masked(&deep).0.contains("s3cret"));
}

#[test]
fn other_values_are_unchanged() {
    assert_eq!(masked(r#"{"user":"anna","n":1}"#), (r#"{"user":"anna","n":1}"#.to_owned(), false));
    assert!(!the_floor().body(&[], br#"{"_meta":{"progressToken":7}}"#).1);
    assert_eq!(masked("a: b, c: \"d\""), ("a: b, c: \"d\"".to_owned(), false));
    assert_eq!(own().body(&[0], b"\xff").0, "\u{fffd}");
}

#[test]
fn an_invalid_mask_is_refused() {
    let refusal =
        |keys: &[String], patterns: &[String]| Mask::new("bad".into(), keys, patterns).map(drop).expect_err("refused");
    for (pattern, reason) in [
        ("(", "unclosed group"),
        ("", "matches an empty text"),
        ("x*", "matches an empty text"),
        (r"\b", "matches an empty text"),
        ("(?m)^", "matches an empty text"),
        ("a|", "matches an empty text"),
        (r"\w{5000}", "larger than"),
        (&"a".repeat(5_000), "bytes; at most 4096 are allowed"),
    ] {
        let refusal = refusal(&[], &[pattern.to_owned()]);
        assert!(refusal.contains("mask \"bad\"") && refusal.contains(reason), "{refusal}");
    }
    assert!(refusal(&vec!["x".to_owned(); 501], &[]).contains("501 keys"));
    assert!(refusal(&[], &vec!["x".to_owned(); 65]).contains("65 patterns"));
    for key in ["", "__", &"k".repeat(129)] {
        assert!(refusal(&[key.to_owned()], &[]).contains("a key has 1 to 128 bytes, but one has"), "{key}");
    }
}

/// Each pattern alone would turn one letter into eight; applied one after another they would produce 8^64.
#[test]
fn many_patterns_do_not_make_a_text_grow() {
    let patterns = vec![r"[a-z\[]".to_owned(); 64];
    let mask = Mask::new("all".into(), &[], &patterns).expect("a mask");
    let masks = Masks::new(&[], &[mask]);
    assert_eq!(masks.body(&[0], "abc DEF ghi".as_bytes()).0, "[masked] DEF [masked]");
    let text = "a ".repeat(10_000);
    assert!(masks.body(&[0], text.as_bytes()).0.len() <= text.len() * 5);
}
