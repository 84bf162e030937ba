//! Changes sound inputs: bytes, numbers, lengths, order, and parts of one put into another.

use fastrand::Rng;

/// Longest input, in bytes; what grows with the input shows at this length.
const MAX_LENGTH: usize = 1 << 20;

/// Numbers at which programs err.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    7,
    8,
    16,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// A sound input after up to 16 mutations, few of them most often.
pub fn mutated(corpus: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let pick = |random: &mut Rng| corpus.get(random.usize(..corpus.len().max(1)));
    let mut bytes = pick(random).cloned().unwrap_or_default();
    for _ in 0..1_usize << random.u32(0..=4) {
        let other = pick(random);
        mutate(&mut bytes, other.map_or(&[], Vec::as_slice), random);
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

/// A place, more often near the beginning, where headers are.
fn place(length: usize, random: &mut Rng) -> usize {
    let up_to = match random.u8(..3) {
        0 => length,
        1 => length.min(512),
        _ => length.min(64),
    };
    if up_to == 0 { 0 } else { random.usize(..up_to) }
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    let at = place(bytes.len(), random);
    let length = bytes.len();
    match random.u8(..13) {
        0 if length > 0 => bytes[at] ^= 1 << random.u8(..8),
        1 | 2 if length > 0 => bytes[at] = random.u8(..),
        // A number, in either order of its bytes.
        3 | 4 => {
            let wide = 1 << random.u32(0..=3);
            let number = NUMBERS[random.usize(..NUMBERS.len())];
            let number = if random.bool() {
                number.wrapping_add(random.u64(..16))
            } else {
                number
            };
            let mut number = number.to_le_bytes()[..wide].to_vec();
            if random.bool() {
                number.reverse();
            }
            for (byte, new) in bytes.iter_mut().skip(at).zip(number) {
                *byte = new;
            }
        }
        // One more or less.
        5 if length > 0 => {
            let by = random.u8(1..=8);
            bytes[at] = if random.bool() {
                bytes[at].wrapping_add(by)
            } else {
                bytes[at].wrapping_sub(by)
            };
        }
        6 => bytes.truncate(at),
        // A part is left out.
        7 if length > 0 => {
            let end = (at + 1 + place(length - at, random)).min(length);
            bytes.drain(at..end);
        }
        // A part is there again, once or many times.
        8 if length > 0 => {
            let end = (at + 1 + place((length - at).min(4096), random)).min(length);
            let part = bytes[at..end].to_vec();
            let most = (MAX_LENGTH / part.len()).max(1);
            let times = match random.u8(..4) {
                0 => random.usize(1..=most.min(20_000)),
                _ => random.usize(1..=most.min(8)),
            };
            bytes.splice(at..at, part.repeat(times));
        }
        // A part of another.
        9 if !other.is_empty() => {
            let from = place(other.len(), random);
            let end = (from + 1 + place(other.len() - from, random)).min(other.len());
            bytes.splice(at..at, other[from..end].iter().copied());
        }
        // Its end is another's.
        10 if !other.is_empty() => {
            bytes.truncate(at);
            bytes.extend(&other[place(other.len(), random)..]);
        }
        11 => {
            let count = random.usize(1..=64);
            let new: Vec<u8> = (0..count).map(|_| random.u8(..)).collect();
            bytes.splice(at..at, new);
        }
        12 if length > 0 => {
            let end = (at + random.usize(1..=256)).min(length);
            let with = [0, 0xff, b'0', random.u8(..)][random.usize(..4)];
            bytes[at..end].fill(with);
        }
        _ => bytes.push(random.u8(..)),
    }
}
