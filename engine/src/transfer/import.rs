//! Brings an export into a library: recognises its photos by their content and its faces by place and
//! code, and works out which answers are new here. What was said in this library is never changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use kith_models::{Code, EMBEDDING_LEN, distance};
use rusqlite::Connection;

use super::compare::{Comparison, Numbers};
use super::format::{FaceRecord, FolderRecord, PhotoRecord, Reader, Record, Unreadable, VERSION};
use crate::catalog::decisions::Entry;
use crate::catalog::forgotten::{self, Forgotten};
use crate::catalog::photos::{bytes_of, path_of};
use crate::catalog::transfer::{self, FaceRow, PhotoRow, file_path};
use crate::faces::{SPACE, overlap};
use crate::people::{AnswerSet, Calibration, Decided};
use crate::scan::FileStamp;
use crate::{Conflict, Control, Error, FaceId, ImportSummary, PhotoId, Result, TransferProgress};

/// A face of the same photo is the same if the boxes share this part of their union.
const SAME_PLACE: f32 = 0.5;
/// More faces on one photo are no photo's.
const MOST_FACES: usize = 10_000;

/// What an import comes to.
pub(crate) struct Imported {
    /// The answers that are new here, in the numbers of this library.
    pub(crate) answers: AnswerSet,
    /// Faces that were made, and their photos.
    pub(crate) added: Vec<(FaceId, PhotoId)>,
    /// What it did; the decision has no number yet.
    pub(crate) summary: ImportSummary,
    /// Answers that contradict what was said here, and were left out.
    pub(crate) conflicts: Vec<Conflict>,
}

/// Reads the file, makes the rows of the photos and faces that it needs, and gives back the answers
/// that are new. To be called inside a transaction.
///
/// # Errors
/// [`Error::NoExport`] and [`Error::ExportTooNew`] when it is none that this program can read,
/// [`Error::Stopped`], [`Error::Catalog`].
pub(crate) fn bring_in(
    connection: &Connection,
    decided: &Decided,
    log: &[Entry],
    file: &Path,
    control: &Control,
    on_progress: &mut dyn FnMut(TransferProgress),
) -> Result<Imported> {
    let mut job = Job {
        connection,
        file,
        control,
        on_progress,
        answers: AnswerSet::default(),
        folders: HashMap::new(),
        total: 0,
        claims: HashMap::new(),
        claimed: HashSet::new(),
        numbers: Numbers::default(),
        forgotten: forgotten::all(connection)?,
        added: Vec::new(),
        summary: ImportSummary::default(),
    };
    job.survey()?;
    job.match_photos()?;
    let mut summary = job.summary;
    let compared = Comparison::of(connection, decided, log, &job.numbers).run(&job.answers)?;
    summary.people = compared.people;
    summary.unchanged = compared.unchanged;
    summary.added = compared.added;
    summary.conflicts = compared.conflicts.len() as u32;
    Ok(Imported {
        answers: compared.answers,
        added: job.added,
        summary,
        conflicts: compared.conflicts,
    })
}

/// A photo of this library that one of the file is the same as.
#[derive(Clone, Copy)]
struct Claim {
    photo: PhotoId,
    /// Its file is not there, or was never.
    gone: bool,
}

struct Job<'a> {
    connection: &'a Connection,
    file: &'a Path,
    control: &'a Control,
    on_progress: &'a mut dyn FnMut(TransferProgress),
    /// All answers of the file, in its numbers.
    answers: AnswerSet,
    folders: HashMap<u32, FolderRecord>,
    total: u32,
    /// Photos of the file, and those of this library that are the same.
    claims: HashMap<PhotoId, Claim>,
    claimed: HashSet<PhotoId>,
    numbers: Numbers,
    forgotten: Forgotten,
    added: Vec<(FaceId, PhotoId)>,
    summary: ImportSummary,
}

