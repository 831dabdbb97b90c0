//! The wrapper in the files of clients, put in and taken out by the command, and started by the official client as the
//! file then says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use mcp_audit_log_tests::{Everything, Server, product, script, text};
use serde_json::Value;

/// A user's folders with the files of four clients.
struct Home(tempfile::TempDir);

/// The files, with their indentation, as each client writes them.
const FILES: [(&str, &str); 5] = [
    (
        ".config/Claude/claude_desktop_config.json",
        "{\n  \"globalShortcut\": \"\",\n  \"mcpServers\": {\n    \"everything\": {\n      \"command\": \"node\",\n      \
         \"args\": [\n        \"PROGRAM\"\n      ]\n    }\n  }\n}",
    ),
    (
        ".claude.json",
        "{\n  \"numStartups\": 7,\n  \"projects\": {\n    \"/srv/shop\": {\n      \"allowedTools\": [],\n      \
         \"mcpServers\": {\n        \"db\": {\n          \"type\": \"stdio\",\n          \"command\": \"db-server\",\n          \
         \"args\": [],\n          \"env\": {\"KEY\": \"hunter2\"}\n        }\n      }\n    }\n  },\n  \"mcpServers\": {\n    \
         \"remote\": {\n      \"type\": \"http\",\n      \"url\": \"https://a.example/mcp?key=hunter2\"\n    }\n  }\n}\n",
    ),
    (".cursor/mcp.json", "{\"mcpServers\": {\"bare\": {\"command\": \"bare-server\"}}}\n"),
    (
        ".config/Code/User/mcp.json",
        "{\n\t// The servers of this user.\n\t\"servers\": {\n\t\t\"files\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \
         \"npx\",\n\t\t\t\"args\": [\"-y\", \"some-server\", \"${workspaceFolder}\",], // all\n\t\t},\n\t},\n\t\"inputs\": \
         [],\n}\n",
    ),
    (".config/Code/User/settings.json", "{\n    \"editor.fontSize\": 14, // large\n}\n"),
];

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(home.path("project")).expect("made");
        let program = Everything::program();
        for (path, text) in FILES {
            let path = home.path(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, text.replace("PROGRAM", &program.to_string_lossy())).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        }
        home
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn texts(&self) -> Vec<String> {
        FILES.iter().map(|(path, _)| fs::read_to_string(self.path(path)).expect("text")).collect()
    }

    fn wrap(&self, arguments: &[&str]) -> Output {
        let mut command = product(["wrap"]);
        command
            .args(arguments)
            .env("HOME", self.0.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("CLAUDE_CONFIG_DIR");
        command.current_dir(self.path("project")).output().expect("it runs")
    }
}

/// What it printed, and that it ended well.
fn said(output: &Output) -> String {
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complaint}");
    assert!(!said.contains("hunter2"), "{said}");
    said.into_owned()
}

/// The command of a server in a file without comments.
fn command(path: &Path, pointer: &str) -> Vec<String> {
    let file: Value = serde_json::from_str(&fs::read_to_string(path).expect("text")).expect("JSON");
    let server = file.pointer(pointer).expect("a server");
    let args = server["args"].as_array().expect("arguments").iter().map(|word| word.as_str().expect("text").to_owned());
    [server["command"].as_str().expect("a command").to_owned()].into_iter().chain(args).collect()
}

