//! A bundle checked by three programs: the product, its page in a browser without a network, and a verifier in Python that
//! was written from the documentation. All accept a genuine bundle, and none accepts a forged one.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_audit_log_tests::{Api, Browser, Scripts, Server, assert_plain, run, token_in};

const EVENTS: &str = r#"[
    {"channel":"mcp","method":"tools/call","user":"uma","tool":"search \"äöü\" 😀","status_code":200,"duration_us":5},
    {"channel":"api","method":"GET","user":"otto","path":"/v1/pods","status_code":404},
    {"channel":"mcp","method":"tools/call","user":"uma","tool":"secret","status_code":200,"payload":{"request":{"question":"apples?"}}}
]"#;

struct World {
    server: Server,
    data: PathBuf,
    keys: Vec<String>,
    page: VerifierPage,
}

/// The page that checks bundles, as an outsider opens it from a disk.
struct VerifierPage {
    browser: Browser,
    /// How many files it was given: a browser does not look twice at the same one.
    given: Cell<u32>,
    folder: tempfile::TempDir,
}

impl VerifierPage {
    /// As a server hands it out.
    async fn of(server: &Server) -> Self {
        let sent = Api::anonymous(server.address()).get("/verify.html");
        assert!(sent.status == 200 && sent.headers.iter().any(|(_, value)| value.contains("attachment")), "{sent:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("verify.html");
        fs::write(&path, sent.text).expect("written");
        let browser = Browser::start(Scripts::On).await;
        browser.open(&format!("file://{}", path.display())).await;
        Self { browser, given: Cell::new(0), folder }
    }

    /// Its result, as an exit code of the command, and its sentence.
    async fn checked(&self, file: &Path, keys: &[String]) -> (Option<i32>, String) {
        self.given.set(self.given.get() + 1);
        let given = self.folder.path().join(format!("given-{}", self.given.get()));
        fs::copy(file, &given).expect("copied");
        let keys = serde_json::Value::from(keys.join("\n"));
        let clear = format!("document.getElementById('keys').value = {keys}; say('', '');");
        self.browser.page().execute(clear, Vec::new()).await.expect("run");
        self.browser.one("#file").await.send_keys(given.to_string_lossy()).await.expect("chosen");
        let result = self.browser.one("#result[data-code]:not([data-code=''])").await;
        let code = result.attr("data-code").await.expect("read").and_then(|code| code.parse().ok());
        (code, self.browser.text().await)
    }
}

impl World {
    /// A server that has recorded something, with payloads, and has signed it.
    async fn new() -> Self {
        let server = Server::start(&[]);
        let data = server.data();
        let admin = admin_of(&server);
        admin.set(serde_json::json!({ "log_payloads": true }));
        let sent = admin.post("/api/v1/events", EVENTS);
        assert_eq!(sent.status, 200, "{}", sent.text);
        let id = admin.entries("method=GET")[0]["id"].as_str().expect("an id").to_owned();
        // Requesting a proof makes the log sign it.
        let proof = admin.get(&format!("/api/v1/entries/{id}/proof.tlog"));
        assert!(proof.text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{}", proof.text);
        fs::write(data.join("entry.tlog-proof"), &proof.text).expect("written");
        let output = run(["key", "list", "--data", &data.to_string_lossy()]);
        let keys = String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect();
        let page = VerifierPage::of(&server).await;
        Self { server, data, keys, page }
    }

    fn admin(&self) -> Api {
        admin_of(&self.server)
    }

    fn bundle(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let (path, data) = (self.data.join(name), self.data.to_string_lossy().into_owned());
        let file = path.to_string_lossy().into_owned();
        let mut all = vec!["bundle", "--data", &data, "-o", &file];
        all.extend(arguments);
        let output = run(all);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }

    /// The exit codes of the product and of the Python verifier for this bundle, and the result of the page.
    async fn checked(&self, path: &Path) -> [Option<i32>; 3] {
        self.checked_by(path, &self.keys).await
    }

    /// The same with these keys.
    async fn checked_by(&self, path: &Path, keys: &[String]) -> [Option<i32>; 3] {
        let (ours, theirs) = checked(path, keys);
        [ours, theirs, self.page.checked(path, keys).await.0]
    }
}

fn admin_of(server: &Server) -> Api {
    Api::new(server.address(), &token_in(&server.data(), "anna", &["admin", "auditor", "service"], "laptop"))
}

fn checked(path: &Path, keys: &[String]) -> (Option<i32>, Option<i32>) {
    let file = path.to_string_lossy().into_owned();
    let mut arguments = vec!["verify", "--bundle", &file];
    keys.iter().for_each(|key| arguments.extend(["--key", key]));
    let ours = run(arguments);
    assert_plain(&String::from_utf8_lossy(&ours.stdout));
    let mut python = Command::new(program());
    python.arg(root().join("tests/verifier/verify_bundle.py")).arg(path).args(keys);
    let theirs = python.output().expect("Python");
    assert!(!String::from_utf8_lossy(&theirs.stderr).contains("Traceback"), "{theirs:?}");
    (ours.status.code(), theirs.status.code())
}

#[tokio::test]
async fn three_verifiers_accept_a_good_bundle_and_refuse_bad_ones() {
    let mut world = World::new().await;
    let hiding = world.bundle("uma", &["user:uma"]);
    let text = fs::read_to_string(&hiding).expect("a bundle");
    assert!(text.contains("secret") && !text.contains("otto") && !text.contains("apples?"), "{text}");
    assert_eq!(world.checked(&hiding).await, [Some(0); 3]);
    let told = world.page.checked(&hiding, &world.keys).await.1;
    assert!(told.contains("PROVED: entries ") && told.contains("signed on 20") && told.contains("secret"), "{told}");
    let sent = world.admin().get("/api/v1/bundle?q=user:uma");
    assert_eq!(sent.status, 200, "{}", sent.text);
    let made = fs::read_to_string(world.bundle("again", &["user:uma"])).expect("a bundle");
    assert_eq!(sent.text, made, "over HTTP it is the same, byte for byte");
    let path = world.data.join("downloaded");
    fs::write(&path, sent.text).expect("written");
    assert_eq!(world.checked(&path).await, [Some(0); 3]);
    assert!(world.server.stop().success(), "the log is free");
    let whole = world.bundle("whole", &["--payloads", "--group", "admin", "--group", "auditor"]);
    let text = fs::read_to_string(&whole).expect("a bundle");
    assert!(text.contains("apples?") && text.contains("otto"), "{text}");
    assert_eq!(world.checked(&whole).await, [Some(0); 3]);
    assert_eq!(world.checked_by(&whole, &[]).await, [Some(3); 3], "by its own keys nothing is proved");
    assert_eq!(checked(&world.data, &world.keys), (Some(2), Some(2)), "a folder cannot be read");
    for (what, forged) in forgeries(&text) {
        assert_ne!(forged, text, "{what} changes nothing");
        let path = world.data.join("forged");
        fs::write(&path, forged).expect("written");
        assert_eq!(world.checked(&path).await, [Some(1); 3], "{what}");
    }
}

/// One forgery for each part of a bundle.
fn forgeries(text: &str) -> Vec<(&'static str, String)> {
    let lines: Vec<_> = text.lines().collect();
    let without = |at: usize| {
        lines.iter().enumerate().filter(|(line, _)| *line != at).map(|(_, line)| format!("{line}\n")).collect()
    };
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(1, 2);
        lines.iter().map(|line| format!("{line}\n")).collect()
    };
    let replaced = |from: &str, to: &str| text.replacen(from, to, 1);
    vec![
        ("another user", replaced("\"user\":\"otto\"", "\"user\":\"olga\"")),
        ("a user less", replaced("\"user\":\"otto\",", "")),
        ("another number", replaced("\"status_code\":404", "\"status_code\":200")),
        ("a name that is no field", replaced("\"status_code\":404", "\"status\":404")),
        ("another time", replaced("\"recorded_at\":1", "\"recorded_at\":2")),
        ("another place", replaced("\"seq\":1,", "\"seq\":2,")),
        ("another version", replaced("\"version\":1,\"seq\":1,", "\"version\":2,\"seq\":1,")),
        ("another payload", replaced("apples?", "pears??")),
        ("another salt", replaced("\"salt\":\"", "\"salt\":\"0")),
        ("another commitment", replaced("\"payload_commitment\":\"", "\"payload_commitment\":\"0")),
        ("other details", replaced("\"details\":\"{", "\"details\":\"{ ")),
        ("another end", replaced("\"end\":", "\"end\":1")),
        ("another beginning", replaced("\"first\":0", "\"first\":1")),
        ("another frontier", replaced("\"left\":[]", "\"left\":[\"00\"]")),
        ("another size", replaced("\\n", "\\n1")),
        ("another log", replaced("\"checkpoint\":\"mcp", "\"checkpoint\":\"mcq")),
        ("a changed signature", replaced("/time ", "/time A")),
        ("no signature of the time", without_time(text)),
        ("an id in capitals", respelled(text, str::to_uppercase)),
        ("an id in braces", respelled(text, |id| format!("{{{id}}}"))),
        ("an id without hyphens", respelled(text, |id| id.replace('-', ""))),
        ("a number with an exponent", replaced("\"status_code\":404", "\"status_code\":404e0")),
        ("a number with a fraction", replaced("\"status_code\":404", "\"status_code\":404.0")),
        ("a salt in capitals", replaced("\"salt\":\"", "\"salt\":\"A")),
        ("blanks between tokens", replaced("\"seq\":1,", "\"seq\": 1,")),
        ("an escape for a letter", replaced("\"user\":\"otto\"", "\"user\":\"ott\\u006f\"")),
        (
            "fields in another order",
            replaced("\"channel\":\"api\",\"kind\":\"request\"", "\"kind\":\"request\",\"channel\":\"api\""),
        ),
        ("no signature of the log", replaced("\u{2014} mcp-audit-log/", "\u{2014} mcp-audix/")),
        ("an entry less", without(2)),
        ("no last entry", without(lines.len() - 1)),
        ("two entries the other way round", swapped),
        ("an entry more", format!("{text}{}\n", lines[lines.len() - 1])),
        ("a kind in a list", format!("{text}{{\"judgement\":[\"sealed\"],\"proof\":\"anything\"}}\n")),
        ("half a letter", format!("{text}{{\"judgement\":\"record\",\"since\":0,\"judges\":{{\"a\":\"\\ud800\"}}}}\n")),
        ("a record of nothing", format!("{text}{{\"judgement\":\"record\"}}\n")),
        ("a name that is there twice", replaced("\"user\":\"otto\"", "\"user\":\"olga\",\"user\":\"otto\"")),
        ("a cut end", text[..text.len() - 1].to_owned()),
        ("nothing", String::new()),
    ]
}

/// Without the note's line with the time of signing.
fn without_time(text: &str) -> String {
    let begin = text.match_indices("\u{2014} ").map(|(at, _)| at).find(|at| text[*at..].contains("/time "));
    let lines: Vec<_> = text.split("\\n").collect();
    let kept: Vec<_> =
        lines.iter().filter(|line| !(line.starts_with('\u{2014}') && line.contains("/time "))).copied().collect();
    assert!(begin.is_some() && kept.len() + 1 == lines.len(), "{text}");
    kept.join("\\n")
}

/// The second entry's id in another spelling.
fn respelled(text: &str, how: impl Fn(&str) -> String) -> String {
    let begin = text.find("\"id\":\"").expect("an id") + 6;
    let id = &text[begin..begin + 36];
    text.replacen(id, &how(id), 1)
}

/// The file contains the entry, so both verifiers need only the file and a key.
#[tokio::test]
async fn three_verifiers_check_a_proof_with_only_the_file_and_a_key() {
    let mut world = World::new().await;
    assert!(world.server.stop().success(), "it ends");
    let path = world.data.join("entry.tlog-proof");
    let text = fs::read_to_string(&path).expect("a proof");
    let proof = |path: &Path, keys: &[String]| -> (Option<i32>, Option<i32>, String) {
        let file = path.to_string_lossy().into_owned();
        let mut arguments = vec!["verify", "--proof", &file];
        keys.iter().for_each(|key| arguments.extend(["--key", key]));
        let ours = run(arguments);
        let said = String::from_utf8_lossy(&ours.stdout).into_owned();
        assert_plain(&said);
        let mut python = Command::new(program());
        python.arg(root().join("tests/verifier/verify_bundle.py")).arg(path).args(keys);
        let theirs = python.output().expect("Python");
        assert!(!String::from_utf8_lossy(&theirs.stderr).contains("Traceback"), "{theirs:?}");
        (ours.status.code(), theirs.status.code(), said)
    };
    let (ours, theirs, said) = proof(&path, &world.keys);
    assert_eq!((ours, theirs), (Some(0), Some(0)), "{said}");
    assert!(
        said.starts_with("PROVED") && said.contains("user  \"otto\"") && said.contains("status_code  404"),
        "{said}"
    );
    let (page, told) = world.page.checked(&path, &world.keys).await;
    assert!(page == Some(0) && told.contains("PROVED: entry ") && told.contains("otto"), "{told}");
    assert_eq!(proof(&path, &[]).0, Some(2), "nobody's word");
    assert_eq!(world.page.checked(&path, &[]).await.0, Some(2), "nor here");
    let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).expect("a line").to_owned();
    let extra = line("extra ");
    let other = if extra.ends_with("A=") || extra.ends_with("AA") { "B" } else { "A" };
    let middle = extra.len() / 2;
    let changed = format!(
        "{}{}{}",
        &extra[..middle],
        if extra[middle..].starts_with('A') { "B" } else { "A" },
        &extra[middle + 1..]
    );
    for (what, forged) in [
        ("no entry in it", text.replacen(&format!("{extra}\n"), "", 1)),
        ("another entry in it", text.replacen(&extra, &changed, 1)),
        ("a longer entry", text.replacen(&extra, &format!("{}{other}AAA", extra.trim_end_matches('=')), 1)),
        ("another place", text.replacen("\nindex ", "\nindex 1", 1)),
        (
            "no signature of the time",
            text.lines().filter(|line| !line.contains("/time ")).map(|line| format!("{line}\n")).collect(),
        ),
        ("another log", text.replacen("mcp-audit-log/", "mcp-audix/", 1)),
        ("a cut end", text[..text.len() - 1].to_owned()),
        ("nothing", String::new()),
    ] {
        assert_ne!(forged, text, "{what} changes nothing");
        let path = world.data.join("forged");
        fs::write(&path, forged).expect("written");
        let (ours, theirs, said) = proof(&path, &world.keys);
        let page = world.page.checked(&path, &world.keys).await;
        assert_eq!([ours, theirs, page.0], [Some(1); 3], "{what}: {said} {}", page.1);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn program() -> PathBuf {
    let program = root().join("target/verifier/bin/python");
    assert!(program.is_file(), "{} is missing: run tests/run first", program.display());
    program
}
