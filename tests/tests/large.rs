//! The large library: 100,000 photos of 5,000 people, made once and kept in `target/large`. What it
//! takes is measured, in the engine and in the real window, and held against what was promised;
//! `./dev bench window` runs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use kith_engine::faces::MODEL;
use kith_engine::places::Spot;
use kith_engine::{Action, Control, Library};
use kith_journeys::processes::{of_program, stat};
use kith_journeys::webdriver::{Look, Window, until};
use kith_journeys::{Crowd, built, make_crowd, target_dir};

const LARGE: Crowd = Crowd {
    people: 5000,
    faces_each: 19,
    named: 400,
    doubtful: 200,
    photos: 100_000,
    noisy: false,
};

/// What was measured, with the most that was promised.
#[derive(Default)]
struct Figures(Vec<String>);

impl Figures {
    /// Notes a time in milliseconds.
    fn time(&mut self, what: &str, ms: f64, most: f64) {
        println!("{what}: {ms:.0} ms (at most {most:.0})");
        if ms > most {
            self.0
                .push(format!("{what}: {ms:.0} ms instead of {most:.0}"));
        }
    }

    fn timed<T>(
        &mut self,
        what: &str,
        most: f64,
        work: impl FnOnce() -> kith_engine::Result<T>,
    ) -> Result<T> {
        let began = Instant::now();
        let value = work()?;
        self.time(what, began.elapsed().as_secs_f64() * 1e3, most);
        Ok(value)
    }

    fn all_hold(self) -> Result<()> {
        ensure!(self.0.is_empty(), "falls short:\n{}", self.0.join("\n"));
        Ok(())
    }
}

/// The share of the processors' time since then that the host of a virtual machine gave to others (`steal` in
/// `/proc/stat`): with a tenth and more the figures say little.
struct TakenAway([u64; 2]);

