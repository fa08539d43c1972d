// The room: panes in a grid, what they share, and the commands of the reader.
import { init as initCore, RenderingEngine } from "@cornerstonejs/core";
import { getReport, getScan, runs, type Comparison, type Job, type Report } from "../api";
import { element } from "../element";
import { banner, recipes } from "./banner";
import { bind, toolbar } from "./commands";
import { coplanar } from "./geometry";
import { initTools, joinTools } from "./measure";
import { registerImages, slice } from "./images";
import { follow, progress } from "./live";
import { mirrorMeasurements } from "./mirror";
import { Pane, type Look } from "./pane";
import { Pointer } from "./pointer";
import { answers, blinded } from "./review/blind";
import { first, later, match, nearest, seriesOf, step, type Series } from "./series";
import { instances, others } from "./study";
import { Layers } from "./layers";
import type { Slice, Window } from "./dicom";

export const layouts = ["1×1", "1×2", "2×1", "1×3", "2×2", "2×3", "3×2"]; // rows × columns

export class Room {
  series: Series[];
  automatic = true; // the reader has not done anything yet: the page arranges what comes
  readonly grid = element("div", { className: "grid" });
  readonly going = element("p", { className: "status going", role: "status" }); // how far the job is, unless it is done
  readonly status = element("p", { className: "status", role: "status" });
  panes: Pane[] = [];
  active!: Pane;
  look!: Look;
  normal!: Window; // the default window
  position = 1; // number of the slice
  private anchor: Series | undefined; // the series that has this number
  lines = true; // show where the image of the active pane cuts the others
  layout = "";
  readonly linked = { scroll: true, view: true, window: true };
  readonly layers = new Layers(this);
  errorGain = 5;
  readonly pointer = new Pointer(this);
  changed: () => void = () => undefined; // the toolbar looks again
  private readonly engine: RenderingEngine;
  private readonly gains = new Map<string, number>(); // of the series of other scans
  private copying = false;
  private readonly news: string[] = []; // titles of series that came since the reader did something
  private touched = false; // the reader zoomed or panned: the view stays when the page changes its size
  private readonly resized = new ResizeObserver(() => this.resize()); // of a stage: by the window, the layout or the pane's header

  // blind is the comparison that the reader makes without being told which series is which.
  constructor(public job: Job, readonly blind: Comparison | undefined) {
    const series = seriesOf(job.results ?? []);
    this.series = blind ? blinded(series, blind) : series;
    this.engine = new RenderingEngine("room");
    mirrorMeasurements((image) => {
      const from = this.panes.find((p) => p.viewport.getCurrentImageId() === image);
      const same = (p: Pane) => p !== from && p.slice && from?.slice && coplanar(p.slice, from.slice);
      return this.linked.view ? this.panes.filter(same).map((p) => p.viewport.id) : [];
    });
  }

  // gain is how much brighter than the images a series is drawn. One of another scan, whose values have another unit, is drawn in the
  // default window of the first of its slices that is shown.
  gain({ id, kind }: Series, { window, slope }: Slice): number {
    if (kind === "study") {
      if (!this.gains.has(id)) this.gains.set(id, this.normal.high / (window.high * slope));
      return this.gains.get(id)!;
    }
    return kind === "error" || kind === "difference" ? this.errorGain : kind === "uncertainty" ? 10 : 1;
  }

  // begin chooses what to show first, and returns what heads the page.
  async begin(): Promise<Node[]> {
    const leading = this.series.find((s) => s.kind === "method") ?? this.series[0];
    if (!leading) throw new Error(`The job is ${this.job.state} and has made no series yet.`);
    this.position = leading.numbers[Math.floor(leading.numbers.length / 2)] ?? 1;
    const head = await slice(this.job.id, leading, this.position);
    const { window, slope } = head;
    this.normal = { low: window.low * slope, high: window.high * slope };
    this.look = { window: this.normal, invert: false, smooth: true };
    this.layers.with = this.series.find((s) => s.kind === "reference") ?? this.series[1] ?? leading;
    return this.blind ? [...banner(head, false), element("span", { className: "answers" }, ...answers(this))] : banner(head, true);
  }

  // report is that of the job; undefined before it is done.
  report(): Promise<Report | undefined> {
    return this.job.results?.some((r) => r.name === "report.json") ? getReport(this.job.id) : Promise.resolve(undefined);
  }

  // renew takes up what the job has made meanwhile.
  async renew(job: Job): Promise<void> {
    this.job = job;
    const known = new Map(this.series.map((s) => [s.id, s]));
    const series = seriesOf(job.results ?? []).map((s) => (known.get(s.id)?.numbers.length === s.numbers.length ? known.get(s.id)! : s)); // panes hold on to them
    const came = series.filter((s) => !known.has(s.id));
    if (came.length) {
      this.series = series;
      for (const pane of this.panes) pane.offer(series);
      if (this.automatic) {
        this.layers.with = series.find((s) => s.kind === "reference") ?? this.layers.with;
        await this.arrange(this.fitting());
      } else {
        this.news.push(...came.filter((s) => s.of[0] === s.id).map((s) => s.title));
        this.tell(`New in the lists of the panes: ${this.news.join(", ")}.`);
        for (const pane of this.panes) this.layers.draw(pane); // an overlay may have come
      }
    }
    if (!runs(job)) await this.study();
    this.changed();
  }

