//! Kith's end: starts the worker, tries it, asks it, and ends it when it is of no use.
//!
//! A thread writes what is asked and another reads what is answered, so that the next pixels are on
//! their way while the worker works, and nobody waits for a pipe longer than they want to.

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use kith_models::{Accelerator, Crop, Detection, Detector, Embedder, Embedding, RgbView, distance};

use crate::frames::{self, Answer, Ask, DETECTION_LEN, Hello, What};

/// As long as one waits for the worker to say something. A driver may have to compile its programs for
/// the device first, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A face of 160 x 160 pixels that the worker must see as the processor does: President Obama's
/// official portrait, in the public domain.
const TRIED_FACE: &[u8] = include_bytes!("../../models/tests/data/crop-obama.png");
/// How far its embedding may be from the processor's, as squared distance. Products of bf16 numbers come
/// to 3e-5, and those of f16 are closer; two photos of one person are some thousand times as far apart.
const EMBEDDING_TOLERANCE: f32 = 1e-4;
/// How far a side of its box or a landmark may be, in pixels of the crop.
const PIXEL_TOLERANCE: f32 = 0.5;
/// How far its score may be.
const SCORE_TOLERANCE: f32 = 0.01;
/// Least score of a face in the trial.
const TRIAL_THRESHOLD: f32 = 0.5;

/// Why a worker is of no use: why the networks run on the processor.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The system did not start it.
    #[error("kith-worker could not be started ({0})")]
    NotStarted(std::io::Error),
    /// It said nothing.
    #[error(
        "kith-worker ended before it said what it found; where the driver of the graphics processor \
         is missing it cannot start"
    )]
    Ended,
    /// It was stopped, or hangs.
    #[error("kith-worker said nothing for {} seconds", PATIENCE.as_secs())]
    Silent,
    /// It is another's.
    #[error("kith-worker is of another version; reinstall Kith")]
    OtherVersion,
    /// There is no device, or it cannot be used.
    #[error("{0}")]
    NoDevice(String),
    /// The networks run, and wrongly.
    #[error("the {device} gave wrong answers: {reason}")]
    WrongAnswers {
        /// What it says it is.
        device: String,
        /// How wrong they are.
        reason: String,
    },
    /// The networks of the processor, which the trial is against.
    #[error("the networks could not be tried on the processor ({0})")]
    Processor(#[from] kith_models::Error),
}

/// A worker that runs, and whose networks see what the processor's see.
///
/// Its answers are `None` as soon as anything is wrong with it, then and ever after, and the worker is
/// ended: whoever asks does the work on the processor.
pub struct Client {
    device: String,
    ask: Sender<Question>,
    number: AtomicU64,
    link: Arc<Link>,
}

struct Question {
    ask: Ask,
    pixels: Vec<u8>,
    answer: Sender<Heard>,
}

/// An answer and its bytes.
type Heard = (Answer, Vec<u8>);

/// What the threads of a client share.
struct Link {
    worker: Mutex<Child>,
    /// Why it is of no use any more.
    lost: OnceLock<String>,
}

impl Link {
    /// Ends the worker, even one that was stopped, and with it both threads and all who wait.
    fn lose(&self, reason: impl Into<String>) {
        let _ = self.lost.set(reason.into());
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = worker.kill();
        let _ = worker.wait();
    }
}

