//! Where the boxes and lines of a picture go: layers by longest path, from left to right, in an order with few crossings.
//!
//! As Sugiyama has it: a line that passes layers has a stop in each of them, so that boxes leave it room; the order within layers
//! comes of the mean place of neighbours, tried from both sides; heights of a least squares fit that keeps the order.

use std::collections::BTreeMap;

/// Height of a box, and room between two.
pub(super) const BOX: f64 = 26.0;
const ROOM: f64 = 10.0;
/// Height that a line takes which passes a layer.
const LANE: f64 = 4.0;
/// Width between two layers, where lines find their way.
const GAP: f64 = 56.0;
const MARGIN: f64 = 12.0;
/// Sweeps for the order, each way; and for the heights.
const SWEEPS: usize = 12;
/// Width that boxes without lines fill, if the others take less.
const ROW: f64 = 1100.0;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Placed {
    pub x: f64,
    /// Of its middle.
    pub y: f64,
    pub width: f64,
}

pub(super) struct Layout {
    pub boxes: Vec<Placed>,
    /// Of each line the points where it is level.
    pub routes: Vec<Vec<(f64, f64)>>,
    pub width: f64,
    pub height: f64,
}

/// A box, or a stop of a line.
struct Cell {
    layer: usize,
    height: f64,
    center: f64,
    /// Cells beside it, in the layer before and behind.
    before: Vec<usize>,
    behind: Vec<usize>,
    is_box: bool,
}

/// `widths` of the boxes; lines lead from one to another, and in no circle.
pub(super) fn layout(widths: &[f64], edges: &[(usize, usize)]) -> Layout {
    let count = widths.len();
    let layer = layers(count, edges);
    let cell =
        |layer, height, is_box| Cell { layer, height, center: 0.0, before: vec![], behind: vec![], is_box };
    let mut cells: Vec<Cell> = layer.iter().map(|layer| cell(layer.unwrap_or(0), BOX, true)).collect();
    let mut stops: Vec<Vec<usize>> = vec![];
    // What a cell is sorted by at first: boxes in file order, stops between the ends of their line.
    let mut key: Vec<f64> = (0..count).map(|at| at as f64).collect();
    for (from, to) in edges {
        let mut path = vec![*from];
        for layer in cells[*from].layer + 1..cells[*to].layer {
            cells.push(cell(layer, LANE, false));
            key.push((from + to) as f64 / 2.0);
            path.push(cells.len() - 1);
        }
        path.push(*to);
        for two in path.windows(2) {
            cells[two[0]].behind.push(two[1]);
            cells[two[1]].before.push(two[0]);
        }
        stops.push(path);
    }
    let is_loose = |at: usize| at < count && layer[at].is_none();
    let last = cells.iter().map(|cell| cell.layer).max().map_or(0, |last| last + 1);
    let mut columns: Vec<Vec<usize>> = vec![vec![]; last];
    for (at, cell) in cells.iter().enumerate().filter(|(at, _)| !is_loose(*at)) {
        columns[cell.layer].push(at);
    }
    for column in &mut columns {
        column.sort_by(|a, b| key[*a].total_cmp(&key[*b]));
    }
    order(&cells, &mut columns);
    heights(&mut cells, &columns);
    place(widths, &layer, &cells, &columns, &stops)
}

/// Each box in the layer behind the last of those before it, and as near as can be to those behind it where these are more. None
/// for one without lines.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<Option<usize>> {
    let (mut before, mut behind) = (vec![vec![]; count], vec![vec![]; count]);
    for (from, to) in edges {
        before[*to].push(*from);
        behind[*from].push(*to);
    }
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut line: Vec<usize> = (0..count).filter(|at| waiting[*at] == 0).collect();
    let (mut layer, mut next) = (vec![0; count], 0);
    while let Some(at) = line.get(next).copied() {
        next += 1;
        for to in &behind[at] {
            layer[*to] = layer[*to].max(layer[at] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                line.push(*to);
            }
        }
    }
    for at in line.iter().rev().copied() {
        if let Some(nearest) = behind[at].iter().map(|to| layer[*to]).min()
            && behind[at].len() > before[at].len()
        {
            layer[at] = nearest - 1;
        }
    }
    let is_loose = |at: usize| before[at].is_empty() && behind[at].is_empty();
    (0..count).map(|at| (!is_loose(at)).then_some(layer[at])).collect()
}

