//! Training a whole network from nothing, by triplets: batches of P people with K faces each,
//! triplets mined in each batch, and checkpoints from which it goes on exactly.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Result, Tensor, Var, safetensors};
use candle_nn::{VarBuilder, VarMap};

use super::optimiser::missing;
use super::{
    Built, MARGIN, Mining, Network, Optimiser, Rule, mine, squared_distances, triplet_loss,
};
use crate::Accelerator;

/// Images that go through the network together when they are only looked at.
const AT_ONCE: usize = 64;

/// By what the loss is multiplied at first in mixed precision. Where that is too much for f16, it is
/// halved, and the step is lost.
const FIRST_SCALE: f32 = 65_536.0;

/// Pictures of known people.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// Shape (pictures, channels, height, width), of the size of the network's input.
    pixels: Tensor,
    /// The person on each.
    pub people: Vec<u32>,
}

impl Pictures {
    /// From values picture by picture, each channel by channel (of pixels: red, green, blue), each
    /// row by row, of the size of the network's input.
    ///
    /// # Errors
    /// When there are not as many values as `people` have pictures.
    pub fn new(values: Vec<f32>, network: &Network, people: Vec<u32>) -> Result<Self> {
        let [channels, height, width] = network.input;
        let shape = (people.len(), channels, height, width);
        Ok(Self {
            pixels: Tensor::from_vec(values, shape, &Device::Cpu)?,
            people,
        })
    }
}

/// What a batch is made of, and how a step follows from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// P: people in a batch, of those with two pictures or more.
    pub people: usize,
    /// K: most pictures of each.
    pub pictures: usize,
    /// Which triplets count.
    pub mining: Mining,
    /// How a step follows from the gradients.
    pub rule: Rule,
    /// Mixed precision (Micikevicius et al. 2018): factors of products in f16 and the loss scaled so
    /// that small gradients are not lost; parameters, sums of gradients and all else in f32.
    pub mixed: bool,
    /// Chance is the same every time.
    pub seed: u64,
}

/// A network in training.
#[derive(Debug)]
pub struct Trainer {
    plan: Plan,
    network: Built,
    parameters: BTreeMap<String, Var>,
    optimiser: Optimiser,
    /// By what the loss is multiplied before its gradients are taken; 1 without mixed precision.
    scale: f32,
    device: Device,
    /// The loss of each step so far.
    losses: Vec<f32>,
}

impl Trainer {
    /// The network on an accelerator, or on the processor, with parameters drawn by lot: weights evenly
    /// from ±√(6 / inputs) (He et al. 2015, section 2.2), biases zero.
    ///
    /// # Errors
    /// What Candle says.
    pub fn new(network: &Network, plan: Plan, on: Option<&Accelerator>) -> Result<Self> {
        let device = &on.map_or(Device::Cpu, Accelerator::device);
        let map = VarMap::new();
        let factors = if plan.mixed { DType::F16 } else { DType::F32 };
        let parameters = VarBuilder::from_varmap(&map, DType::F32, device);
        let built = network.build(&parameters, factors)?;
        let vars = map
            .data()
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let parameters: BTreeMap<String, Var> = vars.into_iter().collect();
        let mut random = fastrand::Rng::with_seed(plan.seed);
        for var in parameters.values() {
            let inputs: usize = var.dims().iter().skip(1).product();
            let reach = if var.dims().len() > 1 {
                (6.0 / inputs as f32).sqrt()
            } else {
                0.0
            };
            let mut drawn = || (2.0 * random.f32() - 1.0) * reach;
            let values: Vec<f32> = (0..var.elem_count()).map(|_| drawn()).collect();
            var.set(&Tensor::from_vec(values, var.shape(), device)?)?;
        }
        Ok(Self {
            plan,
            network: built,
            optimiser: Optimiser::new(&parameters, plan.rule)?,
            parameters,
            scale: if plan.mixed { FIRST_SCALE } else { 1.0 },
            device: device.clone(),
            losses: Vec::new(),
        })
    }

