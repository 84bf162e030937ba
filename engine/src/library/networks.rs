//! Networks that the user adds: each is copied into the library's folder.

use std::path::{Path, PathBuf};

use kith_models::AddedEmbedder;

use super::Library;
use super::keeping::remove_if_there;
use crate::catalog::networks;
use crate::{Error, Network, Result, private};

impl Library {
    /// Copies a file with a network into the library; it is called by the file's name from then on.
    /// The same file may be added again, where the copy was lost.
    ///
    /// # Errors
    /// [`Error::Models`] when no such network is in the file, [`Error::NetworkName`],
    /// [`Error::NetworkKnown`], [`Error::Io`], [`Error::Catalog`].
    pub fn add_network(&self, file: &Path) -> Result<Network> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(Error::NetworkName(name.into_owned()));
        }
        let embedder = AddedEmbedder::read(file)?;
        let network = Network {
            name: name.into_owned(),
            numbers: embedder.numbers() as u32,
            sha256: embedder.sha256().to_owned(),
            used: false,
            faces: 0,
        };
        let mut catalog = self.catalog();
        let (mut again, known) = (None, networks::all(catalog.connection())?);
        for known in known {
            let is_named_so = known.name.eq_ignore_ascii_case(&network.name);
            match (is_named_so, known.sha256 == network.sha256) {
                (true, true) => again = Some(known),
                (false, false) => (),
                _ => return Err(Error::NetworkKnown(known.name)),
            }
        }
        let folder = self.networks_dir();
        private::create_folders(&folder)
            .map_err(Error::io("Making a folder for networks", &folder))?;
        let name = &again.as_ref().unwrap_or(&network).name;
        let place = self.network_file(name);
        private::copy(file, &place).map_err(Error::io("Copying the network", &place))?;
        if let Some(again) = again {
            return Ok(again);
        }
        catalog.transaction(|connection| networks::add(connection, &network))?;
        Ok(network)
    }

    /// The networks that were added, by name.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub fn networks(&self) -> Result<Vec<Network>> {
        networks::all(self.catalog().connection())
    }

    /// Takes a network out of the library, and deletes the copy of its file.
    ///
    /// # Errors
    /// [`Error::NoNetwork`], [`Error::NetworkInUse`], [`Error::Io`], [`Error::Catalog`].
    pub fn remove_network(&self, name: &str) -> Result<Network> {
        let network = self.network_called(name)?;
        if network.used || network.faces > 0 {
            return Err(Error::NetworkInUse(network.name));
        }
        self.catalog()
            .transaction(|connection| networks::remove(connection, &network.name))?;
        remove_if_there(&self.network_file(&network.name))?;
        Ok(network)
    }

    pub(super) fn network_called(&self, name: &str) -> Result<Network> {
        let all = self.networks()?.into_iter();
        let mut called = all.filter(|network| network.name.eq_ignore_ascii_case(name));
        let network = called.next();
        network.ok_or_else(|| Error::NoNetwork(name.to_owned()))
    }

    fn networks_dir(&self) -> PathBuf {
        self.folder.join("networks")
    }

    pub(super) fn network_file(&self, name: &str) -> PathBuf {
        self.networks_dir().join(format!("{name}.network"))
    }
}
