// One pane: a series in a cornerstone viewport, its layers, and what is written around it.
import { Enums, type RenderingEngine, type Types } from "@cornerstonejs/core";
import { messageOf, type Job } from "../api";
import { element } from "../element";
import type { Slice, Window } from "./dicom";
import { parallel, pixel, type Vector } from "./geometry";
import { imageId, slice } from "./images";
import { marking, nearest, step, type Series } from "./series";
import { slot } from "./review/slot";
import { scaled, spoken } from "./window";

// Look is what all panes share unless the reader unlinks them.
export interface Look {
  window: Window; // in units of the input
  invert: boolean;
  smooth: boolean; // interpolate between pixels
}

export interface PaneEvents {
  choose(pane: Pane, series: string): void;
  activate(pane: Pane): void;
  moved(pane: Pane): void; // zoom, pan, rotation or flip
  windowed(pane: Pane, window: Window): void;
  scrolled(pane: Pane, number: number): void; // by the tool, to the slice of a number
  drawn(pane: Pane): void;
  pointed(at: Vector | undefined): void; // in millimetres
}

export class Pane {
  readonly element: HTMLElement;
  readonly stage = element("div", { className: "stage" });
  readonly layer = element("canvas", { className: "layer" });
  readonly viewport: Types.IStackViewport;
  series!: Series;
  slice?: Slice; // what is drawn
  look!: Look;
  gain = 1;
  private pointed: Vector | undefined;
  private turn = 0; // counts the choices of a series: what comes for an older one is not drawn
  private aim = 1; // the position to show
  private catching: number | undefined; // the turn that goes to the aim
  private stacked: number | undefined; // the turn whose series cornerstone has
  private drawing: Promise<unknown> = Promise.resolve(); // what cornerstone was last asked for
  private gainOf!: (s: Slice) => number;
  private readonly select: HTMLSelectElement;
  private readonly slot = element("span", { className: "slot" });
  private readonly label = element("p", { className: "research pane-label" });
  private readonly corner = element("p", { className: "corner" });
  private readonly statement = element("p", { className: "statement" });
  private readonly waiting = element("p", { className: "waiting" });
  private readonly trouble = element("p", { className: "trouble", role: "alert" });

  constructor(engine: RenderingEngine, readonly index: number, private readonly job: Job, choices: Series[], private readonly events: PaneEvents, grid: HTMLElement) {
    this.select = element("select", { ariaLabel: `Series of pane ${index + 1}` });
    this.select.addEventListener("change", () => events.choose(this, this.select.value));
    this.stage.append(this.label, this.statement, this.corner, this.waiting, this.trouble);
    this.offer(choices);
    this.element = element("section", { className: "pane", tabIndex: 0, ariaLabel: `Pane ${index + 1}` }, element("header", {}, this.select, this.slot), this.stage);
    for (const name of ["pointerdown", "focusin"] as const) this.element.addEventListener(name, () => events.activate(this));
    this.stage.addEventListener("pointermove", (e) => {
      const { left, top } = this.stage.getBoundingClientRect();
      if (this.slice) events.pointed(this.viewport.canvasToWorld([e.clientX - left, e.clientY - top]) as Vector);
    });
    this.stage.addEventListener("pointerleave", () => events.pointed(undefined));
    this.stage.addEventListener("contextmenu", (event) => event.preventDefault());
    grid.append(this.element); // cornerstone measures what it draws in
    const id = `pane-${index}`;
    engine.enableElement({ viewportId: id, type: Enums.ViewportType.STACK, element: this.stage });
    this.viewport = engine.getViewport(id) as Types.IStackViewport;
    centred(this.viewport);
    metric(this.viewport);
    this.viewport.scroll = (by) => this.slice && events.scrolled(this, step(this.series.numbers, this.aim, by));
    this.stage.querySelector("canvas")?.after(this.layer); // below the measurements
    const on = (name: string, f: (event: CustomEvent) => void) => this.stage.addEventListener(name, f as EventListener);
    on(Enums.Events.CAMERA_MODIFIED, () => events.moved(this));
    on(Enums.Events.VOI_MODIFIED, (event) => this.onWindow(event.detail.range));
    on(Enums.Events.IMAGE_RENDERED, () => events.drawn(this));
  }