impl TakenAway {
    fn since_now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/stat")?;
        let all = text.lines().next().context("no processors")?;
        let ticks = all.split_whitespace().skip(1).take(8).map(str::parse);
        let ticks = ticks.collect::<Result<Vec<u64>, _>>()?;
        Ok(Self([
            ticks.iter().sum(),
            *ticks.get(7).context("no steal")?,
        ]))
    }

    fn tell(&self) -> Result<()> {
        let Self([all, taken]) = Self::since_now()?;
        let (all, taken) = (all - self.0[0], taken - self.0[1]);
        let share = 100.0 * taken as f64 / all.max(1) as f64;
        println!("of the processors' time a host gave {share:.0} % to others meanwhile");
        Ok(())
    }
}

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The home of the large library, made when it is not there or was made for other networks.
fn home() -> Result<PathBuf> {
    let home = target_dir()?.join("large");
    let made = home.join("made");
    let current = format!("{}, with places, files and looks", *MODEL);
    if std::fs::read_to_string(&made).ok().as_ref() != Some(&current) {
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        let began = Instant::now();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos");
        std::fs::create_dir_all(home.join(".config"))?;
        std::fs::write(
            home.join(".config/user-dirs.dirs"),
            "XDG_PICTURES_DIR=\"$HOME/Pictures\"\n",
        )?;
        let library = home.join(".local/share/kith");
        make_crowd(&library, &home.join("Pictures"), &samples, &LARGE)?;
        std::fs::write(&made, current)?;
        println!("made in {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(home)
}

#[test]
#[ignore = "makes 100,000 photos and takes minutes: ./dev bench window"]
fn the_engine_is_quick_with_a_large_library() -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = home()?;
    let library = home.join(".local/share/kith");
    let taken_away = TakenAway::since_now()?;
    let mut figures = Figures::default();
    let opened = figures.timed("opening", 1000.0, || Library::open(&library))?;
    let photos = figures.timed("photos at first", 1500.0, || opened.photos())?;
    let people = figures.timed("people", 500.0, || opened.people())?;
    figures.timed("questions", 500.0, || opened.suggestions())?;
    println!("{} photos, {} people", photos.len(), people.len());
    for query in [
        "anna",
        "anna or ben -carl",
        "summer 2012",
        "faces:1 camera:canon",
        "unnamed",
        "1990..",
        "file:0077",
        "in:norway",
        "anna in:oslo",
    ] {
        let found = figures.timed(&format!("search {query}"), 100.0, || opened.find(query))?;
        println!("  {} photos", found.photos.len());
    }
    let places = figures.timed("places", 100.0, || opened.places())?;
    println!("{} places", places.len());
    // No two are one: every photo on a walk of its own around the towns of Europe.
    let spots: BTreeSet<Spot> = (0..100_000_u32)
        .map(|number| {
            let share = f64::from(number) / 100_000.0;
            Spot::of([40.0 + 18.0 * share, f64::from(number % 1_000) * 0.02])
        })
        .collect();
    let named = figures.timed("100,000 spots named", 1000.0, || {
        Ok(spots.iter().filter(|spot| spot.place().is_some()).count())
    })?;
    ensure!(
        named > 80_000,
        "{named} of {} spots have a name",
        spots.len()
    );
    // The window prepares the first decision after its start; the others look at what they change.
    figures.timed("preparing", f64::INFINITY, || opened.prepare())?;
    let group = people.last().context("nobody")?.person;
    for (round, most) in [("first", 1000.0), ("second", 1000.0), ("third", 1000.0)] {
        let name = Action::Name {
            person: group,
            name: "Zelda".into(),
        };
        let now = SystemTime::now();
        let what = format!("{round} name");
        figures.timed(&what, most, || opened.decide(name, now))?;
        figures.timed("people after it", 500.0, || opened.people())?;
        figures.timed("questions after it", 500.0, || opened.suggestions())?;
        figures.timed("taken back", 1000.0, || opened.decide(Action::Undo, now))?;
    }
    let named: Vec<u32> = people
        .iter()
        .filter(|of| of.name.is_some())
        .map(|of| of.person)
        .collect();
    let merge = Action::Merge {
        person: named[1],
        into: named[0],
    };
    figures.timed("two named people become one", 1000.0, || {
        opened.decide(merge, SystemTime::now())
    })?;
    figures.timed("taken back", 1000.0, || {
        opened.decide(Action::Undo, SystemTime::now())
    })?;
    let stars = Action::Stars {
        photos: photos.iter().take(100).map(|tile| tile.photo).collect(),
        stars: 3,
    };
    figures.timed("stars for 100 photos", 1000.0, || {
        opened.decide(stars, SystemTime::now())
    })?;
    figures.timed("taken back", 1000.0, || {
        opened.decide(Action::Undo, SystemTime::now())
    })?;
    let pictures = [home.join("Pictures")];
    for (when, most) in [("at first", f64::INFINITY), ("again", 5000.0)] {
        let what = format!("looking for new photos {when}");
        let look = || opened.index(&pictures, &Control::new(), &mut |_| {});
        let seen = figures.timed(&what, most, look)?;
        ensure!(seen.unchanged as usize >= LARGE.photos, "{seen:?}");
    }
    taken_away.tell()?;
    figures.all_hold()
}

/// Calls `done` with the milliseconds until no picture in sight is missing, from `begin` on.
const UNTIL_PICTURES: &str = "
    const done = arguments[arguments.length - 1];
    const whole = () => {
        const seen = [...document.querySelectorAll('SELECTOR')].filter((image) => {
            const box = image.getBoundingClientRect();
            return box.bottom > 64 && box.top < innerHeight;
        });
        return seen.length > 0 && seen.every((image) => image.complete && image.naturalWidth > 0);
    };
    const start = performance.now();
    begin();
    const look = () => whole() ? done(performance.now() - start) : requestAnimationFrame(look);
    requestAnimationFrame(look);";

fn until_pictures(window: &Window, begin: &str, pictures: &str) -> Result<f64> {
    let look = UNTIL_PICTURES.replace("SELECTOR", pictures);
    let script = format!("const begin = () => {{ {begin} }};{look}");
    let ms = window.run_until_told(&script, "")?;
    ms.as_f64().context("no time")
}

/// Scrolls, so many pixels a frame, until `scrolling` is false; `frames` are the lengths of all.
const SCROLLING: &str = "
    const by = Number(arguments[0]);
    const scroller = document.querySelector('.scroller');
    window.scrolling = true;
    window.frames = [];
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        window.frames.push(now - last);
        last = now;
        scroller.scrollTop += by;
        if (window.scrolling) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);";

/// Frames a second that the page is asked for and that reach the screen, and the longest frame.
struct Frames {
    asked: f64,
    seen: f64,
    longest: f64,
}

fn frames(window: &Window, pixels: u32) -> Result<Frames> {
    window.run(SCROLLING, &pixels.to_string())?;
    let seen = window.changes(Duration::from_secs(4))?;
    let stop = "window.scrolling = false; return window.frames";
    let lengths: Vec<f64> = serde_json::from_value(window.run(stop, "")?)?;
    Ok(Frames {
        asked: 1e3 * lengths.len() as f64 / lengths.iter().sum::<f64>(),
        seen,
        longest: lengths.into_iter().fold(0.0, f64::max),
    })
}

