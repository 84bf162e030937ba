//! Where the power comes from: the mains, or a battery that is being emptied.

use starship_battery::{Manager, State};

/// Whether a battery is being emptied. A computer whose batteries cannot be asked counts as one on
/// the mains: work that never goes on would be worse than an empty battery.
#[must_use]
pub fn on_battery() -> bool {
    let batteries = Manager::new().and_then(|manager| manager.batteries());
    batteries.is_ok_and(|batteries| {
        batteries
            .flatten()
            .any(|battery| battery.state() == State::Discharging)
    })
}
