// Affine maps between pictures and screens: [a, b, c, d, e, f] takes (x, y) to
// (a x + b y + c, d x + e y + f). Places are counted from the upper left corner of the first pixel.

export const SAME = [1, 0, 0, 0, 1, 0];

export const apply = ([a, b, c, d, e, f], [x, y]) => [a * x + b * y + c, d * x + e * y + f];

// The map that applies one map and then another.
export function chain(first, then) {
  const [a, b, c, d, e, f] = first;
  const [p, q, r, s, t, u] = then;
  return [
    p * a + q * d,
    p * b + q * e,
    p * c + q * f + r,
    s * a + t * d,
    s * b + t * e,
    s * c + t * f + u,
  ];
}

export function inverse([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  const [p, q, s, t] = [e / det, -b / det, -d / det, a / det];
  return [p, q, -(p * c + q * f), s, t, -(s * c + t * f)];
}

// How much longer a map makes things.
export const scaleOf = ([a, b, , d, e]) => Math.sqrt(Math.abs(a * e - b * d));

export const scaled = (x, y = x) => [x, 0, 0, 0, y, 0];
export const moved = (x, y) => [1, 0, x, 0, 1, y];

// A map as the kernel sends it, where whole numbers are the centres of pixels.
export const fromCentres = (matrix) => chain(chain(moved(-0.5, -0.5), matrix), moved(0.5, 0.5));

// The map that only stretches a picture to the size of another.
export const stretched = ([w, h], [width, height]) => scaled(width / w, height / h);

// The box [left, top, right, bottom] around a mapped box.
export function boxOf(map, [left, top, right, bottom]) {
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ].map((corner) => apply(map, corner));
  const [xs, ys] = [0, 1].map((at) => corners.map((corner) => corner[at]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