#[test]
fn a_wrapped_client_works_as_before_and_its_calls_are_in_the_log() {
    let (home, server) = (Home::new(), Server::start(&[]));
    let before = home.texts();
    fs::write(home.path("token"), server.token("umas-laptop", "service")).expect("written");
    let options = ["--to", server.address(), "--token-file", "../token", "--user", "ursula"];

    let dry = said(&home.wrap(&options));
    for line in [
        "~/.config/Claude/claude_desktop_config.json (claude-desktop)\n  everything: would be wrapped\n",
        "~/.claude.json (claude-code)\n",
        "  remote: left alone: it is remote; put the proxy in front of it",
        "  db: would be wrapped\n",
        "~/.cursor/mcp.json (cursor)\n  bare: would be wrapped\n",
        "~/.config/Code/User/mcp.json (vscode)\n  files: would be wrapped\n",
        "Nothing was written. Add --write to change 4 files.",
    ] {
        assert!(dry.contains(line), "no {line:?} in\n{dry}");
    }
    assert!(!dry.contains("settings.json"), "{dry}");
    assert_eq!(home.texts(), before, "a dry run writes nothing");

    let written = said(&home.wrap(&[&options[..], &["--write"]].concat()));
    assert!(written.contains("4 files changed. Restart the clients") && written.contains("  everything: wrapped\n"));
    let copies: Vec<_> =
        written.lines().filter_map(|line| line.trim().strip_prefix("Written. What was there is in ")).collect();
    for (copy, text) in copies.iter().zip(&before) {
        assert_eq!(&fs::read_to_string(copy.trim_end_matches('.')).expect("a copy"), text);
    }
    assert_eq!(copies.len(), 4, "{written}");
    for (path, _) in FILES {
        assert_eq!(fs::metadata(home.path(path)).expect("a file").permissions().mode() & 0o777, 0o600, "{path}");
    }
    let wrapped = home.texts();
    let again = said(&home.wrap(&[&options[..], &["--write"]].concat()));
    assert!(
        again.contains("everything: left alone: it is wrapped already") && again.contains("Nothing is to be changed.")
    );
    assert_eq!(home.texts(), wrapped);
    assert!(wrapped[3].contains("// The servers of this user.") && wrapped[3].contains(",], // all"), "{}", wrapped[3]);

    // As the client starts it, without anything of this test in its environment.
    let desktop = command(&home.path(FILES[0].0), "/mcpServers/everything");
    let program = Everything::program();
    let direct = script(["--stdio", "--", "node", &program.to_string_lossy()]);
    let through = script(["--stdio", "--"].into_iter().chain(desktop.iter().map(String::as_str)));
    assert_eq!(direct, through);
    let entries = server.api("admin").entries("server=everything&method=tools/call&limit=50");
    assert!(entries.len() > 3, "{entries:#?}");
    for entry in &entries {
        assert_eq!((text(entry, "user"), text(entry, "connection")), ("ursula", "claude-desktop"));
    }

    let removed = said(&home.wrap(&["--remove", "--write"]));
    assert!(removed.contains("files: unwrapped") && removed.contains("4 files changed."), "{removed}");
    assert_eq!(home.texts(), before, "each byte is as it was");
    assert!(said(&home.wrap(&["--remove"])).contains("everything: left alone: it is not wrapped"));
}

#[test]
fn one_server_of_one_file_gets_a_folder_of_its_own() {
    let home = Home::new();
    let file = home.path("other.json");
    let before = r#"{"mcpServers": {"-a/b": {"command": "sh", "args": ["-c", "read x"]}, "c": {"command": "x"}}}"#;
    fs::write(&file, before).expect("written");
    let link = home.path("link.json");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let arguments = ["--file", "../link.json", "--server=-a/b", "--data", "logs", "--write"];
    assert!(said(&home.wrap(&arguments)).contains("1 file changed."));
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    let words = command(&file, "/mcpServers/-a~1b");
    let folder = home.path("project/logs/other--a%2fb");
    let expected = [&format!("--data={}", folder.display()), "--server=-a/b", "--", "sh", "-c", "read x"];
    assert_eq!(words[2..], expected);
    let ended = std::process::Command::new(&words[0]).args(&words[1..]).stdin(std::process::Stdio::null()).status();
    assert_eq!(ended.expect("it runs").code(), Some(1), "as `read` without a line");
    assert!(folder.join("audit.db").is_file() || fs::read_dir(&folder).expect("a folder").count() > 2);
    said(&home.wrap(&["--file", "../link.json", "--remove", "--write"]));
    assert_eq!(fs::read_to_string(&file).expect("text"), before);
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let home = Home::new();
    let before = home.texts();
    fs::write(home.path("token"), "mcpa_x").expect("written");
    fs::write(home.path("broken.json"), "{\"mcpServers\": {\n\"a\": }").expect("written");
    fs::write(home.path("none.json"), "{}").expect("written");
    let to = ["--to", "https://log.example", "--token-file", "../token", "--write"];
    for (arguments, reason) in [
        (&["--write"][..], "say where the entries go"),
        (&["--to", "https://log.example"], "--token-file"),
        (&["--to", "https://log.example", "--token-file", "../nothing"], "../nothing cannot be read"),
        (&["--to", "https://log.example", "--data", "x", "--token-file", "../token"], "cannot be used with"),
        (&[&to[..], &["--file", "../broken.json"]].concat(), "left alone: line 2: a value is missing"),
        (&[&to[..], &["--file", "../none.json"]].concat(), "it has no mcpServers and no servers"),
        (&[&to[..], &["--file", "../absent.json"]].concat(), "there is no such file"),
        (&[&to[..], &["--server", "nowhere"]].concat(), "no file has a server called \"nowhere\""),
    ] {
        let output = home.wrap(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains(reason), "{arguments:?}: {complaint}");
    }
    assert_eq!(home.texts(), before);
    let empty = Home(tempfile::tempdir().expect("a folder"));
    fs::create_dir(empty.path("project")).expect("made");
    let output = empty.wrap(&["--data", "logs"]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("no client has a configuration here") && complaint.contains("~/.cursor/mcp.json"));
}