/// Sorts the columns by the mean place of neighbours, and keeps the best that was seen.
fn order(cells: &[Cell], columns: &mut Vec<Vec<usize>>) {
    let mut place = vec![0; cells.len()];
    let note = |column: &[usize], place: &mut [usize]| {
        column.iter().enumerate().for_each(|(at, cell)| place[*cell] = at);
    };
    columns.iter().for_each(|column| note(column, &mut place));
    let mut best = (crossings(cells, columns, &place), columns.clone());
    for sweep in 0..SWEEPS * 2 {
        let is_forward = sweep % 2 == 0;
        let mut at: Vec<usize> = (0..columns.len()).collect();
        if !is_forward {
            at.reverse();
        }
        for column in at {
            let mean = |cell: &usize| {
                let beside = if is_forward { &cells[*cell].before } else { &cells[*cell].behind };
                let sum: usize = beside.iter().map(|cell| place[*cell]).sum();
                // Who has no neighbour there stays.
                if beside.is_empty() { place[*cell] as f64 } else { sum as f64 / beside.len() as f64 }
            };
            let mut means: Vec<(f64, usize)> =
                columns[column].iter().map(|cell| (mean(cell), *cell)).collect();
            means.sort_by(|a, b| a.0.total_cmp(&b.0));
            columns[column] = means.into_iter().map(|(_, cell)| cell).collect();
            note(&columns[column], &mut place);
        }
        let found = crossings(cells, columns, &place);
        if found < best.0 {
            best = (found, columns.clone());
        }
        if best.0 == 0 {
            break;
        }
    }
    *columns = best.1;
}

/// How many pairs of lines cross, over all gaps: inversions, counted with a Fenwick tree.
fn crossings(cells: &[Cell], columns: &[Vec<usize>], place: &[usize]) -> usize {
    let mut total = 0;
    for two in columns.windows(2) {
        let mut seen = vec![0_usize; two[1].len() + 1];
        let mut count = 0;
        for cell in &two[0] {
            let mut ends: Vec<usize> = cells[*cell].behind.iter().map(|end| place[*end]).collect();
            ends.sort_unstable();
            for end in &ends {
                let (mut at, mut lower) = (end + 1, 0);
                while at > 0 {
                    lower += seen[at];
                    at &= at - 1;
                }
                total += count - lower;
            }
            for end in ends {
                let mut at = end + 1;
                while at < seen.len() {
                    seen[at] += 1;
                    at += at & at.wrapping_neg();
                }
                count += 1;
            }
        }
    }
    total
}

/// Draws each cell to its neighbours, as far as the order and the room between cells allow.
fn heights(cells: &mut [Cell], columns: &[Vec<usize>]) {
    for column in columns {
        let mut y = 0.0;
        for cell in column {
            cells[*cell].center = y + cells[*cell].height / 2.0;
            y += cells[*cell].height + ROOM;
        }
    }
    for sweep in 0..SWEEPS {
        let mut at: Vec<usize> = (0..columns.len()).collect();
        if sweep % 2 == 1 {
            at.reverse();
        }
        for column in at {
            let wish = |cell: &usize| {
                let own = &cells[*cell];
                let beside = match sweep {
                    sweep if sweep + 4 >= SWEEPS => [&own.before[..], &own.behind[..]].concat(),
                    sweep if sweep % 2 == 0 => own.before.clone(),
                    _ => own.behind.clone(),
                };
                // A bend in the middle of a long line disturbs more than one beside a box.
                let weight =
                    if !own.is_box && beside.iter().any(|cell| !cells[*cell].is_box) { 8.0 } else { 1.0 };
                let sum: f64 = beside.iter().map(|cell| cells[*cell].center).sum();
                if beside.is_empty() { (own.center, 0.1) } else { (sum / beside.len() as f64, weight) }
            };
            let wishes: Vec<(f64, f64)> = columns[column].iter().map(wish).collect();
            let heights: Vec<f64> = columns[column].iter().map(|cell| cells[*cell].height).collect();
            for (cell, center) in columns[column].iter().zip(fitted(&wishes, &heights)) {
                cells[*cell].center = center;
            }
        }
    }
}

