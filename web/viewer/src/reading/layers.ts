// What lies above the images: comparison (wipe, blink), uncertainty, disagreement, scale bar and orientation.
import { messageOf } from "../api";
import type { Slice } from "./dicom";
import { affine, crossing, letters, millimetres, parallel, scaleBar, world, type Affine, type Point } from "./geometry";
import { slice } from "./images";
import { greys, hatch, heatMap, share } from "./paint";
import type { Pane } from "./pane";
import type { Room } from "./room";
import { away, marking, match, type Series } from "./series";
import { scaled } from "./window";

export type Compare = "none" | "wipe" | "blink";
export type Overlay = "none" | "uncertainty" | "disagreement";

// disagreementShare is the difference of U-Net and CCDF, as a share of the default window, that is called a disagreement.
export const disagreementShare = 0.1;
const blinkTime = 700; // ms

// Parts are what lies above a slice.
interface Parts {
  other?: Slice | undefined; // to compare with
  series?: Series; // to which that belongs
  apart?: Slice | undefined;
  uncertain?: Slice | undefined;
  missing?: string; // why there is no other
}

export class Layers {
  compare: Compare = "none";
  with: Series | undefined;
  at = 0.5; // of the pane's width, where the wipe is
  overlay: Overlay = "none";
  opacity = 0.6;
  threshold = 0.02; // of the default window
  private phase = false; // of the blinking: the other series is drawn
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly turns = new WeakMap<Pane, object>(); // the newest drawing of each
  private readonly pictures = new WeakMap<Slice, { key: string; picture: HTMLCanvasElement }>();

  constructor(private readonly room: Room) {}

  set(change: Partial<Pick<Layers, "compare" | "with" | "at" | "overlay" | "opacity" | "threshold">>): void {
    Object.assign(this, change);
    clearInterval(this.timer);
    this.phase = this.compare === "blink";
    if (this.compare === "blink") this.timer = setInterval(() => ((this.phase = !this.phase), this.draw(this.room.active)), blinkTime);
    for (const pane of this.room.panes) this.draw(pane);
    if (change.overlay && change.overlay !== "none" && !this.room.panes.some((p) => this.above(p))) this.room.tell(`No pane shows a series with ${change.overlay}.`);
    this.room.changed();
  }

  // above is the series that lies over a pane's own; none where the overlay does not concern it.
  private above({ series }: Pane): Series | undefined {
    const { room, overlay } = this;
    if (overlay === "uncertainty") return room.series.find((s) => s.id === series.id + "-uncertainty");
    return overlay === "disagreement" ? this.apart(series) : undefined;
  }

  // apart is the difference of U-Net and CCDF, for panes that show one of them.
  private apart({ id }: Series): Series | undefined {
    return ["unet", "ccdf"].includes(id) ? this.room.series.find((s) => s.kind === "difference") : undefined;
  }

  // grab lets the reader drag the wipe of a pane.
  grab(pane: Pane): void {
    const at = (e: PointerEvent) => e.clientX - pane.stage.getBoundingClientRect().left;
    let held = false;
    const near = (e: PointerEvent) => this.compare === "wipe" && pane === this.room.active && Math.abs(at(e) - this.at * pane.stage.clientWidth) < 12;
    const on = (name: string, f: (e: PointerEvent) => void) => pane.stage.addEventListener(name, f as EventListener, { capture: true });
    on("pointerdown", (e) => (held = e.button === 0 && near(e)));
    for (const name of ["mousedown", "touchstart"]) on(name, (e) => held && e.stopImmediatePropagation()); // no tool begins
    on("pointermove", (e) => {
      pane.stage.classList.toggle("grabbing", held || near(e));
      if (held) this.set({ at: Math.min(1, Math.max(0, at(e) / pane.stage.clientWidth)) });
    });
    for (const name of ["pointerup", "pointercancel"]) on(name, () => (held = false));
  }

