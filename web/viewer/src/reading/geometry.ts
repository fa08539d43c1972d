// Where things lie on the screen: pure functions of cornerstone's points.
export type Point = [number, number];
export type Vector = [number, number, number];

// Affine maps pixel corners of an image, (column, row), to the canvas, as CanvasRenderingContext2D.setTransform takes it.
export type Affine = [a: number, b: number, c: number, d: number, e: number, f: number];

// Plane is where an image lies in the patient.
export interface Plane {
  position: number[]; // mm, of the first pixel
  orientation: number[]; // direction cosines of a row, then of a column
}

const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

export function normal({ orientation: o }: Plane): Vector {
  const at = (i: number, j: number) => o[i]! * o[3 + j]! - o[j]! * o[3 + i]!;
  return [at(1, 2), at(2, 0), at(0, 1)];
}

export const parallel = (a: Plane, b: Plane) => Math.abs(dot(normal(a), normal(b))) > 0.999;

// depth is how far a plane is along the normal of another, in mm.
export const depth = (p: Plane, along: Plane) => dot(p.position, normal(along));

export const coplanar = (a: Plane, b: Plane) => parallel(a, b) && Math.abs(depth(a, b) - depth(b, b)) < 0.1;

// crossing is the line in which an image, with its edges, meets the plane of another; undefined where it does not.
export function crossing(image: Plane & { rows: number; columns: number; spacing: [number, number] }, plane: Plane): [Vector, Vector] | undefined {
  const { columns, rows } = image;
  const corners = [[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]].map(([u, v]) => world(u!, v!, image));
  const above = corners.map((c) => dot(c, normal(plane)) - depth(plane, plane));
  const points = corners.flatMap((a, i): Vector[] => {
    const j = (i + 1) % 4;
    const [b, da, db] = [corners[j]!, above[i]!, above[j]!];
    if (da * db >= 0) return [];
    return [a.map((x, k) => x + (da / (da - db)) * (b[k]! - x)) as Vector];
  });
  return points.length === 2 ? [points[0]!, points[1]!] : undefined;
}

// affine is the map whose images of (0, 0), (1, 0) and (0, 1) are given.
export const affine = (o: Point, x: Point, y: Point): Affine => [x[0] - o[0], x[1] - o[1], y[0] - o[0], y[1] - o[1], o[0], o[1]];

// world is the place of a pixel's centre in millimetres.
export function world(column: number, row: number, s: { position: number[]; orientation: number[]; spacing: [number, number] }): Vector {
  const along = (i: number) => (s.position[i] ?? 0) + (s.orientation[i] ?? 0) * column * s.spacing[1] + (s.orientation[i + 3] ?? 0) * row * s.spacing[0];
  return [along(0), along(1), along(2)];
}

// pixel is the pixel at a place in millimetres; undefined outside of the image.
export function pixel(at: Vector, s: { rows: number; columns: number; position: number[]; orientation: number[]; spacing: [number, number] }): { column: number; row: number } | undefined {
  const along = (axis: number) => at.reduce((sum, v, i) => sum + (s.orientation[axis + i] ?? 0) * (v - (s.position[i] ?? 0)), 0);
  const [column, row] = [Math.round(along(0) / s.spacing[1]), Math.round(along(3) / s.spacing[0])];
  return column >= 0 && row >= 0 && column < s.columns && row < s.rows ? { column, row } : undefined;
}

// scaleBar is the longest of 1, 2, 5, 10, … mm that is at most a length.
export function scaleBar(atMost: number): number {
  const power = 10 ** Math.floor(Math.log10(atMost));
  return [5, 2, 1].map((n) => n * power).find((n) => n <= atMost) ?? power;
}

export const millimetres = (mm: number) => (mm >= 10 ? `${mm / 10} cm` : `${mm} mm`);

// letters names a direction in the patient: DICOM's axes run to the left, posterior and head.
export function letters(direction: number[]): string {
  return [["L", "R"], ["P", "A"], ["H", "F"]]
    .map(([plus, minus], i) => ({ letter: (direction[i] ?? 0) > 0 ? plus : minus, size: Math.abs(direction[i] ?? 0) }))
    .filter(({ size }) => size > 0.3)
    .sort((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join("");
}