impl Job<'_> {
    fn reader(&self) -> Result<Reader<BufReader<File>>> {
        let file = File::open(self.file).map_err(|error| self.unreadable(error.into()))?;
        let from = BufReader::with_capacity(1 << 20, file);
        Reader::begin(from).map_err(|why| self.unreadable(why))
    }

    fn unreadable(&self, why: Unreadable) -> Error {
        let path = self.file.to_owned();
        match why {
            Unreadable::Io(error) => Error::NoExport {
                reason: error.to_string(),
                path,
            },
            Unreadable::Damaged(reason) => Error::NoExport { reason, path },
            Unreadable::TooNew(found) => Error::ExportTooNew {
                found,
                known: VERSION,
                path,
            },
        }
    }

    fn damaged(&self, line: u64, what: &str) -> Error {
        self.unreadable(Unreadable::Damaged(format!("line {line}: {what}")))
    }

    /// Reads the whole file once: checks it, takes its answers, and finds the photos whose content
    /// is in this library.
    fn survey(&mut self) -> Result<()> {
        let mut reader = self.reader()?;
        let mut on_a_photo = false;
        let mut faces = 0;
        while let Some(record) = reader.next().map_err(|why| self.unreadable(why))? {
            let line = reader.lines();
            match record {
                Record::Folder(folder) => {
                    self.folders.insert(folder.folder, folder);
                }
                Record::Person(mut person) => {
                    let day = person.birthday.as_deref();
                    if day.is_some_and(|day| day.parse::<jiff::civil::Date>().is_err()) {
                        return Err(self.damaged(line, "a birthday that is no day"));
                    }
                    person.name = person.name.as_deref().and_then(tidied);
                    person.aliases = person.aliases.iter().filter_map(|of| tidied(of)).collect();
                    self.answers.people.push(person);
                }
                Record::Ignored { faces } => self.answers.ignored.extend(faces),
                Record::Apart(apart) => self.answers.apart.push(apart),
                Record::UnsureGroups { groups } => self.answers.unsure_groups.push(groups),
                Record::Drawn { faces } => self.answers.drawn.extend(faces),
                Record::Favourites { photos } => self.answers.favourites.extend(photos),
                Record::Stars(stars) if (1..=5).contains(&stars.stars) => {
                    self.answers.stars.push(stars);
                }
                Record::Stars(_) => return Err(self.damaged(line, "stars are 1 to 5")),
                Record::Album(mut album) => {
                    let name = tidied(&album.name);
                    album.name = name.ok_or_else(|| self.damaged(line, "an album has no name"))?;
                    self.answers.albums.push(album);
                }
                Record::Sureness { sureness } => self.answers.sureness = Some(sureness),
                Record::Photo(photo) => {
                    (on_a_photo, faces) = (true, 0);
                    self.total += 1;
                    self.claim(
                        &photo,
                        transfer::with_content(self.connection, &photo.content.0)?,
                    );
                    if self.control.is_cancelled() {
                        return Err(Error::Stopped);
                    }
                }
                Record::Face(face) => {
                    faces += 1;
                    if !on_a_photo || faces > MOST_FACES {
                        return Err(self.damaged(line, "a face that is on no photo"));
                    }
                    if !is_sound(&face) {
                        return Err(self.damaged(line, "a face without a box or a code"));
                    }
                }
                Record::Header(_) | Record::Decision(_) | Record::End(_) | Record::Other => {}
            }
        }
        Ok(())
    }

    /// Of several photos that are the same, one that is there comes first, and of these the one
    /// whose path ends most like that in the file.
    fn claim(&mut self, photo: &PhotoRecord, same: Vec<transfer::Same>) {
        let path = self.path_of(photo);
        let best = same
            .into_iter()
            .filter(|(id, ..)| !self.claimed.contains(id))
            .max_by_key(|(id, here, gone)| {
                let alike = common_end(&path, &path_of(file_path(here).to_owned()));
                (!gone, alike, std::cmp::Reverse(*id))
            });
        if let Some((id, _, gone)) = best {
            self.claimed.insert(id);
            self.claims.insert(photo.photo, Claim { photo: id, gone });
        }
    }

    fn path_of(&self, photo: &PhotoRecord) -> std::path::PathBuf {
        let below = path_of(photo.path.bytes().to_owned());
        let folder = photo.folder.and_then(|of| self.folders.get(&of));
        let folder = folder.map(|of| path_of(of.path.bytes().to_owned()));
        folder.map_or(below.clone(), |folder| folder.join(&below))
    }

    /// Reads the photos and faces again, and gives a number of this library to each that an answer
    /// is about.
    fn match_photos(&mut self) -> Result<()> {
        let faces = self.answers.faces();
        let photos = self.answers.photos();
        let confirmed = self.answers.people.iter().flat_map(|of| &of.confirmed);
        let shown: BTreeSet<FaceId> = confirmed.chain(&self.answers.drawn).copied().collect();
        let wanted = Wanted {
            faces,
            photos,
            shown,
        };
        let mut reader = self.reader()?;
        let mut open: Option<(Box<PhotoRecord>, Vec<FaceRecord>)> = None;
        let mut done = 0;
        loop {
            let record = reader.next().map_err(|why| self.unreadable(why))?;
            let ended = record.is_none();
            match record {
                Some(Record::Face(face)) => {
                    if let Some((_, faces)) = &mut open {
                        faces.push(*face);
                    }
                    continue;
                }
                Some(Record::Photo(photo)) => {
                    if let Some((photo, faces)) = open.replace((photo, Vec::new())) {
                        self.settle(&photo, faces, &wanted)?;
                    }
                    done += 1;
                    let total = self.total;
                    (self.on_progress)(TransferProgress { done, total });
                    if self.control.is_cancelled() {
                        return Err(Error::Stopped);
                    }
                }
                _ => {
                    if let Some((photo, faces)) = open.take() {
                        self.settle(&photo, faces, &wanted)?;
                    }
                }
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Gives numbers to a photo of the file and to its faces.
    fn settle(
        &mut self,
        photo: &PhotoRecord,
        faces: Vec<FaceRecord>,
        wanted: &Wanted,
    ) -> Result<()> {
        // Who was forgotten here does not come back with an older file.
        let picture = photo
            .picture
            .map(|picture| picture.0)
            .zip(photo.orientation);
        let is_forgotten = |face: &FaceRecord| {
            self.forgotten
                .covers(&photo.content.0, picture, &face.box_upright)
        };
        let (forgotten, faces): (Vec<_>, Vec<_>) = faces.into_iter().partition(is_forgotten);
        self.numbers
            .forgotten
            .extend(forgotten.iter().map(|face| face.face));
        let faces = faces.as_slice();
        let about = wanted.photos.contains(&photo.photo)
            || faces.iter().any(|face| wanted.faces.contains(&face.face));
        if !about {
            return Ok(());
        }
        if !self.claims.contains_key(&photo.photo)
            && let Some(picture) = photo.picture
        {
            let same = transfer::with_picture(self.connection, &picture.0)?;
            self.claim(photo, same);
        }
        let here = self.claims.get(&photo.photo).copied();
        let id = if let Some(claim) = here {
            let counted = if claim.gone {
                &mut self.summary.photos_waiting
            } else {
                &mut self.summary.photos_matched
            };
            *counted += 1;
            self.match_faces(claim, faces, wanted)?;
            claim.photo
        } else {
            self.summary.photos_waiting += 1;
            self.add_waiting(photo, faces, wanted)?
        };
        self.numbers.photos.insert(photo.photo, id);
        Ok(())
    }

    /// The faces of a photo that is in this library. One that was confirmed or drawn and is not
    /// found here is drawn; of others it is kept what was said.
    fn match_faces(
        &mut self,
        Claim { photo, gone }: Claim,
        faces: &[FaceRecord],
        wanted: &Wanted,
    ) -> Result<()> {
        let here = transfer::faces_on(self.connection, photo)?;
        let found = matches(&here, faces);
        for (at, face) in faces.iter().enumerate() {
            if !wanted.faces.contains(&face.face) {
                continue;
            }
            let id = if let Some(of) = found.get(&at) {
                if gone {
                    self.summary.faces_waiting += 1;
                } else {
                    self.summary.faces_matched += 1;
                }
                // One that was drawn here, too, and taken back.
                if here[*of].drawn && wanted.shown.contains(&face.face) {
                    self.numbers.drawn.push(here[*of].id);
                }
                here[*of].id
            } else {
                let drawn = face.drawn || (!face.gone && wanted.shown.contains(&face.face));
                let mut row = face_row(face);
                row.drawn = drawn;
                row.gone = !drawn || face.gone;
                let id = self.add_face(photo, &row)?;
                if drawn {
                    self.summary.faces_drawn += 1;
                    self.numbers.drawn.push(id);
                }
                id
            };
            self.numbers.faces.insert(face.face, id);
        }
        Ok(())
    }

    /// A photo that is not in this library yet waits with all its faces: a look that finds its
    /// content takes them over.
    fn add_waiting(
        &mut self,
        photo: &PhotoRecord,
        faces: &[FaceRecord],
        wanted: &Wanted,
    ) -> Result<PhotoId> {
        let row = PhotoRow {
            id: 0,
            path: bytes_of(&self.path_of(photo)).to_owned(),
            stamp: FileStamp {
                size: photo.size,
                modified_ns: photo.modified_ns,
                ..FileStamp::default()
            },
            content: photo.content.0,
            picture: photo.picture.map(|picture| picture.0),
            size: [photo.width, photo.height],
            taken_at: photo.date.clone(),
            place: photo.place,
            camera: photo.camera.clone(),
            orientation: photo.orientation,
            model: photo.model.clone(),
            gone: true,
        };
        let id = transfer::add_waiting(self.connection, &row)?;
        for face in faces {
            let here = self.add_face(id, &face_row(face))?;
            if wanted.faces.contains(&face.face) {
                self.summary.faces_waiting += 1;
                if face.drawn && wanted.shown.contains(&face.face) {
                    self.numbers.drawn.push(here);
                }
                self.numbers.faces.insert(face.face, here);
            }
        }
        Ok(id)
    }

    fn add_face(&mut self, photo: PhotoId, row: &FaceRow) -> Result<FaceId> {
        let id = transfer::add_face(self.connection, photo, row)?;
        self.added.push((id, photo));
        Ok(id)
    }
}

/// The faces and photos of the file that answers are about, and the faces that are to be seen.
struct Wanted {
    faces: BTreeSet<FaceId>,
    photos: BTreeSet<PhotoId>,
    shown: BTreeSet<FaceId>,
}

fn is_sound(face: &FaceRecord) -> bool {
    let numbers = face.box_upright.iter().chain(face.landmarks.as_flattened());
    let mut numbers = numbers.chain([&face.score, &face.quality]);
    face.code.0.len() == EMBEDDING_LEN && numbers.all(|number| number.abs() <= 2.0)
}

fn face_row(face: &FaceRecord) -> FaceRow {
    let mut code = [0; EMBEDDING_LEN];
    code.copy_from_slice(&face.code.0);
    FaceRow {
        id: 0,
        box_upright: face.box_upright,
        landmarks_upright: face.landmarks,
        score: face.score,
        quality: face.quality,
        model: face.model.clone(),
        code,
        drawn: face.drawn,
        gone: face.gone,
    }
}

/// Which face of the file, by its place in the list, is which of this library, likewise. The photo
/// is the same picture; so a face is the same where it is at the same place and looks the same, or
/// where it surely looks the same (the photo may have been turned).
fn matches(here: &[FaceRow], faces: &[FaceRecord]) -> BTreeMap<usize, usize> {
    let same = Calibration::built_in().surely_same();
    let space = SPACE.trim_matches('%');
    let embedding = |bytes: &[u8]| {
        let bytes: Option<[u8; EMBEDDING_LEN]> = bytes.try_into().ok();
        bytes.map(|bytes| Code::from_bytes(bytes).embedding())
    };
    let mut pairs: Vec<(bool, f32, usize, usize)> = Vec::new();
    for (at, face) in faces.iter().enumerate() {
        let (code, comparable) = (embedding(&face.code.0), face.model.contains(space));
        for (at_here, of) in here.iter().enumerate() {
            let shared = overlap(&face.box_upright, &of.box_upright);
            // Codes of two networks say nothing of each other.
            let apart = match (&code, embedding(&of.code)) {
                (Some(one), Some(other)) if comparable && of.model.contains(space) => {
                    distance(one, &other)
                }
                _ => same / 2.0,
            };
            if apart < same && (shared > SAME_PLACE || apart < same / 2.0) {
                pairs.push((of.gone, apart - shared, at, at_here));
            }
        }
    }
    pairs.sort_by(|a, b| {
        let nearer = a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        nearer.then((a.2, a.3).cmp(&(b.2, b.3)))
    });
    let mut found = BTreeMap::new();
    let mut taken = HashSet::new();
    for (_, _, at, at_here) in pairs {
        if !found.contains_key(&at) && taken.insert(at_here) {
            found.insert(at, at_here);
        }
    }
    found
}

/// How many parts at their ends two paths share.
fn common_end(one: &Path, other: &Path) -> usize {
    let parts = one.components().rev().zip(other.components().rev());
    parts.take_while(|(one, other)| one == other).count()
}

/// A name as it is kept; none where it holds no letter or digit.
fn tidied(name: &str) -> Option<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    name.chars().any(char::is_alphanumeric).then_some(name)
}
