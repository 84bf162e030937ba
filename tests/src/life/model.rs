//! Says what every answer of a library must be: an independent replay of the log, and of what looks
//! must make of the files. Written from what users are promised, not from the engine's code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use kith_engine::{AlbumId, DecisionId, PersonId};

use super::pictures::Content;

/// One photo as its owner sees it: it stays the same when its file moves or is edited.
pub type PhotoNo = u32;
/// A face: the photo it was seen on, and its number among the faces of the scene.
pub type FaceKey = (PhotoNo, u32);

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The person has this name, and these faces are that person.
    Name(PersonId, String, Vec<FaceKey>),
    /// The person has no name any more.
    Unname(PersonId),
    /// These faces are the person.
    Confirm(PersonId, Vec<FaceKey>),
    /// The first faces are not the person; the others were the rest of an unnamed group.
    Reject(PersonId, Vec<FaceKey>, Vec<FaceKey>),
    /// The first person is the second, with the faces that the first brings, and those of the second if it was
    /// an unnamed group.
    Merge(PersonId, PersonId, Vec<FaceKey>, Vec<FaceKey>),
    /// The person is hidden, or shown again.
    Hide(PersonId, bool, Vec<FaceKey>),
    /// No faces to care about.
    Ignore(Vec<FaceKey>),
    /// It cannot be told whether these faces are the person.
    Unsure(PersonId, Vec<FaceKey>),
    /// This face stands for the person; the others were the rest of an unnamed group.
    BestFace(PersonId, FaceKey, Vec<FaceKey>),
    /// The user drew this face.
    Draw(FaceKey),
    /// Other names.
    Aliases(PersonId, Vec<String>, Vec<FaceKey>),
    /// Day of birth.
    Birthday(PersonId, Option<String>, Vec<FaceKey>),
    /// Favourites, or not.
    Favourite(Vec<PhotoNo>, bool),
    /// Stars.
    Stars(Vec<PhotoNo>, u8),
    /// An album is made or renamed.
    Album(AlbumId, String),
    /// A search is saved or renamed.
    SavedSearch(AlbumId, String, String),
    /// Photos go into an album.
    AddToAlbum(AlbumId, Vec<PhotoNo>),
    /// Photos leave an album.
    RemoveFromAlbum(AlbumId, Vec<PhotoNo>),
    /// An album is deleted.
    DropAlbum(AlbumId),
    /// Nothing that the model looks at.
    Other,
    /// Said at once.
    Several(Vec<Said>),
    /// An entry is taken back.
    Undo(DecisionId),
    /// An entry that was taken back holds again.
    Redo(DecisionId),
    /// Kith wrote it, and nobody can take it back.
    ByKith,
}

impl Said {
    /// The faces that it draws.
    #[must_use]
    pub fn drawn(&self) -> Vec<FaceKey> {
        match self {
            Self::Draw(face) => vec![*face],
            Self::Several(all) => all.iter().flat_map(Self::drawn).collect(),
            _ => Vec::new(),
        }
    }

    /// The faces that merges bring to others.
    fn brought(&self, faces: &mut BTreeSet<FaceKey>) {
        match self {
            Self::Merge(_, _, brought, _) => faces.extend(brought),
            Self::Several(all) => all.iter().for_each(|said| said.brought(faces)),
            _ => {}
        }
    }
}

/// What was said of one photo holds for another from a moment on, where nothing else was said of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Took {
    /// The photo that is gone.
    pub from: PhotoNo,
    /// The photo that has its answers now.
    pub to: PhotoNo,
    /// After how many entries of the log.
    pub after: usize,
}

/// The log.
#[derive(Debug, Clone, Default)]
pub struct Log(pub Vec<(DecisionId, Said)>);

impl Log {
    /// Entries that were taken back.
    #[must_use]
    pub fn undone(&self) -> BTreeSet<DecisionId> {
        let mut undone = BTreeSet::new();
        for (_, said) in &self.0 {
            match said {
                Said::Undo(entry) => {
                    undone.insert(*entry);
                }
                Said::Redo(entry) => {
                    undone.remove(entry);
                }
                _ => {}
            }
        }
        undone
    }

