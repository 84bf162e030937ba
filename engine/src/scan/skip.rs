//! The built-in rules that tell caches, thumbnails and trash of programs and systems from the user's
//! photos.
//!
//! A rule goes by the name of a folder, by a marker file in it, or by what lies beside it. Folders
//! that the user chose are read whatever they are called and whatever marker they hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::photo::{self, begins_like_a_picture};

/// Why files were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipRule {
    /// The cache of a Kith library.
    Library,
    /// A folder with a valid `CACHEDIR.TAG`.
    CachedirTag,
    /// A folder with a file `.nomedia`.
    Nomedia,
    /// Derivatives in a library of Apple Photos, iPhoto or Aperture.
    ApplePhotos,
    /// Previews of Lightroom Classic.
    Lightroom,
    /// Thumbnails, transcoded videos, profile pictures and backups of Immich.
    Immich,
    /// Thumbnails and sidecar files of `PhotoPrism`.
    Photoprism,
    /// The trash of digiKam.
    Digikam,
    /// Previews, trash and earlier versions of Nextcloud or ownCloud.
    Nextcloud,
    /// Thumbnails, recycle bin and snapshots of a Synology NAS.
    Synology,
    /// Thumbnails, recycle bin and snapshots of a QNAP NAS.
    Qnap,
    /// Recycle bin and restore points of Windows.
    Windows,
    /// Resource forks and volume data of macOS.
    Macos,
    /// The trash of a Linux desktop, or of a file system check.
    Trash,
    /// A name that begins with a dot.
    Hidden,
    /// A line of a file `.kithignore`.
    Kithignore,
    /// A pattern in the settings of the library.
    Pattern,
    /// A picture or video whose name has no extension.
    NoExtension,
    /// A picture or video with an unknown extension: `a.jpg.part`, `b.jpg_large`.
    OtherExtension,
    /// A picture or video of a kind that is not read, by its extension in small letters.
    Kind(&'static str),
}

impl SkipRule {
    /// The rule as scripts and the catalog know it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::CachedirTag => "cachedir-tag",
            Self::Nomedia => "nomedia",
            Self::ApplePhotos => "apple-photos",
            Self::Lightroom => "lightroom",
            Self::Immich => "immich",
            Self::Photoprism => "photoprism",
            Self::Digikam => "digikam",
            Self::Nextcloud => "nextcloud",
            Self::Synology => "synology",
            Self::Qnap => "qnap",
            Self::Windows => "windows",
            Self::Macos => "macos",
            Self::Trash => "trash",
            Self::Hidden => "hidden",
            Self::Kithignore => "kithignore",
            Self::Pattern => "pattern",
            Self::NoExtension => "no-extension",
            Self::OtherExtension => "other-extension",
            Self::Kind(extension) => extension,
        }
    }
}

/// The first 43 bytes of a valid `CACHEDIR.TAG`, which must be an ordinary file: Cache Directory
/// Tagging Specification 0.6, <https://bford.info/cachedir/>.
const CACHEDIR_SIGNATURE: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Folders of Immich that hold no originals; `upload` and `library` do. Immich writes a file `.immich`
/// into each of its folders: docs/administration/system-integrity.md and server/src/services/storage.service.ts
/// in immich-app/immich.
const IMMICH_DERIVED: [&str; 4] = ["thumbs", "encoded-video", "profile", "backups"];

/// Folders with originals in a library of Apple Photos (`originals`; `Masters` before macOS 10.15) or
/// iPhoto (`Masters`; `Originals` and `Modified` before iPhoto 9). All others hold databases,
/// derivatives (`resources`), `Previews` and `Thumbnails`.
const APPLE_ORIGINALS: [&str; 3] = ["originals", "masters", "modified"];

/// Files and folders that a walk meets in one folder, as far as rules depend on them.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // One for each name that is looked for.
pub(super) struct Markers {
    cachedir_tag: bool,
    nomedia: bool,
    immich: bool,
    photoprism: bool,
    kith_catalog: bool,
    thumbs: bool,
    encoded_video: bool,
    upload_or_library: bool,
    sidecar: bool,
    cache: bool,
    pub(super) kithignore: bool,
}

