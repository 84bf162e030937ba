//! A window under test: its own screen, its own home, and a hand on it (W3C `WebDriver`).
//!
//! `WebKitWebDriver` starts the program and speaks JSON over HTTP on this machine only; the few
//! calls that a journey needs are written out here.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a thing on the screen may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a window is opened before that is a fault.
const ATTEMPTS: u32 = 3;
/// How often it is looked for.
const GLANCE: Duration = Duration::from_millis(150);
/// What the window needs to paint a change, on a machine busy with other tests.
const PAINT: Duration = Duration::from_millis(600);
/// How often the screen is looked at for changes: several times a frame.
const LOOK: Duration = Duration::from_millis(3);
/// After so long a frame is drawn whole.
const DRAWN: Duration = Duration::from_millis(5);
/// At so many lines of pixels, so far apart: together more than a row of photos, so that where photos are
/// not drawn yet its edges show that it moves.
const LINES: u32 = 8;
const APART: u32 = 32;
/// The name under which `WebDriver` hides an element's number.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A key as `WebDriver` writes it.
pub mod key {
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Shift; held while the keys behind it are pressed.
    pub const SHIFT: &str = "\u{e008}";
    /// Control; held while the keys behind it are pressed.
    pub const CONTROL: &str = "\u{e009}";
    /// Delete.
    pub const DELETE: &str = "\u{e017}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// Arrow to the left.
    pub const LEFT: &str = "\u{e012}";
    /// Arrow to the right.
    pub const RIGHT: &str = "\u{e014}";
    /// Arrow upwards.
    pub const UP: &str = "\u{e013}";
    /// Arrow downwards.
    pub const DOWN: &str = "\u{e015}";
}

/// What the window looks like: its size in pixels, and its colours.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whether the desktop is dark.
    pub dark: bool,
}

impl Look {
    /// A small laptop's screen by day.
    pub const PLAIN: Self = Self {
        width: 1280,
        height: 800,
        dark: false,
    };
}

/// A process that does not outlive the test.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The running window. Fields are dropped in this order: the driver, then its screen.
pub struct Window {
    port: u16,
    session: String,
    driver: Helper,
    screen: Screen,
}

/// A screen that nobody sees.
struct Screen {
    _server: Helper,
    name: String,
    /// Holds what is on it, as the server keeps it.
    folder: TempDir,
}

/// The pixels of a screen, in the server's file.
struct Pixels {
    file: File,
    /// The byte at which the first line begins.
    at: u64,
    width: u32,
    height: u32,
    /// Bytes of a line.
    line_size: u32,
}

impl Window {
    /// Starts `program` on a screen of its own, with `home` as the user's home. Where the driver, or the
    /// program before its page answers, ends on a busy machine, that is told and tried anew.
    pub fn open(program: &Path, home: &Path, look: Look) -> Result<Self> {
        let mut attempts = 1;
        loop {
            match Self::open_once(program, home, look) {
                Err(error) if attempts < ATTEMPTS => {
                    eprintln!("The window did not open (attempt {attempts}): {error:#}");
                    attempts += 1;
                }
                opened => return opened,
            }
        }
    }

    fn open_once(program: &Path, home: &Path, look: Look) -> Result<Self> {
        let Look {
            width,
            height,
            dark,
        } = look;
        let screen = Screen::of(width, height)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let mut driver = screen.program("WebKitWebDriver", home, dark);
        let driver = driver.arg(format!("--port={port}")).spawn().context(
            "WebKitWebDriver does not start: install it (apt install webkit2gtk-driver)",
        )?;
        let mut window = Self {
            port,
            session: String::new(),
            driver: Helper(driver),
            screen,
        };
        until("the driver answers", || {
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
        })?;
        // Another test's driver may have been given the same port.
        let ended = window.driver.0.try_wait()?;
        ensure!(ended.is_none(), "the driver ended: its port is taken");
        let options = json!({ "binary": program, "args": [] });
        let session = window.call(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": { "webkitgtk:browserOptions": options } } }),
        )?;
        session["sessionId"]
            .as_str()
            .context("the driver began no session")?
            .clone_into(&mut window.session);
        window.post(
            "/window/rect",
            &json!({ "x": 0, "y": 0, "width": width, "height": height }),
        )?;
        // Only what happens from here on is a matter of the page.
        let state = window.run("return document.readyState", "");
        state.context("the page does not answer")?;
        Ok(window)
    }

    /// Starts `program` a second time, on the same screen and with the same home, and waits until it ends.
    pub fn start_again(
        &self,
        program: &Path,
        home: &Path,
        arguments: &[&Path],
    ) -> Result<ExitStatus> {
        let mut second = self.screen.program(program, home, false);
        let mut second = Helper(second.args(arguments).spawn()?);
        let mut ended = None;
        until("the second start ends", || {
            ended = second.0.try_wait()?;
            Ok(ended.is_some())
        })?;
        ended.context("it has not ended")
    }