  // offer lists the series to choose from.
  offer(choices: Series[]): void {
    this.select.replaceChildren(...choices.map((s) => element("option", { value: s.id }, s.title)));
    if (this.series) this.select.value = this.series.id;
  }

  // show replaces the series; position is the number of the slice to begin with. It returns when that, or a newer choice, is drawn.
  async show(series: Series, position: number, look: Look, gain: (s: Slice) => number): Promise<void> {
    [this.series, this.look, this.gainOf, this.aim] = [series, look, gain, position];
    this.select.value = series.id;
    this.turn++;
    this.empty();
    await this.catchUp();
  }

  // empty leaves nothing of what was shown, and says what is on its way.
  private empty(): void {
    this.slice = undefined;
    this.element.classList.add("empty");
    this.layer.width = 0;
    this.slot.replaceChildren(...slot(this.job, this.series)); // not seen yet, but the header has its height
    for (const p of [this.label, this.corner, this.statement, this.trouble]) p.textContent = "";
    this.waiting.textContent = `Loading ${this.series.title} …`;
    this.element.ariaLabel = `Pane ${this.index + 1}: ${this.series.title}, loading`;
    for (const name of ["series", "slice", "low", "high"]) delete this.element.dataset[name];
  }

  private fail(problem: unknown): void {
    this.waiting.textContent = "";
    this.trouble.textContent = `This slice cannot be shown: ${messageOf(problem)}`;
    if (!this.slice) this.element.ariaLabel = `Pane ${this.index + 1}: ${this.series.title}, not shown`;
  }

  apply(look: Look, gain = this.gain): void {
    this.look = look;
    this.gain = gain;
    if (!this.slice) return;
    const { low, high } = scaled(look.window, this.slice.slope, gain);
    const interpolationType = look.smooth ? Enums.InterpolationType.LINEAR : Enums.InterpolationType.NEAREST;
    this.viewport.setProperties({ voiRange: { lower: low, upper: high }, invert: look.invert, interpolationType }, true);
    this.viewport.render();
    this.write();
  }

  // scrollTo shows the slice nearest to a position. While one is fetched, only the newest aim is kept.
  scrollTo(position: number): void {
    this.aim = position;
    void this.catchUp();
  }

  private async catchUp(): Promise<void> {
    const { turn, series } = this;
    if (this.catching === turn) return;
    this.catching = turn;
    for (let at: number | undefined; turn === this.turn && at !== this.aim; ) {
      at = this.aim;
      try {
        const found = await slice(this.job.id, series, at);
        const index = nearest(series.numbers, at);
        const put = this.drawing.then(() => this.put(turn, index));
        this.drawing = put.catch(() => undefined);
        await put;
        if (turn === this.turn) this.arrive(found);
      } catch (problem) {
        if (turn === this.turn) this.fail(problem);
      }
    }
    if (this.catching === turn) this.catching = undefined;
  }

  // put has cornerstone draw an image that is in its cache, one after the other: it draws a late one whatever series it belongs to.
  private async put(turn: number, index: number): Promise<void> {
    if (turn !== this.turn) return;
    const { series, stacked, viewport } = this;
    this.stacked = undefined;
    await (stacked === turn ? viewport.setImageIdIndex(index) : viewport.setStack(series.numbers.map((n) => imageId(this.job.id, series, n)), index));
    this.stacked = turn;
  }

  // arrive writes what belongs to the image that was drawn.
  private arrive(found: Slice): void {
    if (!this.slice) this.gain = this.gainOf(found);
    this.slice = found;
    this.waiting.textContent = this.trouble.textContent = "";
    this.apply(this.look);
    this.element.classList.remove("empty");
    this.events.drawn(this);
  }

