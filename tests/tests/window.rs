//! Journeys in the real window: what a user does with the mouse and the keyboard, and what the
//! screens then show.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use kith_engine::{Action, Control, Library};
use kith_journeys::processes::{of_program, stat};
use kith_journeys::webdriver::{Look, Window, key, until};
use kith_journeys::{Crowd, built, make_crowd, make_journeys, target_dir};

/// Two photos of one man, one each of two others.
const PHOTOS: [&str; 4] = ["obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"];

/// The built program.
fn program() -> Result<PathBuf> {
    built("kith-app")
}

/// Where pictures of the screens are left.
fn shots() -> Result<PathBuf> {
    Ok(target_dir()?.join("screenshots"))
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("photos")
}

/// A home with an empty Pictures folder, as a desktop sets it up.
fn empty_home() -> Result<tempfile::TempDir> {
    let home = tempfile::tempdir()?;
    fs::create_dir_all(home.path().join("Pictures"))?;
    fs::create_dir_all(home.path().join(".config"))?;
    fs::write(
        home.path().join(".config/user-dirs.dirs"),
        "XDG_PICTURES_DIR=\"$HOME/Pictures\"\n",
    )?;
    Ok(home)
}

/// A home with a few portraits in its Pictures folder.
fn home() -> Result<tempfile::TempDir> {
    let home = empty_home()?;
    for photo in PHOTOS {
        fs::copy(
            samples().join(photo),
            home.path().join("Pictures").join(photo),
        )
        .with_context(|| format!("the sample photo {photo} is missing"))?;
    }
    Ok(home)
}

/// Many people, half of them named, and some who are hard to tell apart.
const DOUBTFUL: Crowd = Crowd {
    people: 130,
    faces_each: 4,
    named: 60,
    doubtful: 60,
    photos: 700,
    noisy: false,
};

/// People all of whose faces were named: none leaves a person that is not sent away.
const SURE: Crowd = Crowd {
    faces_each: 6,
    doubtful: 0,
    photos: 800,
    ..DOUBTFUL
};

/// People whom the network alone mistakes often; what the user said of them teaches to tell them apart.
const TEACHING: Crowd = Crowd {
    people: 24,
    faces_each: 8,
    named: 24,
    doubtful: 0,
    photos: 200,
    noisy: true,
};

/// A home with a library of many people.
fn crowded_home(crowd: &Crowd) -> Result<tempfile::TempDir> {
    let home = empty_home()?;
    let library = home.path().join(".local/share/kith");
    make_crowd(&library, &home.path().join("Pictures"), &samples(), crowd)?;
    Ok(home)
}

/// The window on such a home, which is there as long as the window is, with its first photos.
fn opened_on(crowd: &Crowd) -> Result<(tempfile::TempDir, Window)> {
    let home = crowded_home(crowd)?;
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    Ok((home, window))
}

/// The number that a text begins with, with its thousands set apart: `1,204 left`.
fn number_in(text: &str) -> Option<u32> {
    let digits = text.chars().skip_while(|letter| !letter.is_ascii_digit());
    let number: String = digits
        .take_while(|letter| letter.is_ascii_digit() || *letter == ',')
        .filter(|letter| *letter != ',')
        .collect();
    number.parse().ok()
}

/// Waits until the first element that `css` names says `text`.
fn eventually(what: &str, window: &Window, css: &str, text: &str) -> Result<()> {
    until(what, || Ok(window.text(css)?.contains(text)))
        .with_context(|| format!("{css} says {:?}", window.text(css).unwrap_or_default()))
}

#[test]
fn from_a_folder_to_a_name_to_a_search_to_a_photo() -> Result<()> {
    let shots = shots()?;
    let home = home()?;
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    let shot = |name: &str| window.screenshot(&shots.join(name).with_extension("png"));

    // The first screen offers the user's own folder.
    ensure!(window.text("[data-testid=use-pictures]")? == "Use Pictures");
    shot("1-first-run")?;
    window.click("[data-testid=use-pictures]")?;

    // Faces appear, and the job ends.
    window.click("[data-testid=nav-people]")?;
    window.find("[data-testid=group]")?;
    until("the job is over", || {
        Ok(window
            .text("[data-testid=job-line]")?
            .starts_with("Up to date"))
    })?;
    until("there are three people", || {
        Ok(window.all("[data-testid=group]")?.len() == 3)
    })?;
    ensure!(
        window
            .text("[data-testid=group]")?
            .contains("2 faces on 2 photos"),
        "the man on two photos comes first"
    );
    shot("2-who-is-this")?;

    // A name for the first of them; the next field is ready; Undo takes it back.
    let name = format!("Barack Obama{}", key::ENTER);
    window.type_into("[data-testid=group-name]", &name)?;
    window.find("[data-name='Barack Obama']")?;
    until("the cursor is in the next field", || {
        Ok(window.run("return document.activeElement.dataset.testid", "")? == "group-name")
    })?;
    ensure!(window.text("[data-testid=toast]")?.contains("Barack Obama"));
    shot("3-named")?;
    window.click("[data-testid=toast-undo]")?;
    until("the name is taken back", || {
        Ok(window.all("[data-name='Barack Obama']")?.is_empty()
            && window.all("[data-testid=group]")?.len() == 3)
    })?;
    window.type_into("[data-testid=group-name]", &name)?;
    window.find("[data-name='Barack Obama']")?;

    // A search for a part of the name finds his two photos.
    window.press(&[key::ESCAPE])?;
    window.press(&["/"])?;
    window.type_into("[data-testid=search]", &format!("barack{}", key::ENTER))?;
    until("the search is understood", || {
        let understood = window.text("[data-testid=understood]")?;
        Ok(understood.contains("2 photos") && understood.contains("with Barack Obama"))
    })?;
    until("his photos are there", || {
        Ok(window.all("[data-testid=photo-tile]")?.len() == 2)
    })?;
    shot("4-search")?;

    // A photo: his face is outlined, inside the picture, with his name.
    window.click("[data-testid=photo-tile]")?;
    let outline = "[data-testid=face-outline][data-name='Barack Obama']";
    window.find(outline)?;
    window.point(640, 600)?;
    until("the outline is seen", || {
        let opacity = "return getComputedStyle(document.querySelector(arguments[0])).opacity";
        Ok(window.run(opacity, outline)? == "1")
    })?;
    let photo = window.boxes("[data-testid=photo] .stage img")?;
    let face = window.boxes(outline)?;
    let (photo, face) = (
        photo.first().context("no photo")?,
        face.first().context("no face")?,
    );
    ensure!(
        photo[0] <= face[0] && photo[1] <= face[1] && face[2] <= photo[2] && face[3] <= photo[3],
        "the face {face:?} lies on the photo {photo:?}"
    );
    window.press(&["i"])?;
    ensure!(
        window
            .text("[data-testid=photo-info]")?
            .contains("Barack Obama")
    );
    shot("5-photo")?;

    // Esc goes one step back.
    window.press(&[key::ESCAPE])?;
    until("the search is back", || {
        Ok(window.all("[data-testid=photo]")?.is_empty()
            && window
                .text("[data-testid=understood]")?
                .contains("2 photos"))
    })
}

#[test]
fn a_person_comes_apart_and_together_and_each_is_taken_back() -> Result<()> {
    let home = home()?;
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.click("[data-testid=use-pictures]")?;
    eventually(
        "the job is over",
        &window,
        "[data-testid=job-line]",
        "Up to date",
    )?;
    window.press(&["2"])?;
    for name in ["Barack", "Joe"] {
        window.type_into("[data-testid=group-name]", &format!("{name}{}", key::ENTER))?;
        window.find(&format!("[data-name={name}]"))?;
    }
    window.click("[data-name=Barack]")?;
    let faces = "[data-testid=face]";
    let has = |count: usize| {
        until(&format!("there are {count} faces"), || {
            Ok(window.all(faces)?.len() == count)
        })
    };
    has(2)?;
    // Both halves are shown before anything is done.
    window.click("[data-testid=split]")?;
    let halves = [
        "[data-testid=split-stay] li",
        "[data-testid=split-leave] li",
    ];
    for half in halves {
        until("both halves are shown", || Ok(window.all(half)?.len() == 1))?;
    }
    window.press(&[key::ESCAPE])?;
    until("it is left as it was", || {
        Ok(window.all(halves[0])?.is_empty() && window.all(faces)?.len() == 2)
    })?;
    window.press(&["t"])?;
    window.click("[data-testid=split-do]")?;
    has(1)?;
    window.press(&[key::CONTROL, "z"])?;
    has(2)?;

    window.click("[data-testid=merge]")?;
    window.type_into("[data-testid=merge-name]", &format!("Joe{}", key::ENTER))?;
    has(3)?;
    eventually("he is Joe", &window, "[data-testid=person-title]", "Joe")?;
    window.press(&[key::CONTROL, "z"])?;
    has(1)?;

    // A face that is not his leaves, and comes back.
    window.press(&["2"])?;
    window.click("[data-name=Barack]")?;
    has(2)?;
    window.run(
        "document.querySelector(arguments[0]).click()",
        "[data-testid=not-this-person]",
    )?;
    has(1)?;
    window.press(&[key::CONTROL, "z"])?;
    has(2)?;

    // Another face stands for him.
    let pressed = "[data-testid=best-face][aria-pressed=true]";
    let other = "[data-testid=best-face][aria-pressed=false]";
    window.find(pressed)?;
    let before = window.boxes(pressed)?;
    window.run("document.querySelector(arguments[0]).click()", other)?;
    until("the other one does", || {
        let now = window.boxes(pressed)?;
        Ok(now.len() == 1 && now != before)
    })?;

    // Hidden and shown again.
    window.click("[data-testid=hide]")?;
    until("he is hidden", || {
        Ok(window.all("[data-name=Barack]")?.is_empty())
    })?;
    window.press(&[key::CONTROL, "z"])?;
    window.find("[data-name=Barack]").map(drop)
}