/// Notes how many frames a second scrolling has.
fn scroll(window: &Window, figures: &mut Figures, when: &str) -> Result<()> {
    println!("frames a second {when} (at least 50):");
    for (what, pixels) in [("reading", 12), ("flicking", 120)] {
        let Frames {
            asked,
            seen,
            longest,
        } = frames(window, pixels)?;
        println!(
            "  {what}, {pixels} pixels each: {seen:.0} on the screen, {asked:.0} asked for, longest {longest:.0} ms"
        );
        if seen < 50.0 {
            figures
                .0
                .push(format!("{what} {when}: {seen:.0} frames a second"));
        }
    }
    Ok(())
}

/// Notes how long it takes until the photos of another year are there; gives the longest of 20 times, in
/// milliseconds.
fn jump(window: &Window, figures: &mut Figures, when: &str) -> Result<f64> {
    let mut jumps = Vec::new();
    for year in 0..20 {
        let share = f64::from((year * 7) % 20) / 20.0 + 0.01;
        let jump = format!(
            "const s = document.querySelector('.scroller'); s.scrollTop = {share} * (s.scrollHeight - innerHeight)"
        );
        let pictures = "[data-testid=photo-tile] img";
        jumps.push(until_pictures(window, &jump, pictures)?);
    }
    jumps.sort_by(f64::total_cmp);
    let what = format!("a jump to a year {when}, the median");
    figures.time(&what, jumps[jumps.len() / 2], 200.0);
    Ok(jumps[jumps.len() - 1])
}

/// Notes the memory of the program and of the page's processes.
fn weigh(pids: &[u32], figures: &mut Figures, when: &str) -> Result<()> {
    let mut all = 0;
    for pid in pids {
        let bytes = memory(*pid)?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"))?;
        println!("memory of {} {when}: {} MB", name.trim(), bytes / 1_000_000);
        all += bytes;
    }
    println!(
        "memory of all {when}: {} MB (less than 800)",
        all / 1_000_000
    );
    if all >= 800_000_000 {
        figures
            .0
            .push(format!("memory {when}: {} MB", all / 1_000_000));
    }
    Ok(())
}

/// Photos that are new to a library of some people.
const NEW: usize = 1200;
const SOME: Crowd = Crowd {
    people: 500,
    faces_each: 19,
    named: 40,
    doubtful: 0,
    photos: 10_000,
    noisy: false,
};

#[test]
#[ignore = "makes 10,000 photos and takes minutes: ./dev bench window"]
fn the_window_is_quick_while_photos_are_read() -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = tempfile::tempdir()?;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos");
    let pictures = home.path().join("Pictures");
    make_crowd(
        &home.path().join(".local/share/kith"),
        &pictures,
        &samples,
        &SOME,
    )?;
    let portrait = std::fs::read(samples.join("obama2.jpg"))?;
    std::fs::create_dir(pictures.join("new"))?;
    for number in 0..NEW {
        // Each is a photo of its own by what stands behind the picture.
        let bytes = [&portrait[..], number.to_string().as_bytes()].concat();
        std::fs::write(pictures.join(format!("new/{number}.jpg")), bytes)?;
    }
    let program = built("kith-app")?;
    let mut figures = Figures::default();
    let window = Window::open(&program, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    let pids = of_program(&program)?;
    until_at_rest(*pids.first().context("no program")?)?;
    let taken_away = TakenAway::since_now()?;
    scroll(&window, &mut figures, "before photos are read")?;
    let before = jump(&window, &mut figures, "before photos are read")?;
    window.run(
        "window.__TAURI_INTERNALS__.invoke('check_again'); return 0",
        "",
    )?;
    let line = "[data-testid=job-line]";
    let of_all = "of 1,200";
    until("photos are read", || {
        Ok(window.text(line)?.contains(of_all))
    })?;
    scroll(&window, &mut figures, "while photos are read")?;
    let meanwhile = jump(&window, &mut figures, "while photos are read")?;
    println!("the slowest of 20 jumps: {before:.0} ms before, {meanwhile:.0} ms meanwhile");
    let said = window.text(line)?;
    ensure!(said.contains(of_all), "read too soon: {said}");
    window.click(line)?;
    let speed = window.text("[data-testid=job-speed]")?;
    ensure!(speed.ends_with(" faces a second"), "{speed}");
    println!("{said}, {speed}");
    taken_away.tell()?;
    figures.all_hold()
}

