//! What the library says and is told: the plain values that cross its front door.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Said;
use crate::photo::PhotoError;
use crate::search::Understood;

/// Names a photo in the catalog; stays the same when the file moves.
pub type PhotoId = u32;
/// Names a face in the catalog; stays the same when its photo is read again.
pub type FaceId = u32;
/// Names a person, named or not: the number of the first face of the group it was founded on.
pub type PersonId = u32;
/// Names an album.
pub type AlbumId = u32;
/// Names an entry of the log of decisions.
pub type DecisionId = u32;

/// How a face came to its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum FaceState {
    /// The user said so; the machine never moves it.
    Confirmed,
    /// The machine placed it.
    Automatic,
    /// Too unclear to be placed.
    Unassigned,
    /// The user said that this is not a face, or not one to care about.
    Ignored,
}

/// A face on a photo, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Face {
    /// The face.
    pub face: FaceId,
    /// The photo it is on.
    pub photo: PhotoId,
    /// Path of the photo, for reading (bytes that are not UTF-8 are replaced).
    pub path: String,
    /// `[x, y, w, h]` as fractions of the upright photo.
    #[serde(rename = "box")]
    pub box_upright: [f32; 4],
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// How well it can be recognised, 0 to 1: less for a face that is small, blurred or turned away.
    pub quality: f32,
    /// Whose face it is, if it could be placed.
    pub person: Option<PersonId>,
    /// That person's name, if there is one.
    pub name: Option<String>,
    /// How it came there.
    pub state: FaceState,
}

/// A person: named, or a group of faces without a name yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Person {
    /// The person.
    pub person: PersonId,
    /// The name, if the user gave one.
    pub name: Option<String>,
    /// How many faces.
    pub faces: u32,
    /// On how many photos.
    pub photos: u32,
    /// Whether the user does not want to see this person.
    pub hidden: bool,
    /// Up to four of the best faces, best first.
    pub best_faces: Vec<FaceId>,
    /// What else the user calls them.
    pub aliases: Vec<String>,
    /// The day they were born, `YYYY-MM-DD`, if the user said it.
    pub birthday: Option<String>,
}

/// How old somebody was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Age {
    /// Their face.
    pub face: FaceId,
    /// Whole years.
    pub years: u32,
    /// Whole months beyond these.
    pub months: u32,
}

/// An album: photos that the user put together, or a search that was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Album {
    /// The album.
    pub album: AlbumId,
    /// Its name.
    pub name: String,
    /// The search that it holds; none where the user puts photos into it.
    pub query: Option<String>,
    /// How many photos.
    pub photos: u32,
    /// The newest of them.
    pub cover: Option<PhotoId>,
    /// Why the search of an album finds nothing any more, if it is not understood.
    pub problem: Option<String>,
}

/// Somebody who is on photos with a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Companion {
    /// Who it is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their best face.
    pub face: FaceId,
    /// On how many photos both are.
    pub photos: u32,
}

/// A photo in a grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PhotoTile {
    /// The photo.
    pub photo: PhotoId,
    /// Upright width in pixels of the file.
    pub width: u32,
    /// Upright height in pixels of the file.
    pub height: u32,
    /// Local date and time it was taken, `YYYY-MM-DDTHH:MM:SS`; the file's own date where the
    /// photo carries none.
    pub date: String,
    /// Whether the user marked it as a favourite.
    pub favourite: bool,
    /// Stars the user gave it, 0 (none) to 5.
    pub stars: u8,
    /// The photo that stands for it and all that are nearly the same, where there are such: copies,
    /// and shots of one moment.
    pub stack: Option<PhotoId>,
    /// Whether its drive or folder could not be reached at the last look.
    pub away: bool,
}

/// Photos that are nearly one: copies, and shots of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The photos; the first stands for all.
    pub photos: Vec<PhotoId>,
    /// Their paths, for reading.
    pub paths: Vec<String>,
}

