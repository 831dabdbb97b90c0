//! What a person does at a browser, and what they see.

use serde_json::Value;
use thirtyfour::prelude::*;
use thirtyfour::stringmatch::StringMatch;

use crate::browser::Browser;

/// The most stops of the tab key on a page.
const MOST_STOPS: usize = 200;

impl Browser {
    /// Opens a site without a session and signs in by the form.
    pub async fn signs_in(&self, site: &str, token: &str) {
        self.open(site).await;
        assert!(self.address().await.starts_with("/sign-in"), "asked for a token: {}", self.address().await);
        self.enters(token).await;
        self.one("nav[aria-label=Main] a").await;
    }

    /// Gives the form of the sign-in a token.
    pub async fn enters(&self, token: &str) {
        self.types("input[name=token]", token).await;
        self.leaves_by("main button[type=submit]").await;
    }

    /// Follows the link with this text to another page.
    pub async fn follows(&self, text: &str) {
        let link = self.page().query(By::LinkText(text)).first().await;
        leave(&link.unwrap_or_else(|error| panic!("no link {text}: {error}"))).await;
    }

    /// Clicks a link to another page, and waits until this one is left.
    pub async fn leaves_by(&self, selector: &str) {
        leave(&self.one(selector).await).await;
    }

    /// Clicks at something.
    pub async fn clicks(&self, selector: &str) {
        self.one(selector).await.click().await.expect("clicked");
    }

    /// Types into an input, over what is there.
    pub async fn types(&self, selector: &str, text: &str) {
        let input = self.one(selector).await;
        input.clear().await.expect("cleared");
        input.send_keys(text).await.expect("typed");
    }

    /// Presses keys wherever the focus is. The browser decides where that is: a dialog that has just closed may still hold
    /// the focus for a frame.
    pub async fn presses(&self, keys: &str) {
        self.page().action_chain().send_keys(keys).perform().await.expect("typed");
    }

    /// Presses Enter or Escape there.
    pub async fn hits(&self, key: Key) {
        let focused = self.page().active_element().await.expect("something that has the focus");
        focused.send_keys(key + "").await.expect("typed");
    }

    /// Presses the tab key until an element that fits has the focus.
    pub async fn tabs_to(&self, selector: &str) {
        let has_focus = format!("return document.activeElement.matches({})", Value::from(selector));
        for _ in 0..MOST_STOPS {
            self.page().action_chain().send_keys(Key::Tab + "").perform().await.expect("pressed");
            if self.runs(&has_focus).await == true {
                return;
            }
        }
        panic!("the tab key does not reach {selector}");
    }

    /// Runs a script on the page, as the browser itself would.
    pub async fn runs(&self, script: &str) -> Value {
        self.page().execute(script, Vec::new()).await.expect("an answer").json().clone()
    }

    /// The path and query that are open.
    pub async fn address(&self) -> String {
        let url = self.page().current_url().await.expect("an address");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The text of the first element that fits, with single spaces.
    pub async fn reads(&self, selector: &str) -> String {
        let text = self.one(selector).await.text().await.expect("a text");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until the text of an element has this in it.
    pub async fn sees(&self, selector: &str, text: &str) {
        // A script may replace an element between finding and reading it; that is no answer yet.
        for tries_left in (0..MOST_STOPS).rev() {
            let found = self.page().query(By::Css(selector)).with_text(StringMatch::new(text).partial());
            match found.first().await {
                Ok(_) => return,
                Err(error) if tries_left > 0 && error.to_string().contains("stale element") => {}
                Err(error) => panic!("no {selector} with {text}: {error}\n{}", self.text().await),
            }
        }
    }

    /// Whether the page is no wider than the window.
    pub async fn fits(&self) -> bool {
        self.runs("return document.documentElement.scrollWidth <= document.documentElement.clientWidth").await == true
    }
}

async fn leave(element: &WebElement) {
    element.click().await.expect("clicked");
    element.wait_until().stale().await.expect("another page");
}
