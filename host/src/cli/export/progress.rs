//! How far an export is, in one line on a terminal.

use std::io::{self, IsTerminal, Write};

/// The width of the bar.
const WIDTH: u64 = 40;

/// The bar. It disappears when this is dropped.
#[derive(Default)]
pub(super) struct Progress(Option<u64>);

impl Progress {
    /// Shows the share of the log that was read, whenever the bar changes.
    pub(super) fn show(&mut self, (looked_at, all): (u64, u64)) {
        let percent = (looked_at * 100).checked_div(all).unwrap_or(100);
        if self.0 != Some(percent) && io::stderr().is_terminal() {
            self.0 = Some(percent);
            let _ = write!(io::stderr(), "\r{}", bar(percent));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.is_some() {
            let _ = write!(io::stderr(), "\r{:1$}\r", "", bar(100).chars().count());
        }
    }
}

fn bar(percent: u64) -> String {
    let filled = (percent * WIDTH / 100) as usize;
    format!("[{:1$}] {percent:3} %", "#".repeat(filled), WIDTH as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0), format!("[{}]   0 %", " ".repeat(40)));
        assert_eq!(bar(50), format!("[{}{}]  50 %", "#".repeat(20), " ".repeat(20)));
        assert_eq!(bar(100), format!("[{}] 100 %", "#".repeat(40)));
    }
}