impl Markers {
    /// Takes note of an entry.
    pub(super) fn note(&mut self, name: &OsStr, is_file: bool, is_dir: bool) {
        match name.as_encoded_bytes() {
            b"CACHEDIR.TAG" => self.cachedir_tag |= is_file,
            b".nomedia" => self.nomedia = true,
            b".immich" => self.immich = true,
            b".ppstorage" => self.photoprism = true,
            b"catalog.sqlite" => self.kith_catalog |= is_file,
            b".kithignore" => self.kithignore |= !is_dir,
            b"thumbs" => self.thumbs |= is_dir,
            b"encoded-video" => self.encoded_video |= is_dir,
            b"upload" | b"library" => self.upload_or_library |= is_dir,
            b"sidecar" => self.sidecar |= is_dir,
            b"cache" => self.cache |= is_dir,
            _ => (),
        }
    }

    /// The rule by which a folder with these entries is left out as a whole.
    pub(super) fn rule_for(&self, folder: &Path) -> Option<SkipRule> {
        // Android's media scanner leaves out folders with a file of this name (`MediaStore.MEDIA_IGNORE_FILENAME`).
        if self.nomedia {
            return Some(SkipRule::Nomedia);
        }
        if self.cachedir_tag && is_cachedir_tag(&folder.join("CACHEDIR.TAG")) {
            return Some(SkipRule::CachedirTag);
        }
        let name = folder.file_name().unwrap_or_default();
        (self.immich && is_one_of(name, &IMMICH_DERIVED)).then_some(SkipRule::Immich)
    }

    /// The rule by which the folder `name` in a folder with these entries is left out.
    pub(super) fn rule_for_child(&self, parent: &Path, name: &OsStr) -> Option<SkipRule> {
        if self.kith_catalog && name == "cache" {
            let cache = parent.join(name);
            if cache.join("thumbnails").is_dir() || cache.join("index").is_dir() {
                return Some(SkipRule::Library);
            }
        }
        if has_extension(
            parent,
            &[
                "photoslibrary",
                "photolibrary",
                "migratedphotolibrary",
                "aplibrary",
            ],
        ) && !is_one_of(name, &APPLE_ORIGINALS)
        {
            return Some(SkipRule::ApplePhotos);
        }
        // Immich before it wrote marker files: three of its folders side by side are no coincidence.
        let immich = self.thumbs && self.encoded_video && self.upload_or_library;
        if immich && is_one_of(name, &["thumbs", "encoded-video", "profile"]) {
            return Some(SkipRule::Immich);
        }
        // PhotoPrism writes `.ppstorage` into its storage folder so that nobody indexes it
        // (`CreateDirectories` in internal/config/config_storage.go); originals may lie in it.
        let storage = self.photoprism
            || (self.cache && self.sidecar && parent.file_name().is_some_and(|of| of == "storage"));
        (storage && !is_one_of(name, &["originals", "import"])).then_some(SkipRule::Photoprism)
    }
}

/// The rule by which a file or folder of this name is left out wherever it lies.
pub(super) fn rule_for_name(name: &OsStr, is_dir: bool) -> Option<SkipRule> {
    let bytes = name.as_encoded_bytes();
    if bytes.starts_with(b".") {
        return Some(match bytes {
            // digiKam's trash in each of its collections: core/libs/dtrash/dtrash.h.
            b".dtrash" => SkipRule::Digikam,
            // Files beside an AppleDouble header, and what macOS writes to volumes.
            b".Trashes" | b".fseventsd" | b".Spotlight-V100" | b".AppleDouble" => SkipRule::Macos,
            b".@__thumb" | b".@upload_cache" => SkipRule::Qnap,
            _ if bytes.starts_with(b"._") => SkipRule::Macos,
            // The FreeDesktop.org Trash specification 1.0: `.Trash` and `.Trash-$uid` on a volume.
            _ if bytes.starts_with(b".Trash") => SkipRule::Trash,
            _ => SkipRule::Hidden,
        });
    }
    if !is_dir {
        return None;
    }
    // All but the last are spelled so by the programs that make them.
    match bytes {
        b"@eaDir" | b"#recycle" | b"#snapshot" | b"@tmp" | b"@sharebin" => {
            return Some(SkipRule::Synology);
        }
        b"@Recycle" | b"@Recently-Snapshot" => return Some(SkipRule::Qnap),
        b"__MACOSX" => return Some(SkipRule::Macos),
        b"lost+found" => return Some(SkipRule::Trash),
        // Nextcloud's data folder: `appdata_<instance>/preview`, and beside each user's `files` the
        // trash and earlier versions (apps files_trashbin and files_versions).
        b"files_trashbin" | b"files_versions" => return Some(SkipRule::Nextcloud),
        _ if bytes.starts_with(b"appdata_") => return Some(SkipRule::Nextcloud),
        _ => (),
    }
    if is_one_of(
        name,
        &["$RECYCLE.BIN", "RECYCLER", "System Volume Information"],
    ) {
        return Some(SkipRule::Windows);
    }
    // Lightroom Classic's `… Previews.lrdata`, `… Smart Previews.lrdata` and `….lrcat-data`.
    has_extension(Path::new(name), &["lrdata", "lrcat-data"]).then_some(SkipRule::Lightroom)
}