    /// Takes a step on a batch of the pictures; gives the mean loss of its triplets, 0 where there
    /// is none.
    ///
    /// # Errors
    /// What Candle says.
    pub fn step(&mut self, pictures: &Pictures) -> Result<f32> {
        let batch = self.batch(&pictures.people);
        let rows = Tensor::new(&*batch, &Device::Cpu)?;
        let seen = pictures.pixels.index_select(&rows, 0)?;
        let embeddings = self.network.forward(&seen.to_device(&self.device)?)?;
        let distances = squared_distances(&embeddings.detach())?.flatten_all()?;
        let person = |row: usize| pictures.people[batch[row] as usize];
        let triplets = mine(
            &distances.to_vec1()?,
            batch.len(),
            self.plan.mining,
            |a, b| Some(person(a) == person(b)),
        );
        let mut lost = 0.0;
        if !triplets.is_empty() {
            let loss = triplet_loss(&embeddings, &triplets, MARGIN)?;
            lost = loss.to_scalar()?;
            if !self.plan.mixed {
                self.optimiser.step(&loss)?;
            } else if !self.optimiser.step_scaled(&loss, self.scale.into())? {
                self.scale /= 2.0;
            }
        }
        self.losses.push(lost);
        Ok(lost)
    }

    /// The rows of the next batch. They follow from the seed and the number of the step, so that a
    /// checkpoint need not hold the state of chance.
    fn batch(&self, people: &[u32]) -> Vec<u32> {
        let mut rows_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, person) in (0..).zip(people) {
            rows_of.entry(*person).or_default().push(row);
        }
        // Who has one picture makes no pair.
        let mut rows_of: Vec<Vec<u32>> = rows_of
            .into_values()
            .filter(|rows| rows.len() > 1)
            .collect();
        let mut random = fastrand::Rng::with_seed(self.plan.seed);
        let own = random.u64(..) ^ self.losses.len() as u64;
        let mut random = fastrand::Rng::with_seed(own);
        random.shuffle(&mut rows_of);
        rows_of.truncate(self.plan.people);
        let mut batch = Vec::new();
        for rows in &mut rows_of {
            random.shuffle(rows);
            batch.extend(rows.iter().take(self.plan.pictures));
        }
        batch
    }

    /// The embeddings of pictures as they are seen now, of unit length.
    ///
    /// # Errors
    /// What Candle says.
    pub fn embed(&self, pictures: &Pictures) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::new();
        let count = pictures.people.len();
        for first in (0..count).step_by(AT_ONCE) {
            let some = pictures
                .pixels
                .narrow(0, first, AT_ONCE.min(count - first))?
                .to_device(&self.device)?;
            embeddings.extend(self.network.forward(&some)?.to_vec2::<f32>()?);
        }
        Ok(embeddings)
    }

    /// The loss of each step so far.
    #[must_use]
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// Writes everything that the next step depends on: first beside the file, then in its place,
    /// so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors: HashMap<String, Tensor> = self
            .parameters
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        tensors.extend(self.optimiser.state());
        // Steps without a triplet are not steps of the optimiser, so both numbers are kept.
        tensors.insert(
            STEPS.into(),
            Tensor::new(&[self.optimiser.steps()], &Device::Cpu)?,
        );
        tensors.insert(LOSSES.into(), Tensor::new(&*self.losses, &Device::Cpu)?);
        if self.plan.mixed {
            tensors.insert(SCALE.into(), Tensor::new(&[self.scale], &Device::Cpu)?);
        }
        let rule = format!("{RULE}{}", self.plan.rule.name());
        tensors.insert(rule, Tensor::new(&[0_u32], &Device::Cpu)?);
        let beside = path.with_extension("part");
        safetensors::save(&tensors, &beside)?;
        std::fs::rename(&beside, path)?;
        Ok(())
    }

    /// Goes on from a checkpoint of the same network and the same plan, as if it had never stopped.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another network, optimiser or precision.
    pub fn resume(
        network: &Network,
        plan: Plan,
        on: Option<&Accelerator>,
        path: &Path,
    ) -> Result<Self> {
        let mut trainer = Self::new(network, plan, on)?;
        let saved = safetensors::load(path, &trainer.device)?;
        let rule = format!("{RULE}{}", plan.rule.name());
        saved.get(&rule).ok_or_else(|| missing(&rule))?;
        for (name, var) in &trainer.parameters {
            let value = saved.get(name).filter(|of| of.dims() == var.dims());
            var.set(value.ok_or_else(|| missing(name))?)?;
        }
        let numbers = |name: &str| saved.get(name).ok_or_else(|| missing(name));
        let steps = numbers(STEPS)?.to_vec1::<u32>()?;
        let steps = steps.first().copied().ok_or_else(|| missing(STEPS))?;
        trainer.optimiser.resume(&saved, steps)?;
        if plan.mixed {
            let scale = numbers(SCALE)?.to_vec1::<f32>()?;
            trainer.scale = scale.first().copied().ok_or_else(|| missing(SCALE))?;
        } else if saved.contains_key(SCALE) {
            return Err(candle_core::Error::Msg(
                "the checkpoint is of mixed precision".to_owned(),
            ));
        }
        trainer.losses = numbers(LOSSES)?.to_vec1()?;
        Ok(trainer)
    }
}