/// A photo with all that is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PhotoDetail {
    /// The photo.
    pub photo: PhotoId,
    /// Its path, for reading.
    pub path: String,
    /// Upright width in pixels of the file.
    pub width: u32,
    /// Upright height in pixels of the file.
    pub height: u32,
    /// As in [`PhotoTile::date`].
    pub date: String,
    /// Whether the user marked it as a favourite.
    pub favourite: bool,
    /// Stars the user gave it, 0 (none) to 5.
    pub stars: u8,
    /// Latitude and longitude in degrees, WGS 84.
    pub place: Option<[f64; 2]>,
    /// What that place is called, unless it is far from everywhere.
    pub place_name: Option<PlaceName>,
    /// Maker and model.
    pub camera: Option<String>,
    /// Faces from left to right, without the ignored ones.
    pub faces: Vec<Face>,
    /// How old those were whose birthday is known, where the photo tells its date.
    pub ages: Vec<Age>,
    /// The albums that the user put it into.
    pub albums: Vec<String>,
}

/// What a place is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PlaceName {
    /// The town, where one is near.
    pub town: Option<String>,
    /// The region of the country that the town is in, where it has one.
    pub region: Option<String>,
    /// The country.
    pub country: String,
    /// The country in German.
    pub country_german: String,
    /// The country's two letters of ISO 3166.
    pub country_code: String,
}

/// Photos that were taken at one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PhotosOfPlace {
    /// What it is called; none far from everywhere.
    pub name: Option<PlaceName>,
    /// Latitude and longitude of the middle of the photos, in degrees of WGS 84.
    pub at: [f64; 2],
    /// The photos, the newest first.
    pub photos: Vec<PhotoId>,
}

/// A photo that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct FoundPhoto {
    /// The photo, as a grid shows it.
    #[serde(flatten)]
    pub tile: PhotoTile,
    /// Its path, for reading.
    pub path: String,
    /// Names of the people on it, in alphabetical order.
    pub people: Vec<String>,
}

/// The numbers of the photos that a search found, and how the query was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Found {
    /// Photos, newest first.
    pub photos: Vec<PhotoId>,
    /// The query as it was understood.
    pub understood: Vec<Understood>,
    /// As in [`SearchResult::without`].
    pub without: Vec<String>,
}

/// What a search found, and how the query was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// Photos, newest first.
    pub photos: Vec<FoundPhoto>,
    /// The query as it was understood, in words: `with Anna`, `without Carl`, `in 2019`.
    pub understood: Vec<String>,
    /// For each part that was understood, the query as it was typed without this part.
    pub without: Vec<String>,
}

/// A file that could not be read, with the reason as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFile {
    /// Its path, for reading.
    pub path: String,
    /// What happened, and what would help.
    pub reason: String,
}

/// A file or folder of the library that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Unread {
    /// Its path, for reading.
    pub path: String,
    /// What happened, and what would help: an English sentence.
    pub reason: String,
    /// The same in parts; none where an older version of Kith met it.
    pub why: Option<PhotoError>,
}

/// A folder that the library watches over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Folder {
    /// Its path, for reading.
    pub path: String,
    /// How many photos are in it and below it.
    pub photos: u32,
    /// Whether it can be reached now (a drive may be unplugged).
    pub present: bool,
    /// How many of its photos could not be reached at the last look.
    pub away: u32,
}

/// A folder or volume that could not be reached at the last look, with its photos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct AwayFolder {
    /// Its path, for reading.
    pub path: String,
    /// What it is called: the last part of its path, or all of it where two share that.
    pub name: String,
    /// The photos, the newest first.
    pub photos: Vec<PhotoId>,
}

/// A folder that photos are in: one of the library, or one below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct PhotoFolder {
    /// Its path, for reading.
    pub path: String,
    /// How far below the library's folder it lies: 0 for that itself.
    pub depth: u32,
    /// How many photos are in it and below it.
    pub photos: u32,
    /// The newest of them.
    pub cover: PhotoId,
}

/// How sure Kith must be before it puts faces together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Sureness {
    /// Hardly any strangers in one group, and most people in several.
    VeryCareful,
    /// Fewer strangers in one group, more people in several.
    Careful,
    /// As it was measured to be best.
    #[default]
    Balanced,
    /// Fewer people in several groups, more strangers in one.
    Generous,
    /// Hardly any people in several groups, and many strangers in one.
    VeryGenerous,
}

impl Sureness {
    /// All steps, the most careful first.
    pub const ALL: [Self; 5] = [
        Self::VeryCareful,
        Self::Careful,
        Self::Balanced,
        Self::Generous,
        Self::VeryGenerous,
    ];
}

