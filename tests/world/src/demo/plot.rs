//! Line plots as inline SVG: no script, readable on light and dark pages.

use std::fmt::Write;

/// One line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Points from left to right: seconds and value.
    pub points: Vec<(f64, f64)>,
}

/// A plot over time.
#[derive(Clone, Debug)]
pub struct Plot<'a> {
    /// What is shown, with its unit.
    pub title: &'a str,
    /// Lowest and highest value shown at least.
    pub range: (f64, f64),
    /// At most four lines.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

impl Plot<'_> {
    /// The plot as a `<figure>`; colours come from the page's `.s0`, `.s1`, … classes.
    pub fn to_html(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let last = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let low = points().map(|(_, y)| *y).fold(self.range.0, f64::min);
        let high = points().map(|(_, y)| *y).fold(self.range.1, f64::max);
        let x = |seconds: f64| LEFT + (WIDTH - LEFT - RIGHT) * seconds / last;
        let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low);

        let mut svg = format!(
            "<figure><figcaption>{title}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n",
            title = escaped(self.title)
        );
        for value in ticks(low, high, 6) {
            let at = y(value);
            grid(&mut svg, (LEFT, at), (WIDTH - RIGHT, at));
            label(&mut svg, (LEFT - 6.0, at + 4.0), "end", value);
        }
        for seconds in ticks(0.0, last, 8) {
            grid(
                &mut svg,
                (x(seconds), HEIGHT - BOTTOM),
                (x(seconds), HEIGHT - BOTTOM + 4.0),
            );
            label(&mut svg, (x(seconds), HEIGHT - 6.0), "middle", seconds);
        }
        for (n, series) in self.series.iter().enumerate() {
            let line: Vec<String> = series
                .points
                .iter()
                .map(|(t, v)| format!("{:.1},{:.1}", x(*t), y(*v)))
                .collect();
            add(
                &mut svg,
                format_args!("<polyline class=\"s{n}\" points=\"{}\"/>", line.join(" ")),
            );
        }
        svg.push_str("</svg>\n<p class=\"legend\">");
        for (n, series) in self.series.iter().enumerate() {
            let name = escaped(&series.name);
            let empty = if series.points.is_empty() {
                " (no data)"
            } else {
                ""
            };
            add(
                &mut svg,
                format_args!("<span class=\"k{n}\">{name}{empty}</span> "),
            );
        }
        svg.push_str("<span class=\"axis\">seconds since the start →</span></p></figure>\n");
        svg
    }
}

/// `text` safe inside HTML text and attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn grid(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let (x1, y1, x2, y2) = (from.0, from.1, to.0, to.1);
    add(
        svg,
        format_args!("<path class=\"grid\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>"),
    );
}

fn label(svg: &mut String, at: (f64, f64), anchor: &str, value: f64) {
    let (x, y) = at;
    // Ticks are round, so the shortest form that reads back is the one to show; -0 is 0.
    let value = (value * 1e6).round() / 1e6 + 0.0;
    add(
        svg,
        format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{value}</text>"),
    );
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// Round values between `low` and `high`, about `count` of them.
fn ticks(low: f64, high: f64, count: u32) -> Vec<f64> {
    let rough = (high - low) / f64::from(count);
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * magnitude)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(
            ticks(0.0, 14.3, 8),
            [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]
        );
        assert_eq!(ticks(-90.0, 0.0, 6), [-80.0, -60.0, -40.0, -20.0, 0.0]);
        assert_eq!(ticks(0.0, 1.0, 4), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn every_point_lies_inside_the_picture_and_names_are_escaped() {
        let points = vec![(0.0, -3.0), (4.0, 700.0), (11.0, 2.0)];
        let series = vec![Series {
            name: "a<b>".to_owned(),
            points,
        }];
        let html = Plot {
            title: "loss & more",
            range: (0.0, 1.0),
            series,
        }
        .to_html();
        let line = html
            .split("points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        for point in line.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            assert!((LEFT..=WIDTH).contains(&x.parse().unwrap()), "{point}");
            assert!((0.0..=HEIGHT).contains(&y.parse().unwrap()), "{point}");
        }
        assert!(html.contains("loss &amp; more") && html.contains("a&lt;b&gt;"));
    }
}