/// The centers nearest to what is wished (with its weight) that leave each cell its room: isotonic regression, by pooling neighbours
/// that are in each other's way.
fn fitted(wishes: &[(f64, f64)], heights: &[f64]) -> Vec<f64> {
    let mut offset = vec![0.0; wishes.len()];
    for at in 1..wishes.len() {
        offset[at] = offset[at - 1] + (heights[at - 1] + heights[at]) / 2.0 + ROOM;
    }
    // Mean, weight and number of each pool.
    let mut pools: Vec<(f64, f64, usize)> = vec![];
    for ((wish, weight), offset) in wishes.iter().zip(&offset) {
        let mut pool = (wish - offset, *weight, 1);
        while let Some(last) = pools.last().copied().filter(|last| last.0 > pool.0) {
            pools.pop();
            let weight = last.1 + pool.1;
            pool = ((last.0 * last.1 + pool.0 * pool.1) / weight, weight, last.2 + pool.2);
        }
        pools.push(pool);
    }
    let fitted = pools.iter().flat_map(|(mean, _, count)| std::iter::repeat_n(*mean, *count));
    fitted.zip(offset).map(|(mean, offset)| mean + offset).collect()
}

/// Columns side by side, as wide as their widest box; what has no line below, in rows.
fn place(
    widths: &[f64],
    layer: &[Option<usize>],
    cells: &[Cell],
    columns: &[Vec<usize>],
    stops: &[Vec<usize>],
) -> Layout {
    let mut wide: BTreeMap<usize, f64> = BTreeMap::new();
    for (at, layer) in layer.iter().enumerate() {
        if let Some(layer) = layer {
            let wide = wide.entry(*layer).or_insert(0.0);
            *wide = wide.max(widths[at]);
        }
    }
    let (mut left, mut x) = (vec![], MARGIN);
    for column in 0..columns.len() {
        left.push(x);
        x += wide.get(&column).copied().unwrap_or(0.0) + GAP;
    }
    let placed = || columns.iter().flatten().map(|cell| &cells[*cell]);
    let top = placed().map(|cell| cell.center - cell.height / 2.0).fold(f64::INFINITY, f64::min);
    let top = if top.is_finite() { top - MARGIN } else { 0.0 };
    let bottom = placed().map(|cell| cell.center + cell.height / 2.0 - top).fold(0.0, f64::max);
    let mut width = if wide.is_empty() { 0.0 } else { x - GAP + MARGIN };
    let mut boxes: Vec<Placed> = layer
        .iter()
        .enumerate()
        .map(|(at, layer)| match layer {
            Some(layer) => Placed { x: left[*layer], y: cells[at].center - top, width: wide[layer] },
            None => Placed::default(),
        })
        .collect();
    let loose: Vec<usize> = (0..boxes.len()).filter(|at| layer[*at].is_none()).collect();
    let mut height = bottom + MARGIN;
    if !loose.is_empty() {
        let widest = loose.iter().map(|at| widths[*at]).fold(0.0, f64::max);
        let step = widest + ROOM;
        let each = (((width.max(ROW) - MARGIN * 2.0 + ROOM) / step) as usize).max(1);
        let first = if bottom > 0.0 { bottom + BOX } else { MARGIN };
        for (at, task) in loose.iter().enumerate() {
            let (row, column) = (at / each, at % each);
            let y = first + BOX / 2.0 + row as f64 * (BOX + ROOM);
            boxes[*task] = Placed { x: MARGIN + column as f64 * step, y, width: widest };
            width = width.max(MARGIN * 2.0 + column as f64 * step + widest);
            height = height.max(y + BOX / 2.0 + MARGIN);
        }
    }
    let route = |path: &Vec<usize>| {
        let (from, to) = (&boxes[path[0]], &boxes[path[path.len() - 1]]);
        let mut points = vec![(from.x + from.width, from.y)];
        for stop in &path[1..path.len() - 1] {
            let (layer, y) = (cells[*stop].layer, cells[*stop].center - top);
            points.push((left[layer], y));
            points.push((left[layer] + wide.get(&layer).copied().unwrap_or(0.0), y));
        }
        points.push((to.x, to.y));
        points
    };
    let routes = stops.iter().map(route).collect();
    Layout { boxes, routes, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaps(layout: &Layout) -> Vec<(usize, usize)> {
        let boxes = &layout.boxes;
        let meet =
            |a: &Placed, b: &Placed| (a.y - b.y).abs() < BOX && a.x < b.x + b.width && b.x < a.x + a.width;
        let pairs = (0..boxes.len()).flat_map(|a| (a + 1..boxes.len()).map(move |b| (a, b)));
        pairs.filter(|(a, b)| meet(&boxes[*a], &boxes[*b])).collect()
    }

    #[test]
    fn boxes_stand_in_layers_without_overlap_and_lines_lead_to_the_right() {
        // Two hundred tasks: chains, forks, joins, long lines, and some alone.
        let mut edges = vec![];
        for at in 0..180_usize {
            edges.extend([(at, at + 7), (at, at + 31)].into_iter().filter(|(_, to)| *to < 180));
        }
        let widths: Vec<f64> = (0..200).map(|at| 80.0 + f64::from(at % 5) * 20.0).collect();
        let layout = layout(&widths, &edges);
        assert_eq!(overlaps(&layout), []);
        for ((from, to), route) in edges.iter().zip(&layout.routes) {
            assert!(layout.boxes[*from].x + layout.boxes[*from].width < layout.boxes[*to].x);
            assert!(route.windows(2).all(|two| two[0].0 <= two[1].0), "{route:?}");
        }
        for placed in &layout.boxes {
            assert!(placed.x >= 0.0 && placed.x + placed.width <= layout.width, "{placed:?}");
            assert!(placed.y >= BOX / 2.0 && placed.y + BOX / 2.0 <= layout.height, "{placed:?}");
        }
        // A line that passes a layer passes between its boxes.
        for route in &layout.routes {
            for two in route[1..route.len() - 1].chunks(2).filter(|two| two[0].0 < two[1].0) {
                let y = two[0].1;
                let is_in =
                    |b: &Placed| (b.y - y).abs() < BOX / 2.0 && b.x < two[1].0 && two[0].0 < b.x + b.width;
                assert!(!layout.boxes.iter().any(is_in), "{two:?}");
            }
        }
    }

    #[test]
    fn crossings_that_need_not_be_are_not() {
        // The other way round in the file than side by side.
        let edges = [(0, 5), (1, 4), (2, 3)];
        let layout = layout(&[50.0; 6], &edges);
        let order = |tasks: [usize; 3]| tasks.map(|task| layout.boxes[task].y);
        let (left, right) = (order([0, 1, 2]), order([5, 4, 3]));
        assert!((0..3).all(|at| (left[at] - right[at]).abs() < 1.0), "{left:?} {right:?}");
        assert!(layout.boxes.iter().all(|b| b.width == 50.0));
        // Nothing, one alone, and a line.
        assert_eq!(super::layout(&[], &[]).boxes, []);
        assert_eq!(super::layout(&[50.0], &[]).routes.len(), 0);
        assert_eq!(super::layout(&[50.0, 60.0], &[(0, 1)]).routes[0].len(), 2);
    }
}