#[test]
fn several_faces_are_somebody_else_at_once_and_a_name_is_removed() -> Result<()> {
    let (_home, window) = opened_on(&SURE)?;
    let anna = "[data-name='Anna Berg']";
    let (faces, toast) = ("[data-testid=face]", "[data-testid=toast]");
    window.press(&["2"])?;
    window.click(anna)?;
    window.find(faces)?;
    let all = window.all(faces)?.len();
    ensure!(all >= 4, "{all} faces");
    let has = |count: usize| {
        until(&format!("there are {count} faces"), || {
            Ok(window.all(faces)?.len() == count)
        })
    };

    // Three, by keyboard and mouse: not she.
    let bar = "[data-testid=chosen-faces]";
    window.run(FOCUS, &format!("{faces} .face"))?;
    window.press(&[" "])?;
    eventually("one is chosen", &window, bar, "1 chosen")?;
    let range = "document.querySelectorAll(arguments[0])[2].dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true }))";
    window.run(range, &format!("{faces} [data-testid=tick]"))?;
    eventually("three are chosen", &window, bar, "3 chosen")?;
    window.press(&["n"])?;
    eventually("it is said", &window, toast, "3 faces are not Anna Berg")?;
    has(all - 3)?;
    window.press(&[key::CONTROL, "z"])?;
    has(all)?;

    // Two are somebody else, by name; taken back at once.
    window.run(PRESS, &format!("{faces} [data-testid=tick]"))?;
    window.run(
        &range.replace("[2]", "[1]"),
        &format!("{faces} [data-testid=tick]"),
    )?;
    eventually("two are chosen", &window, bar, "2 chosen")?;
    window.press(&["s"])?;
    let zelda = format!("Zelda{}", key::ENTER);
    window.type_into("[data-testid=chosen-someone-else]", &zelda)?;
    eventually("it is said", &window, toast, "2 faces are now Zelda")?;
    has(all - 2)?;
    window.press(&[key::CONTROL, "z"])?;
    has(all)?;

    // What Kith proposes is changed by a click, and the others have a name at once.
    window.press(&["t"])?;
    let (stay, leave) = (
        "[data-testid=split-stay] li",
        "[data-testid=split-leave] li",
    );
    window.find(leave)?;
    let leaving = window.all(leave)?.len();
    window.run(PRESS, &format!("{stay} button"))?;
    until("one has changed sides", || {
        Ok(window.all(leave)?.len() == leaving + 1)
    })?;
    window.type_into("[data-testid=split-name]", &zelda)?;
    has(all - leaving - 1)?;
    window.press(&[key::CONTROL, "z"])?;
    has(all)?;

    // Her name is removed by a key: the faces stay together, and one field waits for a name.
    window.press(&[key::DELETE])?;
    eventually("it is said", &window, toast, "Name removed: Anna Berg")?;
    window.find("[data-testid=person-name]")?;
    has(all)?;
    window.press(&[key::CONTROL, "z"])?;
    let title = "[data-testid=person-title]";
    eventually("she has it again", &window, title, "Anna Berg")
}

#[test]
fn twenty_questions_by_keyboard_alone() -> Result<()> {
    let home = crowded_home(&DOUBTFUL)?;
    let count = "[data-testid=review-count]";
    let counts = |window: &Window| -> Result<[u32; 2]> {
        let text = window.text(count)?;
        let (answered, left) = text.split_once(" answered, ").context("no counts")?;
        Ok([
            number_in(answered).context("no number")?,
            number_in(left).context("no number")?,
        ])
    };
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    window.press(&["3"])?;
    let [_, at_first] = counts(&window)?;
    ensure!(at_first >= 25, "only {at_first} questions");
    window.find("[data-testid=review-outline]")?;
    let mut left = at_first;
    for (round, key) in ["y", "n", "d", "x"]
        .into_iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let asked = window.text("[data-testid=review-question]")?;
        ensure!(asked.starts_with("Is this ") || asked.starts_with("Are these"));
        window.press(&[key])?;
        until("the answer is counted", || {
            Ok(counts(&window)?[0] == round as u32 + 1)
        })?;
        left = counts(&window)?[1];
    }
    ensure!(left < at_first, "{left} of {at_first} are left");
    // The last answer was "not a face"; one key takes it back, the next one says who it is.
    window.press(&["u"])?;
    until("it is taken back", || Ok(counts(&window)?[0] == 19))?;
    eventually(
        "it is said",
        &window,
        "[data-testid=review-said]",
        "Taken back",
    )?;
    window.press(&["s"])?;
    window.type_into("[data-testid=review-name]", &format!("Zelda{}", key::ENTER))?;
    eventually(
        "she is known",
        &window,
        "[data-testid=review-said]",
        "of Zelda",
    )?;
    let [answered, left] = counts(&window)?;
    ensure!(answered == 20);
    drop(window);

    // Opened again: what was answered is not asked again, "I don't know" neither.
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    window.press(&["3"])?;
    ensure!(counts(&window)? == [0, left]);
    window.press(&["7"])?;
    until("the history has it all", || {
        Ok(window.all("[data-testid=decision]")?.len() > 60)
    })?;
    let undone = "[data-testid=decision][data-undone=true]";
    ensure!(window.all(undone)?.len() == 1, "one answer was taken back");
    eventually(
        "the newest comes first",
        &window,
        "[data-testid=decision]",
        "now Zelda",
    )?;
    window.click("[data-testid=take-back]")?;
    until("Zelda is taken back", || Ok(window.all(undone)?.len() == 2))
}

#[test]
fn people_are_chosen_joined_hidden_and_found_among_thousands() -> Result<()> {
    let (_home, window) = opened_on(&Crowd {
        people: 3000,
        faces_each: 2,
        named: 40,
        doubtful: 0,
        photos: 6000,
        noisy: false,
    })?;
    window.press(&["2"])?;
    let groups = "[data-testid=group]";
    window.find(groups)?;

    // Of thousands only those near the screen are drawn, at the top and at the end.
    let to_end = "const s = document.querySelector('[data-testid=people]'); s.scrollTop = s.scrollHeight; return s.scrollHeight";
    ensure!(window.all(groups)?.len() < 60);
    let height = window.run(to_end, "")?.as_f64().context("no height")?;
    ensure!(height > 100_000.0, "{height} pixels for 2,960 groups");
    until("the last rows are drawn", || {
        let last = "return [...document.querySelectorAll(arguments[0])].some((row) => row.getBoundingClientRect().bottom <= innerHeight + 120)";
        window.run(to_end, "")?;
        Ok(window.run(last, groups)? == true && window.all(groups)?.len() < 60)
    })?;
    window.run(
        "document.querySelector('[data-testid=people]').scrollTop = 0",
        "",
    )?;

    // A name is found by its beginning.
    let person = "[data-testid=person]";
    window.type_into("[data-testid=find-name]", "hanna")?;
    until("only Hannas are left", || {
        let all = window.all(person)?.len();
        let text = window.text("[data-testid=people]")?;
        Ok((1..=5).contains(&all) && text.contains("Hanna") && !text.contains("Ben"))
    })?;
    window.press(&[key::ESCAPE])?;
    until("everybody is back", || Ok(window.all(person)?.len() > 5))?;

    // Three are chosen with the keyboard, and become one.
    let focus = "document.querySelector(arguments[0]).focus()";
    window.run(focus, person)?;
    window.press(&[" "])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    eventually(
        "three are chosen",
        &window,
        "[data-testid=chosen]",
        "3 chosen",
    )?;
    window.click("[data-testid=chosen-join]")?;
    eventually("they are one", &window, "[data-testid=toast]", "Joined")?;
    window.press(&[key::CONTROL, "z"])?;
    eventually(
        "and three again",
        &window,
        "[data-testid=toast]",
        "Taken back",
    )?;

    // Two groups get one name with the mouse.
    let press = "document.querySelector(arguments[0]).click()";
    for cell in 0..2 {
        let tick = format!("li[data-cell='{cell}'] {groups} [data-testid=tick]");
        window.find(&tick)?;
        window.run(press, &tick)?;
    }
    eventually(
        "two are chosen",
        &window,
        "[data-testid=chosen]",
        "2 chosen",
    )?;
    window.type_into("[data-testid=chosen-name]", &format!("Yara{}", key::ENTER))?;
    window.find("[data-name=Yara]")?;

    // Hidden, seen again, shown again.
    window.run(press, "li[data-cell='0'] [data-testid=tick]")?;
    window.click("[data-testid=chosen-hide]")?;
    window.find("[data-testid=show-hidden]")?;
    window.run(
        "document.querySelector(arguments[0]).click()",
        "[data-testid=show-hidden]",
    )?;
    let hidden = "ul[aria-label='Hidden people'] [data-testid=person]";
    window.find(hidden)?;
    window.run(
        "document.querySelector(arguments[0]).click()",
        "ul[aria-label='Hidden people'] [data-testid=tick]",
    )?;
    eventually(
        "it can be shown",
        &window,
        "[data-testid=chosen]",
        "Show again",
    )?;
    window.click("[data-testid=chosen-hide]")?;
    until("nobody is hidden", || Ok(window.all(hidden)?.is_empty()))
}

