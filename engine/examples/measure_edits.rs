//! Measures how surely an edited photo is told from another one: `measure_edits DIR [PHOTOS]`, with
//! `DIR/PERSON/photo`.
//!
//! Each photo is compared with crops of itself, brighter, turned and saved anew, and with the other photos of
//! the same person, which are the most like it.

use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, ImageFormat, RgbImage};
use kith_engine::photo::alignment;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().expect("a folder of people"));
    let most = arguments
        .next()
        .map_or(500, |number| number.parse().expect("a number"));
    let mut people: Vec<PathBuf> = read(&dir);
    people.sort();
    let photos: Vec<Vec<PathBuf>> = people.iter().map(|person| read(person)).collect();
    let mut lot = fastrand_like(7);
    let (mut tried, mut told, mut turned) = (0, 0, 0);
    for photo in photos.iter().flatten().step_by(7).take(most) {
        let whole = open(photo);
        let share = 0.6 + 0.35 * lot();
        let (width, height) = (
            (whole.width() as f32 * share) as u32,
            (whole.height() as f32 * share) as u32,
        );
        let left = ((whole.width() - width) as f32 * lot()) as u32;
        let top = ((whole.height() - height) as f32 * lot()) as u32;
        let crop = whole.crop_imm(left, top, width, height);
        let crop = crop
            .brighten((lot() * 60.0) as i32 - 30)
            .adjust_contrast(lot() * 30.0 - 15.0);
        tried += 1;
        told += u32::from(alignment(&whole.to_rgb8(), &saved(&crop)).is_some());
        turned += u32::from(alignment(&whole.to_rgb8(), &saved(&crop.rotate90())).is_some());
    }
    println!(
        "crops to 60 to 95 % of each side: {told} of {tried} are edits; turned, too: {turned}"
    );
    let (mut pairs, mut wrong) = (0, 0);
    for of_one in photos.iter().filter(|of_one| of_one.len() > 1).step_by(5) {
        for (at, one) in of_one.iter().enumerate().take(2) {
            for other in of_one.iter().skip(at + 1).take(2) {
                if pairs < most {
                    pairs += 1;
                    if alignment(&open(one).to_rgb8(), &open(other).to_rgb8()).is_some() {
                        wrong += 1;
                        println!("taken for an edit: {} {}", one.display(), other.display());
                    }
                }
            }
        }
    }
    println!("pairs of photos of one person: {wrong} of {pairs} are taken for edits");
}

fn read(dir: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn open(path: &std::path::Path) -> DynamicImage {
    image::open(path).expect("a photo")
}

fn saved(picture: &DynamicImage) -> RgbImage {
    let mut file = Cursor::new(Vec::new());
    let picture = DynamicImage::from(picture.to_rgb8());
    picture
        .write_to(&mut file, ImageFormat::Jpeg)
        .expect("encodes");
    image::load_from_memory(file.get_ref())
        .expect("decodes")
        .to_rgb8()
}

/// Numbers from 0 to 1, the same every time (xorshift).
fn fastrand_like(mut state: u64) -> impl FnMut() -> f32 {
    state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    }
}