    /// Entries that hold and can be taken back, the newest first.
    #[must_use]
    pub fn standing(&self) -> Vec<DecisionId> {
        let undone = self.undone();
        let all = self.0.iter().rev();
        all.filter(|(id, said)| {
            !matches!(said, Said::Undo(_) | Said::Redo(_) | Said::ByKith) && !undone.contains(id)
        })
        .map(|(id, _)| *id)
        .collect()
    }

    /// The entry that *Undo* takes back: the newest that holds. One that would leave two people of one name
    /// waits for those before it.
    #[must_use]
    pub fn to_undo(&self) -> Option<DecisionId> {
        let standing = self.standing();
        let shared = self.replay(&[]).shared_names();
        let leaves_names = |entry: &DecisionId| {
            let mut after = self.clone();
            after.0.push((DecisionId::MAX, Said::Undo(*entry)));
            after.replay(&[]).shared_names().is_subset(&shared)
        };
        let waiting = standing.first().copied();
        standing.into_iter().find(leaves_names).or(waiting)
    }

    /// The entry that *Redo* would say again.
    #[must_use]
    pub fn to_redo(&self) -> Option<DecisionId> {
        let mut taken_back = Vec::new();
        for (_, said) in &self.0 {
            match said {
                Said::Undo(entry) => taken_back.push(*entry),
                Said::Redo(entry) => taken_back.retain(|of| of != entry),
                Said::ByKith => {}
                _ => taken_back.clear(),
            }
        }
        taken_back.pop()
    }

    /// What is said without the faces that a merge brought which held then and is taken back by now: a merge of
    /// merged people leaves these where they are without it.
    fn without_undone_merges(&self, at: usize, said: &Said, took: &[Took]) -> Said {
        match said {
            Said::Several(all) => {
                let all = all.iter();
                let all = all.map(|said| self.without_undone_merges(at, said, took));
                Said::Several(all.collect())
            }
            Said::Merge(person, into, brought, own) => {
                let mut gone = self.brought_by_undone(at);
                if gone.is_empty() {
                    return said.clone();
                }
                for took in took.iter().filter(|took| took.after <= at) {
                    let of_old = gone.iter().filter(|(photo, _)| *photo == took.from);
                    let of_new: Vec<FaceKey> = of_old.map(|(_, face)| (took.to, *face)).collect();
                    gone.extend(of_new);
                }
                let left = |faces: &[FaceKey]| -> Vec<FaceKey> {
                    let faces = faces.iter().copied();
                    faces.filter(|face| !gone.contains(face)).collect()
                };
                Said::Merge(*person, *into, left(brought), left(own))
            }
            other => other.clone(),
        }
    }

    /// Faces that were brought by merges before an entry, which held when it was said and do not by now.
    fn brought_by_undone(&self, at: usize) -> BTreeSet<FaceKey> {
        let (before, after) = self.0.split_at(at);
        let mut undone_since = BTreeSet::new();
        for (_, said) in after {
            match said {
                Said::Undo(entry) => undone_since.insert(*entry),
                Said::Redo(entry) => undone_since.remove(entry),
                _ => false,
            };
        }
        let mut faces = BTreeSet::new();
        if !undone_since.is_empty() {
            let gone = before.iter().filter(|(id, _)| undone_since.contains(id));
            gone.for_each(|(_, said)| said.brought(&mut faces));
        }
        faces
    }

    /// All that holds, where these photos took over the answers of others.
    #[must_use]
    pub fn replay(&self, took: &[Took]) -> Answers {
        let undone = self.undone();
        let mut answers = Answers::default();
        for (at, (id, said)) in self.0.iter().enumerate() {
            for took in took.iter().filter(|took| took.after == at) {
                answers.take_over(took);
            }
            if !undone.contains(id) {
                match said {
                    Said::Merge(..) | Said::Several(_) => {
                        answers.hear(&self.without_undone_merges(at, said, took));
                    }
                    said => answers.hear(said),
                }
            }
        }
        for took in took.iter().filter(|took| took.after >= self.0.len()) {
            answers.take_over(took);
        }
        answers
    }
}

/// What was said of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonAnswers {
    /// The name.
    pub name: Option<String>,
    /// Whether they are hidden.
    pub hidden: bool,
    /// The face that stands for them.
    pub best_face: Option<FaceKey>,
    /// Other names.
    pub aliases: Vec<String>,
    /// Day of birth.
    pub birthday: Option<String>,
}