/// What the library's groups would be if Kith were so sure, beside what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct SurenessPreview {
    /// How sure.
    pub sureness: Sureness,
    /// Whether it is so now.
    pub used: bool,
    /// How many people there would be, named or not.
    pub people: u32,
    /// How many groups would be put together with another.
    pub joined: u32,
    /// Faces of such groups beside a face of the other, those of the largest groups first.
    pub joined_faces: Vec<[FaceId; 2]>,
    /// How many groups would come apart from another.
    pub parted: u32,
    /// Faces of such groups beside a face of the other, those of the largest groups first.
    pub parted_faces: Vec<[FaceId; 2]>,
}

/// What the user says about faces and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// This person is called so. A name that someone else has already joins the two.
    Name {
        /// Whom to name.
        person: PersonId,
        /// The name.
        name: String,
    },
    /// This person has no name any more; the faces stay together.
    Unname {
        /// Whose name is taken away.
        person: PersonId,
    },
    /// These faces are the person of that name; a new person if there is none.
    NameFaces {
        /// The faces.
        faces: Vec<FaceId>,
        /// The name.
        name: String,
    },
    /// These faces are this person.
    Confirm {
        /// The faces.
        faces: Vec<FaceId>,
        /// The person.
        person: PersonId,
    },
    /// These faces are not this person.
    Reject {
        /// The faces.
        faces: Vec<FaceId>,
        /// The person.
        person: PersonId,
    },
    /// These faces are not this person but somebody else, of that name.
    SomeoneElse {
        /// The faces.
        faces: Vec<FaceId>,
        /// Who it is not.
        person: PersonId,
        /// The name of who it is.
        name: String,
    },
    /// These two are the same person; `into` stays.
    Merge {
        /// Who is joined to the other.
        person: PersonId,
        /// Who stays.
        into: PersonId,
    },
    /// These are two people: the faces that look least like the others leave.
    Split {
        /// The person; the larger half stays.
        person: PersonId,
    },
    /// These are all one person, of this name if one is given. Whoever has the name stays, or else
    /// the first who has one, or the one with most faces.
    Join {
        /// The people.
        people: Vec<PersonId>,
        /// Their name.
        name: Option<String>,
    },
    /// Do not show these people, or show them again.
    HideAll {
        /// The people.
        people: Vec<PersonId>,
        /// Hidden or shown.
        hidden: bool,
    },
    /// Do not show this person, or show them again.
    Hide {
        /// The person.
        person: PersonId,
        /// Hidden or shown.
        hidden: bool,
    },
    /// This face stands for its person.
    BestFace {
        /// The face.
        face: FaceId,
    },
    /// These are not faces, or not faces to care about.
    Ignore {
        /// The faces.
        faces: Vec<FaceId>,
    },
    /// Whether these faces are this person cannot be told: do not ask again.
    Unsure {
        /// The faces.
        faces: Vec<FaceId>,
        /// The person.
        person: PersonId,
    },
    /// These photos are favourites, or are not.
    Favourite {
        /// The photos.
        photos: Vec<PhotoId>,
        /// Whether they are.
        favourite: bool,
    },
    /// These photos have so many stars.
    Stars {
        /// The photos.
        photos: Vec<PhotoId>,
        /// 0 (none) to 5.
        stars: u8,
    },
    /// The person is also called so: all their other names.
    Aliases {
        /// The person.
        person: PersonId,
        /// The names.
        aliases: Vec<String>,
    },
    /// The person was born on that day.
    Birthday {
        /// The person.
        person: PersonId,
        /// `YYYY-MM-DD`; none to forget it.
        birthday: Option<String>,
    },
    /// These photos go into the album of that name; a new album if there is none.
    AddToAlbum {
        /// The photos.
        photos: Vec<PhotoId>,
        /// The album's name.
        name: String,
    },
    /// These photos leave the album.
    RemoveFromAlbum {
        /// The album.
        album: AlbumId,
        /// The photos.
        photos: Vec<PhotoId>,
    },
    /// The album is called so from now on.
    RenameAlbum {
        /// The album.
        album: AlbumId,
        /// The name.
        name: String,
    },
    /// An album of that name holds what this search finds, whenever one looks.
    SaveSearch {
        /// The album's name.
        name: String,
        /// The search.
        query: String,
    },
    /// The album is no more; its photos stay.
    DropAlbum {
        /// The album.
        album: AlbumId,
    },
    /// The folder leaves the library; its photos stay on the disk, and what was said of them in the log.
    RemoveFolder {
        /// Its path, as [`Folder`] has it.
        path: String,
    },
    /// Kith must be so sure before it puts faces together.
    Sureness {
        /// How sure.
        sureness: Sureness,
    },
    /// Say again what was taken back last.
    Redo,
    /// Take back the last decision that still holds.
    Undo,
    /// Take back this decision, if it still holds.
    TakeBack {
        /// The decision.
        decision: DecisionId,
    },
}

