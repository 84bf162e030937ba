//! Training by triplets, as in FaceNet: faces of one person are pulled together, those of others
//! pushed away, by gradients through Candle's own operations.
//!
//! [`mine`] picks the triplets of a batch, [`triplet_loss`] says how badly they are placed, and an
//! [`Optimiser`] moves the parameters. [`Trainer`] does this with a whole network, [`Harmonic`]
//! brings a new network's embeddings to the space of an old one, and [`Head`] is what a
//! library learns of its own people this way: a linear map on top of the frozen network's
//! embedding. [`Network`] holds the networks of the paper.

mod curve;
mod harmonic;
mod head;
mod loss;
mod mining;
mod networks;
mod optimiser;
mod trainer;

pub use curve::{curve_as_csv, curve_as_svg};
pub use harmonic::{Harmonic, SeenTwice};
pub use head::{Head, Lesson};
pub use loss::{MARGIN, squared_distances, triplet_loss, unit_rows};
pub use mining::{Mining, Triplet, mine};
pub use networks::{
    Built, Cost, Inception, LAST_LAYER, Layer, NN1, NN2, NNS1, NNS2, Network, Pool, SMALL,
};
pub use optimiser::{Optimiser, Rule};
pub use trainer::{Pictures, Plan, Trainer};
