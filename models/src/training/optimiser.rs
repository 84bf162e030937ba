//! The optimisers, with a state that can be saved: `AdaGrad`, with which FaceNet was trained, and
//! `AdamW`.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Result, Tensor, Var};

/// Added to the roots of sums of squares, so that nothing is divided by zero.
const EPSILON: f64 = 1e-8;
/// How much of `AdamW`'s means is kept in each step: the gradient's, and its square's.
const KEPT: [f64; 2] = [0.9, 0.999];

/// How a step follows from gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// `AdaGrad` (Duchi et al. 2011): the step of each parameter is divided by the root of the sum
    /// of the squares of all its gradients so far.
    AdaGrad {
        /// The paper starts with 0.05 (section 3.3).
        learning_rate: f64,
    },
    /// `AdamW` (Loshchilov and Hutter 2019): the running mean of the gradients over the root of
    /// that of their squares, and a decay of the parameters that no gradient weighs against.
    AdamW {
        /// The step of a parameter whose gradient is always the same.
        learning_rate: f64,
        /// How strongly parameters are drawn to zero in each step, times the learning rate.
        decay: f64,
    },
}

impl Rule {
    /// Its name, as checkpoints hold it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AdaGrad { .. } => "adagrad",
            Self::AdamW { .. } => "adamw",
        }
    }
}

/// Moves parameters against their gradients.
#[derive(Debug)]
pub struct Optimiser {
    rule: Rule,
    parameters: BTreeMap<String, Moments>,
    steps: u32,
}

#[derive(Debug)]
struct Moments {
    parameter: Var,
    /// The running mean of the gradients; zero with `AdaGrad`, which has none.
    first: Tensor,
    /// The sum of their squares, or its running mean.
    second: Tensor,
}

impl Optimiser {
    /// For parameters by name.
    ///
    /// # Errors
    /// What Candle says.
    pub fn new(parameters: &BTreeMap<String, Var>, rule: Rule) -> Result<Self> {
        let moments = |(name, parameter): (&String, &Var)| {
            let zeros = parameter.zeros_like()?;
            let moments = Moments {
                parameter: parameter.clone(),
                first: zeros.clone(),
                second: zeros,
            };
            Ok((name.clone(), moments))
        };
        Ok(Self {
            rule,
            parameters: parameters.iter().map(moments).collect::<Result<_>>()?,
            steps: 0,
        })
    }

    /// Moves the parameters so that the loss falls.
    ///
    /// # Errors
    /// What Candle says.
    pub fn step(&mut self, loss: &Tensor) -> Result<()> {
        let gradients = loss.backward()?;
        let of = |moments: &Moments| gradients.get(&moments.parameter).cloned();
        self.step_by(self.parameters.values().map(of).collect())
    }

    /// [`step`](Self::step) by way of `scale` times the gradients, for a loss some of whose gradients
    /// are computed in f16, where small ones would be zero. Gives whether it was taken: it is not where
    /// a gradient is infinite or no number.
    ///
    /// # Errors
    /// What Candle says.
    pub fn step_scaled(&mut self, loss: &Tensor, scale: f64) -> Result<bool> {
        let scaled = (loss * scale)?.backward()?;
        let mut gradients = Vec::with_capacity(self.parameters.len());
        for moments in self.parameters.values() {
            let gradient = scaled.get(&moments.parameter);
            let gradient = gradient.map(|of| of / scale).transpose()?;
            if let Some(gradient) = &gradient {
                // Infinite or no number where one of them is.
                let sum = gradient.abs()?.sum_all()?.to_dtype(DType::F64)?;
                if !sum.to_scalar::<f64>()?.is_finite() {
                    return Ok(false);
                }
            }
            gradients.push(gradient);
        }
        self.step_by(gradients)?;
        Ok(true)
    }

    /// One step by the gradients of the parameters, in their order; some have none.
    fn step_by(&mut self, gradients: Vec<Option<Tensor>>) -> Result<()> {
        self.steps += 1;
        for (moments, gradient) in self.parameters.values_mut().zip(gradients) {
            if let Some(gradient) = gradient {
                moments.step(&gradient, self.rule, self.steps)?;
            }
        }
        Ok(())
    }

    /// How many steps were taken.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Everything that the next step depends on beside the parameters and the number of steps.
    #[must_use]
    pub fn state(&self) -> HashMap<String, Tensor> {
        let of = |(name, moments): (&String, &Moments)| {
            [
                (format!("{name}/first"), moments.first.clone()),
                (format!("{name}/second"), moments.second.clone()),
            ]
        };
        self.parameters.iter().flat_map(of).collect()
    }