#[test]
fn a_missed_face_is_drawn_and_everything_is_found_again_after_a_restart() -> Result<()> {
    let home = home()?;
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.click("[data-testid=use-pictures]")?;
    eventually(
        "the job is over",
        &window,
        "[data-testid=job-line]",
        "Up to date",
    )?;

    // Larger, dragged, whole again.
    window.click("[data-testid=photo-tile]")?;
    let photo = "[data-testid=photo] .stage img";
    window.find(photo)?;
    let area = |css: &str| -> Result<[f64; 4]> {
        window
            .boxes(css)?
            .first()
            .copied()
            .context("it is not there")
    };
    let whole = area(photo)?;
    window.press_each(&["+", "+", "+"])?;
    until("it is larger", || {
        let now = area(photo)?;
        Ok(now[2] - now[0] > 3.0 * (whole[2] - whole[0]))
    })?;
    let before = area(photo)?;
    window.drag([640.0, 700.0], [660.0, 760.0])?;
    let after = area(photo)?;
    ensure!(
        (after[1] - before[1] - 60.0).abs() < 2.0,
        "dragged from {before:?} to {after:?}"
    );
    window.press(&["z"])?;
    until("it is whole again", || Ok(area(photo)? == whole))?;

    // A face is drawn around a corner of the photo, and has a name.
    let outlines = "[data-testid=face-outline]";
    let found = window.all(outlines)?.len();
    window.press(&["d"])?;
    window.find("[data-testid=drawn-outline]")?;
    let corner = [whole[0] + 12.0, whole[3] - 92.0];
    window.drag(corner, [corner[0] + 80.0, corner[1] + 80.0])?;
    window.type_into("[data-testid=drawn-name]", &format!("Ghost{}", key::ENTER))?;
    let ghost = "[data-testid=face-outline][data-name=Ghost]";
    window.find(ghost)?;
    let drawn = area(ghost)?;
    ensure!((drawn[0] - corner[0]).abs() < 3.0 && (drawn[3] - corner[1] - 80.0).abs() < 3.0);
    window.press(&[key::CONTROL, "z"])?;
    until("it is taken back", || {
        Ok(window.all(outlines)?.len() == found)
    })?;

    // By keys alone: an outline in the middle, moved, Enter.
    window.press(&["d"])?;
    window.press_each(&[key::DOWN, key::RIGHT, key::ENTER])?;
    window.type_into("[data-testid=drawn-name]", &format!("Ghost{}", key::ENTER))?;
    window.find(ghost)?;

    // What is no face is removed.
    window.run("document.querySelector(arguments[0]).click()", ghost)?;
    window.click("[data-testid=ignore]")?;
    until("it is gone", || Ok(window.all(ghost)?.is_empty()))?;
    window.press(&[key::CONTROL, "z"])?;
    window.find(ghost)?;
    drop(window);

    // Opened again, the history knows it all.
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    window.press(&["7"])?;
    eventually(
        "the drawn face is there",
        &window,
        "[data-testid=history]",
        "1 face drawn: Ghost",
    )?;
    window.press(&["2"])?;
    window.find("[data-name=Ghost]")?;
    window.type_into("[data-testid=search]", &format!("ghost{}", key::ENTER))?;
    eventually(
        "the photo is found",
        &window,
        "[data-testid=understood]",
        "1 photo",
    )
}

#[test]
fn every_kind_of_search_is_understood_and_each_part_can_be_left_out() -> Result<()> {
    let home = home()?;
    let library = home.path().join(".local/share/kith");
    let opened = kith_engine::Library::open(&library)?;
    let pictures = home.path().join("Pictures");
    opened.index(&[pictures], &kith_engine::Control::new(), &mut |_| {})?;
    for (file, name) in [("obama.jpg", "Barack"), ("biden.jpg", "Joe")] {
        let faces = opened.faces()?;
        let face = faces.iter().find(|face| face.path.ends_with(file));
        let person = face.and_then(|face| face.person).context("nobody there")?;
        let name = kith_engine::Action::Name {
            person,
            name: name.into(),
        };
        opened.decide(name, std::time::SystemTime::now())?;
    }
    drop(opened);
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    let ask = |query: &str| -> Result<()> {
        window.press(&["/"])?;
        let clear = "const box = document.querySelector(arguments[0]); box.value = ''; box.dispatchEvent(new Event('input', { bubbles: true }))";
        window.run(clear, "[data-testid=search]")?;
        window.type_into("[data-testid=search]", &format!("{query}{}", key::ENTER))
    };
    for (query, photos, understood) in [
        ("barack", 2, "with Barack"),
        ("-barack", 2, "without Barack"),
        ("barack or joe", 3, "with Barack, or with Joe"),
        ("only joe", 1, "nobody else"),
        ("unnamed", 1, "with somebody who has no name"),
        ("faces:1", 4, "with 1 face"),
        ("faces:2+", 0, "with 2 or more faces"),
        ("astronaut", 1, "“astronaut” in the file or folder name"),
        ("file:obama", 2, "“obama” in the file or folder name"),
        ("1990..", 4, "in 1990.."),
    ] {
        ask(query)?;
        until(&format!("{query} is understood"), || {
            let text = window.text("[data-testid=understood]")?;
            Ok(text.contains(understood) && number_in(&text) == Some(photos))
        })
        .with_context(|| window.text("[data-testid=understood]").unwrap_or_default())?;
    }
    ask("nonsense")?;
    eventually(
        "what is not understood is said",
        &window,
        "[data-testid=search-problem]",
        "nobody’s name",
    )?;
    // A part is left out with a click.
    ask("barack faces:1")?;
    until("both parts are there", || {
        Ok(window.all("[data-testid=chip]")?.len() == 2)
    })?;
    window.click("[data-testid=chip]")?;
    until("one part is left", || {
        let text = window.text("[data-testid=understood]")?;
        Ok(window.all("[data-testid=chip]")?.len() == 1 && number_in(&text) == Some(4))
    })
}

const FOCUS: &str = "document.querySelector(arguments[0]).focus()";
const PRESS: &str = "document.querySelector(arguments[0]).click()";

/// A window whose job is over.
fn looked_through(home: &Path) -> Result<Window> {
    let window = Window::open(&program()?, home, Look::PLAIN)?;
    window.click("[data-testid=use-pictures]")?;
    let line = "[data-testid=job-line]";
    eventually("the job is over", &window, line, "Up to date")?;
    Ok(window)
}

/// Two albums in the library of a crowd: one filled by hand, one that keeps itself.
fn put_into_albums(home: &Path) -> Result<()> {
    let library = kith_engine::Library::open(&home.join(".local/share/kith"))?;
    let photos = library.photos()?;
    let photos = photos.iter().take(24).map(|tile| tile.photo).collect();
    let filled = kith_engine::Action::AddToAlbum {
        photos,
        name: "Summer by the lake, with everybody who could come".into(),
    };
    let kept = kith_engine::Action::SaveSearch {
        name: "Anna".into(),
        query: "anna".into(),
    };
    for action in [filled, kept] {
        library.decide(action, std::time::SystemTime::now())?;
    }
    Ok(())
}

#[test]
fn photos_are_chosen_kept_and_all_is_done_again() -> Result<()> {
    let home = home()?;
    let window = looked_through(home.path())?;
    let tiles = "[data-testid=photo-tile]";
    let bar = "[data-testid=chosen-photos]";
    until(
        "four photos are there",
        || Ok(window.all(tiles)?.len() == 4),
    )?;

    // By keyboard: two in a row are chosen, get stars, and are favourites.
    window.run(FOCUS, tiles)?;
    window.press(&[" "])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    eventually("two are chosen", &window, bar, "2 chosen")?;
    window.press(&["4"])?;
    eventually(
        "they have stars",
        &window,
        "[data-testid=toast]",
        "2 photos with 4 stars",
    )?;
    window.press(&["h"])?;
    eventually(
        "they are kept",
        &window,
        "[data-testid=toast]",
        "2 photos are each a favourite",
    )?;
    window.find("[data-testid=nav-favourites]")?;

    // A key puts them into an album.
    window.press(&["a"])?;
    window.type_into(
        "[data-testid=album-name]",
        &format!("Presidents{}", key::ENTER),
    )?;
    eventually(
        "they are in it",
        &window,
        "[data-testid=toast]",
        "2 photos added to “Presidents”",
    )?;
    until("nothing is chosen", || Ok(window.all(bar)?.is_empty()))?;

    // Undone and done again, to the first word and back.
    let said = |what: &str| eventually(what, &window, "[data-testid=toast]", what);
    window.press(&[key::CONTROL, "z"])?;
    said("Taken back: 2 photos added")?;
    window.press(&[key::CONTROL, "z"])?;
    said("Taken back: 2 photos are each a favourite")?;
    until("there are no favourites", || {
        Ok(window.all("[data-testid=nav-favourites]")?.is_empty())
    })?;
    window.press(&[key::CONTROL, key::SHIFT, "z"])?;
    said("Again: 2 photos are each a favourite")?;
    window.click("[data-testid=toast-undo]")?;
    said("Taken back: 2 photos are each a favourite")?;
    window.click("[data-testid=toast-redo]")?;
    said("Again: 2 photos are each a favourite")?;
    window.press(&[key::CONTROL, key::SHIFT, "z"])?;
    said("Again: 2 photos added")?;
    Ok(())
}

#[test]
fn albums_are_filled_by_mouse_renamed_emptied_and_keep_themselves() -> Result<()> {
    let home = home()?;
    let window = looked_through(home.path())?;
    let tiles = "[data-testid=photo-tile]";
    let pressed = "[data-testid=photo-tile][aria-pressed=true]";
    let bar = "[data-testid=chosen-photos]";
    let said = |what: &str| eventually(what, &window, "[data-testid=toast]", what);
    until(
        "four photos are there",
        || Ok(window.all(tiles)?.len() == 4),
    )?;

    // By mouse: the tick, then with Shift a range; the menu of a right click.
    let tick = |index: u32| -> Result<()> {
        let css = format!(".tile:has([data-index='{index}']) [data-testid=tick]");
        window.run(PRESS, &css).map(drop)
    };
    tick(3)?;
    eventually("one is chosen", &window, bar, "1 chosen")?;
    let range = "document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true }))";
    window.run(range, ".tile:has([data-index='1']) [data-testid=tick]")?;
    until("three are chosen", || Ok(window.all(pressed)?.len() == 3))?;
    tick(3)?;
    window.click("[data-testid=chosen-album]")?;
    window.type_into(
        "[data-testid=album-name]",
        &format!("Presidents{}", key::ENTER),
    )?;
    said("2 photos added to “Presidents”")?;
    let menu = "document.querySelector(arguments[0]).dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, clientX: 500, clientY: 300 }))";
    window.run(menu, ".tile [data-index='3']")?;
    window.click("[data-testid=menu-path]")?;
    said("Copied: ")?;
    window.run(menu, ".tile [data-index='3']")?;
    window.click("[data-testid=menu-album]")?;
    window.type_into("[data-testid=album-name]", "pres")?;
    window.press(&[key::DOWN, key::ENTER])?;
    said("1 photo added to “Presidents”")?;

    // The album: one is taken out, the album is renamed, removed, and there again.
    window.press(&["5"])?;
    window.click("[data-name=Presidents]")?;
    until("three are in it", || Ok(window.all(tiles)?.len() == 3))?;
    window.run(FOCUS, tiles)?;
    window.press(&[" "])?;
    window.click("[data-testid=chosen-take-out]")?;
    until("two are left", || Ok(window.all(tiles)?.len() == 2))?;
    window.click("[data-testid=rename-album]")?;
    let clear = "const box = document.querySelector(arguments[0]); box.value = ''";
    window.run(clear, "[data-testid=album-rename]")?;
    window.type_into(
        "[data-testid=album-rename]",
        &format!("Statesmen{}", key::ENTER),
    )?;
    eventually(
        "it is renamed",
        &window,
        "[data-testid=album-title]",
        "Statesmen",
    )?;
    window.click("[data-testid=drop-album]")?;
    // The screen that it is on names no album: what is pressed next must not come before this is done.
    eventually(
        "it is gone",
        &window,
        "[data-testid=toast]",
        "Album “Statesmen” removed",
    )?;
    window.press(&[key::CONTROL, "z"])?;
    window.press(&["5"])?;
    window.find("[data-name=Statesmen]")?;

    // A search is kept as an album.
    window.type_into("[data-testid=search]", &format!("faces:1{}", key::ENTER))?;
    window.click("[data-testid=keep-search]")?;
    window.type_into(
        "[data-testid=keep-name]",
        &format!("Good ones{}", key::ENTER),
    )?;
    said("Album “Good ones” holds what “faces:1” finds")?;
    drop(window);

    // Opened again, both are there, and the history tells it.
    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find(tiles)?;
    window.press(&["5"])?;
    window.find("[data-name='Good ones']")?;
    window.click("[data-name=Statesmen]")?;
    until("two are in it", || Ok(window.all(tiles)?.len() == 2))?;
    window.press(&["7"])?;
    eventually(
        "the history tells it",
        &window,
        "[data-testid=history]",
        "1 photo taken out of “Statesmen”",
    )
}