/// The names of what a checkpoint holds beside parameters and moments.
const STEPS: &str = "kith/steps";
const LOSSES: &str = "kith/losses";
const SCALE: &str = "kith/scale";
const RULE: &str = "kith/rule/";

#[cfg(test)]
mod tests {
    use super::super::Triplet;
    use super::super::networks::{Inception, Layer, Pool};
    use super::*;

    const SIDE: usize = 20;
    const TINY: Network = Network {
        name: "tiny",
        input: [3, SIDE, SIDE],
        layers: &[
            Layer::Convolution {
                kernel: 3,
                stride: 1,
                filters: 8,
            },
            Layer::MaxPool,
            Layer::Inception(Inception {
                one: 8,
                three: [8, 12],
                five: [4, 8],
                pool: Pool::Max,
                projection: 4,
                stride: 1,
            }),
            Layer::MaxPool,
        ],
        numbers: 32,
        stated: None,
    };

    /// Drawn faces: each person has a width, and places and colours of eyes and mouth; each picture
    /// is moved, lit differently and noisy.
    fn drawn(people: std::ops::Range<u32>, each: u32) -> Pictures {
        let mut values = Vec::new();
        let mut of = Vec::new();
        for person in people {
            let mut own = fastrand::Rng::with_seed(u64::from(person) + 1);
            let mut between = |low: f32, high: f32| low + (high - low) * own.f32();
            let width = between(5.0, 8.5);
            let (apart, height, mouth) = (between(2.0, 4.5), between(-3.5, 0.0), between(2.5, 6.0));
            let mut colour = || [between(-1.0, 1.0), between(-1.0, 1.0), between(-1.0, 1.0)];
            let (skin, eyes, lips) = (colour(), colour(), colour());
            for picture in 0..each {
                let mut chance = fastrand::Rng::with_seed(u64::from(1000 * person + picture));
                let mut moved = || 4.0 * chance.f32() - 2.0;
                let (right, down, light) = (moved(), moved(), 0.2 * moved());
                for channel in 0..3 {
                    for at in 0..SIDE * SIDE {
                        let x = (at % SIDE) as f32 - 9.5 - right;
                        let y = (at / SIDE) as f32 - 9.5 - down;
                        let near = |cx: f32, cy: f32, w: f32, h: f32| {
                            ((x - cx) / w).powi(2) + ((y - cy) / h).powi(2) < 1.0
                        };
                        let pixel =
                            if near(-apart, height, 1.6, 1.2) || near(apart, height, 1.6, 1.2) {
                                eyes[channel]
                            } else if near(0.0, 4.5, mouth, 1.3) {
                                lips[channel]
                            } else if near(0.0, 0.0, width, 9.0) {
                                skin[channel]
                            } else {
                                0.0
                            };
                        values.push(pixel + light + 0.3 * (chance.f32() - 0.5));
                    }
                }
                of.push(person);
            }
        }
        Pictures::new(values, &TINY, of).unwrap()
    }