impl Client {
    /// Starts the worker, and tries its networks against those of the processor. Takes some seconds.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn start(
        command: &mut Command,
        detector: &Detector,
        embedder: &Embedder,
    ) -> Result<Self, Unusable> {
        without_window(command);
        let mut worker = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Unusable::NotStarted)?;
        let (Some(mut input), Some(mut output)) = (worker.stdin.take(), worker.stdout.take())
        else {
            return Err(Unusable::Ended);
        };
        let link = Arc::new(Link {
            worker: Mutex::new(worker),
            lost: OnceLock::new(),
        });
        let (say_hello, hello) = bounded(1);
        // Neither keeps what nobody will take any more, as a channel with places would, so that who asked
        // is told at once. Who asks waits for the answer: there are no more than threads that ask.
        let (pass_on, under_way) = unbounded::<(u64, Sender<_>)>();
        let (ask, questions) = bounded::<Question>(0);
        let reading = Arc::clone(&link);
        thread::spawn(move || {
            let heard = frames::read::<Hello>(&mut output);
            let go_on = heard.is_ok();
            // Nobody listens when it took too long.
            let _ = say_hello.send(heard);
            if go_on {
                reading.lose(read_answers(&mut output, &under_way));
            }
        });
        let writing = Arc::clone(&link);
        thread::spawn(move || {
            for Question {
                ask,
                pixels,
                answer,
            } in questions
            {
                // In this order: the answer may come before all is written.
                if pass_on.send((ask.number, answer)).is_err() {
                    return;
                }
                if let Err(error) = frames::write(&mut input, &ask, &pixels) {
                    return writing.lose(format!("it takes no more questions ({error})"));
                }
            }
        });
        let mut client = Self {
            device: String::new(),
            ask,
            number: AtomicU64::new(0),
            link,
        };
        // From here on the worker ends with the client.
        let (hello, _) = hello
            .recv_timeout(PATIENCE)
            .map_err(|_| Unusable::Silent)?
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Unusable::Ended,
                _ => Unusable::OtherVersion,
            })?;
        if hello.version != frames::version() {
            return Err(Unusable::OtherVersion);
        }
        client.device = hello.device.map_err(Unusable::NoDevice)?;
        client.try_out(detector, embedder)?;
        Ok(client)
    }

    /// What runs the networks, in words that go on after "on the".
    #[must_use]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Why it gives no more answers.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.link.lost.get().map(String::as_str)
    }

    /// The faces of each of several images of one size, as [`Detector::detect_batch`] finds them.
    #[must_use]
    pub fn detect(&self, images: &[RgbView], threshold: f32) -> Option<Vec<Vec<Detection>>> {
        let first = images.first()?;
        let what = What::Detect {
            width: first.width(),
            height: first.height(),
            threshold,
        };
        let pixels = images.iter().map(RgbView::pixels).collect::<Vec<_>>();
        let rows = self.rows::<DETECTION_LEN>(what, pixels.concat(), images.len())?;
        let detection = |row: &[f32; DETECTION_LEN]| {
            let [x, y, w, h, score, ref landmarks @ ..] = *row;
            let (landmarks, _) = landmarks.as_chunks::<2>();
            Some(Detection {
                box_px: [x, y, w, h],
                score,
                landmarks_px: landmarks.try_into().ok()?,
            })
        };
        rows.iter()
            .map(|rows| rows.iter().map(detection).collect())
            .collect()
    }

    /// One embedding a face, as [`Embedder::embed`] makes them.
    #[must_use]
    pub fn embed(&self, faces: &[[Crop; 2]]) -> Option<Vec<Embedding>> {
        let mut embeddings = Vec::with_capacity(faces.len());
        for faces in faces.chunks(Accelerator::FACES) {
            let views = faces.as_flattened().iter().map(Crop::pixels);
            let pixels = views.collect::<Vec<_>>().concat();
            for rows in self.rows(What::Embed, pixels, faces.len())? {
                let [embedding] = rows[..] else {
                    self.link.lose("it gave other answers than were asked for");
                    return None;
                };
                embeddings.push(embedding);
            }
        }
        Some(embeddings)
    }

    /// The answer's rows for each of `count` images or faces.
    fn rows<const N: usize>(
        &self,
        what: What,
        pixels: Vec<u8>,
        count: usize,
    ) -> Option<Vec<Vec<[f32; N]>>> {
        if self.lost().is_some() {
            return None;
        }
        let (answer, answered) = bounded(1);
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let question = Question {
            ask: Ask { number, what },
            pixels,
            answer,
        };
        let answer = self
            .ask
            .send_timeout(question, PATIENCE)
            .map_err(|error| {
                if error.is_timeout() {
                    RecvTimeoutError::Timeout
                } else {
                    RecvTimeoutError::Disconnected
                }
            })
            .and_then(|()| answered.recv_timeout(PATIENCE));
        let rows = match answer {
            Ok((Answer { rows: Ok(rows), .. }, bytes)) => split(&rows, &bytes, count)
                .ok_or_else(|| "it gave other answers than were asked for".to_owned()),
            Ok((
                Answer {
                    rows: Err(error), ..
                },
                _,
            )) => Err(error),
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "it did not answer for {} seconds",
                PATIENCE.as_secs()
            )),
            Err(RecvTimeoutError::Disconnected) => Err("it ended".to_owned()),
        };
        rows.map_err(|reason| self.link.lose(reason)).ok()
    }

    fn try_out(&self, detector: &Detector, embedder: &Embedder) -> Result<(), Unusable> {
        let wrong = |reason: String| Unusable::WrongAnswers {
            device: self.device.clone(),
            reason,
        };
        let lost = || wrong(self.lost().unwrap_or("it ended").to_owned());
        let pixels = image::load_from_memory(TRIED_FACE)
            .map_err(|error| wrong(error.to_string()))?
            .into_rgb8();
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let crop = Crop::from_rgb(pixels.into_raw())?;
        let view = RgbView::new(width, height, crop.pixels())?;
        let seen = self.detect(&[view], TRIAL_THRESHOLD).ok_or_else(lost)?;
        let expected = detector.detect(view, TRIAL_THRESHOLD)?;
        let agree = expected.len() == seen[0].len()
            && expected.iter().zip(&seen[0]).all(|(a, b)| is_near(a, b));
        if !agree {
            return Err(wrong("it sees a face elsewhere".to_owned()));
        }
        let face = [[crop.mirrored(), crop]];
        let seen = self.embed(&face).ok_or_else(lost)?;
        let off = distance(&embedder.embed(&face)?[0], &seen[0]);
        if off <= EMBEDDING_TOLERANCE {
            Ok(())
        } else {
            Err(wrong(format!("it sees a face {off:.1e} away")))
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.lose("it is no longer needed");
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("device", &self.device)
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

/// Passes answers on until something is wrong: what.
fn read_answers(
    output: &mut impl std::io::Read,
    under_way: &Receiver<(u64, Sender<Heard>)>,
) -> String {
    loop {
        let (answer, bytes) = match frames::read::<Answer>(output) {
            Ok(frame) => frame,
            Err(error) => return format!("it ended ({error})"),
        };
        match under_way.recv() {
            // Who asked may have given up.
            Ok((number, asked)) if number == answer.number => drop(asked.send((answer, bytes))),
            _ => return "it answered what was not asked".to_owned(),
        }
    }
}

/// The rows of each of `count` images or faces; none where the bytes are not theirs.
fn split<const N: usize>(
    counts: &[usize],
    bytes: &[u8],
    count: usize,
) -> Option<Vec<Vec<[f32; N]>>> {
    let mut rows = frames::rows_of::<N>(bytes)?.into_iter();
    let sum = counts.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
    (counts.len() == count && sum == Some(rows.len())).then(|| {
        let each = counts.iter();
        each.map(|n| rows.by_ref().take(*n).collect()).collect()
    })
}

fn is_near(a: &Detection, b: &Detection) -> bool {
    let numbers = |face: &Detection| {
        let landmarks = face.landmarks_px.into_iter().flatten();
        face.box_px.into_iter().chain(landmarks).collect::<Vec<_>>()
    };
    let pairs = numbers(a).into_iter().zip(numbers(b));
    (a.score - b.score).abs() <= SCORE_TOLERANCE
        && pairs
            .into_iter()
            .all(|(a, b)| (a - b).abs() <= PIXEL_TOLERANCE)
}

#[cfg(windows)]
fn without_window(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
}

#[cfg(not(windows))]
fn without_window(_: &mut Command) {}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)] // A test that meets the unexpected fails.
mod tests {
    use kith_models::{EMBEDDING_LEN, Weights};