/// The two people that Kith takes one person for, if they are two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Halves {
    /// The larger half, or of two equal ones that with the first face: these stay the person.
    pub stay: Vec<FaceId>,
    /// The others.
    pub leave: Vec<FaceId>,
}

/// A question to the user: is this group that person?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Suggestion {
    /// The group that is asked about.
    pub group: PersonId,
    /// Its faces, the best first.
    pub faces: Vec<FaceId>,
    /// The photo that the first of these faces is on.
    pub photo: PhotoId,
    /// Who it may be: a person, or a larger group.
    pub person: PersonId,
    /// That person's name, if there is one.
    pub name: Option<String>,
    /// Up to four faces of that person, taken at about the time of the face that is asked about;
    /// confirmed ones where there are any.
    pub best_faces: Vec<FaceId>,
    /// How often the answer to such a question is yes, 0 to 1, as it was measured.
    pub certainty: f32,
}

/// What a decision changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Outcome {
    /// The new entry of the log.
    pub decision: DecisionId,
    /// The person it was about, as they are now (a merge or a known name may have moved them).
    pub person: Option<PersonId>,
    /// How many faces have another person or another state than before.
    pub faces_changed: u32,
    /// On how many photos those faces are.
    pub photos_changed: u32,
    /// What was said: `12 faces are now Anna`.
    pub said: Said,
}

/// An entry of the log of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct HistoryEntry {
    /// The decision.
    pub decision: DecisionId,
    /// Seconds since 1970 in UTC when it was said.
    pub at: f64,
    /// What was said.
    pub said: Said,
    /// Up to four of the faces it is about.
    pub faces: Vec<FaceId>,
    /// The person it is about, if there is one and they still have a face.
    pub person: Option<PersonId>,
    /// Whether it was taken back later.
    pub undone: bool,
    /// Whether it still holds, and can be taken back.
    pub stands: bool,
}

/// A version of what the library learned from the user's answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct LearnedVersion {
    /// Its number, counted up.
    pub version: u32,
    /// Seconds since 1970 in UTC when it was learned.
    pub at: f64,
    /// Whether it is in use.
    pub used: bool,
    /// Faces of which the user said who they are, or are not.
    pub answers: u32,
    /// New faces of people it knows, held back to try it on.
    pub faces: u32,
    /// How many of these the network alone places with someone else.
    pub mistakes_before: u32,
    /// How many of these it places with someone else.
    pub mistakes: u32,
    /// Whether it makes fewer mistakes, and no more on people whom it does not know.
    pub better: bool,
    /// One sentence for the user: `Learned from 212 answers of yours; mistakes on 188 answers it had
    /// not seen: 9 → 4`.
    pub said: String,
}

/// A network that the user added: FaceNet with other weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Network {
    /// What it is called: the name of its file.
    #[serde(rename = "network")]
    pub name: String,
    /// How many numbers its embeddings have.
    pub numbers: u32,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Whether it embeds faces from now on.
    pub used: bool,
    /// Faces that are as it sees them.
    pub faces: u32,
}

/// What an upgrade is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum UpgradePhase {
    /// Looking at some faces with both networks.
    Learning,
    /// Embedding faces again.
    Embedding,
}

/// How far an upgrade is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct UpgradeProgress {
    /// What it does now.
    pub phase: UpgradePhase,
    /// Faces done in this phase of this run, failed ones included.
    pub done: u32,
    /// Faces to do in it.
    pub total: u32,
    /// Faces on photos that could not be read, or were changed since they were read.
    pub failed: u32,
    /// Time left in seconds, once it can be told.
    pub seconds_left: Option<f32>,
}

