// The commands of the reader: one table makes the toolbar, the keys and the list under "?".
import { element } from "../element";
import { choose, chosenTool, takeBack, tools } from "./measure";
import { facts } from "./facts";
import { help } from "./help";
import { showReport } from "./report";
import { reviewCommands } from "./review/commands";
import { layouts, type Room } from "./room";
import type { Compare, Overlay } from "./layers";
import { preset, presets } from "./window";

export interface Command {
  title: string;
  keys: string[]; // as KeyboardEvent.key says them; "ctrl+z"
  group: string;
  run(room: Room): void;
  pressed?(room: Room): boolean; // for a button that stays down
  button?: string; // its text; without one it has a key only
  when?: "blind" | "sighted"; // only while a comparison is blinded, or only while none is
}

const toggleCompare = (mode: Compare) => (room: Room) => room.layers.set({ compare: room.layers.compare === mode ? "none" : mode });
const toggleOverlay = (mode: Overlay) => (room: Room) => room.layers.set({ overlay: room.layers.overlay === mode ? "none" : mode });
const link = (what: keyof Room["linked"]) => (room: Room) => {
  room.linked[what] = !room.linked[what];
  for (const pane of room.panes) room.layers.draw(pane);
  room.changed();
};
const go = (by: number) => (room: Room) => room.panes[(room.panes.indexOf(room.active) + by + room.panes.length) % room.panes.length]!.element.focus(); // which activates it
const series = (by: number) => (room: Room) => {
  const at = room.series.indexOf(room.active.series);
  void room.show(room.active, room.series[(at + by + room.series.length) % room.series.length]);
};

const stride = 4; // pixels that a key moves the cursor by

let film: ReturnType<typeof setInterval> | undefined;
function cine(room: Room): void {
  if (film) clearInterval(film);
  film = film ? undefined : setInterval(() => {
    if (room.active.slice?.number !== room.position) return; // not faster than slices come
    if (room.times > 1) void room.time(1);
    else room.step(1, true);
  }, 125);
  room.changed();
}