/// An album.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlbumAnswers {
    /// Its name.
    pub name: String,
    /// Its search, if it is one.
    pub query: Option<String>,
    /// The photos in it.
    pub photos: BTreeSet<PhotoNo>,
}

/// All that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// People of whom something was said.
    pub people: BTreeMap<PersonId, PersonAnswers>,
    /// Whose a face is.
    pub confirmed: BTreeMap<FaceKey, PersonId>,
    /// Whose a face is not.
    pub rejected: BTreeSet<(FaceKey, PersonId)>,
    /// Faces that are not one person.
    pub apart: BTreeSet<(FaceKey, FaceKey)>,
    /// Faces to leave out.
    pub ignored: BTreeSet<FaceKey>,
    /// Faces that were drawn.
    pub drawn: BTreeSet<FaceKey>,
    /// Not to be asked again.
    pub unsure: BTreeSet<(FaceKey, PersonId)>,
    /// Favourites.
    pub favourites: BTreeSet<PhotoNo>,
    /// Photos with stars.
    pub stars: BTreeMap<PhotoNo, u8>,
    /// Albums.
    pub albums: BTreeMap<AlbumId, AlbumAnswers>,
}

impl Answers {
    /// Whoever has that name, or another name that reads so.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<PersonId> {
        let wanted = name.to_lowercase();
        let by_name = self.people.iter().find(|(_, of)| {
            of.name
                .as_ref()
                .is_some_and(|name| name.to_lowercase() == wanted)
        });
        let by_alias = || {
            self.people.iter().find(|(_, of)| {
                let mut aliases = of.aliases.iter();
                of.name.is_some() && aliases.any(|alias| alias.to_lowercase() == wanted)
            })
        };
        by_name.or_else(by_alias).map(|(person, _)| *person)
    }

    /// The names that two people have.
    fn shared_names(&self) -> BTreeSet<String> {
        let mut called: BTreeMap<String, PersonId> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (person, of) in &self.people {
            let aliases = of.name.iter().flat_map(|_| &of.aliases);
            for name in of.name.iter().chain(aliases) {
                let name = name.to_lowercase();
                let other = called.insert(name.clone(), *person);
                if other.is_some_and(|other| other != *person) {
                    shared.insert(name);
                }
            }
        }
        shared
    }

    fn hear(&mut self, said: &Said) {
        match said {
            Said::Name(person, name, of) => {
                self.people.entry(*person).or_default().name = Some(name.clone());
                self.confirm(of, *person);
            }
            Said::Unname(person) => {
                let of = self.people.entry(*person).or_default();
                of.name = None;
                of.aliases.clear();
            }
            Said::Confirm(person, of) => {
                self.people.entry(*person).or_default();
                self.confirm(of, *person);
            }
            Said::Reject(person, of, others) => {
                for one in of.iter().copied() {
                    self.rejected.insert((one, *person));
                    if self.confirmed.get(&one) == Some(person) {
                        self.confirmed.remove(&one);
                    }
                    for other in others.iter().copied() {
                        self.apart.insert((one.min(other), one.max(other)));
                    }
                }
            }
            Said::Merge(person, into, brought, own) => {
                self.merge(*person, *into, &[&brought[..], own].concat());
            }
            Said::Hide(person, hidden, of) => {
                self.people.entry(*person).or_default().hidden = *hidden;
                self.confirm(of, *person);
            }
            Said::Ignore(of) => {
                for one in of {
                    self.confirmed.remove(one);
                    self.ignored.insert(*one);
                }
            }
            Said::Unsure(person, of) => {
                self.unsure.extend(of.iter().map(|one| (*one, *person)));
            }
            Said::BestFace(person, best, others) => {
                let best = *best;
                self.people.entry(*person).or_default().best_face = Some(best);
                self.confirm(&[best], *person);
                self.confirm(others, *person);
            }
            Said::Draw(drawn) => {
                self.drawn.insert(*drawn);
            }
            Said::Aliases(person, aliases, of) => {
                self.people
                    .entry(*person)
                    .or_default()
                    .aliases
                    .clone_from(aliases);
                self.confirm(of, *person);
            }
            Said::Birthday(person, birthday, of) => {
                self.people
                    .entry(*person)
                    .or_default()
                    .birthday
                    .clone_from(birthday);
                self.confirm(of, *person);
            }
            Said::Several(all) => all.iter().for_each(|said| self.hear(said)),
            Said::Other | Said::ByKith | Said::Undo(_) | Said::Redo(_) => {}
            of_photos => self.hear_of_photos(of_photos),
        }
    }

    fn hear_of_photos(&mut self, said: &Said) {
        match said {
            Said::Favourite(photos, favourite) => {
                for photo in photos.iter().copied() {
                    if *favourite {
                        self.favourites.insert(photo);
                    } else {
                        self.favourites.remove(&photo);
                    }
                }
            }
            Said::Stars(photos, stars) => {
                for photo in photos.iter().copied() {
                    self.stars.insert(photo, *stars);
                }
            }
            Said::Album(album, name) => {
                self.albums.entry(*album).or_default().name.clone_from(name);
            }
            Said::SavedSearch(album, name, query) => {
                let album = self.albums.entry(*album).or_default();
                album.name.clone_from(name);
                album.query = Some(query.clone());
            }
            Said::AddToAlbum(album, photos) => {
                if let Some(album) = self.albums.get_mut(album) {
                    album.photos.extend(photos.iter().copied());
                }
            }
            Said::RemoveFromAlbum(album, photos) => {
                if let Some(album) = self.albums.get_mut(album) {
                    for photo in photos {
                        album.photos.remove(photo);
                    }
                }
            }
            Said::DropAlbum(album) => {
                self.albums.remove(album);
            }
            _ => {}
        }
    }

    /// A photo has the answers of another where it has none of its own.
    fn take_over(&mut self, took: &Took) {
        let &Took { from, to, .. } = took;
        if self.favourites.contains(&from) {
            self.favourites.insert(to);
        }
        if let Some(stars) = self.stars.get(&from).copied() {
            let own = self.stars.entry(to).or_default();
            *own = if *own == 0 { stars } else { *own };
        }
        for album in self.albums.values_mut() {
            if album.photos.contains(&from) {
                album.photos.insert(to);
            }
        }
        let new = |(_, face): FaceKey| (to, face);
        let is_old = |face: &FaceKey| face.0 == from;
        let drawn: Vec<FaceKey> = self.drawn.iter().copied().filter(is_old).collect();
        self.drawn.extend(drawn.into_iter().map(new));
        let rejected: Vec<(FaceKey, PersonId)> = self
            .rejected
            .iter()
            .copied()
            .filter(|(face, person)| {
                is_old(face) && self.confirmed.get(&new(*face)) != Some(person)
            })
            .collect();
        self.rejected.extend(
            rejected
                .into_iter()
                .map(|(face, person)| (new(face), person)),
        );
        let said = |answers: &Self, face: &FaceKey| {
            answers.confirmed.contains_key(face) || answers.ignored.contains(face)
        };
        let ignored: Vec<FaceKey> = self.ignored.iter().copied().filter(is_old).collect();
        let confirmed: Vec<(FaceKey, PersonId)> = self
            .confirmed
            .iter()
            .map(|(face, person)| (*face, *person))
            .filter(|(face, _)| is_old(face))
            .collect();
        for face in ignored.into_iter().map(new) {
            if !said(self, &face) {
                self.ignored.insert(face);
            }
        }
        for (face, person) in confirmed {
            let face = new(face);
            if !said(self, &face) && !self.rejected.contains(&(face, person)) {
                self.confirmed.insert(face, person);
            }
        }
        for person in self.people.values_mut() {
            if let Some(best) = person.best_face.filter(is_old) {
                person.best_face = Some(new(best));
            }
        }
    }

    fn confirm(&mut self, faces: &[FaceKey], person: PersonId) {
        for face in faces {
            self.confirmed.insert(*face, person);
            self.rejected.remove(&(*face, person));
            self.ignored.remove(face);
        }
        let confirmed = &self.confirmed;
        self.apart.retain(
            |(one, other)| match (confirmed.get(one), confirmed.get(other)) {
                (Some(one), Some(other)) => one != other,
                _ => true,
            },
        );
    }

    fn merge(&mut self, person: PersonId, into: PersonId, faces: &[FaceKey]) {
        let from = self.people.remove(&person).unwrap_or_default();
        let stays = self.people.entry(into).or_default();
        stays.name = stays.name.take().or(from.name);
        stays.best_face = stays.best_face.or(from.best_face);
        stays.birthday = stays.birthday.take().or(from.birthday);
        for alias in from.aliases {
            if !stays.aliases.contains(&alias) {
                stays.aliases.push(alias);
            }
        }
        for of in self.confirmed.values_mut() {
            if *of == person {
                *of = into;
            }
        }
        for pairs in [&mut self.rejected, &mut self.unsure] {
            let now = std::mem::take(pairs).into_iter();
            *pairs = now
                .map(|(face, of)| (face, if of == person { into } else { of }))
                .collect();
        }
        self.confirm(faces, into);
        let confirmed = &self.confirmed;
        self.rejected
            .retain(|(face, of)| confirmed.get(face) != Some(of));
    }
}

