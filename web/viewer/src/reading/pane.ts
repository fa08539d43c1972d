// One pane: a series in a cornerstone viewport, its layers, and what is written around it.
import { Enums, type RenderingEngine, type Types } from "@cornerstonejs/core";
import type { Job } from "../api";
import { element } from "../element";
import { grey, type Slice, type Window } from "./dicom";
import { imageId, slice } from "./images";
import { nearest, type Series } from "./series";
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
  drawn(pane: Pane): void;
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
  private readonly select: HTMLSelectElement;
  private readonly slot = element("span", { className: "slot" });
  private readonly label = element("p", { className: "research pane-label" });
  private readonly corner = element("p", { className: "corner" });
  private readonly statement = element("p", { className: "statement" });

  constructor(engine: RenderingEngine, readonly index: number, private readonly job: Job, readonly choices: Series[], private readonly events: PaneEvents, grid: HTMLElement) {
    this.select = element("select", { ariaLabel: `Series of pane ${index + 1}` }, ...choices.map((s) => element("option", { value: s.id }, s.title)));
    this.select.addEventListener("change", () => events.choose(this, this.select.value));
    this.stage.append(this.label, this.statement, this.corner);
    this.element = element("section", { className: "pane", tabIndex: 0, ariaLabel: `Pane ${index + 1}` }, element("header", {}, this.select, this.slot), this.stage);
    for (const name of ["pointerdown", "focusin"] as const) this.element.addEventListener(name, () => events.activate(this));
    this.stage.addEventListener("contextmenu", (event) => event.preventDefault());
    grid.append(this.element); // cornerstone measures what it draws in
    const id = `pane-${index}`;
    engine.enableElement({ viewportId: id, type: Enums.ViewportType.STACK, element: this.stage });
    this.viewport = engine.getViewport(id) as Types.IStackViewport;
    this.stage.querySelector(".viewport-element")?.append(this.layer);
    const on = (name: string, f: (event: CustomEvent) => void) => this.stage.addEventListener(name, f as EventListener);
    on(Enums.Events.CAMERA_MODIFIED, () => events.moved(this));
    on(Enums.Events.VOI_MODIFIED, (event) => this.onWindow(event.detail.range));
    on(Enums.Events.STACK_NEW_IMAGE, (event) => void this.onImage(event.detail.imageId));
    on(Enums.Events.IMAGE_RENDERED, () => events.drawn(this));
  }

  // show replaces the series; position is the number of the slice to begin with.
  async show(series: Series, position: number, look: Look, gain: number): Promise<void> {
    [this.series, this.look, this.gain] = [series, look, gain];
    this.select.value = series.id;
    this.slot.replaceChildren(...slot(this.job, series));
    const ids = series.numbers.map((n) => imageId(this.job.id, series, n));
    await this.viewport.setStack(ids, nearest(series.numbers, position));
    this.slice = await slice(this.job.id, series, position);
    this.apply(look, gain);
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

  // scrollTo shows the slice nearest to a position.
  scrollTo(position: number): void {
    void this.viewport.setImageIdIndex(nearest(this.series.numbers, position)).catch(() => undefined); // the error is written on the page
  }

  // follow takes the zoom, pan, rotation and flips of another pane. Both lie in one frame of reference.
  follow(other: Pane): void {
    if (!this.slice || !other.slice) return;
    const { focalPoint, parallelScale, flipHorizontal, flipVertical } = other.viewport.getCamera();
    this.viewport.setCamera({ flipHorizontal, flipVertical });
    this.viewport.setViewPresentation({ rotation: other.viewport.getRotation() });
    this.viewport.setCamera({ focalPoint, parallelScale });
    this.viewport.render();
  }

  // value is the stored value at a point of the stage, in CSS pixels, and what is drawn for it.
  valueAt(x: number, y: number): { column: number; row: number; stored: number; grey: number } | undefined {
    const s = this.slice;
    if (!s) return undefined;
    const world = this.viewport.canvasToWorld([x, y]);
    const along = (axis: number) => s.orientation.slice(axis, axis + 3).reduce((sum, o, i) => sum + o * ((world[i] ?? 0) - (s.position[i] ?? 0)), 0);
    const [column, row] = [Math.floor(along(0) / s.spacing[1]), Math.floor(along(3) / s.spacing[0])];
    if (column < 0 || row < 0 || column >= s.columns || row >= s.rows) return undefined;
    const stored = s.pixels[row * s.columns + column] ?? 0;
    const drawn = grey(stored, scaled(this.look.window, s.slope, this.gain));
    return { column, row, stored, grey: this.look.invert ? 255 - drawn : drawn };
  }

  say(statement: string): void {
    this.statement.textContent = statement;
  }

  private onWindow({ lower, upper }: { lower: number; upper: number }): void {
    if (!this.slice) return;
    const real = this.slice.slope * this.gain;
    this.events.windowed(this, { low: lower * real, high: upper * real });
  }

  private async onImage(id: string): Promise<void> {
    const number = Number(id.slice(id.lastIndexOf("/") + 1));
    const found = await slice(this.job.id, this.series, number);
    if (this.viewport.getCurrentImageId() !== id) return;
    this.slice = found;
    this.write();
    this.events.drawn(this);
  }

  private write(): void {
    const s = this.slice;
    if (!s) return;
    const window = scaled(this.look.window, s.slope, this.gain);
    const { id, kind, numbers } = this.series;
    const gain = this.gain === 1 ? "" : `${kind} ×${this.gain}  `;
    this.label.textContent = kind === "reference" ? "RESEARCH · reference" : `RESEARCH · ${/AI/.test(s.series) || kind === "difference" ? "AI" : "no AI"}`;
    this.corner.textContent = `${gain}slice ${s.number} (${numbers.indexOf(s.number) + 1}/${numbers.length})  ${spoken(window)}${this.look.invert ? "  inverted" : ""}`;
    Object.assign(this.element.dataset, { series: id, slice: s.number, low: window.low, high: window.high });
  }
}
