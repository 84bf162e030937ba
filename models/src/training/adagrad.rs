//! `AdaGrad`, with which FaceNet was trained.

use candle_core::{Result, Var, backprop::GradStore};
use candle_nn::Optimizer;

/// Added to the root of the sum of squares, so that nothing is divided by zero.
const EPSILON: f64 = 1e-8;

/// `AdaGrad` (Duchi et al. 2011): the step of each parameter is divided by the root of the sum of
/// the squares of all its gradients so far.
#[derive(Debug)]
pub struct AdaGrad {
    parameters: Vec<Parameter>,
    learning_rate: f64,
}

#[derive(Debug)]
struct Parameter {
    var: Var,
    squares: Var,
}

impl Optimizer for AdaGrad {
    /// The learning rate; the paper starts with 0.05 (section 3.3).
    type Config = f64;

    fn new(vars: Vec<Var>, learning_rate: f64) -> Result<Self> {
        let parameters = vars
            .into_iter()
            .map(|var| {
                let squares = Var::from_tensor(&var.zeros_like()?)?;
                Ok(Parameter { var, squares })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            parameters,
            learning_rate,
        })
    }

    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        for parameter in &self.parameters {
            let Some(gradient) = gradients.get(&parameter.var) else {
                continue;
            };
            let squares = (parameter.squares.as_tensor() + gradient.sqr()?)?;
            let step = (gradient / (squares.sqrt()? + EPSILON)?)?;
            parameter.squares.set(&squares)?;
            let moved = (parameter.var.as_tensor() - (step * self.learning_rate)?)?;
            parameter.var.set(&moved)?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn steps_of_a_case_worked_out_by_hand() {
        let var = Var::new(&[1.0_f64, -2.0], &Device::Cpu).unwrap();
        let mut optimiser = AdaGrad::new(vec![var.clone()], 0.5).unwrap();
        let slopes = |slopes: [f64; 2]| Tensor::new(&slopes, &Device::Cpu).unwrap();
        // Gradients 3 and -4, then 4 and 0: the first step is the learning rate against the sign,
        // the second 0.5 * 4 / sqrt(9 + 16).
        for gradient in [slopes([3.0, -4.0]), slopes([4.0, 0.0])] {
            let loss = (var.as_tensor() * gradient).unwrap().sum_all().unwrap();
            optimiser.backward_step(&loss).unwrap();
        }
        let after = var.to_vec1::<f64>().unwrap();
        assert!((after[0] - (1.0 - 0.5 - 0.4)).abs() < 1e-7, "{after:?}");
        assert!((after[1] - (-2.0 + 0.5)).abs() < 1e-7, "{after:?}");
    }
}
