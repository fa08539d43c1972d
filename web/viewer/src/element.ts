// element makes an HTML element with properties and content in one call.
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K, properties: Partial<Omit<HTMLElementTagNameMap[K], "dataset">> & { dataset?: Record<string, string> } = {}, ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const { dataset, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, dataset);
  made.append(...content);
  return made;
}