#[test]
fn a_person_has_other_names_and_a_birthday_and_settings_show_and_forget() -> Result<()> {
    let home = home()?;
    let window = looked_through(home.path())?;
    window.press(&["2"])?;
    window.type_into("[data-testid=group-name]", &format!("Barack{}", key::ENTER))?;
    window.click("[data-name=Barack]")?;
    window.click("[data-testid=tell]")?;
    window.type_into("[data-testid=aliases]", "Barry, Mr President")?;
    window.type_into(
        "[data-testid=birthday]",
        &format!("1961-08-04{}", key::ENTER),
    )?;
    eventually(
        "both are there",
        &window,
        "[data-testid=person-more]",
        "Also called Barry, Mr President. Born August 4, 1961",
    )?;
    // Found by his other name, and of an age on photos.
    window.type_into("[data-testid=search]", &format!("barry{}", key::ENTER))?;
    eventually(
        "he is found",
        &window,
        "[data-testid=understood]",
        "2 photos",
    )?;
    window.click("[data-testid=photo-tile]")?;
    window.press(&["i"])?;
    window.find("[data-testid=show-in-files]")?;
    let info = window.text("[data-testid=photo-info]")?;
    ensure!(info.contains("years"), "no age: {info}");
    window.press_each(&[key::ESCAPE, key::ESCAPE])?;

    // By day and by night, as one wants it.
    window.press(&["8"])?;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let light = window.run(ground, "")?;
    window.run(
        "document.querySelector(arguments[0]).click()",
        "[data-testid=look-dark]",
    )?;
    until("it is dark", || Ok(window.run(ground, "")? != light))?;
    window.run(
        "document.querySelector(arguments[0]).click()",
        "[data-testid=look-system]",
    )?;
    until("it is light", || Ok(window.run(ground, "")? == light))?;
    let device = "[data-testid=device]";
    let found = "The processor of this computer";
    eventually("it is found what runs", &window, device, found)?;
    eventually("and why", &window, device, "No graphics processor is used")?;
    let folder = window.text("[data-testid=storage-folder]")?;
    ensure!(folder.ends_with(".local/share/kith"), "{folder}");

    // All face data is deleted after a second word; the photos stay.
    window.click("[data-testid=forget]")?;
    window.click("[data-testid=forget-sure]")?;
    eventually(
        "it is said",
        &window,
        "[data-testid=toast]",
        "All face data is deleted",
    )?;
    window.press(&["2"])?;
    until("nobody is there", || {
        Ok(window
            .all("[data-testid=person], [data-testid=group]")?
            .is_empty())
    })?;
    window.press(&["1"])?;
    until("the photos are", || {
        Ok(window.all("[data-testid=photo-tile]")?.len() == 4)
    })?;
    for photo in PHOTOS {
        ensure!(home.path().join("Pictures").join(photo).is_file());
    }
    Ok(())
}

/// What is met by the way speaks German, too: a file that cannot be read, parts of a search, and what is
/// not understood or cannot be done.
fn german_by_the_way(window: &Window) -> Result<()> {
    window.press(&["j"])?;
    let failed = "[data-testid=failed]";
    eventually("why it is unread", window, failed, "das ist kein Bild")?;
    window.press(&[key::ESCAPE])?;
    let ask = |query: &str| -> Result<()> {
        window.press(&["/"])?;
        let clear = "const box = document.querySelector(arguments[0]); box.value = ''; box.dispatchEvent(new Event('input', { bubbles: true }))";
        window.run(clear, "[data-testid=search]")?;
        window.type_into("[data-testid=search]", &format!("{query}{}", key::ENTER))
    };
    let understood = "[data-testid=understood]";
    ask("barack or -barack faces:1+ camera:nikon")?;
    eventually("both", window, understood, "mit Barack, oder ohne Barack")?;
    eventually("how many", window, understood, "mit mindestens 1 Gesicht")?;
    eventually("the camera", window, understood, "aufgenommen mit „nikon“")?;
    ask("nonsense")?;
    let problem = "[data-testid=search-problem]";
    eventually("what is not", window, problem, "„nonsense“ ist kein Name")?;
    window.press_each(&[key::ESCAPE, key::ESCAPE])?;
    window.press(&[key::CONTROL, key::SHIFT, "z"])?;
    let toast = "[data-testid=toast]";
    eventually("no redo", window, toast, "Es gibt nichts zu wiederholen")
}

#[test]
fn german_is_spoken_once_it_is_chosen_also_after_a_restart() -> Result<()> {
    let home = home()?;
    fs::write(home.path().join("Pictures/letter.jpg"), "Dear diary")?;
    let window = looked_through(home.path())?;
    let nav = "[data-testid=nav-people] .name";
    let lang = |window: &Window| window.run("return document.documentElement.lang", "");
    eventually("it speaks as the system does", &window, nav, "People")?;
    ensure!(lang(&window)? == "en");
    window.press(&["8"])?;
    window.find("[data-testid=language-de]")?;
    window.run(PRESS, "[data-testid=language-de]")?;
    eventually("it speaks German", &window, nav, "Leute")?;
    ensure!(lang(&window)? == "de");
    let settings = window.text("[data-testid=settings]")?;
    ensure!(
        settings.contains("Alle Gesichtsdaten löschen"),
        "{settings}"
    );

    // What was done is said in German, too, after it and in the history.
    window.press(&["2"])?;
    window.type_into("[data-testid=group-name]", &format!("Barack{}", key::ENTER))?;
    let done = "2 Gesichter sind jetzt Barack";
    eventually("it is said", &window, "[data-testid=toast]", done)?;
    window.press_each(&[key::ESCAPE, "7"])?;
    eventually("it is told", &window, "[data-testid=history]", done)?;
    german_by_the_way(&window)?;

    // Pictures of what is long in German, for whoever looks at the screens.
    let shots = shots()?;
    for (look, name) in [("dark", "german-dark"), ("light", "german-light")] {
        window.press(&["8"])?;
        window.find(&format!("[data-testid=look-{look}]"))?;
        window.run(PRESS, &format!("[data-testid=look-{look}]"))?;
        let shot =
            |screen: &str| window.screenshot(&shots.join(format!("{name}-1280x800")).join(screen));
        shot("settings.png")?;
        window.press(&["2"])?;
        window.find("[data-testid=group]")?;
        shot("people.png")?;
        window.press_each(&[key::ESCAPE, "/"])?;
        window.press(&[key::CONTROL, "a"])?;
        window.press(&["o"])?;
        window.find("[role=listbox] [role=option]")?;
        shot("offers.png")?;
        window.press_each(&[key::ESCAPE, key::ESCAPE, key::ESCAPE, "1"])?;
        window.click("[data-testid=photo-tile]")?;
        window.press_each(&["f", "i"])?;
        window.find("[data-testid=photo-info]")?;
        shot("photo.png")?;
        window.press(&["?"])?;
        window.find("[data-testid=keys]")?;
        shot("keys.png")?;
        window.press_each(&[key::ESCAPE, key::ESCAPE])?;
    }
    drop(window);

    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    eventually("it still does", &window, nav, "Leute")?;
    window.press(&["8"])?;
    window.find("[data-testid=language-system]")?;
    window.run(PRESS, "[data-testid=language-system]")?;
    eventually("it speaks as the system does", &window, nav, "People")
}

#[test]
fn how_sure_kith_must_be_is_tried_used_and_taken_back() -> Result<()> {
    let (_home, window) = opened_on(&DOUBTFUL)?;
    window.press(&["8"])?;
    let (step, said) = ("[data-testid=sureness-step]", "[data-testid=sureness-said]");
    window.find(step)?;
    eventually("the step in use is said", &window, said, "As measured best")?;
    eventually("it is in use", &window, said, "In use")?;
    ensure!(window.all("[data-testid=sureness-use]")?.is_empty());

    // By keyboard to the other end: the library's own faces show what it would do.
    window.run(FOCUS, step)?;
    window.press_each(&[key::RIGHT, key::RIGHT])?;
    eventually("it is said", &window, said, "Very generous")?;
    eventually("something would change", &window, said, "put together with")?;
    let pairs = "[data-testid=sureness] .pairs li";
    let shown = window.all(pairs)?.len();
    ensure!((1..=12).contains(&shown), "{shown} pairs");
    ensure!(window.all(&format!("{pairs} img"))?.len() == 2 * shown);
    let people = || number_in(&window.text("[data-testid=nav-people] .count")?).context("nobody");
    let named = people()?;
    window.click("[data-testid=sureness-use]")?;
    let toast = "[data-testid=toast]";
    eventually("it is used", &window, toast, "put together very generously")?;
    eventually("it is in use", &window, said, "In use")?;
    ensure!(people()? == named, "names stay");
    window.press(&["7"])?;
    let newest = "[data-testid=decision]";
    eventually("the history tells it", &window, newest, "very generously")?;
    window.press(&[key::CONTROL, "z"])?;
    eventually("it is taken back", &window, toast, "Taken back")?;
    window.press(&["8"])?;
    eventually("as it was", &window, said, "As measured best")
}