    use super::*;

    fn networks() -> (Detector, Embedder) {
        let weights = Weights::find().unwrap();
        let embedder = Embedder::load(&weights).unwrap();
        (Detector::load(&weights).unwrap(), embedder)
    }

    /// What a client makes of a worker that says these bytes and takes whatever it is asked.
    fn said(bytes: &[u8], networks: &(Detector, Embedder)) -> Result<Client, Unusable> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("said");
        std::fs::write(&file, bytes).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "cat \"$0\"; cat > /dev/null; :"]);
        Client::start(command.arg(&file), &networks.0, &networks.1)
    }

    fn hello(version: &str, device: Result<&str, &str>) -> Vec<u8> {
        let hello = Hello {
            version: version.to_owned(),
            device: device.map(str::to_owned).map_err(str::to_owned),
        };
        let mut bytes = Vec::new();
        frames::write(&mut bytes, &hello, &[]).unwrap();
        bytes
    }

    type Said = (Result<Vec<usize>, String>, Vec<f32>);

    /// A worker's hello, and then these answers whatever it is asked.
    fn answering(answers: &[Said]) -> Vec<u8> {
        let mut bytes = hello(&frames::version(), Ok("device of a test"));
        for (number, (rows, numbers)) in (0..).zip(answers) {
            let rows = rows.clone();
            let numbers = frames::bytes_of(numbers.iter().copied());
            frames::write(&mut bytes, &Answer { number, rows }, &numbers).unwrap();
        }
        bytes
    }

    /// The right answers of the trial.
    fn right((detector, embedder): &(Detector, Embedder)) -> [Said; 2] {
        let pixels = image::load_from_memory(TRIED_FACE).unwrap().into_rgb8();
        let (width, height) = pixels.dimensions();
        let crop = Crop::from_rgb(pixels.into_raw()).unwrap();
        let view = RgbView::new(width as usize, height as usize, crop.pixels()).unwrap();
        let found = detector.detect(view, TRIAL_THRESHOLD).unwrap();
        assert_eq!(found.len(), 1, "the crop of the trial shows one face");
        let landmarks = found[0].landmarks_px.into_iter().flatten();
        let row = found[0].box_px.into_iter().chain([found[0].score]);
        let embedding = embedder.embed(&[[crop.mirrored(), crop]]).unwrap()[0];
        [
            (Ok(vec![1]), row.chain(landmarks).collect()),
            (Ok(vec![1]), embedding.to_vec()),
        ]
    }

    fn grey() -> [Crop; 2] {
        let crop = Crop::from_rgb(vec![99; 3 * 160 * 160]).unwrap();
        [crop.clone(), crop]
    }

    #[test]
    fn only_a_worker_that_sees_what_the_processor_sees_is_used() {
        let networks = networks();
        let [detection, embedding] = right(&networks);
        let changed = |said: &Said, by: f32| {
            let (rows, mut numbers) = said.clone();
            numbers[0] += by;
            (rows, numbers)
        };
        let sound = said(
            &answering(&[detection.clone(), changed(&embedding, 0.005)]),
            &networks,
        );
        assert_eq!(sound.unwrap().device(), "device of a test");
        for (answers, expected) in [
            (
                [detection.clone(), changed(&embedding, 0.02)],
                "sees a face 4",
            ),
            ([changed(&detection, 1.0), embedding.clone()], "elsewhere"),
            ([(Ok(vec![0]), vec![]), embedding.clone()], "elsewhere"),
            (
                [
                    detection.clone(),
                    (Ok(vec![1]), vec![f32::NAN; EMBEDDING_LEN]),
                ],
                "other answers",
            ),
            (
                [
                    detection.clone(),
                    (Ok(vec![2]), vec![0.1; 2 * EMBEDDING_LEN]),
                ],
                "other answers",
            ),
            (
                [detection.clone(), (Err("out of memory".into()), vec![])],
                "out of memory",
            ),
        ] {
            let error = said(&answering(&answers), &networks).unwrap_err();
            assert!(matches!(error, Unusable::WrongAnswers { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_worker_is_told_from_one_without_a_device() {
        let networks = networks();
        let refused = |bytes: &[u8]| said(bytes, &networks).unwrap_err();
        for garbage in ["This is no worker.\n".repeat(99).as_bytes(), &[0; 4096]] {
            assert!(matches!(refused(garbage), Unusable::OtherVersion));
        }
        let other = hello("0.0.1-1 other networks", Ok("device"));
        assert!(matches!(refused(&other), Unusable::OtherVersion));
        let none = hello(&frames::version(), Err("no driver"));
        assert_eq!(refused(&none).to_string(), "no driver");
        let start = |program: &str| {
            Client::start(&mut Command::new(program), &networks.0, &networks.1).unwrap_err()
        };
        assert!(matches!(start("true"), Unusable::Ended));
        assert!(matches!(start("/not/there"), Unusable::NotStarted(_)));
    }

    #[test]
    fn one_wrong_answer_is_the_last() {
        let networks = networks();
        let [detection, embedding] = right(&networks);
        let another = (Ok(vec![1]), embedding.1.clone());
        let failed = (Err("out of memory".to_owned()), vec![]);
        let faces = [grey()];
        for (wrong, reason) in [
            (failed, "out of memory"),
            (
                (Ok(vec![1]), vec![0.5]),
                "it gave other answers than were asked for",
            ),
            (
                (Ok(vec![]), vec![]),
                "it gave other answers than were asked for",
            ),
        ] {
            let answers = [
                detection.clone(),
                embedding.clone(),
                another.clone(),
                wrong,
                another.clone(),
            ];
            let client = said(&answering(&answers), &networks).unwrap();
            assert!(client.embed(&faces).is_some());
            assert_eq!(client.lost(), None);
            assert!(client.embed(&faces).is_none());
            assert_eq!(client.lost(), Some(reason));
            assert!(client.embed(&faces).is_none(), "it was ended");
        }
    }

    #[test]
    fn a_worker_that_ends_leaves_nobody_waiting() {
        let networks = networks();
        let mut bytes = answering(&right(&networks));
        // The beginning of an answer, and then no more.
        bytes.extend([9, 0, 0]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("said");
        std::fs::write(&file, bytes).unwrap();
        let mut command = Command::new("sh");
        // Takes both questions of the trial and a little of the next.
        command.args(["-c", "cat \"$0\"; head -c 250000 > /dev/null; :"]);
        let client = Client::start(command.arg(&file), &networks.0, &networks.1).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(client.embed(&vec![grey(); 40]).is_none()));
            }
        });
        assert!(client.lost().is_some());
    }
}
