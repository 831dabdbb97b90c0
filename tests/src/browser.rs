//! Headless Chromium through its WebDriver, with an empty profile and without telemetry.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::ChromeCapabilities;
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::*;

use crate::everything::module;
use crate::helpers::eventually;
use crate::process::Process;

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// As usual.
    On,
    /// As with JavaScript switched off in the browser's settings.
    Off,
}

/// A running browser. It ends when it is dropped. The fields are dropped in this order: the driver is needed to end the
/// browser, and the profile is in use as long as either runs.
#[derive(Debug)]
pub struct Browser {
    page: WebDriver,
    session: String,
    _chromedriver: Process,
    profile: TempDir,
}

/// The rules of WCAG 2.2 AA and good practice; for each faulty element its location and the reason. Only one menu
/// can be open, so menus are checked one by one.
const AXE: &str = r#"
const done = arguments[arguments.length - 1];
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const runOnly = arguments[0] ? { type: "rule", values: arguments[0] } : { type: "tag", values: tags };
const options = { resultTypes: ["violations"], runOnly };
const told = (rule, node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`.replaceAll(/\s+/g, " ");
const look = async part => (await axe.run(part, options)).violations.flatMap(rule => rule.nodes.map(node => told(rule, node)));
(async () => {
  for (const folded of document.querySelectorAll("details:not([name])")) folded.open = true;
  const found = await look(document);
  for (const menu of document.querySelectorAll("details[name]")) {
    menu.open = true;
    found.push(...await look(menu));
    menu.open = false;
  }
  return found;
})().then(done, error => done([String(error)]));
"#;

/// How long an element may take to appear or to vanish, and the interval of polling.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(25);

/// How often the driver may fail to find a port.
const STARTS: usize = 10;

const TO_QUIT: Duration = Duration::from_secs(10);

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,1000",
];

impl Browser {
    /// Starts the browser with an empty profile.
    pub async fn start(scripts: Scripts) -> Self {
        // It looks for a port that is free in IPv6, and ends if that one is taken in IPv4.
        let start = |_| {
            let mut chromedriver = Process::start(Command::new("chromedriver").arg("--port=0"));
            let port = chromedriver.line_or_end("ChromeDriver was started successfully on port ")?;
            Some((chromedriver, port))
        };
        let (chromedriver, port) = (0..STARTS).find_map(start).expect("chromedriver starts and finds a port");
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let driver = WebDriver::new(&url, capabilities(&profile, scripts)).await;
        let driver =
            driver.unwrap_or_else(|error| panic!("chromium does not start: {error}\n{}", chromedriver.output()));
        driver.set_poller(Arc::new(ElementPollerWithTimeout::new(PATIENCE, STEP)));
        let session = format!("{url}/session/{}", driver.session_id());
        let browser = Self { page: driver, session, _chromedriver: chromedriver, profile };
        let keep = json!({ "behavior": "allow", "downloadPath": browser.downloads().to_string_lossy() });
        browser.page.cdp().send_raw("Browser.setDownloadBehavior", keep).await.expect("a folder for downloads");
        browser
    }

    /// The open page, for reading and clicking.
    pub fn page(&self) -> &WebDriver {
        &self.page
    }

    /// The text of the page as its reader sees it.
    pub async fn text(&self) -> String {
        self.one("body").await.text().await.expect("the text of the page")
    }

    /// The first element that fits the selector; waits for it.
    pub async fn one(&self, selector: &str) -> WebElement {
        let found = self.page.query(By::Css(selector)).first().await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no {selector} on the page: {error}\n{}", self.source().await),
        }
    }

    /// All elements that fit the selector at present.
    pub async fn all(&self, selector: &str) -> Vec<WebElement> {
        self.page.find_all(By::Css(selector)).await.expect("an answer of the browser")
    }

    /// Opens a URL.
    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Shows pages from now on as on a screen of this width and height in CSS pixels, in the dark or not.
    pub async fn on_a_screen(&self, width: u32, height: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let tools = self.page.cdp();
        for (command, parameters) in
            [("Emulation.setEmulatedMedia", media), ("Emulation.setDeviceMetricsOverride", screen)]
        {
            tools.send_raw(command, parameters).await.expect("a screen");
        }
    }

    /// Shows pages from now on as in this time zone.
    pub async fn in_zone(&self, zone: &str) {
        let zone = json!({ "timezoneId": zone });
        self.page.cdp().send_raw("Emulation.setTimezoneOverride", zone).await.expect("a zone");
    }

    /// Waits until a download of a file with this ending is complete, and returns its path.
    pub async fn downloaded(&self, ending: &str) -> PathBuf {
        let folder = self.downloads();
        eventually(&format!("a download of *{ending}"), || {
            let mut files = std::fs::read_dir(&folder).ok()?.filter_map(Result::ok).map(|file| file.path());
            files.find(|path| path.to_string_lossy().ends_with(ending))
        })
    }

    fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    /// The accessibility faults that axe-core finds on the open page, with everything unfolded, one per line.
    pub async fn barriers(&self) -> Vec<String> {
        self.faults(Value::Null).await
    }

    /// Those of the rules that the colours decide, which is what differs between light and dark.
    pub async fn pale_texts(&self) -> Vec<String> {
        self.faults(json!(["color-contrast", "link-in-text-block"])).await
    }

    async fn faults(&self, rules: Value) -> Vec<String> {
        if self.runs("return typeof axe").await == "undefined" {
            let axe = std::fs::read_to_string(module("axe-core/axe.min.js")).expect("axe-core");
            self.page.execute(axe, Vec::new()).await.expect("axe-core runs");
        }
        let found = self.page.execute_async(AXE, vec![rules]).await.expect("an answer of axe-core");
        let Value::Array(found) = found.json().clone() else { panic!("what is this? {}", found.json()) };
        found.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The page's source.
    pub async fn source(&self) -> String {
        self.page.source().await.unwrap_or_else(|error| error.to_string())
    }
}

/// Also when a test fails, which leaves no runtime to wait in.
impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.page.clone().leak();
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TO_QUIT)).build().into();
        if let Err(error) = agent.delete(&self.session).call() {
            eprintln!("the browser does not quit: {error}");
        }
    }
}

fn capabilities(profile: &TempDir, scripts: Scripts) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let profile = format!("--user-data-dir={}", profile.path().display());
    let switch = (scripts == Scripts::Off).then_some("--blink-settings=scriptEnabled=false");
    for flag in FLAGS.iter().copied().chain([profile.as_str()]).chain(switch) {
        capabilities.add_arg(flag).expect("a flag");
    }
    capabilities
}