#[test]
fn kith_learns_from_answers_by_itself_and_that_is_undone_chosen_and_kept() -> Result<()> {
    let (home, window) = opened_on(&TEACHING)?;
    let toast = "[data-testid=toast]";
    let settings = |window: &Window| {
        window.press(&["8"])?;
        window.find("[data-testid=learned-0]")
    };
    let used = |window: &Window, version: u32| -> Result<bool> {
        let used = format!("[data-testid=learned-{version}]:checked");
        Ok(!window.all(&used)?.is_empty())
    };
    let versions = "[data-testid=learned] input[type=radio]";
    settings(&window)?;
    ensure!(used(&window, 0)? && window.all(versions)?.len() == 1);

    // One more answer, and some seconds later it has learned, and says so wherever one is.
    window.press(&["2"])?;
    let zelda = format!("Zelda{}", key::ENTER);
    window.type_into("[data-testid=group-name]", &zelda)?;
    window.find("[data-name=Zelda]")?;
    let people = || number_in(&window.text("[data-testid=nav-people] .count")?).context("nobody");
    let named = people()?;
    let learned = || eventually("it is learned", &window, toast, "Learned from 19");
    learned().or_else(|_| learned()).or_else(|_| learned())?;
    let said = window.text(toast)?;
    let mistakes = said.split("had not seen: ").nth(1).context("no mistakes")?;
    let (before, after) = mistakes.split_once(" → ").context("no two numbers")?;
    let [before, after] = [before, after].map(number_in);
    ensure!(before > after && after.is_some(), "{said}");
    // Undo is on it.
    window.click("[data-testid=toast-undo]")?;
    eventually("it is undone", &window, toast, "Nothing that was learned")?;
    window.press(&[key::ESCAPE])?;
    settings(&window)?;
    until("none is used", || used(&window, 0))?;
    ensure!(window.all(versions)?.len() == 2, "it is there to be used");

    // Chosen by hand, and by itself no more.
    window.run(PRESS, "[data-testid=learned-1]")?;
    eventually("it is said", &window, toast, "Learned from 19")?;
    until("it is used", || used(&window, 1))?;
    ensure!(people()? == named, "names stay");
    window.screenshot(&shots()?.join("learned.png"))?;
    window.run(PRESS, "[data-testid=learns-by-itself]")?;
    drop(window);

    let window = Window::open(&program()?, home.path(), Look::PLAIN)?;
    window.find("[data-testid=photo-tile]")?;
    settings(&window)?;
    until("it is still used", || used(&window, 1))?;
    ensure!(
        window
            .all("[data-testid=learns-by-itself]:checked")?
            .is_empty()
    );
    // At once, on request: the same answers, so the same again.
    window.click("[data-testid=learn-now]")?;
    window.find("[data-testid=learning]")?;
    let again = || until("there is a new version", || used(&window, 2));
    again().or_else(|_| again()).or_else(|_| again())?;
    eventually("it is said", &window, toast, "Learned from 19")
}

/// A portrait in two more sizes beside it, and others: the first three are one.
fn copied_home() -> Result<tempfile::TempDir> {
    let home = home()?;
    let pictures = home.path().join("Pictures");
    let large = image::open(samples().join("biden.jpg"))?;
    for (name, by) in [("biden-sent.jpg", 2), ("biden-small.png", 4)] {
        let (width, height) = (large.width() / by, large.height() / by);
        large
            .resize_exact(width, height, image::imageops::FilterType::Triangle)
            .to_rgb8()
            .save(pictures.join(name))?;
    }
    Ok(home)
}

/// From a photo that is seen large with two more like it: zoomed as one, rated, and fewer.
fn see_side_by_side(window: &Window) -> Result<()> {
    window.press(&["c"])?;
    let compared = "[data-testid=compared]";
    until("three are side by side", || {
        Ok(window.all(compared)?.len() == 3)
    })?;
    let pictures = "[data-testid=compared] .stage img:first-child";
    window.press_each(&["+", "+"])?;
    until("all are larger, by as much", || {
        let boxes = window.boxes(pictures)?;
        let widths: Vec<f64> = boxes.iter().map(|area| area[2] - area[0]).collect();
        Ok(widths.len() == 3
            && widths
                .iter()
                .all(|width| (width - widths[0]).abs() < 4.0 && *width > 600.0))
    })?;
    let before = window.boxes(pictures)?;
    let middle = [(before[0][0] + 500.0).min(200.0), 400.0];
    window.drag(middle, [middle[0], middle[1] + 40.0])?;
    let after = window.boxes(pictures)?;
    let moved = |at: usize| after[at][1] - before[at][1];
    ensure!(moved(0).abs() > 20.0, "moved by {}", moved(0));
    ensure!((moved(0) - moved(2)).abs() < 3.0, "all move as one");
    window.find("[data-testid=compare-face]")?;
    window.press(&["f"])?;
    window.press(&[key::RIGHT])?;
    window.press(&["4"])?;
    eventually(
        "it has stars",
        window,
        "[data-testid=toast]",
        "1 photo with 4 stars",
    )?;
    window.press(&["x"])?;
    until("two are left", || Ok(window.all(compared)?.len() == 2))?;
    window.press(&[key::ESCAPE])?;
    window.press(&[key::ESCAPE])?;
    until("the photo is there again", || {
        Ok(window.all(compared)?.is_empty() && window.all("[data-testid=alike-photo]")?.len() == 3)
    })
}

#[test]
fn copies_are_one_unfold_and_are_seen_side_by_side() -> Result<()> {
    let home = copied_home()?;
    let window = looked_through(home.path())?;
    let tiles = "[data-testid=photo-tile]";
    let stack = "[data-testid=stack]";
    let has = |count: usize| {
        until(&format!("{count} photos are shown"), || {
            Ok(window.all(tiles)?.len() == count)
        })
    };
    has(4)?;
    ensure!(window.text(stack)?.trim() == "3", "one stands for three");
    ensure!(window.text("[data-testid=nav-photos]")?.contains('6'));

    // Those behind it come out by key and by mouse; a search shows them as one, too.
    let on_it = ".tile:has([data-testid=stack]) [data-testid=photo-tile]";
    window.run(FOCUS, on_it)?;
    window.press(&["o"])?;
    has(6)?;
    window.press(&["o"])?;
    has(4)?;
    window.run(PRESS, stack)?;
    has(6)?;
    window.run(PRESS, stack)?;
    has(4)?;
    window.type_into("[data-testid=search]", &format!("biden{}", key::ENTER))?;
    eventually(
        "all are found",
        &window,
        "[data-testid=understood]",
        "3 photos",
    )?;
    has(1)?;
    window.press_each(&[key::ESCAPE, key::ESCAPE, "1"])?;
    has(4)?;

    // Seen large, with the others beneath; by the arrows another of them.
    window.run(PRESS, on_it)?;
    let alike = "[data-testid=alike-photo]";
    until("they are beneath", || Ok(window.all(alike)?.len() == 3))?;
    let at = "return [...document.querySelectorAll(arguments[0])].findIndex((each) => each.getAttribute('aria-current') === 'true')";
    let first = window.run(at, alike)?.as_i64().context("none is seen")?;
    window.press(&[if first == 0 { key::DOWN } else { key::UP }])?;
    until("another is seen", || {
        Ok(window.run(at, alike)?.as_i64() != Some(first))
    })?;

    see_side_by_side(&window)?;
    window.press(&[key::ESCAPE])?;
    // The one with stars stands for all now.
    eventually(
        "the stars are seen",
        &window,
        ".tile:has([data-testid=stack])",
        "4 ★",
    )?;

    // All of them one by one, as a setting.
    window.press(&["8"])?;
    window.run(PRESS, "[data-testid=folding]")?;
    window.press(&["1"])?;
    has(6)?;

    // Chosen ones are compared, too.
    window.run(FOCUS, tiles)?;
    window.press(&[" "])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    window.press(&["c"])?;
    until("two are side by side", || {
        Ok(window.all("[data-testid=compared]")?.len() == 2)
    })?;
    window.press(&[key::ESCAPE])?;
    eventually(
        "they are still chosen",
        &window,
        "[data-testid=chosen-photos]",
        "2 chosen",
    )
}

#[test]
fn photos_are_dragged_onto_an_album() -> Result<()> {
    let home = home()?;
    let window = looked_through(home.path())?;
    let tiles = "[data-testid=photo-tile]";
    let said = |what: &str| eventually(what, &window, "[data-testid=toast]", what);
    until(
        "four photos are there",
        || Ok(window.all(tiles)?.len() == 4),
    )?;
    let middle = |css: &str, at: usize| -> Result<[f64; 2]> {
        let boxes = window.boxes(css)?;
        let area = boxes.get(at).context("it is not there")?;
        Ok([0, 1].map(|axis| f64::midpoint(area[axis], area[axis + 2])))
    };
    // A new album asks for its name. The shelf comes out at the left while one drags.
    window.drag(middle(tiles, 0)?, [150.0, 84.0])?;
    window.type_into("[data-testid=album-name]", &format!("Best{}", key::ENTER))?;
    said("1 photo added to “Best”")?;
    ensure!(window.all("[data-testid=shelf]")?.is_empty());

    // Two that are chosen go together, onto the album that is there now.
    window.run(FOCUS, tiles)?;
    window.press(&[" "])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    window.drag(middle(tiles, 1)?, [150.0, 148.0])?;
    said("2 photos added to “Best”")?;
    // Let go elsewhere, nothing happens, and nothing is opened.
    window.drag(middle(tiles, 2)?, [900.0, 700.0])?;
    ensure!(window.all("[data-testid=photo]")?.is_empty());
    window.press_each(&[key::ESCAPE, "5"])?;
    eventually(
        "the album has two",
        &window,
        "[data-testid=album]",
        "2 photos",
    )
}