/// What the library must know of a photo.
#[derive(Debug, Clone)]
pub struct Row {
    /// Where it was seen last.
    pub path: PathBuf,
    /// What was seen there.
    pub content: Arc<Content>,
    /// The photo.
    pub photo: PhotoNo,
    /// Whose answers it took over.
    pub took: Vec<Took>,
    /// Its file is gone, and not only away.
    pub gone: bool,
    /// Another took over its answers.
    pub taken_over: bool,
}

/// Possibilities for one photo at most.
const MOST_DOUBTS: usize = 300;

/// A file whose photo cannot be told for sure from what a look sees: any of these may be it.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// The row's place in [`Model::rows`].
    pub row: usize,
    /// What it may have taken over, the most likely first.
    pub either: Vec<Vec<Took>>,
}

/// What must be, after all that happened.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The log.
    pub log: Log,
    /// Every photo that was ever seen.
    pub rows: Vec<Row>,
    /// To be settled by what the library shows.
    pub doubts: Vec<Doubt>,
    /// Photos so far.
    photos: PhotoNo,
}

/// The files that a look can see, and how it sees what it knew before.
pub struct Sight<'a> {
    /// Every file in the folders that are looked at.
    pub files: &'a BTreeMap<PathBuf, Arc<Content>>,
    /// Whether a path lies in what is looked at (there, and readable).
    pub covers: &'a dyn Fn(&PathBuf) -> bool,
    /// What lies at a path outside of that, if anything does.
    pub elsewhere: &'a dyn Fn(&PathBuf) -> Option<Arc<Content>>,
    /// Paths that a file was moved to since the library has seen them.
    pub touched: &'a BTreeSet<PathBuf>,
    /// The library knows older things than the model did: after a restore.
    pub restored: bool,
}