  // draw brings the layer of a pane up to date. What it needs may have to be fetched: until that is there it draws the rest, so that
  // nothing of another slice stays.
  draw(pane: Pane): void {
    const { slice: shown } = pane;
    if (!shown) return;
    const turn = {};
    this.turns.set(pane, turn);
    const paint = (parts: Parts) => this.turns.get(pane) === turn && pane.slice === shown && this.paint(pane, shown, parts);
    paint({});
    void this.collect(pane, shown).then(paint, (problem) => paint({ missing: `What lies above this slice cannot be shown: ${messageOf(problem)}` }));
  }

  private async collect(pane: Pane, shown: Slice): Promise<Parts> {
    const get = (s: Series | undefined) => (s?.numbers.includes(shown.number) ? slice(this.room.job.id, s, shown.number) : undefined);
    const comparing = this.compare !== "none" && pane === this.room.active;
    const spread = this.overlay === "uncertainty" ? this.above(pane) : undefined;
    const [other, apart, uncertain] = await Promise.all([comparing ? this.beside(pane.series, shown) : {}, get(this.apart(pane.series)), get(spread)]);
    return { ...other, apart, uncertain };
  }

  // beside is the slice of the series to compare with that lies where one of a pane does, or the reason why there is none.
  private async beside(from: Series, shown: Slice): Promise<Parts> {
    const { with: series } = this;
    if (!series) return {};
    const number = match(series, from, shown.number);
    const other = number === undefined ? undefined : await slice(this.room.job.id, series, number);
    if (!other || !parallel(other, shown)) return { missing: `${series.title} has no slice that lies parallel to this one` };
    const mm = away(series, other, from, shown);
    return mm ? { missing: `${series.title} has no slice here: the nearest lies ${millimetre(mm)} away` } : { other, series };
  }

  private paint(pane: Pane, shown: Slice, { other, series, apart, uncertain, missing = "" }: Parts): void {
    const context = fitted(pane.layer, pane.stage);
    const to = place(pane, shown);
    const white = this.room.normal.high;
    const { clientWidth: width, clientHeight: height } = pane.stage;
    const put = (picture: HTMLCanvasElement, alpha: number, smooth: boolean, where = to) => {
      context.save();
      context.transform(...where);
      context.globalAlpha = alpha;
      context.imageSmoothingEnabled = smooth;
      context.drawImage(picture, 0, 0);
      context.restore();
    };
    if (other && series && (this.compare === "wipe" || this.phase)) {
      const from = this.compare === "wipe" ? Math.round(this.at * width) : 0;
      context.save();
      context.beginPath();
      context.rect(from, 0, width, height);
      context.clip();
      context.fillRect(from, 0, width, height);
      const window = scaled(pane.look.window, other.slope, this.room.gain(series, other));
      put(this.made(other, `grey ${window.low} ${window.high} ${pane.look.invert}`, () => greys(other, window, pane.look.invert)), 1, pane.look.smooth, place(pane, other));
      context.restore();
      if (from) line(context, [from, 0], [from, height]);
      const name = `${series.title}, slice ${other.number} · ${marking(series, other)}`;
      if (width - from > context.measureText(name).width + 16) write(context, name, [from + 8, height / 2]);
      else write(context, name, [width - 8, height / 2], "right");
    }
    if (uncertain) {
      const [least, most] = [this.threshold * white, 0.1 * white].map((v) => v / uncertain.slope) as [number, number];
      put(this.made(uncertain, `heat ${least}`, () => heatMap(uncertain, least, most)), this.opacity, pane.look.smooth);
      write(context, `uncertainty ${percent(this.threshold)} (red) to 10 % (yellow) of white`, [8, height - 48]);
    }
    const statements = [this.astray(pane, shown), missing];
    if (apart) {
      const least = (disagreementShare * white) / apart.slope;
      const part = share(apart, least);
      if (this.overlay === "disagreement") put(this.made(apart, `hatch ${least}`, () => hatch(apart, least)), this.opacity, false);
      if (part > 0) statements.push(`U-Net and CCDF differ by more than ${percent(disagreementShare)} of white in ${percent(part)} of this slice`);
    }
    pane.say(statements.filter(Boolean).join(". "));
    this.bar(context, pane, to, shown);
    this.reference(context, pane, shown);
    const { pointer, active } = this.room;
    if (pointer.at && active.slice && parallel(active.slice, shown)) cross(context, pane.viewport.worldToCanvas(pointer.at) as Point);
  }

