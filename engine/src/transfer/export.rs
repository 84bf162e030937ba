//! Writes a library's photos, faces, people and answers into one file.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;

use super::format::{
    Base64, DecisionRecord, FaceRecord, FolderRecord, Hash, PathText, PhotoRecord, Reader, Record,
    Writer,
};
use crate::catalog::photos::{bytes_of, path_of};
use crate::catalog::transfer::{self, FaceRow, PhotoRow, file_path};
use crate::catalog::{decisions, folders};
use crate::people::{AnswerSet, Decided, standing};
use crate::{Control, DecisionId, Error, Exported, Result, TransferProgress, private};

/// Bytes that are written and compared at a time.
const BUFFER: usize = 1 << 20;

/// Whether a file begins as an export does.
fn is_export(file: &Path) -> std::io::Result<bool> {
    let file = File::open(file)?;
    Ok(Reader::begin(BufReader::new(file)).is_ok())
}

/// Writes the export file: beside its place first, so that there is the old one or the whole new one.
/// A file that holds the same already is left as it is.
///
/// # Errors
/// [`Error::FileInTheWay`] when something else is there, [`Error::Stopped`], [`Error::Io`],
/// [`Error::Catalog`].
pub(crate) fn write(
    connection: &Connection,
    file: &Path,
    control: &Control,
    on_progress: &mut dyn FnMut(TransferProgress),
) -> Result<Exported> {
    let failed = || Error::io("Writing the export", file);
    let there = may_be_replaced(file)?;
    let file = std::path::absolute(file).map_err(failed())?;
    let folder = file.parent().unwrap_or(&file);
    let draft = private::draft_in(folder).map_err(failed())?;
    let mut job = Job {
        connection,
        control,
        on_progress,
        draft: &draft,
        exported: Exported::default(),
    };
    job.write()?;
    let mut exported = job.exported;
    let reading = Error::io("Reading the earlier export", &file);
    exported.unchanged = there && same_but_header(&file, &draft).map_err(reading)?;
    if !exported.unchanged {
        let placed = draft.persist(&file).map_err(|error| error.error);
        let placed = placed.and_then(|()| private::sync_folder(folder));
        placed.map_err(failed())?;
    }
    Ok(exported)
}

/// Whether there is a file; one that is no export, and not empty, is not to be lost.
fn may_be_replaced(file: &Path) -> Result<bool> {
    let checking = || Error::io("Looking at the file to write", file);
    match fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(checking()(error)),
        Ok(there) if there.is_file() && there.len() == 0 => Ok(true),
        Ok(there) if there.is_file() && is_export(file).map_err(checking())? => Ok(true),
        Ok(_) => Err(Error::FileInTheWay {
            path: file.to_owned(),
        }),
    }
}