impl Model {
    /// Too much can be, by what a library can know, to say what must be.
    #[must_use]
    pub fn is_in_the_dark(&self) -> bool {
        let mut doubts = self.doubts.iter();
        doubts.any(|doubt| doubt.either.len() > MOST_DOUBTS)
    }

    fn new_photo(&mut self) -> PhotoNo {
        self.photos += 1;
        self.photos
    }

    /// Takes over which numbers are in use from a model that knows more.
    pub fn numbers_of(&mut self, other: &Self) {
        self.photos = self.photos.max(other.photos);
    }

    fn new_row(&mut self, path: PathBuf, content: Arc<Content>) -> usize {
        let photo = self.new_photo();
        self.rows.push(Row {
            path,
            content,
            photo,
            took: Vec::new(),
            gone: false,
            taken_over: false,
        });
        self.rows.len() - 1
    }

    /// What a row may have taken over, and then another photo all that is said of it.
    fn taken_from(&self, row: usize, to: PhotoNo) -> Vec<Vec<Took>> {
        let took = Took {
            from: self.rows[row].photo,
            to,
            after: self.log.0.len(),
        };
        let doubt = self.doubts.iter().find(|doubt| doubt.row == row);
        let before = match doubt {
            Some(doubt) => doubt.either.clone(),
            None => vec![self.rows[row].took.clone()],
        };
        before
            .into_iter()
            .map(|before| [before, vec![took]].concat())
            .collect()
    }

    /// Any of these may be what a row took over.
    fn doubt(&mut self, row: usize, mut either: Vec<Vec<Took>>) {
        let mut seen = BTreeSet::new();
        either.retain(|took| seen.insert(took.clone()));
        either.truncate(MOST_DOUBTS + 1);
        self.doubts.retain(|doubt| doubt.row != row);
        self.rows[row].took.clone_from(&either[0]);
        if either.len() > 1 {
            self.doubts.push(Doubt { row, either });
        }
    }