  // study offers what else lies in the frame of reference: other recipes, other scans of the study.
  async study(): Promise<void> {
    const stored = this.series.filter((s) => s.of[0] === s.id);
    const heads = await Promise.all(stored.map((s) => slice(this.job.id, s, s.numbers[0] ?? 1)));
    const [head] = heads;
    if (!head) return;
    const own = new Map(heads.map((h, i) => [h.uid, stored[i]!]));
    this.series = [...this.series, ...others(head.study, await instances(head.study), head.frame, own, this.series)];
    for (const pane of this.panes) pane.offer(this.series);
    this.changed();
  }

  // fitting is the layout for what there is to see, and for a screen that is wide or high.
  fitting(): string {
    const wide = innerWidth > innerHeight;
    const n = this.series.length;
    return n < 2 ? "1×1" : n < 3 ? (wide ? "1×2" : "2×1") : n < 5 ? "2×2" : wide ? "2×3" : "3×2";
  }

  private resize(): void {
    if (this.panes.length) this.copy(() => this.engine.resize(true, this.touched));
  }

  // arrange lays out panes anew; those that stay keep their series.
  async arrange(layout: string): Promise<void> {
    const [rows = 1, columns = 1] = layout.split("×").map(Number);
    this.layout = layout;
    const kept = this.automatic ? [] : this.panes.flatMap((p) => this.series.filter((s) => s.id === p.series.id));
    const wanted = [...kept, ...first(this.series, this.series.length).filter((s) => !kept.includes(s))].slice(0, rows * columns);
    for (const pane of this.panes) this.engine.disableElement(pane.viewport.id);
    this.resized.disconnect();
    this.grid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    this.grid.replaceChildren();
    this.panes = [];
    for (const i of wanted.keys()) {
      const pane = new Pane(this.engine, i, this.job, this.series, {
        choose: (p, id) => void this.show(p, this.series.find((s) => s.id === id)),
        activate: (p) => this.activate(p),
        moved: (p) => this.moved(p),
        windowed: (p, window) => this.windowed(p, window),
        scrolled: (p, number) => (this.activate(p), this.to(number)),
        drawn: (p) => this.drawn(p),
        pointed: (at) => this.pointer.point(at),
      }, this.grid);
      this.panes.push(pane);
      this.layers.grab(pane);
      joinTools(pane.viewport.id, this.engine.id);
      this.resized.observe(pane.stage);
    }
    this.touched = false;
    this.activate(this.panes[0]!);
    await Promise.all(this.panes.map((pane, i) => this.show(pane, wanted[i])));
    this.changed();
  }

  async show(pane: Pane, series: Series | undefined): Promise<void> {
    if (!series) return;
    const number = (this.anchor && match(series, this.anchor, this.position)) ?? series.numbers[nearest(series.numbers, this.position)] ?? 1;
    const stand = () => pane === this.active && ([this.anchor, this.position] = [series, pane.slice?.number ?? number]);
    stand();
    await pane.show(series, number, this.linked.window ? this.look : (pane.look ?? this.look), (s) => this.gain(series, s));
    if (pane.series !== series || !pane.slice) return; // the reader chose again, or there is nothing to see
    stand();
    const other = this.panes.find((p) => p !== pane && p.slice);
    if (other && this.linked.view) this.copy(() => pane.follow(other));
    this.prefetch();
    this.layers.draw(pane);
  }

  // drawn brings up to date what depends on the image of a pane.
  private drawn(pane: Pane): void {
    for (const p of this.panes) if (p === pane || pane === this.active) this.layers.draw(p);
  }

  activate(pane: Pane): void {
    this.active = pane;
    if (pane.slice) [this.anchor, this.position] = [pane.series, pane.slice.number];
    this.drawn(pane);
    for (const p of this.panes) p.element.classList.toggle("active", p === pane);
    this.changed();
  }

  // to shows another slice, in all panes when they are linked.
  to(position: number): void {
    const { series } = this.active;
    this.anchor = series;
    this.position = Math.min(series.numbers.at(-1) ?? 1, Math.max(series.numbers[0] ?? 1, position));
    for (const pane of this.linked.scroll ? this.panes : [this.active]) {
      const number = match(pane.series, series, this.position);
      if (number !== undefined) pane.scrollTo(number);
    }
    this.prefetch();
    this.changed();
  }

  // tell says something to the reader, also to one who listens.
  tell(text: string): void {
    this.status.textContent = text;
  }

  // step goes some slices on within the active series.
  step(by: number, around = false): void {
    const { numbers } = this.active.series;
    this.to(around ? numbers[(numbers.indexOf(this.position) + by + numbers.length) % numbers.length]! : step(numbers, this.position, by));
  }