export const commands: Command[] = [
  { group: "Slice", title: "Slice before", keys: ["ArrowUp"], run: (r) => r.step(-1) },
  { group: "Slice", title: "Next slice", keys: ["ArrowDown"], run: (r) => r.step(1) },
  { group: "Slice", title: "First slice", keys: ["Home"], run: (r) => r.to(-Infinity) },
  { group: "Slice", title: "Last slice", keys: ["End"], run: (r) => r.to(Infinity) },
  { group: "Slice", title: "Time before", keys: ["<"], run: (r) => void r.time(-1) },
  { group: "Slice", title: "Next time", keys: [">"], run: (r) => void r.time(1) },
  { group: "Slice", title: "Cine, over times where there are several", keys: ["c"], button: "Cine", run: cine, pressed: () => film !== undefined },
  { group: "Pane", title: "Pane before", keys: ["ArrowLeft"], run: go(-1) },
  { group: "Pane", title: "Next pane", keys: ["ArrowRight"], run: go(1) },
  { group: "Pane", title: "Series before", keys: ["PageUp"], run: series(-1) },
  { group: "Pane", title: "Next series", keys: ["PageDown"], run: series(1) },
  ...tools.map((t): Command => ({ group: "Tool", title: t.title, keys: t.keys, button: t.title, run: (r) => (choose(t.id), r.changed()), pressed: () => chosenTool() === t.id })),
  ...([["Left", -1, 0], ["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]] as const).map(([name, columns, rows]): Command => (
    { group: "Tool", title: `Point further ${name.toLowerCase()}`, keys: [`shift+Arrow${name}`], run: (r) => r.pointer.move(columns * stride, rows * stride) })),
  { group: "Tool", title: "Set a point of the measurement", keys: ["Enter"], run: (r) => r.pointer.mark() },
  { group: "Tool", title: "Remove the selected or newest measurement", keys: ["Delete", "ctrl+z"], button: "Undo", run: (r) => takeBack(r.panes.map((p) => p.viewport.id)) },
  ...presets.map((p, i): Command => ({ group: "Window", title: `Window: ${p.name.toLowerCase()}`, keys: [`${i + 1}`], run: (r) => r.setLook({ window: preset(i, r.normal) }) })),
  { group: "Window", title: "Invert", keys: ["i"], button: "Invert", run: (r) => r.setLook({ invert: !r.active.look.invert }), pressed: (r) => !!r.active?.look?.invert },
  { group: "Window", title: "Show pixels, without interpolation", keys: ["n"], button: "Pixels", run: (r) => r.setLook({ smooth: !r.active.look.smooth }), pressed: (r) => r.active?.look?.smooth === false },
  { group: "View", title: "Flip left and right", keys: ["h"], button: "⇋", run: (r) => r.turn({ flipHorizontal: true }) },
  { group: "View", title: "Flip top and bottom", keys: ["v"], button: "⥮", run: (r) => r.turn({ flipVertical: true }) },
  { group: "View", title: "Rotate to the right", keys: ["r"], button: "↻", run: (r) => r.turn({ rotate: 90 }) },
  { group: "View", title: "Rotate to the left", keys: ["l"], button: "↺", run: (r) => r.turn({ rotate: -90 }) },
  { group: "View", title: "Reference lines", keys: ["shift+R"], run: (r) => ((r.lines = !r.lines), r.panes.forEach((p) => r.layers.draw(p))) },
  { group: "View", title: "Enlarge", keys: ["+"], run: (r) => r.turn({ zoom: 1.25 }) },
  { group: "View", title: "Reduce", keys: ["-"], run: (r) => r.turn({ zoom: 0.8 }) },
  { group: "View", title: "Fit", keys: ["="], run: (r) => r.turn({ fit: true }) },
  { group: "View", title: "Reset view and window", keys: [" "], button: "Reset", run: (r) => (r.turn({ fit: true }), r.setLook({ window: r.normal, invert: false })) },
  { group: "Linked", title: "Link the slices of the panes", keys: ["shift+S"], button: "Slices", run: link("scroll"), pressed: (r) => r.linked.scroll },
  { group: "Linked", title: "Link zoom and pan", keys: ["shift+Z"], button: "View", run: link("view"), pressed: (r) => r.linked.view },
  { group: "Linked", title: "Link the windows", keys: ["shift+W"], button: "Window", run: link("window"), pressed: (r) => r.linked.window },
  { group: "Compare", title: "Wipe between two series", keys: ["e"], button: "Wipe", run: toggleCompare("wipe"), pressed: (r) => r.layers.compare === "wipe" },
  { group: "Compare", title: "Blink between two series", keys: ["b"], button: "Blink", run: toggleCompare("blink"), pressed: (r) => r.layers.compare === "blink" },
  { group: "Compare", title: "Wipe further left", keys: ["["], run: (r) => r.layers.set({ at: Math.max(0, r.layers.at - 0.05) }) },
  { group: "Compare", title: "Wipe further right", keys: ["]"], run: (r) => r.layers.set({ at: Math.min(1, r.layers.at + 0.05) }) },
  { group: "Compare", title: "Show errors brighter", keys: ["."], run: (r) => r.setErrorGain(r.errorGain + 1) },
  { group: "Compare", title: "Show errors darker", keys: [","], run: (r) => r.setErrorGain(r.errorGain - 1) },
  { group: "Trust", when: "sighted", title: "Uncertainty over CCDF", keys: ["u"], button: "Uncertainty", run: toggleOverlay("uncertainty"), pressed: (r) => r.layers.overlay === "uncertainty" },
  { group: "Trust", when: "sighted", title: "Where U-Net and CCDF disagree", keys: ["d"], button: "Disagreement", run: toggleOverlay("disagreement"), pressed: (r) => r.layers.overlay === "disagreement" },
  { group: "Trust", when: "sighted", title: "How the series were made", keys: ["f"], button: "Facts", run: (r) => void facts(r) },
  { group: "Trust", when: "sighted", title: "Report", keys: ["t"], button: "Report", run: (r) => void showReport(r) },
  ...reviewCommands,
  { group: "Trust", title: "Keys", keys: ["?"], button: "?", run: help },
];

// available are the commands that the room has: one that is blinded has none that tells what it shows.
export const available = (room: Room) => commands.filter(({ when }) => !when || (when === "blind") === !!room.blind);

// named is how the table of commands names a press.
export const named = (e: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey">) =>
  (e.ctrlKey || e.metaKey ? "ctrl+" : e.shiftKey && /^[A-Z]/.test(e.key) ? "shift+" : "") + e.key;

const notch = 40; // of a wheel, in pixels; finer ones and touch pads add up to it

export function bind(room: Room): void {
  let turned = 0;
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (target.closest("dialog, select, input:not([type=range])") || ([" ", "Enter"].includes(event.key) && target.closest("button, a"))) return;
    const command = available(room).find((c) => c.keys.includes(named(event)));
    if (!command) return;
    event.preventDefault();
    command.run(room);
  });
  room.grid.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pane = room.panes.find((p) => p.element.contains(event.target as Node));
    if (pane && pane !== room.active) room.activate(pane);
    turned += event.deltaMode ? Math.sign(event.deltaY) * notch : event.deltaY;
    if (Math.abs(turned) < notch) return;
    room.step(Math.sign(turned));
    turned = 0;
  }, { passive: false });
}