    /// Rows that must be listed.
    pub fn present(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter(|(_, row)| !row.gone)
    }

    /// The row at a path.
    #[must_use]
    pub fn at(&self, path: &PathBuf) -> Option<usize> {
        let found = self.present().find(|(_, row)| row.path == *path);
        found.map(|(at, _)| at)
    }

    /// What a whole look must make of the files.
    pub fn look(&mut self, sight: &Sight<'_>) {
        let mut left: BTreeMap<PathBuf, Arc<Content>> = sight.files.clone();
        let mut known: BTreeSet<usize> = BTreeSet::new();
        let mixed = self.mixed_copies(sight);
        // Rows whose picture is where it was.
        for (at, row) in self
            .rows
            .iter_mut()
            .enumerate()
            .filter(|(_, row)| !row.gone && !mixed.contains(&row.content.data))
        {
            if left
                .get(&row.path)
                .is_some_and(|file| file.data == row.content.data)
            {
                row.content = left
                    .remove(&row.path)
                    .unwrap_or_else(|| row.content.clone());
                known.insert(at);
            }
        }
        self.moved(sight, &mut left, &mut known);
        self.edited(sight, &mut left, &mut known);
        // What is left was never seen.
        for (path, content) in left {
            let scene = content.scene;
            let at = self.new_row(path, content);
            // Its picture may be an edit of one that was renamed as well, which only eyes can tell.
            let photo = self.rows[at].photo;
            let mut either = vec![Vec::new()];
            for other in 0..at {
                if self.rows[other].content.scene == scene {
                    either.extend(self.taken_from(other, photo));
                }
            }
            known.insert(at);
            self.doubt(at, either);
        }
        self.vanished(sight, &known);
    }

