// Search and filter. The view is in the address, so that coming back shows the same list.
import type { Job, State } from "../api";
import { element } from "../element";
import { count, type View } from "./jobs";
import { signs } from "./row";
import { searchOf, states, viewOf } from "./view";

export class Toolbar {
  view = viewOf(location.search);
  readonly element: HTMLElement;
  private readonly search = element("input", { type: "search", placeholder: "Scan, ×4, unreviewed, error …", value: this.view.text });
  private readonly radios = new Map<State | "all", { radio: HTMLInputElement; text: HTMLElement }>();

  constructor(private readonly changed: () => void) {
    this.search.addEventListener("input", () => this.set({ text: this.search.value }));
    const choices = states.map((state) => {
      const radio = element("input", { type: "radio", name: "state", checked: state === this.view.state });
      const text = element("span");
      radio.addEventListener("change", () => this.set({ state }));
      this.radios.set(state, { radio, text });
      return element("label", {}, radio, text);
    });
    this.element = element(
      "search", { className: "toolbar" }, element("label", {}, "Search ", element("kbd", {}, "/"), this.search),
      element("fieldset", {}, element("legend", {}, "State"), ...choices),
    );
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.search.select();
    });
  }

  set(change: Partial<View>) {
    this.view = { ...this.view, ...change };
    this.search.value = this.view.text;
    this.radios.get(this.view.state)!.radio.checked = true;
    history.replaceState(null, "", location.pathname + searchOf(this.view));
    this.changed();
  }

  counted(jobs: Iterable<Job>) {
    const n = count(jobs);
    for (const [state, { text }] of this.radios) text.textContent = `${state === "all" ? "" : signs[state] + " "}${state} ${n[state]}`;
  }
}