    /// The elements that `css` names now.
    pub fn all(&self, css: &str) -> Result<Vec<String>> {
        let found = self.post(
            "/elements",
            &json!({ "using": "css selector", "value": css }),
        )?;
        let elements = found.as_array().context("the driver listed no elements")?;
        Ok(elements
            .iter()
            .filter_map(|element| Some(element[ELEMENT].as_str()?.to_owned()))
            .collect())
    }

    /// The first element that `css` names, once there is one.
    pub fn find(&self, css: &str) -> Result<String> {
        let mut found = None;
        until(&format!("{css} is there"), || {
            found = self.all(css)?.into_iter().next();
            Ok(found.is_some())
        })?;
        found.with_context(|| format!("{css} is gone again"))
    }

    /// Clicks in the middle of the first element that `css` names.
    pub fn click(&self, css: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(&format!("/element/{element}/click"), &json!({}))
            .with_context(|| format!("{css} cannot be clicked"))
            .map(drop)
    }

    /// Types `text` into the first element that `css` names.
    pub fn type_into(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        )
        .map(drop)
    }

    /// Presses keys wherever the focus is.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        let down = keys
            .iter()
            .map(|key| json!({ "type": "keyDown", "value": key }));
        let up = keys
            .iter()
            .rev()
            .map(|key| json!({ "type": "keyUp", "value": key }));
        let actions: Vec<Value> = down.chain(up).collect();
        self.post(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        )
        .map(drop)
    }

    /// Presses one key after the other.
    pub fn press_each(&self, keys: &[&str]) -> Result<()> {
        keys.iter().try_for_each(|key| self.press(&[key]))
    }

    /// Draws with the pointer held down from one point of the window to another.
    pub fn drag(&self, from: [f64; 2], to: [f64; 2]) -> Result<()> {
        let at = |[x, y]: [f64; 2], duration: u32| json!({ "type": "pointerMove", "x": x as i32, "y": y as i32, "duration": duration });
        let middle = [0, 1].map(|axis| f64::midpoint(from[axis], to[axis]));
        let actions = [
            at(from, 20),
            json!({ "type": "pointerDown", "button": 0 }),
            at(middle, 60),
            at(to, 60),
            json!({ "type": "pointerUp", "button": 0 }),
        ];
        let pointer = json!({
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions,
        });
        self.post("/actions", &json!({ "actions": [pointer] }))
            .map(drop)
    }

    /// What axe finds on the screen that is serious or critical: a line each.
    pub fn problems(&self, axe: &str) -> Result<Vec<String>> {
        self.run(axe, "")?;
        let ask = "const done = arguments[arguments.length - 1]; \
            axe.run(document, { resultTypes: ['violations'] }).then( \
                (found) => done(found.violations \
                    .filter((one) => one.impact === 'serious' || one.impact === 'critical') \
                    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ').slice(0, 600)}`)), \
                (wrong) => done([String(wrong)]))";
        let found = self.post("/execute/async", &json!({ "script": ask, "args": [] }))?;
        Ok(serde_json::from_value(found)?)
    }

    /// Moves the pointer to this point of the window.
    pub fn point(&self, x: i32, y: i32) -> Result<()> {
        let moves = [(x - 8, y), (x, y)]
            .map(|(x, y)| json!({ "type": "pointerMove", "x": x, "y": y, "duration": 20 }));
        let pointer = json!({
            "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": moves,
        });
        self.post("/actions", &json!({ "actions": [pointer] }))
            .map(drop)
    }

    /// The text that one sees of the first element that `css` names.
    pub fn text(&self, css: &str) -> Result<String> {
        self.find(css)?;
        // Not the driver's own reading, which leaves out what stands in a box that would cut it off.
        let read =
            "return document.querySelector(arguments[0]).innerText.replace(/\\s+/g, ' ').trim()";
        Ok(self.run(read, css)?.as_str().unwrap_or_default().to_owned())
    }

    /// `[left, top, right, bottom]` of each element that `css` names, in pixels of the window.
    pub fn boxes(&self, css: &str) -> Result<Vec<[f64; 4]>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((e) => { \
            const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })";
        Ok(serde_json::from_value(self.run(script, css)?)?)
    }

    /// What `script` returns when it gets `argument`.
    pub fn run(&self, script: &str, argument: &str) -> Result<Value> {
        self.post(
            "/execute/sync",
            &json!({ "script": script, "args": [argument] }),
        )
    }

    /// What a script calls its last argument with, which may be later.
    pub fn run_until_told(&self, script: &str, argument: &str) -> Result<Value> {
        self.post(
            "/execute/async",
            &json!({ "script": script, "args": [argument] }),
        )
    }

    /// How often a second what is around the middle of the screen changes, looked at for so long.
    pub fn changes(&self, looked_at: Duration) -> Result<f64> {
        self.screen.changes(looked_at)
    }

    /// Saves what is on the screen, as PNG or JPEG by the file's name, once its pictures are there and it is painted.
    pub fn screenshot(&self, file: &Path) -> Result<()> {
        until("all pictures are there", || {
            // Those below the screen are loaded when they come near it.
            let there = "return [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight)";
            Ok(self.run(there, "")? == true)
        })?;
        sleep(PAINT);
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir)?;
        }
        // Not the driver's picture: it waits for a frame, and a page that rests draws none.
        Ok(self.screen.picture()?.save(file)?)
    }

    fn path(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", &self.path(path), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("the driver's answer is cut")?;
        ensure!(
            !body.is_empty(),
            "{method} {path}: the driver has nothing to say, as when the program or its page has ended"
        );
        let mut answer: Value = serde_json::from_str(body)?;
        ensure!(
            head.contains(" 200 "),
            "{method} {path}: {}",
            answer["value"]["message"]
        );
        Ok(answer["value"].take())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Closes the program; when that fails, it goes with its screen.
        let _ = self.call("DELETE", &self.path(""), &Value::Null);
    }
}

