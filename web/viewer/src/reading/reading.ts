// The reading page: all series of one scan side by side.
import { element } from "../element";

export function show(body: HTMLElement, id: string): void {
  document.title = "closer: reading";
  body.replaceChildren(element("main", {}, element("p", {}, `The reading page of ${id} is not built yet. `), element("a", { href: "/" }, "Worklist")));
}
