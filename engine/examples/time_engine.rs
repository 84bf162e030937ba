//! One piece of the engine's work per line of standard input: how `./dev bench` times Kith beside
//! others.
//!
//! `time_engine decode FILE SIDE` reads a photo with a long side of at most SIDE, as for the window;
//! `time_engine decode-with-image FILE SIDE` does the same with the crate `image` alone. Their answer
//! is the mean colour of 16 × 16 cells. `time_engine neighbours FILE` finds the nearest others of
//! points of 128 numbers (little-endian f32), from nothing; its answer are the neighbours of every
//! hundredth point, by their numbers. The answer is the first line printed. After that, every line of
//! input starts one run and is answered with the milliseconds that it took.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use image::RgbImage;
use image::imageops::{self, FilterType};
use kith_engine::index::FaceIndex;
use kith_engine::photo;
use kith_models::{Code, EMBEDDING_LEN, Embedding};

/// As in Kith's programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cells of the answer, across and down.
const CELLS: u32 = 16;
/// Every so manyeth point's neighbours are told.
const TOLD: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["decode", file, side] => {
            let side = side.parse()?;
            let read = || Ok(photo::decode(Path::new(file), side)?.pixels);
            answer(read, cells)
        }
        ["decode-with-image", file, side] => {
            let side = side.parse()?;
            let read = || Ok(image::open(file)?.thumbnail(side, side).into_rgb8());
            answer(read, cells)
        }
        ["neighbours", file] => {
            let bytes = fs::read(file)?;
            let numbers: Vec<f32> = bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|of| f32::from_le_bytes(*of))
                .collect();
            let points: &[Embedding] = numbers.as_chunks::<EMBEDDING_LEN>().0;
            let index = || {
                let codes: Vec<Code> = points.iter().map(Code::of).collect();
                let mut index = FaceIndex::in_memory();
                index.update(&codes)?;
                Ok((index, codes))
            };
            answer(index, |(index, codes)| neighbours(index, codes))
        }
        _ => Err(
            "time_engine decode FILE SIDE, decode-with-image FILE SIDE, or neighbours FILE".into(),
        ),
    }
}

/// Runs once and prints the answer, then once a line.
fn answer<T>(
    run: impl Fn() -> Result<T, Box<dyn Error>>,
    told: impl Fn(&T) -> Vec<f32>,
) -> Result<(), Box<dyn Error>> {
    let numbers: Vec<String> = told(&run()?).iter().map(f32::to_string).collect();
    let mut out = io::stdout();
    writeln!(out, "{}", numbers.join(" "))?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        run()?;
        writeln!(out, "{}", start.elapsed().as_secs_f64() * 1e3)?;
        out.flush()?;
    }
    Ok(())
}

fn cells(pixels: &RgbImage) -> Vec<f32> {
    let cells = imageops::resize(pixels, CELLS, CELLS, FilterType::Triangle);
    cells
        .as_raw()
        .iter()
        .map(|value| f32::from(*value))
        .collect()
}

/// The numbers of the nearest others of every hundredth point, one point after the other. Of points
/// that have one code, the last is told.
fn neighbours(index: &FaceIndex, codes: &[Code]) -> Vec<f32> {
    let at_point: HashMap<u32, usize> = codes
        .iter()
        .enumerate()
        .filter_map(|(number, code)| Some((index.point(code)?, number)))
        .collect();
    let points = codes
        .iter()
        .step_by(TOLD)
        .filter_map(|code| index.point(code));
    points
        .flat_map(|point| index.neighbours(point))
        .filter_map(|(other, _)| at_point.get(other))
        .map(|number| *number as f32)
        .collect()
}