  // follow takes the zoom, pan, rotation and flips of another pane. Both lie in one frame of reference.
  follow(other: Pane): void {
    if (!this.slice || !other.slice || this.slice.frame !== other.slice.frame || !parallel(this.slice, other.slice)) return;
    const { focalPoint, parallelScale, flipHorizontal, flipVertical } = other.viewport.getCamera();
    this.viewport.setCamera({ flipHorizontal, flipVertical });
    this.viewport.setViewPresentation({ rotation: other.viewport.getRotation() });
    this.viewport.setCamera({ focalPoint, parallelScale });
    this.viewport.render();
  }

  // point shows the value at the place that the reader points at, in any pane.
  point(at: Vector | undefined): void {
    this.pointed = at;
    this.write();
  }

  say(statement: string): void {
    this.statement.textContent = statement;
  }

  private onWindow({ lower, upper }: { lower: number; upper: number }): void {
    if (!this.slice) return;
    const real = this.slice.slope * this.gain;
    this.events.windowed(this, { low: lower * real, high: upper * real });
  }

  private write(): void {
    const s = this.slice;
    if (!s) return;
    const window = scaled(this.look.window, s.slope, this.gain);
    const { id, kind, numbers } = this.series;
    this.label.textContent = marking(this.series, s);
    const at = this.pointed && pixel(this.pointed, s);
    this.corner.textContent = [
      at ? `column ${at.column} row ${at.row} value ${s.pixels[at.row * s.columns + at.column]}` : "",
      [
        kind === "study" ? "own window" : this.gain === 1 ? "" : `${kind} ×${this.gain}`,
        `slice ${s.number} (${numbers.indexOf(s.number) + 1}/${numbers.length})`,
        s.repetition && `time ${s.repetition}`, s.te && `TE ${s.te} ms`, s.b === undefined ? "" : `b ${s.b} s/mm²`,
        spoken(window), this.look.invert ? "inverted" : "",
      ].filter(Boolean).join(", "),
    ].filter(Boolean).join("\n");
    this.element.ariaLabel = `Pane ${this.index + 1}: ${this.series.title}, slice ${s.number}`;
    Object.assign(this.element.dataset, { series: id, slice: s.number, low: window.low, high: window.high });
  }
}

// centred lays the image's position on the centre of its first pixel, where DICOM says that it is. cornerstone's drawing on a canvas
// has it at the corner, so that regions would be measured half a pixel away from where they are drawn.
function centred(viewport: Types.IStackViewport): void {
  const moved = (at: number[], by: number) => {
    const { spacing, direction } = viewport.getImageData();
    return at.map((v, i) => v + by * (direction[i]! * spacing[0] + direction[3 + i]! * spacing[1])) as Types.Point3;
  };
  const { canvasToWorld, worldToCanvas } = viewport;
  const toWorld = (at: Types.Point2) => {
    const corner = canvasToWorld(at);
    return corner && moved(corner, -0.5);
  };
  const toCanvas = (at: Types.Point3) => worldToCanvas(moved(at, 0.5));
  Object.assign(viewport, { canvasToWorld: toWorld, canvasToWorldCPU: toWorld, worldToCanvas: toCanvas, worldToCanvasCPU: toCanvas });
}

// metric has a parallelScale, half the millimetres that a pane is high, mean that for pixels that are higher than wide, too. cornerstone's
// drawing on a canvas scales by the smaller side of a pixel, but takes the height for it.
function metric(viewport: Types.IStackViewport): void {
  const setCamera = viewport.setCamera.bind(viewport);
  viewport.setCamera = ({ parallelScale, ...camera }, ...rest) => {
    const { spacing } = parallelScale ? viewport.getImageData() : { spacing: [1, 1] };
    const scale = parallelScale && (viewport.element.clientHeight * Math.min(spacing[0]!, spacing[1]!)) / 2 / parallelScale;
    setCamera({ ...camera, ...(scale && { scale }) }, ...rest);
  };
}