    fn plan(rule: Rule, mixed: bool) -> Plan {
        Plan {
            people: 12,
            pictures: 4,
            mining: Mining::SemiHard,
            rule,
            mixed,
            seed: 7,
        }
    }

    /// Each with whether precision is mixed.
    const WAYS: [(Rule, bool); 3] = [(ADAGRAD, false), (ADAMW, false), (ADAGRAD, true)];

    const ADAGRAD: Rule = Rule::AdaGrad {
        learning_rate: 0.01,
    };
    const ADAMW: Rule = Rule::AdamW {
        learning_rate: 2e-3,
        decay: 1e-4,
    };

    /// The share of pairs of one person that are nearer than a pair of two people, over all such
    /// couples of pairs: 0.5 by chance.
    fn told_apart(trainer: &Trainer, pictures: &Pictures) -> f64 {
        let embeddings = trainer.embed(pictures).unwrap();
        let rows = Tensor::new(embeddings, &Device::Cpu).unwrap();
        let distances = squared_distances(&rows).unwrap();
        let distances = distances.to_vec2::<f32>().unwrap();
        let (mut same, mut different) = (Vec::new(), Vec::new());
        for (row, distances) in distances.iter().enumerate() {
            for (other, distance) in distances.iter().enumerate().take(row) {
                if pictures.people[row] == pictures.people[other] {
                    same.push(*distance);
                } else {
                    different.push(*distance);
                }
            }
        }
        different.sort_by(f32::total_cmp);
        let farther = |d: &f32| different.len() - different.partition_point(|of| of <= d);
        let couples: usize = same.iter().map(farther).sum();
        couples as f64 / (same.len() * different.len()) as f64
    }

    fn learns_to_tell_people_apart_whom_it_never_saw(on: Option<&Accelerator>) {
        let (seen, unseen) = (drawn(0..30, 5), drawn(100..120, 5));
        for (rule, mixed) in WAYS {
            let mut trainer = Trainer::new(&TINY, plan(rule, mixed), on).unwrap();
            let before = told_apart(&trainer, &unseen);
            for _ in 0..60 {
                trainer.step(&seen).unwrap();
            }
            let after = told_apart(&trainer, &unseen);
            let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
            let losses = trainer.losses();
            let (first, last) = (mean(&losses[..10]), mean(&losses[50..]));
            eprintln!("{rule:?}, mixed {mixed}: loss {first} -> {last}, {before} -> {after}");
            assert!(last < 0.8 * first, "{rule:?}: {first} -> {last}");
            assert!(
                1.0 - after < 0.7 * (1.0 - before),
                "{rule:?}: {before} -> {after}"
            );
        }
    }

    #[test]
    fn from_nothing_it_learns_to_tell_people_apart_whom_it_never_saw() {
        learns_to_tell_people_apart_whom_it_never_saw(None);
    }

    #[cfg(any(feature = "cuda", feature = "metal"))]
    #[test]
    fn from_nothing_it_learns_on_a_graphics_processor_too() {
        let found = Accelerator::find().unwrap();
        learns_to_tell_people_apart_whom_it_never_saw(Some(&found));
    }