#[test]
fn faces_are_dragged_onto_a_person() -> Result<()> {
    let (_home, window) = opened_on(&SURE)?;
    let (faces, toast) = ("[data-testid=face]", "[data-testid=toast]");
    let middle = |area: Option<&[f64; 4]>| -> Result<[f64; 2]> {
        let area = area.context("it is not there")?;
        Ok([0, 1].map(|axis| f64::midpoint(area[axis], area[axis + 2])))
    };
    let first = || middle(window.boxes(&format!("{faces} .face"))?.first());
    // The people come out at the right while one drags; the first of them is there.
    let first_spot = [1100.0, 88.0];
    window.press(&["2"])?;
    window.click("[data-name='Anna Berg']")?;
    window.find(faces)?;
    let all = window.all(faces)?.len();
    let has = |count: usize| {
        until(&format!("there are {count} faces"), || {
            Ok(window.all(faces)?.len() == count)
        })
    };
    window.drag(first()?, first_spot)?;
    eventually("it is said", &window, toast, "1 face is now ")?;
    has(all - 1)?;
    ensure!(window.all("[data-testid=shelf]")?.is_empty());
    window.press(&[key::CONTROL, "z"])?;
    has(all)?;
    // Let go elsewhere, nothing happens.
    window.drag(first()?, [700.0, 30.0])?;
    ensure!(window.all("[data-testid=photo]")?.is_empty());
    has(all)?;

    // A whole group, from the list of those without a name.
    window.press(&["2"])?;
    let (list, row) = ("[data-testid=people]", "[data-testid=group] .faces");
    window.find(list)?;
    window.run(
        "const s = document.querySelector(arguments[0]); s.scrollTop = s.scrollHeight",
        list,
    )?;
    window.find(row)?;
    window.drag(middle(window.boxes(row)?.last())?, first_spot)?;
    eventually("they are one", &window, toast, "Joined: ")
}

#[test]
fn photos_are_seen_by_folder() -> Result<()> {
    let home = home()?;
    let pictures = home.path().join("Pictures");
    fs::create_dir_all(pictures.join("2012/office"))?;
    fs::rename(
        pictures.join("obama.jpg"),
        pictures.join("2012/office/obama.jpg"),
    )?;
    fs::rename(pictures.join("biden.jpg"), pictures.join("2012/biden.jpg"))?;
    let window = looked_through(home.path())?;
    window.press(&["6"])?;
    let folders = "[data-testid=photo-folder]";
    until("all folders are there", || {
        Ok(window.all(folders)?.len() == 3)
    })?;
    let says = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText.replace(/\\s+/g, ' ').trim()).join('; ')";
    let said = window.run(says, folders)?;
    ensure!(
        said == "Pictures 4 photos; 2012 2 photos; office 1 photo",
        "{said}"
    );
    let tiles = "[data-testid=photo-tile]";
    for (folder, photos) in [("2012", 2), ("2012/office", 1)] {
        window.click(&format!("{folders}[title$='{folder}']"))?;
        let title = "[data-testid=folder-title]";
        let name = folder.rsplit('/').next().context("no name")?;
        eventually("it is open", &window, title, name)?;
        until("its photos are there", || {
            Ok(window.all(tiles)?.len() == photos)
        })?;
        window.press(&[key::ESCAPE])?;
        window.find(folders)?;
    }
    Ok(())
}

/// A home with a library of two folders: half of the photos in Pictures, the others on a disk, with the name
/// of the man who is on both.
fn home_with_disk() -> Result<tempfile::TempDir> {
    let home = home()?;
    let disk = home.path().join("media/Backup disk");
    fs::create_dir_all(&disk)?;
    let pictures = home.path().join("Pictures");
    for photo in ["obama2.jpg", "biden.jpg"] {
        fs::rename(pictures.join(photo), disk.join(photo))?;
    }
    let library = library_of(home.path())?;
    library.index(&[pictures, disk], &Control::new(), &mut |_| {})?;
    let faces = library.faces()?;
    let face = faces.iter().find(|face| face.path.ends_with("/obama.jpg"));
    let person = face.and_then(|face| face.person).context("he is found")?;
    let name = "Barack".into();
    library.decide(Action::Name { person, name }, SystemTime::now())?;
    Ok(home)
}

fn library_of(home: &Path) -> Result<Library> {
    Ok(Library::open(&home.join(".local/share/kith"))?)
}

#[test]
fn photos_on_a_disk_that_is_not_connected_are_dimmed_and_every_screen_says_so() -> Result<()> {
    let home = home_with_disk()?;
    fs::rename(home.path().join("media"), home.path().join("unplugged"))?;
    library_of(home.path())?.index(&[], &Control::new(), &mut |_| {})?;
    let axe = axe()?;
    for (width, height, dark) in [(1280, 800, false), (900, 600, true)] {
        let look = Look {
            width,
            height,
            dark,
        };
        let window = Window::open(&program()?, home.path(), look)?;
        let shots = shots()?.join(format!("away-{width}x{height}"));
        let shot = |name: &str| -> Result<()> {
            window.screenshot(&shots.join(name).with_extension("png"))?;
            let wrong = window.problems(&axe)?;
            ensure!(wrong.is_empty(), "{name}: {}", wrong.join("; "));
            Ok(())
        };
        let line = "[data-testid=away]";
        eventually(
            "all photos say so",
            &window,
            line,
            "2 of these photos are on “Backup disk”, which is not connected.",
        )?;
        let away = "[data-testid=tile-away]";
        until("both are dimmed", || Ok(window.all(away)?.len() == 2))?;
        shot("photos")?;
        window.click(&format!("[data-testid=photo-tile]:has({away})"))?;
        let small = "[data-testid=photo-away]";
        let says = "On “Backup disk”, which is not connected.";
        eventually("the photo says so", &window, small, says)?;
        shot("photo")?;
        window.press_each(&[key::ESCAPE, "2"])?;
        window.click("[data-name=Barack]")?;
        eventually(
            "his page says so",
            &window,
            line,
            "1 photo of Barack is on “Backup disk”, which is not connected.",
        )?;
        shot("person")?;
        window.press(&["/"])?;
        window.type_into("[data-testid=search]", &format!("barack{}", key::ENTER))?;
        window.find("[data-testid=understood]")?;
        eventually(
            "the search says so",
            &window,
            line,
            "1 of these photos is on",
        )?;
        window.press_each(&[key::ESCAPE, key::ESCAPE, "6"])?;
        eventually(
            "the folders say so",
            &window,
            "main",
            "Not connected: 2 photos",
        )?;
        shot("folders")?;
        window.press(&["8"])?;
        let setting = "[data-testid=away-folder]";
        eventually(
            "the settings say so",
            &window,
            setting,
            "“Backup disk” is not",
        )?;
        let show = "document.querySelector(arguments[0]).scrollIntoView()";
        window.run(show, "section[aria-labelledby=watch]")?;
        shot("settings-folders")?;
        window.run(show, "[data-testid=copies]")?;
        shot("settings-backups")?;
    }
    Ok(())
}

/// A second start of the window on one library gave a second window, with a second job beside the first.
#[test]
fn a_second_start_hands_its_folders_to_the_window_that_is_open() -> Result<()> {
    let home = home_with_disk()?;
    let program = program()?;
    let window = Window::open(&program, home.path(), Look::PLAIN)?;
    // Copies are shown as one: the side bar counts all.
    let has = |photos: u32| {
        let all = format!("Photos {photos}");
        eventually(
            "there are so many",
            &window,
            "[data-testid=nav-photos]",
            &all,
        )
    };
    has(4)?;
    ensure!(window.start_again(&program, home.path(), &[])?.success());
    has(4)?;
    // Another library has a window of its own.
    let other = empty_home()?;
    let second = Window::open(&program, other.path(), Look::PLAIN)?;
    second.find("[data-testid=use-pictures]")?;
    drop(second);

    // A folder that comes with the second start is looked through by the first. This one is the disk, whose
    // folder is elsewhere by now: the user says that it is not.
    let dialog = "[data-testid=moved-folder]";
    let open = |folder: &Path| window.start_again(&program, home.path(), &[folder]);
    let moved = home.path().join("moved/Backup disk");
    fs::create_dir(home.path().join("moved"))?;
    fs::rename(home.path().join("media/Backup disk"), &moved)?;
    ensure!(open(&moved)?.success());
    eventually(
        "it is asked",
        &window,
        dialog,
        "This is “Backup disk” at a new place. Take it over?",
    )?;
    window.screenshot(&shots()?.join("away-1280x800/moved-folder.png"))?;
    window.press(&[key::ESCAPE])?;
    until("it was cancelled", || Ok(window.all(dialog)?.is_empty()))?;
    eventually(
        "nothing runs",
        &window,
        "[data-testid=job-line]",
        "Up to date",
    )?;
    ensure!(library_of(home.path())?.folders()?.len() == 2);
    ensure!(open(&moved)?.success());
    window.click("[data-testid=moved-keep-apart]")?;
    has(6)?;
    let library = library_of(home.path())?;
    ensure!(library.folders()?.len() == 3);
    // Another one, whose folder is where it was, is simply added.
    let more = home.path().join("more");
    fs::create_dir(&more)?;
    fs::copy(samples().join("obama3.jpg"), more.join("obama3.jpg"))?;
    ensure!(open(&more)?.success());
    has(7)
}