/// What an upgrade came to, or the way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct UpgradeSummary {
    /// The network that embeds faces from now on; none for Kith's own.
    pub network: Option<String>,
    /// Faces in the library.
    pub faces: u32,
    /// Faces that are as this network sees them.
    pub embedded: u32,
    /// How long this run took.
    pub seconds: f64,
    /// Whether it was cancelled before the end.
    pub cancelled: bool,
}

/// Where a library is, and how much room it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Storage {
    /// Its folder, for reading.
    pub folder: String,
    /// Kilobytes of the catalog: what was found and decided.
    pub catalog_kb: u32,
    /// Kilobytes of what can be made again: small pictures, the index of faces.
    pub cache_kb: u32,
    /// Whether it is encrypted with a passphrase.
    pub encrypted: bool,
}

/// Why a library can only be read. Its `Display` goes on after "because".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum ReadOnly {
    /// Its disk can only be read.
    Disk,
    /// Its disk is full.
    Full,
    /// The user may not write there.
    Permission,
}

impl std::fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disk => "its disk can only be read",
            Self::Full => "its disk is full",
            Self::Permission => "your user may not write there",
        })
    }
}

/// What was done when a library was opened that its user should know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A restore was interrupted after its end: the library is as it was in the backup.
    RestoreFinished,
    /// A restore was interrupted before its end: the library is as it was before.
    RestoreUndone,
    /// Files of forgotten people could not be deleted yet; it is tried again at each opening.
    ForgettingUnfinished,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RestoreFinished => {
                "Restoring a backup was interrupted, and is finished: the library is as it was in the backup."
            }
            Self::RestoreUndone => {
                "Restoring a backup was interrupted, and nothing was changed: the library is as it was before. Restore the backup again."
            }
            Self::ForgettingUnfinished => {
                "Small pictures or backups with a person who was forgotten could not all be deleted yet. Kith tries it again when the library is opened next, alone."
            }
        })
    }
}

/// Why a library kept a copy of its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum BackupReason {
    /// Once a day while the library is used.
    Daily,
    /// A newer Kith changed the layout.
    BeforeUpgrade,
    /// A backup took its place.
    BeforeRestore,
    /// It is damaged, and something else took its place.
    Damaged,
}

/// A copy of the catalog that the library keeps by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct BackupEntry {
    /// By which it can be restored.
    pub name: String,
    /// Counted up; the newest has the highest.
    pub number: u32,
    /// The day it was made.
    pub date: String,
    /// When it was made, in seconds since 1970.
    pub at: f64,
    /// Why it was made.
    pub reason: BackupReason,
    /// Its size.
    pub kb: u32,
    /// Its file; the window needs none.
    #[serde(skip)]
    pub path: PathBuf,
}

/// What a repair of a library did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct RepairSummary {
    /// What was wrong with the catalog first; none where it was sound.
    pub damage: Option<String>,
    /// The name of the copy of the damaged catalog.
    pub set_aside: Option<String>,
    /// Answers that could not be read and are in no backup, as far as they can be counted.
    pub decisions_lost: u32,
    /// The same of everything that the catalog held.
    pub rows_lost: u32,
    /// What was missing and came from the newest backup.
    pub rows_from_backup: u32,
    /// Small pictures that were damaged; they are made again when they are needed.
    pub thumbnails: u32,
    /// Photos in the library now.
    pub photos: u32,
    /// Faces in it.
    pub faces: u32,
    /// People with a name.
    pub named: u32,
}

/// What was forgotten with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ForgetSummary {
    /// The new entry of the log: it says that somebody was forgotten, and not who.
    pub decision: DecisionId,
    /// How many faces.
    pub faces: u32,
    /// On how many photos.
    pub photos: u32,
}