    /// Pictures of which there are copies, one of which was moved to where a file lies now: which copy is
    /// which, the bytes or the inode may tell, or nothing.
    fn mixed_copies(&self, sight: &Sight<'_>) -> BTreeSet<u32> {
        let mut copies: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, row) in self.present() {
            *copies.entry(row.content.data).or_default() += 1;
        }
        let moved = sight
            .touched
            .iter()
            .filter_map(|path| sight.files.get(path));
        let data = moved.map(|content| content.data);
        data.filter(|data| copies.get(data).is_some_and(|count| *count > 1))
            .collect()
    }

    /// Pictures that are somewhere else now.
    fn moved(
        &mut self,
        sight: &Sight<'_>,
        left: &mut BTreeMap<PathBuf, Arc<Content>>,
        known: &mut BTreeSet<usize>,
    ) {
        let mut by_data: BTreeMap<u32, Vec<PathBuf>> = BTreeMap::new();
        for (path, content) in left.iter() {
            by_data.entry(content.data).or_default().push(path.clone());
        }
        for (data, paths) in by_data {
            let free = |row: &&(usize, &Row)| row.1.content.data == data && !known.contains(&row.0);
            let rows: Vec<(usize, &Row)> = self.rows.iter().enumerate().collect();
            let lost = |row: &&(usize, &Row)| {
                // Rows of folders that are not looked at are where they were, as far as one can see.
                !row.1.gone
                    && ((sight.covers)(&row.1.path) || (sight.elsewhere)(&row.1.path).is_none())
            };
            let surely: Vec<usize> = rows
                .iter()
                .filter(free)
                .filter(lost)
                .map(|(at, _)| *at)
                .collect();
            let back: Vec<usize> = rows
                .iter()
                .filter(free)
                .filter(|(_, row)| row.gone)
                .map(|(at, _)| *at)
                .collect();
            let stale: Vec<usize> = rows
                .iter()
                .filter(free)
                .filter(|(_, row)| {
                    !row.gone
                        && !(sight.covers)(&row.path)
                        && (sight.elsewhere)(&row.path).is_some_and(|there| there.data != data)
                })
                .map(|(at, _)| *at)
                .collect();
            let candidates = if surely.is_empty() { &back } else { &surely };
            let mut candidates: Vec<usize> = candidates.clone();
            let doubtful = candidates.len() > 1
                || paths.len() > 1 && !candidates.is_empty()
                || !stale.is_empty()
                || candidates.iter().any(|at| self.rows[*at].taken_over)
                || (!surely.is_empty() && !back.is_empty());
            let mut all: Vec<usize> = surely.iter().chain(&back).chain(&stale).copied().collect();
            if doubtful {
                // Where copies were mixed before, the answers of one may be with another's row.
                let mixed = rows.iter().filter(|(at, row)| {
                    row.content.data == data && !row.took.is_empty() && !all.contains(at)
                });
                let mixed: Vec<usize> = mixed.map(|(at, _)| *at).collect();
                all.extend(mixed);
            }
            for path in paths {
                let Some(content) = left.remove(&path) else {
                    continue;
                };
                if !doubtful {
                    if candidates.is_empty() {
                        left.insert(path, content);
                    } else {
                        let at = candidates.remove(0);
                        let row = &mut self.rows[at];
                        (row.path, row.content, row.gone) = (path, content, false);
                        known.insert(at);
                    }
                    continue;
                }
                // Any of them may be here, or several, or none.
                let photo = self.new_photo();
                let mut each: Vec<Vec<Took>> = Vec::new();
                for row in &all {
                    each.extend(self.taken_from(*row, photo));
                }
                let mut together = each.concat();
                let mut once = BTreeSet::new();
                together.retain(|took| once.insert(*took));
                let mut either = vec![together];
                either.extend(each);
                either.push(Vec::new());
                let at = if candidates.is_empty() {
                    self.new_row(path, content)
                } else {
                    let at = candidates.remove(0);
                    let row = &mut self.rows[at];
                    (row.path, row.content, row.gone) = (path, content, false);
                    at
                };
                self.rows[at].photo = photo;
                known.insert(at);
                self.doubt(at, either);
            }
        }
    }

    /// Pictures that were edited where they lie.
    fn edited(
        &mut self,
        sight: &Sight<'_>,
        left: &mut BTreeMap<PathBuf, Arc<Content>>,
        known: &mut BTreeSet<usize>,
    ) {
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            if row.gone || known.contains(&at) {
                continue;
            }
            let Some(now) = left.get(&row.path) else {
                continue;
            };
            if now.scene != row.content.scene {
                continue;
            }
            let path = row.path.clone();
            if let Some(now) = left.remove(&path) {
                if sight.restored {
                    // Several edits at once may be too many to know it again.
                    let photo = self.new_photo();
                    let mut either = self.taken_from(at, photo);
                    either.push(Vec::new());
                    self.rows[at].photo = photo;
                    self.doubt(at, either);
                }
                self.rows[at].content = now;
                known.insert(at);
            }
        }
    }

    /// Photos whose file is deleted: a copy takes over what was said of them.
    fn vanished(&mut self, sight: &Sight<'_>, known: &BTreeSet<usize>) {
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            if row.gone || known.contains(&at) || !(sight.covers)(&row.path) {
                continue;
            }
            let data = row.content.data;
            self.rows[at].gone = true;
            let copies: Vec<usize> = self
                .present()
                .filter(|(_, other)| other.content.data == data)
                .map(|(at, _)| at)
                .collect();
            self.rows[at].taken_over = !copies.is_empty();
            let sure = copies.len() == 1 && known.contains(&copies[0]);
            for copy in copies {
                let photo = self.rows[copy].photo;
                let old = self.taken_from(at, photo);
                let doubt = self.doubts.iter().find(|doubt| doubt.row == copy);
                let own = match doubt {
                    Some(doubt) => doubt.either.clone(),
                    None => vec![self.rows[copy].took.clone()],
                };
                let pairs = own
                    .iter()
                    .flat_map(|own| old.iter().map(move |old| (own, old)));
                let mut either: Vec<Vec<Took>> = pairs
                    .clone()
                    .map(|(own, old)| [&own[..], &old[..]].concat())
                    .collect();
                if own.len() > 1 {
                    // The file that is left may be the one or the other: its own word comes first.
                    either.extend(pairs.map(|(own, old)| [&old[..], &own[..]].concat()));
                }
                for both in &mut either {
                    let mut once = BTreeSet::new();
                    both.retain(|took| once.insert(*took));
                }
                if !sure {
                    either.extend(own);
                }
                self.doubt(copy, either);
            }
        }
    }
}
