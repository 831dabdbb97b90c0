//! Headless Chromium through its WebDriver, with an empty profile and nothing to say to its maker.

use std::process::Command;

use tempfile::TempDir;
use thirtyfour::ChromeCapabilities;
use thirtyfour::prelude::*;

use crate::process::Process;

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// As usual.
    On,
    /// As with JavaScript switched off in the browser's settings.
    Off,
}

/// A running browser. It ends when it is dropped, after [`Browser::quit`] or without it.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    chromedriver: Process,
    profile: TempDir,
}

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
        let mut chromedriver = Process::start(Command::new("chromedriver").arg("--port=0"));
        let port = chromedriver.line_after("ChromeDriver was started successfully on port ");
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let driver = WebDriver::new(&url, capabilities(&profile, scripts)).await;
        let driver =
            driver.unwrap_or_else(|error| panic!("chromium does not start: {error}\n{}", chromedriver.output()));
        Self { driver, chromedriver, profile }
    }

    /// The page that is open, for looking and clicking.
    pub fn page(&self) -> &WebDriver {
        &self.driver
    }

    /// The text of the page as its reader sees it.
    pub async fn text(&self) -> String {
        self.one("body").await.text().await.expect("the text of the page")
    }

    /// The first element that fits the selector; waits for it.
    pub async fn one(&self, selector: &str) -> WebElement {
        let found = self.driver.query(By::Css(selector)).first().await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no {selector} on the page: {error}\n{}", self.source().await),
        }
    }

    /// All elements that fit the selector at present.
    pub async fn all(&self, selector: &str) -> Vec<WebElement> {
        self.driver.find_all(By::Css(selector)).await.expect("an answer of the browser")
    }

    /// Opens a URL.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The page's source.
    pub async fn source(&self) -> String {
        self.driver.source().await.unwrap_or_else(|error| error.to_string())
    }

    /// Closes the browser.
    pub async fn quit(self) {
        let Self { driver, chromedriver, profile } = self;
        driver.quit().await.expect("the browser quits");
        // The profile is in use until the driver has ended.
        drop(chromedriver);
        drop(profile);
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