/// Extensions of pictures and videos that are not read, in small letters.
const NOT_READ: [&str; 57] = [
    "3g2", "3gp", "avi", "avif", "crw", "dcr", "erf", "exr", "fff", "flv", "gpr", "hdr", "heic",
    "heics", "heif", "hif", "iiq", "insp", "insv", "j2k", "jfif", "jp2", "jpf", "jps", "jpx",
    "jxl", "jxr", "k25", "kdc", "lrv", "m2ts", "m4v", "mef", "mkv", "mos", "mov", "mp4", "mpeg",
    "mpg", "mpo", "mrw", "mts", "pcx", "pjp", "pjpeg", "ppm", "psb", "psd", "sr2", "srf", "tga",
    "thm", "webm", "wmv", "x3f", "xcf", "bpg",
];

/// Extensions that programs append to the name of a photo for what they know of it.
const BESIDE_PHOTOS: [&str; 16] = [
    "aae", "arp", "cos", "dop", "html", "json", "md5", "nksc", "on1", "pp3", "sha256", "thm",
    "txt", "vrd", "xml", "xmp",
];

/// What may be told of a file that is not named like a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture or video by its name.
    NotRead(&'static str),
    /// Its first bytes tell.
    Unclear(SkipRule),
    /// Nothing that anybody would look for among photos.
    Other,
}

/// What a file is by its name, which is none of a photo that is read.
pub(super) fn kind(name: &OsStr) -> Kind {
    let path = Path::new(name);
    let Some(extension) = path.extension() else {
        return Kind::Unclear(SkipRule::NoExtension);
    };
    let extension = extension.to_string_lossy().to_lowercase();
    if let Some(known) = NOT_READ.iter().find(|known| **known == extension) {
        return Kind::NotRead(known);
    }
    if BESIDE_PHOTOS.contains(&extension.as_str()) {
        return Kind::Other;
    }
    // `a.jpg.part`, `a.jpg~`, `a.jpg_large`, `a.jpg `.
    let begins = |of: &str| extension.starts_with(of);
    let like_a_photo = ["jpg", "jpeg", "png", "heic", "webp", "tif"]
        .iter()
        .any(|of| begins(of));
    let inner = path.file_stem().map(Path::new);
    if like_a_photo || inner.is_some_and(photo::is_supported) {
        Kind::Unclear(SkipRule::OtherExtension)
    } else {
        Kind::Other
    }
}

/// Whether a file is a picture or a video by its first bytes. One that cannot be read is not.
pub(super) fn is_picture(file: &Path) -> bool {
    let mut start = [0; 16];
    let read = File::open(file).and_then(|file| {
        let mut file = file.take(start.len() as u64);
        let mut filled = 0;
        while let more @ 1.. = file.read(&mut start[filled..])? {
            filled += more;
        }
        Ok(filled)
    });
    read.is_ok_and(|length| begins_like_a_picture(&start[..length]))
}

/// Whether a file in a folder that is left out counts: it is named like a picture or a video.
pub(super) fn counts(name: &OsStr) -> bool {
    photo::is_supported(Path::new(name)) || matches!(kind(name), Kind::NotRead(_))
}

fn is_cachedir_tag(file: &Path) -> bool {
    let mut start = [0; CACHEDIR_SIGNATURE.len()];
    File::open(file)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok_and(|()| start == *CACHEDIR_SIGNATURE)
}

/// The folder `cache` of a Kith library that `path` is, or is in.
pub(super) fn cache_around(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| {
        let (Some(name), Some(parent)) = (folder.file_name(), folder.parent()) else {
            return false;
        };
        name == "cache"
            && fs::metadata(parent.join("catalog.sqlite")).is_ok_and(|file| file.is_file())
            && (folder.join("thumbnails").is_dir() || folder.join("index").is_dir())
    })
}

fn is_one_of(name: &OsStr, names: &[&str]) -> bool {
    names.iter().any(|of| name.eq_ignore_ascii_case(of))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|found| is_one_of(found, extensions))
}