#[test]
#[ignore = "makes 100,000 photos and takes minutes: ./dev bench window"]
fn the_window_is_quick_with_a_large_library() -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = home()?;
    let program = built("kith-app")?;
    let taken_away = TakenAway::since_now()?;
    let mut figures = Figures::default();
    let window = Window::open(&program, &home, Look::PLAIN)?;
    let shown = "const image = document.querySelector('[data-testid=photo-tile] img');
        return image && image.complete && image.naturalWidth > 0 ? performance.timeOrigin + performance.now() : 0";
    let mut at = 0.0;
    until("a photo is there", || {
        at = window.run(shown, "")?.as_f64().unwrap_or_default();
        Ok(at > 0.0)
    })?;
    let pids = of_program(&program)?;
    let began = pids
        .first()
        .map(|pid| started(*pid))
        .context("no program")??;
    figures.time("photos visible after the start", at - began, 1500.0);
    until("people are there", || {
        let counted = "return document.querySelector('[data-testid=nav-people] .count') !== null";
        Ok(window.run(counted, "")? == true)
    })?;

    scroll(
        &window,
        &mut figures,
        "while the first decision is prepared",
    )?;
    let busy = of_program(&program)?;
    weigh(&busy, &mut figures, "while the first decision is prepared")?;
    until_at_rest(busy[0])?;
    weigh(&busy, &mut figures, "once it is prepared")?;
    scroll(&window, &mut figures, "once it is prepared")?;

    let slowest = jump(&window, &mut figures, "once it is prepared")?;
    figures.time("the slowest of 20 jumps", slowest, 300.0);

    let open = "document.querySelector('[data-testid=nav-people]').click()";
    let people = until_pictures(&window, open, "[data-testid=person] img")?;
    figures.time("People with the faces in sight", people, 500.0);
    window.press(&["1"])?;
    let again = until_pictures(&window, open, "[data-testid=person] img")?;
    figures.time("People once more", again, 500.0);
    window.press(&["1"])?;
    let places = "const done = arguments[1]; const start = performance.now();
        document.querySelector('[data-testid=nav-places]').click();
        const look = () => document.querySelector(arguments[0]) ? done(performance.now() - start) : requestAnimationFrame(look);
        look();";
    let places = window.run_until_told(places, "[data-testid=dot]")?;
    let places = places.as_f64().context("no time")?;
    figures.time("Places with its dots", places, 500.0);
    window.press(&["1"])?;

    for query in [
        "anna",
        "anna or ben -carl",
        "summer 2012",
        "unnamed",
        "1990..",
    ] {
        let asked = "const done = arguments[1]; const start = performance.now();
            window.__TAURI_INTERNALS__.invoke('search', { query: arguments[0] })
                .then(() => done(performance.now() - start), (problem) => done(String(problem.message)))";
        let ms = window.run_until_told(asked, query)?;
        let ms = ms.as_f64().with_context(|| format!("{query}: {ms}"))?;
        figures.time(&format!("search {query}, in the page"), ms, 100.0);
    }

    weigh(&of_program(&program)?, &mut figures, "at the end")?;
    taken_away.tell()?;
    figures.all_hold()
}

/// Waits until a process took less than a tenth of a second's processor time in a second.
fn until_at_rest(pid: u32) -> Result<()> {
    let ticks = || -> Result<u64> {
        let stat = stat(format!("/proc/{pid}"))?;
        Ok(stat[11].parse::<u64>()? + stat[12].parse::<u64>()?)
    };
    loop {
        let before = ticks()?;
        std::thread::sleep(Duration::from_secs(1));
        // Ticks are hundredths of a second.
        if ticks()? < before + 10 {
            return Ok(());
        }
    }
}

/// When a process began, in milliseconds since 1970.
fn started(pid: u32) -> Result<f64> {
    let ticks: f64 = stat(format!("/proc/{pid}"))?[19].parse()?;
    let uptime = std::fs::read_to_string("/proc/uptime")?;
    let up: f64 = uptime.split(' ').next().context("no uptime")?.parse()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    // Ticks are hundredths of a second since the system began.
    Ok((now.as_secs_f64() - up) * 1e3 + ticks * 10.0)
}

/// The memory that a process takes, its share of what it shares with others included.
fn memory(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("no memory")?
        .parse()?;
    Ok(kilobytes * 1024)
}
