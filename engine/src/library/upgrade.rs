//! The upgrade to a network that was added, and the way back, as they are asked for and told.

use std::time::Instant;

use kith_models::AddedEmbedder;

use super::Library;
use crate::catalog::maps::MapId;
use crate::catalog::{embeddings, maps};
use crate::faces::Mapped;
use crate::regrouping::Regrouping;
use crate::upgrade::Upgrade;
use crate::{Control, Error, Network, Result, UpgradeProgress, UpgradeSummary};

impl Library {
    /// Lets a network that was added embed all faces from now on. Nothing that was said is lost, and
    /// all faces can be compared all the time: what the network sees is brought to the space of Kith's
    /// own by a map that is learned first. Begins where an earlier run was stopped or killed.
    ///
    /// # Errors
    /// [`Error::NoNetwork`], [`Error::NetworkChanged`], [`Error::TooFewFaces`],
    /// [`Error::NetworkUnlike`], [`Error::Busy`]; nothing is changed then. [`Error::Models`],
    /// [`Error::Catalog`], [`Error::Index`].
    pub fn upgrade(
        &self,
        name: &str,
        control: &Control,
        on_progress: &mut dyn FnMut(UpgradeProgress),
    ) -> Result<UpgradeSummary> {
        let began = Instant::now();
        let network = self.network_called(name)?;
        let _reading = self.lock_reading()?;
        let mut job = self.upgrade_job(control, on_progress)?;
        let known = maps::of(self.catalog().connection(), &network.name)?;
        let learned = match known {
            Some(_) => None,
            None => match job.learn(&self.embedder_of(&network)?)? {
                None => return self.upgraded(None, began, control),
                learned => learned,
            },
        };
        self.catalog().transaction(|connection| {
            let id = match &learned {
                Some(map) => Some(maps::add(connection, &network.name, map)?),
                None => known,
            };
            maps::put_to_use(connection, id)
        })?;
        job.embed_all(&self.finder()?)?;
        self.upgraded(Some(network.name), began, control)
    }

    /// Lets Kith's own network embed all faces again: those that it saw have their codes of before at
    /// once, the others are embedded anew.
    ///
    /// # Errors
    /// [`Error::NothingToUndo`], [`Error::Busy`], [`Error::Models`], [`Error::Catalog`],
    /// [`Error::Index`].
    pub fn undo_upgrade(
        &self,
        control: &Control,
        on_progress: &mut dyn FnMut(UpgradeProgress),
    ) -> Result<UpgradeSummary> {
        let began = Instant::now();
        let _reading = self.lock_reading()?;
        let mut job = self.upgrade_job(control, on_progress)?;
        {
            let mut groups = self.groups();
            self.catalog().transaction(|connection| {
                let is_mapped = embeddings::counts(connection)?
                    .iter()
                    .any(|(_, map)| map.is_some());
                if maps::in_use(connection)?.is_none() && !is_mapped {
                    return Err(Error::NothingToUndo);
                }
                embeddings::take_back(connection)?;
                maps::put_to_use(connection, None)?;
                groups.bring_up_to_date(connection)
            })?;
        }
        job.embed_all(&self.finder()?)?;
        self.upgraded(None, began, control)
    }

    fn upgrade_job<'a>(
        &'a self,
        control: &'a Control,
        on_progress: &'a mut dyn FnMut(UpgradeProgress),
    ) -> Result<Upgrade<'a>> {
        Ok(Upgrade {
            catalog: self.second_catalog()?,
            regrouping: Regrouping::of(&self.groups),
            control,
            on_progress,
        })
    }

    fn upgraded(
        &self,
        network: Option<String>,
        began: Instant,
        control: &Control,
    ) -> Result<UpgradeSummary> {
        let catalog = self.catalog();
        let counts = embeddings::counts(catalog.connection())?;
        let map = maps::in_use(catalog.connection())?.map(|(map, _)| map);
        let number = |is: &dyn Fn(Option<MapId>) -> bool| -> u32 {
            let counts = counts.iter().filter(|(_, of)| is(*of));
            counts.map(|(faces, _)| faces).sum()
        };
        Ok(UpgradeSummary {
            network,
            faces: number(&|_| true),
            embedded: number(&|of| of == map),
            seconds: began.elapsed().as_secs_f64(),
            cancelled: control.is_cancelled(),
        })
    }

    /// The map in use with its network, read from the library's copy of its file.
    pub(super) fn mapped(&self, id: MapId, network: &str) -> Result<Mapped> {
        let network = self.network_called(network)?;
        let map = maps::get(self.catalog().connection(), id)?;
        let changed = || Error::NetworkChanged(network.name.clone());
        let map = map
            .filter(|map| map.numbers() == network.numbers as usize)
            .ok_or_else(changed)?;
        let network = self.embedder_of(&network)?;
        Ok(Mapped { id, network, map })
    }

    fn embedder_of(&self, network: &Network) -> Result<AddedEmbedder> {
        let changed = || Error::NetworkChanged(network.name.clone());
        let embedder = AddedEmbedder::read(&self.network_file(&network.name));
        let embedder = embedder.map_err(|_| changed())?;
        let is_it = embedder.sha256() == network.sha256;
        is_it.then_some(embedder).ok_or_else(changed)
    }
}
