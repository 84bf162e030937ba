//! The main journey in the real window: a folder, faces, a name, a search, a photo.

mod webdriver;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use webdriver::{Window, key, until};

/// Two photos of one man, one each of two others.
const PHOTOS: [&str; 4] = ["obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"];

/// `target/release`, where this test and the program lie.
fn release_dir() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .context("this test lies nowhere")
}

/// A home with a Pictures folder, as a desktop sets it up.
fn home() -> Result<tempfile::TempDir> {
    let home = tempfile::tempdir()?;
    let pictures = home.path().join("Pictures");
    fs::create_dir_all(&pictures)?;
    fs::create_dir_all(home.path().join(".config"))?;
    fs::write(
        home.path().join(".config/user-dirs.dirs"),
        "XDG_PICTURES_DIR=\"$HOME/Pictures\"\n",
    )?;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("photos");
    for photo in PHOTOS {
        fs::copy(samples.join(photo), pictures.join(photo))
            .with_context(|| format!("the sample photo {photo} is missing"))?;
    }
    Ok(home)
}

#[test]
fn from_a_folder_to_a_name_to_a_search_to_a_photo() -> Result<()> {
    let release = release_dir()?;
    let program = release.join("kith-app");
    ensure!(
        program.is_file(),
        "{} is not built: ./dev test builds it first",
        program.display()
    );
    let shots = release
        .parent()
        .context("no target folder")?
        .join("screenshots");
    let home = home()?;
    let window = Window::open(&program, home.path())?;
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
