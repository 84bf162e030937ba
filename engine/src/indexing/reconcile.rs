//! Stores a photo that was read in the row of the photo that it shows, and brings its faces in line with what
//! is on it now.

use std::collections::HashSet;

use kith_models::distance;
use rusqlite::Connection;

use super::compare::has_left;
use super::{Edit, ReadPhoto, Replaced, SAME_PLACE, ToRead};
use crate::alike::Look;
use crate::catalog::faces::{self as face_rows, NewFace, StoredFace};
use crate::catalog::photos::{self, Alike, Header};
use crate::catalog::{folders, looks};
use crate::faces::{MODEL, overlap};
use crate::people::Calibration;
use crate::photo::{Alignment, Orientation};
use crate::{FaceId, PhotoId, Result};

/// Least correlation of the looks of a picture and of its edit, once they are aligned.
const LEAST_CORRELATION: f32 = 0.8;

/// Stores a photo that was read, with its faces, and says how many these are.
pub(super) fn store(connection: &Connection, file: &ToRead, read: &ReadPhoto) -> Result<u32> {
    let ReadPhoto {
        header,
        faces,
        drawn,
        look,
        edit,
    } = read;
    if let Some(look) = look {
        looks::store(connection, &header.content, look)?;
    }
    let sources = sources_of_faces(connection, header)?;
    let faces = match (sources.first(), faces) {
        (Some(source), _) => faces_to_copy(connection, *source)?,
        (None, Some(faces)) => faces.clone(),
        // What the catalog had was deleted meanwhile: the next run reads the photo.
        (None, None) => return Ok(0),
    };
    let row = match file.photo {
        Some(photo) => Some(photo),
        None => match unplaced(connection, header)? {
            Some(photo) => Some(photo),
            None => replaced(connection, file, *edit, &faces)?,
        },
    };
    let edit = match row {
        Some(row) => turned(connection, row, header)?.unwrap_or(*edit),
        None => *edit,
    };
    // Of the same picture its faces, the drawn ones too, are where they were.
    let is_same = row.is_some_and(|row| sources.contains(&row));
    let photo = photos::store(connection, row, &file.path, file.stamp, header, &MODEL)?;
    if !is_same {
        reconcile(connection, photo, &faces, drawn, edit)?;
    }
    Ok(faces.len() as u32)
}

/// The photos whose faces are those of a picture with this header, as the networks would see the same.
pub(super) fn sources_of_faces(connection: &Connection, header: &Header) -> Result<Vec<PhotoId>> {
    let same_content = photos::with_content(connection, &header.content, &MODEL)?;
    let same_picture = match &header.picture {
        Some(picture) => photos::with_picture(connection, picture, &MODEL)?,
        None => Vec::new(),
    };
    let lies_alike = |photo: &Alike| photo.orientation == header.orientation;
    let same_picture = same_picture.into_iter().filter(lies_alike);
    let sources = same_content.into_iter().chain(same_picture);
    Ok(sources
        .filter(|photo| photo.is_current)
        .map(|photo| photo.id)
        .collect())
}

/// A photo with this content, or else with this picture, whose file is not where it was.
fn unplaced(connection: &Connection, header: &Header) -> Result<Option<PhotoId>> {
    let same_content = photos::with_content(connection, &header.content, &MODEL)?;
    let same_picture = match &header.picture {
        Some(picture) => photos::with_picture(connection, picture, &MODEL)?,
        None => Vec::new(),
    };
    for photo in same_content.into_iter().chain(same_picture) {
        if photo.gone {
            return Ok(Some(photo.id));
        }
        let known = photos::known_one(connection, photo.id)?;
        // The user said that the folder it is away with is not the one that was found.
        let is_kept_apart = known.away && folders::is_separate(connection, &known.path)?;
        if !is_kept_apart && has_left(&known) {
            return Ok(Some(photo.id));
        }
    }
    Ok(None)
}

/// The photo that was at the path of the file, if the file is an edit of it: as the pictures tell, or else,
/// where none of the old one is left, the faces. Also one that could never be read.
fn replaced(
    connection: &Connection,
    file: &ToRead,
    edit: Edit,
    faces: &[NewFace],
) -> Result<Option<PhotoId>> {
    let Some(before) = file.replaces else {
        return photos::never_read(connection, &file.path);
    };
    let is_edit = match edit {
        Edit::Yes(_) => true,
        Edit::No => false,
        Edit::Unknown => {
            let old = face_rows::on_photo(connection, before.photo)?;
            let same = Calibration::built_in().surely_same();
            old.iter().filter(|face| face.present).any(|old| {
                let is_old =
                    |new: &NewFace| apart(old, new) < same && shared(old, new, edit) > SAME_PLACE;
                faces.iter().any(is_old)
            })
        }
    };
    Ok(is_edit.then_some(before.photo))
}

/// The same picture lies in another orientation now: how its photo was turned or mirrored.
pub(super) fn turned(
    connection: &Connection,
    photo: PhotoId,
    header: &Header,
) -> Result<Option<Edit>> {
    let (Some(picture), Some(now)) = (&header.picture, header.orientation) else {
        return Ok(None);
    };
    let same_picture = photos::with_picture(connection, picture, &MODEL)?;
    let before = same_picture.iter().find(|of| of.id == photo);
    let before = before.and_then(|of| of.orientation);
    Ok(before.filter(|before| *before != now).map(|before| {
        let of = |tag: u8| Orientation::from_tag(tag.into());
        Edit::Yes(Alignment::of_orientations(of(now), of(before)))
    }))
}