export function toolbar(room: Room): HTMLElement {
  const bar = element("div", { className: "toolbar", role: "toolbar", ariaLabel: "Reading tools" });
  const layout = element("select", { ariaLabel: "Layout" }, ...layouts.map((l) => element("option", { value: l }, l)));
  layout.addEventListener("change", () => void room.arrange(layout.value));
  const other = element("select", { ariaLabel: "Compare with" });
  other.addEventListener("change", () => room.layers.set({ with: room.series.find((s) => s.id === other.value) }));
  const range = (label: string, max: number, value: () => number, set: (v: number) => void) => {
    const input = element("input", { type: "range", min: "0", max: String(max), step: String(max / 50), ariaLabel: label });
    input.addEventListener("input", () => set(Number(input.value)));
    const look = () => {
      input.value = String(value());
      input.disabled = room.layers.overlay === "none";
    };
    return { box: element("label", { className: "range" }, label, input), look };
  };
  const ranges = [
    range("opacity", 1, () => room.layers.opacity, (opacity) => room.layers.set({ opacity })),
    range("threshold", 0.1, () => room.layers.threshold, (threshold) => room.layers.set({ threshold })),
  ];
  const buttons = available(room).flatMap((command) => (command.button ? [{ command, button: button(room, command) }] : []));
  const part = (name: string, ...more: Node[]) =>
    element("div", { className: "part", role: "group", ariaLabel: name }, ...more, ...buttons.filter(({ command }) => command.group === name).map(({ button }) => button));
  const slices = element("input", { type: "range", step: "1", ariaLabel: "Slice" });
  slices.addEventListener("input", () => room.to(room.active.series.numbers[Number(slices.value)] ?? room.position));
  bar.append(layout, part("Slice", slices), part("Tool"), part("Window"), part("View"), part("Linked", element("span", { className: "quiet" }, "link")), part("Compare", other), part("Trust"), part("Review"), ...(room.blind ? [] : ranges.map((r) => r.box)));
  room.changed = () => {
    layout.value = room.layout;
    const numbers = room.active?.series?.numbers ?? [];
    slices.max = String(numbers.length - 1);
    slices.value = String(numbers.indexOf(room.position));
    if (other.length !== room.series.length) other.replaceChildren(...room.series.map((s) => element("option", { value: s.id }, s.title)));
    if (room.layers.with) other.value = room.layers.with.id;
    for (const r of ranges) r.look();
    for (const { command, button } of buttons) if (command.pressed) button.ariaPressed = String(command.pressed(room));
  };
  return bar;
}

function button(room: Room, command: Command): HTMLButtonElement {
  const made = element("button", { type: "button", title: `${command.title} (${command.keys.join(", ")})` }, command.button ?? command.title);
  if (!/[a-z]/i.test(made.textContent ?? "")) made.ariaLabel = command.title; // a symbol is read as nothing
  made.addEventListener("click", () => command.run(room));
  return made;
}