/// With the keyboard alone: a wrong passphrase, then the right one.
#[test]
fn an_encrypted_library_asks_for_its_passphrase() -> Result<()> {
    const WRONG: &str = "[data-testid=unlock-wrong]";
    let home = home()?;
    let library = home.path().join(".local/share/kith");
    let folders = [home.path().join("Pictures")];
    Library::open(&library)?.index(&folders, &Control::new(), &mut |_| {})?;
    Library::encrypt(&library, "correct horse", &mut |_, _| ())?;
    let shots = shots()?.join("unlock");
    let mut wrong = Vec::new();
    let looks = [
        ("light", false, "not the passphrase"),
        // In German.
        ("dark", true, "Passwort ist falsch"),
    ];
    for (name, dark, is_wrong) in looks {
        let look = Look {
            width: 900,
            height: 600,
            dark,
        };
        let window = Window::open(&program()?, home.path(), look)?;
        let mut look_at = |what: &str| -> Result<()> {
            window.screenshot(&shots.join(format!("{name}-{what}.png")))?;
            wrong.extend(window.problems(&axe()?)?);
            Ok(())
        };
        window.find("[data-testid=unlock]")?;
        ensure!(window.text(WRONG)?.is_empty());
        ensure!(window.all("nav")?.is_empty());
        look_at("locked")?;
        window.press_each(&["o", "a", "k"])?;
        window.press(&[key::ENTER])?;
        eventually("it is wrong", &window, WRONG, is_wrong)?;
        look_at("wrong")?;
        // What is typed next replaces it.
        let letters: Vec<String> = "correct horse".chars().map(String::from).collect();
        window.press_each(&letters.iter().map(String::as_str).collect::<Vec<_>>())?;
        window.press(&[key::ENTER])?;
        window.find("[data-testid=photo-tile] img")?;
        look_at("unlocked")?;
        window.run("localStorage.setItem('language', arguments[0])", "de")?;
    }
    ensure!(wrong.is_empty(), "axe found:\n{}", wrong.join("\n"));
    Ok(())
}

/// In Settings: set, change and take away a passphrase while the window runs.
#[test]
fn a_library_is_encrypted_and_decrypted_in_settings() -> Result<()> {
    const WRONG: &str = "[data-testid=lock-wrong]";
    let home = home()?;
    let library = home.path().join(".local/share/kith");
    let folders = [home.path().join("Pictures")];
    Library::open(&library)?.index(&folders, &Control::new(), &mut |_| {})?;
    let key_file = library.join("encryption.json");
    let axe = axe()?;
    let shots = shots()?.join("unlock");
    let look = Look {
        width: 900,
        height: 600,
        dark: false,
    };
    let window = Window::open(&program()?, home.path(), look)?;
    window.find("[data-testid=photo-tile]")?;
    let look_at = |name: &str| -> Result<()> {
        window.run("document.querySelector('#lock').scrollIntoView()", "")?;
        window.screenshot(&shots.join(name).with_extension("png"))?;
        let wrong = window.problems(&axe)?;
        ensure!(wrong.is_empty(), "{name}: {}", wrong.join("; "));
        Ok(())
    };
    window.click("[data-testid=nav-settings]")?;
    window.click("[data-testid=lock-encrypt]")?;
    window.type_into("[data-testid=lock-new]", "correct horse")?;
    window.type_into("[data-testid=lock-again]", &format!("wrong{}", key::ENTER))?;
    eventually("they differ", &window, WRONG, "differ")?;
    look_at("settings-differ")?;
    ensure!(!key_file.exists());
    window.run(
        "document.querySelector(arguments[0]).select()",
        "[data-testid=lock-again]",
    )?;
    window.type_into(
        "[data-testid=lock-again]",
        &format!("correct horse{}", key::ENTER),
    )?;
    window.find("[data-testid=lock-change]")?;
    look_at("settings-locked")?;
    ensure!(key_file.exists());
    ensure!(Library::needs_passphrase(&library)?);
    // The window goes on with it.
    window.click("[data-testid=nav-people]")?;
    window.find("[data-testid=group]")?;
    window.click("[data-testid=nav-photos]")?;
    window.find("[data-testid=photo-tile] img")?;
    drop(Library::open_with(&library, Some("correct horse"))?);

    window.click("[data-testid=nav-settings]")?;
    window.click("[data-testid=lock-change]")?;
    window.type_into("[data-testid=lock-old]", "wrong")?;
    window.type_into("[data-testid=lock-new]", "battery")?;
    window.type_into(
        "[data-testid=lock-again]",
        &format!("battery{}", key::ENTER),
    )?;
    eventually("it is wrong", &window, WRONG, "not the passphrase")?;
    look_at("settings-wrong")?;
    window.run(
        "document.querySelector(arguments[0]).select()",
        "[data-testid=lock-old]",
    )?;
    window.type_into(
        "[data-testid=lock-old]",
        &format!("correct horse{}", key::ENTER),
    )?;
    window.find("[data-testid=lock-change]")?;
    drop(Library::open_with(&library, Some("battery"))?);

    window.click("[data-testid=lock-decrypt]")?;
    window.type_into("[data-testid=lock-old]", &format!("battery{}", key::ENTER))?;
    window.find("[data-testid=lock-encrypt]")?;
    ensure!(!key_file.exists());
    window.click("[data-testid=nav-people]")?;
    window.find("[data-testid=group]")?;
    drop(Library::open(&library)?);
    Ok(())
}

#[test]
fn a_damaged_library_is_restored_from_one_of_its_backups() -> Result<()> {
    let home = home_with_disk()?;
    let library = library_of(home.path())?;
    library.back_up_daily()?;
    drop(library);
    let catalog = home.path().join(".local/share/kith/catalog.sqlite");
    let mut bytes = fs::read(&catalog)?;
    for byte in &mut bytes[4096..12288] {
        *byte = 0x5a;
    }
    fs::write(&catalog, bytes)?;
    let look = Look {
        width: 900,
        height: 600,
        dark: false,
    };
    let window = Window::open(&program()?, home.path(), look)?;
    let restore = "[data-testid=restore-copy]";
    window.find(restore)?;
    window.screenshot(&shots()?.join("away-900x600/damaged.png"))?;
    let wrong = window.problems(&axe()?)?;
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    window.click(restore)?;
    eventually("it is asked again", &window, restore, "Yes, restore it")?;
    window.click(restore)?;
    until("all photos are back", || {
        Ok(window.all("[data-testid=photo-tile]")?.len() == 4)
    })?;
    window.press(&["2"])?;
    window.find("[data-name=Barack]").map(drop)
}

#[test]
fn a_folder_at_a_new_place_is_taken_over_and_one_that_is_removed_comes_back() -> Result<()> {
    let home = home_with_disk()?;
    fs::rename(home.path().join("media"), home.path().join("moved"))?;
    let program = program()?;
    let window = Window::open(&program, home.path(), Look::PLAIN)?;
    let tiles = "[data-testid=photo-tile]";
    let has = |photos: usize| {
        until(&format!("there are {photos} photos"), || {
            Ok(window.all(tiles)?.len() == photos)
        })
    };
    has(4)?;
    let moved = home.path().join("moved/Backup disk");
    ensure!(
        window
            .start_again(&program, home.path(), &[&moved])?
            .success()
    );
    window.click("[data-testid=moved-take-over]")?;
    until("all can be reached", || {
        let folders = library_of(home.path())?.folders()?;
        Ok(folders.len() == 2
            && folders
                .iter()
                .all(|folder| folder.away == 0 && folder.present))
    })?;
    has(4)?;

    // Removed, and back at once.
    window.press(&["6"])?;
    let remove = "[data-testid=remove-folder]:not(:disabled)";
    until("both can be removed", || Ok(window.all(remove)?.len() == 2))?;
    window.click(&format!("{remove}[aria-label*=moved]"))?;
    let toast = "[data-testid=toast]";
    eventually("it is said", &window, toast, "Folder removed: ")?;
    window.press(&["1"])?;
    has(2)?;
    window.click("[data-testid=toast-undo]")?;
    has(4)?;
    window.press(&["7"])?;
    eventually("the history has it", &window, "main", "Folder removed: ")
}

#[test]
fn places_on_the_map_and_in_the_list_show_their_photos() -> Result<()> {
    // Without any, it is said what would help.
    let nowhere = home()?;
    let window = looked_through(nowhere.path())?;
    window.press(&["4"])?;
    let none = "[data-testid=no-places]";
    eventually("nothing is there", &window, none, "No places yet")?;
    window.screenshot(&shots()?.join("places-empty.png"))?;
    let found = window.problems(&axe()?)?;
    ensure!(found.is_empty(), "axe found:\n{}", found.join("\n"));
    drop(window);

    let home = empty_home()?;
    make_journeys(&home.path().join("Pictures"), &samples())?;
    let window = looked_through(home.path())?;
    let tiles = "[data-testid=photo-tile]";
    until("six photos are there", || Ok(window.all(tiles)?.len() == 6))?;
    window.click("[data-testid=nav-places]")?;
    let list = "[data-testid=places]";
    eventually("countries are there", &window, list, "Norway 3")?;
    let text = window.text(list)?;
    ensure!(
        text.contains("United States 1") && text.contains("Far from any town 1"),
        "{text}"
    );
    until("so is the map", || {
        let lands = window.all("[data-testid=map] path")?.len();
        Ok(lands > 50 && window.all("[data-testid=dot]")?.len() >= 3)
    })?;

    // By keyboard: the country opens, and a town in it is chosen.
    let shown = |count: usize, title: &str| {
        until(&format!("{title} is shown"), || {
            Ok(window.all(tiles)?.len() == count
                && window.text("[data-testid=place-title]")? == title)
        })
    };
    window.run(FOCUS, "[data-testid=country]")?;
    window.press_each(&[key::RIGHT, key::RIGHT, key::ENTER])?;
    shown(2, "Oslo, Norway")?;
    window.press(&[key::LEFT])?;
    window.press(&[key::ENTER])?;
    shown(3, "Norway")?;

    // By mouse: a dot of the map; Esc goes back.
    let dot = "[data-testid=dot][aria-label^='Bergen']";
    let mut before = Vec::new();
    until("Bergen is a dot of its own, and the map rests", || {
        let now = window.boxes(dot)?;
        let rests = now.len() == 1 && now == before;
        before = now;
        Ok(rests)
    })?;
    window.click(dot)?;
    shown(1, "Bergen, Norway")?;
    window.find("[data-testid=town][data-name=Bergen][aria-selected=true]")?;
    window.press(&[key::ESCAPE])?;
    until("no photos are shown", || Ok(window.all(tiles)?.is_empty()))?;

    // From dot to dot with the arrows, and Enter.
    window.run(FOCUS, "[data-testid=map]")?;
    window.press(&["0"])?;
    let york = "[data-testid=dot][aria-label^='New York']";
    window.find(york)?;
    window.run(FOCUS, york)?;
    window.press(&[key::ENTER])?;
    shown(1, "New York City, United States")?;

    // A photo names its place, which leads to the search for it.
    window.click(tiles)?;
    window.press(&["i"])?;
    let told = "[data-testid=photo-place]";
    eventually("its place is named", &window, told, "New York City")?;
    window.click("[data-testid=photo-place] .link")?;
    let understood = "[data-testid=understood]";
    eventually("it is found", &window, understood, "in New York City")?;

    // Places are offered behind their key, and each part can be left out.
    window.press(&["/"])?;
    let clear = "const box = document.querySelector(arguments[0]); box.value = ''; box.dispatchEvent(new Event('input', { bubbles: true }))";
    window.run(clear, "[data-testid=search]")?;
    window.type_into("[data-testid=search]", "in:nor")?;
    eventually(
        "Norway is offered",
        &window,
        "#search-names",
        "in:Norway 3 photos",
    )?;
    window.press_each(&[key::DOWN, key::ENTER])?;
    until("Norway is found", || {
        let text = window.text(understood)?;
        Ok(text.contains("in Norway") && number_in(&text) == Some(3))
    })
}

