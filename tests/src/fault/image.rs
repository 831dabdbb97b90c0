//! A file system of our own: ext4 in a file, mounted over a loop device, so that it can be filled, frozen, broken and
//! cut off without harm to the machine. It needs root and loop devices.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted image. It is unmounted when it is dropped.
#[derive(Debug)]
pub struct Image {
    folder: TempDir,
}

/// What takes the room of a file system, until it is dropped.
#[derive(Debug)]
pub struct Ballast(PathBuf);

/// A frozen file system: writers wait until this is dropped.
#[derive(Debug)]
pub struct Frozen(PathBuf);

impl Image {
    /// A new file system of this many MiB. If the machine allows none, this prints the reason, and the test must end:
    /// on standard error and not by `eprintln!`, which is captured in a passing test.
    pub fn new(mebibytes: u64) -> Option<Self> {
        let made = Self::try_new(mebibytes);
        let told = |why: &String| writeln!(io::stderr(), "SKIPPED, as there is no file system to break: {why}");
        made.inspect_err(|why| drop(told(why))).ok()
    }

    fn try_new(mebibytes: u64) -> Result<Self, String> {
        let image = Self { folder: tempfile::tempdir().map_err(|error| error.to_string())? };
        let file = File::create(image.file()).and_then(|file| file.set_len(mebibytes << 20));
        file.map_err(|error| error.to_string())?;
        // No blocks reserved for root, and no lazy initialisation in the background.
        let lazy = "lazy_itable_init=0,lazy_journal_init=0";
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0", "-E", lazy]).arg(image.file()))?;
        image.mount()?;
        Ok(image)
    }

    fn mount(&self) -> Result<(), String> {
        fs::create_dir_all(self.place()).map_err(|error| error.to_string())?;
        // An error makes it read-only, as distributions have it.
        run(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(self.file()).arg(self.place()))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// A folder on it for a log.
    pub fn log(&self) -> PathBuf {
        self.place().join("log")
    }

    /// The disk at one moment, mounted elsewhere: what a power cut would leave. All writers must be stopped, so that
    /// only the kernel's own writeback has to settle.
    pub fn cut(&self) -> Self {
        let cut = Self { folder: tempfile::tempdir().expect("a folder") };
        let written = self.device_file("block", "stat");
        loop {
            let before = fs::read_to_string(&written).expect("the device's figures");
            fs::copy(self.file(), cut.file()).expect("copied");
            if is_idle(&before) && fs::read_to_string(&written).expect("the device's figures") == before {
                break;
            }
        }
        cut.mount().expect("the copy mounts");
        cut
    }

    /// Takes all the room that is left but `spare` KiB.
    pub fn fill(&self, spare: usize) -> Ballast {
        let path = self.place().join("ballast");
        let mut file = File::create(&path).expect("a file");
        while file.write_all(&[1; 1 << 16]).is_ok() {}
        while file.write_all(&[1; 1 << 10]).is_ok() {}
        file.sync_all().expect("no room is only promised");
        let length = file.metadata().expect("its size").len();
        file.set_len(length.saturating_sub((spare as u64) << 10)).expect("made room");
        file.sync_all().expect("made room");
        Ballast(path)
    }

    /// Freezes it.
    pub fn freeze(&self) -> Frozen {
        let frozen = Frozen(self.place());
        run(Command::new("fsfreeze").arg("--freeze").arg(&frozen.0)).expect("frozen");
        frozen
    }

    /// Makes it find an error in itself, so that it becomes read-only under its users.
    pub fn fail(&self) {
        fs::write(self.device_file("fs/ext4", "trigger_fs_error"), "1").expect("it fails");
    }

    /// Mounts it again after it has failed, checked and repaired, as an operator would. It must not be in use.
    pub fn repair(&self) {
        run(Command::new("umount").arg(self.place())).expect("nobody uses it");
        // 1: errors were corrected.
        let checked = Command::new("e2fsck").args(["-f", "-y"]).arg(self.file()).output().expect("checked");
        assert!(checked.status.code().is_some_and(|code| code <= 1), "{checked:?}");
        self.mount().expect("it mounts again");
    }

    /// A file of the kernel's about this device.
    fn device_file(&self, class: &str, name: &str) -> PathBuf {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let place = self.place();
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|mount| mount.get(1).is_some_and(|found| Path::new(found) == place)).expect("mounted");
        Path::new("/sys").join(class).join(mount[0].trim_start_matches("/dev/")).join(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily: a process that still has files open there ends later.
        let _ = run(Command::new("umount").arg("--lazy").arg(self.place()));
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let removed = fs::remove_file(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let thawed = run(Command::new("fsfreeze").arg("--unfreeze").arg(&self.0));
        assert!(thawed.is_ok() || std::thread::panicking(), "{thawed:?}");
    }
}

/// Whether nothing is under way, by the ninth of the device's figures.
fn is_idle(figures: &str) -> bool {
    figures.split_whitespace().nth(8) == Some("0")
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", complaint.trim())) }
}