/// Whether two exports differ in their first lines at most, which say when each was written.
fn same_but_header(one: &Path, other: &Path) -> std::io::Result<bool> {
    let after_header = |path: &Path| {
        let mut from = BufReader::with_capacity(BUFFER, File::open(path)?);
        std::io::BufRead::skip_until(&mut from, b'\n')?;
        std::io::Result::Ok(from)
    };
    let (mut one, mut other) = (after_header(one)?, after_header(other)?);
    let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = read_full(&mut one, &mut a)?;
        if read != read_full(&mut other, &mut b)? || a[..read] != b[..read] {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

fn read_full(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match from.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

struct Job<'a> {
    connection: &'a Connection,
    control: &'a Control,
    on_progress: &'a mut dyn FnMut(TransferProgress),
    draft: &'a Path,
    exported: Exported,
}

impl Job<'_> {
    fn write(&mut self) -> Result<()> {
        let draft = self.draft;
        let failed = || Error::io("Writing the export", draft);
        let file = OpenOptions::new().write(true).open(draft);
        let file = file.map_err(failed())?;
        let buffered = BufWriter::with_capacity(BUFFER, file);
        let mut writer = Writer::begin(buffered).map_err(failed())?;
        let folders = folders::all(self.connection)?;
        for (number, folder) in (0..).zip(&folders) {
            let record = Record::Folder(FolderRecord {
                folder: number,
                path: PathText::of(bytes_of(folder)),
            });
            writer.put(&record).map_err(failed())?;
        }
        let log = decisions::all(self.connection)?;
        let answers = AnswerSet::of(&Decided::replay(&log));
        self.exported.people = answers.people.iter().filter(|of| of.known).count() as u32;
        for record in records_of(answers) {
            writer.put(&record).map_err(failed())?;
        }
        self.photos(&folders, &mut writer)?;
        let stands: BTreeSet<DecisionId> = standing(&log).iter().map(|entry| entry.id).collect();
        for entry in log {
            let record = Record::Decision(DecisionRecord {
                decision: entry.id,
                at: date_of(entry.at),
                undone: entry.decision.is_undoable() && !stands.contains(&entry.id),
                what: entry.decision,
            });
            writer.put(&record).map_err(failed())?;
        }
        let buffered = writer.end().map_err(failed())?;
        let file = buffered
            .into_inner()
            .map_err(|error| failed()(error.into_error()))?;
        file.sync_all().map_err(failed())
    }

    fn photos(&mut self, folders: &[PathBuf], writer: &mut Writer<impl Write>) -> Result<()> {
        let total = transfer::count_photos(self.connection)?;
        let mut done = 0;
        transfer::each_photo(self.connection, &mut |photo| {
            if self.control.is_cancelled() {
                return Err(Error::Stopped);
            }
            let failed = || Error::io("Writing the export", self.draft);
            let faces = transfer::faces_on(self.connection, photo.id)?;
            let record = Record::Photo(Box::new(photo_record(photo, folders)));
            writer.put(&record).map_err(failed())?;
            self.exported.photos += 1;
            self.exported.faces += faces.len() as u32;
            for face in faces {
                let record = Record::Face(Box::new(face_record(face)));
                writer.put(&record).map_err(failed())?;
            }
            done += 1;
            (self.on_progress)(TransferProgress { done, total });
            Ok(())
        })
    }
}

/// The records that hold a set of answers.
pub(super) fn records_of(answers: AnswerSet) -> Vec<Record> {
    let AnswerSet {
        people,
        ignored,
        apart,
        unsure_groups,
        drawn,
        favourites,
        stars,
        albums,
        sureness,
    } = answers;
    let mut records: Vec<Record> = people.into_iter().map(Record::Person).collect();
    if !ignored.is_empty() {
        records.push(Record::Ignored { faces: ignored });
    }
    records.extend(apart.into_iter().map(Record::Apart));
    let groups = unsure_groups.into_iter();
    records.extend(groups.map(|groups| Record::UnsureGroups { groups }));
    if !drawn.is_empty() {
        records.push(Record::Drawn { faces: drawn });
    }
    if !favourites.is_empty() {
        records.push(Record::Favourites { photos: favourites });
    }
    records.extend(stars.into_iter().map(Record::Stars));
    records.extend(albums.into_iter().map(Record::Album));
    records.extend(sureness.map(|sureness| Record::Sureness { sureness }));
    records
}

fn photo_record(photo: PhotoRow, folders: &[PathBuf]) -> PhotoRecord {
    let path = path_of(file_path(&photo.path).to_owned());
    // Of nested folders the outer one, from which a path says most.
    let within = (0..).zip(folders);
    let within = within.filter_map(|(number, of)| Some((number, path.strip_prefix(of).ok()?)));
    let within = within.max_by_key(|(_, below)| below.as_os_str().len());
    let (folder, below) = within.map_or((None, path.as_path()), |(number, below)| {
        (Some(number), below)
    });
    PhotoRecord {
        photo: photo.id,
        content: Hash(photo.content),
        picture: photo.picture.map(Hash),
        folder,
        path: PathText::of(bytes_of(below)),
        size: photo.stamp.size,
        modified_ns: photo.stamp.modified_ns,
        width: photo.size[0],
        height: photo.size[1],
        date: photo.taken_at,
        place: photo.place,
        camera: photo.camera,
        orientation: photo.orientation,
        model: photo.model,
        gone: photo.gone,
    }
}

fn face_record(face: FaceRow) -> FaceRecord {
    FaceRecord {
        face: face.id,
        box_upright: face.box_upright,
        landmarks: face.landmarks_upright,
        score: face.score,
        quality: face.quality,
        model: face.model,
        code: Base64(face.code.to_vec()),
        drawn: face.drawn,
        gone: face.gone,
    }
}

fn date_of(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