  // times is how many times the active series was acquired.
  get times(): number {
    return Number(this.active.slice?.repetition.split("/")[1] ?? 1);
  }

  // time goes some times on with the slice, around the end.
  async time(by: number): Promise<void> {
    const { active, times } = this;
    if (!active.slice || times < 2) return this.tell("The series was acquired once.");
    const { series, slice: shown } = active;
    const [now = 1] = shown.repetition.split("/").map(Number);
    const number = later(series.numbers, shown.number, times, by);
    const there = number === undefined ? undefined : await slice(this.job.id, series, number);
    if (there?.repetition !== `${((now - 1 + by + times) % times) + 1}/${times}`) return this.tell("The job has not all slices of all times.");
    if (active === this.active && active.slice === shown) this.to(there.number);
  }

  setLook(change: Partial<Look>): void {
    const look = { ...this.active.look, ...change };
    if (this.linked.window) this.look = look;
    for (const pane of this.linked.window ? this.panes : [this.active]) pane.apply(look);
    this.changed();
  }

  setErrorGain(gain: number): void {
    this.errorGain = Math.min(50, Math.max(1, gain));
    for (const pane of this.panes) if (pane.slice) pane.apply(pane.look, this.gain(pane.series, pane.slice));
    this.changed();
  }

  // turn changes the view of the active pane, which the others follow.
  turn(change: { flipHorizontal?: boolean; flipVertical?: boolean; rotate?: number; zoom?: number; fit?: boolean }): void {
    const { viewport } = this.active;
    if (change.fit) {
      viewport.setViewPresentation({ rotation: 0 });
      viewport.setCamera({ flipHorizontal: false, flipVertical: false });
      viewport.resetCamera();
      this.touched = false;
    }
    if (change.flipHorizontal) viewport.setCamera({ flipHorizontal: !viewport.getCamera().flipHorizontal });
    if (change.flipVertical) viewport.setCamera({ flipVertical: !viewport.getCamera().flipVertical });
    if (change.rotate) viewport.setViewPresentation({ rotation: (viewport.getRotation() + change.rotate + 360) % 360 });
    if (change.zoom) viewport.setCamera({ parallelScale: (viewport.getCamera().parallelScale ?? 1) / change.zoom });
    viewport.render();
  }

  private moved(pane: Pane): void {
    if (this.copying) return;
    this.touched = true;
    if (this.linked.view) this.copy(() => this.panes.forEach((other) => other !== pane && other.follow(pane)));
  }

  private windowed(pane: Pane, window: Window): void {
    pane.look = { ...pane.look, window };
    if (this.linked.window) this.copy(() => this.setLook({ window }));
    else pane.apply(pane.look);
  }

  // copy keeps what one pane hands to the others from coming back.
  private copy(f: () => void): void {
    if (this.copying) return;
    this.copying = true;
    try {
      f();
    } finally {
      this.copying = false;
    }
  }

  // prefetch brings the neighbours of what is shown while nothing else is asked for.
  private prefetch(): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      for (const away of [1, -1, 2, -2, 3, 4]) {
        for (const { series, slice: shown } of this.panes) {
          const number = shown && series.numbers[series.numbers.indexOf(shown.number) + away];
          const time = shown && this.times > 1 && away > 0 ? later(series.numbers, shown.number, this.times, away) : undefined;
          if (time) slice(this.job.id, series, time).catch(() => undefined);
          if (number) slice(this.job.id, series, number).catch(() => undefined);
        }
      }
    }, 150);
  }
  private waiting: ReturnType<typeof setTimeout> | undefined;
}

export async function open(body: HTMLElement, job: Job, blind: Comparison | undefined): Promise<void> {
  // Canvas, not WebGL: it is there on every machine, exact to the grey value, and quick for images of this size.
  // cornerstone's canvas mixes CSS with device pixels where they differ (fine screens, zoomed pages): it is told that they do not.
  Object.defineProperty(window, "devicePixelRatio", { get: () => 1, configurable: true });
  initCore({ rendering: { useCPURendering: true }, debug: {} });
  registerImages();
  initTools();
  const room = new Room(job, blind);
  const head = element("header", { className: "head" });
  body.replaceChildren(element("main", { className: "room" }, head, toolbar(room), element("div", { className: "grid-place" }, room.grid)));
  bind(room);
  for (const act of ["pointerdown", "keydown", "wheel", "change", "focusin"]) addEventListener(act, () => (room.automatic = false), { capture: true, once: true });
  head.replaceChildren(...(await room.begin()), room.going, room.status);
  await room.arrange(room.fitting());
  if (blind) return;
  const failed = (problem: Error) => room.tell(problem.message);
  const going = (text: string) => void (room.going.textContent = text);
  going(progress(job));
  if (runs(job)) follow(job.id, (newer) => (going(progress(newer)), room.renew(newer).catch(failed)), going);
  else room.study().catch(failed);
  getScan(job.scan).then(({ jobs }) => jobs.length > 1 && head.append(recipes(jobs, job.id)), failed);
}

