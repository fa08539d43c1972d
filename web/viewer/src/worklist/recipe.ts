// The recipe that the next push uses. Its form has the parameters that matter in a reading room; the rest keep their defaults.
import { element } from "../element";

const methods = ["zero-filled", "tv", "unet", "unet-dc", "ccdf"];
const masks = { gaussian1d: "Gaussian, 1-D", random: "random (fastMRI)", equispaced: "equispaced (fastMRI)", equispaced_fraction: "equispaced fraction (fastMRI)", none: "none: as acquired" };

export interface RecipeForm {
  methods: string[];
  mask: string;
  accel: string;
  acs: string;
  denoised: boolean; // ccdf's sampler
}

export const defaults: RecipeForm = { methods: ["zero-filled", "unet", "ccdf"], mask: "gaussian1d", accel: "4", acs: "0.08", denoised: false };

// query is the recipe as the API takes it.
export function query(r: RecipeForm): string {
  const q = new URLSearchParams(r.methods.map((m) => ["method", m]));
  q.append("mask", r.mask);
  if (r.mask !== "none") {
    q.append("accel", r.accel);
    q.append("acs", r.acs);
  }
  if (r.denoised && r.methods.includes("ccdf")) q.append("sampler", "denoised");
  return q.toString();
}

// sentence says what a push would do.
export const sentence = (r: RecipeForm): string =>
  `${r.mask === "none" ? "as acquired" : `×${r.accel}, ${Math.round(Number(r.acs) * 1000) / 10} % centre, ${r.mask}`} · ${
    r.methods.map((m) => (m === "ccdf" && r.denoised ? "ccdf, denoised" : m)).join(", ") || "no method"
  }`;

// recipeForm is a disclosure with the form; changed is told of every valid change.
export function recipeForm(changed: (r: RecipeForm) => void): HTMLDetailsElement {
  const r = structuredClone(defaults);
  const summary = element("span", {}, sentence(r));
  const number = (name: "accel" | "acs", label: string, min: number, max: number, step: number) => {
    const input = element("input", { type: "number", min: String(min), max: String(max), step: String(step), value: r[name], required: true });
    input.addEventListener("input", () => input.validity.valid && ((r[name] = input.value), tell()));
    return { input, label: element("label", {}, label, input) };
  };
  const accel = number("accel", "Acceleration", 1, 32, 0.1);
  const acs = number("acs", "Centre fraction", 0, 1, 0.01);
  const mask = element("select", {}, ...Object.entries(masks).map(([value, text]) => element("option", { value }, text)));
  const tell = () => {
    summary.textContent = sentence(r);
    changed(r);
  };
  mask.addEventListener("change", () => {
    r.mask = mask.value;
    accel.input.disabled = acs.input.disabled = r.mask === "none";
    tell();
  });
  const denoised = element("input", { type: "checkbox" });
  denoised.addEventListener("change", () => ((r.denoised = denoised.checked), tell()));
  const withoutNoise = element("label", { className: "check" }, denoised, "without the scan’s noise");
  const boxes = methods.map((m) => {
    const box = element("input", { type: "checkbox", checked: r.methods.includes(m) });
    box.addEventListener("change", () => {
      r.methods = methods.filter((_, i) => boxes[i]!.box.checked);
      denoised.disabled = !r.methods.includes("ccdf");
      tell();
    });
    return { box, label: element("label", { className: "check" }, box, m) };
  });
  return element(
    "details", { className: "recipe" }, element("summary", {}, "Recipe: ", summary),
    element(
      "div", { className: "fields" }, element("label", {}, "Undersampling", mask), accel.label, acs.label,
      element("fieldset", {}, element("legend", {}, "Methods"), ...boxes.map((b) => b.label), withoutNoise),
    ),
  );
}