    /// Goes on from a state after so many steps.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn resume(&mut self, state: &HashMap<String, Tensor>, steps: u32) -> Result<()> {
        for (name, moments) in &mut self.parameters {
            for (part, tensor) in [
                ("first", &mut moments.first),
                ("second", &mut moments.second),
            ] {
                let saved = state.get(&format!("{name}/{part}"));
                let saved = saved.filter(|of| of.dims() == tensor.dims());
                *tensor = saved.cloned().ok_or_else(|| missing(name))?;
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// What a checkpoint lacks.
pub(super) fn missing(name: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!("the checkpoint has no {name} of the right shape"))
}

impl Moments {
    fn step(&mut self, gradient: &Tensor, rule: Rule, steps: u32) -> Result<()> {
        let moved = match rule {
            Rule::AdaGrad { learning_rate } => {
                self.second = (&self.second + gradient.sqr()?)?.detach();
                let step = (gradient / (self.second.sqrt()? + EPSILON)?)?;
                (self.parameter.as_tensor() - (step * learning_rate)?)?
            }
            Rule::AdamW {
                learning_rate,
                decay,
            } => {
                let mean = |old: &Tensor, new: Tensor, kept: f64| -> Result<Tensor> {
                    Ok(((old * kept)? + (new * (1.0 - kept))?)?.detach())
                };
                self.first = mean(&self.first, gradient.clone(), KEPT[0])?;
                self.second = mean(&self.second, gradient.sqr()?, KEPT[1])?;
                // Both began at zero, and are too small at first.
                let grown = KEPT.map(|kept| 1.0 / (1.0 - kept.powi(steps as i32)));
                let root = ((&self.second * grown[1])?.sqrt()? + EPSILON)?;
                let step = ((&self.first * grown[0])? / root)?;
                let kept = (self.parameter.as_tensor() * (1.0 - learning_rate * decay))?;
                (kept - (step * learning_rate)?)?
            }
        };
        self.parameter.set(&moved.detach())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_nn::{Optimizer as _, ParamsAdamW};

    use super::*;

    fn named(var: &Var) -> BTreeMap<String, Var> {
        BTreeMap::from([("x".to_owned(), var.clone())])
    }

    #[test]
    fn steps_of_adagrad_of_a_case_worked_out_by_hand() {
        let var = Var::new(&[1.0_f64, -2.0], &Device::Cpu).unwrap();
        let rule = Rule::AdaGrad { learning_rate: 0.5 };
        let mut optimiser = Optimiser::new(&named(&var), rule).unwrap();
        let slopes = |slopes: [f64; 2]| Tensor::new(&slopes, &Device::Cpu).unwrap();
        // Gradients 3 and -4, then 4 and 0: the first step is the learning rate against the sign,
        // the second 0.5 * 4 / sqrt(9 + 16).
        for gradient in [slopes([3.0, -4.0]), slopes([4.0, 0.0])] {
            let loss = (var.as_tensor() * gradient).unwrap().sum_all().unwrap();
            optimiser.step(&loss).unwrap();
        }
        let after = var.to_vec1::<f64>().unwrap();
        assert!((after[0] - (1.0 - 0.5 - 0.4)).abs() < 1e-7, "{after:?}");
        assert!((after[1] - (-2.0 + 0.5)).abs() < 1e-7, "{after:?}");
    }

    #[test]
    fn steps_of_adamw_are_those_of_candle() {
        let start = [0.7_f64, -1.3, 0.2];
        let ours = Var::new(&start, &Device::Cpu).unwrap();
        let theirs = Var::new(&start, &Device::Cpu).unwrap();
        let rule = Rule::AdamW {
            learning_rate: 0.03,
            decay: 0.4,
        };
        let mut optimiser = Optimiser::new(&named(&ours), rule).unwrap();
        let settings = ParamsAdamW {
            lr: 0.03,
            weight_decay: 0.4,
            ..ParamsAdamW::default()
        };
        let mut reference = candle_nn::AdamW::new(vec![theirs.clone()], settings).unwrap();
        let loss = |var: &Var| {
            let values = var.as_tensor();
            let far = (values.affine(3.0, 0.5).unwrap()).sqr().unwrap();
            (far + values.sin().unwrap()).unwrap().sum_all().unwrap()
        };
        for _ in 0..25 {
            optimiser.step(&loss(&ours)).unwrap();
            reference.backward_step(&loss(&theirs)).unwrap();
        }
        let [ours, theirs] = [ours, theirs].map(|var| var.to_vec1::<f64>().unwrap());
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}");
            assert!((ours - start[at]).abs() > 0.1, "nothing moved");
        }
    }
}
