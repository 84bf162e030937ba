//! How the loss went, as a table and as a drawing.

use std::fmt::Write as _;

/// Width and height of the drawing, and the room for its axes.
const SIZE: [f32; 2] = [720.0, 360.0];
const ROOM: f32 = 48.0;
/// The drawing shows the mean of so many steps.
const SMOOTHED: usize = 20;

/// A line for each step: its number, counted from 1, and its loss.
#[must_use]
pub fn curve_as_csv(losses: &[f32]) -> String {
    let mut text = String::from("step,loss\n");
    for (step, loss) in (1..).zip(losses) {
        let _ = writeln!(text, "{step},{loss}");
    }
    text
}

/// The curve as an SVG: the loss, smoothed over 20 steps, by the step.
#[must_use]
pub fn curve_as_svg(losses: &[f32]) -> String {
    let smooth: Vec<f32> = losses
        .windows(SMOOTHED.min(losses.len()).max(1))
        .map(|window| window.iter().sum::<f32>() / window.len() as f32)
        .collect();
    let highest = smooth.iter().copied().fold(f32::EPSILON, f32::max);
    let [width, height] = SIZE;
    let last = smooth.len().saturating_sub(1).max(1) as f32;
    let points: Vec<String> = (0..)
        .zip(&smooth)
        .map(|(step, loss): (u16, &f32)| {
            let x = ROOM + (width - 2.0 * ROOM) * f32::from(step) / last;
            let y = height - ROOM - (height - 2.0 * ROOM) * loss / highest;
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let (right, bottom) = (width - ROOM, height - ROOM);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <path d=\"M{ROOM},{ROOM} V{bottom} H{right}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{ROOM}\" y=\"{}\">loss, mean of {SMOOTHED} steps; highest {highest:.3}</text>\n\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">step {}</text>\n\
         <polyline fill=\"none\" stroke=\"#1f6fb2\" stroke-width=\"2\" points=\"{}\"/>\n</svg>\n",
        ROOM - 12.0,
        bottom + 24.0,
        losses.len(),
        points.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_in_the_table() {
        assert_eq!(curve_as_csv(&[0.5, 0.25]), "step,loss\n1,0.5\n2,0.25\n");
    }

    #[test]
    fn a_falling_loss_falls_in_the_drawing() {
        let losses: Vec<f32> = (0..100).map(|step| 1.0 - step as f32 / 100.0).collect();
        let svg = curve_as_svg(&losses);
        let points = svg.split("points=\"").nth(1).unwrap();
        let points: Vec<&str> = points.split('"').next().unwrap().split(' ').collect();
        assert_eq!(points.len(), 81);
        let y = |point: &str| point.split(',').nth(1).unwrap().parse::<f32>().unwrap();
        // Downwards is larger.
        assert!(points.windows(2).all(|two| y(two[0]) < y(two[1])), "{svg}");
        assert!(curve_as_svg(&[]).contains("step 0"));
    }
}