/// Whether a picture is an edit of one whose thumbnail is missing, as after a restored backup: a face with nearly
/// the same embedding gives an alignment of the two pictures, and the correlation of their looks confirms it.
pub(super) fn edit_by_faces(
    connection: &Connection,
    before: Replaced,
    faces: &[NewFace],
    look: &Look,
) -> Result<Edit> {
    let Some(look_before) = looks::of(connection, &before.content)? else {
        return Ok(Edit::Unknown);
    };
    let same = Calibration::built_in().surely_same();
    let old = face_rows::on_photo(connection, before.photo)?;
    let mut best: Option<(f32, Alignment)> = None;
    for old in old.iter().filter(|face| face.present) {
        for new in faces.iter().filter(|new| apart(old, new) < same) {
            let alignment = Alignment::of_boxes(new.box_upright, old.found.box_upright);
            let found = look_before.correlation(look, &alignment);
            if let Some(found) = found.filter(|found| best.is_none_or(|(most, _)| *found > most)) {
                best = Some((found, alignment));
            }
        }
    }
    let best = best.filter(|(found, _)| *found >= LEAST_CORRELATION);
    Ok(best.map_or(Edit::Unknown, |(_, alignment)| Edit::Yes(alignment)))
}

fn apart(old: &StoredFace, new: &NewFace) -> f32 {
    distance(&old.found.code.embedding(), &new.code.embedding())
}

/// How much of their union the old face and the new one share on the new picture.
fn shared(old: &StoredFace, new: &NewFace, edit: Edit) -> f32 {
    overlap(&edit.mapped(old.found.box_upright), &new.box_upright)
}

/// The faces that the networks saw on a photo.
fn faces_to_copy(connection: &Connection, photo: PhotoId) -> Result<Vec<NewFace>> {
    let faces = face_rows::on_photo(connection, photo)?;
    Ok(faces
        .into_iter()
        .filter(|face| !face.gone && !face.drawn)
        .map(|face| face.found)
        .collect())
}

/// Brings the faces of a photo that was read again in line with what is on it now. A face that is
/// found at its old place (`edit` tells where that is now), or that looks the same, keeps its number and all
/// that was said of it; also one that the user had to draw before. `drawn` are the drawn faces that the networks
/// do not find by themselves.
fn reconcile(
    connection: &Connection,
    photo: PhotoId,
    found: &[NewFace],
    drawn: &[(FaceId, NewFace)],
    edit: Edit,
) -> Result<()> {
    let mut old = face_rows::on_photo(connection, photo)?;
    for (id, face) in drawn {
        if let Some(at) = old.iter().position(|old| old.id == *id) {
            face_rows::replace(connection, *id, face, &MODEL)?;
            old.remove(at);
        }
    }
    let same = Calibration::built_in().surely_same();
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (at_old, old) in old.iter().enumerate() {
        for (at_new, new) in found.iter().enumerate() {
            let (apart, shared) = (apart(old, new), shared(old, new, edit));
            let is_in_place = shared > SAME_PLACE;
            // Where the pictures fit onto each other, the place alone tells.
            let is_aligned = matches!(edit, Edit::Yes(_));
            if is_in_place && (is_aligned || apart < same) || apart < same / 2.0 {
                pairs.push((apart - shared, at_old, at_new));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut old_done = HashSet::new();
    let mut new_done = HashSet::new();
    for (_, at_old, at_new) in pairs {
        if !old_done.contains(&at_old) && new_done.insert(at_new) {
            old_done.insert(at_old);
            face_rows::replace(connection, old[at_old].id, &found[at_new], &MODEL)?;
            face_rows::set_drawn(connection, old[at_old].id, false)?;
        }
    }
    for (at_new, face) in found.iter().enumerate() {
        if !new_done.contains(&at_new) {
            face_rows::add(connection, photo, face, &MODEL)?;
        }
    }
    for (at_old, face) in old.iter().enumerate() {
        if !old_done.contains(&at_old) {
            face_rows::set_gone(connection, face.id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kith_models::{Code, EMBEDDING_LEN};

    use super::*;
    use crate::catalog::Catalog;
    use crate::scan::FileStamp;

    fn face(at: usize) -> NewFace {
        let mut embedding = [0.0; EMBEDDING_LEN];
        embedding[at] = 1.0;
        NewFace {
            box_upright: [0.1 * at as f32, 0.4, 0.1, 0.2],
            landmarks_upright: [[0.5; 2]; 5],
            score: 0.9,
            quality: 0.9,
            code: Code::of(&embedding),
            map: None,
        }
    }

    /// Its row stayed one of the user's, so that taking the drawing back hid a face that anybody can see.
    #[test]
    fn a_drawn_face_that_the_networks_find_by_now_is_there_without_the_drawing() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::open(&dir.path().join("catalog.sqlite")).unwrap();
        let stored = catalog.transaction(|connection| {
            let (stamp, header) = (FileStamp::default(), Header::default());
            let photo = photos::store(
                connection,
                None,
                Path::new("/1.jpg"),
                stamp,
                &header,
                &MODEL,
            )?;
            let drawn = |at| -> Result<FaceId> {
                let id = face_rows::add(connection, photo, &face(at), &MODEL)?;
                face_rows::set_drawn(connection, id, true)?;
                Ok(id)
            };
            let ids = [drawn(1)?, drawn(3)?, drawn(5)?];
            // The first is found, the second only seen where it was drawn, the third is not there any more.
            reconcile(
                connection,
                photo,
                &[face(1)],
                &[(ids[1], face(3))],
                Edit::No,
            )?;
            let rows = face_rows::on_photo(connection, photo)?;
            Ok(rows
                .iter()
                .map(|row| (row.id, row.drawn, row.gone))
                .collect::<Vec<_>>())
        });
        let found = [(1, false, false), (2, true, false), (3, true, true)];
        assert_eq!(stored.unwrap(), found);
    }
}
