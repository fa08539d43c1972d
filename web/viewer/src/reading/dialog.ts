import { element } from "../element";

// dialog shows content above the page until Escape or its button; the page's keys rest meanwhile.
export function dialog(title: string, ...content: (Node | string)[]): void {
  const close = element("button", { type: "button" }, "Close");
  const shown = element("dialog", { ariaLabel: title }, element("header", {}, element("h2", {}, title), close), ...content);
  close.addEventListener("click", () => shown.close());
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
}