  // astray says of a pane that is linked to the active one that its series has no slice there.
  private astray({ series }: Pane, shown: Slice): string {
    const { active, linked } = this.room;
    if (!linked.scroll || !active.slice || !parallel(active.slice, shown)) return "";
    const mm = away(series, shown, active.series, active.slice);
    return mm === 0 ? "" : `${millimetre(mm)} away from the slice of pane ${active.index + 1}`;
  }

  // made keeps the last picture of a slice: zooming and panning draw it again and do not make it again.
  private made(s: Slice, key: string, make: () => HTMLCanvasElement): HTMLCanvasElement {
    const kept = this.pictures.get(s);
    if (kept?.key === key) return kept.picture;
    const picture = make();
    this.pictures.set(s, { key, picture });
    return picture;
  }

  // reference draws where the image of the active pane cuts this one.
  private reference(context: CanvasRenderingContext2D, pane: Pane, shown: Slice): void {
    const { active, lines } = this.room;
    if (!lines || pane === active || !active.slice || active.slice.frame !== shown.frame || parallel(active.slice, shown)) return;
    const ends = crossing(active.slice, shown)?.map((end) => pane.viewport.worldToCanvas(end) as Point);
    if (ends) line(context, ends[0]!, ends[1]!);
  }

  private bar(context: CanvasRenderingContext2D, pane: Pane, to: Affine, s: Slice): void {
    const { clientWidth: width, clientHeight: height } = pane.stage;
    const perMillimetre = Math.hypot(to[0], to[1]) / s.spacing[1];
    const length = scaleBar(width / 3 / perMillimetre);
    const nominal = s.comments.includes("Nominal geometry");
    const x = width - 12 - length * perMillimetre;
    line(context, [x, height - 12], [width - 12, height - 12]);
    write(context, millimetres(length) + (nominal ? ", nominal" : ""), [width - 12, height - 20], "right");
    if (nominal) return; // left and right are not known
    const right = [to[3], -to[1]]; // the direction in the image that points right on the screen, times the determinant
    const down = [-to[2], to[0]];
    const sign = Math.sign(to[0] * to[3] - to[1] * to[2]);
    const direction = ([u = 0, v = 0]: number[]) => {
      const n = (Math.hypot(u, v) || 1) * sign;
      return [0, 1, 2].map((i) => ((s.orientation[i] ?? 0) * u + (s.orientation[i + 3] ?? 0) * v) / n);
    };
    write(context, letters(direction(right)), [width - 12, height / 2], "right");
    write(context, letters(direction(down)), [width / 2, height - 12], "center");
  }
}

const millimetre = (mm: number) => `${Number(mm.toFixed(1))} mm`;
const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`;

// fitted clears a canvas and gives it the size of the stage, in CSS pixels.
function fitted(canvas: HTMLCanvasElement, { clientWidth, clientHeight }: HTMLElement): CanvasRenderingContext2D {
  [canvas.width, canvas.height] = [clientWidth, clientHeight];
  const context = canvas.getContext("2d")!;
  context.font = "13px system-ui, sans-serif";
  return context;
}

// place is where the pixels of a pane's image are on its stage.
function place(pane: Pane, s: Slice): Affine {
  const at = (column: number, row: number) => pane.viewport.worldToCanvas(world(column, row, s)) as Point;
  return affine(at(-0.5, -0.5), at(0.5, -0.5), at(-0.5, 0.5));
}

function line(context: CanvasRenderingContext2D, from: Point, to: Point): void {
  for (const [width, colour] of [[4, "#000"], [2, "#fff"]] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }
}

// cross leaves its middle open, where the reader looks.
function cross(context: CanvasRenderingContext2D, [x, y]: Point): void {
  for (const [u, v] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) line(context, [x + 4 * u, y + 4 * v], [x + 10 * u, y + 10 * v]);
}

function write(context: CanvasRenderingContext2D, text: string, at: Point, align: CanvasTextAlign = "left"): void {
  context.textAlign = align;
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeText(text, ...at);
  context.fillStyle = "#fff";
  context.fillText(text, ...at);
  context.fillStyle = "#000";
}