/// How far an export or an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TransferProgress {
    /// Photos done.
    pub done: u32,
    /// Photos in all.
    pub total: u32,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Exported {
    /// Whether the file held the same already, and was left as it is.
    pub unchanged: bool,
    /// Photos.
    pub photos: u32,
    /// Faces.
    pub faces: u32,
    /// People of whom something was said.
    pub people: u32,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ImportSummary {
    /// People of the file who are in this library now.
    pub people: u32,
    /// Faces with answers that were found on photos of this library.
    pub faces_matched: u32,
    /// Faces with answers that were not found there, and are drawn now.
    pub faces_drawn: u32,
    /// Answers that contradict what was said in this library, and were left out.
    pub conflicts: u32,
    /// Answers that were in this library already.
    pub unchanged: u32,
    /// The new entry of the log; none where nothing was new.
    pub decision: Option<DecisionId>,
    /// Answers that are new.
    pub added: u32,
    /// Photos with answers that are in this library.
    pub photos_matched: u32,
    /// Photos with answers that are not in this library yet; their answers hold once they are.
    pub photos_waiting: u32,
    /// Faces with answers on these.
    pub faces_waiting: u32,
}

/// An answer of an import that contradicts what was said in this library, and was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Conflict {
    /// What it is about: `person` (forgotten here), `face`, `name`, `other name`, `birthday`, `hidden`, `best face`, `favourite`,
    /// `stars`, `album`, `sureness`.
    pub conflict: String,
    /// The photo, where it is about one or a face on it.
    pub photo: Option<String>,
    /// The person or album, where it is about one.
    pub about: Option<String>,
    /// What was said here, and stays.
    pub here: String,
    /// What the file says.
    pub file: String,
}

/// What a running index job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Looking for files.
    Scanning,
    /// Reading photos and finding faces.
    Reading,
    /// Looking for photos that are nearly one.
    Comparing,
    /// Working out who is who.
    Grouping,
}

/// How fast photos are read: since the run began to read, without its pauses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Speed {
    /// Photos a second.
    pub photos: f32,
    /// Faces a second.
    pub faces: f32,
}

/// How far a running index job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Progress {
    /// What it does now.
    pub phase: Phase,
    /// Photos done in this phase, failed ones included.
    pub done: u32,
    /// Photos to do in this phase.
    pub total: u32,
    /// Faces found in this run.
    pub faces: u32,
    /// Files that could not be read in this run.
    pub failed: u32,
    /// How fast photos are read, once it can be told.
    pub speed: Option<Speed>,
    /// Time left in seconds, once it can be told.
    pub seconds_left: Option<f32>,
}

/// What an index job did. Counts are of the whole library unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct IndexSummary {
    /// Photos in the library.
    pub photos: u32,
    /// Faces on them, without the ignored ones.
    pub faces: u32,
    /// People, named or not, that these faces belong to.
    pub groups: u32,
    /// Files that could not be read.
    pub failed: u32,
    /// Files of this run that had not changed since they were read last.
    pub unchanged: u32,
    /// Photos of the library whose drive or folder cannot be reached; they are counted above, too.
    pub away: u32,
    /// Folders that this run recognised at a new place.
    pub moved_folders: Vec<MovedFolder>,
    /// Pictures and videos that this run left out, by rule: see [`Skipped::rule`].
    pub skipped: BTreeMap<String, u32>,
    /// How long this run took.
    pub seconds: f64,
    /// Whether it was cancelled before the end.
    pub cancelled: bool,
}

/// A folder of the library that was recognised at a new place, with all that was said of its photos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct MovedFolder {
    /// Where it was, for reading.
    pub from: String,
    /// Where it is, for reading.
    pub to: String,
    /// Photos that went along.
    pub photos: u32,
}

impl MovedFolder {
    pub(crate) fn new(from: &std::path::Path, to: &std::path::Path, photos: u32) -> Self {
        Self {
            from: from.display().to_string(),
            to: to.display().to_string(),
            photos,
        }
    }
}

/// What the last look through the folders left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Skipped {
    /// A file or folder, for reading.
    pub path: String,
    /// The rule: that of a program or marker, as [`SkipRule::as_str`](crate::scan::SkipRule::as_str), or the
    /// extension of a picture or video that is not read.
    pub rule: String,
    /// Pictures and videos in it, by their names; 1 for a file.
    pub files: u32,
}

/// A photo read outside any library: its faces and their embeddings.
#[derive(Debug, Clone)]
pub struct EmbeddedFace {
    /// The photo.
    pub path: PathBuf,
    /// `[x, y, w, h]` as fractions of the upright photo.
    pub box_upright: [f32; 4],
    /// 128 numbers, unit length.
    pub embedding: kith_models::Embedding,
}