    #[test]
    fn gradients_in_mixed_precision_are_nearly_those_in_f32() {
        let faces = drawn(0..12, 4);
        let rows: Vec<Triplet> = (0..12)
            .map(|person| Triplet {
                anchor: 4 * person,
                positive: 4 * person + 1,
                negative: (4 * person + 4) % 48,
            })
            .collect();
        let [exact, mixed] = [false, true].map(|mixed| {
            let trainer = Trainer::new(&TINY, plan(ADAGRAD, mixed), None).unwrap();
            let embeddings = trainer.network.forward(&faces.pixels).unwrap();
            let loss = triplet_loss(&embeddings, &rows, 2.0).unwrap();
            let gradients = (loss * f64::from(trainer.scale))
                .unwrap()
                .backward()
                .unwrap();
            let of = |var: &Var| {
                let gradient = gradients.get(var).unwrap() / f64::from(trainer.scale);
                let gradient = gradient.unwrap().flatten_all().unwrap();
                gradient.to_vec1::<f32>().unwrap()
            };
            trainer.parameters.values().flat_map(of).collect::<Vec<_>>()
        });
        let size = |of: &[f32]| of.iter().map(|of| of * of).sum::<f32>().sqrt();
        let off: Vec<f32> = exact.iter().zip(&mixed).map(|(a, b)| a - b).collect();
        let off = size(&off) / size(&exact);
        // f16 has eleven bits, so each factor of some products, one after the other, is off by up to one
        // part in 2,048, and where a value is near zero its ReLU may let a gradient through or not.
        assert!(off < 2e-2, "{off}");
        assert!(off > 1e-6, "nothing was rounded");
    }

    #[test]
    fn a_step_is_lost_and_the_scale_halved_where_f16_is_too_small() {
        let faces = drawn(0..14, 4);
        let mut trainer = Trainer::new(&TINY, plan(ADAGRAD, true), None).unwrap();
        trainer.scale = f32::MAX;
        let values = |trainer: &Trainer| {
            let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            trainer
                .parameters
                .values()
                .flat_map(values)
                .collect::<Vec<_>>()
        };
        let before = values(&trainer);
        trainer.step(&faces).unwrap();
        assert_eq!(values(&trainer), before);
        assert_eq!(trainer.scale, f32::MAX / 2.0);
        assert_eq!(trainer.optimiser.steps(), 0);
        trainer.scale = FIRST_SCALE;
        trainer.step(&faces).unwrap();
        assert_ne!(values(&trainer), before);
    }

    #[test]
    fn ten_steps_are_five_and_five_from_a_checkpoint() {
        let faces = drawn(0..14, 4);
        let dir = tempfile::tempdir().unwrap();
        let resumed =
            |(rule, mixed), path: &Path| Trainer::resume(&TINY, plan(rule, mixed), None, path);
        let path =
            |(rule, mixed): (Rule, bool)| dir.path().join(format!("{} {mixed}", rule.name()));
        for way @ (rule, mixed) in WAYS {
            let mut whole = Trainer::new(&TINY, plan(rule, mixed), None).unwrap();
            for step in 0..10 {
                if step == 5 {
                    whole.save(&path(way)).unwrap();
                }
                whole.step(&faces).unwrap();
            }
            let mut resumed = resumed(way, &path(way)).unwrap();
            assert_eq!(resumed.losses().len(), 5);
            for _ in 0..5 {
                resumed.step(&faces).unwrap();
            }
            let bits = |of: &[f32]| of.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(whole.losses()), bits(resumed.losses()));
            for (name, var) in &whole.parameters {
                let all = |var: &Var| bits(&var.flatten_all().unwrap().to_vec1::<f32>().unwrap());
                assert_eq!(all(var), all(&resumed.parameters[name]), "{name}");
            }
        }
        for (way, of, says) in [
            ((ADAMW, false), (ADAGRAD, false), "adamw"),
            ((ADAGRAD, true), (ADAGRAD, false), "scale"),
            ((ADAGRAD, false), (ADAGRAD, true), "mixed precision"),
        ] {
            let other = resumed(way, &path(of));
            assert!(other.unwrap_err().to_string().contains(says), "{says}");
        }
    }
}
