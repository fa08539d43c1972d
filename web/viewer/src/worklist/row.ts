// One job of the worklist as a row of its table, which is drawn once and then kept up to date in place.
import { cancelJob, jobPath, type Job, type Review, type State } from "../api";
import { element } from "../element";
import { fraction, maskOf, progressOf, spoken, type Figures, type Own } from "./jobs";

export const signs: Record<State, string> = { queued: "◷", running: "▶", done: "✓", failed: "✕", canceled: "⊘" };

export interface Shown {
  figures?: Figures;
  came: Own;
  decisions?: Map<string, Review>; // by method
  mayCancel: boolean;
}

const brief = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export class Row {
  readonly element = element("tr");
  private readonly title: HTMLElement;
  private readonly about = element("span", { className: "about" });
  private readonly state = element("td", { className: "state" });
  private readonly bar = element("progress", { max: 1 });
  private readonly word = element("span");
  private readonly detail = element("span", { className: "about" });
  private readonly acceleration = element("span");
  private readonly mask = element("span", { className: "about" });
  private readonly psnr = element("td", { className: "psnr" });
  private readonly review = element("td", { className: "review" });
  private readonly actions = element("td", { className: "actions" });
  private drawn = ""; // what the actions were last made for

  constructor(private job: Job, private readonly failed: (problem: unknown) => void) {
    const short = job.scan.slice(0, 8);
    this.bar.ariaLabel = `progress of scan ${short}`;
    this.title = element("a", { href: `/study/${job.id}`, className: "scan" }, short);
    const at = new Date(job.created);
    const created = element("time", { dateTime: job.created, title: full.format(at) }, brief.format(at));
    this.state.append(this.word, this.bar, this.detail);
    this.element.dataset.job = job.id;
    this.element.append(
      element("th", { scope: "row" }, this.title, this.about), element("td", { className: "pushed" }, created), this.state,
      element("td", { className: "acceleration" }, this.acceleration, this.mask), this.psnr, this.review, this.actions,
    );
  }

  // update draws what changed, and leaves the focus where it is.
  update(job: Job, known: Shown): void {
    this.job = job;
    this.element.dataset.state = job.state;
    set(this.word, `${signs[job.state]} ${job.state}`);
    this.bar.hidden = job.state !== "running";
    this.bar.value = fraction(job);
    set(this.detail, job.state === "running" ? progressOf(job) : (job.error ?? ""));
    set(this.about, aboutScan(known.figures) || (job.recipe.methods ?? []).join(", "));
    set(this.acceleration, spoken(job, known.came));
    const mask = maskOf(job, known.came);
    set(this.mask, mask && `${mask}, ${Math.round(Number(job.recipe.acs) * 1000) / 10} % centre`);
    const psnr = [...(known.figures?.psnr ?? [])];
    set(this.psnr, psnr.some(([, v]) => v !== undefined) ? psnr.map(([m, v]) => `${m} ${v?.toFixed(2) ?? "–"}`).join("\n") : psnr.length ? "no reference" : "");
    const decisions = [...(known.decisions ?? [])];
    set(this.review, decisions.map(([m, r]) => `${r.decision!.verdict === "accepted" ? "✓" : "✕"} ${m} ${r.decision!.verdict}`).join("\n"));
    this.act(known.mayCancel);
  }

  private act(mayCancel: boolean): void {
    const { id, state } = this.job;
    const ended = state === "done" || state === "failed" || state === "canceled";
    const key = `${state} ${mayCancel}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const focused = this.actions.contains(document.activeElement);
    const path = jobPath(id);
    const all: HTMLElement[] = [];
    if (state === "running" || state === "done") all.push(element("a", { href: `/study/${id}`, className: "button" }, "Read"));
    if (state === "done") {
      all.push(
        element("a", { href: `${path}/report.html` }, "Report"), element("a", { href: `${path}/dicom.zip`, download: "" }, "DICOM"),
        element("a", { href: `${path}/reconstruction.h5`, download: "" }, "HDF5"),
      );
    }
    if (!ended && mayCancel) all.push(this.cancel());
    this.actions.replaceChildren(...all);
    if (focused) this.title.focus(); // its button is gone
  }

  // cancel asks again before it does it: hours of work can go.
  private cancel(): HTMLButtonElement {
    const button = element("button", { className: "cancel" }, "Cancel");
    const reset = () => {
      button.textContent = "Cancel";
      button.classList.remove("sure");
    };
    button.addEventListener("blur", reset);
    button.addEventListener("keydown", (event) => event.key === "Escape" && reset());
    button.addEventListener("click", () => {
      if (!button.classList.contains("sure")) {
        button.textContent = "Really cancel?";
        button.classList.add("sure");
        return;
      }
      button.disabled = true;
      cancelJob(this.job.id).catch((problem) => {
        button.disabled = false;
        this.failed(problem);
      });
    });
    return button;
  }
}

function aboutScan(figures?: Figures): string {
  if (!figures) return "";
  const { acquisition, slices, coils, matrix, simulated } = figures.input;
  return [acquisition, `${matrix[0]}×${matrix[1]}`, `${slices} slices`, coils > 1 ? `${coils} coils` : "", simulated ? "simulated" : ""].filter(Boolean).join(" · ");
}

function set(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
