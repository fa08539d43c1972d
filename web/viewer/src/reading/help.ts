// The list of keys.
import { element } from "../element";
import { available } from "./commands";
import { dialog } from "./dialog";
import type { Room } from "./room";

const spoken: Record<string, string> = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", PageUp: "PgUp", PageDown: "PgDn" };

const say = (key: string) => key.replace(/^(shift|ctrl)\+/, (_, name) => (name === "ctrl" ? "Ctrl " : "Shift ")).replace(/\S+$|^ $/, (name) => spoken[name] ?? name);

export function help(room: Room): void {
  const groups = [...new Set(available(room).map((c) => c.group))];
  const lists = groups.map((group) =>
    element("section", {}, element("h3", {}, group), element("dl", {}, ...available(room).filter((c) => c.group === group).flatMap((c) => [
      element("dt", {}, ...c.keys.flatMap((key, i) => [i ? " " : "", element("kbd", {}, say(key))])), element("dd", {}, c.title),
    ]))),
  );
  dialog("Keys", element("p", {}, "Wheel: slices. Left button: the chosen tool; middle: pan; right: zoom. Two fingers: zoom and pan."), element("div", { className: "keys" }, ...lists));
}