impl Screen {
    fn of(width: u32, height: u32) -> Result<Self> {
        let folder = TempDir::new()?;
        let size = format!("{width}x{height}x24");
        let mut child = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp"])
            .args(["-nocursor", "-fbdir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb does not start: install it (apt install xvfb)")?;
        let stdout = child.stdout.take().context("Xvfb has no output")?;
        let server = Helper(child);
        let mut number = String::new();
        BufReader::new(stdout).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb found no free display");
        Ok(Self {
            _server: server,
            name: format!(":{}", number.trim()),
            folder,
        })
    }

    /// A program as a desktop on this screen starts it, silent.
    fn program(&self, program: impl AsRef<OsStr>, home: &Path, dark: bool) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.name)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("LANGUAGE")
            .env("GDK_BACKEND", "x11")
            .env("GTK_THEME", if dark { "Adwaita:dark" } else { "Adwaita" })
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// What is on it now.
    fn picture(&self) -> Result<image::RgbImage> {
        let pixels = self.pixels()?;
        let mut lines = vec![0; pixels.height as usize * pixels.line_size as usize];
        pixels.file.read_exact_at(&mut lines, pixels.at)?;
        let at = |x: u32, y: u32| {
            let pixel = &lines[(y * pixels.line_size + 4 * x) as usize..];
            image::Rgb([pixel[2], pixel[1], pixel[0]])
        };
        Ok(image::RgbImage::from_fn(pixels.width, pixels.height, at))
    }

    /// Where the server keeps its pixels: four bytes each, blue first.
    fn pixels(&self) -> Result<Pixels> {
        let file = File::open(self.folder.path().join("Xvfb_screen0"))?;
        // The header of X's window dumps: numbers of 32 bits, big endian.
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0)?;
        let field = |at: usize| {
            let bytes = header[4 * at..][..4].try_into();
            bytes.map_or(0, u32::from_be_bytes)
        };
        // A colour takes twelve bytes.
        let at = u64::from(field(0)) + 12 * u64::from(field(19));
        Ok(Pixels {
            file,
            at,
            width: field(4),
            height: field(5),
            line_size: field(12),
        })
    }

    /// How often a second what is around its middle is another, looked at for so long.
    fn changes(&self, looked_at: Duration) -> Result<f64> {
        let pixels = self.pixels()?;
        let look = || -> Result<Vec<u8>> {
            let mut lines = vec![0; LINES as usize * pixels.line_size as usize];
            let parts = lines.chunks_exact_mut(pixels.line_size as usize);
            for (number, line) in (0..).zip(parts) {
                let y = pixels.height / 2 - LINES / 2 * APART + number * APART;
                let at = u64::from(y) * u64::from(pixels.line_size);
                pixels.file.read_exact_at(line, pixels.at + at)?;
            }
            Ok(lines)
        };
        let mut changes = 0;
        let (mut last, began) = (look()?, Instant::now());
        while began.elapsed() < looked_at {
            sleep(LOOK);
            if look()? != last {
                // It may be half drawn still, and is not to count twice.
                sleep(DRAWN);
                (changes, last) = (changes + 1, look()?);
            }
        }
        Ok(f64::from(changes) / began.elapsed().as_secs_f64())
    }
}

/// Waits until `holds`, or fails saying that `what` did not come true.
///
/// An element may vanish between two calls while the page changes, so an error means "not yet".
pub fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    loop {
        let outcome = holds();
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            let waited = format!("waited {} s until {what}, in vain", PATIENCE.as_secs());
            return match outcome {
                Ok(_) => bail!(waited),
                Err(error) => Err(error.context(waited)),
            };
        }
        sleep(GLANCE);
    }
}