/// Names that one types, as they come to mind.
const TWENTY: [&str; 20] = [
    "Bea", "Ben", "Carla", "Dimitri", "Elif", "Farid", "Grandma", "Hannes", "Ines", "Jonas",
    "Kaito", "Leonie", "Marta", "Noah", "Olga", "Paul", "Quentin", "Rosa", "Samuel", "Tamara",
];

/// What naming takes, in keys and clicks; docs/window.md has the figures.
#[test]
fn naming_twenty_people_takes_their_names_and_enter() -> Result<()> {
    let (_home, window) = opened_on(&Crowd {
        people: 150,
        faces_each: 12,
        named: 1,
        doubtful: 0,
        photos: 2000,
        noisy: false,
    })?;
    let began = std::time::Instant::now();
    window.press(&["2"])?;
    let mut keys = 1;
    let focused = "return document.activeElement.dataset.testid ?? ''";
    for name in TWENTY {
        until("the cursor waits in a field", || {
            Ok(window.run(focused, "")? == "group-name")
        })?;
        for letter in name.chars() {
            window.press(&[&letter.to_string()])?;
            keys += 1;
        }
        window.press(&[key::ENTER])?;
        keys += 1;
        window.find(&format!("[data-name={name}]"))?;
    }
    let letters: usize = TWENTY.iter().map(|name| name.len()).sum();
    println!(
        "20 people named with {keys} keys and no click, in {:.0} s of a machine's typing",
        began.elapsed().as_secs_f64()
    );
    ensure!(keys == letters + 21, "{keys} keys for {letters} letters");
    window.press(&[key::ESCAPE])?;
    window.press(&["7"])?;
    until("the history tells all of them", || {
        Ok(window.all("[data-testid=decision]")?.len() >= 21)
    })
}

/// axe, which looks for what people with other eyes and hands would stumble over.
fn axe() -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/node_modules/axe-core/axe.min.js");
    fs::read_to_string(&file)
        .with_context(|| format!("the front end's packages are not there: {}", file.display()))
}

fn see_albums_and_settings(
    window: &Window,
    look_at: &mut dyn FnMut(&Window, &str) -> Result<()>,
) -> Result<()> {
    window.press(&["4"])?;
    window.find("[data-testid=map] path")?;
    until("there are dots", || {
        Ok(window.all("[data-testid=dot]")?.len() > 3)
    })?;
    look_at(window, "places")?;
    window.click("[data-testid=country]")?;
    window.find("[data-testid=photo-tile]")?;
    look_at(window, "places-chosen")?;
    window.press(&["5"])?;
    window.find("[data-testid=album]")?;
    look_at(window, "albums")?;
    window.click("[data-testid=album]")?;
    window.find("[data-testid=photo-tile]")?;
    window.run(FOCUS, "[data-testid=photo-tile]")?;
    window.press(&[" "])?;
    window.press(&[key::SHIFT, key::RIGHT])?;
    window.press(&["c"])?;
    window.find("[data-testid=clearest], [data-testid=compared] .face")?;
    look_at(window, "compare")?;
    window.press_each(&[key::ESCAPE, "a"])?;
    window.find("[data-testid=album-name]")?;
    look_at(window, "photos-chosen")?;
    window.press_each(&[key::ESCAPE, key::ESCAPE, "8"])?;
    window.find("[data-testid=device-found]")?;
    look_at(window, "settings")?;
    // It is longer than the window.
    let to_end = "const s = document.querySelector(arguments[0]); s.scrollTop = s.scrollHeight";
    window.run(to_end, "[data-testid=settings]")?;
    look_at(window, "settings-end")
}

fn see_a_person(
    window: &Window,
    look_at: &mut dyn FnMut(&Window, &str) -> Result<()>,
) -> Result<()> {
    window.click("[data-testid=person]")?;
    window.find("[data-testid=face]")?;
    look_at(window, "person")?;
    window.run(FOCUS, "[data-testid=face] .face")?;
    window.press(&[" "])?;
    window.find("[data-testid=chosen-faces]")?;
    look_at(window, "person-chosen")?;
    window.press_each(&[key::ESCAPE, "t"])?;
    window.find("[data-testid=split-leave] li")?;
    look_at(window, "person-split")?;
    window.press(&[key::ESCAPE])
}

/// The web view gave itself a thread before all others, which kept the one that it waited for from running,
/// and no frame came for a second.
#[test]
fn no_thread_of_the_window_comes_before_all_others() -> Result<()> {
    let program = program()?;
    let home = home()?;
    let window = Window::open(&program, home.path(), Look::PLAIN)?;
    window.find("[data-testid=use-pictures]")?;
    let mut looked_at = 0;
    for pid in of_program(&program)? {
        // Windows of other tests may end meanwhile.
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let Ok(stat) = stat(thread.path()) else {
                continue;
            };
            looked_at += 1;
            let policy: u32 = stat[38].parse()?;
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            // SCHED_FIFO and SCHED_RR.
            ensure!(policy != 1 && policy != 2, "{name} has policy {policy}");
        }
    }
    ensure!(looked_at > 10, "{looked_at} threads");
    Ok(())
}

/// Goes to every screen; leaves a picture of each in `target/screenshots`, and lets axe look at it.
#[test]
fn every_screen_can_be_used_by_everybody_by_day_and_by_night() -> Result<()> {
    let axe = axe()?;
    let shots = shots()?;
    let crowded = crowded_home(&DOUBTFUL)?;
    put_into_albums(crowded.path())?;
    let empty = empty_home()?;
    let mut wrong = Vec::new();
    for (width, height) in [(1280, 800), (2560, 1440)] {
        for dark in [false, true] {
            let look = Look {
                width,
                height,
                dark,
            };
            let dir = shots.join(format!(
                "{}-{width}x{height}",
                if dark { "dark" } else { "light" }
            ));
            let mut look_at = |window: &Window, name: &str| -> Result<()> {
                window.screenshot(&dir.join(name).with_extension("jpg"))?;
                // The sizes differ in nothing that axe looks at.
                if width == 1280 {
                    let found = window.problems(&axe)?;
                    wrong.extend(
                        found
                            .into_iter()
                            .map(|line| format!("{name}, dark {dark}: {line}")),
                    );
                }
                Ok(())
            };
            let window = Window::open(&program()?, empty.path(), look)?;
            window.find("[data-testid=use-pictures]")?;
            look_at(&window, "first-run")?;
            drop(window);
            let window = Window::open(&program()?, crowded.path(), look)?;
            window.find("[data-testid=photo-tile]")?;
            look_at(&window, "photos")?;
            window.click("[data-testid=photo-tile]")?;
            window.press_each(&["f", "i"])?;
            window.find("[data-testid=photo-info]")?;
            look_at(&window, "photo")?;
            window.press(&["d"])?;
            window.press(&[key::ENTER])?;
            window.find("[data-testid=drawn-name]")?;
            look_at(&window, "photo-drawing")?;
            window.press_each(&[key::ESCAPE, key::ESCAPE, key::ESCAPE])?;
            until("the photo is closed", || {
                Ok(window.all("[data-testid=photo]")?.is_empty())
            })?;
            window.press(&["2"])?;
            window.find("[data-testid=person]")?;
            look_at(&window, "people")?;
            window.run(
                "document.querySelector(arguments[0]).focus()",
                "[data-testid=person]",
            )?;
            window.press(&[" "])?;
            window.press(&[key::SHIFT, key::RIGHT])?;
            window.find("[data-testid=chosen]")?;
            look_at(&window, "people-chosen")?;
            window.press(&[key::ESCAPE])?;
            see_a_person(&window, &mut look_at)?;
            window.press(&["3"])?;
            window.find("[data-testid=review-outline]")?;
            look_at(&window, "review")?;
            window.press(&["6"])?;
            window.find("[data-testid=choose-folders]")?;
            look_at(&window, "folders")?;
            window.press(&["7"])?;
            window.find("[data-testid=decision]")?;
            look_at(&window, "history")?;
            see_albums_and_settings(&window, &mut look_at)?;
            window.press(&["/"])?;
            window.type_into(
                "[data-testid=search]",
                &format!("anna or ben{}", key::ENTER),
            )?;
            window.find("[data-testid=chip]")?;
            look_at(&window, "search")?;
            window.press_each(&[key::ESCAPE, key::ESCAPE, "j"])?;
            look_at(&window, "jobs")?;
            window.press(&["?"])?;
            window.find("[data-testid=keys]")?;
            look_at(&window, "keys")?;
        }
    }
    ensure!(wrong.is_empty(), "axe found:\n{}", wrong.join("\n"));
    Ok(())
}
