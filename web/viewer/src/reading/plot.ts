// A small line plot as SVG, whose lines differ by their dashes as well as by their colours.
export interface Line {
  name: string;
  points: [number, number][];
}

const [width, height, left, bottom, top] = [640, 220, 48, 28, 10];
const colours = ["#e6e6e6", "#7cc4ff", "#ffcf70", "#9be89b", "#ff9c9c", "#d0a8ff"];
const dashes = ["", "6 3", "2 3", "8 3 2 3", "1 4", "10 4"];

// ticks are two to six round numbers within a range.
export function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
  const list = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) list.push(Number((i * step).toPrecision(12)));
  return list;
}

export function plot(lines: Line[]): SVGElement {
  const all = lines.flatMap((l) => l.points);
  const [xs, ys] = [all.map((p) => p[0]), all.map((p) => p[1])];
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.floor(Math.min(...ys)), Math.ceil(Math.max(...ys))];
  const x = (v: number) => left + ((v - x0) / (x1 - x0 || 1)) * (width - left - 130);
  const y = (v: number) => height - bottom - ((v - y0) / (y1 - y0 || 1)) * (height - bottom - top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "PSNR over the slices", class: "plot" });
  for (const v of ticks(y0, y1)) {
    root.append(svg("path", { d: `M${left} ${y(v)}H${width - 130}`, class: "rule" }), text(String(v), left - 6, y(v) + 4, "end"));
  }
  for (const v of ticks(x0, x1).filter(Number.isInteger)) root.append(text(String(v), x(v), height - 8, "middle"));
  lines.forEach(({ name, points }, i) => {
    if (!points.length) return;
    const d = points.map(([a, b], j) => `${j ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("") + (points.length === 1 ? "h4" : "");
    const colour = colours[i % colours.length]!;
    root.append(svg("path", { d, fill: "none", stroke: colour, "stroke-width": "2", "stroke-dasharray": dashes[i % dashes.length]! }));
    root.append(svg("path", { d: `M${width - 122} ${top + 12 + 20 * i}h24`, stroke: colour, "stroke-width": "2", "stroke-dasharray": dashes[i % dashes.length]! }), text(name, width - 92, top + 16 + 20 * i, "start"));
  });
  return root;
}

function svg(name: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function text(content: string, x: number, y: number, anchor: string): SVGElement {
  const made = svg("text", { x: String(x), y: String(y), "text-anchor": anchor });
  made.textContent = content;
  return made;
}
